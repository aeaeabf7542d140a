package rapl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// hostZones is what each captured host must show: for every zone its ID, the
// directory it comes from and, for an inner one, the zone around it. An entry
// with "!" is a refused zone and the kind of its refusal.
var hostZones = map[string]string{
	"amd-epyc":         "package-0=0 core-0-0=0:0<package-0 package-1=1 core-1-0=1:0<package-1",
	"amd-nopmu":        "package-0=0 core-0-0=0:0<package-0 package-1=1 core-1-0=1:0<package-1",
	"amd-turin":        "package-0=0 core-0-0=0:0<package-0 package-1=1 core-1-0=1:0<package-1",
	"amd-zen-mirror":   "package-0=0 core-0-die-0-0=0:0<package-0 core-0-die-1-4=1:0<package-0",
	"container/host":   "package-0=0 dram-0=0:0 package-1=1 dram-1=1:0",
	"intel-1s":         "package-0=0 dram-0=0:0",
	"intel-2s":         "package-0=0 dram-0=0:0 package-1=1 dram-1=1:0",
	"intel-4s":         "package-0=0 core-0=0:0<package-0 dram-0=0:1 package-1=1 core-1=1:0<package-1 dram-1=1:1 package-2=2 core-2=2:0<package-2 dram-2=2:1 package-3=3 core-3=3:0<package-3 dram-3=3:1",
	"intel-8s":         "package-0=0 dram-0=0:0 package-1=1 dram-1=1:0 package-2=2 dram-2=2:0 package-3=3 dram-3=3:0 package-4=4 dram-4=4:0 package-5=5 dram-5=5:0 package-6=6 dram-6=6:0 package-7=7 dram-7=7:0",
	"intel-2die":       "package-0-die-0=0 dram-0-die-0=0:0 package-0-die-1=1 dram-0-die-1=1:0 package-1-die-0=2 dram-1-die-0=2:0 package-1-die-1=3 dram-1-die-1=3:0",
	"intel-client":     "package-0=0 core-0=0:0<package-0 uncore-0=0:1<package-0 dram-0=0:2 psys=1",
	"intel-mmio":       "package-0=0 core-0=0:0<package-0 uncore-0=0:1<package-0 psys=1",
	"intel-renumbered": "package-0=1 dram-0=1:0 package-1=0 dram-1=0:0",
	"intel-dtpm":       "package-0=0 dram-0=0:0 package-1=1 dram-1=1:0",
	"intel-offline":    "package-0=0 dram-0=0:0 package-1=1 dram-1=1:0",
	"intel-norange":    "package-0=0 dram-0=0:0 package-1=1 dram-1=1:0",
	"intel-eacces":     "package-0=0 dram-0=0:0 package-1=1 dram-1=1:0", // root reads past modes
	"intel-zeros":      "package-0=0 package-1=1 dram-0!broken dram-1!broken",
	"intel-broken":     "package-0=0 intel-rapl:1:0!broken dram-0!broken package-1!broken",
}

// hostRefusals are the hosts without a usable zone: the kind of the one
// refusal, words of its reason, and its remedy, in which ROOT stands for the
// host's root.
var hostRefusals = map[string][3]string{
	"arm-altra":      {"absent", "(Neoverse-N1) has no RAPL", ""},
	"arm-graviton":   {"absent", "virtual machine (kvm", ""},
	"container":      {"forbidden", "the container runtime masks", "use the host's own that is mounted at ROOT/host/sys: --host-root ROOT/host"},
	"intel-unloaded": {"absent", "the driver is not loaded", "sudo modprobe intel_rapl_msr"},
	"riscv-sifive":   {"absent", "(sifive,u74-mc) has no RAPL", ""},
	"s390-z15":       {"absent", "has no RAPL", ""},
	"vm-firecracker": {"absent", "virtual machine (firecracker", ""},
	"vm-kvm":         {"absent", "virtual machine (kvm", ""},
	"vm-zeros":       {"broken", "stays 0", ""},
}

func TestHosts(t *testing.T) {
	for _, name := range testutil.Hosts(t) {
		t.Run(name, func(t *testing.T) {
			root := testutil.Host(t, name)
			_, usable := hostZones[name]
			_, refused := hostRefusals[name]
			if !usable && !refused {
				t.Fatal("this host is not expected to be anything: add it to a table")
			}
			if name == "intel-eacces" && os.Getuid() != 0 {
				checkZones(t, root, "package-0=0 dram-0=0:0 package-1!forbidden dram-1!forbidden")
			} else if usable {
				checkZones(t, root, hostZones[name])
			} else {
				checkRefused(t, root, hostRefusals[name])
			}
			if inner := hostZones[name+"/host"]; inner != "" {
				checkZones(t, root+"/host", inner)
			}
		})
	}
}

