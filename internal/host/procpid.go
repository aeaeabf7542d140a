package host

import "github.com/energyprobe/energyprobe/internal/procfile"

// procIO is the part of /proc/PID/io that is used, in bytes. It holds the
// whole thread group and every child that was waited for (kernel/exit.c,
// wait_task_zombie; fs/proc/base.c, do_io_accounting).
type procIO struct{ readChars, writtenChars, read, written uint64 }

func parseProcIO(b []byte) (io procIO, err error) {
	for _, f := range [...]struct {
		key  string
		into *uint64
	}{{"rchar: ", &io.readChars}, {"wchar: ", &io.writtenChars}, {"read_bytes: ", &io.read}, {"write_bytes: ", &io.written}} {
		if *f.into, err = procfile.KeyedNumber(b, f.key); err != nil {
			return io, err
		}
		if *f.into > 1<<60 {
			return io, procfile.ErrMalformed
		}
	}
	return io, nil
}

// parseSwitches parses the context switches of a thread's status.
func parseSwitches(b []byte) (voluntary, involuntary uint64, err error) {
	if voluntary, err = procfile.KeyedNumber(b, "voluntary_ctxt_switches:"); err != nil {
		return 0, 0, err
	}
	involuntary, err = procfile.KeyedNumber(b, "nonvoluntary_ctxt_switches:")
	if voluntary > 1<<60 || involuntary > 1<<60 {
		return 0, 0, procfile.ErrMalformed
	}
	return voluntary, involuntary, err
}

// parseHighWater parses VmHWM of /proc/PID/status, in bytes: the largest
// resident set the process's memory has had. A zombie has no memory and so no
// such line.
func parseHighWater(b []byte) (uint64, error) {
	kib, err := procfile.KeyedNumber(b, "VmHWM:")
	if kib > 1<<50 {
		return 0, procfile.ErrMalformed
	}
	return kib << 10, err
}
