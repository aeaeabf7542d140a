package host

import (
	"fmt"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// stop reads what lives for the last time and reports the tree's metrics.
func (t *tree) stop(now energy.Instant, window time.Duration, r *results) {
	if t == nil || t.missing != nil {
		reason := "no process is the target"
		if t != nil {
			reason = t.missing.Reason
		}
		for _, d := range energy.Catalogue() {
			if d.By == energy.ByHost && d.Scope == energy.ScopeProcess {
				r.unknown(d.Name, "", reason)
			}
		}
		return
	}
	t.refresh()
	t.walk.discover(t, 0)
	for _, n := range t.nodes {
		t.last(n)
		t.dropIO(n)
	}
	if !t.launched || !t.leaderReaped {
		t.readRunWait()
	}
	if !t.launched {
		t.take(now)
	}
	total := t.total()
	t.reportTime(total, window, r)
	t.reportMemory(total, r)
	t.reportIO(total, r)
	t.reportCounts(total, r)
}

// last takes what only the end of the window needs of a process that lives.
func (t *tree) last(n *node) {
	t.readIO(n)
	if n.ioErr != "" {
		t.charsErr, t.bytesErr = n.ioErr, n.ioErr
	}
	t.seenPeak = max(t.seenPeak, n.rssMax)
	if n.zombie() {
		return
	}
	base := len(n.switches)
	n.self[useVoluntary], n.self[useInvoluntary] = n.self0[useVoluntary], n.self0[useInvoluntary]
	hwm := t.readStatus(n, func(tid int, v [2]uint64) {
		v0, known := n.switches[tid]
		if known {
			base--
		}
		n.self[useVoluntary] += int64(v[0] - min(v[0], v0[0]))
		n.self[useInvoluntary] += int64(v[1] - min(v[1], v0[1]))
	})
	if base > 0 && t.switchErr == "" {
		t.switchErr = fmt.Sprintf("%d threads of process %d ended within the window and took their counts along", base, n.pid)
	}
	// The mark is of the process's whole life: it speaks of this window only
	// when it rose in it.
	if hwm > n.hwm0 {
		t.exact = max(t.exact, hwm)
	}
}

// total adds up the tree (see the package comment).
func (t *tree) total() use {
	sum := t.done
	for _, n := range t.nodes {
		sum.add(n.used())
	}
	for _, e := range t.ended {
		sum.add(e.used)
	}
	return sum
}

// source names where the tree's counters came from.
func (t *tree) source() string {
	var from []string
	if t.leaderReaped || t.othersReaped {
		from = append(from, "wait4")
	}
	if len(t.nodes) > 0 {
		from = append(from, "/proc/PID/stat")
	}
	if t.leaderGone && !t.leaderReaped {
		from = append(from, fmt.Sprintf("/proc/%d/stat as last seen before it ended", t.pid))
	}
	return strings.Join(from, ", ")
}

func (t *tree) reportTime(total use, window time.Duration, r *results) {
	t.reportRunWait(r)
	src := t.source()
	if t.statErr != "" {
		for _, name := range []string{"cpu.time", "cpu.user", "cpu.system", "cpu.utilization"} {
			r.unknown(name, src, t.statErr)
		}
		return
	}
	cpu := float64(total[useCPU]) / 1e9
	r.known("cpu.time", cpu, src)
	// The kernel knows the sum to the nanosecond and divides it by where
	// ticks found the processor (kernel/sched/cputime.c, cputime_adjust).
	user, system := cpu, 0.0
	if ticks := total[useUser] + total[useSystem]; ticks > 0 {
		system = cpu * float64(total[useSystem]) / float64(ticks)
		user = cpu - system
	}
	r.known("cpu.user", user, src)
	r.known("cpu.system", system, src)
	if window > 0 {
		r.known("cpu.utilization", cpu/window.Seconds(), src)
	} else {
		r.unknown("cpu.utilization", src, "the window has no length")
	}
}

func (t *tree) reportRunWait(r *results) {
	const sched = "/proc/PID/schedstat"
	switch {
	case t.runErr != "":
		r.unknown("cpu.run_wait", sched, t.runErr)
	case t.launched && t.leaderReaped && !t.runLast:
		r.unknown("cpu.run_wait", sched, fmt.Sprintf("process %d was gone before its last counters were read", t.pid))
	case t.run < t.run0:
		r.unknown("cpu.run_wait", sched, "the counter went backwards")
	default:
		r.known("cpu.run_wait", float64(t.run-t.run0)/1e9, sched)
	}
}

func (t *tree) reportMemory(total use, r *results) {
	src := t.source()
	if t.statErr != "" {
		r.unknown("memory.faults_minor", src, t.statErr)
		r.unknown("memory.faults_major", src, t.statErr)
	} else {
		r.known("memory.faults_minor", float64(total[useMinorFaults]), src)
		r.known("memory.faults_major", float64(total[useMajorFaults]), src)
	}
	peak := max(t.exact, t.seenPeak)
	switch {
	case peak > 0 && t.exact >= t.seenPeak:
		r.known("memory.rss_peak", float64(peak), "wait4, VmHWM")
	case peak > 0:
		r.known("memory.rss_peak", float64(peak), "/proc/PID/stat, samples")
	case t.hidden > 0:
		r.unknown("memory.rss_peak", "wait4", fmt.Sprintf("the command stayed below the %d bytes its launcher had resident", t.launcher))
	default:
		r.unknown("memory.rss_peak", "wait4", "nothing was seen of the command's memory")
	}
	if t.rss.n == 0 {
		for _, name := range []string{"memory.rss_mean", "memory.tree_rss_peak", "processes.peak", "threads.peak"} {
			r.unknown(name, "/proc/PID/stat", "the command ended before the first sample")
		}
		return
	}
	const samples = "/proc/PID/stat, samples"
	r.known("memory.rss_mean", t.rss.mean(), samples)
	r.known("memory.tree_rss_peak", max(t.rss.max, float64(peak)), samples)
	r.known("processes.peak", t.procs.max, samples)
	r.known("threads.peak", t.threads.max, samples)
}

func (t *tree) reportIO(total use, r *results) {
	report := func(name string, i int, bad string) {
		const src = "/proc/PID/io"
		switch {
		case bad != "":
			r.unknown(name, src, bad)
		case i == useRead && t.leaderReaped, i == useWritten && t.leaderReaped:
			r.known(name, float64(total[i]), t.source())
		default:
			r.known(name, float64(total[i]), src)
		}
	}
	report("io.read", useRead, t.bytesErr)
	report("io.written", useWritten, t.bytesErr)
	report("io.read_chars", useReadChars, t.charsErr)
	report("io.written_chars", useWrittenChars, t.charsErr)
}

func (t *tree) reportCounts(total use, r *results) {
	src := "/proc/PID/task/TID/status"
	if t.leaderReaped {
		src = t.source()
	}
	for _, m := range []struct {
		name string
		i    int
	}{{"cpu.context_switches_voluntary", useVoluntary}, {"cpu.context_switches_involuntary", useInvoluntary}} {
		if t.switchErr != "" {
			r.unknown(m.name, src, t.switchErr)
			continue
		}
		r.known(m.name, float64(total[m.i]), src)
	}
}
