package matrix

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// Side is one of the two sets of a comparison.
type Side struct {
	Label string // as it was given; the architecture's name where that tells the sides apart
	Set
}

// Compare sets b against a, configuration by configuration.
func Compare(a, b Side, o Options) (*report.BenchComparison, error) {
	for _, s := range [...]*Side{&a, &b} {
		if len(s.Cells) == 0 {
			return nil, fmt.Errorf("%s holds no cells", s.Label)
		}
		if archs := s.Archs(); len(archs) > 1 {
			return nil, fmt.Errorf("%s holds cells of %s: give a directory of one architecture for each side", s.Label, strings.Join(archs, " and "))
		}
	}
	both := Set{Cells: slices.Concat(a.Cells, b.Cells), Prices: slices.Concat(a.Prices, b.Prices)}
	method, err := commonMethod(a.Set, b.Set, o.Method)
	if err != nil {
		return nil, err
	}
	currency, err := both.currency()
	if err != nil {
		return nil, err
	}
	name(&a, &b)
	c := &report.BenchComparison{Schema: report.BenchComparisonSchema, RunID: report.NewID(), StartedAt: o.Now, Tool: o.Tool, A: side(a), B: side(b),
		Method: method, Currency: currency, Seed: o.Seed, Pairs: []report.BenchPair{}, Unpaired: []report.BenchLone{}, Sensitivity: []report.BenchSensitivity{},
		Warnings: distinct(a.Warnings, b.Warnings)}
	c.Warnings = append(c.Warnings, both.unlikeWork()...)
	if method == "" {
		c.Warnings = append(c.Warnings, report.Warning{Code: "no-common-method", Message: "the two sides have no joules by the same method, so energy is not compared",
			Advice: "measure or estimate both in the same way"})
	}
	pairUp(c, a.Set, b.Set, method)
	if len(c.Pairs) == 0 {
		return nil, errors.New("the two sides have no configuration in common (application, memory, number of workers): " + firstLone(c))
	}
	changes(c)
	sensitivity(c)
	c.Verdicts = verdicts(c)
	return c, nil
}

// commonMethod is one that both sides have joules by. What is measured on one
// side and estimated on the other does not compare.
func commonMethod(a, b Set, asked string) (string, error) {
	if asked != "" {
		if _, err := a.method(asked); err != nil {
			return "", err
		}
		_, err := b.method(asked)
		return asked, err
	}
	first, err := a.method("")
	if err != nil || first == "" {
		return "", err
	}
	has := func(s Set, m string) bool { _, err := s.method(m); return err == nil }
	if second, _ := b.method(""); second == first || has(b, first) {
		return first, nil
	} else if second != "" && has(a, second) {
		return second, nil
	}
	return "", nil
}

// name calls the sides by their architectures where these differ.
func name(a, b *Side) {
	if x, y := a.Archs()[0], b.Archs()[0]; x != y {
		a.Label, b.Label = report.ArchName(x), report.ArchName(y)
	}
	if a.Label == b.Label {
		a.Label, b.Label = a.Label+" (A)", b.Label+" (B)"
	}
}

func side(s Side) report.BenchSide {
	out := report.BenchSide{Label: s.Label, Files: s.Files, Archs: s.Archs(), Cells: len(s.Cells), Prices: append([]report.PriceList{}, s.Prices...)}
	for i := range s.Cells {
		if s.Cells[i].Status != report.CellOK {
			out.Failed++
		}
	}
	return out
}

