package msr

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// TestLab boots machines of the virtual RAPL lab and runs TestGuest in them.
func TestLab(t *testing.T) {
	wrap := []string{"wrap_after_mj=40000"}
	lab.Guests(t, "^TestGuest$", []lab.Options{
		{Kernel: "6.1", Machine: "skylake-server", Sockets: 2, Cores: 1, Sim: wrap},
		{Kernel: "6.12", Machine: "epyc", Sockets: 2, Cores: 1, Threads: 2, Sim: wrap},
		{Kernel: "6.12", Machine: "kvm"},
	})
}

// TestGuest compares this source with the truth, where the stock msr.ko stands
// in front of simulated registers.
func TestGuest(t *testing.T) {
	if !lab.InGuest() {
		t.Skip("only in the lab's guest (TestLab starts it)")
	}
	topo, err := topology.Read("/")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open("/", topo, WithCores())
	switch os.Getenv("LAB_MACHINE") {
	case "kvm", "none":
		if err == nil {
			t.Errorf("opened with %s, where registers read 0 or fault", ids(s))
		}
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Log(ids(s), s.Refused())

	meter, r := energy.NewMeter(s.Zones()), energy.NewReading(len(s.Zones()))
	read := func() (before, after map[string]float64) {
		before = truth(t)
		if err := s.Read(r); err != nil {
			t.Fatal(err)
		}
		meter.Add(r)
		return before, truth(t)
	}
	before0, after0 := read()
	for range 10 {
		burn(100 * time.Millisecond)
		read()
	}
	before1, after1 := read()

	const refresh, mostW = 2e-3, 400.0 // seconds; watts the lab's machines stay below
	for i, z := range s.Zones() {
		got := meter.Total(i)
		if got.Err != nil || len(got.Gaps) != 0 {
			t.Errorf("%s: %+v", z.ID(), got)
		}
		if _, ok := before0[z.ID()]; !ok {
			t.Errorf("%s has no truth: %v", z.ID(), before0)
			continue
		}
		low := before1[z.ID()] - after0[z.ID()] - 2*z.Tick - refresh*mostW
		high := after1[z.ID()] - before0[z.ID()] + 2*z.Tick + refresh*mostW
		t.Logf("%-16s %10.4f J, truth between %.4f and %.4f, %d wraps", z.ID(), got.EnergyJ, low, high, got.Wraps)
		if got.EnergyJ < low || got.EnergyJ > high || got.EnergyJ <= 0 {
			t.Errorf("%s: %v J is not between %v and %v", z.ID(), got.EnergyJ, low, high)
		}
	}
	t.Run("hotplug", func(t *testing.T) { labHotplug(t, s, r) })
}

// labHotplug takes the CPU offline that the last package is read through.
func labHotplug(t *testing.T, s *Source, r *energy.Reading) {
	last := s.seats[len(s.seats)-1]
	if len(last.cpus) < 2 || last.cpu() == 0 {
		t.Skip("the last package, die or core has no other CPU, or only the boot CPU before it")
	}
	file := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", last.cpu())
	if err := os.WriteFile(file, []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	gone := last.cpu()
	defer os.WriteFile(file, []byte("1"), 0o644)
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	for i, err := range r.Errs {
		if err != nil {
			t.Errorf("%s after cpu %d went offline: %v", s.Zones()[i].ID(), gone, err)
		}
	}
	if last.cpu() == gone {
		t.Errorf("still reading through cpu %d", gone)
	}
}

func burn(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// truth reads the joules of every zone, by ID, from the lab's /proc/raplsim.
func truth(t *testing.T) map[string]float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/raplsim")
	if err != nil {
		t.Fatal(err)
	}
	zones := make(map[string]float64)
	sockets := make(map[string]float64)
	for line := range strings.Lines(string(b)) {
		kind, rest, _ := strings.Cut(line, " ")
		f := make(map[string]string)
		for word := range strings.FieldsSeq(rest) {
			k, v, _ := strings.Cut(word, "=")
			f[k] = v
		}
		joules := func(key string) float64 {
			v, err := strconv.ParseFloat(f[key], 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return v / 1e9
		}
		switch kind {
		case "die":
			for _, d := range []struct{ domain, key string }{{"package", "pkg_nj"}, {"core", "core_nj"}, {"uncore", "uncore_nj"}, {"dram", "dram_nj"}} {
				zones[d.domain+"-"+f["package"]+"-die-"+f["die"]] = joules(d.key)
				sockets[d.domain+"-"+f["package"]] += joules(d.key)
			}
		case "core":
			zones["core-"+f["package"]+"-"+f["core"]] = joules("nj")
		case "psys":
			zones["psys"] = joules("nj")
		}
	}
	maps.Copy(zones, sockets)
	return zones
}
