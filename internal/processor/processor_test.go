package processor_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/processor"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// used returns the step that gave the watts, and fails where none or several
// did.
func used(t *testing.T, r *report.Processor) report.Try {
	t.Helper()
	var all []report.Try
	for _, try := range r.Identified.Tried {
		if try.Outcome == string(model.Used) {
			all = append(all, try)
		}
	}
	if len(all) != 1 || all[0].Step != r.Identified.Step || all[0].TDP == nil || *all[0].TDP != r.Identified.TDP {
		t.Fatalf("step %s, used %+v", r.Identified.Step, all)
	}
	return all[0]
}

func TestOfCapturedHosts(t *testing.T) {
	for host, want := range map[string]struct {
		step, name string // of the first part
		match      string
		shared     bool
	}{
		"intel-2s":       {"name", "Xeon Gold 6248", "name", false},
		"amd-epyc":       {"name", "EPYC 7763", "name", false},
		"intel-client":   {"name", "Core i7-8550U", "name", false},
		"vm-kvm":         {"name", "Xeon Gold 6248", "name", true},
		"vm-firecracker": {"", "", "", true},
		"arm-altra":      {"family-model", "Altra Q80-30", "same-model", false},
		"riscv-sifive":   {"segment", "", "", false},
		"s390-z15":       {"segment", "", "", false},
	} {
		r, err := processor.Of(processor.Options{Root: testutil.Host(t, host)})
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		try := used(t, r)
		if want.step != "" && try.Step != want.step {
			t.Errorf("%s: found by %s (%s), want %s", host, try.Step, try.Detail, want.step)
		}
		if want.name != "" && (len(r.Parts) == 0 || r.Parts[0].Name != want.name || r.Parts[0].Match != want.match) {
			t.Errorf("%s: parts %+v, want %s by %s", host, r.Parts, want.name, want.match)
		}
		if (r.Identified.Share != nil) != want.shared {
			t.Errorf("%s: share %+v", host, r.Identified.Share)
		}
		if r.Host == nil || *r.Host.TDP.Value != r.Identified.TDP.NominalW {
			t.Errorf("%s: the host's TDP is not the one found", host)
		}
	}
}

func TestOfWithWatts(t *testing.T) {
	r, err := processor.Of(processor.Options{Root: testutil.Host(t, "intel-2s"), TDPW: 123})
	if err != nil {
		t.Fatal(err)
	}
	if try := used(t, r); try.Step != "user" || r.Identified.TDP.HighW != 123 || r.Parts[0].Match != "name" {
		t.Errorf("%+v, %+v", r.Identified, r.Parts)
	}
	if _, err := processor.Of(processor.Options{Root: testutil.Host(t, "intel-2s"), TDPW: 1e6}); err == nil || !strings.Contains(err.Error(), "tdp") {
		t.Errorf("a megawatt: %v", err)
	}
	if _, err := processor.Of(processor.Options{Root: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "energyprobe cpu NAME") {
		t.Errorf("no host: %v", err)
	}
}

// The hardware's own word goes before the table's.
func TestOfHardware(t *testing.T) {
	h := testutil.NewTicking(t, testutil.TickingZone{Name: "package-0", Watts: 40})
	zones, err := filepath.Glob(filepath.Join(h.Root, "sys/class/powercap/intel-rapl/intel-rapl:*"))
	if err != nil || len(zones) == 0 {
		t.Fatalf("no zone: %v", err)
	}
	for name, text := range map[string]string{"constraint_0_name": "long_term\n", "constraint_0_max_power_uw": "97000000\n"} {
		if err := os.WriteFile(filepath.Join(zones[0], name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := processor.Of(processor.Options{Root: h.Root})
	if err != nil {
		t.Fatal(err)
	}
	if try := used(t, r); try.Step != "hardware" || try.TDP.NominalW != 97 || !strings.Contains(try.Detail, "powercap") {
		t.Errorf("%+v", try)
	}
}

func TestSearch(t *testing.T) {
	r, err := processor.Search("epyc 7551", report.Tool{})
	if err != nil || len(r.Parts) != 2 || r.Parts[0].Match != "name" || r.Parts[1].Match != "other" || r.Host != nil || r.Identified != nil {
		t.Errorf("%+v, %v", r, err)
	}
	p := r.Parts[0]
	if p.BaseHz == nil || *p.BaseHz != 2e9 || *p.Family != 23 || *p.Model != 1 || p.MIDR != "" || p.Source == "" || p.Cores != 32 || p.Threads != 64 {
		t.Errorf("%+v", p)
	}
	if r, err = processor.Search("graviton3", report.Tool{}); err != nil || r.Parts[0].Family != nil || r.Parts[0].MIDR != "0x410fd400" {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = processor.Search("epyc 7764", report.Tool{})
	var notFound *processor.NotFoundError
	if !errors.As(err, &notFound) || !strings.Contains(err.Error(), "did you mean EPYC 7763") || !strings.Contains(err.Error(), "--all") {
		t.Errorf("%v", err)
	}
	if n := len(processor.All(report.Tool{}).Parts); n != len(model.Embedded().CPUs()) {
		t.Errorf("all are %d", n)
	}
}
