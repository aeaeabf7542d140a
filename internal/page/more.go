package page

import (
	"fmt"
	"maps"
	"slices"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// moreTables are those that not every run has: groups, models, cross-checks.
func moreTables(d Document, r *report.Run) []Table {
	var out []Table
	for _, t := range []Table{groupTable(d, r), modelTable(d, r), crossTable(d, r)} {
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

func groupTable(d Document, r *report.Run) Table {
	t := Table{Caption: "Containers and other groups", Header: []string{"group", "runtime", "processes", "energy", "CPU time"}, Left: 2}
	for i, g := range r.Attribution.Groups {
		if i == maxRows {
			break
		}
		name := g.Container
		if name == "" {
			name = g.Cgroup
		}
		t.Rows = append(t.Rows, []Value{plainText(name), plainText(g.Runtime), {Text: output.Count(g.Processes), Source: d.at("attribution.groups[%d].processes", i)},
			d.known(g.EnergyJ, digits("J", 3), "the split has no joules for it", "attribution.groups[%d].energy_j", i),
			{Text: output.Quantity(g.CPUS, "s", 3), Source: d.at("attribution.groups[%d].cpu_s", i)}})
	}
	return t
}

func modelTable(d Document, r *report.Run) Table {
	t := Table{Caption: "What power models say", Header: []string{"model", "how", "energy", "range", "error"}, Left: 2}
	for _, name := range slices.Sorted(maps.Keys(r.Models)) {
		m := r.Models[name]
		span := Value{Reason: "the model gives none", Source: d.at("models.%s.low_j", name)}
		if m.LowJ != nil && m.HighJ != nil {
			span.Text = output.Quantity(*m.LowJ, "J", 2) + " to " + output.Quantity(*m.HighJ, "J", 2)
		}
		t.Rows = append(t.Rows, []Value{plainText(name), plainText(m.Description),
			d.known(m.EnergyJ, func(v float64) string { return "≈ " + output.Quantity(v, "J", 2) }, "the model has too little to go by", "models.%s.energy_j", name), span,
			d.known(m.ErrorPctVsMeasured, output.Change, "nothing was measured to compare with", "models.%s.error_pct_vs_measured", name)})
	}
	return t
}

func crossTable(d Document, r *report.Run) Table {
	t := Table{Caption: "The same counters through other interfaces", Header: []string{"domain", "interface", "energy", "of the one in use", "expected within"}, Left: 2}
	for i, c := range r.CrossCheck {
		for _, source := range slices.Sorted(maps.Keys(c.EnergyJ)) {
			at := fmt.Sprintf("cross_check[%d]", i)
			ratio := Value{Reason: "the interface in use did not say", Source: d.at("%s.ratio.%s", at, source)}
			if v, ok := c.Ratio[source]; ok {
				ratio.Text = fmt.Sprintf("%.5f", v)
			}
			t.Rows = append(t.Rows, []Value{plainText(c.Domain), plainText(source),
				{Text: output.Quantity(c.EnergyJ[source], "J", 6), Source: d.at("%s.energy_j.%s", at, source)}, ratio,
				{Text: output.Percent(c.ExpectedPct / 100), Source: d.at("%s.expected_pct", at)}})
		}
	}
	return t
}
