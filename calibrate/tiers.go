package calibrate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/energyprobe/energyprobe/internal/fit"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// sample is one socket at one point: what it did, and what it drew.
type sample struct {
	use     model.SocketUse
	watts   float64
	group   string // its workload, "" for the idle machine
	shape   string // of the load
	fold    string // the same for all visits of a load, and all its sockets
	holdout bool
	point   int // its place among the points
}

// target picks the power that a model is to say: of the package, or of memory.
type target func(s *report.SocketLoad) *float64

func packagePower(s *report.SocketLoad) *float64 { return s.PowerW }
func memoryPower(s *report.SocketLoad) *float64  { return s.DRAMW }

// samples takes the sockets of all points in use whose power and load are known.
func samples(points []report.CalibrationPoint, of target) []sample {
	var out []sample
	for i := range points {
		p := &points[i]
		if !p.Used {
			continue
		}
		for k := range p.Sockets {
			s := &p.Sockets[k]
			w := of(s)
			if w == nil || s.Busy == nil {
				continue
			}
			one := sample{use: useOf(s), watts: *w, group: p.Workload, shape: p.Shape, holdout: p.Holdout, point: i, fold: fmt.Sprint(visitOf(p))}
			if p.Shape == report.ShapeIdle {
				one.group, one.fold = "", ""
			}
			out = append(out, one)
		}
	}
	return out
}

// useOf is what a socket did, as models take it.
func useOf(s *report.SocketLoad) model.SocketUse {
	u := model.SocketUse{CPUs: s.CPUs, Busy: report.OrNaN(s.Busy), Awake: report.OrNaN(s.Awake), OneThread: report.OrNaN(s.OneThread), BothThreads: report.OrNaN(s.BothThreads), Hz: report.OrNaN(s.FrequencyHz), Instructions: report.OrNaN(s.Instructions)}
	u.Cycles = u.Hz * u.Busy
	if u.Busy == 0 {
		u.Cycles, u.Instructions = 0, 0 // nothing ran: there was nothing to count
	}
	return u
}

// tierNames are the tiers from the simplest.
var tierNames = []string{model.T0, model.T1, model.T2, model.T3}

// ridge is how much T3 is drawn to less: cycles and instructions go together,
// and their parts are ill told apart.
const ridge = 1e-3

// fitTier fits one tier. The error says what it lacks.
func fitTier(name string, tdpW float64, train []sample) (model.Tier, error) {
	t := model.Tier{Name: name, MinBusy: 1}
	if len(train) == 0 {
		return t, fit.ErrTooFew
	}
	for _, s := range train {
		u := min(s.use.Busy/float64(s.use.CPUs), 1)
		t.MinBusy, t.MaxBusy = min(t.MinBusy, u), max(t.MaxBusy, u)
	}
	var err error
	switch name {
	case model.T0:
		if t.TDPW = tdpW; !(tdpW > 0) {
			err = errors.New("the TDP is not known: say it with --tdp")
		}
	case model.T1:
		err = fitCurve(&t, train)
	default:
		err = fitLinear(&t, train)
	}
	return t, err
}

// fitCurve is T1: the power rises with utilisation, and nothing else is asked.
func fitCurve(t *model.Tier, train []sample) error {
	var x, y []float64
	for _, s := range train {
		x, y = append(x, min(s.use.Busy/float64(s.use.CPUs), 1)), append(y, s.watts)
	}
	c, err := fit.Isotonic(x, y, nil)
	if err != nil {
		return err
	}
	if c.X[0] > 0 {
		t.Curve = append(t.Curve, model.TierPoint{Busy: 0, PowerW: c.Y[0]})
	}
	for i := range c.X {
		t.Curve = append(t.Curve, model.TierPoint{Busy: c.X[i], PowerW: c.Y[i]})
	}
	if len(t.Curve) < 2 {
		t.Curve = append(t.Curve, model.TierPoint{Busy: 1, PowerW: c.Y[0]})
	}
	return nil
}

