package page

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

func runSection(d Document, r *report.Run) Section {
	s := Section{Title: output.Plain(output.Subject(r)), Kicker: "Run of " + date(r.StartedAt), Facts: runFacts(d, r),
		Warnings: r.Warnings, Refused: r.Source.Refused}
	s.Lead = []string{output.Outcome(r) + "."}
	if output.TotalQuality(r) == energy.Estimated {
		s.Alert = output.EstimateNote(r)
	}
	if output.IsSplit(r) {
		s.Lead = append(s.Lead, output.Spent(r)+".")
	} else if r.Attribution.Reason != "" {
		s.Lead = append(s.Lead, "Not attributed: "+output.Plain(r.Attribution.Reason)+".")
	}
	if f, ok := powerFigure(d, r); ok {
		s.Figures = append(s.Figures, f)
	}
	if f, ok := phaseFigure(d, r); ok {
		s.Figures = append(s.Figures, f)
	}
	if f, ok := attributionFigure(d, r); ok {
		s.Figures = append(s.Figures, f)
	}
	if f, ok := processFigure(d, r); ok {
		s.Figures = append(s.Figures, f)
	}
	s.Tables = append(append(s.Tables, domainTable(d, r)), moreTables(d, r)...)
	if len(r.Metrics) > 0 {
		s.Tables = append(s.Tables, metricTable(d, r))
	}
	s.Provenance = append(hostFacts(d, "", r.Host),
		Fact{Label: "source", Value: Value{Text: output.SourceText(r), Source: d.at("source")}},
		Fact{Label: "cost of measuring", Value: Value{Text: output.OverheadText(r), Source: d.at("overhead")}},
		Fact{Label: "made by", Value: Value{Text: toolText(r.Tool), Source: d.at("tool")}},
		Fact{Label: "run", Value: Value{Text: output.Plain(r.RunID), Source: d.at("run_id")}})
	return s
}

// eachPower calls f with the power of a domain between its samples.
func eachPower(s *report.Series, f func(k int, from, to, joules, watts float64, split []float64)) {
	last := make([]float64, len(s.Domains()))
	for i := range s.Len() {
		t, energyJ := s.At(i)
		split := s.SplitAt(i)
		for k, j := range energyJ {
			if math.IsNaN(j) {
				continue
			}
			if dt := t - last[k]; dt > 0 {
				var lines []float64
				if split != nil {
					lines = split[k*report.SplitLines:][:report.SplitLines]
				}
				f(k, last[k], t, j, j/dt, lines)
			}
			last[k] = t
		}
	}
}

// columns is how many columns a chart over time has: one a pixel, about.
const columns = 720

func powerFigure(d Document, r *report.Run) (Figure, bool) {
	s := r.Samples
	if s.Len() < 2 || len(s.Domains()) == 0 {
		return Figure{}, false
	}
	end, _ := s.At(s.Len() - 1)
	n := min(columns, s.Len())
	each := (n + powerRows - 1) / powerRows // columns to a stretch
	n -= n % each
	whole, part := make([]*plot.Envelope, len(s.Domains())), make([]*plot.Envelope, len(s.Domains()))
	for k := range whole {
		whole[k], part[k] = plot.NewEnvelope(n, 0, end), plot.NewEnvelope(n, 0, end)
	}
	eachPower(s, func(k int, from, to, joules, watts float64, split []float64) {
		whole[k].Add(from, to, watts)
		if split != nil {
			part[k].Add(from, to, split[report.SplitTarget]/(to-from))
		}
	})
	coarse := make([]*plot.Envelope, len(whole)) // for the values that a reader is told
	for k, e := range whole {
		coarse[k] = e.Join(each)
	}
	c := plot.PowerChart{Frame: plot.Frame{Title: "Power over time"}, Source: d.at("samples"), Stretches: coarse[0],
		Tell: func(i int) string { return powerAt(s.Domains(), coarse, i) }}
	for k, id := range s.Domains() {
		c.Lines = append(c.Lines, plot.PowerLine{Name: output.Plain(id), Role: plot.SeriesRole(k), Envelope: whole[k]})
		if !math.IsNaN(part[k].Most()) {
			c.Lines = append(c.Lines, plot.PowerLine{Name: output.Plain(id) + ", target", Role: plot.SeriesRole(k), Envelope: part[k], Dashed: true})
		}
	}
	caption := fmt.Sprintf("%s samples. Lines are means over %s; the band behind a line reaches from the least to the most single sample.",
		output.Count(s.Len()), output.Quantity(end/float64(n), "s", 2))
	return Figure{Kind: "power", Title: "Power over time", Caption: caption, Scene: c.Scene(), Table: powerTable(d, s.Domains(), coarse)}, true
}

