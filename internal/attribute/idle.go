package attribute

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Idle is the power a package draws in one domain when nobody runs.
type Idle struct {
	Watts float64
	// Uncertainty is how far off Watts may be. It holds what the statistics
	// say and what they can't: the step a package makes when it wakes up, as
	// far as it was not seen.
	Uncertainty float64
	Known       bool
	How         string // how it was learnt, or why it could not be
}

// MinIdle is the time nobody has to have run, or a load class to have lasted,
// before its power is believed: twenty of the counter's refreshes.
const MinIdle = 0.020

const (
	// refresh is how much of a stretch of time may belong to its neighbours
	// where intervals do not end at the counter's own refresh.
	refresh = 0.001
	// lightest is the highest load, in busy CPUs per CPU, from which idle is
	// extrapolated. Above it the curve is bent and the intercept means little.
	lightest = 0.25
	// spread is the least ratio between the loads of two classes that tell a
	// slope.
	spread = 2
	// wander is how much idle power changes by itself, relatively: with the
	// heat of the silicon, and with how deep its sleep is.
	wander = 0.01
	// maxUnknown is the part of the time a counter may have been silent.
	maxUnknown = 0.01
)

// IdlePower learns a package's idle power in a domain from its account: from
// the time in which nobody ran, else from the line through the least loaded
// classes, followed down to no load. It does not say 0 for want of data: Known
// is false where the load never varied enough, and How says so.
//
// A package that wakes up draws more at once, before any of its CPUs does
// much, so power is concave where load is light and the line passes above the
// truth. The estimate is therefore an upper bound in kind; its uncertainty
// covers the bend that was seen, and half of the estimate where even the
// least loaded class was awake for most of the time.
func IdlePower(pkg energy.PackageUsage, d energy.Domain) Idle {
	if int(d) >= energy.NumDomains || d == energy.PSys {
		return Idle{How: "no package has such a counter"}
	}
	if pkg.Seconds <= 0 {
		return Idle{How: "no interval was seen"}
	}
	if pkg.Unknown[d] > maxUnknown*pkg.Seconds {
		return Idle{How: fmt.Sprintf("the counter was not known in %.3g s of %.3g s", pkg.Unknown[d], pkg.Seconds)}
	}
	if joulesOf(&pkg, d) == 0 {
		return Idle{How: "the counter never moved: there is none, or no tracker read it"}
	}
	silent := pkg.Unknown[d] / pkg.Seconds
	idle := fromNobody(pkg.Nobody, d)
	if !idle.Known {
		idle = fromLoads(pkg, d)
	}
	idle.Uncertainty += idle.Watts * silent
	if !finite(idle.Watts) || !finite(idle.Uncertainty) {
		return Idle{How: "the account holds numbers that no package can have"}
	}
	return idle
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func fromNobody(a energy.Account, d energy.Domain) Idle {
	if a.Seconds < MinIdle || !(a.Joules[d] >= 0) || math.IsInf(a.Joules[d], 1) {
		return Idle{}
	}
	w := a.Joules[d] / a.Seconds
	return Idle{
		Watts: w, Uncertainty: w * min(1, wander+2*refresh/a.Seconds), Known: true,
		How: fmt.Sprintf("mean power of %.3g s in which nobody ran", a.Seconds),
	}
}

// point is the power of a class of load.
type point struct{ seconds, busy, watts float64 }

// points returns the classes that lasted long enough, from the lightest.
func points(pkg energy.PackageUsage, d energy.Domain) (ps []point) {
	for _, b := range pkg.Loads {
		if b.Seconds < MinIdle {
			continue
		}
		p := point{b.Seconds, b.Busy / b.Seconds, b.Joules[d] / b.Seconds}
		if p.watts >= 0 && !math.IsInf(p.watts, 1) && p.busy >= 0 {
			ps = append(ps, p)
		}
	}
	return ps
}

func fromLoads(pkg energy.PackageUsage, d energy.Domain) Idle {
	all := points(pkg, d)
	if len(all) == 0 {
		return Idle{How: fmt.Sprintf("no load lasted for %g s", MinIdle)}
	}
	cpus := float64(max(pkg.CPUs, 1))
	load := all[0].busy / cpus
	if load > lightest {
		return Idle{How: fmt.Sprintf("never idle: the lightest load was %.0f %% of %d CPUs", 100*load, pkg.CPUs)}
	}
	near := all[:min(3, len(all))]
	last := near[len(near)-1].busy
	if len(near) < 2 || last < spread*near[0].busy || last-near[0].busy < 0.01 {
		return Idle{How: fmt.Sprintf("the load hardly varied around %.2g CPUs of %d", near[0].busy, pkg.CPUs)}
	}
	a, stderr := intercept(near)
	lowest := all[0].watts
	for _, p := range all {
		lowest = min(lowest, p.watts)
	}
	w := min(max(a, 0), lowest)
	u := math.Abs(w-a) + stderr
	// The first two classes alone make a steeper line where the curve bends.
	if first, _ := intercept(near[:2]); near[1].busy >= spread*near[0].busy {
		u += math.Abs(a - first)
	}
	// What lies between the lightest load and none was not seen: the package
	// was awake for about 1-(1-load)^cpus of that class's time, and what waking
	// it costs is in the intercept to that extent.
	awake := 1 - math.Pow(1-load, cpus)
	u += w * awake / 2
	return Idle{
		Watts: w, Uncertainty: min(u, max(lowest, w)), Known: true,
		How: fmt.Sprintf("extrapolated from loads of %.2g to %.2g CPUs of %d; what waking the package costs may be in it", near[0].busy, last, pkg.CPUs),
	}
}

// intercept fits a line to power over busy CPUs by least squares, weighted by
// time, and returns its value at no load and the standard error of that,
// which is 0 for two points: they always fit.
func intercept(ps []point) (a, stderr float64) {
	var s, sx, sy float64
	for _, p := range ps {
		s += p.seconds
		sx += p.seconds * p.busy
		sy += p.seconds * p.watts
	}
	mx, my := sx/s, sy/s
	var xx, xy float64
	for _, p := range ps {
		xx += p.seconds * (p.busy - mx) * (p.busy - mx)
		xy += p.seconds * (p.busy - mx) * (p.watts - my)
	}
	if xx == 0 {
		return my, math.Inf(1)
	}
	slope := xy / xx
	a = my - slope*mx
	if len(ps) < 3 {
		return a, 0
	}
	var residual float64
	for _, p := range ps {
		e := p.watts - a - slope*p.busy
		residual += p.seconds * e * e
	}
	variance := residual / s * float64(len(ps)) / float64(len(ps)-2)
	return a, math.Sqrt(variance * (1/float64(len(ps)) + mx*mx*s/(xx*float64(len(ps)))))
}
