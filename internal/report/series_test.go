package report_test

import (
	"encoding/json"
	"math"
	"slices"
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
	if s.Len() != 0 || s.Domains() != nil || s.HasSplit() {
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

// TestSeriesKeepsSplits: with and without a split, known and unknown lines,
// over several chunks.
func TestSeriesKeepsSplits(t *testing.T) {
	s := report.NewSplitSeries([]string{"dram-0", "package-0"})
	const n = 10_000
	split := make([]float64, 2*report.SplitLines)
	for i := range n {
		j := []float64{float64(i), float64(i) / 7}
		for k := range split {
			split[k] = float64(i*k) / 11
		}
		if i%3 == 1 {
			split[report.SplitLines+report.SplitIdle] = math.NaN()
		}
		if i%5 == 2 {
			s.Append(float64(i), j)
			continue
		}
		s.AppendSplit(float64(i), j, split)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back report.Series
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !back.HasSplit() || back.Len() != n {
		t.Fatalf("%d samples came back, with a split: %v", back.Len(), back.HasSplit())
	}
	for i := range n {
		_, j := back.At(i)
		if j[0] != float64(i) || j[1] != float64(i)/7 {
			t.Fatalf("sample %d: %v", i, j)
		}
		for k, got := range back.SplitAt(i) {
			unknown := i%5 == 2 || i%3 == 1 && k == report.SplitLines+report.SplitIdle
			if unknown != math.IsNaN(got) || !unknown && got != float64(i*k)/11 {
				t.Fatalf("sample %d, line %d: %v", i, k, got)
			}
		}
	}
}

func TestSeriesWithSplitAsJSON(t *testing.T) {
	nan := math.NaN()
	s := report.NewSplitSeries([]string{"package-0", "psys"})
	s.AppendSplit(0.5, []float64{10, 12}, []float64{4, 3, 1, nan, 2, nan, nan, nan, nan, nan})
	s.Append(1, []float64{nan, 1})
	got, err := json.Marshal(s)
	want := `[{"t_s":0.5,"energy_j":{"package-0":10,"psys":12},"split_j":{"package-0":{"target":4,"others":3,"kernel":1,"unattributed":2}}},` +
		`{"t_s":1,"energy_j":{"psys":1}}]`
	if err != nil || string(got) != want {
		t.Errorf("%s (%v)\nwant %s", got, err, want)
	}
}

// TestSplitAtIsTheSeries: what is learnt late can be put right.
func TestSplitAtIsTheSeries(t *testing.T) {
	s := report.NewSplitSeries([]string{"a"})
	s.AppendSplit(1, []float64{5}, []float64{5, 0, 0, 0, 0})
	split := s.SplitAt(0)
	split[report.SplitTarget], split[report.SplitIdle] = 2, 3
	if got := s.SplitAt(0); got[report.SplitTarget] != 2 || got[report.SplitIdle] != 3 {
		t.Errorf("the series holds %v", got)
	}
	if _, j := s.At(0); len(j) != 1 || j[0] != 5 {
		t.Errorf("its joules are %v", j)
	}
	if plain := report.NewSeries([]string{"a"}); plain.HasSplit() {
		t.Error("a plain series says it holds a split")
	}
}

func TestSeriesRefusesWrongWidths(t *testing.T) {
	for name, f := range map[string]func(){
		"joules of too many domains": func() { report.NewSeries([]string{"a"}).Append(0, make([]float64, 2)) },
		"a split in a plain series":  func() { report.NewSeries([]string{"a"}).AppendSplit(0, make([]float64, 1), make([]float64, 5)) },
		"a split of too few lines":   func() { report.NewSplitSeries([]string{"a"}).AppendSplit(0, make([]float64, 1), make([]float64, 4)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s were taken", name)
				}
			}()
			f()
		}()
	}
}

func TestSeriesAppendSplitHardlyAllocates(t *testing.T) {
	s := report.NewSplitSeries([]string{"a", "b"})
	row, split := make([]float64, 2), make([]float64, 2*report.SplitLines)
	if n := testing.AllocsPerRun(50_000, func() { s.AppendSplit(0, row, split) }); n > 0 {
		t.Errorf("%v allocations per sample, want fewer than 1", n)
	}
}

func TestSeriesRejectsWhatIsNoSeries(t *testing.T) {
	for _, in := range []string{`{}`, `[1]`, `[{"t_s":"x"}]`, `[{"t_s":1,"energy_j":{"a":"b"}}]`,
		`[{"t_s":1,"split_j":{"a":{"idle":"b"}}}]`, `[{"t_s":1,"split_j":[]}]`, `3`} {
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
	f.Add(`[{"t_s":1,"energy_j":{"a":3},"split_j":{"a":{"target":1,"idle":2},"b":{"kernel":0}}},{"t_s":2}]`)
	f.Add(`[{"split_j":{"":null}},{"split_j":{"x":{"others":null,"unattributed":-1e-300}}}]`)
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

// What is taken back comes off the last samples, and lines go on adding up to
// their sample.
func TestTakeBack(t *testing.T) {
	nan := math.NaN()
	s := report.NewSplitSeries([]string{"a", "b"})
	lines := func(j float64) []float64 { return []float64{j / 2, j / 4, 0, j / 8, j / 8} }
	for i, row := range [][]float64{{3, 1}, {4, 2}, {nan, 0}, {1, 8}} {
		s.AppendSplit(float64(i+1), row, append(lines(row[0]), lines(row[1])...))
	}
	s.TakeBack(0, 2)
	s.TakeBack(1, 1)
	for i, want := range [][]float64{{3, 1}, {3, 2}, {nan, 0}, {0, 7}} {
		_, row := s.At(i)
		split := s.SplitAt(i)
		for d, j := range want {
			if math.IsNaN(j) {
				if !math.IsNaN(row[d]) {
					t.Errorf("sample %d: domain %d became %v J", i, d, row[d])
				}
				continue
			}
			sum := 0.0
			for _, line := range split[d*report.SplitLines:][:report.SplitLines] {
				sum += line
			}
			if row[d] != j || math.Abs(sum-j) > 1e-12 {
				t.Errorf("sample %d: domain %d has %v J in lines of %v, want %v", i, d, row[d], sum, j)
			}
		}
	}
	s.TakeBack(0, 1e9)
	for i := range s.Len() {
		if _, row := s.At(i); row[0] > 0 || row[0] < 0 {
			t.Errorf("sample %d has %v J left", i, row[0])
		}
	}
}

// What follows the last sample is added to it, split and all; a line of nothing
// is not missed.
func TestAddToLast(t *testing.T) {
	nan := math.NaN()
	s := report.NewSplitSeries([]string{"a", "b"})
	s.AppendSplit(1, []float64{10, 20}, []float64{1, 2, 3, 4, 0, 5, 5, 5, 5, 0})
	s.AddToLast(1.5, []float64{5, 0}, []float64{1, 1, 1, 1, 1, nan, nan, nan, nan, nan})
	at, row := s.At(0)
	if s.Len() != 1 || at != 1.5 || row[0] != 15 || row[1] != 20 {
		t.Errorf("%d samples, at %v: %v", s.Len(), at, row)
	}
	if got, want := s.SplitAt(0), []float64{2, 3, 4, 5, 1, 5, 5, 5, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("split %v, want %v", got, want)
	}
	s.AddToLast(2, []float64{5, 1}, []float64{1, 1, 1, 1, 1, nan, nan, nan, nan, nan})
	if got := s.SplitAt(0); !math.IsNaN(got[5]) || got[0] != 3 {
		t.Errorf("split %v: five lines of b are not known", got)
	}
}
