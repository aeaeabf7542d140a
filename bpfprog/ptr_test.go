package bpfprog

import "unsafe"

// ptr is for a child of fork, which may call nothing of the runtime.
//
//go:nosplit
func ptr[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }
