package rapl

import (
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func TestParseName(t *testing.T) {
	die := &place{domain: energy.Package, socket: 3, die: 1}
	for _, c := range []struct {
		name   string
		around *place
		want   string // the zone's ID, "" for an error
	}{
		{"package-0", nil, "package-0"},
		{"package-15", nil, "package-15"},
		{"package-0-die-1", nil, "package-0-die-1"},
		{"core", die, "core-3-die-1"},
		{"uncore", die, "uncore-3-die-1"},
		{"dram", die, "dram-3-die-1"},
		{"psys", nil, "psys"},
		{"psys-1", nil, "psys-1"},
		{"core", nil, ""},
		{"dram", &place{domain: energy.PSys, socket: -1, die: -1}, ""},
		{"", nil, ""},
		{"package", nil, ""},
		{"package-", nil, ""},
		{"package-x", nil, ""},
		{"package--1", nil, ""},
		{"package-01", nil, ""},
		{"package-99999999999", nil, ""},
		{"package-0-die-", nil, ""},
		{"package-0-die-1-die-2", nil, ""},
		{"package-0 ", nil, ""},
		{"Package-0", nil, ""},
		{"psys-", nil, ""},
		{"cpu0-cpufreq", nil, ""},
	} {
		p, err := parseName(c.name, c.around)
		switch {
		case (err == nil) != (c.want != ""):
			t.Errorf("parseName(%q): %v, %v, want %q", c.name, p, err, c.want)
		case err == nil && p.id() != c.want:
			t.Errorf("parseName(%q).id() = %q, want %q", c.name, p.id(), c.want)
		}
	}
}

// FuzzParseName: a name that is understood is made again from what was
// understood, so no two names mean one place.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"package-0", "package-1-die-3", "core", "dram", "psys", "psys-2", "package-007", "package-0-die-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, err := parseName(name, &place{domain: energy.Package, socket: 5, die: -1})
		if err != nil {
			return
		}
		again := p.id()
		if p.inside() || p.domain == energy.DRAM {
			again = strings.TrimSuffix(again, "-5")
		}
		if again != name {
			t.Errorf("%q became %+v, which is %q", name, p, again)
		}
	})
}

func TestOrder(t *testing.T) {
	want := []place{
		{"intel-rapl", energy.Package, 0, -1},
		{"intel-rapl-mmio", energy.Package, 0, -1},
		{"intel-rapl", energy.Core, 0, -1},
		{"intel-rapl", energy.DRAM, 0, -1},
		{"intel-rapl", energy.Package, 1, 0},
		{"intel-rapl", energy.DRAM, 1, 0},
		{"intel-rapl", energy.Package, 1, 1},
		{"intel-rapl", energy.Package, 10, -1},
		{"intel-rapl", energy.PSys, -1, -1},
		{"intel-rapl", energy.PSys, 1, -1},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, place.compare)
	if !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
}
