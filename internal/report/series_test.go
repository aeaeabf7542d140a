package report_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

func TestSeriesKeepsWhatItIsGiven(t *testing.T) {
	s := report.NewSeries([]string{"package-0", "dram-0"})
	const n = 10_000 // several chunks
	for i := range n {
		j := []float64{float64(i) / 7, math.NaN()}
		if i%3 == 0 {
			j[1] = float64(i)
		}
		s.Append(float64(i)/1000, j)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back report.Series
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if s.Len() != n || back.Len() != n {
		t.Fatalf("lengths %d and %d, want %d", s.Len(), back.Len(), n)
	}
	if got := strings.Join(back.Domains(), " "); got != "dram-0 package-0" {
		t.Errorf("domains read back: %s", got)
	}
	for i := range n {
		at, j := s.At(i)
		bt, bj := back.At(i)
		if at != bt || at != float64(i)/1000 || j[0] != bj[1] || j[0] != float64(i)/7 {
			t.Fatalf("sample %d: %v %v, read back %v %v", i, at, j, bt, bj)
		}
		if wantKnown := i%3 == 0; wantKnown == math.IsNaN(j[1]) || wantKnown == math.IsNaN(bj[0]) {
			t.Fatalf("sample %d: %v, read back %v", i, j, bj)
		}
	}
}

func TestSeriesNilIsEmpty(t *testing.T) {
	var s *report.Series
	if s.Len() != 0 || s.Domains() != nil {
		t.Errorf("a nil series has %d samples of %v", s.Len(), s.Domains())
	}
}

func TestSeriesAppendHardlyAllocates(t *testing.T) {
	s := report.NewSeries([]string{"a", "b", "c", "d", "e"})
	row := make([]float64, 5)
	if n := testing.AllocsPerRun(50_000, func() { s.Append(0, row) }); n > 0 {
		t.Errorf("%v allocations per sample, want fewer than 1", n)
	}
}

func TestSeriesRejectsWhatIsNoSeries(t *testing.T) {
	for _, in := range []string{`{}`, `[1]`, `[{"t_s":"x"}]`, `[{"t_s":1,"energy_j":{"a":"b"}}]`, `3`} {
		var s report.Series
		if err := json.Unmarshal([]byte(in), &s); err == nil {
			t.Errorf("%s was taken for a series of %d samples", in, s.Len())
		}
	}
}

// FuzzSeries reads anything; what it accepts, it must write and read again
// as the same.
func FuzzSeries(f *testing.F) {
	f.Add(`[]`)
	f.Add(`[{"t_s":0.001,"energy_j":{"package-0":0.5,"dram-0":1e-7}},{"t_s":0.002,"energy_j":{"package-0":0}}]`)
	f.Add(`[{"t_s":1e300,"energy_j":null}]`)
	f.Add(`[{"energy_j":{"":-0,"\u0001\"":1}},null]`)
	f.Fuzz(func(t *testing.T, in string) {
		var s report.Series
		if json.Unmarshal([]byte(in), &s) != nil {
			return
		}
		data, err := json.Marshal(&s)
		if err != nil {
			t.Fatalf("accepted %q and can't write it: %v", in, err)
		}
		var back report.Series
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("wrote %s and can't read it: %v", data, err)
		}
		again, err := json.Marshal(&back)
		if err != nil || string(again) != string(data) {
			t.Fatalf("%s became %s (%v)", data, again, err)
		}
	})
}

func TestTotal(t *testing.T) {
	p := func(v float64) *float64 { return &v }
	pkg := report.Domain{ID: "package-0", InTotal: true, Energy: report.Energy{EnergyJ: p(10), UncertaintyJ: p(0.5)}}
	dram := report.Domain{ID: "dram-0", InTotal: true, Energy: report.Energy{EnergyJ: p(2), UncertaintyJ: p(0.1)}}
	core := report.Domain{ID: "core-0", Parent: "package-0", Energy: report.Energy{EnergyJ: p(7)}}
	lost := report.Domain{ID: "package-1", InTotal: true, Energy: report.Energy{Reason: "EIO"}}
	got := report.Total([]report.Domain{pkg, core, dram}, 4)
	if *got.EnergyJ != 12 || *got.PowerW != 3 || *got.UncertaintyJ != 0.6 {
		t.Errorf("total %v J, %v W, ± %v J", *got.EnergyJ, *got.PowerW, *got.UncertaintyJ)
	}
	if got := report.Total([]report.Domain{pkg, lost}, 4); got.EnergyJ != nil || !strings.Contains(got.Reason, "EIO") {
		t.Errorf("a total with an unknown part is %+v", got)
	}
	if got := report.Total([]report.Domain{core}, 4); got.EnergyJ != nil || got.Reason == "" {
		t.Errorf("a total of children is %+v", got)
	}
}
