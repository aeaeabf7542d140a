package page

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

// The looks of points that models are fitted to, held out, and left out.
var (
	trainingLook = plot.Look{Role: plot.SeriesRole(0), Shape: plot.Dot, Hollow: true}
	holdoutLook  = plot.Look{Role: plot.SeriesRole(1), Shape: plot.Diamond}
	leftLook     = plot.Look{Role: plot.Muted, Shape: plot.Cross}
)

func lookOf(p *report.CalibrationPoint) plot.Look {
	switch {
	case !p.Used:
		return leftLook
	case p.Holdout:
		return holdoutLook
	}
	return trainingLook
}

// byError are the places of the models that were tried, the least off first.
func byError(c *report.Calibration) []int {
	var order []int
	for i := range c.Models {
		if errorsOf(&c.Models[i]).WMAPE.Value != nil {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(*c.Models[a].Holdout.WMAPE.Value, *c.Models[b].Holdout.WMAPE.Value)
	})
	return order
}

// errorFigure shows how far every model is off.
func errorFigure(d Document, c *report.Calibration) (Figure, bool) {
	const title = "How far models are off on work that none was fitted to"
	roles := map[string]plot.Role{report.ModelFitted: plot.SeriesRole(0), report.ModelProfile: plot.SeriesRole(0), report.ModelPublished: plot.Idle}
	chart := plot.BarChart{Frame: plot.Frame{Title: title}, Unit: "%", Axis: "error of power, wMAPE", Legend: []string{"fitted to this host", "published"},
		Roles: []plot.Role{roles[report.ModelFitted], roles[report.ModelPublished]}}
	choice := " The chosen model was chosen by other work: the simplest that does about as well as any on a workload that was left out."
	if c.Plan.Validates != nil {
		chart.Legend[0], choice = "of the host profile", " The chosen model is the one that the profile uses."
	}
	order := byError(c)
	t := &Table{Header: []string{"model", "kind", "wMAPE", "95 % interval", "points"}, Left: 2}
	for _, i := range order {
		m := &c.Models[i]
		w := m.Holdout.WMAPE
		v := d.wmape(c, i, w)
		label := nameOf(c, i)
		chart.Bars = append(chart.Bars, plot.Bar{Label: label, Note: v.Text, Low: w.Low, High: w.High,
			Parts: []plot.BarPart{{Value: *w.Value, Role: roles[m.Kind], Title: label + " (" + m.Kind + ") is off by " + v.Text + ", " + rangeNote(w), Source: v.Source}}})
		span := Value{Reason: "there are too few points for an interval", Source: d.at("models[%d].holdout.wmape_pct.low", i)}
		if w.Low != nil && w.High != nil {
			span.Text = pct(*w.Low) + " to " + pct(*w.High)
		}
		t.Rows = append(t.Rows, []Value{{Text: label}, {Text: m.Kind}, v, span, {Text: output.Count(m.Holdout.Points), Source: d.at("models[%d].holdout.points", i)}})
	}
	return Figure{Kind: "errors", Title: title, Scene: chart.Scene(), Table: t,
		Caption: "The mean size of the error as a part of the mean power. Lines are 95 % intervals." + choice}, len(order) > 0
}

// parityFigure sets what models say against what was measured.
func parityFigure(d Document, c *report.Calibration) (Figure, bool) {
	const title = "Measured and modelled power"
	chart := plot.XYChart{Frame: plot.Frame{Title: title}, XAxis: "measured", XUnit: "W", YAxis: "modelled", YUnit: "W", Parity: true,
		Keys: []plot.XYKey{{Name: "training", Look: trainingLook}, {Name: "holdout: no model was fitted to it", Look: holdoutLook},
			{Name: "modelled as measured", Look: plot.Look{Role: plot.Rule}, Line: true}}}
	shown := slices.DeleteFunc([]int{modelAt(c, c.Best), modelAt(c, naive)}, func(i int) bool { return i < 0 })
	drawn := 0
	for _, m := range shown {
		p := parityPanel(d, c, m)
		drawn += len(p.Points)
		chart.Panels = append(chart.Panels, p)
	}
	return Figure{Kind: "parity", Title: title, Scene: chart.Scene(), Table: parityTable(d, c, shown),
		Caption: "Points above the line are modelled too high. Power is that of all sockets; what was left out is not shown."}, drawn > 0
}

// inUse are the places of the points in use: first those that models are fitted
// to, so that the fewer others lie upon them.
func inUse(c *report.Calibration) []int {
	var out []int
	for _, holdout := range []bool{false, true} {
		for i := range c.Points {
			if p := &c.Points[i]; p.Used && p.Holdout == holdout {
				out = append(out, i)
			}
		}
	}
	return out
}

