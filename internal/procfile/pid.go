package procfile

import (
	"bytes"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UserHz is the kernel's USER_HZ, the unit of times in /proc: 100 per second
// on every architecture this program is built for (include/asm-generic/param.h).
const UserHz = 100

// NSPerTick is the length of one tick of USER_HZ in nanoseconds.
const NSPerTick = 1e9 / UserHz

// Reader reads files of processes. A tree may have thousands, so paths
// are built in place and nothing is allocated.
type Reader struct {
	Prefix string // root + "/proc/"
	path   []byte
	Buf    []byte // what a read may overwrite
}

// NewReader returns a reader of the /proc below root, "" for the live one.
func NewReader(root string) Reader {
	return Reader{Prefix: root + "/proc/", Buf: make([]byte, 4096)}
}

// File reads /proc/PID/name. The result is valid until the next call.
func (p *Reader) File(pid int, name string) ([]byte, error) {
	p.path = append(p.path[:0], p.Prefix...)
	p.path = strconv.AppendInt(p.path, int64(pid), 10)
	p.path = append(p.path, '/')
	p.path = append(p.path, name...)
	return p.read()
}

// TaskDir returns the directory of a process's threads.
func (p *Reader) TaskDir(pid int) string { return p.Prefix + strconv.Itoa(pid) + "/task" }

// Task reads /proc/PID/task/TID/name.
func (p *Reader) Task(pid, tid int, name string) ([]byte, error) {
	p.path = append(p.path[:0], p.Prefix...)
	p.path = strconv.AppendInt(p.path, int64(pid), 10)
	p.path = append(p.path, "/task/"...)
	p.path = strconv.AppendInt(p.path, int64(tid), 10)
	p.path = append(p.path, '/')
	p.path = append(p.path, name...)
	return p.read()
}

func (p *Reader) read() ([]byte, error) {
	p.path = append(p.path, 0)
	at := unix.AT_FDCWD
	// unix.Open takes a string and copies it; this takes the buffer itself.
	fd, _, errno := syscall.Syscall6(syscall.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(&p.path[0])), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return nil, errno
	}
	defer func() { _ = unix.Close(int(fd)) }()
	// The kernel fills a page with whole records (fs/seq_file.c): what ends
	// long before a page does is all there is, and needs no second look.
	n, err := unix.Pread(int(fd), p.Buf, 0)
	if err != nil {
		return nil, err
	}
	if n < len(p.Buf)/2 {
		return p.Buf[:n], nil
	}
	return readFD(int(fd), &p.Buf)
}

// Name returns the path of the file that was read last, for messages.
func (p *Reader) Name() string { return string(bytes.TrimSuffix(p.path, []byte{0})) }

// Stat is the part of /proc/PID/stat that is used (fs/proc/array.c,
// do_task_stat). Times are in ticks of USER_HZ, memory in pages.
type Stat struct {
	Comm                 []byte
	State                byte
	PPID                 int
	Minor, KidsMinor     uint64
	Major, KidsMajor     uint64
	User, System         uint64
	KidsUser, KidsSystem uint64
	Threads              int
	Start                uint64 // ticks since boot
	RSS                  uint64
	Flags                uint64 // PF_ flags (include/linux/sched.h)
	Processor            int    // CPU it ran on last, -1 where the line ends before
	Group                int    // process group, 0 where there is none (a kernel thread, a process that ends)
}

// KernelThread reports whether the task has no program: PF_KTHREAD.
func (s *Stat) KernelThread() bool { return s.Flags&0x00200000 != 0 }

// Zombie reports whether the process has ended and is not waited for yet.
func (s *Stat) Zombie() bool { return s.State == 'Z' || s.State == 'X' }

// maxTicks bounds a time: 87 CPU years. Larger ones are damage, and would
// overflow as nanoseconds.
const maxTicks = 1 << 38

// ParseStat parses /proc/PID/stat. The command's name may hold anything,
// parentheses and newlines included: the last parenthesis ends it.
func ParseStat(b []byte) (s Stat, err error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open || len(b) < end+4 {
		return s, ErrMalformed
	}
	s.Comm = b[open+1 : end]
	s.State = b[end+2]
	rest := b[end+3:]
	// After the state, field 3: what to do with the fields from 4 on.
	var ppid, threads uint64
	fields := [...]*uint64{
		0: &ppid, 5: &s.Flags, 6: &s.Minor, 7: &s.KidsMinor, 8: &s.Major, 9: &s.KidsMajor,
		10: &s.User, 11: &s.System, 12: &s.KidsUser, 13: &s.KidsSystem,
		16: &threads, 18: &s.Start, 20: &s.RSS,
	}
	for i, into := range fields {
		ok := false
		switch {
		case i == 1:
			s.Group, rest, ok = group(rest)
		case into == nil:
			rest, ok = Skip(rest, 1)
		default:
			*into, rest, ok = Uint(rest)
		}
		if !ok {
			return s, ErrMalformed
		}
	}
	for _, v := range [...]uint64{s.User, s.System, s.KidsUser, s.KidsSystem, s.Minor, s.KidsMinor, s.Major, s.KidsMajor, s.RSS} {
		if v > maxTicks {
			return s, ErrMalformed
		}
	}
	if ppid > 1<<30 || threads > 1<<30 {
		return s, ErrMalformed
	}
	s.PPID, s.Threads, s.Processor = int(ppid), int(threads), processor(rest)
	return s, nil
}

// group takes a number that is -1 where the task has no signal handlers any
// more.
func group(b []byte) (id int, rest []byte, ok bool) {
	word, rest := Word(b)
	if v, left, isNumber := Uint(word); isNumber && len(left) == 0 && v <= 1<<30 {
		id = int(v)
	}
	return id, rest, len(word) > 0
}

// processor takes field 39 off what follows field 24.
func processor(rest []byte) int {
	rest, ok := Skip(rest, 14)
	if !ok {
		return -1
	}
	v, _, ok := Uint(rest)
	if !ok || v > 1<<20 {
		return -1
	}
	return int(v)
}

// ParseSchedstat parses /proc/PID/schedstat: nanoseconds run, nanoseconds
// waited on the run queue, time slices (Documentation/scheduler/sched-stats.rst).
func ParseSchedstat(b []byte) (ran, waited uint64, err error) {
	ran, b, ok := Uint(b)
	if !ok {
		return 0, 0, ErrMalformed
	}
	if waited, _, ok = Uint(b); !ok {
		return 0, 0, ErrMalformed
	}
	return ran, waited, nil
}

// CPUClock returns the CPU time of a process in nanoseconds: all its threads,
// those that ended included (clock_getcpuclockid(3): ~PID<<3 with
// CPUCLOCK_SCHED; kernel/time/posix-cpu-timers.c). Any process may be asked
// about, dead ones too until they are reaped.
func CPUClock(pid int) (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		return 0, err
	}
	return ts.Nano(), nil
}
