package model

import "fmt"

// Point is the power at a utilisation.
type Point struct{ U, W float64 }

// Curve is power over utilisation, linear between its points, which are in
// order of U and begin at 0. Beyond the last point it stays level.
type Curve []Point

// At returns the watts at utilisation u.
func (c Curve) At(u float64) float64 {
	for i := 1; i < len(c); i++ {
		if a, b := c[i-1], c[i]; u < b.U {
			return a.W + (b.W-a.W)*(max(u, a.U)-a.U)/(b.U-a.U)
		}
	}
	return c[len(c)-1].W
}

// check reports what is wrong with a curve that came from outside.
func (c Curve) check(field string) error {
	if len(c) < 2 || c[0].U != 0 {
		return fmt.Errorf("%s: want at least two points, the first at utilisation 0", field)
	}
	for i, p := range c {
		if err := checkNotNegative(field, p.W); err != nil {
			return err
		}
		if i > 0 && !(p.U > c[i-1].U && p.U <= 1) {
			return fmt.Errorf("%s: utilisation %g after %g: want them rising, to 1 at most", field, p.U, c[i-1].U)
		}
		if i > 0 && p.W < c[i-1].W {
			return fmt.Errorf("%s: %g W at %g, less than before: want power to rise with utilisation", field, p.W, p.U)
		}
	}
	return nil
}

// Band is a curve with its bounds.
type Band struct{ Low, Nominal, High Curve }

// At returns the watts at utilisation u.
func (b Band) At(u float64) Range { return Range{b.Low.At(u), b.Nominal.At(u), b.High.At(u)} }

func (b Band) check(field string) error {
	for _, c := range []struct {
		name string
		Curve
	}{{"low", b.Low}, {"nominal", b.Nominal}, {"high", b.High}} {
		if err := c.check(field + ", " + c.name); err != nil {
			return err
		}
	}
	return nil
}

// Machine is the power model of the visible machine: of all sockets of bare
// metal, of a guest's share of its host.
type Machine struct {
	CPUs int // logical CPUs visible
	// Total is the visible machine's power, Dynamic the part of it that load
	// causes. Their bounds are kept apart: a machine that idles high has less
	// room above, so the difference of the totals' bounds bounds nothing.
	Total, Dynamic Band
	// Assumptions are what the curves take for granted, one sentence each.
	Assumptions []string
}

// Host is what a model must know of the machine beside its processor.
type Host struct {
	CPUs    int // logical CPUs visible and online
	Sockets int // sockets visible; of no meaning in a guest
	Virtual bool
	CPU     Match
}

func (h Host) check() error {
	if h.CPUs < 1 {
		return fmt.Errorf("cpus: %d: want at least 1", h.CPUs)
	}
	if h.Sockets < 1 {
		return fmt.Errorf("sockets: %d: want at least 1", h.Sockets)
	}
	if err := h.CPU.TDP.check("tdp"); err != nil {
		return err
	}
	return h.CPU.PerThread.check("watts per thread")
}

// utilisation returns busy CPU seconds over the capacity of the visible CPUs.
// Accounting by clock ticks can show more than there was: that counts as full.
func (m *Machine) utilisation(durationS, busyS float64) float64 {
	if durationS <= 0 {
		return 0
	}
	return min(busyS/(durationS*float64(m.CPUs)), 1)
}

// Energy returns the joules of the visible machine over a window in which its
// CPUs were busy for busyS seconds altogether.
func (m *Machine) Energy(durationS, busyS float64) Range {
	return m.Total.At(m.utilisation(durationS, busyS)).Times(durationS)
}

// Idle returns the joules the machine would have used in the window without
// any load.
func (m *Machine) Idle(durationS float64) Range { return m.Total.At(0).Times(durationS) }

// Task returns the share of a task that used taskS of the busyS CPU seconds:
// its part, by CPU time, of the energy that load caused.
func (m *Machine) Task(durationS, busyS, taskS float64) Range {
	busyS = max(busyS, taskS)
	if busyS <= 0 {
		return Range{}
	}
	return m.Dynamic.At(m.utilisation(durationS, busyS)).Times(durationS * taskS / busyS)
}

func (m *Machine) check() error {
	if m.CPUs < 1 {
		return fmt.Errorf("cpus: %d: want at least 1", m.CPUs)
	}
	if err := m.Total.check("power curve"); err != nil {
		return err
	}
	return m.Dynamic.check("dynamic power curve")
}