// powerRows is how many stretches of time a reader can ask about: few enough
// to walk through with the arrow keys.
const powerRows = 60

func powerAt(ids []string, lines []*plot.Envelope, i int) string {
	from, to, _, _, _ := lines[0].At(i)
	text := output.Quantity(from, "s", 3) + " to " + output.Quantity(to, "s", 3)
	for k, e := range lines {
		_, _, least, mean, most := e.At(i)
		if math.IsNaN(mean) {
			text += "\n" + output.Plain(ids[k]) + ": not known"
			continue
		}
		text += "\n" + output.Plain(ids[k]) + ": " + output.Quantity(mean, "W", 4) + " (" + output.Quantity(least, "W", 3) + " to " + output.Quantity(most, "W", 3) + ")"
	}
	return text
}

func powerTable(d Document, ids []string, lines []*plot.Envelope) *Table {
	t := &Table{Header: []string{"from", "to"}, Left: 0}
	for _, id := range ids {
		id = output.Plain(id)
		t.Header = append(t.Header, id+", least", id+", mean", id+", most")
	}
	for i := range lines[0].Len() {
		var row []Value
		for k, e := range lines {
			from, to, least, mean, most := e.At(i)
			if k == 0 {
				row = append(row, Value{Text: output.Quantity(from, "s", 3)}, Value{Text: output.Quantity(to, "s", 3)})
			}
			for _, v := range [...]float64{least, mean, most} {
				if math.IsNaN(v) {
					row = append(row, Value{Reason: "no sample"})
				} else {
					row = append(row, Value{Text: output.Quantity(v, "W", 4)})
				}
			}
		}
		t.Rows = append(t.Rows, row)
	}
	t.Note = "From " + d.at("samples")
	return t
}

// part is a line of a split.
type part struct {
	name, field string
	role        plot.Role
	of          func(report.Split) *float64
}

func parts() []part {
	return []part{
		{"target", "target_j", plot.Target, func(s report.Split) *float64 { return s.TargetJ }},
		{"others", "others_j", plot.Others, func(s report.Split) *float64 { return s.OthersJ }},
		{"kernel", "kernel_j", plot.Kernel, func(s report.Split) *float64 { return s.KernelJ }},
		{"idle", "idle_j", plot.Idle, func(s report.Split) *float64 { return s.IdleJ }},
		{"unattributed", "unattributed_j", plot.Unattributed, func(s report.Split) *float64 { return s.UnattributedJ }},
	}
}

func attributionFigure(d Document, r *report.Run) (Figure, bool) {
	if !output.IsSplit(r) {
		return Figure{}, false
	}
	c := plot.BarChart{Frame: plot.Frame{Title: "Whose joules"}, Unit: "J", Axis: "energy"}
	t := &Table{Header: []string{"domain"}, Left: 1}
	for _, p := range parts() {
		c.Legend, c.Roles, t.Header = append(c.Legend, p.name), append(c.Roles, p.role), append(t.Header, p.name)
	}
	row := func(label, path string, e *float64, s report.Split) {
		b := plot.Bar{Label: label}
		cells := []Value{{Text: label}}
		for _, p := range parts() {
			v := d.known(p.of(s), digits("J", 4), s.Unknown[p.field], "%s.%s", path, p.field)
			cells = append(cells, v)
			if v.Text != "" {
				b.Parts = append(b.Parts, plot.BarPart{Value: *p.of(s), Role: p.role, Title: label + ", " + p.name + ": " + v.Text, Source: v.Source})
			}
		}
		b.Note = "not known"
		if e != nil {
			b.Note = output.Quantity(*e, "J", 4)
		}
		c.Bars, t.Rows = append(c.Bars, b), append(t.Rows, cells)
	}
	for i, s := range r.Attribution.PerDomain {
		row(output.Plain(s.ID), fmt.Sprintf("attribution.per_domain[%d]", i), s.EnergyJ, s.Split)
	}
	row("total", "attribution", r.Total.EnergyJ, r.Attribution.Split)
	t.Total = true
	caption := "Split by " + r.Attribution.Method
	if r.Attribution.Weights != "" {
		caption += ": " + output.Plain(r.Attribution.Weights)
	}
	return Figure{Kind: "attribution", Title: "Whose joules", Caption: caption + ".", Scene: c.Scene(), Table: t}, true
}

