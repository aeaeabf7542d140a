package matrix

import (
	"fmt"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// assumption is a pair of powers that somebody took sockets to have.
type assumption struct {
	words    string
	x86, arm float64 // watts; both 1 where only their ratio is meant
}

// assumptions are those that the table of sensitivity goes through, beside the
// one that the cells rest on. The first study names 225 W and 300 W without
// saying which is whose, so both ways are shown; its program had 166 W for every
// x86 processor and 100 W for every ARM one.
var assumptions = [...]assumption{
	{"equal watts", 1, 1},
	{"the study's watts, x86 the lower", 225, 300},
	{"the study's watts, x86 the higher", 300, 225},
	{"the study's program", 166, 100},
}

// sensitivity says what the change in energy would be with other powers
// assumed. A measurement assumes none.
func sensitivity(c *report.BenchComparison) {
	if c.Quality != energy.Estimated {
		return
	}
	if c.Method == report.MethodWholeSocket {
		scaleWatts(c)
	}
	ends(c)
}

// scaleWatts goes through the assumptions. Joules of the whole-socket method are
// in proportion to the watts, so the change follows exactly.
func scaleWatts(c *report.BenchComparison) {
	var ratios, a, b, perWatt []float64 // perWatt: the change at equal watts, as a factor
	for i := range c.Pairs {
		p := &c.Pairs[i]
		if p.EnergyPct == nil || p.A.SocketW == nil || p.B.SocketW == nil {
			continue
		}
		r := *p.B.SocketW / *p.A.SocketW
		ratios, a, b = append(ratios, r), append(a, *p.A.SocketW), append(b, *p.B.SocketW)
		perWatt = append(perWatt, (1+*p.EnergyPct/100)/r)
	}
	used := report.BenchSensitivity{Method: c.Method, Assumption: "as the cells have it", Used: true, Pairs: len(perWatt)}
	if len(perWatt) == 0 {
		used.Reason = "the cells don't say which watts their joules rest on (energy[].socket_w)"
		c.Sensitivity = append(c.Sensitivity, used)
		return
	}
	factors := make([]float64, len(perWatt))
	for i := range perWatt {
		factors[i] = perWatt[i] * ratios[i]
	}
	used.AW, used.BW, used.Ratio = same(a), same(b), same(ratios)
	used.MeanPct, used.MedianPct = summed(factors, 1)
	c.Sensitivity = append(c.Sensitivity, used)
	for _, w := range assumptions {
		s := report.BenchSensitivity{Method: c.Method, Assumption: w.words, Pairs: len(perWatt)}
		x, y, fits := w.of(c)
		if !fits {
			continue
		}
		r := y / x
		s.Ratio = &r
		if w.x86 != 1 {
			s.AW, s.BW = &x, &y
		}
		s.MeanPct, s.MedianPct = summed(perWatt, r)
		c.Sensitivity = append(c.Sensitivity, s)
	}
}

// of are the watts of the sides. Of two sides of one architecture only equal
// watts are worth a line.
func (w assumption) of(c *report.BenchComparison) (a, b float64, fits bool) {
	watts := func(s *report.BenchSide) float64 {
		switch s.Archs[0] {
		case "x86_64":
			return w.x86
		case "aarch64":
			return w.arm
		}
		return math.NaN()
	}
	if w.x86 == w.arm {
		return 1, 1, true
	}
	a, b = watts(&c.A), watts(&c.B)
	return a, b, !math.IsNaN(a) && !math.IsNaN(b) && c.A.Archs[0] != c.B.Archs[0]
}

// same is the value that all have, nil where they differ.
func same(values []float64) *float64 {
	if math.Abs(slices.Max(values)-slices.Min(values)) > 1e-9*math.Abs(values[0]) {
		return nil
	}
	return &values[0]
}

// summed are mean and median of the changes that factors times r are.
func summed(factors []float64, r float64) (mean, median *float64) {
	pct := make([]float64, len(factors))
	for i, f := range factors {
		pct[i] = 100 * (f*r - 1)
	}
	return report.Known(stats.Mean(pct)), report.Known(stats.MedianOf(pct))
}

// ends goes through the ends of the ranges: both sides at the same one, since
// what is assumed of idle power and of the share may be wrong for both alike,
// and the sides at opposite ones, which is as far as it can go.
func ends(c *report.BenchComparison) {
	low := func(p *report.BenchPoint) *float64 { return p.LowJ }
	high := func(p *report.BenchPoint) *float64 { return p.HighJ }
	mid := func(p *report.BenchPoint) *float64 { return p.EnergyJ }
	var out []report.BenchSensitivity
	for _, e := range [...]struct {
		words string
		a, b  func(*report.BenchPoint) *float64
		used  bool
	}{
		{"both as estimated", mid, mid, true},
		{"both at the low end", low, low, false},
		{"both at the high end", high, high, false},
		{c.B.Label + " at the low, " + c.A.Label + " at the high", high, low, false},
		{c.B.Label + " at the high, " + c.A.Label + " at the low", low, high, false},
	} {
		var factors []float64
		for i := range c.Pairs {
			if v := change(e.a(&c.Pairs[i].A), e.b(&c.Pairs[i].B)); v != nil {
				factors = append(factors, 1+*v/100)
			}
		}
		s := report.BenchSensitivity{Method: c.Method, Assumption: e.words, Used: e.used, Pairs: len(factors)}
		if len(factors) == 0 {
			if !e.used {
				return // the method gives no ranges
			}
			s.Reason = "no pair has joules on both sides"
		} else {
			s.MeanPct, s.MedianPct = summed(factors, 1)
		}
		if e.used && c.Method == report.MethodWholeSocket {
			continue // it stands above already
		}
		out = append(out, s)
	}
	c.Sensitivity = append(c.Sensitivity, out...)
}

// wattsSentence says how much of the change in energy is no more than the ratio
// of the watts that were assumed, or how far the ranges go.
func wattsSentence(c *report.BenchComparison) string {
	var used, equal, best, worst *report.BenchSensitivity
	for i := range c.Sensitivity {
		s := &c.Sensitivity[i]
		switch {
		case s.MeanPct == nil:
		case s.Used:
			used = s
		case s.Ratio != nil && *s.Ratio == 1 && s.AW == nil:
			equal = s
		}
		if s.MeanPct != nil && s.Ratio == nil {
			if best == nil || *s.MeanPct < *best.MeanPct {
				best = s
			}
			if worst == nil || *s.MeanPct > *worst.MeanPct {
				worst = s
			}
		}
	}
	switch {
	case used == nil:
		return ""
	case equal != nil:
		word, change := "more", *used.MeanPct
		if change < 0 {
			word, change = "less", -change
		}
		rest := *equal.MeanPct
		share := math.Abs(*used.MeanPct - rest)
		s := fmt.Sprintf("Of the %s %s energy, %.1f points are no more than the ratio of the watts assumed (%s)", points(change), word, share, ratioText(c, used))
		if rest*(*used.MeanPct) < 0 || share > change { // the watts turn it around, or it would be more without them
			s = fmt.Sprintf("The %s %s energy rests on the ratio of the watts assumed (%s), which moves it by %.1f points", points(change), word, ratioText(c, used), share)
		}
		return s + fmt.Sprintf(": at equal watts it is %s.", signed(rest))
	case best != nil && best != worst:
		return fmt.Sprintf("The ranges of the estimate leave open anything from %s (%s) to %s (%s).", signed(*best.MeanPct), best.Assumption, signed(*worst.MeanPct), worst.Assumption)
	}
	return ""
}

func ratioText(c *report.BenchComparison, s *report.BenchSensitivity) string {
	if s.AW == nil || s.BW == nil {
		return "which differs between pairs"
	}
	return fmt.Sprintf("%.4g W for %s, %.4g W for %s", *s.BW, c.B.Label, *s.AW, c.A.Label)
}
