package result

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/report"
)

// check looks for what no measurement gives, whatever JSON allows: times that
// run backwards, energies below 0, intervals the wrong way round.
func (p *parser) check(v any) error {
	c := &checker{p: p}
	switch v := v.(type) {
	case *report.Run:
		c.run(v)
	case *report.Trials:
		c.notNegative("duration_s", v.DurationS)
		c.list("series", len(v.Series), func(i int) { c.series(&v.Series[i]) })
	case *report.Comparison:
		c.comparison(v)
	case *report.Bench:
		c.bench(v)
	case *report.BenchComparison:
		c.benchComparison(v)
	case *report.Calibration:
		c.notNegative("duration_s", v.DurationS)
		if v.Idle != nil {
			c.in("idle", func() { c.notNegative("power_w", v.Idle.PowerW); c.notNegative("spread_w", v.Idle.SpreadW) })
		}
		if v.SMT != nil {
			c.in("smt", func() {
				c.notNegative("rho", v.SMT.Rho)
				c.notNegative("low", v.SMT.Low)
				c.notNegative("high", v.SMT.High)
			})
		}
		c.in("facts", func() { c.known("limit_w", v.Facts.LimitW) })
		c.list("points", len(v.Points), func(i int) { c.point(&v.Points[i]) })
		c.list("models", len(v.Models), func(i int) { c.model(&v.Models[i], len(v.Points)) })
		if v.Instrument != nil {
			c.in("instrument", func() { c.instrument(v.Instrument) })
		}
	}
	return c.err
}

// point is one of a calibration.
func (c *checker) point(p *report.CalibrationPoint) {
	c.notNegative("duration_s", p.DurationS)
	c.notNegative("load", p.Load)
	if p.Load > 1 {
		c.fail("load", "%g: want a part of the machine, 0 to 1", p.Load)
	}
	if shapes := []string{report.ShapeIdle, report.ShapeDuty, report.ShapeTogether, report.ShapeCores, report.ShapeTrace}; !slices.Contains(shapes, p.Shape) {
		c.fail("shape", "want one of %v, got %q", shapes, p.Shape)
	}
	for _, f := range []struct {
		name string
		v    *float64
	}{{"background", p.Background}, {"steal", p.Steal}, {"throttled", p.Throttled}, {"quota_s", p.QuotaS}} {
		c.known(f.name, f.v)
	}
	c.list("thirds_w", len(p.ThirdsW), func(i int) { c.believable("", p.ThirdsW[i]) })
	c.list("sockets", len(p.Sockets), func(i int) {
		s := &p.Sockets[i]
		if s.CPUs < 1 {
			c.fail("cpus", "%d: want 1 or more", s.CPUs)
		}
		for _, f := range []struct {
			name string
			v    *float64
		}{
			{"power_w", s.PowerW}, {"uncertainty_w", s.UncertaintyW}, {"dram_w", s.DRAMW}, {"busy", s.Busy}, {"awake", s.Awake}, {"one_thread", s.OneThread},
			{"both_threads", s.BothThreads}, {"frequency_hz", s.FrequencyHz}, {"instructions", s.Instructions},
		} {
			if f.v != nil {
				c.believable(f.name, *f.v)
			}
		}
		if s.Awake != nil && *s.Awake > 1 {
			c.fail("awake", "%g: want a part of the time, 0 to 1", *s.Awake)
		}
	})
}

// maxBelievable is beyond any watts, hertz or instructions a second of a
// socket. Models are fitted to them, and the squares of what is larger would
// overflow.
const maxBelievable = 1e15

func (c *checker) believable(name string, v float64) {
	c.notNegative(name, v)
	if v > maxBelievable {
		c.fail(name, "%g is more than any host has", v)
	}
}

// model is one of a calibration of so many points.
func (c *checker) model(m *report.ModelQuality, points int) {
	if n := len(m.PredictedW); n != 0 && n != points {
		c.fail("predicted_w", "want one for each of the %d points, got %d", points, n)
	}
	for _, part := range []struct {
		name string
		e    *report.ModelErrors
	}{{"training", m.Training}, {"holdout", m.Holdout}} {
		if part.e == nil {
			continue
		}
		c.in(part.name, func() {
			c.in("wmape_pct", func() { c.ordered("low", part.e.WMAPE.Low, "high", part.e.WMAPE.High) })
			c.in("energy_pct", func() { c.ordered("low", part.e.Energy.Low, "high", part.e.Energy.High) })
		})
	}
}

// checker keeps the first problem, and the path to it.
type checker struct {
	p   *parser
	err error
}

func (c *checker) fail(name, format string, args ...any) {
	if c.err != nil {
		return
	}
	if name != "" {
		c.p.push(name)
		defer c.p.pop()
	}
	c.err = &fault{field: c.p.field(), text: fmt.Sprintf(format, args...)} // its line is not known any more
}

func (c *checker) list(name string, n int, f func(i int)) {
	c.in(name, func() {
		for i := range n {
			c.p.path = append(c.p.path, step{index: i})
			f(i)
			c.p.pop()
		}
	})
}

