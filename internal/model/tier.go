package model

import (
	"fmt"
	"math"
)

// The tiers of a host profile, from the simplest to the most detailed.
const (
	T0 = "T0" // TDP times utilisation: the baseline
	T1 = "T1" // power over utilisation, monotone, linear between points
	T2 = "T2" // cores at work, clocks, sockets awake
	T3 = "T3" // cycles and instructions
)

// SocketUse is what one socket does, on average, per second.
type SocketUse struct {
	CPUs  int     // logical CPUs online
	Busy  float64 // CPU seconds per second, at most CPUs
	Awake float64 // part of the time in which any CPU was busy, 0 to 1
	// Cores at work with one of their threads, and with both.
	OneThread, BothThreads float64
	Hz                     float64 // clock of the CPUs at work; NaN where it is not known
	Cycles, Instructions   float64 // per second; NaN where they are not counted
}

// UnknownUse is the use of a socket of which nothing is known.
func UnknownUse() SocketUse {
	nan := math.NaN()
	return SocketUse{Busy: nan, Awake: nan, OneThread: nan, BothThreads: nan, Hz: nan, Cycles: nan, Instructions: nan}
}

// utilisation is the part of the socket's CPUs that is at work.
func (s SocketUse) utilisation() float64 {
	if s.CPUs < 1 {
		return math.NaN()
	}
	return min(s.Busy/float64(s.CPUs), 1)
}

// Features returns what the coefficients of a linear tier are multiplied with,
// and how each is called; what is not known is NaN. Watts are per giga, so that
// the coefficients are of one size.
//
//	T2  P = idle + a C1 + b C2 + c C f + d C f^3 + e A
//	T3  P = idle + a cycles + b instructions + e A
//
// with C1 and C2 the cores at work with one and both threads, C their sum, f the
// clock and A the part of the time in which the socket is awake: a socket of
// which one core works can't sleep (dynamic power goes with f V^2, and V with f: Chandrakasan and
// Brodersen, Proceedings of the IEEE 83, 1995).
func (s SocketUse) Features(tier string) (names []string, values []float64) {
	cores := s.OneThread + s.BothThreads
	ghz := s.Hz / 1e9
	if cores == 0 {
		ghz = 0 // nothing runs: its clock does not matter
	}
	switch tier {
	case T2:
		return []string{"idle", "core", "core-both-threads", "core-ghz", "core-ghz3", "socket-awake"},
			[]float64{1, s.OneThread, s.BothThreads, cores * ghz, cores * ghz * ghz * ghz, s.Awake}
	case T3:
		return []string{"idle", "gigacycles", "gigainstructions", "socket-awake"},
			[]float64{1, s.Cycles / 1e9, s.Instructions / 1e9, s.Awake}
	}
	return nil, nil
}

// Tier is a model of one socket's power that was fitted to a host.
type Tier struct {
	Name string `json:"name"` // T0, T1, T2 or T3
	// TDPW is T0's.
	TDPW float64 `json:"tdp_w,omitempty"`
	// Curve is T1's: watts over the utilisation of a socket.
	Curve []TierPoint `json:"curve,omitempty"`
	// Coefficients are those of T2 and T3, in the order of SocketUse.Features.
	Coefficients []Coefficient `json:"coefficients,omitempty"`
	// Covariance is that of the coefficients, by bootstrap, in the same order.
	Covariance [][]float64 `json:"covariance,omitempty"`
	MinBusy    float64     `json:"min_busy"` // least utilisation of a socket that it was fitted to: what is beyond extrapolates
	MaxBusy    float64     `json:"max_busy"` // and the most
	// ErrorPct is the half-width of an interval that holds 95 % of new loads,
	// in percent of the estimate; the wider of it and ErrorW counts.
	ErrorPct float64 `json:"error_pct"`
	ErrorW   float64 `json:"error_w"` // the same in watts
	// Errors are those of a part of the loads each, from the least: they stand in
	// ErrorPct's place where there are any.
	Errors []TierError `json:"errors,omitempty"`
}

// TierError is ErrorPct from a utilisation on.
type TierError struct {
	FromBusy float64 `json:"from_busy"` // utilisation of the socket, 0 to 1
	ErrorPct float64 `json:"error_pct"` // half-width in percent of the estimate
}

// errorPct is the half-width at a utilisation.
func (t *Tier) errorPct(u float64) float64 {
	pct := t.ErrorPct
	for _, e := range t.Errors {
		if u >= e.FromBusy {
			pct = e.ErrorPct
		}
	}
	return pct
}

// TierPoint is a point of a curve.
type TierPoint struct {
	Busy   float64 `json:"busy"`    // utilisation of the socket, 0 to 1
	PowerW float64 `json:"power_w"` // of the socket
}

// Coefficient is one of a linear tier.
type Coefficient struct {
	Name  string  `json:"name"`  // of the feature
	Value float64 `json:"value"` // watts per unit of the feature
	Low   float64 `json:"low"`   // lower end of a 95 % interval
	High  float64 `json:"high"`  // its upper end
}

