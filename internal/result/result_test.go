package result_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/result"
)

// goldenRuns are what internal/output writes for its sample results.
func goldenRuns(t testing.TB) map[string][]byte {
	t.Helper()
	var files []string
	for _, kind := range []string{"run-", "trials-", "comparison-", "calibration", "bench-", "benchcomparison"} {
		some, err := filepath.Glob("../../testdata/golden/" + kind + "*.json")
		if err != nil || len(some) == 0 {
			t.Fatalf("no golden file of a %s (%v)", kind, err)
		}
		files = append(files, some...)
	}
	all := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = data
	}
	return all
}

func encode(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestRoundTrip: what was written is read back as it was.
func TestRoundTrip(t *testing.T) {
	var lines bytes.Buffer
	n := 0
	for name, data := range goldenRuns(t) {
		docs, err := result.Decode(name, data)
		if err != nil {
			t.Error(err)
			continue
		}
		want := reflect.New(reflect.TypeOf(docs[0]).Elem()).Interface()
		if err := json.Unmarshal(data, want); err != nil {
			t.Fatal(err)
		}
		got := encode(t, docs[0])
		if got != encode(t, want) {
			t.Errorf("%s changed:\n%s\n%s", name, encode(t, want), got)
		}
		lines.WriteString(got + "\n")
		n++
	}
	docs, err := result.Decode("all.jsonl", lines.Bytes())
	if err != nil || len(docs) != n {
		t.Errorf("%d of %d lines (%v)", len(docs), n, err)
	}
}

const (
	host   = `"host":{"hostname":"a"},"source":{"name":"perf","quality":"measured"}`
	series = `{"name":"x","runs":[{"order":0,"duration_s":1,"energy_j":5},{"order":1,"duration_s":1,"energy_j":null,"reason":"EIO"}],"summary":{"energy_j":{"n":1,"median":5,"outliers":[0]}}}`
	trials = `{"schema":"energyprobe.trials/v1","run_id":"r","started_at":"2026-11-03T14:21:07Z",` + host + `,"plan":{"repeat":2},"series":[` + series + `]}`
	run    = `{"schema":"energyprobe.run/v1","run_id":"r","started_at":"2026-11-03T14:21:07Z","duration_s":2,` + host +
		`,"domains":[{"id":"package-0","kind":"package","quality":"measured","in_total":true,"energy_j":3}],"total":{"energy_j":3},"later_field":[1,{"a":null}],` +
		`"samples":[{"t_s":1,"energy_j":{"package-0":1}},{"t_s":2,"energy_j":{"package-0":2,"dram-0":null}}]}`
	comparison = `{"schema":"energyprobe.comparison/v1","run_id":"c","measure":"energy_j","sides":[{"label":"A",` + host + `,"series":` + series +
		`},{"label":"B",` + host + `,"series":` + series + `}],"pairs":[{"a":"A","b":"B","changes":{"energy_j":{"change_pct":1,"low_pct":0,"high_pct":2}},"outcome":"more","verdict":"B uses more"}]}`
	calibration = `{"schema":"energyprobe.calibration/v1","run_id":"ca","started_at":"2026-03-01T12:00:00Z","duration_s":9,` + host + `,"plan":{"mode":"quick"},"points":[` +
		`{"workload":"idle","shape":"idle","load":0,"sockets":[{"socket":0,"cpus":8,"power_w":40}]},` +
		`{"workload":"alu","shape":"duty","load":0.5,"sockets":[{"socket":0,"cpus":8,"power_w":70,"busy":4}]}],` +
		`"models":[{"name":"T1","kind":"fitted","holdout":{"points":1,"wmape_pct":{"value":2,"low":1,"high":3},"energy_pct":{"value":0,"low":-1,"high":1}},"predicted_w":[40,null]}]}`
)

func TestMinimal(t *testing.T) {
	good := strings.Replace(run, `,"dram-0":null`, `,"dram-0":0.5`, 1)
	docs, err := result.Decode("x", []byte(trials+"\n"+good+comparison+" \n"))
	if err != nil || len(docs) != 3 {
		t.Fatalf("%d documents (%v)", len(docs), err)
	}
	r := docs[1].(*report.Run)
	if r.Samples.Len() != 2 || len(r.Samples.Domains()) != 2 || *r.Total.EnergyJ != 3 {
		t.Errorf("%+v", r)
	}
	s := docs[0].(*report.Trials).Series[0]
	if s.Runs[1].EnergyJ != nil || s.Runs[1].Reason != "EIO" || s.Summary["energy_j"].Outliers[0] != 0 {
		t.Errorf("%+v", s)
	}
}

// TestHistory: a line of a history holds a result.
func TestHistory(t *testing.T) {
	line := `{"entry":{"id":"r"},"bytes":9,"result":` + trials + "}\n"
	docs, err := result.Decode("h.jsonl", []byte(line+line))
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d results (%v)", len(docs), err)
	}
	_, err = result.Decode("h.jsonl", []byte(line+strings.Replace(line, `"energy_j":5}`, `"energy_j":"x"}`, 1)))
	if want := `h.jsonl: document 2: result.series[0].runs[0].energy_j: want a number, got "x"`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	// What doctor wrote stands among results, but is none.
	docs, err = result.Decode("h.jsonl", []byte(line+`{"entry":{},"result":{"schema":"energyprobe.doctor/v1","checks":[]}}`+"\n"+line))
	if err != nil || len(docs) != 3 || docs[1] != (result.Examination{}) {
		t.Errorf("%v (%v)", docs, err)
	}
	for _, bad := range []string{`{"result":{}}`, `{"result":{"result":` + trials + `}}`, `{"result":3}`} {
		if docs, err := result.Decode("h.jsonl", []byte(bad)); err == nil {
			t.Errorf("%s gave %v", bad, docs)
		}
	}
}

