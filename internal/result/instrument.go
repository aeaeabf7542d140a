package result

import "github.com/energyprobe/energyprobe/internal/report"

// instrument is of a calibration: how good its measuring was.
func (c *checker) instrument(i *report.Instrument) {
	c.notNegative("duration_s", i.DurationS)
	c.list("interfaces", len(i.Interfaces), func(k int) {
		one := &i.Interfaces[k]
		c.latency("read", one.Read)
		c.list("zones", len(one.Zones), func(k int) {
			z := &one.Zones[k]
			c.latency("read", z.Read)
			c.update(z.Update)
			c.notNegative("unit_j", z.UnitJ)
			c.known("step_j", z.StepJ)
			c.known("step_counts", z.StepCounts)
			c.known("power_w", z.PowerW)
		})
	})
	c.list("agreement", len(i.Agreement), func(k int) {
		a := &i.Agreement[k]
		c.notNegative("span_s", a.SpanS)
		c.factor("ratio", a.Ratio)
		c.factor("correction", a.Correction)
	})
	c.in("clock", func() {
		c.notNegative("span_s", i.Clock.SpanS)
		c.known("read_s", i.Clock.ReadS)
		c.known("uncertainty_ppm", i.Clock.UncertaintyPPM)
	})
}

func (c *checker) latency(name string, l *report.Latency) {
	if l == nil {
		return
	}
	c.in(name, func() {
		c.notNegative("median_s", l.MedianS)
		c.ordered("median_s", &l.MedianS, "p95_s", &l.P95S)
		c.ordered("p95_s", &l.P95S, "p99_s", &l.P99S)
		c.ordered("p99_s", &l.P99S, "max_s", &l.MaxS)
	})
}

func (c *checker) update(u *report.UpdateInterval) {
	if u == nil {
		return
	}
	c.in("update", func() {
		c.notNegative("min_s", u.MinS)
		c.notNegative("std_dev_s", u.StdDevS)
		c.notNegative("resolution_s", u.ResolutionS)
		c.ordered("min_s", &u.MinS, "p5_s", &u.P5S)
		c.ordered("p5_s", &u.P5S, "median_s", &u.MedianS)
		c.ordered("median_s", &u.MedianS, "p95_s", &u.P95S)
		c.ordered("p95_s", &u.P95S, "p99_s", &u.P99S)
		c.ordered("p99_s", &u.P99S, "max_s", &u.MaxS)
	})
}

func (c *checker) factor(name string, f *report.Factor) {
	if f == nil {
		return
	}
	c.in(name, func() {
		c.notNegative("value", f.Value)
		c.notNegative("std_uncertainty", f.StdUncertainty)
		c.notNegative("uncertainty", f.Uncertainty)
	})
}
