// Package compare says how commands differ by the runs they are known by. It is
// arithmetic on results: nothing is measured here.
package compare

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// Options says how to compare.
type Options struct {
	Measure string // by which the verdicts are; "" for net energy where all sides have a baseline, else energy
	// Effect is the change that is sought, relative; 0 for none in particular.
	Effect float64
	Seed   int64
	Tool   report.Tool
}

// Sides returns the sides that a result of trials has.
func Sides(t *report.Trials, file string) []report.Side {
	var out []report.Side
	for _, s := range t.Series {
		plan := t.Plan
		out = append(out, report.Side{
			File: file, StartedAt: t.StartedAt, Host: t.Host, Source: t.Source, Plan: &plan, Baseline: t.Baseline, Series: s,
		})
	}
	return out
}

// Single returns the side that single results make, runs of one command.
func Single(runs []*report.Run, file string) report.Side {
	s := report.Side{File: file, StartedAt: runs[0].StartedAt, Host: runs[0].Host, Source: runs[0].Source}
	t := Collect(runs)
	s.Series = t.Series[0]
	return s
}

// Compare compares every side with the first. It refuses what is not
// comparable.
func Compare(sides []report.Side, o Options) (*report.Comparison, error) {
	if len(sides) < 2 {
		return nil, fmt.Errorf("compare: want two results or more, got %d", len(sides))
	}
	for i := range sides {
		sides[i].Label = label(i)
		if len(sides[i].Series.Runs) == 0 {
			return nil, fmt.Errorf("compare: %s has no runs", Name(sides[i]))
		}
	}
	if err := Comparable(sides); err != nil {
		return nil, err
	}
	c := &report.Comparison{
		Schema: report.ComparisonSchema, RunID: report.NewID(), StartedAt: time.Now(), Tool: o.Tool, Seed: o.Seed,
		Measure: o.Measure, Paired: byRounds(sides), Sides: sides, Warnings: []report.Warning{},
	}
	if c.Measure == "" {
		c.Measure = defaultMeasure(sides)
	}
	for i := range sides[1:] {
		c.Pairs = append(c.Pairs, report.Pair{A: sides[0].Label, B: sides[i+1].Label, Changes: map[string]report.Change{}})
	}
	var judged []stats.Comparison
	for _, m := range report.Measures() {
		all := make([]stats.Comparison, len(c.Pairs))
		p := make([]float64, len(all))
		for i := range all {
			all[i] = comparison(sides[0], sides[i+1], m, c.Paired, o.Seed)
			p[i] = all[i].P
		}
		for i, adjusted := range stats.Holm(p) {
			c.Pairs[i].Changes[m] = change(all[i], adjusted)
		}
		if m == c.Measure {
			judged = all
		}
	}
	for i := range c.Pairs {
		judge(c, i, judged[i], o.Effect)
	}
	warnOfPlaces(c)
	warnOfFailures(c)
	warnOfNoise(c, judged, o.Effect)
	return c, nil
}

// warnOfPlaces says that sides are of two machines, or of two kernels, though
// their processors are of one model.
func warnOfPlaces(c *report.Comparison) {
	a := c.Sides[0]
	for _, b := range c.Sides[1:] {
		differ := func(x, y string) bool { return x != "" && y != "" && x != y }
		warn := func(code, message, advice string) {
			c.Warnings = append(c.Warnings, report.Warning{Code: code, Message: message, Advice: advice})
		}
		switch {
		case differ(a.Host.Hostname, b.Host.Hostname):
			warn("other-machine", fmt.Sprintf("%s ran on %s and %s on %s: two machines with the same processor don't take the same", a.Label, a.Host.Hostname, b.Label, b.Host.Hostname),
				"measure both on one machine, unless it is one whose name has changed")
		case differ(a.Host.Kernel, b.Host.Kernel):
			warn("other-kernel", fmt.Sprintf("%s ran under Linux %s and %s under %s: another kernel may take more or less for the same command", a.Label, a.Host.Kernel, b.Label, b.Host.Kernel),
				"measure both under one kernel, unless it is the kernels that you compare")
		default:
			continue
		}
		return
	}
}

// warnOfFailures says that runs failed: they may have done other work, and less.
func warnOfFailures(c *report.Comparison) {
	for i := range c.Sides {
		s := &c.Sides[i].Series
		if n := s.Failures(); n > 0 {
			c.Warnings = append(c.Warnings, report.Warning{
				Code:    "failed-runs",
				Message: fmt.Sprintf("%d of the %d runs of %s failed: they may have done other work than those that did not", n, len(s.Runs), c.Sides[i].Label),
				Advice:  "see with --show-output why, and leave out --ignore-failure",
			})
		}
	}
}

// label names sides A, B, ... Z, A1, B1, ...
func label(i int) string {
	l := string(rune('A' + i%26))
	if i >= 26 {
		l += fmt.Sprint(i / 26)
	}
	return l
}

// Name is how a message calls a side.
func Name(s report.Side) string {
	if s.File != "" {
		return s.File + " (" + s.Series.Name + ")"
	}
	return s.Series.Name
}

// byRounds reports whether runs are compared within their rounds: where there
// are so few that rounds which all say the same would still be no proof, the
// runs are compared as two lists, which takes fewer.
func byRounds(sides []report.Side) bool {
	n := len(sides[0].Series.Runs)
	for _, s := range sides[1:] {
		n = min(n, len(s.Series.Runs))
	}
	return report.InTurns(sides) && stats.LeastP(n, n, true)*float64(len(sides)-1) < alpha
}

