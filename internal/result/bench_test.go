package result_test

import (
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/result"
)

const (
	cell = `{"id":"titanic-512-4-r1","application":"titanic","arch":"x86_64","memory_mb":512,"vcpu":0.29,"workers":4,"repetition":1,"order":0,` +
		`"started_at":null,"status":"ok","duration_s":80,"cpu_s":90,"work":{"units":891,"unit":"rows","checksum":"ab"},` +
		`"energy":[{"method":"vcpu-share","quality":"estimated","energy_j":500,"power_w":null,"uncertainty_j":null,"low_j":300,"high_j":900,"socket_w":165}],` +
		`"cost":{"total":0.002,"compute":0.0019,"requests":0.0001,"billed_gbs":160,"billed_s":320},` +
		`"invocations":[{"worker":0,"duration_s":79,"read_s":1,"compute_s":70,"write_s":1,"cold_start_s":2,"cpu_s":22,"peak_memory_bytes":4e8}]}`
	oom   = `{"id":"titanic-512-4-r2","application":"titanic","arch":"x86_64","memory_mb":512,"workers":4,"status":"oom","duration_s":null,"energy":[]}`
	bench = `{"schema":"energyprobe.bench/v1","run_id":"b","started_at":"2026-11-03T14:21:07Z","duration_s":99,"kind":"matrix","plan":{"repetitions":2,"workers":[4],"memory_mb":[512,0]},"cells":[` + cell + "," + oom + `]}`

	benchComparison = `{"schema":"energyprobe.benchcomparison/v1","run_id":"c","a":{"label":"x86"},"b":{"label":"ARM"},` +
		`"changes":[{"application":"","measure":"cost","pairs":3,"mean_pct":-20,"mean_low_pct":-21,"mean_high_pct":-19}],` +
		`"pairs":[{"application":"titanic","memory_mb":null,"workers":4,"a":{"cost":1},"b":{"cost":0.8}}]}`
)

func TestBench(t *testing.T) {
	docs, err := result.Decode("b.json", []byte(bench+"\n"+benchComparison))
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents (%v)", len(docs), err)
	}
	b := docs[0].(*report.Bench)
	c := b.Cells[0]
	if e := c.EnergyBy(report.MethodVCPUShare); e == nil || *e.EnergyJ != 500 || *e.HighJ != 900 || *e.SocketW != 165 {
		t.Errorf("%+v", e)
	}
	if c.EnergyBy(report.MethodMachine) != nil || *c.MemoryMB != 512 || *c.Invocations[0].PeakMemoryBytes != 4e8 || c.Cost.BilledS != 320 {
		t.Errorf("%+v", c)
	}
	if failed := b.Cells[1]; failed.Status != report.CellOOM || failed.DurationS != nil || failed.Cost != nil {
		t.Errorf("%+v", failed)
	}
	if p := docs[1].(*report.BenchComparison).Pairs[0]; p.MemoryMB != nil || *p.B.Cost != 0.8 || p.A.EnergyJ != nil {
		t.Errorf("%+v", p)
	}
}

// TestBadBench: files of a benchmark that were cut off, edited or are of
// something else.
func TestBadBench(t *testing.T) {
	edit := func(doc, old, new string) string {
		if !strings.Contains(doc, old) {
			t.Fatalf("%s is not in %s", old, doc)
		}
		return strings.Replace(doc, old, new, 1)
	}
	for _, c := range []struct{ in, want string }{
		{bench[:700], "the file ends here: it was cut off"},
		{bench[:len(bench)-3], "the file ends here: it was cut off"},
		{edit(bench, `"duration_s":80`, `"duration_s":NaN`), `cells[0].duration_s: want a number, got NaN`},
		{edit(bench, `"duration_s":80`, `"duration_s":-80`), `cells[0].duration_s: want 0 or more, got -80`},
		{edit(bench, `"energy_j":500`, `"energy_j":"500"`), `cells[0].energy[0].energy_j: want a number, got "500"`},
		{edit(bench, `"energy_j":500,`, ``), `cells[0].energy[0].energy_j: this field is missing`},
		{edit(bench, `"low_j":300`, `"low_j":901`), `cells[0].energy[0].low_j: 901 is above high_j, which is 900`},
		{edit(bench, `"socket_w":165`, `"socket_w":0`), `cells[0].energy[0].socket_w: want more than 0, got 0`},
		{edit(bench, `"quality":"estimated"`, `"quality":"guessed"`), `cells[0].energy[0].quality: want one of [measured attributed estimated], got "guessed"`},
		{edit(bench, `"status":"oom"`, `"status":"dead"`), `cells[1].status: want one of [ok oom timeout failed empty], got "dead"`},
		{edit(bench, `"status":"oom",`, ``), `cells[1].status: this field is missing`},
		{edit(bench, `"kind":"matrix"`, `"kind":"grid"`), `kind: want one of [host matrix cell import], got "grid"`},
		{edit(bench, `titanic-512-4-r2`, `titanic-512-4-r1`), `cells[1].id: "titanic-512-4-r1" is that of cells[0] too`},
		{edit(bench, `"workers":4,"repetition"`, `"workers":0,"repetition"`), `cells[0].workers: want 1 or more, got 0`},
		{edit(bench, `"memory_mb":512,"vcpu"`, `"memory_mb":-1,"vcpu"`), `cells[0].memory_mb: want 1 or more, got -1`},
		{edit(bench, `"memory_mb":512,"vcpu"`, `"memory_mb":512.5,"vcpu"`), `cells[0].memory_mb: want a whole number, got 512.5`},
		{edit(bench, `"total":0.002`, `"total":-1`), `cells[0].cost.total: want 0 or more, got -1`},
		{edit(bench, `"compute_s":70`, `"compute_s":-7`), `cells[0].invocations[0].compute_s: want 0 or more, got -7`},
		{edit(bench, `"application":"titanic"`, `"application":""`), `cells[0].application: want a name, got an empty text`},
		{edit(bench, `"cells":[`, `"sells":[`), `cells: this field is missing`},
		{edit(bench, `"workers":[4]`, `"workers":[4,0]`), `plan.workers[1]: want 1 or more, got 0`},
		{edit(benchComparison, `"mean_low_pct":-21`, `"mean_low_pct":-1`), `changes[0].mean_low_pct: -1 is above mean_high_pct, which is -19`},
		{edit(benchComparison, `"measure":"cost"`, `"measure":"money"`), `changes[0].measure: want one of [cost duration_s energy_j], got "money"`},
		{edit(benchComparison, `"cost":0.8`, `"cost":-0.8`), `pairs[0].b.cost: want 0 or more, got -0.8`},
		{`{"schema":"energyprobe.benchtable/v1"}`, `give the files that hold them`},
		// A profile of FlexExecutor is imported, not read.
		{`{"(1, 1024, 28)":{"read":[[0.4]]}}`, `this is no result of energyprobe: it has no field schema`},
	} {
		docs, err := result.Decode("cell.json", []byte(c.in))
		if err == nil || docs != nil || !strings.HasPrefix(err.Error(), "cell.json: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s...\n got %v\nwant %s", c.in, err, c.want)
		}
	}
}

// FuzzDecodeBench: a benchmark in which anything is changed is refused, or read
// as something that can be written and read again.
func FuzzDecodeBench(f *testing.F) {
	f.Add([]byte(bench), 200, byte('-'))
	f.Add([]byte(benchComparison), 90, byte('9'))
	f.Fuzz(func(t *testing.T, data []byte, at int, with byte) {
		if at >= 0 && at < len(data) {
			data = append(append(append([]byte{}, data[:at]...), with), data[at+1:]...)
		}
		docs, err := result.Decode("f", data)
		if err != nil {
			return
		}
		for _, v := range docs {
			again, err := result.Decode("f", []byte(encode(t, v)))
			if err != nil || encode(t, again[0]) != encode(t, v) {
				t.Fatalf("read as something else (%v): %s", err, encode(t, v))
			}
		}
	})
}
