package matrix_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/cells"
)

var when = time.Date(2026, 11, 4, 9, 0, 0, 0, time.UTC)

func options() matrix.Options {
	return matrix.Options{Tool: report.Tool{Name: "energyprobe", Version: "0.1.0"}, Now: when, Seed: 42}
}

func set(archs ...string) matrix.Set {
	var in []matrix.Input
	for _, a := range archs {
		in = append(in, matrix.Input{File: a + ".json", Bench: cells.Matrix(a)})
	}
	return matrix.NewSet(in)
}

func ptr[T any](v T) *T { return &v }

// one is a cell of simple numbers.
func one(app, arch string, mb, workers, rep int, cost, seconds, joules float64) report.BenchCell {
	return report.BenchCell{ID: strings.Join([]string{app, arch, string(rune('a' + mb/512)), string(rune('a' + workers)), string(rune('a' + rep))}, "-"),
		Application: app, Arch: arch, MemoryMB: &mb, Workers: workers, Repetition: rep, Status: report.CellOK, DurationS: &seconds,
		Cost: &report.Cost{Total: cost}, Energy: []report.MethodEnergy{{Method: report.MethodTarget, Quality: energy.Measured, Energy: report.Energy{EnergyJ: &joules}}}}
}

func bench(all ...report.BenchCell) *report.Bench {
	return &report.Bench{RunID: "made-up", Cells: all, Prices: cells.Prices()}
}

func setOf(all ...report.BenchCell) matrix.Set {
	return matrix.NewSet([]matrix.Input{{File: "x.json", Bench: bench(all...)}})
}

func near(a *float64, b float64) bool {
	return a != nil && math.Abs(*a-b) <= 1e-9*math.Max(1, math.Abs(b))
}

// TestTableByHand: the median over repetitions, and of these the mean over the
// numbers of workers, each with equal weight however many repetitions it has.
func TestTableByHand(t *testing.T) {
	s := setOf(
		one("titanic", "x86_64", 512, 4, 1, 0.001, 10, 100), one("titanic", "x86_64", 512, 4, 2, 0.003, 30, 300), one("titanic", "x86_64", 512, 4, 3, 0.009, 90, 900),
		one("titanic", "x86_64", 512, 8, 1, 0.002, 7, 50),
		one("titanic", "aarch64", 2048, 8, 1, 0.004, 5, 40), one("titanic", "aarch64", 2048, 8, 2, 0.006, 6, 60),
	)
	tab, err := matrix.Table(s, options())
	if err != nil {
		t.Fatal(err)
	}
	if len(tab.Rows) != 2 || tab.Rows[0].Arch != "aarch64" || *tab.Rows[0].MemoryMB != 2048 || tab.Rows[1].Arch != "x86_64" {
		t.Fatalf("rows %+v", tab.Rows)
	}
	x := tab.Rows[1].Entries[0]
	if !near(x.Cost, (0.003+0.002)/2) || !near(x.DurationS, (30.0+7)/2) || !near(x.EnergyJ, (300.0+50)/2) || !slices.Equal(x.Workers, []int{8, 4}) || x.Cells != 4 {
		t.Errorf("x86: %+v", x)
	}
	a := tab.Rows[0].Entries[0]
	if !near(a.Cost, 0.005) || !near(a.DurationS, 5.5) || !near(a.EnergyJ, 50) {
		t.Errorf("ARM: %+v", a)
	}
	if tab.Method != report.MethodTarget || tab.Quality != energy.Measured || tab.Currency != "USD" {
		t.Errorf("%s, %s, %s", tab.Method, tab.Quality, tab.Currency)
	}
	if !strings.Contains(strings.Join(tab.Notes, " "), "different numbers of workers") {
		t.Errorf("no word of the uneven numbers of workers: %q", tab.Notes)
	}
	o := options()
	o.CommonWorkers = true
	if tab, err = matrix.Table(s, o); err != nil || !near(tab.Rows[1].Entries[0].DurationS, 7) || !slices.Equal(tab.Rows[1].Entries[0].Workers, []int{8}) {
		t.Errorf("common workers: %+v (%v)", tab.Rows[1].Entries[0], err)
	}
}

