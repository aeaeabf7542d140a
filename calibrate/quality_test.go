package calibrate

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

func ptr(v float64) *float64 { return &v }

// clean is an experiment on two sockets in which nothing is wrong: idle, and
// three visits of each of two loads.
func clean() []report.CalibrationPoint {
	var points []report.CalibrationPoint
	add := func(workload, shape string, load, watts float64, repeat int) {
		points = append(points, report.CalibrationPoint{
			Workload: workload, Shape: shape, Load: load, Repeat: repeat, DurationS: 5, Verdicts: []report.Verdict{},
			Sockets: []report.SocketLoad{{Socket: 0, CPUs: 8, PowerW: ptr(watts * 0.6)}, {Socket: 1, CPUs: 8, PowerW: ptr(watts * 0.4)}},
			ThirdsW: []float64{watts, watts, watts * 1.005}, Background: ptr(0.002), Steal: ptr(0), Throttled: ptr(0), QuotaS: ptr(0),
		})
	}
	for k := range 3 {
		add("idle", report.ShapeIdle, 0, 60+0.3*float64(k), k)
		add("alu", report.ShapeDuty, 0.5, 120+0.5*float64(k), k)
		add("alu", report.ShapeDuty, 1, 200-0.5*float64(k), k)
	}
	return points
}

var server = Facts{TDPW: 150, LimitW: 150}

func codes(v []report.Verdict) string {
	var out []string
	for _, one := range v {
		out = append(out, one.Code+" "+one.Action)
	}
	return strings.Join(out, ", ")
}

