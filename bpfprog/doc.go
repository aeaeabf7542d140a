// Package bpfprog accounts in the kernel for all that runs: it loads the
// programs of src/usage.bpf.c, which keep an account for every task at every
// switch, and joins it with a package's energy counters where the kernel can
// read them.
package bpfprog
