package output

import (
	"strconv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// phaseRowsCSV says what each phase spent, in the long form: the name of a
// phase is the id, that of its domains and stretches follows it.
func phaseRowsCSV(r *report.Run) []valueRow {
	p := r.Phases
	if p == nil {
		return nil
	}
	var rows []valueRow
	for _, one := range p.List {
		rows = append(rows, onePhase("phase", one.Name, one, r)...)
	}
	if p.Outside != nil {
		rows = append(rows, onePhase("phase.outside", outsideName, *p.Outside, r)...)
	}
	if p.Rest != nil {
		rows = append(rows, onePhase("phase.rest", restName, *p.Rest, r)...)
	}
	for _, m := range p.Marks {
		rows = append(rows, valueRow{kind: "mark", id: m.Text, value: &m.AtS, unit: "s"})
	}
	if p.IgnoredMarks > 0 {
		rows = append(rows, numberRow("mark.ignored", "total", p.IgnoredMarks))
	}
	return rows
}

func onePhase(kind, id string, p report.Phase, r *report.Run) []valueRow {
	seconds := func(name string, v float64) valueRow {
		return valueRow{kind: kind + name, id: id, value: &v, unit: "s", quality: energy.Measured}
	}
	rows := append(energyRows(kind, id, p.Energy, p.Quality, r.Source.Name, ""),
		seconds(".start", p.StartS), seconds(".end", p.EndS), seconds(".duration", p.DurationS))
	target := func(id string, j, unc *float64) {
		if j != nil {
			rows = append(rows, valueRow{kind: kind + ".target", id: id, value: j, unit: "J", quality: energy.Attributed, source: r.Attribution.Method, unc: unc})
		}
	}
	target(id, p.TargetJ, p.TargetUncertaintyJ)
	for _, d := range p.Domains {
		rows = append(rows, energyRows(kind+".domain", id+"/"+d.ID, d.Energy, p.Quality, r.Source.Name, "")...)
		target(id+"/"+d.ID, d.TargetJ, nil)
	}
	for i, x := range p.Stretches {
		id := id + " #" + strconv.Itoa(i+1)
		rows = append(rows,
			valueRow{kind: kind + ".stretch", id: id, value: x.EnergyJ, unit: "J", quality: p.Quality, source: r.Source.Name, unc: x.UncertaintyJ, reason: stretchReason(x, p)},
			valueRow{kind: kind + ".stretch.start", id: id, value: &x.StartS, unit: "s", quality: energy.Measured},
			valueRow{kind: kind + ".stretch.end", id: id, value: &x.EndS, unit: "s", quality: energy.Measured})
	}
	return rows
}

// stretchReason says why the energy of a stretch is not known.
func stretchReason(x report.Stretch, p report.Phase) string {
	switch {
	case x.EnergyJ != nil:
		return ""
	case p.Reason != "":
		return p.Reason
	}
	return "shorter than the counter's refresh; it is in the phase's energy"
}