// TestCalibration: what a calibration says is read back, whether it has what
// models say of every point or is from a version that did not keep it.
func TestCalibration(t *testing.T) {
	old := strings.Replace(calibration, `,"predicted_w":[40,null]`, ``, 1)
	for _, in := range []string{calibration, old} {
		docs, err := result.Decode("c.json", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		m := docs[0].(*report.Calibration).Models[0]
		if in == old {
			if m.PredictedW != nil {
				t.Errorf("%v predictions out of nowhere", m.PredictedW)
			}
		} else if len(m.PredictedW) != 2 || *m.PredictedW[0] != 40 || m.PredictedW[1] != nil {
			t.Errorf("predictions %v", m.PredictedW)
		}
	}
}

// TestBadFiles: one clear sentence, with the file and the field.
func TestBadFiles(t *testing.T) {
	edit := func(doc, old, new string) string {
		if !strings.Contains(doc, old) {
			t.Fatalf("%s is not in %s", old, doc)
		}
		return strings.Replace(doc, old, new, 1)
	}
	for _, c := range []struct{ in, want string }{
		{"", `the file is empty`},
		{"  \n", `the file is empty`},
		{"hello", `want a result of energyprobe, got hello`},
		{"[1]", `want a result of energyprobe, got a list`},
		{"{}", `it has no field schema`},
		{`{"schema":3}`, `schema: want a text in quotes, got 3`},
		{`{"schema":"energyprobe.run/v2"}`, `schema: want one of energyprobe.run/v1, energyprobe.trials/v1, energyprobe.comparison/v1, energyprobe.calibration/v1, energyprobe.bench/v1, energyprobe.benchcomparison/v1, got "energyprobe.run/v2": a newer energyprobe may know it`},
		{`{"schema":"energyprobe.doctor/v1"}`, `holds no measurement`},
		{`{"schema":"perf.data"}`, `got "perf.data"`},
		{edit(trials, `"energy_j":5}`, `"energy_j":"abc"}`), `base.json: series[0].runs[0].energy_j: want a number, got "abc"`},
		{edit(trials, `"energy_j":5}`, `"energy_j":NaN}`), `series[0].runs[0].energy_j: want a number, got NaN`},
		{edit(trials, `"energy_j":5}`, `"energy_j":-Infinity}`), `series[0].runs[0].energy_j: want a number, got -Infinity`},
		{edit(trials, `"energy_j":5}`, `"energy_j":1e999}`), `series[0].runs[0].energy_j: the number 1e999 is too large`},
		{edit(trials, `"energy_j":5}`, `"energy_j":012}`), `want a number, got 012`},
		{edit(trials, `"energy_j":5}`, `"energy_j":-5}`), `series[0].runs[0].energy_j: want 0 or more, got -5`},
		{edit(trials, `"order":1`, `"order":1.5`), `series[0].runs[1].order: want a whole number, got 1.5`},
		{edit(trials, `"order":1,`, ``), `series[0].runs[1].order: this field is missing`},
		{edit(trials, `"duration_s":1`, `"duration_s":-1`), `series[0].runs[0].duration_s: want 0 or more, got -1`},
		{edit(trials, `"duration_s":1`, `"duration_s":null`), `series[0].runs[0].duration_s: want a number, got null`},
		{edit(trials, `[0]`, `[7]`), `series[0].summary.energy_j.outliers[0]: there is no run 7 among 2`},
		{edit(trials, `{"repeat":2}`, `[]`), `plan: want an object, got a list`},
		{edit(trials, `"2026-11-03T14:21:07Z"`, `"yesterday"`), `started_at: want a time such as 2026-11-03T14:21:07Z, got "yesterday"`},
		{edit(trials, `"hostname":"a"`, `"hostname":"a","cpu":{"smt":"on"}`), `host.cpu.smt: want true or false, got "on"`},
		{trials[:len(trials)-30], `the file ends here: it was cut off`},
		{run[:60], `the file ends here: it was cut off`},
		{edit(edit(run, `,"dram-0":null`, ``), `"samples":[{"t_s":1`, `"samples":[{"t_s":3`), `samples[1].t_s: 2 comes after 3: want samples in the order of time`},
		{edit(run, `{"t_s":2,`, `{`), `samples[1].energy_j.dram-0: want a number, got null`},
		{edit(edit(run, `{"t_s":2,`, `{`), `,"dram-0":null`, ``), `samples[1].t_s: this field is missing`},
		{edit(run, `{"package-0":1}`, `{"package-0":"x"}`), `samples[0].energy_j.package-0: want a number, got "x"`},
		{edit(edit(run, `,"dram-0":null`, ``), `"total":{"energy_j":3}`, `"total":{"energy_j":3,"low_j":5,"high_j":4}`), `total.low_j: 5 is above high_j, which is 4`},
		{edit(comparison, `"low_pct":0`, `"low_pct":5`), `pairs[0].changes.energy_j.low_pct: 5 is above high_pct, which is 2`},
		{edit(trials, `"median":5`, `"median":5,"min":6`), `series[0].summary.energy_j.min: 6 is above median, which is 5`},
		{edit(trials, `"median":5`, `"median":9,"min":4,"max":9`), `series[0].summary.energy_j.min: 4, but of the runs it is 5: one of them was changed`},
		{edit(trials, `"median":5`, `"median":9,"max":9`), `series[0].summary.energy_j.max: 9, but of the runs it is 5: one of them was changed`},
		{edit(trials, `"median":5`, `"median":9`), `series[0].summary.energy_j.median: 9, but of the runs it is 5: one of them was changed`},
		{edit(trials, `"n":1`, `"n":3`), `series[0].summary.energy_j.n: 3 and 0 missing: there are 2 runs`},
		{`{"schema":"energyprobe.comparison/v1","run_id":"c","measure":"energy_j","sides":[],"pairs":[]}`, `sides: want two or more, got 0`},
		{edit(comparison, `"b":"B"`, `"b":"C"`), `pairs[0].b: no side has the label "C"`},
		{edit(comparison, `"measure":"energy_j"`, `"measure":"ergs"`), `measure: want one of`},
		{edit(calibration, `"points":[`, `"loads":[`), `points: this field is missing`},
		{edit(calibration, `"load":0.5`, `"load":50`), `points[1].load: 50: want a part of the machine, 0 to 1`},
		{edit(calibration, `"shape":"duty"`, `"shape":"round"`), `points[1].shape: want one of [idle duty together cores trace], got "round"`},
		{edit(calibration, `"power_w":70`, `"power_w":-70`), `points[1].sockets[0].power_w: want 0 or more, got -70`},
		{edit(calibration, `"cpus":8`, `"cpus":0`), `points[0].sockets[0].cpus: 0: want 1 or more`},
		{edit(calibration, `"name":"T1",`, ``), `models[0].name: this field is missing`},
		{edit(calibration, `[40,null]`, `[40]`), `models[0].predicted_w: want one for each of the 2 points, got 1`},
		{edit(calibration, `[40,null]`, `[40,"x"]`), `models[0].predicted_w[1]: want a number, got "x"`},
		{edit(calibration, `"low":1,`, `"low":4,`), `models[0].holdout.wmape_pct.low: 4 is above high, which is 3`},
		{edit(calibration, `"low":-1,`, `"low":2,`), `models[0].holdout.energy_pct.low: 2 is above high, which is 1`},
		{trials + "\n" + trials + "\n{", `base.json: document 3: `},
		{`{"schema":"energyprobe.run/v1","x":` + strings.Repeat("[", 1000), `nested too deeply`},
		{"{\"schema\":\"energyprobe.run/v1\",\n\"run_id\":\n7}", `run_id: want a text in quotes, got 7 (line 3)`},
		{`{"schema":"energyprobe.run/v1" "x":1}`, `want a comma or a closing brace, got "x"`},
	} {
		docs, err := result.Decode("base.json", []byte(c.in))
		if err == nil || docs != nil {
			t.Errorf("%.80s was read", c.in)
			continue
		}
		var e *result.Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "base.json: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60s...\n got %v\nwant %s", c.in, err, c.want)
		}
	}
}

