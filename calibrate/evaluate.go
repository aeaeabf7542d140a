package calibrate

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/fit"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// estimate is what a model says of a point: watts of all sockets, and the
// interval it gives, NaN where it gives none.
type estimate struct{ watts, low, high float64 }

// estimator says what all sockets of a point draw; the error why it can't.
type estimator func(p *report.CalibrationPoint) (estimate, error)

// ofFormula is a published model, which knows the TDP and the utilisation of
// every socket.
func ofFormula(f model.Formula, tdpW float64) estimator {
	return func(p *report.CalibrationPoint) (estimate, error) {
		e := estimate{low: math.NaN(), high: math.NaN()}
		for i := range p.Sockets {
			u := useOf(&p.Sockets[i])
			if math.IsNaN(u.Busy) || u.CPUs < 1 {
				return e, fmt.Errorf("the utilisation of socket %d is not known", p.Sockets[i].Socket)
			}
			e.watts += f.Watts(tdpW, min(u.Busy/float64(u.CPUs), 1))
		}
		return e, nil
	}
}

// ofCCF is Cloud Carbon Footprint's model, which knows no TDP.
func ofCCF(k *report.CCF) estimator {
	return func(p *report.CalibrationPoint) (estimate, error) {
		e := estimate{low: math.NaN(), high: math.NaN()}
		for i := range p.Sockets {
			u := useOf(&p.Sockets[i])
			if math.IsNaN(u.Busy) || u.CPUs < 1 {
				return e, fmt.Errorf("the utilisation of socket %d is not known", p.Sockets[i].Socket)
			}
			e.watts += model.CCFPower(k.MinW, k.MaxW, u.CPUs, min(u.Busy/float64(u.CPUs), 1))
		}
		return e, nil
	}
}

// ofShare is the program's own estimate where there are no counters, of every
// socket. The error says what is not known for it.
func ofShare(cpu report.CPU, tdpW float64) (estimator, error) {
	m, err := model.Identify(model.Identity{
		ModelName: cpu.ModelName, Vendor: cpu.Vendor, Family: max(cpu.Family, 0), Model: max(cpu.Model, 0), Stepping: max(cpu.Stepping, 0),
		Sockets: cpu.Sockets, Cores: cpu.Cores, Threads: cpu.Threads,
	}, model.Given{UserW: tdpW})
	if err != nil {
		return nil, err
	}
	socket, err := model.NewMachine(model.Host{CPUs: 1, Sockets: 1, CPU: m})
	if err != nil {
		return nil, err
	}
	return func(p *report.CalibrationPoint) (estimate, error) {
		var e estimate
		for i := range p.Sockets {
			u := useOf(&p.Sockets[i])
			if math.IsNaN(u.Busy) || u.CPUs < 1 {
				return e, fmt.Errorf("the utilisation of socket %d is not known", p.Sockets[i].Socket)
			}
			w := socket.Total.At(min(u.Busy/float64(u.CPUs), 1))
			e.watts, e.low, e.high = e.watts+w.Nominal, e.low+w.Low, e.high+w.High
		}
		return e, nil
	}, nil
}

// ofTier is a fitted model. The errors of sockets are taken to go together.
func ofTier(t *model.Tier) estimator {
	return func(p *report.CalibrationPoint) (estimate, error) {
		var e estimate
		for i := range p.Sockets {
			w, err := t.Power(useOf(&p.Sockets[i]))
			if err != nil {
				return e, err
			}
			e.watts, e.low, e.high = e.watts+w.Nominal, e.low+w.Low, e.high+w.High
		}
		return e, nil
	}
}

// tried is what a model said of some points, beside what was measured.
type tried struct {
	truth, said []float64
	seconds     []float64
	covered     int
	gives       bool // intervals
	folds       []string
	load        []float64
}

// try asks a model about the points in use for which which is true.
func try(points []report.CalibrationPoint, of estimator, which func(*report.CalibrationPoint) bool) (tried, error) {
	t := tried{gives: true}
	for i := range points {
		p := &points[i]
		truth, known := p.Power()
		if !known || !p.Used || !which(p) {
			continue
		}
		e, err := of(p)
		if err != nil {
			return t, err
		}
		t.gives = t.gives && !math.IsNaN(e.low)
		if e.low <= truth && truth <= e.high {
			t.covered++
		}
		load, known := p.Utilisation()
		if !known {
			load = math.NaN() // of no band
		}
		t.truth, t.said, t.seconds = append(t.truth, truth), append(t.said, e.watts), append(t.seconds, p.DurationS)
		t.folds, t.load = append(t.folds, fmt.Sprint(visitOf(p))), append(t.load, load)
	}
	return t, nil
}

