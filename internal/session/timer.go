package session

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// futex operations (include/uapi/linux/futex.h).
const (
	futexWake       = 1 | 128                 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
	futexWaitBitset = 9 | 128                 // FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG: the time is absolute, of CLOCK_MONOTONIC
	futexAny        = uintptr(^uint32(0))     // FUTEX_BITSET_MATCH_ANY
	shortSleep      = 10 * time.Millisecond   // see sleepUntil
	timerSlack      = uintptr(1)              // nanoseconds; the default is 50 us
	noDeadline      = energy.Instant(1 << 62) // a century and a half
)

// sleepUntil sleeps until at or until the alarm rings, which it reports. It
// may return early without cause. One system call: an absolute deadline does
// not add up the lateness of sleeps.
func (a *alarm) sleepUntil(at energy.Instant) (rung bool) {
	if a.rung.Load() != 0 {
		return true
	}
	ts := unix.NsecToTimespec(int64(min(at, noDeadline)))
	// A call that Go's scheduler knows of makes its monitor take the processor
	// away and give it back: several microseconds each time. For a sleep of a
	// millisecond that is most of the cost; a long one must not hold it.
	if at.Sub(energy.Now()) < shortSleep {
		unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&a.rung)), futexWaitBitset, 0, uintptr(unsafe.Pointer(&ts)), 0, futexAny)
	} else {
		unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&a.rung)), futexWaitBitset, 0, uintptr(unsafe.Pointer(&ts)), 0, futexAny)
	}
	return a.rung.Load() != 0
}

// ring ends the sleep, and every later one.
func (a *alarm) ring() {
	a.rung.Store(1)
	unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&a.rung)), futexWake, 1, 0, 0, 0)
}

// sharpTimer lets this thread's timers fire on time instead of up to 50 us
// late; dullTimer gives it the default back, since Go will use the thread
// again.
func sharpTimer() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0) }
func dullTimer()  { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }

// ownCPU returns the CPU time this process has used.
func ownCPU() time.Duration {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
