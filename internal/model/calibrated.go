package model

import (
	"fmt"
	"time"
)

// ProfileName is the model of a host profile among those of a result.
const ProfileName = "profile"

// grid are the utilisations at which a profile's curve is laid out: where it
// bends most the points are close.
var grid = []float64{0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}

// Machine returns the model of a machine without counters, from what was
// learnt on a processor like its own. Utilisation is all that such a machine
// shows of itself, so it is the tier of utilisation alone that speaks. The error
// says what the profile lacks.
func (p *Profile) Machine(h Host) (*Machine, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	t := p.Package.tier(T1)
	if t == nil {
		return nil, fmt.Errorf("the profile has no tier %s, which needs utilisation alone", T1)
	}
	if h.Virtual {
		return p.guest(h, t)
	}
	return p.bareMetal(h, t)
}

// at is the tier's power of one socket at a utilisation.
func (t *Tier) at(u float64) (Range, error) {
	const many = 1 << 10 // CPUs: any number will do where nothing but the ratio counts
	use := UnknownUse()
	use.CPUs, use.Busy = many, u*many
	w, err := t.Power(use)
	return w.Range, err
}

// bareMetal charges all sockets, evenly loaded.
func (p *Profile) bareMetal(h Host, t *Tier) (*Machine, error) {
	n := float64(h.Sockets)
	m := &Machine{CPUs: h.CPUs, Assumptions: p.assume(t)}
	idle, err := t.at(0)
	if err != nil {
		return nil, err
	}
	var power []Range
	for _, u := range grid {
		w, err := t.at(u)
		if err != nil {
			return nil, err
		}
		power = append(power, w)
	}
	widen(power)
	for i, u := range grid {
		w := power[i]
		m.Total.add(u, w.Times(n))
		above := Range{}
		if u > 0 {
			above = Range{max(0, w.Low-idle.Nominal), max(0, w.Nominal-idle.Nominal), max(0, w.High-idle.Nominal)}
		}
		m.Dynamic.add(u, above.Times(n))
	}
	m.Assumptions = append(m.Assumptions, fmt.Sprintf("the whole machine: %d sockets, taken to be evenly loaded", h.Sockets))
	return m, nil
}

// widen makes both ends rise with the load where the interval is another from a
// load on: who draws at least so much at rest does so at work.
func widen(power []Range) {
	for i := 1; i < len(power); i++ {
		power[i].High = max(power[i].High, power[i-1].High)
	}
	for i := len(power) - 2; i >= 0; i-- {
		power[i].Low = min(power[i].Low, power[i+1].Low)
	}
}

// guest charges a guest its part of a socket:
//
//	P = vCPUs/threads * P_idle + (P(u) - P_idle)/u / threads * busy vCPUs
//
// u is the utilisation of the host, which can't be seen from inside: it is taken
// for one half, and for a tenth and for all of it at the ends of the range, on
// the calibrated curve.
func (p *Profile) guest(h Host, t *Tier) (*Machine, error) {
	threads := float64(p.CPU.Threads) / float64(p.CPU.Sockets)
	if float64(h.CPUs) > threads*float64(p.CPU.Sockets) {
		return nil, fmt.Errorf("the guest has %d vCPUs and the profile's machine %d threads: it is no machine like that one", h.CPUs, p.CPU.Threads)
	}
	var at [4]Range
	for i, u := range []float64{0, 0.1, 0.5, 1} {
		w, err := t.at(u)
		if err != nil {
			return nil, err
		}
		at[i] = w
	}
	idle, half := at[0], at[2]
	slope := func(i int, u float64) float64 { return (at[i].Nominal - idle.Nominal) / u }
	rise := slope(2, 0.5)
	if !(idle.Nominal > 0) || !(rise > 0) {
		return nil, fmt.Errorf("the profile's power does not rise with utilisation (%.3g W idle, %.3g W half busy)", idle.Nominal, half.Nominal)
	}
	least, most := min(slope(1, 0.1), rise, slope(3, 1)), max(slope(1, 0.1), rise, slope(3, 1))
	restW := Range{max(idle.Low, tiny*idle.Nominal), idle.Nominal, idle.High}.Times(1 / threads)
	busyW := around(rise/threads, spreadOf(rise, max(least, tiny*rise), most),
		spreadOf(half.Nominal, max(half.Low, tiny*half.Nominal), half.High))

	n := float64(h.CPUs)
	line := func(at0, rise float64) Curve { return Curve{{0, n * at0}, {1, n * (at0 + rise)}} }
	return &Machine{
		CPUs:    h.CPUs,
		Total:   Band{line(restW.Low, busyW.Low), line(restW.Nominal, busyW.Nominal), line(restW.High, busyW.High)},
		Dynamic: Band{line(0, busyW.Low), line(0, busyW.Nominal), line(0, busyW.High)},
		Assumptions: append(p.assume(t),
			fmt.Sprintf("each of the %d vCPUs is one of the %.4g threads of a socket, and is charged its part of the idle socket", h.CPUs, threads),
			"the host's other guests can't be seen: it is believed half busy, between a tenth and wholly"),
	}, nil
}

// tiny keeps the logarithm of a factor finite where a range reaches down to 0.
const tiny = 0.01

func (p *Profile) assume(t *Tier) []string {
	return []string{
		fmt.Sprintf("calibrated on %s, %s, against %s (grade %s, tier %s)", p.CPU.ModelName, p.CreatedAt.UTC().Format(time.DateOnly), p.Source, p.Grade, t.Name),
		"the processor's package alone: memory, disks, fans and power supplies are not in it",
	}
}

// calibrated is what the profile says of a window. Where the sockets' use is
// known, the best tier whose features are known speaks; elsewhere, and of a
// guest, utilisation does.
func (w Window) calibrated() (Result, error) {
	m, err := w.Profile.Machine(w.Host)
	if err != nil {
		return Result{}, err
	}
	e, idle := m.Energy(w.DurationS, w.MachineCPUS), m.Idle(w.DurationS)
	r := Result{Name: ProfileName, EnergyJ: e.Nominal, LowJ: e.Low, HighJ: e.High, IdleJ: idle,
		CommandJ: m.Task(w.DurationS, w.MachineCPUS, w.CommandCPUS), Tier: T1, Assumptions: m.Assumptions}
	if w.Virtual {
		r.Description = "calibrated: vCPUs/threads of the socket's idle power, plus dynamic power by vCPU seconds used"
		return r, nil
	}
	r.Description = "calibrated: power over utilisation, all sockets"
	if len(w.Use) == 0 {
		return r, nil
	}
	at, tier, err := w.Profile.Package.Power(w.Use)
	if err != nil {
		return r, nil // utilisation will do
	}
	all := w.result(ProfileName, at.Times(w.DurationS), idle)
	all.Tier, all.Description = tier, "calibrated: "+tierWords[tier]+", all sockets"
	all.Assumptions = r.Assumptions
	if at.Extrapolated {
		all.Assumptions = append(all.Assumptions, "the machine did what the calibration did not see: the estimate is an extrapolation")
	}
	return all, nil
}

var tierWords = map[string]string{
	T0: "TDP times utilisation",
	T1: "power over utilisation",
	T2: "cores at work, clocks and sockets awake",
	T3: "cycles and instructions",
}
