package page

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

// overall are the charts of all results together.
func overall(docs []Document, o Options) []Figure {
	var out []Figure
	if f, ok := historyFigure(docs); ok {
		out = append(out, f)
	}
	points := collect(docs, o)
	if len(points) < 2 {
		return out
	}
	out = append(out, scatterFigure(points, "Energy and time", "time", "s", func(p *measured) (v, low, high *float64) { return p.time, p.timeLow, p.timeHigh }))
	priced := slices.DeleteFunc(slices.Clone(points), func(p measured) bool { return !(p.price > 0) })
	if len(priced) > 1 {
		cost := func(p *measured, s *float64) *float64 {
			if s == nil {
				return nil
			}
			v := *s * p.price / 3600
			return &v
		}
		out = append(out, scatterFigure(priced, "Energy and cost", costAxis, "", func(p *measured) (v, low, high *float64) {
			return cost(p, p.time), cost(p, p.timeLow), cost(p, p.timeHigh)
		}))
	}
	return out
}

// measured is something with an energy and a time: a run, or the runs of a
// command.
type measured struct {
	label, source       string
	energy, low, high   *float64
	time                *float64
	timeLow, timeHigh   *float64
	price               float64
	group               int // colour
	energyText, timeTxt string
}

func collect(docs []Document, o Options) []measured {
	there := map[string]bool{} // series that have a point, by the ID of their first run
	groups := map[string]int{}
	var out []measured
	add := func(d Document, p measured) {
		if p.energy == nil || p.time == nil {
			return
		}
		if _, seen := groups[p.label]; !seen {
			groups[p.label] = len(groups)
		}
		p.group = groups[p.label]
		if o.Price != nil {
			p.price = o.Price(d.File)
		}
		out = append(out, p)
	}
	series := func(d Document, s *report.TrialSeries, path string) {
		if id := firstRun(s); !there[id] {
			there[id] = id != ""
			add(d, ofSeries(d, s, path))
		}
	}
	for _, d := range docs {
		switch v := d.Value.(type) {
		case *report.Run:
			add(d, ofRun(d, v))
		case *report.Trials:
			for i := range v.Series {
				series(d, &v.Series[i], fmt.Sprintf("series[%d]", i))
			}
		case *report.Comparison:
			for i := range v.Sides {
				series(d, &v.Sides[i].Series, fmt.Sprintf("sides[%d].series", i))
			}
		}
	}
	return out
}

// firstRun tells a series from others: the same runs may stand in repeated runs
// and in a comparison with them.
func firstRun(s *report.TrialSeries) string {
	if len(s.Runs) == 0 {
		return ""
	}
	return s.Runs[0].RunID
}

func ofRun(d Document, r *report.Run) measured {
	p := measured{label: output.Plain(output.Subject(r)), source: d.at("total.energy_j, duration_s"), energy: r.Total.EnergyJ,
		low: r.Total.LowJ, high: r.Total.HighJ, time: &r.DurationS, timeTxt: output.Quantity(r.DurationS, "s", 4)}
	if p.energy == nil {
		return p
	}
	p.energyText = output.EnergyText(r.Total, output.TotalQuality(r))
	if u := r.Total.UncertaintyJ; u != nil && p.low == nil {
		low, high := *p.energy-*u, *p.energy+*u
		p.low, p.high = &low, &high
	}
	return p
}

func ofSeries(d Document, s *report.TrialSeries, path string) measured {
	e, t := s.Summary[report.MeasureEnergy], s.Summary[report.MeasureDuration]
	p := measured{label: output.Plain(s.Name), source: d.at("%s.summary.energy_j.median, duration_s.median", path),
		energy: e.Median, low: e.Low, high: e.High, time: t.Median, timeLow: t.Low, timeHigh: t.High}
	if e.Median != nil && t.Median != nil {
		p.energyText, p.timeTxt = output.Between(*e.Median, e.Low, e.High, "J"), output.Between(*t.Median, t.Low, t.High, "s")
	}
	return p
}

// costAxis is what a price was given in: the results don't know any.
const costAxis = "cost, in the currency of --price"

