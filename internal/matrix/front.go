package matrix

import (
	"cmp"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/report"
)

// fronts are those of energy against cost and against time, of each
// application that has both.
func fronts(configs []report.BenchConfig) []report.BenchFront {
	var apps []string
	for i := range configs {
		if a := configs[i].Application; !slices.Contains(apps, a) {
			apps = append(apps, a)
		}
	}
	out := []report.BenchFront{}
	for _, app := range apps {
		for _, m := range [...]string{report.MeasureCost, report.MeasureDuration} {
			var of []int
			for i := range configs {
				if c := &configs[i]; c.Application == app && c.Of(m).Median != nil && c.Energy.Median != nil {
					of = append(of, i)
				}
			}
			if len(of) > 0 {
				out = append(out, front(configs, of, app, m))
			}
		}
	}
	return out
}

// front finds the configurations that no other beats.
func front(configs []report.BenchConfig, of []int, app, measure string) report.BenchFront {
	f := report.BenchFront{Application: app, Measure: measure, On: []int{}, Perhaps: []int{}}
	for _, i := range of {
		beaten, surely := false, false
		for _, k := range of {
			beaten = beaten || beats(&configs[k], &configs[i], measure)
			surely = surely || surelyBeats(&configs[k], &configs[i], measure)
		}
		switch {
		case !beaten:
			f.On = append(f.On, i)
		case !surely:
			f.Perhaps = append(f.Perhaps, i)
		}
	}
	byMeasure := func(a, b int) int {
		x, y := &configs[a], &configs[b]
		return cmp.Or(cmp.Compare(*x.Of(measure).Median, *y.Of(measure).Median), cmp.Compare(*x.Energy.Median, *y.Energy.Median), a-b)
	}
	slices.SortFunc(f.On, byMeasure)
	slices.SortFunc(f.Perhaps, byMeasure)
	return f
}

// beats reports whether a is no worse than b in both, and better in one, by the
// medians.
func beats(a, b *report.BenchConfig, measure string) bool {
	ax, bx, ay, by := *a.Of(measure).Median, *b.Of(measure).Median, *a.Energy.Median, *b.Energy.Median
	return ax <= bx && ay <= by && (ax < bx || ay < by)
}

// surelyBeats asks that no chance can turn the order around: the spans don't
// overlap, and between architectures the ranges of the joules don't either.
func surelyBeats(a, b *report.BenchConfig, measure string) bool {
	if !beats(a, b, measure) {
		return false
	}
	_, ax := span(a.Of(measure))
	bx, _ := span(b.Of(measure))
	_, ay := span(&a.Energy.Summary)
	by, _ := span(&b.Energy.Summary)
	if a.Arch != b.Arch {
		if v := a.Energy.RangeHighJ; v != nil {
			ay = math.Max(ay, *v)
		}
		if v := b.Energy.RangeLowJ; v != nil {
			by = math.Min(by, *v)
		}
	}
	return ax <= bx && ay <= by && (ax < bx || ay < by)
}