// Each fault that is put into a clean experiment leads to its verdict, and to no
// other.
func TestFaultsLeadToTheirVerdicts(t *testing.T) {
	const full = 2 // a point at full load
	for _, c := range []struct {
		name    string
		facts   Facts
		spoil   func(points []report.CalibrationPoint)
		point   string // verdicts on the point
		whole   string // and on the experiment
		used    bool
		refused bool
	}{
		{name: "nothing", used: true},
		{name: "heat", spoil: func(p []report.CalibrationPoint) { p[full].Throttled = ptr(3) }, point: "thermal-throttling leave-out"},
		{name: "power limit", facts: Facts{TDPW: 150, LimitW: 121}, spoil: func(p []report.CalibrationPoint) {}, point: "power-limit leave-out"},
		{name: "drift", spoil: func(p []report.CalibrationPoint) { p[full].ThirdsW = []float64{195, 200, 204} }, point: "drift repeat", used: true},
		{name: "background", spoil: func(p []report.CalibrationPoint) { p[full].Background = ptr(0.05) }, point: "background repeat", used: true},
		{name: "background that is no background", spoil: func(p []report.CalibrationPoint) { p[full].Background = ptr(0.3) }, point: "background leave-out"},
		{name: "background all the time", spoil: func(p []report.CalibrationPoint) {
			for i := range p {
				p[i].Background = ptr(0.1)
			}
		}, point: "background repeat", whole: "disturbed degrade", used: true},
		{name: "background that fills the machine", spoil: func(p []report.CalibrationPoint) {
			for i := range p {
				for k := range p[i].Sockets {
					p[i].Sockets[k].Busy = ptr(8 * (0.6 + 0.4*p[i].Load))
				}
			}
		}, whole: "narrow degrade", used: true},
		{name: "loads of all sizes", spoil: func(p []report.CalibrationPoint) {
			for i := range p {
				for k := range p[i].Sockets {
					p[i].Sockets[k].Busy = ptr(8 * p[i].Load)
				}
			}
		}, used: true},
		{name: "steal", spoil: func(p []report.CalibrationPoint) { p[full].Steal = ptr(0.01) }, point: "steal leave-out", whole: "steal refuse", refused: true},
		{name: "quota", spoil: func(p []report.CalibrationPoint) { p[full].QuotaS = ptr(0.2) }, point: "quota leave-out", whole: "quota refuse", refused: true},
		{name: "a counter that fails", spoil: func(p []report.CalibrationPoint) { p[full].Sockets[1].PowerW = nil }, point: "no-power leave-out"},
		{name: "a counter that is no number", spoil: func(p []report.CalibrationPoint) { p[full].Sockets[1].PowerW = ptr(math.NaN()) }, point: "no-power leave-out"},
		{name: "a load that varies", spoil: func(p []report.CalibrationPoint) { p[full].Sockets[0].PowerW = ptr(135) }, point: "repeatability repeat", whole: "disturbed degrade", used: true},
		{name: "a virtual machine", facts: Facts{TDPW: 150, Virtual: "kvm"}, whole: "virtual refuse", used: true, refused: true},
		{name: "filtered counters", facts: Facts{TDPW: 150, Filtered: true}, whole: "filtered degrade", used: true},
		{name: "zeros", spoil: func(p []report.CalibrationPoint) { scaleAll(p, 0) }, point: "zeros leave-out", whole: "zeros refuse, no-idle refuse", refused: true},
		{name: "made up idle", spoil: func(p []report.CalibrationPoint) { scaleIdle(p, 0.01) }, whole: "implausible-idle refuse", used: true, refused: true},
		{name: "made up power", spoil: func(p []report.CalibrationPoint) { scaleAll(p, 10) }, whole: "implausible-power refuse", used: true, refused: true, facts: Facts{TDPW: 150}},
		{name: "idle that rises", spoil: func(p []report.CalibrationPoint) { *p[3].Sockets[0].PowerW *= 1.3 }, whole: "idle-drift degrade", used: true},
		{name: "no idle", spoil: func(p []report.CalibrationPoint) {
			for i := range p {
				if p[i].Shape == report.ShapeIdle {
					p[i].Sockets[0].PowerW = nil
				}
			}
		}, whole: "no-idle refuse", used: true, refused: true},
		{name: "less at full load", spoil: func(p []report.CalibrationPoint) {
			for i := range p {
				if p[i].Load == 1 {
					for k := range p[i].Sockets {
						*p[i].Sockets[k].PowerW *= 0.5
					}
				}
			}
		}, point: "non-monotone note", used: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			points, facts := clean(), c.facts
			if facts == (Facts{}) {
				facts = server
			}
			if c.spoil != nil {
				c.spoil(points)
			}
			whole := Judge(points, facts)
			if got := codes(points[full].Verdicts); got != c.point {
				t.Errorf("verdicts on the point: %q, want %q", got, c.point)
			}
			if got := codes(whole); got != c.whole {
				t.Errorf("verdicts on the whole: %q, want %q", got, c.whole)
			}
			if points[full].Used != c.used || Refused(whole) != c.refused {
				t.Errorf("used %v, refused %v", points[full].Used, Refused(whole))
			}
			for _, v := range slices.Concat(whole, points[full].Verdicts) {
				if v.Message == "" || v.Advice == "" {
					t.Errorf("%s: message %q, advice %q", v.Code, v.Message, v.Advice)
				}
			}
		})
	}
}

func scaleAll(points []report.CalibrationPoint, by float64) {
	for i := range points {
		for k := range points[i].Sockets {
			*points[i].Sockets[k].PowerW *= by
		}
	}
}

func scaleIdle(points []report.CalibrationPoint, by float64) {
	for i := range points {
		if points[i].Shape == report.ShapeIdle {
			scaleAll(points[i:i+1], by)
		}
	}
}

// A second look says the same: verdicts do not pile up.
func TestJudgeTwice(t *testing.T) {
	points := clean()
	points[2].Sockets[0].PowerW = ptr(135)
	first := codes(Judge(points, server)) + codes(points[2].Verdicts)
	if second := codes(Judge(points, server)) + codes(points[2].Verdicts); second != first {
		t.Errorf("%q, then %q", first, second)
	}
}
