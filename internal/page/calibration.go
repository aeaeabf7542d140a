package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// naive is the model that most tools begin with, and that the others are held
// to.
const naive = "tdp-naive"

func calibrationSection(d Document, c *report.Calibration) Section {
	s := Section{Title: calibrationTitle(c), Kicker: "Began " + date(c.StartedAt), Facts: calibrationFacts(d, c),
		Warnings: append(hostVerdicts(c), c.Warnings...), Refused: c.Source.Refused}
	s.Lead = []string{output.CalibrationAnswer(c), sentence(output.CalibrationOrigin(c)) + ". " + output.UsedText(c) + "."}
	for _, draw := range []func(Document, *report.Calibration) (Figure, bool){errorFigure, parityFigure, loadFigure, residualFigure, driftFigure} {
		if f, ok := draw(d, c); ok {
			s.Figures = append(s.Figures, f)
		}
	}
	for _, t := range append([]Table{qualityTable(d, c), verdictTable(d, c), modelsTable(d, c)}, instrumentTables(d, c)...) {
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
	}
	s.Provenance = append(append(append(hostFacts(d, "", c.Host), profileFacts(d, c)...), clockFact(d, c)...),
		Fact{Label: "socket", Value: Value{Text: output.SocketText(c), Reason: "the idle machine was not seen", Source: d.at("idle")}},
		Fact{Label: "source", Value: Value{Text: fmt.Sprintf("%s (%s)", output.Plain(c.Source.Name), c.Source.Quality), Source: d.at("source")}},
		Fact{Label: "plan", Value: Value{Text: planText(c.Plan), Source: d.at("plan")}, Note: fmt.Sprintf("in an order drawn from seed %d", c.Plan.Seed)},
		Fact{Label: "made by", Value: Value{Text: toolText(c.Tool), Source: d.at("tool")}},
		Fact{Label: "run", Value: Value{Text: output.Plain(c.RunID), Source: d.at("run_id")}})
	return s
}

// calibrationTitle tells a calibration from a host profile that was tried.
func calibrationTitle(c *report.Calibration) string {
	if v := c.Plan.Validates; v != nil {
		return "Host profile " + brief(output.Plain(v.Path), 40) + " tried on " + hostName(c)
	}
	return "Calibration of " + hostName(c)
}

// profileFacts say what host profile was tried, if one was.
func profileFacts(d Document, c *report.Calibration) []Fact {
	v := c.Plan.Validates
	if v == nil {
		return nil
	}
	note := "its own grade was " + output.Plain(v.Grade) + ", fitted to the counters of " + output.Plain(v.Source)
	if v.Forced {
		note += ", forced against the verdicts"
	}
	return []Fact{{Label: "host profile", Value: Value{Text: output.Plain(v.Path) + ", made " + date(v.CreatedAt), Source: d.at("plan.validates")}, Note: note}}
}

func hostName(c *report.Calibration) string {
	if c.Host.Hostname == "" {
		return "a host without a name"
	}
	return output.Plain(c.Host.Hostname)
}

func planText(p report.CalibrationPlan) string {
	s := fmt.Sprintf("%s: every load settles for %s and is looked at for %s", output.Plain(p.Mode), output.Quantity(p.SettleS, "s", 2), output.Quantity(p.DwellS, "s", 2))
	switch {
	case p.Repeats == 1:
		s += ", once"
	case p.Repeats > 1:
		s += ", " + output.Count(p.Repeats) + " times"
	}
	if p.Forced {
		s += "; forced against the verdicts"
	}
	return s
}

// hostVerdicts are those on the whole, which a reader has to know before any
// number. Those on single points have a table.
func hostVerdicts(c *report.Calibration) []report.Warning {
	lead := map[string]string{report.VerdictRefuse: "Refused: ", report.VerdictDegrade: "The grade is lowered: "}
	if c.Plan.Forced {
		lead[report.VerdictRefuse] = "Overruled with --force: "
	}
	var out []report.Warning
	for _, v := range c.Verdicts {
		out = append(out, report.Warning{Code: v.Code, Message: sentence(lead[v.Action] + output.Plain(v.Message)), Advice: sentence(output.Plain(v.Advice))})
	}
	return out
}