// maxProcesses is how many processes have a bar.
const maxProcesses = 12

func processFigure(d Document, r *report.Run) (Figure, bool) {
	all := r.Attribution.Processes
	if len(all) == 0 {
		return Figure{}, false
	}
	c := plot.BarChart{Frame: plot.Frame{Title: "Processes that spent most"}, Unit: "J", Axis: "energy"}
	t := &Table{Header: []string{"process", "party", "PID", "energy", "share", "CPU time"}, Left: 2}
	roles := map[string]plot.Role{"target": plot.Target, "kernel": plot.Kernel, "others": plot.Others, "tool": plot.Others}
	seen := map[string]bool{}
	for i, p := range all[:min(len(all), maxRows)] {
		energy := d.known(p.EnergyJ, digits("J", 3), "the split has no joules for it", "attribution.processes[%d].energy_j", i)
		pct := func(v float64) string { return output.Percent(v / 100) }
		t.Rows = append(t.Rows, []Value{plainText(p.Comm), plainText(p.Party), {Text: fmt.Sprint(p.PID)}, energy,
			d.known(p.SharePct, pct, "the total is not known", "attribution.processes[%d].share_pct", i),
			{Text: output.Quantity(p.CPUS, "s", 3), Source: d.at("attribution.processes[%d].cpu_s", i)}})
		if i >= maxProcesses || p.EnergyJ == nil {
			continue
		}
		role := roles[p.Party]
		if role == "" {
			role = plot.None
		}
		if !seen[p.Party] {
			seen[p.Party] = true
			c.Legend, c.Roles = append(c.Legend, output.Plain(p.Party)), append(c.Roles, role)
		}
		label := fmt.Sprintf("%s %d", output.Plain(p.Comm), p.PID)
		c.Bars = append(c.Bars, plot.Bar{Label: label, Note: energy.Text,
			Parts: []plot.BarPart{{Value: *p.EnergyJ, Role: role, Title: label + ": " + energy.Text, Source: energy.Source}}})
	}
	if rest := r.Attribution.ProcessesRest; rest != nil && rest.N > 0 {
		t.Note = output.Count(rest.N) + " more have no line of their own."
	}
	return Figure{Kind: "processes", Title: "Processes that spent most", Scene: c.Scene(), Table: t}, true
}

func domainTable(d Document, r *report.Run) Table {
	t := Table{Caption: "Energy per domain", Header: []string{"domain", "quality", "counter", "energy", "power"}, Left: 3, Total: true}
	for i, m := range r.Domains {
		name := output.Plain(m.ID)
		if !m.InTotal {
			name += " (not in total)"
		}
		if m.EnergyJ == nil && m.LowJ != nil {
			m.Reason = "at least " + output.Quantity(*m.LowJ, "J", 4) + "; " + m.Reason
		}
		t.Rows = append(t.Rows, []Value{{Text: name}, {Text: string(m.Quality)}, plainText(m.Origin),
			d.known(m.EnergyJ, func(float64) string { return output.EnergyText(m.Energy, m.Quality) }, m.Reason, "domains[%d].energy_j", i),
			d.known(m.PowerW, func(float64) string { return output.PowerText(m.Energy, m.Quality) }, m.Reason, "domains[%d].power_w", i)})
	}
	q := output.TotalQuality(r)
	t.Rows = append(t.Rows, []Value{{Text: "total"}, {Text: string(q)}, {Text: output.Plain(r.Source.Name)},
		d.known(r.Total.EnergyJ, func(float64) string { return output.EnergyText(r.Total, q) }, r.Total.Reason, "total.energy_j"),
		d.known(r.Total.PowerW, func(float64) string { return output.PowerText(r.Total, q) }, r.Total.Reason, "total.power_w")})
	return t
}

func metricTable(d Document, r *report.Run) Table {
	t := Table{Caption: "Everything else that was measured", Folded: true, Header: []string{"metric", "from", "value"}, Left: 2}
	for _, name := range output.MetricNames(r.Metrics) {
		m := r.Metrics[name]
		t.Rows = append(t.Rows, []Value{plainText(name), plainText(m.Source),
			d.known(m.Value, func(float64) string { return output.MetricText(name, m) }, m.Reason, "metrics.%s.value", name)})
	}
	return t
}
