package output

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/report"
)

// instrument shows how good the measuring itself was.
func (p *page) instrument(i *report.Instrument) {
	if i == nil {
		return
	}
	wide := p.o.Width >= 76
	if header, right, rows := latencyTable(i); len(rows) > 0 {
		p.section("Reading all counters once")
		p.grid(header, right, rows)
	}
	if header, right, rows := updateTable(i, wide); len(rows) > 0 {
		p.section("When the counters are updated")
		p.grid(header, right, rows)
	}
	if header, right, rows := agreementTable(i, wide); len(rows) > 0 {
		p.section("The same joules through other interfaces")
		p.grid(header, right, rows)
	}
	for _, line := range instrumentGaps(i) {
		p.text("  unknown: ", line, p.yellow)
	}
	p.blank()
	p.text("  ", clockText(&i.Clock), p.normal)
}

// latencyTable has a row for each interface.
func latencyTable(i *report.Instrument) (header []string, right []bool, rows [][]string) {
	for _, one := range i.Interfaces {
		if r := one.Read; r != nil {
			rows = append(rows, []string{plain(one.Name), took(r.MedianS), took(r.P95S), took(r.P99S), took(r.MaxS)})
		}
	}
	return []string{"", "Median", "95 %", "99 %", "Longest"}, []bool{false, true, true, true, true}, rows
}

func took(s float64) string { return quantity(s, "s", 3) }

// updateTable has a row for each domain, through the best interface that shows
// when it is updated.
func updateTable(i *report.Instrument, wide bool) (header []string, right []bool, rows [][]string) {
	header, right = []string{"", "Every", "5 – 95 %", "99 %"}, []bool{false, true, true, true}
	if wide {
		header, right = append(header, "Longest", "Step", "Seen by"), append(right, true, true, false)
	}
	seen := map[string]bool{}
	for _, one := range i.Interfaces {
		for _, z := range one.Zones {
			u := z.Update
			if u == nil || seen[z.Domain] {
				continue
			}
			seen[z.Domain] = true
			step := "-"
			if z.StepJ != nil {
				step = quantity(*z.StepJ, "J", 4)
			}
			row := []string{plain(z.Domain), took(u.MeanS), timeSpan(u.P5S, u.P95S), took(u.P99S), took(u.MaxS), step, plain(one.Name)}
			rows = append(rows, row[:len(header)])
		}
	}
	return header, right, rows
}

// timeSpan is a span of times under one prefix: "0.84 – 1.17 ms".
func timeSpan(low, high float64) string {
	p := prefixFor(high, 3)
	return fixed(p.scale(low), 2) + " – " + fixed(p.scale(high), 2) + " " + p.symbol + "s"
}

// agreementTable has a row for each domain of an interface that another shows
// as well.
func agreementTable(i *report.Instrument, wide bool) (header []string, right []bool, rows [][]string) {
	header, right = []string{"", "Interface", "Difference", "Verdict"}, []bool{false, false, true, false}
	if wide {
		header, right = append(header, "Against", "Correction"), append(right, false, true)
	}
	for _, a := range i.Agreement {
		if a.Ratio == nil {
			continue
		}
		correction := "-"
		if a.Correction != nil {
			correction = correctionText(a.Correction)
		}
		row := []string{plain(a.Domain), plain(a.Interface), offText(a.Ratio), agreementWord(a), plain(a.Reference), correction}
		rows = append(rows, row[:len(header)])
	}
	return header, right, rows
}

// correctionText is what to multiply by.
func correctionText(f *report.Factor) string {
	return "× " + fixed(f.Value, min(max(decimalsFor(f.Uncertainty), 2), maxDigits))
}

// offText is how far a ratio is off 1, with its uncertainty.
func offText(f *report.Factor) string {
	scale, unit := 100.0, "%"
	if math.Max(math.Abs(f.Value-1), f.Uncertainty) < 1e-4 {
		scale, unit = 1e6, "ppm"
	}
	u := scale * f.Uncertainty
	value, plus := plusMinus(scale*(f.Value-1), &u, noPrefix)
	if f.Value > 1 {
		value = "+" + value
	}
	if plus != "" {
		value += " ± " + plus
	}
	return value + " " + unit
}