// sentence begins with a capital.
func sentence(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// modelAt is the place of a model among those of a calibration, -1 where it
// does not have it.
func modelAt(c *report.Calibration, name string) int {
	return slices.IndexFunc(c.Models, func(m report.ModelQuality) bool { return name != "" && m.Name == name })
}

// modelText is a model's name as readers know it.
func modelText(name string) string {
	if name == naive {
		return "TDP x utilisation"
	}
	return output.Plain(name)
}

// calibrationFacts are the grade, how far the best model and TDP x utilisation
// are off, and what that makes of the energy of all unseen work together.
func calibrationFacts(d Document, c *report.Calibration) []Fact {
	of := "no model was fitted"
	if c.Best != "" {
		of = "of " + output.Plain(c.Best) + ", which was chosen"
		if c.Plan.Validates != nil {
			of = "of " + output.Plain(c.Best) + ", which the profile uses"
		}
	}
	facts := []Fact{{Label: "grade", Value: Value{Text: output.Plain(c.Grade), Reason: "it was not graded", Source: d.at("grade")}, Note: of}}
	for _, name := range slices.Compact([]string{c.Best, naive}) {
		if i := modelAt(c, name); i >= 0 {
			w := errorsOf(&c.Models[i]).WMAPE
			facts = append(facts, Fact{Label: modelText(name) + " is off by", Note: rangeNote(w), Value: d.wmape(c, i, w)})
		}
	}
	if i := modelAt(c, c.Best); i >= 0 {
		e := errorsOf(&c.Models[i]).Energy
		facts = append(facts, Fact{Label: "its error in energy", Note: signedRangeNote(e),
			Value: d.known(e.Value, output.Change, holdoutReason(&c.Models[i]), "models[%d].holdout.energy_pct.value", i)})
	}
	return facts
}

func (d Document) wmape(c *report.Calibration, i int, w report.WithRange) Value {
	return d.known(w.Value, pct, holdoutReason(&c.Models[i]), "models[%d].holdout.wmape_pct.value", i)
}

// pct prints a share that is in percent already.
func pct(v float64) string { return output.Percent(v / 100) }

// errorsOf are those on the holdout, empty where there are none.
func errorsOf(m *report.ModelQuality) *report.ModelErrors {
	if m.Holdout == nil {
		return &report.ModelErrors{}
	}
	return m.Holdout
}

// holdoutReason says why nothing is known of a model on unseen work.
func holdoutReason(m *report.ModelQuality) string {
	if m.Reason != "" {
		return m.Reason
	}
	return "no work was held out"
}

func rangeNote(w report.WithRange) string {
	if w.Low == nil || w.High == nil {
		return "its interval is not known"
	}
	return "95 % interval " + pct(*w.Low) + " to " + pct(*w.High)
}

func signedRangeNote(w report.WithRange) string {
	if w.Low == nil || w.High == nil {
		return "its interval is not known"
	}
	return "95 % interval " + output.Change(*w.Low) + " to " + output.Change(*w.High)
}

// qualityTable is how far every model is off on the holdout.
func qualityTable(d Document, c *report.Calibration) Table {
	t := Table{Caption: "Models on the holdout: work that none was fitted to", Left: 2,
		Header: []string{"model", "kind", "wMAPE", "95 % interval", "MAE", "bias", "P95", "R²", "energy"},
		Note: "An error is what a model says less what was measured. wMAPE: the mean size of the error, as a part of the mean power. MAE: the same in watts. " +
			"Bias: the mean error. P95: 95 % of the points are off by less. Energy: the error of the joules of all these points together."}
	for i := range c.Models {
		m := &c.Models[i]
		e, at := errorsOf(m), fmt.Sprintf("models[%d].holdout", i)
		var mae, bias *float64
		if m.Holdout != nil {
			mae, bias = &e.MAEW, &e.BiasW
		}
		because := func(other string) string {
			if m.Holdout == nil {
				return holdoutReason(m)
			}
			return other
		}
		span := Value{Reason: because("there are too few points for an interval"), Source: d.at("%s.wmape_pct.low", at)}
		if w := e.WMAPE; w.Low != nil && w.High != nil {
			span.Text = pct(*w.Low) + " to " + pct(*w.High)
		}
		t.Rows = append(t.Rows, []Value{{Text: nameOf(c, i)}, {Text: m.Kind}, d.wmape(c, i, e.WMAPE), span,
			d.known(mae, digits("W", 3), holdoutReason(m), "%s.mae_w", at), d.known(bias, output.SignedWatts, holdoutReason(m), "%s.bias_w", at),
			d.known(e.P95Pct, pct, because("nothing was drawn at a point"), "%s.p95_pct", at),
			d.known(e.R2, func(v float64) string { return fmt.Sprintf("%.3f", v) }, because("the power did not vary"), "%s.r2", at),
			d.known(e.Energy.Value, output.Change, because("no energy was drawn"), "%s.energy_pct.value", at)})
	}
	return t
}

// nameOf is a model's name in tables and charts, which say what was chosen.
func nameOf(c *report.Calibration, i int) string {
	name := output.Plain(c.Models[i].Name)
	if c.Models[i].Name == c.Best {
		name += " (chosen)"
	}
	return name
}

// modelsTable says what the models are, and how they do on what models are
// fitted to.
func modelsTable(d Document, c *report.Calibration) Table {
	t := Table{Caption: "What the models are, and how they do on the other work", Folded: true, Left: 2,
		Header: []string{"model", "what it is", "points", "wMAPE", "bias", "energy"}}
	if c.Plan.Validates == nil {
		t.Note = "A fitted model is tried on each workload as it is when fitted to the others."
	}
	for i := range c.Models {
		m := &c.Models[i]
		e, at := m.Training, fmt.Sprintf("models[%d].training", i)
		row := []Value{{Text: nameOf(c, i)}, plainText(m.Description)}
		if e == nil {
			for _, field := range []string{"points", "wmape_pct.value", "bias_w", "energy_pct.value"} {
				row = append(row, Value{Reason: cmp.Or(m.Reason, "there were no points"), Source: d.at("%s.%s", at, field)})
			}
			t.Rows = append(t.Rows, row)
			continue
		}
		t.Rows = append(t.Rows, append(row, Value{Text: output.Count(e.Points), Source: d.at("%s.points", at)},
			d.known(e.WMAPE.Value, pct, m.Reason, "%s.wmape_pct.value", at), d.known(&e.BiasW, output.SignedWatts, "", "%s.bias_w", at),
			d.known(e.Energy.Value, output.Change, m.Reason, "%s.energy_pct.value", at)))
	}
	return t
}

// pointName tells a point from the others of its kind.
func pointName(p *report.CalibrationPoint) string {
	s := strings.ReplaceAll(output.PointText(p), " %", "\u00a0%") // one word: columns are narrow
	switch p.Shape {
	case report.ShapeCores:
		s += " on some CPUs"
	case report.ShapeTogether:
		s += " at once"
	case report.ShapeTrace:
		s += " in bursts"
	}
	return s
}

// wattsOf is the power of a point, and where it is from.
func (d Document) wattsOf(p *report.CalibrationPoint, i int) Value {
	var w *float64
	if v, known := p.Power(); known {
		w = &v
	}
	return d.known(w, digits("W", 4), cmp.Or(p.Reason, "a package's counter could not be read"), "points[%d].sockets[*].power_w", i)
}

// began is when a point was made, from the beginning of the calibration.
func began(c *report.Calibration, p *report.CalibrationPoint) time.Duration {
	return p.StartedAt.Sub(c.StartedAt)
}

func (d Document) after(c *report.Calibration, i int) Value {
	return Value{Text: output.Quantity(began(c, &c.Points[i]).Seconds(), "s", 3), Source: d.at("points[%d].started_at", i)}
}

// verdictTable is what quality control found at points: first those that were
// left out.
func verdictTable(d Document, c *report.Calibration) Table {
	t := Table{Caption: "Points that were left out, and points with a remark", Left: 4, Header: []string{"point", "outcome", "found", "advice", "after", "power"}}
	left := 0
	for _, used := range []bool{false, true} {
		for i := range c.Points {
			p := &c.Points[i]
			if p.Used != used {
				continue
			}
			outcome := "used all the same"
			if !used {
				outcome = "left out"
				left++
			}
			for k, v := range p.Verdicts {
				if len(t.Rows) == maxRows {
					break
				}
				t.Rows = append(t.Rows, []Value{{Text: pointName(p)}, {Text: outcome}, {Text: output.Plain(v.Message), Source: d.at("points[%d].verdicts[%d]", i, k)}, {Text: output.Plain(v.Advice)},
					d.after(c, i), d.wattsOf(p, i)})
			}
		}
	}
	if left == 0 && len(c.Points) > 0 {
		t.Note = "No point was left out."
	}
	return t
}

// pointTable has every point, in the order of time.
func pointTable(d Document, c *report.Calibration) *Table {
	t := &Table{Left: 3, Header: []string{"point", "CPUs", "part", "after", "utilisation", "power"}}
	for i := range c.Points[:min(len(c.Points), maxRows)] {
		p := &c.Points[i]
		t.Rows = append(t.Rows, []Value{{Text: pointName(p)}, plainText(cmp.Or(p.CPUs, "-")), {Text: partOf(p)}, d.after(c, i), d.utilisation(p, i), d.wattsOf(p, i)})
	}
	if len(c.Points) > maxRows {
		t.Note = fmt.Sprintf("The first %s points; the file has all.", output.Count(maxRows))
	}
	return t
}

// partOf says what a point is for: models are fitted to those for training,
// here or on the host of a profile, and never to the holdout.
func partOf(p *report.CalibrationPoint) string {
	switch {
	case !p.Used:
		return "left out"
	case p.Holdout:
		return "holdout"
	}
	return "training"
}

func (d Document) utilisation(p *report.CalibrationPoint, i int) Value {
	var u *float64
	if v, known := p.Utilisation(); known {
		u = &v
	}
	return d.known(u, output.Percent, "a socket does not say", "points[%d].sockets[*].busy", i)
}

// said is what a model says of a point; known is false where it says nothing.
func said(c *report.Calibration, model, point int) (watts float64, known bool) {
	if model < 0 || point >= len(c.Models[model].PredictedW) || c.Models[model].PredictedW[point] == nil {
		return 0, false
	}
	return *c.Models[model].PredictedW[point], true
}

// silence is why a model says nothing of a point.
func silence(m *report.ModelQuality) string {
	return cmp.Or(m.Reason, "the model says nothing of this point")
}

func (d Document) predicted(c *report.Calibration, model, point int) Value {
	v := Value{Reason: silence(&c.Models[model]), Source: d.at("models[%d].predicted_w[%d]", model, point)}
	if w, known := said(c, model, point); known {
		v.Text = output.Quantity(w, "W", 4)
	}
	return v
}

// residual is what a model says of a point less what was measured.
func (d Document) residual(c *report.Calibration, model, point int) Value {
	v := Value{Reason: silence(&c.Models[model]), Source: d.at("models[%d].predicted_w[%d], points[%d].sockets[*].power_w", model, point, point)}
	truth, measured := c.Points[point].Power()
	if w, known := said(c, model, point); known && measured {
		v.Text = output.SignedWatts(w - truth)
	} else if !measured {
		v.Reason = cmp.Or(c.Points[point].Reason, "the power is not known")
	}
	return v
}

// calibrationRows are what the short forms show: how far every model is off,
// and what that makes of energy for the best and for TDP x utilisation.
func calibrationRows(d Document, c *report.Calibration) []row {
	var out []row
	for i := range c.Models {
		m := &c.Models[i]
		e := errorsOf(m)
		r := row{source: d.at("models[%d].holdout.wmape_pct.value", i), kind: "calibration", subject: strings.TrimSpace(m.Name + " on " + hostName(c)), measure: "error of power (wMAPE)",
			value: e.WMAPE.Value, low: e.WMAPE.Low, high: e.WMAPE.High, unit: "%", reason: holdoutReason(m)}
		j := r
		j.source, j.measure, j.value, j.low, j.high = d.at("models[%d].holdout.energy_pct.value", i), "error of energy", e.Energy.Value, e.Energy.Low, e.Energy.High
		if r.value != nil {
			r.text, r.reason = betweenPct(e.WMAPE, pct), ""
		}
		out = append(out, r)
		if m.Name != c.Best && m.Name != naive {
			continue
		}
		if j.value != nil {
			j.text, j.reason = betweenPct(e.Energy, output.Change), ""
		}
		out = append(out, j)
	}
	if len(out) == 0 {
		out = []row{{source: d.at("grade"), kind: "calibration", subject: hostName(c), measure: "error of power (wMAPE)", unit: "%", reason: "no model was tried"}}
	}
	out[0].verdict = hostName(c) + ": " + output.CalibrationAnswer(c)
	return out
}

func betweenPct(w report.WithRange, text func(float64) string) string {
	if w.Low == nil || w.High == nil {
		return text(*w.Value)
	}
	return text(*w.Value) + " (" + text(*w.Low) + " to " + text(*w.High) + ")"
}