func checkZones(t *testing.T, root, want string) {
	s := open(t, root)
	if s.Name() != "powercap" {
		t.Errorf("name is %q", s.Name())
	}
	var got []string
	for i, z := range s.Zones() {
		text := z.ID() + "=" + strings.TrimPrefix(z.Origin, "intel-rapl:")
		if z.Parent >= 0 {
			text += "<" + s.Zones()[z.Parent].ID()
		}
		got = append(got, text)
		checkZone(t, i, z)
	}
	for _, r := range s.Refused() {
		got = append(got, r.Name+"!"+r.KindName())
	}
	if text := strings.Join(got, " "); text != want {
		t.Errorf("zones are\n%s, want\n%s", text, want)
	}
	checkTotals(t, s)
	checkCounts(t, root, s)
}

func checkZone(t *testing.T, i int, z energy.Zone) {
	if z.Tick != 1e-6 || z.MaxW <= 0 || z.Wrap == 0 || z.Wrap != energy.UnknownWrap && z.Step < 1e-6 {
		t.Errorf("zone %d: %+v", i, z)
	}
}

// checkTotals: each socket's package and memory are in the total at most
// once, and nothing else is.
func checkTotals(t *testing.T, s *Source) {
	seen := make(map[string]bool)
	for _, z := range s.Zones() {
		if inTotal := z.Domain == energy.Package || z.Domain == energy.DRAM; z.InTotal() != inTotal {
			t.Errorf("%s in the total: %v", z.ID(), z.InTotal())
		}
		if seen[z.ID()] {
			t.Errorf("%s twice", z.ID())
		}
		seen[z.ID()] = true
		if seen[fmt.Sprintf("package-%d", z.Socket)] && z.Domain == energy.Package && z.Die >= 0 {
			t.Errorf("%s beside its whole socket", z.ID())
		}
	}
}

// checkCounts: every zone reads what its own file says.
func checkCounts(t *testing.T, root string, s *Source) {
	r := energy.NewReading(len(s.Zones()))
	if err := s.Read(r); err != nil {
		t.Fatal(err)
	}
	for i, z := range s.Zones() {
		b, err := os.ReadFile(filepath.Join(root, "sys/class/powercap", z.Origin, "energy_uj"))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintln(r.Counts[i]); got != string(b) || r.Errs[i] != nil {
			t.Errorf("%s reads %q, %v, want %q", z.ID(), got, r.Errs[i], b)
		}
	}
}

func checkRefused(t *testing.T, root string, want [3]string) {
	s, err := tryOpen(root)
	if err == nil {
		s.Close()
		t.Fatal("opened a host without counters")
	}
	all := energy.Refusals("?", err)
	if len(all) != 1 {
		t.Fatalf("%d refusals, want one: %v", len(all), err)
	}
	r := all[0]
	if r.Name != "powercap" || r.KindName() != want[0] || !strings.Contains(r.Reason, want[1]) {
		t.Errorf("refusal is %q, want powercap, %s, because %q", r, want[0], want[1])
	}
	if remedy := strings.ReplaceAll(want[2], "ROOT", root); r.Remedy != remedy {
		t.Errorf("remedy is %q, want %q", r.Remedy, remedy)
	}
}

func TestWarnings(t *testing.T) {
	for name, want := range map[string]string{
		"intel-2s":       "",
		"intel-norange":  "powercap-range powercap-range powercap-range powercap-range",
		"amd-epyc":       "powercap-one-core",
		"amd-zen-mirror": "powercap-mirror powercap-one-core",
		"intel-mmio":     "",
	} {
		s := open(t, testutil.Host(t, name))
		var codes []string
		for _, w := range s.Warnings() {
			codes = append(codes, w.Code)
			if w.Message == "" || w.Advice == "" {
				t.Errorf("%s: %+v says too little", name, w)
			}
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("%s: warnings %q, want %q", name, got, want)
		}
	}
}

func TestUnknownRange(t *testing.T) {
	for _, z := range open(t, testutil.Host(t, "intel-norange")).Zones() {
		if z.Wrap != energy.UnknownWrap || z.RangeJ() != 0 {
			t.Errorf("%s: modulus %d, want unknown", z.ID(), z.Wrap)
		}
	}
}