// FewestRuns is how many runs of each side can tell a difference at all.
func FewestRuns(sides int) int {
	n := 1
	for stats.LeastP(n, n, false)*float64(sides-1) >= alpha {
		n++
	}
	return n
}

// defaultMeasure is net energy where all know it.
func defaultMeasure(sides []report.Side) string {
	for _, s := range sides {
		if s.Baseline == nil {
			return report.MeasureEnergy
		}
	}
	return report.MeasureNet
}

// comparison compares one measure. Joules above idle have the same baseline on
// both sides, or baselines of their own.
func comparison(a, b report.Side, measure string, paired bool, seed int64) stats.Comparison {
	how := func(a, b []float64) stats.Comparison { return stats.Compare(a, b, uint64(seed)) }
	if paired {
		how = stats.ComparePaired
	}
	of := func(s report.Side, measure string) []float64 {
		v := values(s.Series.Runs, measure)
		if paired {
			v = byRound(s.Series.Runs, v)
		}
		return v
	}
	if measure == report.MeasureNet && a.Baseline != nil && b.Baseline != nil && *a.Baseline == *b.Baseline {
		gross := func(s report.Side) stats.Runs {
			return stats.Runs{Joules: of(s, report.MeasureEnergy), Seconds: of(s, report.MeasureDuration)}
		}
		return stats.CompareNet(gross(a), gross(b), baseline(a.Baseline), how)
	}
	return how(of(a, measure), of(b, measure))
}

// byRound puts values where their rounds are: a round that one of the sides
// lacks must not shift the others.
func byRound(runs []report.Trial, values []float64) []float64 {
	n := 0
	for _, r := range runs {
		n = max(n, r.Round+1)
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	for i, r := range runs {
		if r.Round >= 0 {
			out[r.Round] = values[i]
		}
	}
	return out
}

func change(c stats.Comparison, adjusted float64) report.Change {
	if stats.LeastP(c.A.N, c.B.N, false) >= alpha {
		c.Effect = stats.Effect(math.NaN()) // one run above another is no large effect
	}
	out := report.Change{
		ChangePct: percent(c.Shift.Value), MedianPct: percent(c.Change.Value), P: report.Known(c.P), PAdjusted: report.Known(adjusted),
		Exact: c.Exact, Effect: report.Known(float64(c.Effect)), EffectWord: c.Effect.Word(), Test: "mann-whitney",
	}
	if c.Paired {
		out.Test = "wilcoxon-signed-rank"
	}
	if c.Shift.Known {
		out.LowPct, out.HighPct = percent(c.Shift.Low), percent(c.Shift.High)
	} else {
		out.Reason = c.Shift.Why
	}
	return out
}

func percent(v float64) *float64 { return report.Known(100 * v) }

// Comparable says why sides can't be compared, nil when they can.
func Comparable(sides []report.Side) error {
	a := sides[0]
	var errs []error
	for _, b := range sides[1:] {
		if why := unlike(a, b); why != "" {
			errs = append(errs, fmt.Errorf("%s and %s can't be compared: %s", Name(a), Name(b), why))
		}
	}
	return errors.Join(errs...)
}

// unlike says what makes two sides incomparable, "" when nothing does.
func unlike(a, b report.Side) string {
	x, y := a.Host.CPU, b.Host.CPU
	switch {
	case x.ModelName != y.ModelName || x.Vendor != y.Vendor || x.Family != y.Family || x.Model != y.Model || x.Stepping != y.Stepping:
		return fmt.Sprintf("they ran on different processors (%s; %s), whose joules differ whatever the command does; measure both on one machine", x.ModelName, y.ModelName)
	case x.Sockets != y.Sockets || x.Cores != y.Cores || x.Threads != y.Threads:
		return fmt.Sprintf("their machines have %d and %d logical CPUs on %d and %d sockets; measure both on one machine", x.Threads, y.Threads, x.Sockets, y.Sockets)
	case a.Source.Quality != b.Source.Quality:
		return fmt.Sprintf("the joules of one are %s (%s), of the other %s (%s); measure both with the same --source", a.Source.Quality, a.Source.Name, b.Source.Quality, b.Source.Name)
	case unlikeDomains(a, b) != "":
		return unlikeDomains(a, b)
	case x.Governor != y.Governor:
		return fmt.Sprintf("they ran with different frequency governors (%s; %s); set one: cpupower frequency-set -g %s", x.Governor, y.Governor, y.Governor)
	}
	return ""
}

// unlikeDomains says that the totals of two sides are not of the same counters,
// as where one source reads the memory's too; "" where they are, or where the
// results don't say.
func unlikeDomains(a, b report.Side) string {
	x, y := counted(a), counted(b)
	if len(x) == 0 || len(y) == 0 || slices.Equal(x, y) {
		return ""
	}
	return fmt.Sprintf("the joules of one are of %s, of the other of %s; measure both with the same --source", strings.Join(x, ", "), strings.Join(y, ", "))
}

// counted are the packages and memories that a side's runs have joules of: what
// may be in a total.
func counted(s report.Side) []string {
	ids := map[string]bool{}
	for _, r := range s.Series.Runs {
		for id := range r.DomainsJ {
			if strings.HasPrefix(id, "package-") || strings.HasPrefix(id, "dram-") {
				ids[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
