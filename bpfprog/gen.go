package bpfprog

// The objects are committed, and built again by CI, which compares: see
// Makefile, targets generate and check.
//go:generate go tool bpf2go -cc clang-19 -no-strip -no-global-types -cflags "-O2 -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter" -target amd64,arm64 -type account -type sums -type cpu -type cpu_facts -type place -type line -output-suffix _bpf usage src/usage.bpf.c
