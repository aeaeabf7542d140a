package labtest

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/calibrate/instrument"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// The measuring is calibrated against simulated registers whose update interval
// and jitter are known, through the stock drivers: the distribution is found, and
// so are the units that powercap takes.
func TestGuestInstrument(t *testing.T) {
	guest(t, "skylake-server")
	if err := lab.Reload("jitter_us=100", "update_us=1000"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lab.Reload(); err != nil {
			t.Fatal(err)
		}
	}()
	truth, err := lab.ReadTruth()
	if err != nil {
		t.Fatal(err)
	}
	parameter := func(name string) float64 {
		v, err := strconv.ParseFloat(truth.Config[name], 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v * 1e-6
	}
	mean, sd := parameter("update_us"), parameter("jitter_us")
	if len(truth.Dies) > 2 {
		t.Skip("four emulated CPUs take half an update interval to be read")
	}

	top, err := topology.Read("/")
	if err != nil {
		t.Fatal(err)
	}
	opened, refused := source.Host{Topo: top}.Others("")
	if len(opened) != 3 {
		t.Fatalf("%d interfaces; %v", len(opened), refused)
	}
	var all []energy.Source
	for _, o := range opened {
		defer o.Close()
		all = append(all, o)
	}
	i, err := instrument.Measure(t.Context(), all, instrument.Plan{Watch: 600 * time.Millisecond, Windows: instrument.Windows{N: 5, Length: 300 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range i.Interfaces {
		t.Logf("INSTRUMENT %-8s a read takes %.1f us, 99 %% %.1f, longest %.1f (%d reads)", one.Name, 1e6*one.Read.MedianS, 1e6*one.Read.P99S, 1e6*one.Read.MaxS, one.Read.N)
		for _, z := range one.Zones {
			u := z.Update
			if u == nil || z.StepJ == nil {
				t.Errorf("%s %s: %s; %s", one.Name, z.Domain, z.UpdateReason, z.StepReason)
				continue
			}
			t.Logf("INSTRUMENT %-8s %-15s mean %.1f us (truth %.0f), SD %.1f (%.0f), p5 %.0f p95 %.0f p99 %.0f max %.0f, ± %.0f; %d, %d left out; step %.6g uJ (%v counts), stated %.6g; %.1f W",
				one.Name, z.Domain, 1e6*u.MeanS, 1e6*mean, 1e6*u.StdDevS, 1e6*sd, 1e6*u.P5S, 1e6*u.P95S, 1e6*u.P99S, 1e6*u.MaxS, 1e6*u.ResolutionS, u.N, u.Excluded, 1e6**z.StepJ, *z.StepCounts, 1e6*z.UnitJ, *z.PowerW)
			// The guest's CPU may be away at an end, by less than tells: the
			// resolution is what a single interval is off by.
			off := 5*sd/math.Sqrt(float64(u.N)) + 0.01*mean
			if math.Abs(u.MeanS-mean) > off || math.Abs(u.StdDevS-sd) > 0.2*sd+u.ResolutionS/2 {
				t.Errorf("%s %s: %+v", one.Name, z.Domain, u)
			}
			if math.Abs(u.P95S-mean-1.645*sd) > 0.4*sd+u.ResolutionS || math.Abs(u.P5S-mean+1.645*sd) > 0.4*sd+u.ResolutionS {
				t.Errorf("%s %s: p5 %v, p95 %v", one.Name, z.Domain, u.P5S, u.P95S)
			}
			if want := stepOf(one.Name, z.Domain); math.Abs(*z.StepJ-want) > 1e-5*want {
				t.Errorf("%s %s: a step of %v J, want %v", one.Name, z.Domain, *z.StepJ, want)
			}
		}
	}
	agreed := 0
	for _, a := range i.Agreement {
		if a.Ratio == nil {
			t.Errorf("%s through %s and %s: %s", a.Domain, a.Interface, a.Reference, a.Reason)
			continue
		}
		want := stepOf(a.Interface, a.Domain) / stepOf(a.Reference, a.Domain)
		t.Logf("INSTRUMENT %s/%s %-8s %.9f ± %.2g (truth %.9f), same updates %v, agree %v, units %v", a.Interface, a.Reference, a.Domain, a.Ratio.Value, a.Ratio.Uncertainty, want, a.SameUpdates, *a.Agree, a.Units)
		// With many counters to read, an update is not told from the next.
		sharp := 1e-3
		if a.SameUpdates {
			sharp = 5e-5
		}
		// An interval of 95 % misses once in twenty, as it should (simulations
		// hold it to that); a miss by four of them is none of chance's.
		if math.Abs(a.Ratio.Value-want) > 4*a.Ratio.Uncertainty+1e-7 || !a.Units || a.Ratio.Uncertainty > sharp {
			t.Errorf("%s through %s is %.9f ± %.2g times that of %s, want %.9f", a.Domain, a.Interface, a.Ratio.Value, a.Ratio.Uncertainty, a.Reference, want)
		}
		if a.SameUpdates && strings.HasPrefix(a.Domain, "dram") && a.Interface == "powercap" && (*a.Agree || a.Correction == nil) {
			t.Errorf("the unit of %s through powercap is not seen: %+v", a.Domain, a)
		}
		agreed++
	}
	if agreed == 0 {
		t.Error("nothing was compared")
	}
}

// stepOf is the unit of a domain as an interface has it, in joules: powercap
// cuts it to whole nanojoules, and has its own idea of that of memory.
func stepOf(face, domain string) float64 {
	memory := strings.HasPrefix(domain, "dram")
	switch {
	case face == "powercap" && memory:
		return 15300e-9
	case face == "powercap":
		return 61035e-9
	case memory:
		return 1.0 / (1 << 16)
	}
	return 1.0 / (1 << 14)
}
