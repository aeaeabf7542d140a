package result

import (
	"maps"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// The words that fields of a benchmark may hold.
var (
	benchKinds    = []string{report.BenchHost, report.BenchMatrix, report.BenchCellOf, report.BenchImport}
	cellStates    = []string{report.CellOK, report.CellOOM, report.CellTimeout, report.CellFailed, report.CellEmpty}
	qualities     = []string{string(energy.Measured), string(energy.Attributed), string(energy.Estimated)}
	checkOutcomes = []string{report.CheckPass, report.CheckWarn, report.CheckFail, report.CheckUnknown}
)

func (c *checker) oneOf(name, got string, of []string) {
	if !slices.Contains(of, got) {
		c.fail(name, "want one of %v, got %q", of, shorten(got))
	}
}

func (c *checker) atLeast(name string, got, least int) {
	if got < least {
		c.fail(name, "want %d or more, got %d", least, got)
	}
}

func (c *checker) named(name, got string) {
	if got == "" {
		c.fail(name, "want a name, got an empty text")
	}
}

func (c *checker) bench(b *report.Bench) {
	c.notNegative("duration_s", b.DurationS)
	c.oneOf("kind", b.Kind, benchKinds)
	if p := b.Plan; p != nil {
		c.in("plan", func() {
			c.atLeast("repetitions", p.Repetitions, 0)
			c.atLeast("cells", p.Cells, 0)
			c.list("memory_mb", len(p.MemoryMB), func(i int) { c.atLeast("", p.MemoryMB[i], 0) })
			c.list("workers", len(p.Workers), func(i int) { c.atLeast("", p.Workers[i], 1) })
			c.list("applications", len(p.Applications), func(i int) { c.notNegative("size", p.Applications[i].Size) })
		})
	}
	first := map[string]int{}
	c.list("cells", len(b.Cells), func(i int) {
		cell := &b.Cells[i]
		if k, twice := first[cell.ID]; twice {
			c.fail("id", "%q is that of cells[%d] too", shorten(cell.ID), k)
		}
		first[cell.ID] = i
		c.cell(cell)
	})
	c.list("checks", len(b.Checks), func(i int) { c.oneOf("outcome", b.Checks[i].Outcome, checkOutcomes) })
	if s := b.Score; s != nil {
		c.in("score", func() {
			c.known("energy", s.Energy)
			c.known("time", s.Time)
			c.in("by_application", func() {
				for _, name := range slices.Sorted(maps.Keys(s.ByApp)) {
					c.in(name, func() { c.known("energy", s.ByApp[name].Energy); c.known("time", s.ByApp[name].Time) })
				}
			})
		})
	}
}

func (c *checker) cell(b *report.BenchCell) {
	c.named("id", b.ID)
	c.named("application", b.Application)
	c.named("arch", b.Arch)
	c.atLeast("workers", b.Workers, 1)
	c.atLeast("repetition", b.Repetition, 0)
	c.oneOf("status", b.Status, cellStates)
	if b.MemoryMB != nil {
		c.atLeast("memory_mb", *b.MemoryMB, 1)
	}
	c.known("vcpu", b.VCPU)
	c.known("duration_s", b.DurationS)
	c.known("cpu_s", b.CPUS)
	if b.Work != nil {
		c.in("work", func() { c.notNegative("units", b.Work.Units) })
	}
	c.list("quality", len(b.Quality), func(i int) {
		q := &b.Quality[i]
		c.ordered("low", &q.Low, "high", &q.High)
	})
	c.list("energy", len(b.Energy), func(i int) {
		e := &b.Energy[i]
		c.named("method", e.Method)
		c.oneOf("quality", string(e.Quality), qualities)
		c.energy(e.Energy)
		if e.SocketW != nil && !(*e.SocketW > 0) {
			c.fail("socket_w", "want more than 0, got %v", *e.SocketW)
		}
	})
	if b.Cost != nil {
		c.in("cost", func() {
			c.notNegative("total", b.Cost.Total)
			c.notNegative("compute", b.Cost.Compute)
			c.notNegative("requests", b.Cost.Requests)
			c.notNegative("billed_gbs", b.Cost.BilledGBS)
			c.notNegative("billed_s", b.Cost.BilledS)
		})
	}
	c.list("invocations", len(b.Invocations), func(i int) { c.invocation(&b.Invocations[i]) })
}

func (c *checker) invocation(v *report.Invocation) {
	c.atLeast("worker", v.Worker, 0)
	for _, f := range [...]struct {
		name string
		v    *float64
	}{
		{"duration_s", v.DurationS}, {"read_s", v.ReadS}, {"compute_s", v.ComputeS}, {"write_s", v.WriteS},
		{"cold_start_s", v.ColdStartS}, {"cpu_s", v.CPUS}, {"peak_memory_bytes", v.PeakMemoryBytes},
	} {
		c.known(f.name, f.v)
	}
	if v.Status != "" {
		c.oneOf("status", v.Status, cellStates)
	}
}

func (c *checker) benchComparison(v *report.BenchComparison) {
	c.list("changes", len(v.Changes), func(i int) {
		ch := &v.Changes[i]
		c.oneOf("measure", ch.Measure, report.BenchMeasures())
		c.atLeast("pairs", ch.Pairs, 0)
		c.ordered("mean_low_pct", ch.MeanLowPct, "mean_high_pct", ch.MeanHighPct)
		c.ordered("median_low_pct", ch.MedianLowPct, "median_high_pct", ch.MedianHighPct)
		c.ordered("q1_pct", ch.Q1Pct, "q3_pct", ch.Q3Pct)
		c.ordered("min_pct", ch.MinPct, "max_pct", ch.MaxPct)
	})
	c.list("pairs", len(v.Pairs), func(i int) {
		p := &v.Pairs[i]
		c.atLeast("workers", p.Workers, 1)
		for _, side := range [...]struct {
			name string
			p    *report.BenchPoint
		}{{"a", &p.A}, {"b", &p.B}} {
			c.in(side.name, func() {
				c.known("cost", side.p.Cost)
				c.known("duration_s", side.p.DurationS)
				c.known("energy_j", side.p.EnergyJ)
				c.ordered("low_j", side.p.LowJ, "high_j", side.p.HighJ)
			})
		}
	})
}
