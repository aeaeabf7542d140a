package session

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// watchBaseline watches the machine before the target begins, when asked to.
func (s *session) watchBaseline() {
	a := s.attr
	if s.Baseline <= 0 {
		return
	}
	if a == nil || a.tracker == nil {
		s.warn("baseline", "the idle machine was not watched: its power tells the idle line from the others, and no joules are split here", "see energyprobe doctor for what splitting needs")
		return
	}
	if s.Preparing != nil {
		s.Preparing("watching the idle machine for " + s.Baseline.String())
		defer s.Preparing("")
	}
	if err := a.watchIdle(s.tracks, s.Baseline); err != nil {
		s.warn("baseline", "the idle machine could not be watched: "+err.Error()+"; idle power is learnt from the window instead", "run again; if it stays, see energyprobe doctor, or give the power with --idle-power")
	}
}

func (a *attribution) watchIdle(tracks []*energy.Track, d time.Duration) (err error) {
	if !a.inKernel() {
		a.still, err = a.watchStill(tracks, d)
		return err
	}
	from, err := a.totals()
	if err != nil {
		return err
	}
	rest(tracks, d)
	to, err := a.totals()
	if err == nil {
		a.baseline = attribute.Delta(from, to).Packages
	}
	return err
}

// rest leaves the machine alone for d, but for the readings that see every
// wrap.
func rest(tracks []*energy.Track, d time.Duration) {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		step := left
		for _, t := range tracks {
			step = min(step, t.PollInterval(pollLimit))
		}
		time.Sleep(step)
		for _, t := range tracks {
			_ = t.Read() // what fails is in the track's meter
		}
	}
}

// stillness is what a zone drew while the machine was left alone.
type stillness struct {
	watts   float64 // NaN where no edge of the counter was seen
	seconds float64
	busy    float64 // CPUs of its package that were at work nevertheless
}

// watchStill leaves the machine alone for d, between edges of its counters, and
// returns what each zone drew.
func (a *attribution) watchStill(tracks []*energy.Track, d time.Duration) ([]stillness, error) {
	first, err := energy.Glimpse(tracks[0], approachLimit)
	if err != nil {
		return nil, err
	}
	from, at, err := a.settled()
	if err != nil {
		return nil, err
	}
	rest(tracks, d)
	to, end, err := a.settled()
	if err != nil {
		return nil, err
	}
	last, err := energy.Glimpse(tracks[0], approachLimit)
	if err != nil {
		return nil, err
	}
	out := make([]stillness, len(a.zones))
	for i, z := range a.zones {
		w, t0, t1 := energy.PowerBetween(z, i, first, last)
		out[i] = stillness{watts: w, seconds: t1.Sub(t0).Seconds()}
		if k := a.placeOf(z); k >= 0 && k < len(to.Packages) && out[i].seconds > 0 {
			out[i].busy = cpuTime(attribute.Delta(from, to).Packages[k])
			// Outside of the account, but between the edges, this program read.
			if at == k {
				out[i].busy += max(0, from.At.Sub(t0).Seconds())
			}
			if end == k {
				out[i].busy += max(0, t1.Sub(to.At).Seconds())
			}
			out[i].busy /= out[i].seconds
		}
	}
	return out, nil
}

// settled returns the parties' accounts with all that this program ran so far,
// and the place on which it runs.
func (a *attribution) settled() (u energy.Usage, place int, err error) {
	if a.kernel != nil {
		if err := a.kernel.Settle(); err != nil {
			return u, -1, err
		}
	}
	cpu := currentCPU()
	u, err = a.totals()
	return u, slices.IndexFunc(a.places, func(p energy.Place) bool { return slices.Contains(p.CPUs, cpu) }), err
}

// currentCPU is the CPU that this runs on, -1 when the kernel does not say.
func currentCPU() int {
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return -1
	}
	return int(cpu)
}

// cpuTime is the CPU time of all parties, in seconds.
func cpuTime(p energy.PackageUsage) float64 {
	var sum time.Duration
	for _, party := range p.Parties {
		sum += party.CPU
	}
	return sum.Seconds()
}

// idle returns what is known of the idle power of a zone's packages.
func (a *attribution) idle(z energy.Zone, packages []int, seen []energy.PackageUsage) []attribute.Idle {
	var out []attribute.Idle
	for _, k := range packages {
		switch {
		case a.given > 0 && z.Domain == energy.Package:
			out = append(out, attribute.Idle{Watts: a.given / float64(len(packages)), Known: true, How: "given with --idle-power"})
		case a.still != nil:
			out = append(out, a.fromStill(z, k))
		case a.baseline != nil:
			i := attribute.IdlePower(a.baseline[k], z.Domain)
			i.How = "before the window: " + i.How
			out = append(out, i)
		default:
			out = append(out, learnIdle(seen, k, z.Domain))
		}
	}
	return out
}

// fromStill takes what little ran before the window off the power that the
// zone drew then, at the rate at which the window's load drew more.
func (a *attribution) fromStill(z energy.Zone, k int) attribute.Idle {
	i := slices.IndexFunc(a.zones, func(o energy.Zone) bool { return o.ID() == z.ID() })
	if i < 0 || math.IsNaN(a.still[i].watts) {
		return attribute.Idle{How: "before the window no refresh of the counter was seen"}
	}
	was := a.still[i]
	idle := attribute.Idle{Watts: was.watts, Uncertainty: 0.002 * was.watts, Known: true, How: fmt.Sprintf("mean power of %.3g s before the window", was.seconds)}
	d := attribute.Delta(energy.Usage{Packages: a.from.Packages}, energy.Usage{Packages: a.to.Packages})
	if len(d.Packages) <= k || d.Packages[k].Seconds <= 0 {
		return idle
	}
	p := d.Packages[k]
	joules := p.Nobody.Joules[z.Domain]
	for _, party := range p.Parties {
		joules += party.Joules[z.Domain]
	}
	if inside := cpuTime(p) / p.Seconds; inside > 2*was.busy {
		less := max(0, (joules/p.Seconds-was.watts)/(inside-was.busy)) * was.busy
		idle.Watts, idle.Uncertainty = max(0, was.watts-less), idle.Uncertainty+less/2
	}
	return idle
}

// twins is how far two packages of one machine may differ in idle power,
// relative.
const twins = 0.2

// learnIdle learns package k's idle power from what was seen of it, or else
// from the others: they are of one kind.
func learnIdle(seen []energy.PackageUsage, k int, d energy.Domain) attribute.Idle {
	own := attribute.IdlePower(seen[k], d)
	if own.Known {
		return own
	}
	var sum, uncertainty float64
	n := 0
	for other := range seen {
		if i := attribute.IdlePower(seen[other], d); other != k && i.Known {
			sum, uncertainty, n = sum+i.Watts, uncertainty+i.Uncertainty, n+1
		}
	}
	if n == 0 {
		return own
	}
	w := sum / float64(n)
	return attribute.Idle{Watts: w, Uncertainty: uncertainty/float64(n) + twins*w, Known: true, How: "as the other packages, this one was " + own.How}
}
