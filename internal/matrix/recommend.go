package matrix

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Bounds are what a recommendation has to keep to; nil for any.
type Bounds struct {
	Objective  string // energy_j, duration_s or cost: what is to be little
	DeadlineS  *float64
	Budget     *float64
	MaxEnergyJ *float64
}

// bound is one of them.
type bound struct {
	measure string
	limit   float64
}

func (b Bounds) all() []bound {
	var out []bound
	for _, one := range [...]struct {
		measure string
		limit   *float64
	}{{report.MeasureDuration, b.DeadlineS}, {report.MeasureCost, b.Budget}, {report.MeasureEnergy, b.MaxEnergyJ}} {
		if one.limit != nil {
			out = append(out, bound{one.measure, *one.limit})
		}
	}
	return out
}

// Recommend chooses a configuration for each application.
func Recommend(s Set, b Bounds, o Options) (*report.Recommendation, error) {
	if len(s.Cells) == 0 {
		return nil, errors.New("there are no cells to choose from")
	}
	if !slices.Contains(report.BenchMeasures(), b.Objective) {
		return nil, fmt.Errorf("unknown objective %q: want energy, cost or time", b.Objective)
	}
	method, err := s.method(o.Method)
	if err != nil {
		return nil, err
	}
	currency, err := s.currency()
	if err != nil {
		return nil, err
	}
	r := &report.Recommendation{Schema: report.RecommendationSchema, RunID: report.NewID(), StartedAt: o.Now, Tool: o.Tool, Files: s.Files,
		Objective: b.Objective, DeadlineS: b.DeadlineS, Budget: b.Budget, MaxEnergyJ: b.MaxEnergyJ, Method: method, Currency: currency,
		Warnings: append(append([]report.Warning{}, s.Warnings...), s.unlikeWork()...)}
	groups := s.groups()
	for _, app := range s.applications() {
		c := report.AppChoice{Application: app, Ties: []int{}}
		var configs []report.BenchConfig
		for _, g := range groups {
			if g.app == app {
				cfg := g.config(method)
				configs = append(configs, cfg)
				r.Quality = energy.Worse(r.Quality, cfg.Energy.Quality)
				c.Candidates = append(c.Candidates, candidate(g, cfg, method, b))
			}
		}
		c.Fronts = fronts(configs)
		choose(&c, b, currency)
		r.Applications = append(r.Applications, c)
	}
	return r, nil
}

// candidate judges a configuration by the bounds.
func candidate(g group, c report.BenchConfig, method string, b Bounds) report.Candidate {
	out := report.Candidate{BenchConfig: c}
	for _, cell := range g.cells {
		if cell.Status == report.CellOK && within(cell, method, b) {
			out.Met++
		}
	}
	if n := c.Failed(); n > 0 {
		out.Against = append(out.Against, fmt.Sprintf("%d of %s failed (%s)", n, report.Plural(c.Repetitions, "repetition"), statusText(c.Failures)))
	}
	if c.Failed() == c.Repetitions {
		return out // nothing else is known of it
	}
	if c.Of(b.Objective).Median == nil {
		out.Against = append(out.Against, "its "+report.BenchMeasureName(b.Objective)+" is not known")
	}
	words := map[string]string{report.MeasureDuration: "too slow", report.MeasureCost: "too expensive", report.MeasureEnergy: "too much energy"}
	for _, one := range b.all() {
		switch v := c.Of(one.measure).Median; {
		case v == nil && one.measure != b.Objective:
			out.Against = append(out.Against, "its "+report.BenchMeasureName(one.measure)+" is not known")
		case v != nil && *v > one.limit:
			out.Against = append(out.Against, fmt.Sprintf("%s by %s", words[one.measure], points(100*(*v/one.limit-1))))
		}
	}
	out.OK = len(out.Against) == 0
	return out
}

// within reports whether one repetition keeps to the bounds.
func within(cell *report.BenchCell, method string, b Bounds) bool {
	for _, one := range b.all() {
		v := math.NaN()
		switch one.measure {
		case report.MeasureDuration:
			v = report.OrNaN(cell.DurationS)
		case report.MeasureCost:
			if cell.Cost != nil {
				v = cell.Cost.Total
			}
		default:
			if e := cell.EnergyBy(method); e != nil {
				v = report.OrNaN(e.EnergyJ)
			}
		}
		if !(v <= one.limit) {
			return false
		}
	}
	return true
}

// choose takes the least of the objective; of equals the one that is less in the
// other measures.
func choose(c *report.AppChoice, b Bounds, currency string) {
	order := make([]int, 0, len(c.Candidates))
	for i := range c.Candidates {
		if c.Candidates[i].OK {
			order = append(order, i)
		}
	}
	value := func(i int, m string) float64 {
		if v := c.Candidates[i].Of(m).Median; v != nil {
			return *v
		}
		return math.Inf(1)
	}
	slices.SortStableFunc(order, func(x, y int) int {
		n := cmp.Compare(value(x, b.Objective), value(y, b.Objective))
		for _, m := range report.BenchMeasures() {
			n = cmp.Or(n, cmp.Compare(value(x, m), value(y, m)))
		}
		return n
	})
	if len(order) == 0 {
		c.Answer, c.Why = none(c, b, currency)
		return
	}
	best := order[0]
	c.Chosen = &best
	chosen := &c.Candidates[best]
	_, high := span(chosen.Of(b.Objective))
	for _, i := range order[1:] {
		if low, _ := span(c.Candidates[i].Of(b.Objective)); low <= high {
			c.Ties = append(c.Ties, i)
		}
	}
	c.Answer = fmt.Sprintf("%s: %s takes the least %s%s: %s.", report.AppName(c.Application), chosen.BenchConfig.Name(), report.BenchMeasureName(b.Objective),
		boundsText(b, currency), valuesText(&chosen.BenchConfig, currency))
	c.Why = why(c, b, order, currency)
}

