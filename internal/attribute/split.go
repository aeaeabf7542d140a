package attribute

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Amount is joules that may not be known; J is 0 then, and means nothing.
type Amount struct {
	J     float64
	Known bool
}

// Ptr returns the joules, or nil where they are not known.
func (a Amount) Ptr() *float64 {
	if !a.Known {
		return nil
	}
	return &a.J
}

// Zone is what is to be split: a zone's counter over a window, and what the
// tracker has on the packages it meters.
type Zone struct {
	Domain      energy.Domain
	Joules      float64 // the counter's, over the window; NaN where not known
	Uncertainty float64 // of Joules, in joules
	Seconds     float64 // length of the window
	Packages    []int   // those it meters, by index in Usage.Packages: see [PackagesOf]
	Idle        []Idle  // of each of Packages; too few mean not known
}

// Policy says what becomes of idle energy.
type Policy uint8

// The policies.
const (
	IdleApart    Policy = iota // a line of its own
	Proportional               // to target, others and kernel, by their dynamic energy
	Reserved                   // the target gets a share, as its quota reserves it; the rest stays idle
)

func (p Policy) String() string {
	return [...]string{"none", "proportional", "reserved", "?"}[min(p, 3)]
}

// ParsePolicy is the inverse of Policy.String.
func ParsePolicy(s string) (Policy, error) {
	for p := IdleApart; p <= Reserved; p++ {
		if s == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("parse idle policy %q: want none, proportional or reserved", s)
}

// Rule is a policy with what it needs.
type Rule struct {
	Policy Policy
	// Share is the target's part of the machine, 0 to 1, for Reserved: its CPU
	// quota over the number of CPUs.
	Share float64
}

// Lines are the joules of a zone, split. Those that are known are never
// negative, and target, others, kernel, idle and unattributed add up to the
// counter within 1e-9 of it.
type Lines struct {
	Target       Amount
	Others       Amount // all other programs and this one
	Tool         Amount // this program's part of Others
	Kernel       Amount
	Idle         Amount
	Unattributed Amount
	// TargetUncertainty and IdleUncertainty hold the counter's part and what
	// the idle power's uncertainty does to them, after the policy's moves; not
	// that of the weights.
	TargetUncertainty, IdleUncertainty float64
	Factor                             float64 // the counter's joules per joule the tracker's intervals cover
	Reason                             string  // why a line is not known, or what the lines hold instead; "" where all is well
	// Uncovered is the part of Reason that says which joules are unattributed for
	// want of intervals, though every line may be known.
	Uncovered string
}

// Sum adds the five lines.
func (l Lines) Sum() float64 {
	return l.Target.J + l.Others.J + l.Kernel.J + l.Idle.J + l.Unattributed.J
}

// Split divides a zone's joules. The packages' accounts are those of the
// window: see [Delta].
//
// The tracker's intervals need not begin and end with the window. Within
// [Slack] its joules are scaled to the counter's; of a window that it covers
// less of, what it did not see is unattributed. A party's dynamic energy is
// its gross joules less idle power for its seconds, not below 0; what idle
// power takes of the parties' joules and of nobody's is idle; what is left of
// nobody's is unattributed. With idle power not known, the parties' lines are
// gross.
func Split(z Zone, packages []energy.PackageUsage, r Rule) Lines {
	p, l := newPlan(z, packages)
	if p == nil {
		return l
	}
	var party [energy.Parties]float64
	for i := range p.parts {
		for who, j := range p.parts[i].dynamic {
			party[who] += j
		}
	}
	target, tool, kernel := party[energy.Target], party[energy.Tool], party[energy.Kernel]
	others := party[energy.Others] + tool
	idle := p.idle
	f, g := 0.0, 1.0
	if p.idleKnown {
		f, g = r.terms(target, target+others+kernel, idle)
		r.move(f, g, &target, &others, &kernel, &idle)
		tool *= g
	} else {
		l.Reason = p.reason
	}
	l.TargetUncertainty, l.IdleUncertainty = p.uncertainty(z, target, idle, f, g)
	l.Factor = p.factor
	l.Target, l.Others, l.Kernel = Amount{target, true}, Amount{others, true}, Amount{kernel, true}
	l.Tool, l.Idle = Amount{min(tool, others), true}, Amount{idle, p.idleKnown}
	l.close(z.Joules)
	if p.missing != "" {
		l.Reason, l.Uncovered = join(l.Reason, p.missing), p.missing
	}
	return l
}

// terms returns the part of idle energy that the target gets, and by what the
// lines of those that ran grow: 0 and 1 where idle stays apart. All is the
// dynamic energy of the three.
func (r Rule) terms(target, all, idle float64) (f, g float64) {
	switch r.Policy {
	case Proportional:
		// Where next to nothing was spent, it can't carry idle.
		if g := 1 + idle/all; all > 0 && !math.IsInf(g, 1) {
			return target / all, g
		}
	case Reserved:
		return min(positive(r.Share), 1), 1
	}
	return 0, 1
}

// move hands idle energy out by the rule's terms.
func (r Rule) move(f, g float64, target, others, kernel, idle *float64) {
	switch {
	case r.Policy == Reserved:
		moved := f * *idle
		*target += moved
		*idle -= moved
	case g > 1:
		*target *= g
		*others *= g
		*kernel *= g
		*idle = 0
	}
}

// close makes the lines add up to the counter: what rounding left over is
// unattributed, what it put on top is taken off the largest line.
func (l *Lines) close(joules float64) {
	l.Unattributed = Amount{0, true}
	rest := joules - l.Sum()
	if rest >= 0 {
		l.Unattributed.J = rest
		return
	}
	largest := &l.Target.J
	for _, line := range []*Amount{&l.Others, &l.Kernel, &l.Idle} {
		if line.J > *largest {
			largest = &line.J
		}
	}
	*largest = max(*largest+rest, 0)
	l.Tool.J = min(l.Tool.J, l.Others.J)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
