package calibrate

import (
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// Placed is how a load lies on the machine: which CPUs work, and for what part
// of the time.
type Placed struct {
	CPUs []int
	Duty float64 // 0 to 1
	// Together is whether they do so at the same times.
	Together bool
}

// Observe fills a point with what a measurement saw while its load ran. usage
// is what ran on each package in the window, nil where nobody accounted for it.
func Observe(p *report.CalibrationPoint, r *report.Run, usage []energy.PackageUsage, t *topology.Topology, at Placed) {
	p.StartedAt, p.DurationS, p.Reason = r.StartedAt, r.DurationS, r.Total.Reason
	cpus := float64(len(t.Online))
	p.Sockets = nil
	for _, id := range t.Sockets() {
		s := socketPower(r, id)
		s.Socket = id
		one, both := coresAtWork(t, id, at)
		s.OneThread, s.BothThreads = &one, &both
		for _, c := range t.CPUs {
			if c.Socket == id && c.Online {
				s.CPUs++
			}
		}
		account(&s, usage, r.DurationS)
		asBusy(&s)
		p.Sockets = append(p.Sockets, s)
	}
	p.ThirdsW = thirds(r)
	if usage != nil && r.DurationS > 0 {
		b := background(usage, p.Shape == report.ShapeIdle) / (r.DurationS * cpus)
		p.Background = &b
	}
	if v := r.Metrics["machine.cpu.steal"].Value; v != nil && r.DurationS > 0 {
		part := *v / (r.DurationS * cpus)
		p.Steal = &part
	}
	p.Throttled = sum(r.Metrics["machine.throttle.core"].Value, r.Metrics["machine.throttle.package"].Value)
	p.QuotaS = r.Metrics["cgroup.cpu.throttled"].Value
}

// socketPower adds up the dies of a socket.
func socketPower(r *report.Run, socket int) (s report.SocketLoad) {
	var watts, off, dram float64
	packages, memories, known, dramKnown := 0, 0, true, true
	for _, d := range r.Domains {
		if d.Socket != socket || !d.InTotal {
			continue
		}
		switch d.Kind {
		case "package":
			if packages++; d.PowerW == nil || d.UncertaintyJ == nil {
				known = false
				continue
			}
			watts, off = watts+*d.PowerW, off+*d.UncertaintyJ
		case "dram":
			if memories++; d.PowerW == nil {
				dramKnown = false
				continue
			}
			dram += *d.PowerW
		}
	}
	if packages > 0 && known && r.DurationS > 0 {
		off /= r.DurationS
		s.PowerW, s.UncertaintyW = &watts, &off
	}
	if memories > 0 && dramKnown {
		s.DRAMW = &dram
	}
	return s
}

// coresAtWork returns how many cores of a socket work with one of their threads
// and how many with both, on average. CPUs that work a part of the time do so
// independently of each other.
func coresAtWork(t *topology.Topology, socket int, at Placed) (one, both float64) {
	threads := map[[2]int]int{} // at work, by die and core
	for _, c := range t.CPUs {
		if c.Socket == socket && slices.Contains(at.CPUs, c.ID) {
			threads[[2]int{c.Die, c.Core}]++
		}
	}
	d := at.Duty
	for _, n := range threads {
		switch {
		case n == 1:
			one += d
			continue
		case at.Together:
			both += d
			continue
		}
		one += 2 * d * (1 - d)
		both += d * d
	}
	return one, both
}

// account adds up what everything that ran on a socket did. Packages are those
// of the tracker: a die, or a whole socket.
func account(s *report.SocketLoad, usage []energy.PackageUsage, seconds float64) {
	var all energy.Account
	n, awake, covered := 0, 0.0, 0.0
	for _, u := range usage {
		if u.Socket != s.Socket {
			continue
		}
		n, awake, covered = n+1, awake+u.AwakeSeconds(), covered+u.Seconds
		for _, party := range u.Parties {
			all.Add(party)
		}
	}
	if n == 0 || !(seconds > 0) {
		return
	}
	busy := all.CPU.Seconds() / seconds
	s.Busy = &busy
	if covered > 0 {
		part := min(awake/covered, 1)
		s.Awake = &part
	}
	if all.Cycles > 0 && all.CPU > 0 {
		hz, rate := float64(all.Cycles)/all.CPU.Seconds(), float64(all.Instructions)/seconds
		s.FrequencyHz, s.Instructions = &hz, &rate
	}
}

// asBusy makes the cores at work agree with the CPU seconds there were: a load
// keeps its duty not quite, and the system runs too. How they lie on the cores is
// as the load was placed; of an idle machine, one thread at a time.
func asBusy(s *report.SocketLoad) {
	if s.Busy == nil {
		return
	}
	placed := *s.OneThread + 2**s.BothThreads
	if placed <= 0 {
		s.OneThread = s.Busy
		return
	}
	one, both := *s.OneThread**s.Busy/placed, *s.BothThreads**s.Busy/placed
	s.OneThread, s.BothThreads = &one, &both
}

// background is the CPU time of other programs: all that are not the load. In an
// idle machine there is no load.
func background(usage []energy.PackageUsage, idle bool) (seconds float64) {
	for _, u := range usage {
		seconds += u.Parties[energy.Others].CPU.Seconds()
		if idle {
			seconds += u.Parties[energy.Target].CPU.Seconds()
		}
	}
	return seconds
}

// thirds is the mean power of all packages in each third of the window, nil
// without a series.
func thirds(r *report.Run) []float64 {
	s := r.Samples
	if s == nil || s.Len() < 4 {
		return nil
	}
	var columns []int
	for i, id := range s.Domains() {
		if slices.ContainsFunc(r.Domains, func(d report.Domain) bool { return d.ID == id && d.Kind == "package" }) {
			columns = append(columns, i)
		}
	}
	// What was spent up to each sample; in between, the power is taken to be even.
	at, spent := []float64{0}, []float64{0}
	for i := range s.Len() {
		t, joules := s.At(i)
		all := spent[len(spent)-1]
		for _, c := range columns {
			all += joules[c]
		}
		if math.IsNaN(all) {
			return nil
		}
		if t > at[len(at)-1] {
			at, spent = append(at, t), append(spent, all)
		}
	}
	length := at[len(at)-1] / 3
	if !(length > 0) {
		return nil
	}
	out := make([]float64, 3)
	for k := range out {
		out[k] = (between(at, spent, float64(k+1)*length) - between(at, spent, float64(k)*length)) / length
	}
	return out
}

// between is the value at x of a line through points, whose x ascend.
func between(xs, ys []float64, x float64) float64 {
	i, _ := slices.BinarySearch(xs, x)
	switch {
	case i == 0:
		return ys[0]
	case i == len(xs):
		return ys[i-1]
	}
	return ys[i-1] + (ys[i]-ys[i-1])*(x-xs[i-1])/(xs[i]-xs[i-1])
}

func sum(values ...*float64) *float64 {
	total, known := 0.0, false
	for _, v := range values {
		if v != nil {
			total, known = total+*v, true
		}
	}
	if !known {
		return nil
	}
	return &total
}