// TestFailedCells are in no number and counted; what is not known is never 0.
func TestFailedCells(t *testing.T) {
	oom := one("ml", "x86_64", 512, 4, 2, 0, 0, 0)
	oom.Status, oom.Reason, oom.DurationS, oom.Cost, oom.Energy = report.CellOOM, "worker 1 was ended at 512 MB", nil, nil, nil
	all := oom
	all.ID, all.Workers = "all-failed", 8
	noJoules := one("ml", "x86_64", 1024, 4, 1, 0.1, 5, 5)
	noJoules.Energy = nil
	noJoules.Cost = nil
	tab, err := matrix.Table(setOf(one("ml", "x86_64", 512, 4, 1, 0.1, 5, 50), oom, all, noJoules), options())
	if err != nil {
		t.Fatal(err)
	}
	e := tab.Rows[0].Entries[0]
	if !near(e.EnergyJ, 50) || e.Failures[report.CellOOM] != 2 || !slices.Equal(e.Workers, []int{4}) || tab.Failed != 2 || tab.Cells != 4 {
		t.Errorf("%+v, %d of %d", e, tab.Failed, tab.Cells)
	}
	e = tab.Rows[1].Entries[0]
	if e.EnergyJ != nil || e.Cost != nil || !near(e.DurationS, 5) || !strings.Contains(e.Reason, "at 4 workers: no cell has a cost") {
		t.Errorf("%+v", e)
	}
	for _, c := range tab.Configs {
		if c.Workers == 8 && (c.Duration.Median != nil || !strings.Contains(c.Duration.Reason, "worker 1 was ended at 512 MB")) {
			t.Errorf("%+v", c.Duration)
		}
	}
}

// TestCellsOnce: an index and the files of its cells hold the same cells.
func TestCellsOnce(t *testing.T) {
	whole := cells.Matrix("x86_64")
	single := *whole
	single.Kind, single.Cells = report.BenchCellOf, whole.Cells[3:4]
	s := matrix.NewSet([]matrix.Input{{File: "d/index.json", Bench: whole}, {File: "d/cell.json", Bench: &single}})
	if len(s.Cells) != len(whole.Cells) || len(s.Files) != 2 || len(s.Warnings) != 1 || s.Warnings[0].Code != "cells-twice" {
		t.Errorf("%d cells of %d, %v", len(s.Cells), len(whole.Cells), s.Warnings)
	}
	other := *whole
	other.RunID = "another"
	if s = matrix.NewSet([]matrix.Input{{File: "a", Bench: whole}, {File: "b", Bench: &other}}); len(s.Cells) != 2*len(whole.Cells) {
		t.Errorf("two experiments came to %d cells", len(s.Cells))
	}
}

// TestFront against the definition, tried out pair by pair, and against what can
// be told by hand.
func TestFront(t *testing.T) {
	tab, err := matrix.Table(set("x86_64", "aarch64"), options())
	if err != nil {
		t.Fatal(err)
	}
	if len(tab.Fronts) != 6 {
		t.Fatalf("%d fronts", len(tab.Fronts))
	}
	for _, f := range tab.Fronts {
		for i := range tab.Configs {
			c := &tab.Configs[i]
			if c.Application != f.Application || c.Energy.Median == nil {
				continue
			}
			beaten := false
			for k := range tab.Configs {
				o := &tab.Configs[k]
				if o.Application == c.Application && o.Energy.Median != nil && *o.Energy.Median < *c.Energy.Median && *o.Of(f.Measure).Median < *c.Of(f.Measure).Median {
					beaten = true
				}
			}
			if on := slices.Contains(f.On, i); on == beaten {
				t.Errorf("%s, %s: %s is beaten: %v, on the front: %v", f.Application, f.Measure, c.Name(), beaten, on)
			}
			if slices.Contains(f.Perhaps, i) && !beaten {
				t.Errorf("%s is perhaps on the front that it is on", c.Name())
			}
		}
		for i := 1; i < len(f.On); i++ {
			a, b := tab.Configs[f.On[i-1]], tab.Configs[f.On[i]]
			if *a.Of(f.Measure).Median > *b.Of(f.Measure).Median || *a.Energy.Median < *b.Energy.Median {
				t.Errorf("the front is out of order at %d", i)
			}
		}
	}
}