// FuzzDecode: whatever the bytes, an answer; and what is taken can be written
// and is read back as the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"entry":{},"result":` + trials + `}`, run, trials, comparison, "", "{", `{"schema":"energyprobe.run/v1","samples":[{"t_s":1,"split_j":{"a":{"idle":1}}}]}`} {
		f.Add([]byte(s))
	}
	for _, data := range goldenRuns(f) {
		if len(data) < 1<<16 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := result.Decode("f", data)
		if err != nil {
			return
		}
		var written strings.Builder
		for _, v := range docs {
			written.WriteString(encode(t, v) + "\n")
		}
		again, err := result.Decode("f", []byte(written.String()))
		if err != nil {
			t.Fatalf("wrote what it can't read: %v\n%s", err, written.String())
		}
		for i, v := range again {
			if encode(t, v) != encode(t, docs[i]) {
				t.Fatalf("document %d changed", i)
			}
		}
	})
}

// longSeries is a run of n samples as internal/output writes it.
func longSeries(n int) []byte {
	var b bytes.Buffer
	b.WriteString(strings.TrimSuffix(strings.Split(run, `"samples"`)[0], ",") + `,"samples":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    {\"t_s\":" + strconv.FormatFloat(float64(i+1)/1000+1e-7, 'g', -1, 64) +
			`,"energy_j":{"package-0":` + strconv.FormatFloat(0.0612345678+float64(i%97)/7000, 'g', -1, 64) + `,"dram-0":0.00712}}`)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func BenchmarkDecodeSamples(b *testing.B) {
	data := longSeries(100_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := result.Decode("x", data); err != nil {
			b.Fatal(err)
		}
	}
}
