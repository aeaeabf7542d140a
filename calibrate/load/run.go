package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Load is a load that runs.
type Load struct {
	workers  []*worker
	begin    chan struct{} // closed when all workers are ready
	epoch    int64         // when it was, by clock
	clock    clock
	ended    sync.WaitGroup
	unlisten func() bool
}

// Use is what one CPU has done.
type Use struct {
	CPU         int
	Units       uint64
	CPUSeconds  float64 // of its thread, by CLOCK_THREAD_CPUTIME_ID
	WallSeconds float64
	Duty        float64 // achieved: CPUSeconds in WallSeconds
	// WaitSeconds is how long the thread would have run but something else did;
	// 0 where the kernel does not tell (CONFIG_SCHED_INFO).
	WaitSeconds float64
}

// Start begins a load and returns when all its CPUs work. Each has a thread of
// its own that stays there; the error names the CPU whose thread could not. The
// load goes on until Stop, and rests from the end of the context on.
//
// It is meant for a process that does nothing else, see Confine. It raises GOMAXPROCS for
// good where that is not above the number of CPUs: a worker that waits for
// others to be scheduled would not keep its duty.
func Start(ctx context.Context, s Spec) (*Load, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	// A worker needs a processor of Go's scheduler to itself, and who calls
	// Stop needs one too.
	if need := len(s.CPUs) + 2; runtime.GOMAXPROCS(0) < need {
		runtime.GOMAXPROCS(need)
	}
	l := &Load{begin: make(chan struct{}), clock: newClock()}
	phase := make([]float64, len(s.CPUs))
	if !s.Aligned {
		phase = phases(s.Seed, len(s.CPUs))
	}
	ready := make(chan error)
	for i, cpu := range s.CPUs {
		w := &worker{load: l, place: i, spec: s, schedule: scheduleOf(s, i, phase[i]), use: Use{CPU: cpu}}
		l.workers = append(l.workers, w)
		l.ended.Add(1)
		go onOwnThread(func() { w.run(ready) })
	}
	var failed []error
	for range l.workers {
		if err := <-ready; err != nil {
			failed = append(failed, err)
		}
	}
	l.epoch = l.clock.now()
	if len(failed) > 0 {
		l.halt()
	}
	close(l.begin)
	if len(failed) > 0 {
		l.ended.Wait()
		return nil, fmt.Errorf("load: %w", errors.Join(failed...))
	}
	l.unlisten = context.AfterFunc(ctx, l.halt)
	return l, nil
}

// Stop ends the load, within a unit of work, and returns what its CPUs did, in
// the order of Spec.CPUs. It may be called again.
func (l *Load) Stop() []Use {
	l.unlisten()
	l.halt()
	l.ended.Wait()
	uses := make([]Use, len(l.workers))
	for i, w := range l.workers {
		uses[i] = w.use
	}
	return uses
}

func (l *Load) halt() {
	for _, w := range l.workers {
		w.stop.Store(1)
		w.wake()
	}
}

// onOwnThread runs f on a thread that ends with it. The process's first thread
// cannot end: it would stay pinned, asleep for ever.
func onOwnThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	placed := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(placed)
		f()
	}()
	<-placed // this thread is taken till then
	runtime.UnlockOSThread()
}

// worker is the thread of one CPU.
type worker struct {
	load     *Load
	place    int // in Spec.CPUs
	spec     Spec
	schedule schedule
	work     work
	stop     atomic.Uint32 // not 0: end; it is the futex of the sleep
	use      Use
}

// run is the thread's life. It tells ready when it is able to work, or why not.
func (w *worker) run(ready chan<- error) {
	defer w.load.ended.Done()
	release, err := w.prepare()
	if ready <- err; err != nil {
		return
	}
	defer release()
	<-w.load.begin
	waited := waitTime()
	start, used := w.load.clock.now(), threadTime()
	w.follow()
	w.use.CPUSeconds = float64(threadTime()-used) / 1e9
	w.use.WallSeconds = float64(w.load.clock.now()-start) / 1e9
	w.use.WaitSeconds = float64(waitTime()-waited) / 1e9
	if w.use.WallSeconds > 0 {
		w.use.Duty = w.use.CPUSeconds / w.use.WallSeconds
	}
}

