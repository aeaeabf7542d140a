package attribute

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// nasty are values that break careless arithmetic.
var nasty = []float64{0, 0, math.NaN(), math.Inf(1), -1, 5e-324, 1e-300, 1e-12, 1, 3, 1e12, 1e100}

// value returns an ordinary number most of the time.
func value(r *rand.Rand, scale float64) float64 {
	if r.IntN(6) == 0 {
		return nasty[r.IntN(len(nasty))]
	}
	return scale * r.Float64()
}

// world is some tasks on some packages, run through a ledger.
type world struct {
	ledger  *Ledger
	parties []energy.Party
	tasks   [][]energy.Account // by task, package
	joules  [][energy.NumDomains]float64
	seconds []float64
}

func newWorld(packages, cpus, tasks int, r *rand.Rand) *world {
	var places []energy.Place
	for k := range packages {
		places = append(places, energy.Place{Socket: k, Die: -1, CPUs: make([]int, cpus)})
	}
	w := &world{
		ledger: NewLedger(places), joules: make([][energy.NumDomains]float64, packages),
		seconds: make([]float64, packages),
	}
	for range tasks {
		w.tasks = append(w.tasks, make([]energy.Account, packages))
		w.parties = append(w.parties, energy.Party(r.IntN(int(energy.Parties))))
	}
	return w
}

// input is one interval on one package.
type input struct {
	pkg     int
	seconds float64
	joules  [energy.NumDomains]float64
	weights []float64
	cpu     []time.Duration
}

func (w *world) random(r *rand.Rand) input {
	in := input{pkg: r.IntN(len(w.joules)), seconds: value(r, 0.01)}
	for d := range in.joules {
		in.joules[d] = value(r, 1)
	}
	quiet := r.IntN(4) == 0
	for range w.tasks {
		v := 0.0
		if !quiet && r.IntN(3) > 0 {
			v = value(r, 1e6)
		}
		in.weights = append(in.weights, v)
		in.cpu = append(in.cpu, time.Duration(r.IntN(1e6)))
	}
	return in
}

// feed gives an interval to the ledger and keeps the truth about it.
func (w *world) feed(in input) {
	var work []Work
	for i, v := range in.weights {
		work = append(work, Work{Account: &w.tasks[i][in.pkg], Party: w.parties[i], Weight: v, CPU: in.cpu[i]})
	}
	w.ledger.Interval(in.pkg, in.seconds, in.joules, work)
	w.seconds[in.pkg] += positive(in.seconds)
	for d, j := range in.joules {
		w.joules[in.pkg][d] += positive(j)
	}
}

func (w *world) usage() energy.Usage {
	u := energy.Usage{Packages: w.ledger.Packages(nil)}
	for i, accounts := range w.tasks {
		u.Processes = append(u.Processes, energy.Process{
			PID: i + 1, Party: w.parties[i], Accounts: append([]energy.Account(nil), accounts...),
		})
	}
	return u
}

// near reports whether a and b differ by 1e-9 of the larger at most.
func near(a, b float64) bool {
	return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) || a == b
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }
