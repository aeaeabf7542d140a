package flexexecutor_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/flexexecutor"
	"github.com/energyprobe/energyprobe/internal/report"
)

func p(v float64) *float64 { return &v }

// ownResult is a cell of energyprobe's own matrix: two workers in one stage.
func ownResult() *report.Bench {
	mem := 1024
	host := &report.Host{Arch: "x86_64"}
	host.CPU.Cores, host.CPU.Threads = 4, 8
	return &report.Bench{
		Kind: report.BenchMatrix, Host: host,
		Cells: []report.BenchCell{
			{
				ID: "b", Application: "titanic", Arch: "x86_64", MemoryMB: &mem, VCPU: p(0.58), Workers: 2, Repetition: 2, Order: 1, Status: report.CellOK,
				DurationS: p(5), CPUNames: []string{"Xeon Gold 6248"},
				Energy: []report.MethodEnergy{
					{Method: report.MethodTarget, Quality: energy.Attributed, Energy: report.Energy{Reason: "no counter"}},
					{Method: report.MethodMachine, Quality: energy.Measured, Energy: report.Energy{EnergyJ: p(90)}},
				},
				Invocations: []report.Invocation{
					{Worker: 0, DurationS: p(5), ComputeS: p(4), CPUS: p(2), PeakMemoryBytes: p(3 << 20)},
					{Worker: 1, DurationS: p(4), CPUS: p(1)},
				},
			},
			{ID: "a", Application: "titanic", Arch: "x86_64", MemoryMB: &mem, Workers: 2, Repetition: 1, Order: 0, Status: report.CellOOM, Reason: "killed"},
			{ID: "c", Application: "pi", Arch: "aarch64", Workers: 1, Repetition: 1, Order: 2, Status: report.CellOK, Invocations: []report.Invocation{{Stage: "points", DurationS: p(1)}}},
		},
	}
}

func TestExportsOwnResults(t *testing.T) {
	root := exportTo(t, ownResult(), flexexecutor.ExportOptions{Aliases: true})
	got, _ := readPlain(t, filepath.Join(root, "titanic_local_1024Mb_x86", "stage.json"))
	m := got["(1, 1024, 2)"]
	for name, want := range map[string]any{
		"compute": []any{4.0, nil}, "read": []any{nil, nil}, "worker_time_execution": []any{5.0, 4.0}, "time_consumption": []any{5.0, 4.0},
		// Seconds times the mean fraction of eight CPUs.
		"TDP": []any{0.25, 0.125}, "cpu_cores_logical": []any{8.0, 8.0}, "cpu_cores_physical": []any{4.0, 4.0},
		"cpu_name": []any{"Xeon Gold 6248", "Xeon Gold 6248"}, "cpu_architecture": []any{"x86_64", "x86_64"},
		"measurement_energy": []any{"energyprobe, machine", "energyprobe, machine"},
		// What there was no counter for is not 0.
		"perf_energy_cores": []any{nil, nil}, "RAPL_wrong": []any{nil, nil}, "psutil_cpu_percent": []any{nil, nil},
		"aws_cpu":                                []any{"type:unknown|arch:x86_64|lambda:False|mem:1024", "type:unknown|arch:x86_64|lambda:False|mem:1024"},
		"worker_func_energy_consumption":         []any{60.0, 30.0}, // 90 J by CPU seconds
		"worker_func_energy_duration":            []any{5.0, 4.0},
		"worker_func_psutil_cpu_percent":         []any{5.0, 3.125}, // of eight CPUs
		"worker_func_psutil_process_cpu_percent": []any{40.0, 25.0},
		"worker_func_psutil_process_memory_mb":   []any{3.0, nil},
		"worker_func_perf_energy_pkg":            []any{nil, nil},
		"worker_func_aws_is_lambda":              []any{0.0, 0.0},
		"worker_func_aws_memory_size":            []any{1024.0, 1024.0},
	} {
		if len(m[name]) != 1 || !reflect.DeepEqual([]any(m[name][0]), want) {
			t.Errorf("%s is %v, want %v", name, m[name], want)
		}
	}
	for _, name := range flexexecutor.Aliases() {
		if _, ok := m[name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "pi_local_0Mb_arm", "points.json")); err != nil {
		t.Error(err)
	}
	// And the import reads it.
	b := importAll(t, flexexecutor.Options{}, root)
	if len(b.Cells) != 2 || warned(b, "metric-unknown", "worker_func") {
		t.Errorf("%+v", b.Warnings)
	}
	i := slices.IndexFunc(b.Cells, func(c report.BenchCell) bool { return c.Application == "titanic-local" })
	if c := b.Cells[i]; *c.DurationS != 5 || *c.MemoryMB != 1024 || c.VCPU != nil || c.Cost != nil || c.CPUS != nil {
		t.Errorf("%+v", c)
	}
}