func scatterFigure(points []measured, title, axis, unit string, x func(*measured) (v, low, high *float64)) Figure {
	c := plot.ScatterChart{Frame: plot.Frame{Title: title}, XAxis: axis, XUnit: unit, YAxis: "energy", YUnit: "J"}
	t := &Table{Header: []string{"result", "energy", axis}, Left: 1}
	for i := range points {
		p := &points[i]
		v, low, high := x(p)
		text := p.timeTxt
		if axis == costAxis {
			text = fmt.Sprintf("%.3g", *v)
		}
		c.Points = append(c.Points, plot.ScatterPoint{Label: p.label, X: *v, Y: *p.energy, XLow: low, XHigh: high, YLow: p.low, YHigh: p.high,
			Role: plot.SeriesRole(p.group), Title: p.label + ": " + p.energyText + ", " + text, Source: p.source})
		if len(t.Rows) < maxRows {
			t.Rows = append(t.Rows, []Value{{Text: p.label}, {Text: p.energyText, Source: p.source}, {Text: text, Source: p.source}})
		}
	}
	if len(points) > maxRows {
		t.Note = fmt.Sprintf("The first %s results; --format csv has all.", output.Count(maxRows))
	}
	return Figure{Kind: "scatter", Title: title, Scene: c.Scene(), Table: t,
		Caption: "Less is better on both axes. Nothing beats the results on the dashed line in both; lines through a point are its 95 % interval."}
}

// historyFigure shows the energy of many runs of the same commands.
func historyFigure(docs []Document) (Figure, bool) {
	type group struct {
		name   string
		values []float64
		titles []string
		source []string
	}
	index := map[string]int{}
	var groups []group
	n := 0
	for _, d := range docs {
		r, is := d.Value.(*report.Run)
		if !is || r.Total.EnergyJ == nil {
			continue
		}
		name := output.Plain(output.Subject(r))
		i, seen := index[name]
		if !seen {
			i = len(groups)
			index[name], groups = i, append(groups, group{name: name})
		}
		g := &groups[i]
		g.values = append(g.values, *r.Total.EnergyJ)
		g.titles = append(g.titles, date(r.StartedAt)+": "+output.EnergyText(r.Total, output.TotalQuality(r)))
		g.source = append(g.source, d.at("total.energy_j"))
		n++
	}
	if n < 3 || n == len(groups) {
		return Figure{}, false
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(len(b.values), len(a.values)) })
	hidden := len(groups) - min(len(groups), maxDetails)
	for len(groups[len(groups)-hidden-1].values) < 2 {
		hidden++ // it ran once: there is nothing to see between its runs
	}
	c := plot.DistributionChart{Frame: plot.Frame{Title: "Runs of the same commands"}, Axis: "energy", Unit: "J"}
	t := &Table{Header: []string{"command", "runs", "least", "median", "most"}, Left: 1}
	for _, g := range groups[:len(groups)-hidden] {
		sorted := slices.Sorted(slices.Values(g.values))
		middle := sorted[len(sorted)/2]
		if len(sorted)%2 == 0 {
			middle = (middle + sorted[len(sorted)/2-1]) / 2
		}
		c.Strips = append(c.Strips, plot.Strip{Label: g.name, Values: g.values, Titles: g.titles, Sources: g.source, Median: &middle,
			Title: g.name + ": median " + output.Quantity(middle, "J", 4)})
		joules := func(v float64) Value { return Value{Text: output.Quantity(v, "J", 4)} }
		t.Rows = append(t.Rows, []Value{{Text: g.name}, {Text: output.Count(len(g.values))}, joules(sorted[0]), joules(middle), joules(sorted[len(sorted)-1])})
	}
	if hidden > 0 {
		more := " more commands ran"
		if hidden == 1 {
			more = " more command ran"
		}
		t.Note = output.Count(hidden) + more + " once, or less often than these: no line here."
	}
	return Figure{Kind: "distribution", Title: c.Title, Scene: c.Scene(), Table: t,
		Caption: "Single runs, made whenever they were made: what lies between them is not known, so no interval is given. compare tests repeated runs."}, true
}
