package rapl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

const tree = "sys/devices/virtual/powercap/"

func ids(s *Source) string {
	var all []string
	for _, z := range s.Zones() {
		all = append(all, z.ID())
	}
	return strings.Join(all, " ")
}

func TestMMIO(t *testing.T) {
	const pkg = "intel-rapl/intel-rapl:0/energy_uj"
	t.Run("alone", func(t *testing.T) {
		root := testutil.Host(t, "intel-mmio")
		if err := os.RemoveAll(filepath.Join(root, tree, "intel-rapl")); err != nil {
			t.Fatal(err)
		}
		s := open(t, root)
		if got := ids(s); got != "package-0" || s.Zones()[0].Origin != "intel-rapl-mmio:0" {
			t.Errorf("zones %q from %s", got, s.Zones()[0].Origin)
		}
	})
	t.Run("instead", func(t *testing.T) {
		root := testutil.Host(t, "intel-mmio")
		testutil.Write(t, root, tree+pkg, "garbage\n")
		s := open(t, root)
		if got := ids(s); got != "package-0 core-0 uncore-0 psys" || s.Zones()[0].Origin != "intel-rapl-mmio:0" {
			t.Errorf("zones %q, package from %s", got, s.Zones()[0].Origin)
		}
		if p := s.Zones()[1].Parent; p != 0 {
			t.Errorf("core lies in %d, want in the package, whichever way that is read", p)
		}
		if w := s.Warnings(); len(w) != 1 || w[0].Code != "powercap-fallback" {
			t.Errorf("warnings %v", w)
		}
	})
	t.Run("broken", func(t *testing.T) {
		root := testutil.Host(t, "intel-mmio")
		testutil.Write(t, root, tree+"intel-rapl-mmio/intel-rapl-mmio:0/energy_uj", "")
		s := open(t, root)
		if len(s.Refused()) != 0 || len(s.Warnings()) != 0 {
			t.Errorf("a duplicate that is not needed makes a fuss: %v %v", s.Refused(), s.Warnings())
		}
	})
}

func TestMirrors(t *testing.T) {
	const die0, die1 = tree + "intel-rapl/intel-rapl:0/energy_uj", tree + "intel-rapl/intel-rapl:1/energy_uj"
	const wrap = 65532611002
	const merged, apart = "package-0 core-0-die-0-0 core-0-die-1-4", "package-0-die-0 core-0-die-0-0 package-0-die-1 core-0-die-1-4"
	for _, c := range []struct {
		what string
		a, b uint64
		want string
	}{
		{"the same", 1e9, 1e9, merged},
		{"read a little later", 1e9, 1e9 + 5e6, merged},
		{"refreshed a little later", 1e9, 1e9 - 5e6, merged},
		{"across the wrap", wrap - 100, 200, merged},
		{"across the wrap, the other way", 200, wrap - 100, merged},
		{"12 J apart", 1e9, 1e9 + 12e6, apart},
		{"12 J apart, the other way", 1e9, 1e9 - 12e6, apart},
		{"half a range apart", 1e9, 1e9 + wrap/2, apart},
	} {
		root := testutil.Host(t, "amd-zen-mirror")
		testutil.Write(t, root, die0, fmt.Sprintln(c.a))
		testutil.Write(t, root, die1, fmt.Sprintln(c.b))
		if got := ids(open(t, root)); got != c.want {
			t.Errorf("%s: zones %q, want %q", c.what, got, c.want)
		}
	}
}