func parityPanel(d Document, c *report.Calibration, m int) plot.XYPanel {
	panel := plot.XYPanel{Title: modelText(c.Models[m].Name)}
	for _, i := range inUse(c) {
		p := &c.Points[i]
		truth, measured := p.Power()
		w, known := said(c, m, i)
		if !measured || !known {
			continue
		}
		panel.Points = append(panel.Points, plot.XYPoint{X: truth, Y: w, Look: lookOf(p), Source: d.residual(c, m, i).Source,
			Title: fmt.Sprintf("%s: measured %s\n%s says %s, %s", pointName(p), d.wattsOf(p, i).Text, panel.Title, output.Quantity(w, "W", 4), output.SignedWatts(w-truth))})
	}
	return panel
}

func parityTable(d Document, c *report.Calibration, models []int) *Table {
	t := &Table{Header: []string{"point", "part", "measured"}, Left: 2}
	for _, m := range models {
		t.Header = append(t.Header, modelText(c.Models[m].Name), "error")
	}
	points := inUse(c)
	for _, i := range points[:min(len(points), maxRows)] {
		p := &c.Points[i]
		row := []Value{{Text: pointName(p)}, {Text: partOf(p)}, d.wattsOf(p, i)}
		for _, m := range models {
			row = append(row, d.predicted(c, m, i), d.residual(c, m, i))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// loadFigure shows the power over the load, and how models run through it.
func loadFigure(d Document, c *report.Calibration) (Figure, bool) {
	const title = "Power over utilisation"
	chart := plot.XYChart{Frame: plot.Frame{Title: title}, XAxis: "utilisation of all CPUs", XUnit: "%", YAxis: "power", YUnit: "W"}
	var looks map[string]plot.Look
	chart.Keys, looks = workloads(c)
	var panel plot.XYPanel
	lines := curveModels(c)
	for _, i := range inUse(c) {
		p := &c.Points[i]
		watts, measured := p.Power()
		u, known := p.Utilisation()
		if !measured || !known {
			continue
		}
		panel.Points = append(panel.Points, plot.XYPoint{X: 100 * u, Y: watts, Look: looks[p.Workload], Title: loadTitle(d, c, i, u, lines), Source: d.at("points[%d].sockets[*].power_w", i)})
	}
	t := &Table{Header: []string{"load asked for", "points", "measured, mean"}, Rows: curveRows(d, c, lines)}
	for k, m := range lines {
		name := modelText(c.Models[m].Name)
		panel.Lines = append(panel.Lines, plot.XYLine{Name: name, Role: curveRoles[k], Dashed: k > 0, Values: curveOf(c, m)})
		t.Header = append(t.Header, name+", mean")
	}
	chart.Panels = []plot.XYPanel{panel}
	caption := "Points are what was measured; filled ones are of the holdout, which no model was fitted to."
	switch {
	case len(lines) > 0:
		caption += " Lines join the means of what a model says where all CPUs have the same load."
	case len(c.Models) > 0:
		caption += " What models say of each point is not in the file: an older version wrote it. energyprobe calibrate --data FILE --format json adds it."
	}
	return Figure{Kind: "utilisation", Title: title, Scene: chart.Scene(), Table: t, Caption: caption}, len(panel.Points) > 0
}

// workloads gives every workload in use a colour and a shape, the same in every
// calibration that has the same. What no model is fitted to is filled, and stands
// last.
func workloads(c *report.Calibration) (keys []plot.XYKey, looks map[string]plot.Look) {
	kinds := map[string]*report.CalibrationPoint{}
	for _, i := range inUse(c) {
		kinds[c.Points[i].Workload] = &c.Points[i]
	}
	rank := func(name string) int {
		switch p := kinds[name]; {
		case p.Shape == report.ShapeIdle:
			return 0
		case p.Holdout:
			return 2
		}
		return 1
	}
	names := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	looks = map[string]plot.Look{}
	shapes := [...]plot.Shape{plot.Dot, plot.Triangle, plot.Square, plot.Diamond}
	n := 0
	for _, name := range names {
		look, text := plot.Look{Role: plot.Muted, Shape: plot.Square, Hollow: true}, output.Plain(name)
		if rank(name) > 0 {
			look = plot.Look{Role: plot.SeriesRole(n), Shape: shapes[n%len(shapes)], Hollow: rank(name) == 1}
			n++
		}
		if rank(name) == 2 {
			text += " (holdout)"
		}
		looks[name] = look
		keys = append(keys, plot.XYKey{Name: text, Look: look})
	}
	return keys, looks
}

// loadTitle says what was measured at a point, and what models say of it.
func loadTitle(d Document, c *report.Calibration, i int, u float64, models []int) string {
	p := &c.Points[i]
	text := fmt.Sprintf("%s, %s busy: %s", pointName(p), output.Percent(u), d.wattsOf(p, i).Text)
	for _, m := range models {
		if w, known := said(c, m, i); known {
			text += fmt.Sprintf("\n%s says %s", modelText(c.Models[m].Name), output.Quantity(w, "W", 4))
		}
	}
	return text
}

// The lines of models: the best stands out.
var curveRoles = [...]plot.Role{plot.Ink, plot.More, plot.Muted}

// curveModels are those worth a line: the best that was fitted, TDP x
// utilisation, and the published one that does best here. More would cover each
// other.
func curveModels(c *report.Calibration) []int {
	good := -1
	for i := range c.Models {
		m := &c.Models[i]
		v := errorsOf(m).WMAPE.Value
		if m.Kind == report.ModelPublished && m.Name != naive && v != nil && (good < 0 || *v < *c.Models[good].Holdout.WMAPE.Value) {
			good = i
		}
	}
	return slices.DeleteFunc([]int{modelAt(c, c.Best), modelAt(c, naive), good}, func(i int) bool {
		return i < 0 || len(c.Models[i].PredictedW) == 0
	})
}

// levels are the loads at which all CPUs had the same to do, each with its
// points.
func levels(c *report.Calibration) (loads []float64, points map[float64][]int) {
	points = map[float64][]int{}
	for i := range c.Points {
		p := &c.Points[i]
		if _, known := p.Power(); !p.Used || !known || p.Shape != report.ShapeIdle && p.Shape != report.ShapeDuty {
			continue
		}
		if points[p.Load] == nil {
			loads = append(loads, p.Load)
		}
		points[p.Load] = append(points[p.Load], i)
	}
	slices.Sort(loads)
	return loads, points
}

// mean of what a function knows of some points, NaN where it knows nothing.
func mean(points []int, of func(i int) (float64, bool)) float64 {
	sum, n := 0.0, 0
	for _, i := range points {
		if v, known := of(i); known {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}

// curveOf is what a model says over the load.
func curveOf(c *report.Calibration, m int) []plot.Point {
	loads, points := levels(c)
	var out []plot.Point
	for _, load := range loads {
		u := mean(points[load], func(i int) (float64, bool) { return c.Points[i].Utilisation() })
		w := mean(points[load], func(i int) (float64, bool) { return said(c, m, i) })
		if !math.IsNaN(u) && !math.IsNaN(w) {
			out = append(out, plot.Point{X: 100 * u, Y: w})
		}
	}
	return out
}

func curveRows(d Document, c *report.Calibration, models []int) [][]Value {
	loads, points := levels(c)
	var rows [][]Value
	for _, load := range loads {
		all := points[load]
		var at []string
		for _, i := range all {
			at = append(at, fmt.Sprint(i))
		}
		list := strings.Join(at, ",")
		watts := mean(all, func(i int) (float64, bool) { return c.Points[i].Power() })
		row := []Value{{Text: output.Percent(load)}, {Text: output.Count(len(all))}, {Text: output.Quantity(watts, "W", 4), Source: d.at("points[%s].sockets[*].power_w", list)}}
		for _, m := range models {
			v := Value{Reason: silence(&c.Models[m]), Source: d.at("models[%d].predicted_w[%s]", m, list)}
			if w := mean(all, func(i int) (float64, bool) { return said(c, m, i) }); !math.IsNaN(w) {
				v.Text = output.Quantity(w, "W", 4)
			}
			row = append(row, v)
		}
		rows = append(rows, row)
	}
	return rows
}

// bandsOf are the bands of load of which any model has residuals.
func bandsOf(c *report.Calibration) []report.LoadBand {
	var bands []report.LoadBand
	for i := range c.Models {
		for _, b := range c.Models[i].Bands {
			if !slices.ContainsFunc(bands, func(o report.LoadBand) bool { return o.From == b.From }) {
				bands = append(bands, b)
			}
		}
	}
	slices.SortFunc(bands, func(a, b report.LoadBand) int { return cmp.Compare(a.From, b.From) })
	return bands
}

// residualFigure shows where on the scale of loads every model is off.
func residualFigure(d Document, c *report.Calibration) (Figure, bool) {
	const title = "Error by load of the machine"
	chart := plot.MatrixChart{Frame: plot.Frame{Title: title}, Axis: "utilisation of all CPUs", Values: "mean error", Unit: "W", Marked: -1,
		More: plot.More, Less: plot.SeriesRole(0), Legend: [2]string{"says too much", "says too little"}}
	bands := bandsOf(c)
	for _, b := range bands {
		chart.Columns = append(chart.Columns, output.BandText(b))
	}
	t := &Table{Header: []string{"model", "load", "points", "mean error", "mean size"}, Left: 2}
	for i := range c.Models {
		m := &c.Models[i]
		if len(m.Bands) == 0 {
			continue
		}
		if m.Name == c.Best {
			chart.Marked = len(chart.Rows)
		}
		cells := make([]plot.MatrixCell, len(bands))
		for k := range cells {
			cells[k].Value = math.NaN()
		}
		for j, b := range m.Bands {
			k := slices.IndexFunc(bands, func(o report.LoadBand) bool { return o.From == b.From })
			at, size := fmt.Sprintf("models[%d].bands[%d]", i, j), output.Quantity(b.MAEW, "W", 3)
			cells[k] = plot.MatrixCell{Value: b.BiasW, Text: signed(b.BiasW), Source: d.at("%s.bias_w", at),
				Title: fmt.Sprintf("%s, %s: %s on average, %s in size, points: %s", nameOf(c, i), output.BandText(b), output.SignedWatts(b.BiasW), size, output.Count(b.Points))}
			t.Rows = append(t.Rows, []Value{{Text: nameOf(c, i)}, {Text: output.BandText(b)}, {Text: output.Count(b.Points), Source: d.at("%s.points", at)},
				{Text: output.SignedWatts(b.BiasW), Source: d.at("%s.bias_w", at)}, {Text: size, Source: d.at("%s.mae_w", at)}})
		}
		chart.Rows, chart.Cells = append(chart.Rows, nameOf(c, i)), append(chart.Cells, cells)
	}
	return Figure{Kind: "residuals", Title: title, Scene: chart.Scene(), Table: t,
		Caption: "Of all points in use, those that models are fitted to among them. The stronger the colour, the further off."}, len(chart.Rows) > 0
}

// signed has one decimal, and no sign where that says nothing.
func signed(w float64) string {
	s := fmt.Sprintf("%+.1f", w)
	if s == "-0.0" || s == "+0.0" {
		return "0.0"
	}
	return s
}

// The looks of points in the order of time.
var (
	restLook = plot.Look{Role: plot.SeriesRole(2), Shape: plot.Square}
	workLook = plot.Look{Role: plot.SeriesRole(0), Shape: plot.Dot, Hollow: true}
)

// driftFigure shows the power over the time of the calibration: whether the
// machine was the same at its end.
func driftFigure(d Document, c *report.Calibration) (Figure, bool) {
	const title = "Power over the time of the calibration"
	unit, scale := "s", 1.0
	if n := len(c.Points); n > 0 && began(c, &c.Points[n-1]).Seconds() > 300 {
		unit, scale = "min", 60
	}
	var panel plot.XYPanel
	rest := plot.XYLine{Name: "idle", Role: restLook.Role, Dashed: true}
	unknown := 0
	for i := range c.Points {
		q, known := driftPoint(d, c, i)
		if !known {
			unknown++
			continue
		}
		if q.X /= scale; q.Look == restLook {
			rest.Values = append(rest.Values, plot.Point{X: q.X, Y: q.Y})
		}
		panel.Points = append(panel.Points, q)
	}
	panel.Lines = []plot.XYLine{rest}
	chart := plot.XYChart{Frame: plot.Frame{Title: title}, XAxis: "time", XUnit: unit, YAxis: "power", YUnit: "W", Panels: []plot.XYPanel{panel},
		Keys: []plot.XYKey{{Name: "under load", Look: workLook}, {Name: "idle", Look: restLook}, {Name: "left out", Look: leftLook}}}
	caption := "Loads come in an order that was drawn. The line joins the looks at the idle machine: where it rises, the machine got warmer, or other work came."
	if unknown > 0 {
		caption += " Not in the chart, for their power is not known: " + output.Count(unknown) + " of " + output.Count(len(c.Points)) + " points."
	}
	return Figure{Kind: "drift", Title: title, Scene: chart.Scene(), Table: pointTable(d, c), Caption: caption}, len(panel.Points) > 0
}

// driftPoint is a point in the middle of its window, in seconds.
func driftPoint(d Document, c *report.Calibration, i int) (q plot.XYPoint, known bool) {
	p := &c.Points[i]
	at := began(c, p).Seconds() + p.DurationS/2
	watts, known := p.Power()
	v := d.wattsOf(p, i)
	q = plot.XYPoint{X: at, Y: watts, Look: workLook, Source: v.Source, Title: fmt.Sprintf("%s after %s: %s", pointName(p), output.Quantity(at, "s", 3), v.Text)}
	switch {
	case !p.Used:
		q.Look = leftLook
		q.Title += "\nleft out: " + leftOut(p)
	case p.Shape == report.ShapeIdle:
		q.Look = restLook
	}
	return q, known
}

// leftOut says why a point is not used.
func leftOut(p *report.CalibrationPoint) string {
	var why []string
	for _, v := range p.Verdicts {
		if v.Action == report.VerdictLeave {
			why = append(why, output.Plain(v.Message))
		}
	}
	return cmp.Or(strings.Join(why, "; "), "the file does not say why")
}