// TierPower is what a tier says of a socket.
type TierPower struct {
	Range             // watts
	Extrapolated bool // the socket did what the tier was not fitted to
}

// Power estimates the power of a socket. The error says which of its features
// is not known.
func (t *Tier) Power(s SocketUse) (TierPower, error) {
	u := s.utilisation()
	if math.IsNaN(u) || u < 0 {
		return TierPower{}, fmt.Errorf("%s: the utilisation of the socket is not known", t.Name)
	}
	w, err := t.watts(s, u)
	if err != nil {
		return TierPower{}, err
	}
	half := max(t.errorPct(u)/100*w, t.ErrorW)
	return TierPower{
		Range:        Range{Low: max(0, w-half), Nominal: w, High: w + half},
		Extrapolated: u > t.MaxBusy+0.01 || u < t.MinBusy-0.01,
	}, nil
}

func (t *Tier) watts(s SocketUse, u float64) (float64, error) {
	switch t.Name {
	case T0:
		return TDPLinear(t.TDPW, u), nil
	case T1:
		c := make(Curve, len(t.Curve))
		for i, p := range t.Curve {
			c[i] = Point{p.Busy, p.PowerW}
		}
		return c.At(u), nil
	}
	names, values := s.Features(t.Name)
	w := 0.0
	for i, c := range t.Coefficients {
		if c.Value == 0 {
			continue // what has no weight need not be known
		}
		if math.IsNaN(values[i]) {
			return 0, fmt.Errorf("%s: %s is not known", t.Name, names[i])
		}
		w += c.Value * values[i]
	}
	return w, nil
}

// check names the first thing that is wrong with a tier that was read.
func (t *Tier) check() error {
	for _, f := range []struct {
		name string
		v    float64
	}{{"tdp_w", t.TDPW}, {"min_busy", t.MinBusy}, {"max_busy", t.MaxBusy}, {"error_pct", t.ErrorPct}, {"error_w", t.ErrorW}} {
		if err := checkNotNegative(f.name, f.v); err != nil {
			return err
		}
	}
	if t.MinBusy > t.MaxBusy || t.MaxBusy > 1 {
		return fmt.Errorf("max_busy: %g to %g is no range of utilisation: want it within 0 to 1", t.MinBusy, t.MaxBusy)
	}
	for i, e := range t.Errors {
		if err := checkNotNegative(fmt.Sprintf("errors[%d].error_pct", i), e.ErrorPct); err != nil {
			return err
		}
		if i == 0 && e.FromBusy != 0 || i > 0 && !(e.FromBusy > t.Errors[i-1].FromBusy && e.FromBusy <= 1) {
			return fmt.Errorf("errors[%d].from_busy: %g: want utilisations rising, from 0 to 1 at most", i, e.FromBusy)
		}
	}
	switch t.Name {
	case T0:
		return check("tdp_w", t.TDPW)
	case T1:
		c := make(Curve, len(t.Curve))
		for i, p := range t.Curve {
			c[i] = Point{p.Busy, p.PowerW}
		}
		return c.check("curve")
	case T2, T3:
		return t.checkLinear()
	}
	return fmt.Errorf("name: %q is no tier: want %s, %s, %s or %s", t.Name, T0, T1, T2, T3)
}

func check(name string, v float64) error {
	if !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%s: %g: want a number above 0", name, v)
	}
	return nil
}

func (t *Tier) checkLinear() error {
	names, _ := SocketUse{CPUs: 1}.Features(t.Name)
	if len(t.Coefficients) != len(names) {
		return fmt.Errorf("coefficients: there are %d, want %d", len(t.Coefficients), len(names))
	}
	for i, c := range t.Coefficients {
		where := fmt.Sprintf("coefficients[%d]", i)
		if c.Name != names[i] {
			return fmt.Errorf("%s.name: %q, want %q", where, c.Name, names[i])
		}
		if err := checkNotNegative(where+".value", c.Value); err != nil {
			return err
		}
		if !(c.Low <= c.Value && c.Value <= c.High) {
			return fmt.Errorf("%s: %g lies outside of its interval, %g to %g", where, c.Value, c.Low, c.High)
		}
	}
	if n := len(t.Covariance); n != 0 && n != len(names) {
		return fmt.Errorf("covariance: it has %d rows, want %d", n, len(names))
	}
	for i, row := range t.Covariance {
		if len(row) != len(names) {
			return fmt.Errorf("covariance[%d]: it has %d numbers, want %d", i, len(row), len(names))
		}
		for j, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("covariance[%d][%d]: %g is no number", i, j, v)
			}
			if i == j && v < 0 {
				return fmt.Errorf("covariance[%d][%d]: %g: no variance is negative", i, j, v)
			}
		}
	}
	return nil
}