// TestFrontUncertain: what repetitions leave open keeps a configuration on the
// front, and what they don't takes it off.
func TestFrontUncertain(t *testing.T) {
	s := setOf(
		one("ml", "x86_64", 512, 4, 1, 0.1, 10, 100), one("ml", "x86_64", 512, 4, 2, 0.1, 12, 110),
		one("ml", "x86_64", 512, 8, 1, 0.1, 11, 105), one("ml", "x86_64", 512, 8, 2, 0.1, 13, 125), // overlaps
		one("ml", "x86_64", 512, 16, 1, 0.1, 20, 200), one("ml", "x86_64", 512, 16, 2, 0.1, 22, 220), // doesn't
	)
	tab, err := matrix.Table(s, options())
	if err != nil {
		t.Fatal(err)
	}
	f := tab.Fronts[1]
	workers := func(of []int) (out []int) {
		for _, i := range of {
			out = append(out, tab.Configs[i].Workers)
		}
		return out
	}
	if f.Measure != report.MeasureDuration || !slices.Equal(workers(f.On), []int{4}) || !slices.Equal(workers(f.Perhaps), []int{8}) {
		t.Errorf("on %v, perhaps %v", workers(f.On), workers(f.Perhaps))
	}
	// An estimate's range is one error of an architecture: it decides nothing
	// within one, and can between two.
	for arch, perhaps := range map[string]int{"x86_64": 0, "aarch64": 1} {
		a, b := one("ml", "x86_64", 512, 4, 1, 0.1, 10, 100), one("ml", arch, 512, 8, 1, 0.2, 20, 200)
		for _, c := range []*report.BenchCell{&a, &b} {
			e := &c.Energy[0]
			e.Quality, e.LowJ, e.HighJ = energy.Estimated, ptr(*e.EnergyJ*0.5), ptr(*e.EnergyJ*2)
		}
		tab, err := matrix.Table(setOf(a, b), options())
		if err != nil || len(tab.Fronts[1].On) != 1 || len(tab.Fronts[1].Perhaps) != perhaps {
			t.Errorf("%s: %+v (%v)", arch, tab.Fronts, err)
		}
	}
}

func sides(a, b matrix.Set) (matrix.Side, matrix.Side) {
	return matrix.Side{Label: "a", Set: a}, matrix.Side{Label: "b", Set: b}
}

// TestCompareByHand: pairs by application, memory and workers, whatever else the
// sides have.
func TestCompareByHand(t *testing.T) {
	a, b := sides(
		setOf(one("ml", "x86_64", 512, 4, 1, 1, 10, 100), one("ml", "x86_64", 512, 8, 1, 2, 8, 80), one("video", "x86_64", 512, 8, 1, 1, 10, 10)),
		setOf(one("ml", "aarch64", 512, 4, 1, 0.8, 11, 50), one("ml", "aarch64", 512, 8, 1, 1.8, 10, 60), one("ml", "aarch64", 1024, 8, 1, 1, 1, 1)))
	c, err := matrix.Compare(a, b, options())
	if err != nil {
		t.Fatal(err)
	}
	if c.A.Label != "x86" || c.B.Label != "ARM" || len(c.Pairs) != 2 || len(c.Unpaired) != 2 {
		t.Fatalf("%s, %s, %d pairs, %v", c.A.Label, c.B.Label, len(c.Pairs), c.Unpaired)
	}
	all := matrix.Overall(c)
	cost := all[report.MeasureCost]
	if !near(cost.MeanPct, -15) || !near(cost.MedianPct, -15) || !near(cost.MinPct, -20) || !near(cost.MaxPct, -10) || !near(cost.TotalPct, 100*(2.6/3-1)) {
		t.Errorf("cost %+v", cost)
	}
	if cost.MeanLowPct != nil || !strings.Contains(cost.Reason, "too few") {
		t.Errorf("an interval of two pairs: %+v", cost)
	}
	if e := all[report.MeasureEnergy]; !near(e.MeanPct, (-50.0-25)/2) {
		t.Errorf("energy %+v", e)
	}
	if d := all[report.MeasureDuration]; !near(d.MeanPct, (10.0+25)/2) {
		t.Errorf("time %+v", d)
	}
	if len(c.Sensitivity) != 0 {
		t.Errorf("a measurement assumes no watts: %+v", c.Sensitivity)
	}
}