func agreementWord(a report.Agreement) string {
	switch {
	case a.Agree != nil && *a.Agree:
		return "agree"
	case a.Units:
		return "units"
	}
	return "DISAGREE"
}

// instrumentGaps says what is not known, and why: of updates, where no interface
// shows them.
func instrumentGaps(i *report.Instrument) []string {
	shown := map[string]bool{}
	for _, one := range i.Interfaces {
		for _, z := range one.Zones {
			shown[z.Domain] = shown[z.Domain] || z.Update != nil
		}
	}
	var lines []string
	for _, one := range i.Interfaces {
		if one.Reason != "" {
			lines = append(lines, fmt.Sprintf("%s: %s", plain(one.Name), plain(one.Reason)))
		}
		for _, z := range one.Zones {
			if !shown[z.Domain] {
				shown[z.Domain] = true
				lines = append(lines, fmt.Sprintf("when %s is updated: %s", plain(z.Domain), plain(z.UpdateReason)))
			}
		}
	}
	for _, a := range i.Agreement {
		if a.Ratio == nil {
			lines = append(lines, fmt.Sprintf("%s through %s and %s: %s", plain(a.Domain), plain(a.Interface), plain(a.Reference), plain(a.Reason)))
		}
	}
	for _, r := range i.Refused {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", plain(r.Name), plain(r.Kind), plain(r.Reason)))
	}
	return slices.Compact(lines)
}

// clockText is what is known of the clock, in a sentence or two.
func clockText(c *report.ClockDrift) string {
	s := "The clock"
	if c.Source != "" {
		s += " (" + plain(c.Source) + ")"
	}
	if c.DriftPPM == nil || c.UncertaintyPPM == nil {
		s += " could not be compared: " + plain(c.Reason)
	} else {
		value, plus := plusMinus(*c.DriftPPM, c.UncertaintyPPM, noPrefix)
		if *c.DriftPPM > 0 {
			value = "+" + value
		}
		if plus != "" {
			value += " ± " + plus
		}
		s += fmt.Sprintf(" ran at %s ppm against the raw one over %s", value, seconds(c.SpanS))
	}
	if c.Synchronized != nil && !*c.Synchronized {
		s += "; no time service keeps it"
	}
	if c.ReadS != nil {
		s += "; a time stamp takes " + quantity(*c.ReadS, "s", 2)
	}
	return s + "."
}

// instrumentMarkdown writes the same for issues and papers.
func (m *markdown) instrument(i *report.Instrument) {
	if i == nil {
		return
	}
	add := func(title string, header []string, right []bool, rows [][]string) {
		if len(rows) > 0 {
			m.para("%s", title)
			m.table(header, right, escaped(rows))
		}
	}
	header, right, rows := latencyTable(i)
	add("Reading all counters once:", header, right, rows)
	header, right, rows = updateTable(i, true)
	add("When the counters are updated:", header, right, rows)
	header, right, rows = agreementTable(i, true)
	add("The same joules through other interfaces:", header, right, rows)
	for _, line := range instrumentGaps(i) {
		m.para("- unknown: %s", md(line))
	}
	m.para("%s", md(clockText(&i.Clock)))
}

// instrumentHeader names the columns that lines on the measuring have behind
// those of points, which are empty there.
var instrumentHeader = []string{"record", "interface", "domain", "quantity", "value", "uncertainty", "unit", "reason"}

// instrumentCSV writes a line per quantity, behind so many empty columns.
func instrumentCSV(out *csv.Writer, i *report.Instrument, empty int) error {
	if i == nil {
		return nil
	}
	for _, r := range instrumentRows(i) {
		value := ""
		if r.value != nil {
			value = exact(r.value)
		}
		if err := out.Write(append(make([]string, empty), r.record, r.face, r.domain, r.quantity, value, exact(r.uncertainty), r.unit, r.reason)); err != nil {
			return err
		}
	}
	return nil
}