// pairUp fills in the pairs, and what has no partner.
func pairUp(c *report.BenchComparison, a, b Set, method string) {
	configs := func(s Set) (order []key, by map[key]*report.BenchConfig) {
		by = map[key]*report.BenchConfig{}
		for _, g := range s.groups() {
			k := g.key
			k.arch = "" // the sides may differ in it
			cfg := g.config(method)
			order, by[k] = append(order, k), &cfg
		}
		return order, by
	}
	orderA, inA := configs(a)
	orderB, inB := configs(b)
	lone := func(side string, k key, why string) {
		c.Unpaired = append(c.Unpaired, report.BenchLone{Side: side, Application: k.app, MemoryMB: k.memoryMB(), Workers: k.workers, Reason: why})
	}
	for _, k := range orderA {
		x, y := inA[k], inB[k]
		switch {
		case y == nil:
			lone("a", k, c.B.Label+" has no such cell")
		case y.Duration.Median == nil && x.Duration.Median == nil:
			lone("a", k, "on neither side did a cell end well")
		case y.Duration.Median == nil:
			lone("a", k, c.B.Label+": "+y.Duration.Reason)
		case x.Duration.Median == nil:
			lone("b", k, c.A.Label+": "+x.Duration.Reason)
		default:
			c.Pairs = append(c.Pairs, pair(k, x, y))
			c.Quality = energy.Worse(c.Quality, energy.Worse(x.Energy.Quality, y.Energy.Quality))
		}
	}
	for _, k := range orderB {
		if inA[k] == nil {
			lone("b", k, c.A.Label+" has no such cell")
		}
	}
}

func firstLone(c *report.BenchComparison) string {
	if len(c.Unpaired) == 0 {
		return "there are no cells"
	}
	u := c.Unpaired[0]
	label := c.A.Label
	if u.Side == "b" {
		label = c.B.Label
	}
	return fmt.Sprintf("%s has %s with %s, %s; %s", label, u.Application, report.MemoryName(u.MemoryMB), report.Plural(u.Workers, "worker"), u.Reason)
}

func pair(k key, a, b *report.BenchConfig) report.BenchPair {
	point := func(c *report.BenchConfig) report.BenchPoint {
		return report.BenchPoint{Repetitions: c.Repetitions - c.Failed(), Cost: c.Cost.Median, DurationS: c.Duration.Median, EnergyJ: c.Energy.Median,
			LowJ: c.Energy.RangeLowJ, HighJ: c.Energy.RangeHighJ, SocketW: c.Energy.SocketW}
	}
	p := report.BenchPair{Application: k.app, MemoryMB: k.memoryMB(), Workers: k.workers, A: point(a), B: point(b)}
	p.CostPct, p.TimePct, p.EnergyPct = change(p.A.Cost, p.B.Cost), change(p.A.DurationS, p.B.DurationS), change(p.A.EnergyJ, p.B.EnergyJ)
	p.EnergyLowPct, p.EnergyHighPct = change(p.A.HighJ, p.B.LowJ), change(p.A.LowJ, p.B.HighJ)
	return p
}

// change is how far b lies above a, in percent of it.
func change(a, b *float64) *float64 {
	if a == nil || b == nil || !(*a > 0) {
		return nil
	}
	return report.Known(100 * (*b / *a - 1))
}

// changes sums up the pairs, by application and all together.
func changes(c *report.BenchComparison) {
	var apps []string
	for i := range c.Pairs {
		if a := c.Pairs[i].Application; !slices.Contains(apps, a) {
			apps = append(apps, a)
		}
	}
	list := apps
	if len(apps) > 1 {
		list = append([]string{""}, apps...)
	}
	for _, app := range list {
		of := apps
		if app != "" || len(apps) == 1 {
			of = []string{app}
		}
		for _, m := range report.BenchMeasures() {
			c.Changes = append(c.Changes, changeOf(c, app, of, m))
		}
	}
}

