package energy_test

import (
	"regexp"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func TestCatalogue(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(\.[a-z][a-z0-9_]*)+$`)
	units := map[string]bool{"s": true, "J": true, "W": true, "Hz": true, "By": true, "Cel": true, "J.s": true, "J.s2": true, "1": true}
	seen := map[string]bool{}
	for _, d := range energy.Catalogue() {
		if !name.MatchString(d.Name) || seen[d.Name] {
			t.Errorf("name %q is malformed or there twice", d.Name)
		}
		seen[d.Name] = true
		if !units[d.Unit] {
			t.Errorf("%s: unit %q", d.Name, d.Unit)
		}
		if d.Help == "" || d.From == "" {
			t.Errorf("%s: no meaning or no origin", d.Name)
		}
		switch d.By {
		case energy.ByHost, energy.ByPerf, energy.ByTracker, energy.ByEnergy:
		default:
			t.Errorf("%s: nobody provides it", d.Name)
		}
		switch d.How {
		case energy.Delta, energy.Mean, energy.Max, energy.Min, energy.Last, energy.Ratio, energy.Product:
		default:
			t.Errorf("%s: not integrated", d.Name)
		}
	}
	if len(seen) < 80 {
		t.Errorf("%d metrics, want at least 80", len(seen))
	}
	if m := energy.KnownMetric("cpu.time", 2, "wait4"); m.Unit != "s" || m.Scope != energy.ScopeProcess || *m.Value != 2 || m.Quality != energy.Measured {
		t.Errorf("%+v", m)
	}
	if m := energy.UnknownMetric("cpu.time", "wait4", "why"); m.Value != nil || m.Reason != "why" || m.Quality != "" {
		t.Errorf("%+v", m)
	}
}
