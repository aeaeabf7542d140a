package rapl

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// TestLab compares this source with the truth of the virtual RAPL lab, where
// the stock intel_rapl drivers stand on simulated registers. It runs inside
// of the guest:
//
//	go test -c -o /tmp/rapl.test ./rapl
//	testdata/lab/lab --sockets 2 --sim wrap_after_mj=40000 -- /tmp/rapl.test -test.run Lab -test.v
//
// Elsewhere there is no truth to compare with.
func TestLab(t *testing.T) {
	if os.Getenv("LAB") != "1" {
		t.Skip("not in the lab's guest (LAB=1)")
	}
	s, err := Open("/")
	switch os.Getenv("LAB_MACHINE") {
	case "kvm", "none":
		if err == nil {
			s.Close()
			t.Errorf("opened with %s, where registers read 0 or fault", ids(s))
		}
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, z := range s.Zones() {
		t.Logf("%s from %s: %+v", z.ID(), z.Origin, z)
	}
	t.Log(s.Refused(), s.Warnings())

	l := lab{s: s, m: energy.NewMeter(s.Zones()), r: energy.NewReading(len(s.Zones()))}
	l.begin(t)
	for range 10 {
		burn(100 * time.Millisecond)
		l.read(t)
	}
	l.compare(t)
	t.Run("hotplug", l.hotplug)
}

// lab is a measurement beside the truth.
type lab struct {
	s *Source
	m *energy.Meter
	r *energy.Reading
	// The truth right before and after the first reading.
	before, after map[string]float64
}

func (l *lab) read(t *testing.T) {
	t.Helper()
	if err := l.s.Read(l.r); err != nil {
		t.Fatal(err)
	}
	l.m.Add(l.r)
}

func (l *lab) begin(t *testing.T) {
	l.before = testutil.LabTruth(t)
	l.read(t)
	l.after = testutil.LabTruth(t)
}

// compare takes a last reading and holds what the meter has against the
// truth: between the truth's ends, but for a step and what one refresh hides.
func (l *lab) compare(t *testing.T) {
	before := testutil.LabTruth(t)
	l.read(t)
	after := testutil.LabTruth(t)
	const refresh, mostW = 2e-3, 400.0 // seconds; watts the lab's machines stay below
	for i, z := range l.s.Zones() {
		id := z.ID()
		if _, ok := before[id]; !ok {
			t.Errorf("%s has no truth: %v", id, before)
			continue
		}
		got := l.m.Total(i)
		if got.Err != nil || len(got.Gaps) != 0 {
			t.Errorf("%s: %+v", id, got)
		}
		// The driver's unit is in whole nanojoules, up to 60 ppm short.
		low := (before[id]-l.after[id])*(1-61e-6) - 2*z.StepJ() - refresh*mostW
		high := after[id] - l.before[id] + 2*z.StepJ() + refresh*mostW
		t.Logf("%-16s %10.4f J, truth between %.4f and %.4f, %d wraps", id, got.EnergyJ, low, high, got.Wraps)
		if got.EnergyJ < low || got.EnergyJ > high || got.EnergyJ <= 0 {
			t.Errorf("%s: %v J is not between %v and %v", id, got.EnergyJ, low, high)
		}
	}
}

// hotplug takes the last socket's CPUs offline, with which the driver takes
// its zones away, and back: the other zones go on, and these come back.
func (l *lab) hotplug(t *testing.T) {
	top, err := topology.Read("/")
	if err != nil {
		t.Fatal(err)
	}
	sockets := top.Sockets()
	last := sockets[len(sockets)-1]
	if len(sockets) < 2 {
		t.Skip("the only socket can't go offline")
	}
	for _, c := range top.CPUs {
		if c.Socket == last {
			file := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", c.ID)
			if err := os.WriteFile(file, []byte("0"), 0); err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(file, []byte("1"), 0)
		}
	}
	l.s.nextHeal = 0
	l.read(t)
	for i, z := range l.s.Zones() {
		if gone := z.Socket == last; (l.r.Errs[i] != nil) != gone {
			t.Errorf("%s, socket %d offline: %v", z.ID(), last, l.r.Errs[i])
		} else if gone {
			t.Logf("%s: %v", z.ID(), l.r.Errs[i])
		}
	}
	for _, c := range top.CPUs {
		if c.Socket == last {
			if err := os.WriteFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", c.ID), []byte("1"), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.s.nextHeal = 0
	_ = l.s.Read(l.r) // finds them
	burn(100 * time.Millisecond)
	l.compare(t)
}

func burn(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
