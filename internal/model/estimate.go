package model

import (
	"fmt"
	"slices"
)

// Window is what was seen of the machine while something ran.
type Window struct {
	Host
	DurationS   float64
	MachineCPUS float64 // CPU seconds all visible CPUs were busy
	CommandCPUS float64 // of these, the command and everything it started

	Profile *Profile    // of a calibration that suits the processor; nil for none
	Use     []SocketUse // what each socket did, where that is known
}

// Result is what one model says of a window.
type Result struct {
	Name string
	// EnergyJ is what the model says of the machine it means: the visible
	// machine, or, where WholeSocket is set, the sockets under it with all
	// the guests they carry. LowJ and HighJ bound it.
	EnergyJ, LowJ, HighJ float64
	// IdleJ is the part of the energy that no load causes, and CommandJ the
	// command's share of the rest, by CPU time.
	IdleJ, CommandJ Range
	WholeSocket     bool
	Tier            string // of the profile that speaks; "" of a published model
	Description     string
	Assumptions     []string
}

// Estimate applies every model to a window; the principal one comes first: that
// of the profile, or where there is none ShareName. An error names the field of w that makes no sense.
func Estimate(w Window) ([]Result, error) {
	m, err := NewMachine(w.Host)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		v    float64
	}{{"duration", w.DurationS}, {"cpu seconds of the machine", w.MachineCPUS}, {"cpu seconds of the command", w.CommandCPUS}} {
		if err := checkNotNegative(f.name, f.v); err != nil {
			return nil, err
		}
	}
	// The kernel counts the machine's CPU time in ticks of 10 ms and the
	// command's exactly: of a short window it may see less than there was.
	w.MachineCPUS = max(w.MachineCPUS, w.CommandCPUS)
	u := m.utilisation(w.DurationS, w.MachineCPUS)

	var results []Result
	if w.Profile != nil {
		r, err := w.calibrated()
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	results = append(results, w.principal(m))
	for _, f := range Formulas() {
		results = append(results, w.published(f, u))
	}
	results = append(results, ccf(w, u))
	for _, r := range results {
		if !(Range{r.LowJ, r.EnergyJ, r.HighJ}).finite() || !r.CommandJ.finite() {
			return nil, fmt.Errorf("duration: %g s is beyond what can be computed", w.DurationS)
		}
	}
	return results, nil
}

// principal is energyprobe's own estimate without a calibration, of the visible
// machine alone.
func (w Window) principal(m *Machine) Result {
	e := m.Energy(w.DurationS, w.MachineCPUS)
	r := Result{
		Name: ShareName, EnergyJ: e.Nominal, LowJ: e.Low, HighJ: e.High,
		IdleJ:       m.Idle(w.DurationS),
		CommandJ:    m.Task(w.DurationS, w.MachineCPUS, w.CommandCPUS),
		Assumptions: slices.Clone(m.Assumptions),
	}
	if w.Virtual {
		r.Description = "vCPUs/threads of the socket's idle power, plus dynamic power by vCPU seconds used"
	} else {
		r.Description = "all sockets, on a concave curve from idle to full power"
	}
	return r
}

// published applies a formula to the window's mean utilisation. Its range is
// that of the TDP alone: the formula's own error is in the assumptions.
func (w Window) published(f Formula, u float64) Result {
	tdp, n := w.CPU.TDP, float64(w.Sockets)
	note := fmt.Sprintf("TDP %s W per socket", tdp)
	whole := !f.PerShare && w.Virtual
	if f.PerShare && w.Virtual {
		tdp, n = w.CPU.PerThread, float64(w.CPUs)
		note = fmt.Sprintf("TDP %s W per vCPU", tdp)
	}
	if f.ByName && (w.CPU.Step == ByModel || w.CPU.Step == BySegment) {
		// Its authors' tool knows parts by name only, and has a fallback.
		tdp, n, whole = Exactly(CodeCarbonUnknown(w.CPUs)), 1, false
		note = fmt.Sprintf("4 W for each of %d threads, as CodeCarbon takes for a processor it does not know", w.CPUs)
	}
	joules := func(u float64) Range {
		at := func(tdpW float64) float64 { return n * f.Watts(tdpW, u) * w.DurationS }
		return Range{at(tdp.Low), at(tdp.Nominal), at(tdp.High)}
	}
	r := w.result(f.Name, joules(u), joules(0))
	r.WholeSocket, r.Description = whole, f.Description
	r.Assumptions = []string{note, "known error: " + f.Known}
	return r
}

// result fills in the command's share of what lies above idle.
func (w Window) result(name string, all, idle Range) Result {
	r := Result{Name: name, EnergyJ: all.Nominal, LowJ: all.Low, HighJ: all.High, IdleJ: idle}
	if w.MachineCPUS > 0 {
		above := Range{max(all.Low-idle.Low, 0), max(all.Nominal-idle.Nominal, 0), max(all.High-idle.High, 0)}
		r.CommandJ = above.Times(min(w.CommandCPUS/w.MachineCPUS, 1))
	}
	return r
}