// fitLinear is T2 and T3.
func fitLinear(t *model.Tier, train []sample) error {
	var rows [][]float64
	var y []float64
	names, _ := model.SocketUse{CPUs: 1}.Features(t.Name)
	for _, s := range train {
		_, x := s.use.Features(t.Name)
		for i, v := range x {
			if math.IsNaN(v) {
				return fmt.Errorf("%s is not known of every point", names[i])
			}
		}
		rows, y = append(rows, x[1:]), append(y, s.watts) // the first is the intercept's
	}
	o := fit.Options{Intercept: true}
	if t.Name == model.T3 {
		o.Ridge = ridge
	}
	l, err := fit.NNLS(rows, y, o)
	if err != nil {
		return err
	}
	t.Coefficients = nil
	for i, v := range append([]float64{l.Intercept}, l.Coef...) {
		t.Coefficients = append(t.Coefficients, model.Coefficient{Name: names[i], Value: v, Low: v, High: v})
	}
	return nil
}

// fitted is a tier, and how it did on workloads that it had not seen.
type fitted struct {
	tier       model.Tier
	validation fit.Validation
	why        error // it could not be fitted
}

// fitAll fits every tier to the samples that are not held out, judges each by
// leaving out one workload after the other, and chooses one.
func fitAll(all []sample, tdpW float64, seed uint64) (tiers []fitted, best int) {
	train := training(all)
	var validations []fit.Validation
	for _, name := range tierNames {
		f := fitted{}
		f.tier, f.why = fitTier(name, tdpW, train)
		if f.why == nil {
			f.validation, f.why = validate(name, tdpW, train)
		}
		if f.why == nil {
			f.why = f.addErrors(tdpW, train, seed)
		}
		if f.why != nil {
			f.validation = fit.Validation{Mean: math.NaN()}
		}
		tiers, validations = append(tiers, f), append(validations, f.validation)
	}
	return tiers, fit.Select(validations)
}

// training are the samples that models are fitted to.
func training(all []sample) []sample {
	var train []sample
	for _, s := range all {
		if !s.holdout {
			train = append(train, s)
		}
	}
	return train
}

// validate leaves out one workload after the other. Points are told by their
// place among the samples.
func validate(name string, tdpW float64, train []sample) (fit.Validation, error) {
	points := make([]fit.Point, len(train))
	for i, s := range train {
		points[i] = fit.Point{X: []float64{float64(i)}, Y: s.watts, Group: s.group, Fold: s.fold}
	}
	return fit.CrossValidate(points, func(some []fit.Point) (fit.Predictor, error) {
		part := make([]sample, len(some))
		for k, p := range some {
			part[k] = train[int(p.X[0])]
		}
		t, err := fitTier(name, tdpW, part)
		if err != nil {
			return nil, err
		}
		return func(x []float64) float64 { return watts(&t, train[int(x[0])].use) }, nil
	}, func(e fit.Errors) float64 { return e.WMAPE })
}

// watts is a tier's estimate, NaN where it has none.
func watts(t *model.Tier, u model.SocketUse) float64 {
	p, err := t.Power(u)
	if err != nil {
		return math.NaN()
	}
	return p.Nominal
}

// draws is how often coefficients are fitted to points drawn anew.
const draws = 400

// unseen is what the tier said of each workload when it had not seen it.
func (f *fitted) unseen(points []report.CalibrationPoint, train []sample) tried {
	place := map[int]int{} // by point, in t
	var t tried
	for k, i := range f.validation.Index {
		p := train[i].point
		at, known := place[p]
		if !known {
			at = len(t.truth)
			place[p] = at
			load, _ := points[p].Utilisation() // known, or there were no sample
			t.truth, t.said, t.seconds = append(t.truth, 0), append(t.said, 0), append(t.seconds, points[p].DurationS)
			t.folds, t.load = append(t.folds, train[i].fold), append(t.load, load)
		}
		t.truth[at] += f.validation.Truth[k]
		t.said[at] += f.validation.Predicted[k]
	}
	return t
}

// unseenErrors are how far a tier is off workloads that it had not seen: a
// validation, and by what shape of load and at what utilisation each was.
type unseenErrors struct {
	fit.Validation
	shape []string
	busy  []float64
}

// unseenErrors are those of the tier.
func (f *fitted) unseenErrors(train []sample) unseenErrors {
	e := unseenErrors{Validation: f.validation}
	for _, i := range f.validation.Index {
		e.shape = append(e.shape, train[i].shape)
		e.busy = append(e.busy, train[i].use.Busy/float64(train[i].use.CPUs))
	}
	return e
}

