package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

func hostAt(tb testing.TB, root string) Host {
	tb.Helper()
	topo, err := topology.Read(root)
	if err != nil {
		tb.Fatal(err)
	}
	return Host{Root: root, Topo: topo}
}

func TestNames(t *testing.T) {
	for _, name := range Names() {
		if got, err := ParseName(name); err != nil || got != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "PERF", "rapl", "perf "} {
		if _, err := ParseName(name); err == nil || !strings.Contains(err.Error(), strings.Join(Names(), ", ")) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range Measuring() {
		if !slices.Contains(Names(), name) || name == Model || name == Auto {
			t.Errorf("%s measures", name)
		}
	}
	if _, err := (Host{}).Open("crystal"); err == nil {
		t.Error("a source of an unknown name was opened")
	}
}

// Best takes what works and tells why what is better does not.
func TestBest(t *testing.T) {
	h := testutil.NewTicking(t, testutil.TickingZone{Name: "package-0", Watts: 50, StartUJ: 1000})
	o, refused := hostAt(t, h.Root).Best()
	if o == nil {
		t.Fatal(refused)
	}
	defer o.Close()
	if o.Name() != Powercap && o.Name() != Perf {
		t.Errorf("%s was opened", o.Name())
	}
	for _, r := range refused {
		if slices.Index(Measuring(), r.Name) >= slices.Index(Measuring(), o.Name()) {
			t.Errorf("%s was tried after %s worked", r.Name, o.Name())
		}
	}
}

// On captured hosts no counter runs: every source is refused, under its own
// name, as what it is.
func TestCapturedHosts(t *testing.T) {
	for _, name := range []string{"intel-2s", "intel-unloaded", "intel-zeros", "vm-zeros", "arm-graviton", "amd-epyc", "container"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, refused := hostAt(t, testutil.Host(t, name)).Best()
			if o != nil {
				defer o.Close()
				t.Fatalf("%s measures %d zones", o.Name(), len(o.Zones()))
			}
			var names []string
			for _, r := range refused {
				names = append(names, r.Name)
				if r.Reason == "" || r.Kind == nil || !slices.Contains(Measuring(), r.Name) {
					t.Errorf("%+v", r)
				}
			}
			if got := slices.Compact(names); !slices.Equal(got, Measuring()) {
				t.Errorf("refused %v, want all of %v", got, Measuring())
			}
		})
	}
}

func TestOthers(t *testing.T) {
	h := testutil.NewTicking(t, testutil.TickingZone{Name: "package-0", Watts: 50, StartUJ: 1000})
	host := hostAt(t, h.Root)
	all, refused := host.Others(Perf)
	var names []string
	for _, o := range all {
		names = append(names, o.Name())
		o.Close()
	}
	for _, r := range refused {
		names = append(names, r.Name)
	}
	if slices.Contains(names, Perf) || !slices.Contains(names, Powercap) || !slices.Contains(names, MSR) {
		t.Errorf("others than perf: %v", names)
	}
	all, refused = host.Others(Powercap)
	for _, o := range all {
		if o.Name() == Powercap {
			t.Error("powercap is among the others")
		}
		o.Close()
	}
	if len(all)+len(refused) < 2 {
		t.Errorf("%d others, %d refused", len(all), len(refused))
	}
}

// scripted is a source whose n-th reading comes from a function.
type scripted struct {
	zones  []energy.Zone
	read   func(n int, r *energy.Reading) error
	n      int
	closed int
}

func (s *scripted) Name() string         { return "scripted" }
func (s *scripted) Zones() []energy.Zone { return s.zones }
func (s *scripted) Close() error         { s.closed++; return nil }
func (s *scripted) Read(r *energy.Reading) error {
	s.n++
	return s.read(s.n, r)
}