// TestMirrorsByVendor: dies that agree are one counter unless the processor
// is Intel's, whose dies have their own.
func TestMirrorsByVendor(t *testing.T) {
	root := testutil.Host(t, "amd-zen-mirror")
	if err := os.RemoveAll(root + "/proc/cpuinfo"); err != nil {
		t.Fatal(err)
	}
	if got := ids(open(t, root)); !strings.HasPrefix(got, "package-0 ") {
		t.Errorf("AMD known by modalias alone: zones %q", got)
	}
	if err := os.RemoveAll(root + "/sys/devices/system/cpu/modalias"); err != nil {
		t.Fatal(err)
	}
	if got := ids(open(t, root)); !strings.HasPrefix(got, "package-0 ") {
		t.Errorf("vendor unknown: zones %q", got)
	}
	root = testutil.Host(t, "intel-2die")
	b, err := os.ReadFile(filepath.Join(root, tree+"intel-rapl/intel-rapl:0/energy_uj"))
	if err != nil {
		t.Fatal(err)
	}
	testutil.Write(t, root, tree+"intel-rapl/intel-rapl:1/energy_uj", string(b))
	if got := ids(open(t, root)); !strings.HasPrefix(got, "package-0-die-0 dram-0-die-0 package-0-die-1") {
		t.Errorf("Intel dies that happen to agree: zones %q", got)
	}
}

func TestOneCore(t *testing.T) {
	root := testutil.Host(t, "amd-epyc")
	// With its first CPU offline the driver reads socket 0 through the next.
	testutil.Write(t, root, "sys/devices/system/cpu/online", "1-15\n")
	if got := ids(open(t, root)); got != "package-0 core-0-1 package-1 core-1-0" {
		t.Errorf("zones %q", got)
	}
	if err := os.RemoveAll(root + "/sys/devices/system/cpu"); err != nil {
		t.Fatal(err)
	}
	testutil.Write(t, root, "proc/cpuinfo", "processor: 0\nvendor_id: AuthenticAMD\ncpu family: 25\nmodel: 1\n")
	s := open(t, root)
	if got := ids(s); got != "package-0 package-1" || len(s.Refused()) != 2 {
		t.Errorf("zones %q, refused %v", got, s.Refused())
	}
}

func TestWake(t *testing.T) {
	root := testutil.Host(t, "intel-1s")
	path := filepath.Join(root, tree, "intel-rapl/intel-rapl:0/energy_uj")
	testutil.Write(t, root, tree+"intel-rapl/intel-rapl:0/energy_uj", "0\n")
	done := make(chan error)
	go func() {
		time.Sleep(3 * time.Millisecond)
		done <- os.WriteFile(path, []byte("61\n"), 0o644)
	}()
	s := open(t, root)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := ids(s); got != "package-0 dram-0" {
		t.Errorf("a counter that had just wrapped to 0 was refused: %v", s.Refused())
	}
}

// TestNumbers: more zones than a digit has, and platform domains of their own.
func TestNumbers(t *testing.T) {
	root := t.TempDir()
	add := func(dir, name string) {
		testutil.Write(t, root, tree+"intel-rapl/"+dir+"/name", name+"\n")
		testutil.Write(t, root, tree+"intel-rapl/"+dir+"/energy_uj", "1\n")
		testutil.Write(t, root, tree+"intel-rapl/"+dir+"/max_energy_range_uj", "262143328850\n")
	}
	for i := range 12 {
		add(fmt.Sprintf("intel-rapl:%d", i), fmt.Sprintf("package-%d", 11-i))
	}
	add("intel-rapl:12", "psys")
	add("intel-rapl:13", "psys-1")
	add("intel-rapl:14", "package-3") // again: the first stays
	for _, dir := range []string{"intel-rapl:x", "intel-rapl:00", "intel-rapl", "power"} {
		add(dir, "package-99")
	}
	s := open(t, root)
	want := "package-0 package-1 package-2 package-3 package-4 package-5 package-6 package-7 package-8 package-9 package-10 package-11 psys psys-1"
	if got := ids(s); got != want {
		t.Errorf("zones %q, want %q", got, want)
	}
	if z := s.Zones()[3]; z.Origin != "intel-rapl:8" {
		t.Errorf("package-3 is %s", z.Origin)
	}
	for _, z := range s.Zones() {
		if z.Domain == energy.PSys && z.InTotal() {
			t.Errorf("%s is in the total", z.ID())
		}
	}
}
