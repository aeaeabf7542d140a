package flexexecutor_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/flexexecutor"
	"github.com/energyprobe/energyprobe/internal/report"
)

// sharedData is where the real profiles lie: two applications of the study that
// the format comes from. They are not part of the project.
func sharedData(t testing.TB) string {
	t.Helper()
	root := os.Getenv("ENERGYPROBE_SHARED")
	if root == "" {
		root = "../../../shared"
	}
	dir := filepath.Join(root, "data", "flexexecutor")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the real profiles are not here: %v (ENERGYPROBE_SHARED says where)", err)
	}
	return dir
}

func importAll(t testing.TB, o flexexecutor.Options, paths ...string) *report.Bench {
	t.Helper()
	b, err := flexexecutor.Import(paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plain is a profile as encoding/json reads it, with nothing of this package.
type plain map[string]map[string][][]any

func readPlain(t testing.TB, path string) (plain, []byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var p plain
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p, data
}

// stat is what is held against each other: of one application, architecture and
// memory.
type stat struct {
	invocations, repetitions int
	durations                []float64 // of repetitions
	sums                     map[string]float64
	wholeJ                   float64 // at 225 and 300 W
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func mean(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

// independent computes the statistics from maps, with none of the package's code.
func independent(t testing.TB, root string) map[string]*stat {
	watts := map[string]float64{"x86": 225, "arm": 300}
	out := map[string]*stat{}
	dirs, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%v %v", dirs, err)
	}
	for _, dir := range dirs {
		name := filepath.Base(dir)
		s := &stat{sums: map[string]float64{}}
		out[name] = s
		arch := name[strings.LastIndex(name, "_")+1:]
		files, _ := filepath.Glob(filepath.Join(dir, "*.json.gz"))
		perRep := map[string][]float64{}
		for _, file := range files {
			p, _ := readPlain(t, file)
			for key, metrics := range p {
				reps := metrics["worker_time_execution"]
				if perRep[key] == nil {
					perRep[key] = make([]float64, len(reps))
				}
				for r, workers := range reps {
					slowest := 0.0
					for w, v := range workers {
						s.invocations++
						slowest = max(slowest, v.(float64))
						for _, m := range []string{"read", "compute", "write", "cold_start", "worker_time_execution", "TDP"} {
							s.sums[m] += metrics[m][r][w].(float64)
						}
						s.sums["vcpu"] += metrics["TDP"][r][w].(float64) * metrics["cpu_cores_logical"][r][w].(float64)
						s.wholeJ += metrics["TDP"][r][w].(float64) * watts[arch]
						s.sums["billed"] += math.Ceil(v.(float64)*1000-1e-9) / 1000
					}
					perRep[key][r] += slowest
				}
			}
		}
		for _, d := range perRep {
			s.durations = append(s.durations, d...)
			s.repetitions += len(d)
		}
	}
	return out
}

func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// The import agrees with a recomputation that shares nothing with it.
func TestSharedDataRecomputed(t *testing.T) {
	root := sharedData(t)
	want := independent(t, root)
	b := importAll(t, flexexecutor.Options{}, root)
	got := map[string]*stat{}
	costs, billed := map[string]float64{}, map[string]float64{}
	total := 0
	for i := range b.Cells {
		c := &b.Cells[i]
		arch := map[string]string{"x86_64": "x86", "aarch64": "arm"}[c.Arch]
		name := c.Metrics["key_cpu"].Source
		if !strings.HasPrefix(name, c.Application+"_aws_") || !strings.HasSuffix(name, arch) {
			t.Fatalf("%s is of %s", c.ID, name)
		}
		s := got[name]
		if s == nil {
			s = &stat{sums: map[string]float64{}}
			got[name] = s
		}
		s.repetitions++
		s.durations = append(s.durations, *c.DurationS)
		for k := range c.Invocations {
			v := &c.Invocations[k]
			s.invocations++
			total++
			for m, p := range map[string]*float64{"read": v.ReadS, "compute": v.ComputeS, "write": v.WriteS, "cold_start": v.ColdStartS, "worker_time_execution": v.DurationS, "vcpu": v.CPUS} {
				s.sums[m] += *p
			}
		}
		whole := energyOf(t, c, report.MethodWholeSocket)
		s.wholeJ += *whole.EnergyJ
		share := energyOf(t, c, report.MethodVCPUShare)
		if !(*share.LowJ < *share.EnergyJ && *share.EnergyJ < *share.HighJ) || *share.HighJ >= *whole.EnergyJ {
			t.Errorf("%s: %g (%g to %g) J by vCPU share, %g J by whole socket", c.ID, *share.EnergyJ, *share.LowJ, *share.HighJ, *whole.EnergyJ)
		}
		costs[name] += c.Cost.Total
		billed[name] += c.Cost.BilledS
		for m, v := range c.Metrics {
			if strings.Contains(m, "_energy_") && (v.Value != nil || v.Reason == "") {
				t.Errorf("%s: %s is %v: %s", c.ID, m, v.Value, v.Reason)
			}
		}
	}
	if total != 16118 || len(want) != 8 {
		t.Errorf("%d invocations in %d directories", total, len(want))
	}
	rate := map[string]float64{"x86": .0000166667, "arm": .0000133334}
	memory := map[string]float64{"512Mb": .5, "1024Mb": 1, "2048Mb": 2}
	for name, w := range want {
		g := got[name]
		if g == nil || g.invocations != w.invocations || g.repetitions != w.repetitions {
			t.Fatalf("%s: %+v, want %+v", name, g, w)
		}
		for _, m := range []string{"read", "compute", "write", "cold_start", "worker_time_execution", "vcpu"} {
			if !same(g.sums[m], w.sums[m]) {
				t.Errorf("%s: %s is %v, want %v", name, m, g.sums[m], w.sums[m])
			}
		}
		if !same(median(g.durations), median(w.durations)) || !same(mean(g.durations), mean(w.durations)) {
			t.Errorf("%s: durations %v and %v, want %v and %v", name, median(g.durations), mean(g.durations), median(w.durations), mean(w.durations))
		}
		if !same(g.wholeJ, w.wholeJ) {
			t.Errorf("%s: %v J, want %v", name, g.wholeJ, w.wholeJ)
		}
		part := strings.Split(name, "_")
		cost := w.sums["billed"]*memory[part[2]]*rate[part[3]] + float64(w.invocations)*.0000002
		if !same(billed[name], w.sums["billed"]) || !same(costs[name], cost) {
			t.Errorf("%s: $%v for %v s, want $%v for %v s", name, costs[name], billed[name], cost, w.sums["billed"])
		}
		t.Logf("%-24s n=%d reps=%d mean %.2f s, vCPU %.1f s, TDP whole %.0f J/rep, $%.6f/rep", name, g.invocations, g.repetitions, mean(g.durations), g.sums["vcpu"]/float64(g.invocations), g.wholeJ/float64(g.repetitions), costs[name]/float64(g.repetitions))
	}
}

func energyOf(t testing.TB, c *report.BenchCell, method string) *report.MethodEnergy {
	t.Helper()
	for i := range c.Energy {
		if c.Energy[i].Method == method {
			return &c.Energy[i]
		}
	}
	t.Fatalf("%s has nothing by %s", c.ID, method)
	return nil
}

// What is known of the real data, and docs/import.md says.
func TestSharedDataFacts(t *testing.T) {
	root := sharedData(t)
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json.gz"))
	if err != nil || len(files) != 14 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	before, burst := 0, 0 // cold starts longer than the rest; more CPU than the memory buys
	for _, file := range files {
		p, _ := readPlain(t, file)
		for key, m := range p {
			for r := range m["read"] {
				for w := range m["read"][r] {
					num := func(name string) float64 { return m[name][r][w].(float64) }
					d := num("worker_time_execution")
					if math.Abs(d-num("time_consumption")) > 5e-9 {
						t.Errorf("%s %s: time_consumption is no rounded worker_time_execution", file, key)
					}
					if rest := d - num("read") - num("compute") - num("write"); rest < 1.8 {
						t.Errorf("%s %s: only %g s beside read, compute and write", file, key, rest)
					}
					if num("cold_start") > d-num("read")-num("compute")-num("write") {
						before++
					}
					if strings.Contains(file, "512Mb") && 2*num("TDP")/d > 512.0/1769 {
						burst++
					}
					if f := num("TDP") / d; f <= 0 || f > 1 {
						t.Errorf("%s %s: TDP is %g of the duration", file, key, f)
					}
					if num("RAPL_wrong") != 12 || num("cpu_cores_logical") != 2 {
						t.Errorf("%s %s: a version %g, %g CPUs", file, key, num("RAPL_wrong"), num("cpu_cores_logical"))
					}
				}
			}
		}
	}
	if before != 274 || burst < 500 || burst > 550 {
		t.Errorf("cold_start is longer than what it could be part of in %d invocations; %d of 2200 at 512 MB used more than their share", before, burst)
	}
}

// Repetitions that did nothing are found, and no others; nothing else is odd.
func TestSharedDataWarnings(t *testing.T) {
	b := importAll(t, flexexecutor.Options{}, sharedData(t))
	var got []string
	for _, w := range b.Warnings {
		if w.Code != "no-work" {
			t.Errorf("%+v", w)
		}
		id, _, _ := strings.Cut(w.Message, ":")
		got = append(got, id)
	}
	slices.Sort(got)
	want := []string{"video-aarch64-1024-05-r8", "video-aarch64-1024-09-r6", "video-aarch64-1024-28-r10"}
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What was imported comes out as it was: every value, and, in files that no one
// has edited (blank lines are left of that in two of them), every byte.
func TestSharedDataRoundTrip(t *testing.T) {
	root := sharedData(t)
	identical := 0
	files, _ := filepath.Glob(filepath.Join(root, "*", "*.json.gz"))
	b := roundJSON(t, importAll(t, flexexecutor.Options{}, root))
	dir := exportTo(t, b, flexexecutor.ExportOptions{})
	for _, file := range files {
		back := filepath.Join(dir, filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".gz"))
		want, wantText := readPlain(t, file)
		got, gotText := readPlain(t, back)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not what %s was", back, file)
		}
		if bytes.Equal(gotText, wantText) {
			identical++
		}
	}
	t.Logf("%d of %d files are the same to the byte", identical, len(files))
	if identical < 12 {
		t.Errorf("%d of %d files are the same to the byte", identical, len(files))
	}
}

// roundJSON sends a result through its JSON form.
func roundJSON(t testing.TB, b *report.Bench) *report.Bench {
	t.Helper()
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	back := new(report.Bench)
	if err := json.Unmarshal(data, back); err != nil {
		t.Fatal(err)
	}
	return back
}

func exportTo(t testing.TB, b *report.Bench, o flexexecutor.ExportOptions) string {
	t.Helper()
	root := t.TempDir()
	files, err := flexexecutor.Export([]*report.Bench{b}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		place, err := f.Path(root)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(place.Dir, 0o777); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := f.Write(&text); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place.File, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
