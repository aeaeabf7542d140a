package attribute

import (
	"math"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Work is what one task did on one package in one interval.
type Work struct {
	// Account is the task's own on this package. Nil is for work that is in
	// somebody's name but not one task's, as interrupts are: it counts in the
	// party's account alone.
	Account      *energy.Account
	Party        energy.Party
	Weight       float64 // any unit, the same for all; what is not a positive number counts as 0
	CPU          time.Duration
	Cycles       uint64
	Instructions uint64
}

// Ledger is the reference implementation of accounting by intervals. The
// tracker in the kernel computes the same with other means, and is held to it
// by tests.
//
// Whatever it is given, per package and domain the parties' joules and
// nobody's add up to the joules put in, and so do their seconds.
type Ledger struct {
	packages []energy.PackageUsage
}

// NewLedger returns an empty ledger for some packages.
func NewLedger(places []energy.Place) *Ledger {
	l := &Ledger{packages: make([]energy.PackageUsage, len(places))}
	for k, p := range places {
		l.packages[k] = energy.PackageUsage{Socket: p.Socket, Die: p.Die, CPUs: len(p.CPUs)}
	}
	return l
}

// Packages appends the accounts so far to into, one per place.
func (l *Ledger) Packages(into []energy.PackageUsage) []energy.PackageUsage {
	return append(into, l.packages...)
}

// Interval ends an interval of package k: its joules by domain are divided
// among those who worked, by weight. Where nobody has any weight, nobody gets
// them. A domain whose joules are not a number of 0 or more is not known: it
// adds nothing to any account, and the interval's seconds to
// PackageUsage.Unknown. It allocates nothing.
func (l *Ledger) Interval(k int, seconds float64, joules [energy.NumDomains]float64, work []Work) {
	p := &l.packages[k]
	seconds = positive(seconds)
	for d, j := range joules {
		if !(j >= 0) || math.IsInf(j, 1) {
			joules[d] = 0
			p.Unknown[d] += seconds
		}
	}
	largest, sum := scaledSum(work)
	var busy time.Duration
	for i := range work {
		w := &work[i]
		add := energy.Account{CPU: w.CPU, Weight: positive(w.Weight), Cycles: w.Cycles, Instructions: w.Instructions}
		if share := add.Weight / largest / sum; share > 0 {
			add.Seconds = seconds * share
			for d, j := range joules {
				add.Joules[d] = j * share
			}
		}
		if w.Account != nil {
			w.Account.Add(add)
		}
		p.Parties[min(w.Party, energy.Parties-1)].Add(add)
		busy += w.CPU
	}
	if sum == 0 {
		p.Nobody.Add(energy.Account{Joules: joules, Seconds: seconds})
	}
	p.Seconds += seconds
	addLoad(p, seconds, busy, joules)
}

// scaledSum returns the largest weight, and the sum of the weights in units
// of it. Weights may be as large as floats get; their plain sum would not fit.
func scaledSum(work []Work) (largest, sum float64) {
	for i := range work {
		largest = max(largest, positive(work[i].Weight))
	}
	if largest == 0 {
		return 1, 0
	}
	for i := range work {
		sum += positive(work[i].Weight) / largest
	}
	return largest, sum
}

// positive returns v, or 0 for what is no finite number above it.
func positive(v float64) float64 {
	if v > 0 && !math.IsInf(v, 1) {
		return v
	}
	return 0
}

// addLoad sorts an interval by how busy the package's CPUs were.
func addLoad(p *energy.PackageUsage, seconds float64, busy time.Duration, joules [energy.NumDomains]float64) {
	load := 0.0
	if capacity := seconds * float64(max(p.CPUs, 1)); capacity > 0 {
		load = busy.Seconds() / capacity
	}
	b := &p.Loads[loadBin(load)]
	b.Seconds += seconds
	b.Busy += busy.Seconds()
	for d, j := range joules {
		b.Joules[d] += j
	}
}

// loadBin returns the class of a load in busy CPUs per CPU. Slices that are
// charged a moment late can make more than one of it: the last class.
func loadBin(load float64) int {
	for i, edge := range energy.LoadEdges {
		if load <= edge {
			return i
		}
	}
	return energy.LoadBins - 1
}
