package matrix

import (
	"math"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/cells"
)

func TestApplications(t *testing.T) {
	b := cells.Host(3)
	titanic := func(r int) *report.BenchCell { return &b.Cells[4*r] } // four applications a round
	titanic(1).Status, titanic(1).Reason = report.CellTimeout, "it took longer than 1 s"
	all := Applications(b)
	if len(all) != 4 {
		t.Fatalf("%d applications, want 4", len(all))
	}
	a := all[0]
	if a.Application != "titanic" || a.Repetitions != 3 || a.Failures[report.CellTimeout] != 1 || a.Duration.N != 2 || a.Method != report.MethodTarget {
		t.Errorf("%+v", a)
	}
	seconds := (*titanic(0).DurationS + *titanic(2).DurationS) / 2
	joules := (*titanic(0).Energy[0].EnergyJ + *titanic(2).Energy[0].EnergyJ) / 2
	for name, pair := range map[string][2]float64{
		"seconds": {*a.Duration.Median, seconds}, "joules": {*a.Energy.Median, joules},
		"seconds a unit": {*a.SPerUnit, seconds / 891000}, "joules a unit": {*a.JPerUnit, joules / 891000},
	} {
		if math.Abs(pair[0]/pair[1]-1) > 1e-12 {
			t.Errorf("%s: %g, want %g", name, pair[0], pair[1])
		}
	}
	if a.Work == nil || a.Work.Checksum != titanic(0).Work.Checksum || len(a.Quality) != 1 {
		t.Errorf("work %+v, quality %+v", a.Work, a.Quality)
	}
}

// What repetitions disagree about is not known, and neither is what follows.
func TestApplicationsThatDisagree(t *testing.T) {
	b := cells.Host(2)
	b.Cells[4].Work.Checksum = "another"
	a := Applications(b)[0]
	if a.Work != nil || a.Quality != nil || a.SPerUnit != nil || a.JPerUnit != nil {
		t.Errorf("%+v", a)
	}
	if a.Duration.Median == nil || a.Energy.Median == nil {
		t.Errorf("time and energy are known: %+v", a)
	}
}

func TestApplicationsWithoutJoules(t *testing.T) {
	b := cells.Host(1)
	for i := range b.Cells {
		b.Cells[i].Energy = nil
	}
	for _, a := range Applications(b) {
		if a.Method != "" || a.Energy.Median != nil || a.Energy.Reason == "" || a.JPerUnit != nil || a.SPerUnit == nil {
			t.Errorf("%+v", a)
		}
	}
}