func TestCheckAlive(t *testing.T) {
	eio := errors.New("EIO")
	pkg := energy.Zone{Domain: energy.Package, Parent: -1, Tick: 1e-6, Wrap: 1 << 32}
	wrapping := energy.Zone{Domain: energy.Package, Parent: -1, Wrap: 1 << 32}
	dram := energy.Zone{Domain: energy.DRAM, Parent: -1}
	psys := energy.Zone{Domain: energy.PSys, Socket: -1, Parent: -1}
	for _, c := range []struct {
		name  string
		zones []energy.Zone
		read  func(int, *energy.Reading) error
		want  string // in the refusal; "" for none
	}{
		{"a counter that moves", []energy.Zone{pkg}, func(n int, r *energy.Reading) error { r.Counts[0] = uint64(n / 100); return nil }, ""},
		{"one that wraps to 0", []energy.Zone{wrapping}, func(n int, r *energy.Reading) error {
			if r.Counts[0] = 0; n < 50 {
				r.Counts[0] = 1<<32 - 1
			}
			return nil
		}, ""},
		{"one of two packages moves", []energy.Zone{pkg, pkg}, func(n int, r *energy.Reading) error { r.Counts[1] = uint64(n); return nil }, ""},
		{"one that stands still", []energy.Zone{pkg}, func(n int, r *energy.Reading) error { r.Counts[0] = 815; return nil }, "stand still"},
		{"memory alone moves", []energy.Zone{pkg, dram}, func(n int, r *energy.Reading) error { r.Counts[1] = uint64(n); return nil }, "stand still"},
		{"only a platform counter", []energy.Zone{psys}, func(int, *energy.Reading) error { return nil }, ""},
		{"the package can't be read, the platform can", []energy.Zone{pkg, psys}, func(n int, r *energy.Reading) error { r.Errs[0] = eio; return nil }, "no package counter"},
		{"nothing can be read", []energy.Zone{pkg}, func(int, *energy.Reading) error { return eio }, "EIO"},
		{"a package that comes late", []energy.Zone{pkg, pkg}, func(n int, r *energy.Reading) error {
			r.Counts[0], r.Counts[1], r.Errs[1] = 3, uint64(n), nil
			if n < 10 {
				r.Errs[1] = eio
			}
			return nil
		}, ""},
		{"all packages fail once and come back", []energy.Zone{pkg, psys}, func(n int, r *energy.Reading) error {
			r.Counts[0], r.Errs[0] = uint64(n), nil
			if n == 1 {
				r.Errs[0] = eio
			}
			return nil
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			err := checkAlive(energy.NewTrack(&scripted{zones: c.zones, read: c.read}))
			if took := time.Since(began); took > aliveLimit+time.Second {
				t.Errorf("took %v", took)
			}
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, energy.ErrBroken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestRefusalsAreNamed(t *testing.T) {
	zone := &energy.Refusal{Name: "package-1", Kind: energy.ErrForbidden, Reason: "EACCES", Remedy: "chmod"}
	whole := &energy.Refusal{Name: Powercap, Kind: energy.ErrAbsent, Reason: "no tree"}
	got := named(Powercap, fmt.Errorf("open: %w", errors.Join(zone, whole, errors.New("plain"))))
	var text []string
	for _, r := range got {
		text = append(text, r.Error())
	}
	want := []string{"powercap: forbidden: package-1: EACCES (chmod)", "powercap: absent: no tree", "powercap: broken: plain"}
	if !slices.Equal(text, want) {
		t.Errorf("%q, want %q", text, want)
	}
	if zone.Name != "package-1" || zone.Reason != "EACCES" {
		t.Errorf("the refusal itself was changed: %+v", zone)
	}
}

// The hardware's word on its power comes from whatever source is open.
func TestTDP(t *testing.T) {
	h := testutil.NewTicking(t, testutil.TickingZone{Name: "package-0", Watts: 50, StartUJ: 1000})
	dir := "sys/class/powercap/intel-rapl/intel-rapl:0/"
	testutil.Write(t, h.Root, filepath.Join(dir, "constraint_0_name"), "long_term\n")
	testutil.Write(t, h.Root, filepath.Join(dir, "constraint_0_max_power_uw"), "165000000\n")
	o, err := hostAt(t, h.Root).Open(Powercap)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if w, ok := o.TDPW(0); !ok || w != 165 {
		t.Errorf("%v W, %v, want 165", w, ok)
	}
	if w, ok := o.TDPW(7); ok {
		t.Errorf("socket 7 has %v W", w)
	}
	if w, ok := (&Opened{Source: &scripted{}}).TDPW(0); ok {
		t.Errorf("a source without limits has %v W", w)
	}
}
