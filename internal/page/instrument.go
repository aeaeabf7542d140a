package page

import (
	"fmt"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// instrumentTables say how good the measuring was that models are held to.
func instrumentTables(d Document, c *report.Calibration) []Table {
	i := c.Instrument
	if i == nil {
		return nil
	}
	return []Table{updateTable(d, i), agreementTable(d, i), latencyTable(d, i)}
}

// clockFact is how the clock ran by which joules become watts.
func clockFact(d Document, c *report.Calibration) []Fact {
	if c.Instrument == nil {
		return nil
	}
	return []Fact{{Label: "clock", Value: Value{Text: output.ClockText(&c.Instrument.Clock), Source: d.at("instrument.clock")}}}
}

var interval = digits("s", 3)

// updateTable has every counter through every interface.
func updateTable(d Document, i *report.Instrument) Table {
	t := Table{Caption: "When the counters are updated", Left: 2,
		Header: []string{"counter", "seen by", "every", "std. dev.", "5 %", "95 %", "99 %", "longest", "step"},
		Note:   "An update lies between two readings: a single interval may be off by as much as those are apart, the mean is not."}
	for k := range i.Interfaces {
		one := &i.Interfaces[k]
		for n := range one.Zones {
			z, at := &one.Zones[n], fmt.Sprintf("instrument.interfaces[%d].zones[%d]", k, n)
			row := []Value{{Text: output.Plain(z.Domain), Source: output.Plain(z.Origin)}, {Text: output.Plain(one.Name)}}
			for _, f := range []struct {
				field string
				of    func(*report.UpdateInterval) *float64
			}{
				{"mean_s", func(u *report.UpdateInterval) *float64 { return &u.MeanS }}, {"std_dev_s", func(u *report.UpdateInterval) *float64 { return &u.StdDevS }},
				{"p5_s", func(u *report.UpdateInterval) *float64 { return &u.P5S }}, {"p95_s", func(u *report.UpdateInterval) *float64 { return &u.P95S }},
				{"p99_s", func(u *report.UpdateInterval) *float64 { return &u.P99S }}, {"max_s", func(u *report.UpdateInterval) *float64 { return &u.MaxS }},
			} {
				var v *float64
				if z.Update != nil {
					v = f.of(z.Update)
				}
				row = append(row, d.known(v, interval, z.UpdateReason, "%s.update.%s", at, f.field))
			}
			t.Rows = append(t.Rows, append(row, d.known(z.StepJ, digits("J", 4), z.StepReason, "%s.step_j", at)))
		}
	}
	return t
}

// agreementTable has every domain that more than one interface shows.
func agreementTable(d Document, i *report.Instrument) Table {
	t := Table{Caption: "The same joules through other interfaces", Left: 4,
		Header: []string{"counter", "interface", "against", "verdict", "difference", "correction"},
		Note:   "Units: they differ by no more than how each rounds the register's unit."}
	for k := range i.Agreement {
		a, at := &i.Agreement[k], fmt.Sprintf("instrument.agreement[%d]", k)
		correction := d.factor(a.Correction, output.CorrectionText, a.Reason, at+".correction.value")
		if a.Correction == nil && a.Ratio != nil {
			correction.Text = "none" // they agree
		}
		t.Rows = append(t.Rows, []Value{{Text: output.Plain(a.Domain)}, {Text: output.Plain(a.Interface)}, {Text: output.Plain(a.Reference)},
			{Text: output.AgreementWord(*a), Source: d.at("%s.agree", at)},
			d.factor(a.Ratio, output.OffText, a.Reason, at+".ratio.value"), correction})
	}
	return t
}

func (d Document) factor(f *report.Factor, text func(*report.Factor) string, reason, at string) Value {
	v := Value{Reason: reason, Source: d.at("%s", at)}
	if f != nil {
		v.Text = text(f)
	}
	return v
}

// latencyTable is how long a reading of all counters takes.
func latencyTable(d Document, i *report.Instrument) Table {
	t := Table{Caption: "Reading all counters once", Folded: true, Left: 1, Header: []string{"interface", "readings", "median", "95 %", "99 %", "longest"}}
	for k := range i.Interfaces {
		one := &i.Interfaces[k]
		r, at := one.Read, fmt.Sprintf("instrument.interfaces[%d].read", k)
		var readings Value
		var values [4]*float64
		if r != nil {
			readings = Value{Text: output.Count(r.N), Source: d.at("%s.n", at)}
			values = [4]*float64{&r.MedianS, &r.P95S, &r.P99S, &r.MaxS}
		} else {
			readings = Value{Reason: one.Reason, Source: d.at("%s", at)}
		}
		row := []Value{{Text: output.Plain(one.Name)}, readings}
		for n, field := range []string{"median_s", "p95_s", "p99_s", "max_s"} {
			row = append(row, d.known(values[n], interval, one.Reason, "%s.%s", at, field))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