// instrumentRow is a line of CSV on the measuring.
type instrumentRow struct {
	record, face, domain, quantity string
	value, uncertainty             *float64
	unit, reason                   string
}

func instrumentRows(i *report.Instrument) (rows []instrumentRow) {
	for _, one := range i.Interfaces {
		rows = append(rows, latencyRows(one.Name, "", one.Read, one.Reason)...)
		for _, z := range one.Zones {
			rows = append(rows, latencyRows(one.Name, z.Domain, z.Read, z.UpdateReason)...)
			rows = append(rows, updateRows(one.Name, z)...)
		}
	}
	for _, a := range i.Agreement {
		rows = append(rows, factorRow(a, "ratio", a.Ratio, a.Reason))
		if a.Correction != nil {
			rows = append(rows, factorRow(a, "correction", a.Correction, ""))
		}
	}
	c := i.Clock
	return append(rows,
		instrumentRow{record: "clock", face: c.Source, quantity: "drift", value: c.DriftPPM, uncertainty: c.UncertaintyPPM, unit: "ppm", reason: c.Reason},
		instrumentRow{record: "clock", face: c.Source, quantity: "worst_drift", value: c.WorstPPM, unit: "ppm", reason: c.Reason},
		instrumentRow{record: "clock", face: c.Source, quantity: "read", value: c.ReadS, unit: "s"})
}

// latencyRows has one line, without a value, for reads that never succeeded.
func latencyRows(face, domain string, l *report.Latency, reason string) []instrumentRow {
	row := func(quantity string, v *float64, unit, reason string) instrumentRow {
		return instrumentRow{record: "read", face: face, domain: domain, quantity: quantity, value: v, unit: unit, reason: reason}
	}
	if l == nil {
		return []instrumentRow{row("median", nil, "s", reason)}
	}
	n := float64(l.N)
	return []instrumentRow{row("n", &n, "", ""), row("median", &l.MedianS, "s", ""), row("p95", &l.P95S, "s", ""), row("p99", &l.P99S, "s", ""), row("max", &l.MaxS, "s", "")}
}

func updateRows(face string, z report.ZoneTiming) []instrumentRow {
	row := func(record, quantity string, v *float64, unit, reason string) instrumentRow {
		return instrumentRow{record: record, face: face, domain: z.Domain, quantity: quantity, value: v, unit: unit, reason: reason}
	}
	rows := []instrumentRow{row("step", "unit", &z.UnitJ, "J", ""), row("step", "joules", z.StepJ, "J", z.StepReason), row("step", "counts", z.StepCounts, "", z.StepReason)}
	u := z.Update
	if u == nil {
		return append(rows, row("update", "mean", nil, "s", z.UpdateReason))
	}
	n, excluded := float64(u.N), float64(u.Excluded)
	rows = append(rows, row("update", "n", &n, "", ""), row("update", "excluded", &excluded, "", ""))
	for _, q := range []struct {
		name string
		v    *float64
	}{
		{"mean", &u.MeanS}, {"std_dev", &u.StdDevS}, {"median", &u.MedianS}, {"min", &u.MinS}, {"p5", &u.P5S},
		{"p95", &u.P95S}, {"p99", &u.P99S}, {"max", &u.MaxS}, {"resolution", &u.ResolutionS},
	} {
		rows = append(rows, row("update", q.name, q.v, "s", ""))
	}
	return rows
}

func factorRow(a report.Agreement, quantity string, f *report.Factor, reason string) instrumentRow {
	r := instrumentRow{record: "agreement", face: a.Interface + "/" + a.Reference, domain: a.Domain, quantity: quantity, reason: reason}
	if f != nil {
		r.value, r.uncertainty = &f.Value, &f.Uncertainty
	}
	return r
}
