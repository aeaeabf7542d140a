package output

import (
	"strconv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// hostWork writes what a host's applications took, and whether what they came to
// is right.
func (p *page) hostWork(b *report.Bench) {
	p.section("What the applications took" + medianOf(b))
	if benchEstimated(b) {
		p.estimateNote()
	}
	p.grid(appRows(b, p.o.Width < 76))
	if len(answered(b)) > 0 {
		p.section("What they came to")
		p.grid(answerRows(b))
	}
}

func (p *page) estimateNote() {
	p.text(p.caution(" ESTIMATE ")+" ", "joules with ≈ follow from CPU time and assumed powers: no counter was read", p.normal)
}

// medianOf says of how many runs the numbers are the middle: ", median of 5 runs".
func medianOf(b *report.Bench) string {
	most := 0
	for i := range b.Applications {
		most = max(most, b.Applications[i].Repetitions)
	}
	if most < 2 {
		return ""
	}
	return ", median of " + strconv.Itoa(most) + " runs"
}

// repeated tells whether there is more to list than one run of each application.
func repeated(b *report.Bench) bool {
	return len(b.Applications) == 0 || medianOf(b) != "" || len(b.Cells) > len(b.Applications)
}

// AppTitle is an application, with its workers where the result has several
// numbers of them.
func AppTitle(b *report.Bench, a *report.BenchApp) string {
	for i := range b.Applications {
		if b.Applications[i].Workers != a.Workers {
			return appName(a.Application) + ", " + plural(a.Workers, "worker")
		}
	}
	return appName(a.Application)
}

// appRows has a row for each application of a host and number of workers.
func appRows(b *report.Bench, narrow bool) (header []string, right []bool, rows [][]string) {
	header, right = []string{"", "Time", "Energy", "Per unit of work", "", "Spread of time"}, []bool{false, true, true, true, true, true}
	shown := len(header)
	switch {
	case narrow:
		shown = 3
	case medianOf(b) == "":
		shown = 5 // one run has no spread
	}
	for i := range b.Applications {
		a := &b.Applications[i]
		row := []string{AppTitle(b, a), "-", "-", "-", "-", "-"}
		if s := a.Duration.Median; s != nil {
			row[1] = quantity(*s, "s", valueDigits)
		}
		if a.Energy.Median != nil {
			row[2] = appEnergy(&a.Energy, *a.Energy.Median)
		}
		if a.Work != nil {
			if a.SPerUnit != nil {
				row[3] = quantity(*a.SPerUnit, "s", valueDigits) + "/" + UnitOf(a.Work)
			}
			if a.JPerUnit != nil {
				row[4] = appEnergy(&a.Energy, *a.JPerUnit) + "/" + UnitOf(a.Work)
			}
		}
		if s := a.Duration.SpreadPct; s != nil {
			row[5] = fixed(*s, 1) + " %"
		}
		rows = append(rows, row[:shown])
	}
	return header[:shown], right[:shown], rows
}

// appEnergy prints joules with the digits that their quality allows.
func appEnergy(e *report.BenchEnergy, joules float64) string {
	if e.Quality == energy.Estimated {
		return "≈ " + quantity(joules, "J", 2)
	}
	return quantity(joules, "J", valueDigits)
}

// answered are the applications whose results are known.
func answered(b *report.Bench) (out []*report.BenchApp) {
	for i := range b.Applications {
		if a := &b.Applications[i]; a.Work != nil && (a.Work.Checksum != "" || len(a.Quality) > 0) {
			out = append(out, a)
		}
	}
	return out
}

// answerRows has a row for each number by which an application's work can be
// seen to be right.
func answerRows(b *report.Bench) (header []string, right []bool, rows [][]string) {
	header, right = []string{"", "Work", "Checksum", "", "", "Right is", ""}, []bool{false, true, false, false, true, false, false}
	for _, a := range answered(b) {
		row := []string{AppTitle(b, a), WorkText(a.Work), plain(a.Work.Checksum), "-", "-", "-", ""}
		for i, q := range a.Quality {
			if i > 0 {
				row = make([]string, len(header))
			}
			row[3], row[4], row[5], row[6] = plain(q.Name), QualityText(q), QualityBand(q), "right"
			if !q.OK {
				row[6] = "WRONG"
			}
			rows = append(rows, row)
		}
		if len(a.Quality) == 0 {
			rows = append(rows, row)
		}
	}
	return header, right, rows
}

// WorkText is "2,400 rows".
func WorkText(w *report.Work) string { return count(w.Units) + " " + plain(w.Unit) }

// UnitOf is the unit of one unit of work: "row".
func UnitOf(w *report.Work) string { return one(w.Unit) }

// QualityText prints the value of a quality.
func QualityText(q report.WorkQuality) string {
	s := significant(q.Value, valueDigits)
	if q.Unit != "" {
		s += " " + plain(q.Unit)
	}
	return s
}

// QualityBand is what the quality is of work that is done right.
func QualityBand(q report.WorkQuality) string {
	return strconv.FormatFloat(q.Low, 'g', 4, 64) + " to " + strconv.FormatFloat(q.High, 'g', 4, 64)
}