// prepare goes to the CPU first: memory that is touched there is near.
func (w *worker) prepare() (release func(), err error) {
	if err := pin(0, w.use.CPU); err != nil {
		return nil, err
	}
	// Who looks at the machine meanwhile sees what it does.
	if name, err := unix.BytePtrFromString("load-" + w.spec.Kernel); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
	}
	// The default slack of timers, 50 µs, is a tenth of a period's work at 5 %.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	k, err := Lookup(w.spec.Kernel)
	if err == nil {
		w.work, release, err = k.prepare(w.spec.Seed, w.place, w.spec.Buffer)
	}
	if err != nil {
		return nil, fmt.Errorf("CPU %d: %w", w.use.CPU, err)
	}
	return release, nil
}

// follow works by the schedule until it is told to stop.
//
// Units end after the deadline, sleeps end late, and Go's scheduler and the
// kernel take some time of the thread too: ahead is how much more CPU time than
// planned it has used so far, and the next span is shortened or prolonged by it.
// Time lost to other programs is made up for by a twentieth of a period at most:
// all of it would come as a burst.
func (w *worker) follow() {
	clock, epoch := w.load.clock, w.load.epoch
	grace := w.schedule.period / 20
	var ahead, done int64
	before := threadTime()
	for w.stop.Load() == 0 {
		t := clock.now() - epoch
		s := w.schedule.at(max(t, done))
		if s.from > t {
			w.sleep(epoch, s.from)
			continue
		}
		planned := s.until - s.from
		deadline := min(t+planned-ahead, s.until+grace)
		for t < deadline && w.stop.Load() == 0 {
			w.work.unit()
			w.use.Units++
			t = clock.now() - epoch
		}
		used := threadTime()
		ahead = max(ahead+used-before-planned, -grace)
		before, done = used, s.until
	}
}

// Operations of futex(2), linux/futex.h. This one takes a point of
// CLOCK_MONOTONIC, as clock_nanosleep does; but it can be ended at once, with no
// moment in which the wake-up gets lost, so that long rests need no looks in
// between that would wake an idle CPU.
const (
	futexWait = 9 | 128 // FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG
	futexWake = 1 | 128
	futexAny  = 0xffffffff
)

// sleep waits until a time after the epoch, or until it is woken. It may return
// before: the caller looks at the time anyway.
//
// It is a raw call, so Go's scheduler takes the thread for a busy one. Were it
// told of the sleep, its monitor would look after the sleepers' processors
// every 20 to 50 µs, which is 4000 wake-ups a second, and 7 % of a CPU, beside
// a load of 5 %. The signal with which the scheduler stops goroutines ends the
// sleep, so nobody waits for it.
func (w *worker) sleep(epoch, until int64) {
	var limit *unix.Timespec
	if until != never.from {
		ts := unix.NsecToTimespec(epoch + until)
		limit = &ts
	}
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&w.stop)), futexWait, 0,
		uintptr(unsafe.Pointer(limit)), 0, futexAny)
}

func (w *worker) wake() {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&w.stop)), futexWake, 1, 0, 0, 0)
}

// clock is CLOCK_MONOTONIC without a system call: the standard library reads it
// in user space, but doesn't tell where it began.
type clock struct {
	start time.Time
	base  int64
}

func newClock() clock {
	c := clock{start: time.Now()}
	c.base = now(unix.CLOCK_MONOTONIC)
	return c
}

func (c clock) now() int64 { return c.base + int64(time.Since(c.start)) }

// threadTime is the CPU time of the calling thread in ns.
func threadTime() int64 { return now(unix.CLOCK_THREAD_CPUTIME_ID) }

// waitTime is how long the calling thread has waited for its CPU, in ns: the
// second number of schedstat, Documentation/scheduler/sched-stats.rst.
func waitTime() int64 {
	b, _ := os.ReadFile("/proc/thread-self/schedstat")
	var ran, waited int64
	_, _ = fmt.Sscan(string(b), &ran, &waited)
	return waited
}

func now(id int32) int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(id, &ts) // fails for unknown clocks only
	return ts.Nano()
}
