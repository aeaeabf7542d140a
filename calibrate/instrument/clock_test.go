package instrument

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

// ran makes marks of a clock that runs faster by so many parts per million in
// each second; the raw clock is read somewhere within 200 ns.
func ran(rng *rand.Rand, ppm ...float64) []mark {
	mono, raw := 5e9, 3e9
	marks := []mark{}
	add := func() {
		marks = append(marks, mark{mono: int64(mono), raw: int64(raw + 200*(rng.Float64()-0.5)), blur: 200})
	}
	add()
	for _, p := range ppm {
		raw += 1e9
		mono += 1e9 * (1 + p*1e-6)
		add()
	}
	return marks
}

func TestDrift(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name        string
		ppm         []float64
		mean, worst float64
	}{
		{"none", []float64{0, 0, 0, 0}, 0, 0},
		{"steady", []float64{37, 37, 37, 37}, 37, 37},
		{"slower", []float64{-120, -120, -120}, -120, -120},
		{"slewed for a while", []float64{0, 500, 0, 0}, 125, 500},
		{"there and back", []float64{300, -300}, 0, 300},
	} {
		for range 200 {
			d := drift(ran(rng, c.ppm...))
			near(t, c.name, *d.DriftPPM, c.mean, *d.UncertaintyPPM+1e-3)
			near(t, c.name+" at worst", math.Abs(*d.WorstPPM), math.Abs(c.worst), 0.21+1e-3*math.Abs(c.worst))
			if d.Marks != len(c.ppm)+1 || *d.UncertaintyPPM > 0.2/float64(len(c.ppm))*1.01 {
				t.Fatalf("%s: %+v", c.name, d)
			}
		}
	}
	for n, marks := range [][]mark{nil, ran(rng), {{mono: 1, raw: 1}, {mono: 4e8, raw: 4e8}}} {
		if d := drift(marks); d.DriftPPM != nil || d.WorstPPM != nil || d.Reason == "" || d.Marks != n {
			t.Errorf("%d marks: %+v", n, d)
		}
	}
}

// This machine's clock, and the name of its source below the host's root.
func TestClock(t *testing.T) {
	root := t.TempDir()
	c := NewClock(root)
	if d := c.Report(); d.Source != "" || !strings.Contains(d.SourceReason, "current_clocksource") {
		t.Errorf("%+v", d)
	}
	testutil.Write(t, root, filepath.Join("sys/devices/system/clocksource/clocksource0", "current_clocksource"), "hpet\n")
	c.Mark()
	d := c.Report()
	if d.Source != "hpet" || d.SourceReason != "" || d.Marks != 2 || d.ReadS == nil || !(*d.ReadS > 0 && *d.ReadS < 1e-4) {
		t.Errorf("%+v", d)
	}
	// Half a second before, both clocks: a drift of more than 1,000 ppm is none
	// that a kernel makes (adjtimex(2) allows 500).
	c.marks[0].mono -= 5e8
	c.marks[0].raw -= 5e8
	if d = c.Report(); d.DriftPPM == nil || math.Abs(*d.DriftPPM) > 1000+*d.UncertaintyPPM {
		t.Errorf("%+v", d)
	}
}