// Names from a result are no way out of the directory.
func TestExportRefusesNames(t *testing.T) {
	for _, name := range []string{"../x", "a/b", "", ".hidden", "a\x00b", strings.Repeat("x", 300), "-rf", "ü"} {
		b := ownResult()
		b.Cells[0].Invocations[0].Stage = name
		b.Cells[2].Application = name
		files, err := flexexecutor.Export([]*report.Bench{b}, flexexecutor.ExportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, f := range files {
			if _, err := f.Path("/tmp/x"); err != nil {
				refused++
			}
		}
		if want := 2; refused != want && !(name == "" && refused == 1) { // no stage has a name of its own
			t.Errorf("%q: %d of %d files are refused", name, refused, len(files))
		}
	}
	if _, err := flexexecutor.Export([]*report.Bench{{}}, flexexecutor.ExportOptions{}); err == nil {
		t.Error("of nothing")
	}
	b := ownResult()
	b.Cells[0].Workers = -1
	if _, err := flexexecutor.Export([]*report.Bench{b}, flexexecutor.ExportOptions{}); err == nil || !strings.Contains(err.Error(), "no configuration") {
		t.Error(err)
	}
}

// Floats and texts are written as Python writes them: the values are its own
// repr's and json.dumps's.
func TestWritesAsPython(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", 0.1: "0.1", 1e-4: "0.0001", 1e-5: "1e-05", 1.28746e-05: "1.28746e-05", 1e15: "1000000000000000.0", 1e16: "1e+16",
		123456789.125: "123456789.125", 1e22: "1e+22", 5e-324: "5e-324", 0.40669965744018555: "0.40669965744018555", 1e100: "1e+100",
	} {
		b := ownResult()
		b.Cells = b.Cells[:1]
		b.Cells[0].Invocations[0].ComputeS = p(v)
		b.Cells[0].CPUNames = []string{"é\"\\\n\x7f\u2028😀"}
		files, err := flexexecutor.Export([]*report.Bench{b}, flexexecutor.ExportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := files[0].Write(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), "\n                "+want+",\n") {
			t.Errorf("%v is not written as %s", v, want)
		}
		if !strings.Contains(text.String(), `"\u00e9\"\\\n\u007f\u2028\ud83d\ude00"`) {
			t.Errorf("the text is in %.2000s", text.String())
		}
		if !json.Valid(text.Bytes()) {
			t.Error("it is no JSON")
		}
	}
}

// What is of another shape comes out as it was, too.
func TestRoundTripOfOddities(t *testing.T) {
	text := `{
"(1, 2048, 2)": {"read": [[0.5, 0.25]], "RAPL": [[0.03, 0.02]], "TDP": [[0.125, 0.25]]},
"(4, 512, 3)": {"worker_time_execution": [[1, 2, 3], [4, 5, 6]], "TDP": [[0.1, 0.2, 0.3]], "cpu_cores_logical": [[3, 3, 3], [6, 2, 2]],
 "rapl_energy_cores": [[5.5, 6.5, 0.0], [7.5, 7.5, 7.5]], "RAPL_wrong": [[12, 12, 12], [12, 11, 12]], "time_consumption": [[1.5, 2, 3], [4, 5, 6]],
 "cpu_name": [["a", "b", "c"], ["a", "a", "a"]], "kind": [["x", "x", "x"], ["x", "y", "x"]]}
}`
	root := writeTree(t, map[string]string{"mini_aws_512Mb_arm/map.json": text})
	b := roundJSON(t, importAll(t, flexexecutor.Options{}, root))
	want, _ := readPlain(t, filepath.Join(root, "mini_aws_512Mb_arm", "map.json"))
	got, _ := readPlain(t, filepath.Join(exportTo(t, b, flexexecutor.ExportOptions{}), "mini_aws_512Mb_arm", "map.json"))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}