// changeOf sums up one measure of the pairs of some applications.
func changeOf(c *report.BenchComparison, app string, of []string, measure string) report.BenchChange {
	out := report.BenchChange{Application: app, Measure: measure}
	groups := make([][]float64, len(of))
	var all []float64
	sumA, sumB := 0.0, 0.0
	for i := range c.Pairs {
		p := &c.Pairs[i]
		g := slices.Index(of, p.Application)
		if g < 0 {
			continue
		}
		v := p.Change(measure)
		if v == nil {
			out.Missing++
			continue
		}
		out.Pairs++
		groups[g], all = append(groups[g], *v), append(all, *v)
		sumA, sumB = sumA+*valueOf(&p.A, measure), sumB+*valueOf(&p.B, measure)
	}
	if len(all) == 0 {
		out.Reason = "no pair has it on both sides"
		return out
	}
	seed := uint64(c.Seed)
	mean, median := stats.Bootstrap(groups, stats.Mean, seed), stats.Bootstrap(groups, stats.MedianOf, seed)
	out.MeanPct, out.MeanLowPct, out.MeanHighPct = report.Known(mean.Value), report.Known(mean.Low), report.Known(mean.High)
	out.MedianPct, out.MedianLowPct, out.MedianHighPct = report.Known(median.Value), report.Known(median.Low), report.Known(median.High)
	if !mean.Known {
		out.Reason = mean.Why
	}
	q1, q3 := stats.Quartiles(all)
	out.Q1Pct, out.Q3Pct, out.MinPct, out.MaxPct = report.Known(q1), report.Known(q3), report.Known(slices.Min(all)), report.Known(slices.Max(all))
	out.TotalPct = change(&sumA, &sumB)
	return out
}

func valueOf(p *report.BenchPoint, measure string) *float64 {
	switch measure {
	case report.MeasureCost:
		return p.Cost
	case report.MeasureDuration:
		return p.DurationS
	}
	return p.EnergyJ
}

// Overall are the changes of all pairs together, by measure: those of the one
// application where there is no other.
func Overall(c *report.BenchComparison) map[string]report.BenchChange {
	out := map[string]report.BenchChange{}
	for _, ch := range c.Changes {
		if _, there := out[ch.Measure]; !there {
			out[ch.Measure] = ch
		}
	}
	return out
}

// verdicts are the answer: cost, time, energy, and what the last rests on.
func verdicts(c *report.BenchComparison) []string {
	all := Overall(c)
	words := map[string][2]string{ // less, more
		report.MeasureCost:     {"saves %s in cost", "costs %s more"},
		report.MeasureDuration: {"takes %s less time", "takes %s more time"},
		report.MeasureEnergy:   {"uses %s less energy", "uses %s more energy"},
	}
	var out []string
	for _, m := range report.BenchMeasures() {
		ch := all[m]
		if ch.MeanPct == nil {
			out = append(out, fmt.Sprintf("%s is not known: %s.", capital(report.BenchMeasureName(m)), ch.Reason))
			continue
		}
		w := words[m][1]
		if *ch.MeanPct < 0 {
			w = words[m][0]
		}
		s := c.B.Label + " " + fmt.Sprintf(w, points(math.Abs(*ch.MeanPct))) + " than " + c.A.Label + " in the mean of " + report.Plural(ch.Pairs, "pair")
		if m == report.MeasureCost && *ch.MeanPct < 0 {
			s = c.B.Label + " saves " + points(-*ch.MeanPct) + " in cost against " + c.A.Label + ", in the mean of " + report.Plural(ch.Pairs, "pair")
		}
		if ch.MeanLowPct != nil && ch.MeanHighPct != nil {
			s += " (95 % interval of the change " + signed(*ch.MeanLowPct) + " to " + signed(*ch.MeanHighPct) + ")"
			if *ch.MeanLowPct <= 0 && *ch.MeanHighPct >= 0 {
				s += ": no difference can be told"
			}
		} else {
			s += "; its interval is not known: " + ch.Reason
		}
		if m == report.MeasureEnergy && c.Quality == energy.Estimated {
			s += ", by the estimate " + c.Method
		}
		out = append(out, s+".")
	}
	if s := wattsSentence(c); s != "" {
		out = append(out, s)
	}
	return out
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// points prints percent with one digit behind the point, of large numbers none.
func points(pct float64) string {
	if pct >= 99.95 {
		return fmt.Sprintf("%.0f %%", pct)
	}
	return fmt.Sprintf("%.1f %%", pct)
}

func signed(pct float64) string { return fmt.Sprintf("%+.1f %%", pct) }
