package page

import (
	"fmt"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
	"github.com/energyprobe/energyprobe/internal/report"
)

// phaseFigure shows what the phases of a run spent, and what was spent outside
// of them.
func phaseFigure(d Document, r *report.Run) (Figure, bool) {
	if r.Phases == nil || len(r.Phases.List) == 0 {
		return Figure{}, false
	}
	c := plot.BarChart{Frame: plot.Frame{Title: "Joules per phase"}, Unit: "J", Axis: "energy",
		Legend: []string{"phases", "outside of phases"}, Roles: []plot.Role{plot.Target, plot.Others}}
	t := &Table{Header: []string{"phase", "stretches", "time", "energy", "power", "of the command"}, Left: 1}
	row := func(p *report.Phase, name, at string, role plot.Role) {
		q := p.Quality
		energy := d.known(p.EnergyJ, func(float64) string { return output.EnergyText(p.Energy, q) }, p.Reason, "%s.energy_j", at)
		stretches := Value{Text: "-"}
		if n := len(p.Stretches); n > 0 {
			stretches = Value{Text: output.Count(n), Source: d.at("%s.stretches", at)}
		}
		t.Rows = append(t.Rows, []Value{plainText(name), stretches,
			{Text: output.Quantity(p.DurationS, "s", 3), Source: d.at("%s.duration_s", at)}, energy,
			d.known(p.PowerW, func(float64) string { return output.PowerText(p.Energy, q) }, p.Reason, "%s.power_w", at),
			d.known(p.TargetJ, digits("J", 3), "the joules were not split", "%s.target_j", at)})
		if p.EnergyJ != nil && len(c.Bars) < maxProcesses {
			label := output.Plain(name)
			c.Bars = append(c.Bars, plot.Bar{Label: label, Note: energy.Text,
				Parts: []plot.BarPart{{Value: *p.EnergyJ, Role: role, Title: label + ": " + energy.Text, Source: energy.Source}}})
		}
	}
	for i := range r.Phases.List[:min(len(r.Phases.List), maxRows)] {
		p := &r.Phases.List[i]
		row(p, p.Name, fmt.Sprintf("phases.list[%d]", i), plot.Target)
	}
	if p := r.Phases.Outside; p != nil {
		row(p, "outside of phases", "phases.outside", plot.Others)
	}
	if p := r.Phases.Rest; p != nil {
		row(p, "not told apart", "phases.rest", plot.Others)
	}
	return Figure{Kind: "phases", Title: "Joules per phase", Scene: c.Scene(), Table: t}, true
}
