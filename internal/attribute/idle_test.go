package attribute

import (
	"math"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// loads makes a package account of classes: seconds, busy CPUs, watts.
func loads(cpus int, classes ...[3]float64) energy.PackageUsage {
	p := energy.PackageUsage{CPUs: cpus}
	for i, c := range classes {
		b := &p.Loads[i+1]
		b.Seconds, b.Busy = c[0], c[0]*c[1]
		b.Joules[energy.Package] = c[0] * c[2]
		p.Seconds += c[0]
		p.Parties[energy.Others].Joules[energy.Package] += c[0] * c[2]
	}
	return p
}

func TestIdlePower(t *testing.T) {
	nobody := func(seconds, watts float64) energy.PackageUsage {
		p := energy.PackageUsage{CPUs: 4, Seconds: 10}
		p.Nobody.Seconds = seconds
		p.Nobody.Joules[energy.Package] = seconds * watts
		return p
	}
	silent := nobody(1, 10)
	silent.Unknown[energy.Package] = 1
	for _, c := range []struct {
		name  string
		p     energy.PackageUsage
		known bool
		watts float64
		how   string
	}{
		{"nobody for long", nobody(1, 10), true, 10, "nobody ran"},
		{"nobody for just enough", nobody(0.02, 10), true, 10, "nobody ran"},
		{"nobody for too short", nobody(0.019, 10), false, 0, "no load lasted"},
		{"counter silent", silent, false, 0, "not known in 1 s of 10 s"},
		{"no counter", nobody(5, 0), false, 0, "never moved"},
		{"nothing seen", energy.PackageUsage{}, false, 0, "no interval"},
		{"a line", loads(4, [3]float64{1, 0.03, 20.3}, [3]float64{1, 0.1, 21}, [3]float64{1, 0.3, 23}), true, 20, "extrapolated"},
		{"two points", loads(4, [3]float64{1, 0.1, 21}, [3]float64{3, 0.3, 23}), true, 20, "extrapolated"},
		{"never below 0", loads(4, [3]float64{1, 0.1, 1}, [3]float64{3, 0.3, 23}), true, 0, "extrapolated"},
		{"never above the lowest seen", loads(4, [3]float64{1, 0.1, 30}, [3]float64{3, 0.3, 23}), true, 23, "extrapolated"},
		{"one load", loads(4, [3]float64{5, 0.1, 21}), false, 0, "hardly varied"},
		{"loads too near", loads(4, [3]float64{5, 0.1, 21}, [3]float64{5, 0.12, 22}), false, 0, "hardly varied"},
		{"heavy only", loads(4, [3]float64{5, 2.5, 50}, [3]float64{5, 4, 60}), false, 0, "never idle"},
		{"too short", loads(4, [3]float64{0.01, 0.1, 21}, [3]float64{0.01, 0.3, 23}), false, 0, "no load lasted"},
	} {
		got := IdlePower(c.p, energy.Package)
		if got.Known != c.known || math.Abs(got.Watts-c.watts) > 1e-9 || !strings.Contains(got.How, c.how) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if !(got.Uncertainty >= 0) || math.IsInf(got.Uncertainty, 0) || got.Known && got.Watts > 0 && got.Uncertainty == 0 {
			t.Errorf("%s: uncertainty %v", c.name, got.Uncertainty)
		}
	}
	if got := IdlePower(nobody(1, 10), energy.PSys); got.Known {
		t.Errorf("psys: %+v", got)
	}
}

func FuzzIdlePower(f *testing.F) {
	f.Add(1.0, 0.1, 21.0, 2.0, 0.3, 23.0, 0.0, 0.0, 4)
	f.Add(math.NaN(), math.Inf(1), -1.0, 1e300, 1e-300, 5e-324, 0.02, 1e308, 0)
	f.Fuzz(func(t *testing.T, s1, b1, j1, s2, b2, j2, sn, jn float64, cpus int) {
		p := energy.PackageUsage{CPUs: cpus, Seconds: s1 + s2 + sn}
		p.Loads[1].Seconds, p.Loads[1].Busy, p.Loads[1].Joules[0] = s1, b1, j1
		p.Loads[4].Seconds, p.Loads[4].Busy, p.Loads[4].Joules[0] = s2, b2, j2
		p.Nobody.Seconds, p.Nobody.Joules[0] = sn, jn
		p.Parties[energy.Others].Joules[0] = 1
		got := IdlePower(p, energy.Package)
		if got.How == "" || !(got.Watts >= 0) || math.IsInf(got.Watts, 0) || !got.Known && got.Watts != 0 {
			t.Fatalf("%+v", got)
		}
		if !(got.Uncertainty >= 0) || math.IsInf(got.Uncertainty, 0) {
			t.Fatalf("%+v", got)
		}
	})
}