func (c *checker) in(name string, f func()) {
	c.p.push(name)
	f()
	c.p.pop()
}

func (c *checker) notNegative(name string, v float64) {
	if v < 0 {
		c.fail(name, "want 0 or more, got %v", v)
	}
}

func (c *checker) known(name string, v *float64) {
	if v != nil {
		c.notNegative(name, *v)
	}
}

func (c *checker) ordered(low string, l *float64, high string, h *float64) {
	if l != nil && h != nil && *l > *h {
		c.fail(low, "%v is above %s, which is %v", *l, high, *h)
	}
}

func (c *checker) energy(e report.Energy) {
	c.known("energy_j", e.EnergyJ)
	c.known("uncertainty_j", e.UncertaintyJ)
	c.ordered("low_j", e.LowJ, "high_j", e.HighJ)
}

func (c *checker) run(r *report.Run) {
	c.notNegative("duration_s", r.DurationS)
	c.list("domains", len(r.Domains), func(i int) { c.energy(r.Domains[i].Energy) })
	c.in("total", func() { c.energy(r.Total) })
}

func (c *checker) series(s *report.TrialSeries) {
	c.list("runs", len(s.Runs), func(i int) {
		t := &s.Runs[i]
		c.notNegative("duration_s", t.DurationS)
		c.known("energy_j", t.EnergyJ)
		c.known("uncertainty_j", t.UncertaintyJ)
		c.known("power_w", t.PowerW)
		c.known("cpu_s", t.CPUS)
	})
	c.in("summary", func() {
		for _, name := range slices.Sorted(maps.Keys(s.Summary)) {
			c.in(name, func() { c.summary(name, s) })
		}
	})
}

// summary is that of a measure. What it says can be told from the runs: one that
// was changed by hand, or goes with others, is found so.
func (c *checker) summary(name string, s *report.TrialSeries) {
	m := s.Summary[name]
	for _, f := range []struct {
		low  string
		l    *float64
		high string
		h    *float64
	}{
		{"low", m.Low, "high", m.High}, {"q1", m.Q1, "q3", m.Q3}, {"min", m.Min, "max", m.Max},
		{"min", m.Min, "median", m.Median}, {"median", m.Median, "max", m.Max}, {"q1", m.Q1, "median", m.Median}, {"median", m.Median, "q3", m.Q3},
		{"low", m.Low, "median", m.Median}, {"median", m.Median, "high", m.High},
	} {
		if f.l != nil && f.h != nil && !nearly(*f.l, *f.h) {
			c.ordered(f.low, f.l, f.high, f.h)
		}
	}
	c.list("outliers", len(m.Outliers), func(i int) {
		if k := m.Outliers[i]; k < 0 || k >= len(s.Runs) {
			c.fail("", "there is no run %d among %d", k, len(s.Runs))
		}
	})
	if m.N+m.Missing > len(s.Runs) {
		c.fail("n", "%d and %d missing: there are %d runs", m.N, m.Missing, len(s.Runs))
	}
	var values []float64
	for i := range s.Runs {
		if v := s.Runs[i].Value(name); v != nil {
			values = append(values, *v)
		}
	}
	n := len(values)
	if n != m.N || n == 0 {
		return // net joules and the like that the runs of an older version lack
	}
	slices.Sort(values)
	for _, f := range []struct {
		name string
		said *float64
		is   float64
	}{{"min", m.Min, values[0]}, {"max", m.Max, values[n-1]}, {"median", m.Median, (values[(n-1)/2] + values[n/2]) / 2}} {
		if f.said != nil && !nearly(*f.said, f.is) {
			c.fail(f.name, "%v, but of the runs it is %v: one of them was changed", *f.said, f.is)
		}
	}
}

// nearly reports whether two numbers are the same but for the digits that some
// programs leave out when they copy JSON.
func nearly(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

func (c *checker) comparison(v *report.Comparison) {
	var labels []string
	c.list("sides", len(v.Sides), func(i int) {
		labels = append(labels, v.Sides[i].Label)
		c.in("series", func() { c.series(&v.Sides[i].Series) })
	})
	if len(v.Sides) < 2 {
		c.fail("sides", "want two or more, got %d", len(v.Sides))
	}
	if !slices.Contains(report.Measures(), v.Measure) {
		c.fail("measure", "want one of %v, got %q", report.Measures(), v.Measure)
	}
	c.list("pairs", len(v.Pairs), func(i int) {
		pair := &v.Pairs[i]
		for _, side := range [...]struct{ name, label string }{{"a", pair.A}, {"b", pair.B}} {
			if !slices.Contains(labels, side.label) {
				c.fail(side.name, "no side has the label %q", side.label)
			}
		}
		c.in("changes", func() {
			for _, name := range slices.Sorted(maps.Keys(pair.Changes)) {
				change := pair.Changes[name]
				c.in(name, func() { c.ordered("low_pct", change.LowPct, "high_pct", change.HighPct) })
			}
		})
	})
}
