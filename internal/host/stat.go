package host

import (
	"strconv"

	"github.com/energyprobe/energyprobe/internal/procfile"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// tickSeconds is the length of one tick of USER_HZ.
const tickSeconds = 1.0 / procfile.UserHz

// The columns of the "cpu" line of /proc/stat (fs/proc/stat.c, show_stat).
// Guest time, in columns beyond these, is part of user and nice already.
const (
	cpuUser = iota
	cpuNice
	cpuSystem
	cpuIdle
	cpuIOWait
	cpuIRQ
	cpuSoftIRQ
	cpuSteal
	cpuColumns
)

// statCounters are the counters of /proc/stat, in ticks and events.
type statCounters struct {
	cpu                                  [cpuColumns]uint64
	interrupts, contextSwitches, created uint64
	cpus                                 int // cpuN lines, one per online CPU
}

// parseStat parses /proc/stat.
func parseStat(b []byte) (statCounters, error) {
	var s statCounters
	line, ok := procfile.Keyed(b, "cpu ")
	if !ok {
		return s, procfile.ErrNoLine
	}
	for i := range s.cpu {
		if s.cpu[i], line, ok = procfile.Uint(line); !ok {
			return s, procfile.ErrMalformed
		}
	}
	for rest := b; len(rest) > 0; {
		line, rest = procfile.Line(rest)
		if len(line) > 3 && string(line[:3]) == "cpu" && line[3] >= '0' && line[3] <= '9' {
			s.cpus++
		}
	}
	var err error
	for _, f := range []struct {
		key  string
		into *uint64
	}{{"intr ", &s.interrupts}, {"ctxt ", &s.contextSwitches}, {"processes ", &s.created}} {
		if *f.into, err = procfile.KeyedNumber(b, f.key); err != nil {
			return s, err
		}
	}
	return s, nil
}

var statMetrics = []string{
	"machine.cpu.user", "machine.cpu.system", "machine.cpu.idle", "machine.cpu.iowait", "machine.cpu.irq",
	"machine.cpu.softirq", "machine.cpu.steal", "machine.cpu.utilization", "machine.context_switches",
	"machine.interrupts", "machine.forks",
}

func (m *machine) reportStat(buf *[]byte, after machineCounters, r *results) {
	const src = "/proc/stat"
	reportOnline(m.root, buf, after, r)
	for _, bad := range []string{m.before.statBad, after.statBad} {
		if bad == "" {
			continue
		}
		for _, name := range statMetrics {
			r.unknown(name, src, bad)
		}
		return
	}
	a, b := m.before.stat, after.stat
	a.cpu[cpuUser] += a.cpu[cpuNice]
	b.cpu[cpuUser] += b.cpu[cpuNice]
	for _, c := range []struct {
		name   string
		column int
	}{
		{"machine.cpu.user", cpuUser}, {"machine.cpu.system", cpuSystem}, {"machine.cpu.idle", cpuIdle},
		{"machine.cpu.iowait", cpuIOWait}, {"machine.cpu.irq", cpuIRQ}, {"machine.cpu.softirq", cpuSoftIRQ},
		{"machine.cpu.steal", cpuSteal},
	} {
		r.delta(c.name, src, counter{v: a.cpu[c.column]}, counter{v: b.cpu[c.column]}, tickSeconds)
	}
	r.delta("machine.context_switches", src, counter{v: a.contextSwitches}, counter{v: b.contextSwitches}, 1)
	r.delta("machine.interrupts", src, counter{v: a.interrupts}, counter{v: b.interrupts}, 1)
	r.delta("machine.forks", src, counter{v: a.created}, counter{v: b.created}, 1)
	if busy, ok := utilization(a.cpu, b.cpu); ok {
		r.known("machine.cpu.utilization", busy, src)
	} else {
		r.unknown("machine.cpu.utilization", src, "no tick of 10 ms passed, or idle time went backwards")
	}
}

// utilization returns the share of time that was spent working. Nice has been
// added to user.
func utilization(a, b [cpuColumns]uint64) (share float64, ok bool) {
	var busy, total uint64
	for i := range a {
		if i == cpuNice {
			continue
		}
		if b[i] < a[i] {
			// The kernel may take back a little iowait and idle time
			// (Documentation/filesystems/proc.rst, 1.7): as good as none.
			if i == cpuIdle || i == cpuIOWait {
				continue
			}
			return 0, false
		}
		d := b[i] - a[i]
		total += d
		if i != cpuIdle && i != cpuIOWait && i != cpuSteal {
			busy += d
		}
	}
	if total == 0 {
		return 0, false
	}
	return float64(busy) / float64(total), true
}

func reportOnline(root string, buf *[]byte, after machineCounters, r *results) {
	path := root + "/sys/devices/system/cpu/online"
	b, err := procfile.Slurp(path, buf)
	if err == nil {
		var cpus []int
		if cpus, err = topology.ParseCPUList(string(b)); err == nil && len(cpus) > 0 {
			r.known("machine.cpu.online", float64(len(cpus)), "/sys/devices/system/cpu/online")
			return
		}
		if err == nil {
			err = procfile.ErrMalformed
		}
	}
	if after.statBad == "" && after.stat.cpus > 0 {
		r.known("machine.cpu.online", float64(after.stat.cpus), "/proc/stat")
		return
	}
	r.unknown("machine.cpu.online", path, procfile.Why(path, err))
}

// loadavg is what /proc/loadavg says (fs/proc/loadavg.c).
type loadavg struct {
	load1   float64
	running uint64 // runnable threads, the reader included
	threads uint64
	lastPID uint64 // the PID given out last in the reader's PID namespace
}

// parseLoadavg parses "0.37 0.19 0.14 1/92 15845".
func parseLoadavg(b []byte) (l loadavg, ok bool) {
	word, rest := procfile.Word(b)
	if l.load1, ok = parseFixed(word); !ok {
		return l, false
	}
	if rest, ok = procfile.Skip(rest, 2); !ok {
		return l, false
	}
	word, rest = procfile.Word(rest)
	for i, c := range word {
		if c != '/' {
			continue
		}
		var left []byte
		if l.running, left, ok = procfile.Uint(word[:i]); !ok || len(left) != 0 {
			return l, false
		}
		if l.threads, left, ok = procfile.Uint(word[i+1:]); !ok || len(left) != 0 {
			return l, false
		}
		l.lastPID, _, ok = procfile.Uint(rest)
		return l, ok
	}
	return l, false
}

// parseFixed parses digits with at most one point, as the kernel prints load.
// strconv.ParseFloat would need a string, and so an allocation.
func parseFixed(b []byte) (float64, bool) {
	var v, scale uint64 = 0, 0
	for _, c := range b {
		switch {
		case c == '.' && scale == 0:
			scale = 1
		case c >= '0' && c <= '9' && v < 1e15 && scale < 1e15:
			v = v*10 + uint64(c-'0')
			scale *= 10
		default:
			return 0, false
		}
	}
	if scale == 0 {
		scale = 1
	}
	return float64(v) / float64(scale), len(b) > 0 && b[0] != '.'
}

func itoa(n int) string { return strconv.Itoa(n) }