// between are the errors at loads of a part.
func (e *unseenErrors) between(from, to float64) unseenErrors {
	var out unseenErrors
	for k, u := range e.busy {
		if u >= from && u < to {
			out.Truth, out.Predicted, out.Group = append(out.Truth, e.Truth[k]), append(out.Predicted, e.Predicted[k]), append(out.Group, e.Group[k])
			out.shape, out.busy = append(out.shape, e.shape[k]), append(out.busy, u)
		}
	}
	return out
}

// byShape is what 95 % of the errors of each shape stay below.
func (e *unseenErrors) byShape(relative bool) map[string]float64 {
	sizes := map[string][]float64{}
	for k, truth := range e.Truth {
		size := math.Abs(truth - e.Predicted[k])
		if relative {
			size /= e.Predicted[k]
		}
		sizes[e.shape[k]] = append(sizes[e.shape[k]], size)
	}
	out := map[string]float64{}
	for shape, of := range sizes {
		slices.Sort(of)
		out[shape] = stat.Quantile(0.95, stat.Empirical, of, nil)
	}
	return out
}

// band is how far the tier may be off. One that knows utilisation alone can't
// tell how a load lies on the CPUs and in time: it is no surer than of the shape
// that it is worst at. New loads lie as some of these do, or in between.
func (e *unseenErrors) band(relative, shapes bool) (fit.Band, error) {
	band, err := fit.NewBand(e.Truth, e.Predicted, e.Group, relative)
	if err != nil || !shapes {
		return band, err
	}
	for _, half := range e.byShape(relative) {
		band.Half = max(band.Half, half)
	}
	return band, nil
}

// errorEdges part the loads of T1's intervals. At little load it matters most how
// a load lies on the machine, at full load there is one way only. Between the
// loads that were held the curve is a guess, so the last part begins late.
var errorEdges = []float64{0, 0.4, 0.9}

// byLoad are the bands of each part of the loads, none where a part has too few
// workloads to say. A part that lacks a shape takes it for what it is elsewhere.
func (e *unseenErrors) byLoad() []model.TierError {
	last := len(errorEdges) - 1
	below := e.between(0, errorEdges[last])
	shapes := below.byShape(true)
	var out []model.TierError
	for i, from := range errorEdges {
		to := math.Inf(1)
		if i < last {
			to = errorEdges[i+1]
		}
		part := e.between(from, to)
		band, err := part.band(true, true)
		if err != nil {
			return nil
		}
		for shape, half := range shapes {
			if i < last && !slices.Contains(part.shape, shape) {
				band.Half = max(band.Half, half)
			}
		}
		out = append(out, model.TierError{FromBusy: from, ErrorPct: 100 * band.Half})
	}
	return out
}

// addErrors gives the tier the interval of its estimates, and its coefficients
// theirs.
func (f *fitted) addErrors(tdpW float64, train []sample, seed uint64) error {
	e, blind := f.unseenErrors(train), f.tier.Name == model.T0 || f.tier.Name == model.T1
	band, err := e.band(true, blind)
	if err != nil {
		// Nothing to be relative to, as at a load of which T0 says 0 W.
		if band, err = e.band(false, blind); err != nil {
			return err
		}
	}
	if band.Relative {
		f.tier.ErrorPct = 100 * band.Half
	} else {
		f.tier.ErrorW = band.Half
	}
	if f.tier.Name == model.T1 && band.Relative {
		f.tier.Errors = e.byLoad()
	}
	if len(f.tier.Coefficients) == 0 {
		return nil
	}
	folds := make([]string, len(train))
	for i, s := range train {
		if folds[i] = s.fold; s.fold == "" {
			folds[i] = fmt.Sprint("idle ", i)
		}
	}
	d, err := fit.Bootstrap(fit.BlocksOf(folds), draws, seed, func(points []int) ([]float64, error) {
		part := make([]sample, len(points))
		for k, i := range points {
			part[k] = train[i]
		}
		t, err := fitTier(f.tier.Name, tdpW, part)
		if err != nil {
			return nil, err
		}
		var values []float64
		for _, c := range t.Coefficients {
			values = append(values, c.Value)
		}
		return values, nil
	})
	if err != nil {
		return err
	}
	for i := range f.tier.Coefficients {
		c, in := &f.tier.Coefficients[i], d.Interval(i)
		c.Low, c.High = min(in.Low, c.Value), max(in.High, c.Value)
	}
	f.tier.Covariance = d.Covariance()
	return nil
}
