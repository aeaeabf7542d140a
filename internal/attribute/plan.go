package attribute

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Slack is the time by which a tracker's intervals may miss a window and still
// be scaled to it: a millisecond at each end and what a busy machine adds.
const Slack = 0.005

// slackShare is the same relative to the window.
const slackShare = 0.02

// plan is how a zone's joules are divided, for its lines and for its rows.
type plan struct {
	factor    float64
	parts     []part
	idle      float64 // joules
	idleKnown bool
	reason    string // why it is not
	missing   string // what the intervals do not cover
}

// part is a plan's share on one package.
type part struct {
	pkg         int
	watts       float64 // idle; 0 where not known
	dynamic     [energy.Parties]float64
	uncertainty float64 // of watts
	// The seconds, scaled, by which parties' dynamic joules shrink, and idle
	// grows, for a watt more.
	own, others, nobody reach
}

// reach is seconds in which idle power is taken off joules: all of an account's
// where it has more than idle power, none where it has less, and from none to
// all where the uncertainty of idle power leaves that open.
type reach struct{ least, most float64 }

func (r *reach) add(gross, seconds, watts, uncertainty, factor float64) {
	if gross >= (watts+uncertainty)*seconds {
		r.least += factor * seconds
	}
	if gross > 0 && gross >= (watts-uncertainty)*seconds {
		r.most += factor * seconds
	}
}

// newPlan returns a nil plan where there is nothing to divide by; the lines
// then say what to say.
func newPlan(z Zone, packages []energy.PackageUsage) (*plan, Lines) {
	if !(z.Joules >= 0) || math.IsInf(z.Joules, 1) {
		return nil, Lines{Reason: "the zone's energy is not known"}
	}
	none := func(why string) (*plan, Lines) {
		return nil, Lines{Unattributed: Amount{z.Joules, true}, Reason: why}
	}
	if len(z.Packages) == 0 {
		return none("nobody's work is known by " + z.Domain.String() + " counters of this kind")
	}
	var covered, seconds float64
	for _, k := range z.Packages {
		covered += joulesOf(&packages[k], z.Domain)
		seconds = max(seconds, packages[k].Seconds-packages[k].Unknown[z.Domain])
	}
	if !(seconds > 0) {
		return none("no interval of the tracker has joules of this zone")
	}
	p := &plan{idleKnown: true}
	if covered > 0 {
		p.factor = z.Joules / covered
	}
	switch {
	case math.IsInf(p.factor, 1) || covered == 0 && z.Joules > 0:
		return none("the counter moved outside of the tracker's intervals only")
	case z.Seconds-seconds > max(Slack, slackShare*z.Seconds):
		p.factor = min(p.factor, 1)
		p.missing = fmt.Sprintf("the tracker's intervals cover %.3g s of %.3g s: the rest is unattributed", seconds, z.Seconds)
	}
	p.learn(z)
	for i, k := range z.Packages {
		p.add(k, &packages[k], z, i)
	}
	return p, Lines{}
}

// learn finds out whether idle power is known.
func (p *plan) learn(z Zone) {
	for i := range z.Packages {
		why := "idle power was not asked for"
		if i < len(z.Idle) {
			if z.Idle[i].Known && z.Idle[i].Watts >= 0 && !math.IsInf(z.Idle[i].Watts, 1) {
				continue
			}
			why = z.Idle[i].How
		}
		p.idleKnown = false
		p.reason = "idle power is not known (" + why + "): it is in the lines of those who ran, by weight"
		return
	}
}

// add divides package k's joules.
func (p *plan) add(k int, u *energy.PackageUsage, z Zone, i int) {
	one := part{pkg: k}
	if p.idleKnown {
		one.watts, one.uncertainty = z.Idle[i].Watts, positive(z.Idle[i].Uncertainty)
	}
	for who := range u.Parties {
		a := &u.Parties[who]
		gross := positive(a.Joules[z.Domain])
		below := min(gross, one.watts*positive(a.Seconds))
		one.dynamic[who] = p.factor * (gross - below)
		p.idle += p.factor * below
		of := &one.others
		if who == int(energy.Target) {
			of = &one.own
		}
		of.add(gross, positive(a.Seconds), one.watts, one.uncertainty, p.factor)
	}
	if p.idleKnown {
		gross, seconds := positive(u.Nobody.Joules[z.Domain]), positive(u.Nobody.Seconds)
		p.idle += p.factor * min(gross, one.watts*seconds)
		one.nobody.add(gross, seconds, one.watts, one.uncertainty, p.factor)
	}
	p.parts = append(p.parts, one)
}

// uncertainty returns the half-widths of the target's and the idle line, which
// hold target and idle after rule r's terms moved idle energy.
//
// A counter that is off by a part of its joules is so in every line. Idle power
// that is off by a watt takes a joule more for each second from those that ran
// and from nobody's, and the policy hands out a part f of it to the target while
// the lines grow by g (see [Rule.terms]):
//
//	d target / d watt = f (g others + nobody) - g (1-f) own
//	d idle / d watt   = (1-f) (own + others + nobody), 0 with Proportional
//
// with the seconds of the target, of all others and of nobody. With idle apart,
// that is the target's seconds.
func (p *plan) uncertainty(z Zone, target, idle, f, g float64) (ofTarget, ofIdle float64) {
	if z.Joules > 0 {
		part := positive(z.Uncertainty) / z.Joules
		ofTarget, ofIdle = part*target, part*idle
	}
	if !p.idleKnown {
		return ofTarget, 0
	}
	var up, fromIdle float64
	for _, one := range p.parts {
		less := g*(1-f)*one.own.most - f*(g*one.others.least+one.nobody.least)
		more := f*(g*one.others.most+one.nobody.most) - g*(1-f)*one.own.least
		up += one.uncertainty * max(less, more)
		fromIdle += one.uncertainty * (1 - f) * (one.own.most + one.others.most + one.nobody.most)
	}
	if g > 1 {
		// Next to no dynamic energy that carries much idle: whose it is may be
		// open altogether.
		up, fromIdle = min(up, max(target, z.Joules-target)), 0
	}
	return ofTarget + up, ofIdle + fromIdle
}

// joulesOf returns what a package's intervals hold of a domain.
func joulesOf(u *energy.PackageUsage, d energy.Domain) float64 {
	sum := positive(u.Nobody.Joules[d])
	for who := range u.Parties {
		sum += positive(u.Parties[who].Joules[d])
	}
	return sum
}

// PackagesOf returns the packages whose joules zone z meters, by index in
// list: the one with its socket and die, all of the socket's where either
// spans it. It is nil for what no package's tasks can be told from: the
// platform, and counters of single cores.
func PackagesOf(z energy.Zone, list []energy.PackageUsage) []int {
	if z.Domain == energy.PSys || z.Core >= 0 || z.Socket < 0 {
		return nil
	}
	var all []int
	for k, p := range list {
		if p.Socket == z.Socket && (z.Die < 0 || p.Die < 0 || p.Die == z.Die) {
			all = append(all, k)
		}
	}
	return all
}