// TestSensitivity: the change in energy by the whole-socket method is exactly in
// proportion to the ratio of the watts.
func TestSensitivity(t *testing.T) {
	o := options()
	o.Method = report.MethodWholeSocket
	a, b := sides(set("x86_64"), set("aarch64"))
	c, err := matrix.Compare(a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sensitivity) != 5 || !c.Sensitivity[0].Used || !near(c.Sensitivity[0].AW, 166) || !near(c.Sensitivity[0].BW, 100) {
		t.Fatalf("%+v", c.Sensitivity)
	}
	used := 1 + *c.Sensitivity[0].MeanPct/100
	for _, s := range c.Sensitivity {
		if want := 100 * (used*(*s.Ratio)/(100.0/166) - 1); !near(s.MeanPct, want) {
			t.Errorf("%s: %v, want %v", s.Assumption, *s.MeanPct, want)
		}
	}
	if e := matrix.Overall(c)[report.MeasureEnergy]; !near(c.Sensitivity[0].MeanPct, *e.MeanPct) || !near(c.Sensitivity[4].MeanPct, *e.MeanPct) {
		t.Error("the change as the cells have it differs from the change")
	}
	last := c.Verdicts[len(c.Verdicts)-1]
	if !strings.Contains(last, "points are no more than the ratio of the watts assumed (100 W for ARM, 166 W for x86)") {
		t.Error(last)
	}
	// Of two sides that differ in watts alone all of it is assumed: 39.8 points.
	b2 := set("x86_64")
	for i := range b2.Cells {
		c := &b2.Cells[i]
		c.Arch = "aarch64"
		c.Energy = slices.Clone(c.Energy)
		for k := range c.Energy {
			if c.Energy[k].Method == report.MethodWholeSocket {
				c.Energy[k].EnergyJ, c.Energy[k].SocketW = ptr(*c.Energy[k].EnergyJ*100/166), ptr(100.0)
			}
		}
	}
	a, b = sides(set("x86_64"), b2)
	if c, err = matrix.Compare(a, b, o); err != nil {
		t.Fatal(err)
	}
	last = c.Verdicts[len(c.Verdicts)-1]
	if !strings.HasPrefix(last, "Of the 39.8 % less energy, 39.8 points are no more than the ratio") || !strings.Contains(last, "at equal watts it is ") {
		t.Error(last)
	}
}

