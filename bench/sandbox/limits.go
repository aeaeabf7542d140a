package sandbox

import (
	"math"
	"time"
)

// Limits are what a worker may use. Zero values are no limit.
type Limits struct {
	MemoryMB int     // MiB, as platforms mean it when they say MB
	CPUs     float64 // CPU seconds a second
}

// A function of so much memory has one CPU, and none has more than six (AWS
// Lambda Developer Guide, "Configure Lambda function memory").
const (
	mbPerCPU = 1769
	mostCPUs = 6
)

// Lambda is what a function with so much memory gets, nothing for 0.
func Lambda(memoryMB int) Limits {
	return Limits{MemoryMB: memoryMB, CPUs: min(float64(memoryMB)/mbPerCPU, mostCPUs)}
}

// period is that in which the kernel hands out CPU time. It is the kernel's own
// default (Documentation/scheduler/sched-bwc.rst): a shorter one throttles more
// often and costs more.
const period = 100 * time.Millisecond

// quota is the CPU time of a period, in microseconds. The kernel refuses less
// than a millisecond.
func (l Limits) quota() int64 {
	return max(int64(math.Round(l.CPUs*float64(period.Microseconds()))), 1000)
}

// bytes is the memory limit.
func (l Limits) bytes() int64 { return int64(l.MemoryMB) << 20 }