// errors sums up. The intervals are by drawing visits anew.
func (t tried) errors(seed uint64) (*report.ModelErrors, error) {
	e, err := fit.Judge(t.truth, t.said)
	if err != nil {
		return nil, err
	}
	out := &report.ModelErrors{
		Points: e.Points, MAEW: e.MAE, RMSEW: e.RMSE, BiasW: e.Bias,
		MAPEPct: percent(e.MAPE), P95Pct: percent(e.P95), R2: report.Known(e.R2), RangePct: percent(e.Range),
		WMAPE:  report.WithRange{Value: percent(e.WMAPE)},
		Energy: report.WithRange{Value: percent(t.energyError(nil))},
	}
	if t.gives {
		out.CoveredPct = percent(float64(t.covered) / float64(e.Points))
	}
	d, err := fit.Bootstrap(fit.BlocksOf(t.folds), draws, seed, func(points []int) ([]float64, error) {
		var truth, said []float64
		for _, i := range points {
			truth, said = append(truth, t.truth[i]), append(said, t.said[i])
		}
		e, err := fit.Judge(truth, said)
		return []float64{e.WMAPE, t.energyError(points)}, err
	})
	if err == nil { // else there are too few visits for an interval
		w, j := d.Interval(0), d.Interval(1)
		out.WMAPE.Low, out.WMAPE.High = percent(max(w.Low, 0)), percent(w.High)
		out.Energy.Low, out.Energy.High = percent(j.Low), percent(j.High)
	}
	return out, nil
}

// energyError is that of the energy of the points with these indexes, or of
// all.
func (t tried) energyError(points []int) float64 {
	var said, truth float64
	add := func(i int) { said, truth = said+t.said[i]*t.seconds[i], truth+t.truth[i]*t.seconds[i] }
	if points == nil {
		for i := range t.truth {
			add(i)
		}
	}
	for _, i := range points {
		add(i)
	}
	if truth == 0 {
		return math.NaN()
	}
	return said/truth - 1
}

// bandEdges part loads in classes of their own: at rest, hardly any, little,
// half, most, all.
var bandEdges = []float64{0, 0.02, 0.15, 0.4, 0.65, 0.9, 1.01}

func (t tried) bands() []report.LoadBand {
	out := []report.LoadBand{}
	for k := range len(bandEdges) - 1 {
		b := report.LoadBand{From: bandEdges[k], To: min(bandEdges[k+1], 1)}
		for i, u := range t.load {
			if u >= bandEdges[k] && u < bandEdges[k+1] {
				b.Points++
				b.BiasW += t.said[i] - t.truth[i]
				b.MAEW += math.Abs(t.said[i] - t.truth[i])
			}
		}
		if b.Points > 0 {
			b.BiasW, b.MAEW = b.BiasW/float64(b.Points), b.MAEW/float64(b.Points)
			out = append(out, b)
		}
	}
	return out
}

// predicted is what a model says of every point, in use or not; nil where it
// says nothing.
func predicted(points []report.CalibrationPoint, of estimator) []*float64 {
	out := make([]*float64, len(points))
	for i := range points {
		if e, err := of(&points[i]); err == nil {
			out[i] = report.Known(e.watts)
		}
	}
	return out
}

// quality is how a model did. Reason says why it did not.
func quality(q report.ModelQuality, points []report.CalibrationPoint, of estimator, seed uint64) report.ModelQuality {
	q.Bands, q.PredictedW = []report.LoadBand{}, predicted(points, of)
	all, err := try(points, of, func(*report.CalibrationPoint) bool { return true })
	if err != nil {
		q.Reason = err.Error()
		return q
	}
	q.Bands = all.bands()
	for _, part := range []struct {
		into    **report.ModelErrors
		holdout bool
	}{{&q.Training, false}, {&q.Holdout, true}} {
		t, err := try(points, of, func(p *report.CalibrationPoint) bool { return p.Holdout == part.holdout })
		if err == nil {
			*part.into, err = t.errors(seed)
		}
		if err != nil {
			q.Reason = err.Error()
		}
	}
	return q
}

// The grades, best first: the errors on what no model was fitted to that each
// allows, in percent.
var grades = []struct {
	name          string
	wmape, energy float64
}{{"A", 5, 3}, {"B", 10, 5}, {"C", 20, 10}}

// failed is the grade below all.
const failed = "FAIL"

// grade is what a model is worth.
func grade(e *report.ModelErrors, verdicts []report.Verdict) string {
	if e == nil || e.WMAPE.Value == nil || e.Energy.Value == nil {
		return failed
	}
	degraded := false
	for _, v := range verdicts {
		// What was refused and forced all the same has no better grade either.
		degraded = degraded || v.Action == report.VerdictDegrade || v.Action == report.VerdictRefuse
	}
	for _, g := range grades {
		if g.name == "A" && degraded {
			continue
		}
		if *e.WMAPE.Value <= g.wmape && math.Abs(*e.Energy.Value) <= g.energy {
			return g.name
		}
	}
	return failed
}

func percent(v float64) *float64 { return report.Known(100 * v) }
