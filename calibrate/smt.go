package calibrate

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/energyprobe/energyprobe/internal/report"
)

// rhoOf returns how much more a core draws with both of its threads at work than
// with one: the dynamic power of the machine with every thread working over that
// with one thread of every core, per cycle of a thread's clock, since clocks fall
// as more works. Each workload that has both gives a value; the interval is
// Student's over them. It is nil where cores have one thread, or where less than
// two workloads tell.
func rhoOf(points []report.CalibrationPoint) *report.SMTFactor {
	one, both := map[string][]float64{}, map[string][]float64{}
	seen := idleOf(points)
	if seen == nil {
		return nil
	}
	idle := seen.PowerW
	for i := range points {
		p := &points[i]
		watts, known := p.Power()
		if !known || !p.Used || p.Holdout || p.Shape == report.ShapeIdle || p.Shape == report.ShapeTrace {
			continue
		}
		k := threadsAtWork(p)
		if k == 0 {
			continue
		}
		dynamic := (watts - idle*float64(len(p.Sockets))) / clock(p)
		if k == 1 {
			one[p.Workload] = append(one[p.Workload], dynamic)
		} else {
			both[p.Workload] = append(both[p.Workload], dynamic)
		}
	}
	var rho []float64
	for workload, w := range one {
		if len(both[workload]) > 0 && median(w) > 0 {
			rho = append(rho, median(both[workload])/median(w))
		}
	}
	if len(rho) < 2 {
		return nil
	}
	slices.Sort(rho) // maps are in no order, and sums depend on it
	mean, sd := stat.MeanStdDev(rho, nil)
	n := float64(len(rho))
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd / math.Sqrt(n)
	smt := &report.SMTFactor{Rho: mean, Low: mean - half, High: mean + half}
	if !(smt.Low > 0 && smt.High < 10) {
		return nil // it says nothing
	}
	return smt
}

// fully is the part of a core's time that counts as all of it: the system takes
// a little.
const fully = 0.97

// besides is how much of the other threads' time the system may have had: of a
// machine with one core its own work is several percent.
const besides = 0.1

// threadsAtWork is 1 where one thread of every core works all the time, 2 where
// both do, and 0 elsewhere.
func threadsAtWork(p *report.CalibrationPoint) int {
	one, both, cpus := 0.0, 0.0, 0
	for _, s := range p.Sockets {
		one, both, cpus = one+report.OrNaN(s.OneThread), both+report.OrNaN(s.BothThreads), cpus+s.CPUs
	}
	cores := float64(cpus) / 2
	switch {
	case both >= fully*cores && one <= (1-fully)*cores:
		return 2
	case one >= fully*cores && one <= (1+besides)*cores && both <= (1-fully)*cores:
		return 1
	}
	return 0
}

// clock is the mean clock of the threads at work, 1 where cycles were not
// counted on every socket.
func clock(p *report.CalibrationPoint) float64 {
	sum := 0.0
	for _, s := range p.Sockets {
		if s.FrequencyHz == nil {
			return 1
		}
		sum += *s.FrequencyHz
	}
	return sum / float64(len(p.Sockets))
}
