package bpfprog

//go:generate ./build.sh
