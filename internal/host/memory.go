package host

import (
	"os"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// meminfo is the part of /proc/meminfo that is used, in bytes.
type meminfo struct{ total, available uint64 }

// parseMeminfo parses /proc/meminfo. MemAvailable exists since Linux 3.14.
func parseMeminfo(b []byte) (meminfo, error) {
	total, err := procfile.KeyedNumber(b, "MemTotal:")
	if err != nil {
		return meminfo{}, err
	}
	available, err := procfile.KeyedNumber(b, "MemAvailable:")
	if err != nil {
		return meminfo{}, err
	}
	if total > 1<<50 || available > total {
		return meminfo{}, procfile.ErrMalformed
	}
	return meminfo{total << 10, available << 10}, nil
}

// vmKeys are the counters taken from /proc/vmstat.
var vmKeys = [...]string{"pswpin ", "pswpout ", "pgmajfault "}

func readVMStat(f *procfile.File, buf *[]byte) (c [len(vmKeys)]counter) {
	b, err := f.ReadAll(buf)
	for i, key := range vmKeys {
		if err != nil {
			c[i].bad = procfile.Why(f.Path, err)
			continue
		}
		v, err := procfile.KeyedNumber(b, key)
		if c[i].v = v; err != nil {
			c[i].bad = procfile.Why(f.Path+" "+key[:len(key)-1], err)
		}
	}
	return c
}

func reportVMStat(before, after [len(vmKeys)]counter, r *results) {
	const src = "/proc/vmstat"
	page := float64(os.Getpagesize())
	r.delta("machine.memory.swap_in", src, before[0], after[0], page)
	r.delta("machine.memory.swap_out", src, before[1], after[1], page)
	r.delta("machine.memory.faults_major", src, before[2], after[2], 1)
}
