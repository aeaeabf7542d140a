package host

import (
	"bytes"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// procReader reads files of processes. A tree may have thousands, so paths
// are built in place and nothing is allocated.
type procReader struct {
	prefix string // root + "/proc/"
	path   []byte
	buf    []byte
}

func newProcReader(root string) procReader {
	return procReader{prefix: root + "/proc/", buf: make([]byte, 4096)}
}

// file reads /proc/PID/name. The result is valid until the next call.
func (p *procReader) file(pid int, name string) ([]byte, error) {
	p.path = append(p.path[:0], p.prefix...)
	p.path = strconv.AppendInt(p.path, int64(pid), 10)
	p.path = append(p.path, '/')
	p.path = append(p.path, name...)
	return p.read()
}

// task reads /proc/PID/task/TID/name.
func (p *procReader) task(pid, tid int, name string) ([]byte, error) {
	p.path = append(p.path[:0], p.prefix...)
	p.path = strconv.AppendInt(p.path, int64(pid), 10)
	p.path = append(p.path, "/task/"...)
	p.path = strconv.AppendInt(p.path, int64(tid), 10)
	p.path = append(p.path, '/')
	p.path = append(p.path, name...)
	return p.read()
}

func (p *procReader) read() ([]byte, error) {
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
	n, err := unix.Pread(int(fd), p.buf, 0)
	if err != nil {
		return nil, err
	}
	if n < len(p.buf)/2 {
		return p.buf[:n], nil
	}
	return readFD(int(fd), &p.buf)
}

// name returns the path of the file that was read last, for messages.
func (p *procReader) name() string { return string(bytes.TrimSuffix(p.path, []byte{0})) }

// procStat is the part of /proc/PID/stat that is used (fs/proc/array.c,
// do_task_stat). Times are in ticks of USER_HZ, memory in pages.
type procStat struct {
	comm                 []byte
	state                byte
	ppid                 int
	minor, kidsMinor     uint64
	major, kidsMajor     uint64
	user, system         uint64
	kidsUser, kidsSystem uint64
	threads              int
	start                uint64 // ticks since boot
	rss                  uint64
}

// zombie reports whether the process has ended and is not waited for yet.
func (s *procStat) zombie() bool { return s.state == 'Z' || s.state == 'X' }

// maxTicks bounds a time: 87 CPU years. Larger ones are damage, and would
// overflow as nanoseconds.
const maxTicks = 1 << 38

// parseProcStat parses /proc/PID/stat. The command's name may hold anything,
// parentheses and newlines included: the last parenthesis ends it.
func parseProcStat(b []byte) (s procStat, err error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open || len(b) < end+4 {
		return s, errMalformed
	}
	s.comm = b[open+1 : end]
	s.state = b[end+2]
	rest := b[end+3:]
	// After the state, field 3: what to do with the fields from 4 on.
	var ppid, threads uint64
	fields := [...]*uint64{
		0: &ppid, 6: &s.minor, 7: &s.kidsMinor, 8: &s.major, 9: &s.kidsMajor,
		10: &s.user, 11: &s.system, 12: &s.kidsUser, 13: &s.kidsSystem,
		16: &threads, 18: &s.start, 20: &s.rss,
	}
	for _, into := range fields {
		ok := false
		if into == nil {
			rest, ok = skipFields(rest, 1)
		} else {
			*into, rest, ok = uintField(rest)
		}
		if !ok {
			return s, errMalformed
		}
	}
	for _, v := range [...]uint64{s.user, s.system, s.kidsUser, s.kidsSystem, s.minor, s.kidsMinor, s.major, s.kidsMajor, s.rss} {
		if v > maxTicks {
			return s, errMalformed
		}
	}
	if ppid > 1<<30 || threads > 1<<30 {
		return s, errMalformed
	}
	s.ppid, s.threads = int(ppid), int(threads)
	return s, nil
}

// procIO is the part of /proc/PID/io that is used, in bytes. It holds the
// whole thread group and every child that was waited for (kernel/exit.c,
// wait_task_zombie; fs/proc/base.c, do_io_accounting).
type procIO struct{ readChars, writtenChars, read, written uint64 }

func parseProcIO(b []byte) (io procIO, err error) {
	for _, f := range [...]struct {
		key  string
		into *uint64
	}{{"rchar: ", &io.readChars}, {"wchar: ", &io.writtenChars}, {"read_bytes: ", &io.read}, {"write_bytes: ", &io.written}} {
		if *f.into, err = keyedNumber(b, f.key); err != nil {
			return io, err
		}
		if *f.into > 1<<60 {
			return io, errMalformed
		}
	}
	return io, nil
}

// parseSchedstat parses /proc/PID/schedstat: nanoseconds run, nanoseconds
// waited on the run queue, time slices (Documentation/scheduler/sched-stats.rst).
func parseSchedstat(b []byte) (ran, waited uint64, err error) {
	ran, b, ok := uintField(b)
	if !ok {
		return 0, 0, errMalformed
	}
	if waited, _, ok = uintField(b); !ok {
		return 0, 0, errMalformed
	}
	return ran, waited, nil
}

// parseSwitches parses the context switches of a thread's status.
func parseSwitches(b []byte) (voluntary, involuntary uint64, err error) {
	if voluntary, err = keyedNumber(b, "voluntary_ctxt_switches:"); err != nil {
		return 0, 0, err
	}
	involuntary, err = keyedNumber(b, "nonvoluntary_ctxt_switches:")
	if voluntary > 1<<60 || involuntary > 1<<60 {
		return 0, 0, errMalformed
	}
	return voluntary, involuntary, err
}

// parseHighWater parses VmHWM of /proc/PID/status, in bytes: the largest
// resident set the process's memory has had. A zombie has no memory and so no
// such line.
func parseHighWater(b []byte) (uint64, error) {
	kib, err := keyedNumber(b, "VmHWM:")
	if kib > 1<<50 {
		return 0, errMalformed
	}
	return kib << 10, err
}

// cpuClock returns the CPU time of a process in nanoseconds: all its threads,
// those that ended included (clock_getcpuclockid(3): ~PID<<3 with
// CPUCLOCK_SCHED; kernel/time/posix-cpu-timers.c). Any process may be asked
// about, dead ones too until they are reaped.
func cpuClock(pid int) (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		return 0, err
	}
	return ts.Nano(), nil
}