// why says how the choice came about.
func why(c *report.AppChoice, b Bounds, order []int, currency string) string {
	chosen := &c.Candidates[order[0]]
	s := fmt.Sprintf("%d of %s can be taken%s.", len(order), report.Plural(len(c.Candidates), "configuration"), againstText(c))
	if ok := chosen.Repetitions - chosen.Failed(); len(b.all()) > 0 && chosen.Met < ok {
		s += fmt.Sprintf(" Only %d of its %s kept to the bounds: ask for less than what is allowed where every execution has to.", chosen.Met, report.Plural(ok, "repetition"))
	}
	if len(order) > 1 {
		next := &c.Candidates[order[1]]
		if p := change(chosen.Of(b.Objective).Median, next.Of(b.Objective).Median); p != nil {
			s += fmt.Sprintf(" The next, %s, takes %s more (%s).", next.BenchConfig.Name(), points(*p), valuesText(&next.BenchConfig, currency))
		}
	}
	if n := len(c.Ties); n > 0 {
		s += fmt.Sprintf(" %s %s no more from it in %s than repetitions do from one another.", capital(report.Plural(n, "configuration")), differ(n), report.BenchMeasureName(b.Objective))
	}
	if chosen.Energy.Quality == energy.Estimated && b.Objective == report.MeasureEnergy && otherArch(c, order) {
		s += " Between architectures the choice rests on the powers that the estimate assumes: energyprobe compare shows how far."
	}
	if on := frontOf(c, order[0]); on != "" {
		s += " " + on
	}
	return s
}

func differ(n int) string {
	if n == 1 {
		return "differs"
	}
	return "differ"
}

func otherArch(c *report.AppChoice, order []int) bool {
	for _, i := range order {
		if c.Candidates[i].Arch != c.Candidates[order[0]].Arch {
			return true
		}
	}
	return false
}

// frontOf says whether nothing beats the choice in both of two measures.
func frontOf(c *report.AppChoice, i int) string {
	var on []string
	for _, f := range c.Fronts {
		if slices.Contains(f.On, i) {
			on = append(on, report.BenchMeasureName(f.Measure))
		}
	}
	if len(on) == 0 {
		return ""
	}
	return "Nothing beats it in energy and " + strings.Join(on, ", or in energy and ") + " at once."
}

// againstText counts why the others can't be taken.
func againstText(c *report.AppChoice) string {
	counts := map[string]int{}
	var order []string
	for i := range c.Candidates {
		for _, a := range c.Candidates[i].Against {
			kind, _, _ := strings.Cut(a, " by ")
			if strings.Contains(kind, "failed") {
				kind = "failed"
			}
			if counts[kind] == 0 {
				order = append(order, kind)
			}
			counts[kind]++
		}
	}
	if len(order) == 0 {
		return ""
	}
	var parts []string
	for _, k := range order {
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
	}
	return "; the others: " + strings.Join(parts, ", ")
}

// none says that nothing is within the bounds, and what comes nearest.
func none(c *report.AppChoice, b Bounds, currency string) (answer, why string) {
	answer = report.AppName(c.Application) + ": no configuration can be taken."
	if len(b.all()) > 0 {
		answer = report.AppName(c.Application) + ": no configuration is " + limits(b, currency) + "."
	}
	var parts []string
	for _, m := range [...]struct{ word, measure string }{{"fastest", report.MeasureDuration}, {"cheapest", report.MeasureCost}, {"most frugal", report.MeasureEnergy}} {
		best := -1
		for i := range c.Candidates {
			v := c.Candidates[i].Of(m.measure).Median
			if v != nil && c.Candidates[i].Failed() == 0 && (best < 0 || *v < *c.Candidates[best].Of(m.measure).Median) {
				best = i
			}
		}
		if best >= 0 {
			cfg := &c.Candidates[best].BenchConfig
			parts = append(parts, fmt.Sprintf("the %s is %s (%s)", m.word, cfg.Name(), valuesText(cfg, currency)))
		}
	}
	if len(parts) == 0 {
		return answer, "No configuration ended well in all its repetitions" + againstText(c) + "."
	}
	return answer, capital(strings.Join(parts, "; ")) + "."
}

// boundsText is " of those that are within 30 s and within 0.01 USD".
func boundsText(b Bounds, currency string) string {
	if len(b.all()) == 0 {
		return ""
	}
	return " of those that are " + limits(b, currency)
}

func limits(b Bounds, currency string) string {
	units := map[string]string{report.MeasureDuration: "s", report.MeasureCost: currency, report.MeasureEnergy: "J"}
	var parts []string
	for _, one := range b.all() {
		parts = append(parts, fmt.Sprintf("within %.4g %s", one.limit, units[one.measure]))
	}
	return strings.Join(parts, " and ")
}

// valuesText is "812 J, 21.3 s, 0.0091 USD".
func valuesText(c *report.BenchConfig, currency string) string {
	var parts []string
	add := func(v *float64, unit, about string) {
		if v != nil {
			parts = append(parts, about+number(*v)+" "+unit)
		}
	}
	about := ""
	if c.Energy.Quality == energy.Estimated {
		about = "≈ "
	}
	add(c.Energy.Median, "J", about)
	add(c.Duration.Median, "s", "")
	add(c.Cost.Median, currency, "")
	return strings.Join(parts, ", ")
}

// number has three digits, as prose needs.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	d := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if d < 0 {
		p := math.Pow10(-d)
		v, d = math.Round(v/p)*p, 0
	}
	return fmt.Sprintf("%.*f", d, v)
}
