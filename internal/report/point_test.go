package report_test

import (
	"math"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

// What one socket does not say, the sockets together do not.
func TestPoint(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	for name, c := range map[string]struct {
		sockets     []report.SocketLoad
		power, busy float64 // below 0: not known
	}{
		"two":           {[]report.SocketLoad{{CPUs: 8, PowerW: v(40), Busy: v(8)}, {CPUs: 8, PowerW: v(10), Busy: v(0)}}, 50, 0.5},
		"none":          {nil, -1, -1},
		"no counter":    {[]report.SocketLoad{{CPUs: 8, PowerW: v(40), Busy: v(8)}, {CPUs: 8, Busy: v(8)}}, -1, 1},
		"no load":       {[]report.SocketLoad{{CPUs: 8, PowerW: v(40), Busy: v(8)}, {CPUs: 8, PowerW: v(40)}}, 80, -1},
		"no number":     {[]report.SocketLoad{{CPUs: 8, PowerW: v(math.NaN()), Busy: v(math.NaN())}}, -1, -1},
		"idle":          {[]report.SocketLoad{{CPUs: 8, PowerW: v(0), Busy: v(0)}}, 0, 0},
		"a moment more": {[]report.SocketLoad{{CPUs: 8, PowerW: v(9), Busy: v(8.01)}}, 9, 1},
	} {
		p := report.CalibrationPoint{Sockets: c.sockets}
		if w, known := p.Power(); known != (c.power >= 0) || known && w != c.power {
			t.Errorf("%s: %v W, known %v", name, w, known)
		}
		if u, known := p.Utilisation(); known != (c.busy >= 0) || known && u != c.busy {
			t.Errorf("%s: utilisation %v, known %v", name, u, known)
		}
	}
}