// TestSensitivityOfRanges: of the share of a socket, the ends of the ranges.
func TestSensitivityOfRanges(t *testing.T) {
	a, b := sides(set("x86_64"), set("aarch64"))
	c, err := matrix.Compare(a, b, options())
	if err != nil || c.Method != report.MethodVCPUShare || len(c.Sensitivity) != 5 {
		t.Fatalf("%v %+v", err, c)
	}
	mid := 1 + *c.Sensitivity[0].MeanPct/100
	for i, want := range []float64{1, 1, 1, 0.6 / 1.8, 1.8 / 0.6} {
		if got := 1 + *c.Sensitivity[i].MeanPct/100; math.Abs(got-mid*want) > 1e-4 {
			t.Errorf("%s: %v, want %v", c.Sensitivity[i].Assumption, got, mid*want)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	x, arm := set("x86_64"), set("aarch64")
	for want, in := range map[string][2]matrix.Set{
		"holds no cells":                                          {x, {}},
		"a directory of one architecture":                         {set("x86_64", "aarch64"), arm},
		"no configuration in common":                              {setOf(one("ml", "x86_64", 512, 4, 1, 1, 1, 1)), setOf(one("ml", "aarch64", 512, 8, 1, 1, 1, 1))},
		"costs are in USD and EUR: give results by prices of one": {x, {Cells: arm.Cells, Prices: []report.PriceList{{Currency: "EUR"}}}},
	} {
		a, b := sides(in[0], in[1])
		if _, err := matrix.Compare(a, b, options()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	o := options()
	o.Method = "magic"
	a, b := sides(x, arm)
	if _, err := matrix.Compare(a, b, o); err == nil || !strings.Contains(err.Error(), "no cell has joules by the method magic; there are vcpu-share, whole-socket") {
		t.Errorf("%v", err)
	}
}

// TestCompareMirrors: the other way round the pairs' factors are the inverse.
func TestCompareMirrors(t *testing.T) {
	a, b := sides(set("x86_64"), set("aarch64"))
	ab, err := matrix.Compare(a, b, options())
	if err != nil {
		t.Fatal(err)
	}
	ba, err := matrix.Compare(b, a, options())
	if err != nil || len(ab.Pairs) != len(ba.Pairs) {
		t.Fatalf("%v: %d and %d pairs", err, len(ab.Pairs), len(ba.Pairs))
	}
	for i := range ab.Pairs {
		for _, m := range report.BenchMeasures() {
			if f := (1 + *ab.Pairs[i].Change(m)/100) * (1 + *ba.Pairs[i].Change(m)/100); math.Abs(f-1) > 1e-12 {
				t.Errorf("pair %d, %s: %v", i, m, f)
			}
		}
	}
}

func TestRecommend(t *testing.T) {
	s := setOf(
		one("ml", "x86_64", 512, 4, 1, 1, 60, 50), one("ml", "x86_64", 512, 4, 2, 1, 62, 52), // least energy, slow
		one("ml", "x86_64", 1024, 8, 1, 2, 28, 80), one("ml", "x86_64", 1024, 8, 2, 2, 31, 82), // in time once
		one("ml", "x86_64", 2048, 16, 1, 4, 15, 100), one("ml", "x86_64", 2048, 16, 2, 4, 16, 101), // fastest
	)
	for _, c := range []struct {
		b       matrix.Bounds
		workers int
		says    string
	}{
		{matrix.Bounds{Objective: report.MeasureEnergy}, 4, "least energy: 51.0 J"},
		{matrix.Bounds{Objective: report.MeasureDuration}, 16, "least time"},
		{matrix.Bounds{Objective: report.MeasureEnergy, DeadlineS: ptr(30.0)}, 8, "Only 1 of its 2 repetitions kept to the bounds"},
		{matrix.Bounds{Objective: report.MeasureEnergy, DeadlineS: ptr(20.0)}, 16, "1 of 3 configurations can be taken; the others: 2 too slow"},
		{matrix.Bounds{Objective: report.MeasureDuration, MaxEnergyJ: ptr(90.0)}, 8, "1 too much energy"},
		{matrix.Bounds{Objective: report.MeasureDuration, Budget: ptr(1.5)}, 4, "1 of 3"},
		{matrix.Bounds{Objective: report.MeasureEnergy, DeadlineS: ptr(5.0)}, 0, "no configuration is within 5 s. The fastest is x86 2048 MB, 16 workers (100 J, 15.5 s, 4.00 USD); the cheapest is x86 512 MB, 4 workers"},
	} {
		r, err := matrix.Recommend(s, c.b, options())
		if err != nil {
			t.Fatal(err)
		}
		a := r.Applications[0]
		if c.workers == 0 {
			if a.Chosen != nil {
				t.Errorf("%+v chose %d", c.b, *a.Chosen)
			}
		} else if a.Chosen == nil || a.Candidates[*a.Chosen].Workers != c.workers {
			t.Errorf("%+v chose %v", c.b, a.Chosen)
		}
		if text := a.Answer + " " + a.Why; !strings.Contains(text, c.says) {
			t.Errorf("%q\n lacks %q", text, c.says)
		}
	}
	if _, err := matrix.Recommend(s, matrix.Bounds{Objective: "beauty"}, options()); err == nil {
		t.Error("beauty is no objective")
	}
}

// TestRecommendIsBest: nothing that can be taken has less of the objective, in
// realistic cells, and what failed is never taken.
func TestRecommendIsBest(t *testing.T) {
	s := set("x86_64", "aarch64")
	for _, m := range report.BenchMeasures() {
		for _, deadline := range []float64{10, 40, 100, 400} {
			r, err := matrix.Recommend(s, matrix.Bounds{Objective: m, DeadlineS: &deadline}, options())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range r.Applications {
				for i := range a.Candidates {
					c := &a.Candidates[i]
					fits := c.Failed() == 0 && c.Duration.Median != nil && *c.Duration.Median <= deadline
					switch {
					case c.OK != fits:
						t.Errorf("%s: taken to be possible: %v (%v)", c.BenchConfig.Name(), c.OK, c.Against)
					case fits && a.Chosen == nil:
						t.Errorf("nothing chosen, though %s would do", c.BenchConfig.Name())
					case fits && *c.Of(m).Median < *a.Candidates[*a.Chosen].Of(m).Median:
						t.Errorf("%s has less %s than what was chosen", c.BenchConfig.Name(), m)
					}
				}
			}
		}
	}
}

// A warning of a file that both sides are from is told of once.
func TestWarningsOfOneFile(t *testing.T) {
	w := []report.Warning{{Code: "price-missing", Message: "m", Advice: "a"}, {Code: "price-missing", Message: "n", Advice: "a"}}
	a, b := sides(set("x86_64"), set("aarch64"))
	a.Warnings, b.Warnings = w, w[:1]
	c, err := matrix.Compare(a, b, options())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[report.Warning]int{}
	for _, w := range c.Warnings {
		seen[w]++
	}
	if seen[w[0]] != 1 || seen[w[1]] != 1 {
		t.Errorf("%+v", c.Warnings)
	}
}
