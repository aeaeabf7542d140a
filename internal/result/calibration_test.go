package result_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/result"
)

// goldenCalibrations are what internal/output writes for its samples.
func goldenCalibrations(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"calibration", "calibration-refused"} {
		data, err := os.ReadFile("../../testdata/golden/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(data))
	}
	return all
}

// A calibration with a point of one socket, all fields in it.
const wholeCalibration = `{"schema":"energyprobe.calibration/v1","run_id":"c","started_at":"2026-03-01T12:00:00Z","duration_s":2,` +
	`"tool":{"name":"energyprobe","version":"1","commit":"a"},` + host + `,` +
	`"plan":{"mode":"quick","seed":1,"settle_s":1,"dwell_s":2,"repeats":1,"points":1},"facts":{"limit_w":null,"ccf":null},` +
	`"points":[{"workload":"alu","shape":"duty","load":0.5,"repeat":0,"started_at":"2026-03-01T12:00:00Z","duration_s":2,"thirds_w":[50,51,52],` +
	`"sockets":[{"socket":0,"cpus":8,"power_w":50,"uncertainty_w":0.1,"dram_w":5,"busy":4,"awake":1,"one_thread":2,"both_threads":1,"frequency_hz":3e9,"instructions":1e9}],` +
	`"background":0,"steal":0,"throttled":0,"quota_s":0,"verdicts":[],"used":true}],` +
	`"verdicts":[],"models":[],"best":"","grade":"FAIL","warnings":[]}`

// Calibrations read back as they were written: models are fitted to them again.
func TestCalibrationsReadBack(t *testing.T) {
	for _, in := range append(goldenCalibrations(t), wholeCalibration) {
		docs, err := result.Decode("c.json", []byte(in))
		if err != nil || len(docs) != 1 {
			t.Fatalf("%.80s: %v", in, err)
		}
		c, ok := docs[0].(*report.Calibration)
		if !ok {
			t.Fatalf("%.80s is a %T", in, docs[0])
		}
		want := new(report.Calibration)
		if err := json.Unmarshal([]byte(in), want); err != nil {
			t.Fatal(err)
		}
		if encode(t, c) != encode(t, want) {
			t.Errorf("%.80s changed", in)
		}
	}
}

// What no calibration gives is refused with the file and the field.
func TestHostileCalibrations(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"duration_s":2,"tool"`, `"duration_s":-2,"tool"`, `duration_s: want 0 or more, got -2`},
		{`"limit_w":null`, `"limit_w":-5`, `facts.limit_w: want 0 or more, got -5`},
		{`"load":0.5`, `"load":1.5`, `points[0].load: 1.5: want a part of the machine, 0 to 1`},
		{`"load":0.5`, `"load":-0.5`, `points[0].load: want 0 or more, got -0.5`},
		{`"shape":"duty"`, `"shape":"flat"`, `points[0].shape: want one of [idle duty together cores trace], got "flat"`},
		{`"cpus":8`, `"cpus":0`, `points[0].sockets[0].cpus: 0: want 1 or more`},
		{`"cpus":8`, `"cpus":1e30`, `points[0].sockets[0].cpus`},
		{`"power_w":50`, `"power_w":-1`, `points[0].sockets[0].power_w: want 0 or more, got -1`},
		{`"power_w":50`, `"power_w":1e300`, `points[0].sockets[0].power_w: 1e+300 is more than any host has`},
		{`"power_w":50`, `"power_w":NaN`, `points[0].sockets[0].power_w: want a number, got NaN`},
		{`"power_w":50`, `"power_w":1e999`, `points[0].sockets[0].power_w`},
		{`"power_w":50`, `"power_w":"50"`, `points[0].sockets[0].power_w: want a number, got "50"`},
		{`"dram_w":5`, `"dram_w":-5`, `points[0].sockets[0].dram_w: want 0 or more, got -5`},
		{`"awake":1`, `"awake":2`, `points[0].sockets[0].awake: 2: want a part of the time, 0 to 1`},
		{`"busy":4`, `"busy":-4`, `points[0].sockets[0].busy: want 0 or more, got -4`},
		{`"frequency_hz":3e9`, `"frequency_hz":3e200`, `points[0].sockets[0].frequency_hz: 3e+200 is more than any host has`},
		{`"instructions":1e9`, `"instructions":-1`, `points[0].sockets[0].instructions: want 0 or more, got -1`},
		{`[50,51,52]`, `[50,-51,52]`, `points[0].thirds_w[1]: want 0 or more, got -51`},
		{`"steal":0`, `"steal":-1`, `points[0].steal: want 0 or more, got -1`},
		{`"quota_s":0`, `"quota_s":-1`, `points[0].quota_s: want 0 or more, got -1`},
		{`"background":0`, `"background":-1`, `points[0].background: want 0 or more, got -1`},
		{`"points":[{`, `"points":[null,{`, `points[0]`},
		{`"points":[{`, `"points":{"a":{`, `points: want a list, got an object`},
		{`"sockets":[{`, `"sockets":[7,{`, `points[0].sockets[0]: want an object, got 7`},
		{`calibration/v1`, `calibration/v2`, `a newer energyprobe may know it`},
		{`"verdicts":[],"used"`, `"verdicts":` + strings.Repeat("[", 1000) + `,"used"`, `points[0].verdicts`},
	} {
		if !strings.Contains(wholeCalibration, c.old) {
			t.Fatalf("there is no %s", c.old)
		}
		_, err := result.Decode("c.json", []byte(strings.Replace(wholeCalibration, c.old, c.new, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), "c.json: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s: %v, want %s", c.new, err, c.want)
		}
	}
}

// FuzzCalibration: what is taken for a calibration can be fitted to, and is
// read back as the same.
func FuzzCalibration(f *testing.F) {
	f.Add([]byte(wholeCalibration))
	for _, s := range goldenCalibrations(f) {
		if len(s) < 1<<14 {
			f.Add([]byte(s))
		}
	}
	for _, edit := range [][2]string{
		{`"power_w":50`, `"power_w":null`}, {`"power_w":50`, `"power_w":1e15`}, {`"load":0.5`, `"load":1`}, {`"sockets":[{`, `"sockets":[],"x":[{`},
		{`"cpus":8`, `"cpus":9223372036854775807`}, {`"points":[{`, `"points":[],"y":[{`}, {`"shape":"duty"`, `"shape":"trace"`},
	} {
		f.Add([]byte(strings.Replace(wholeCalibration, edit[0], edit[1], 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := result.Decode("f", data)
		if err != nil {
			return
		}
		for _, d := range docs {
			c, ok := d.(*report.Calibration)
			if !ok {
				continue
			}
			for i := range c.Points {
				p := &c.Points[i]
				if !(p.Load >= 0 && p.Load <= 1) || !(p.DurationS >= 0) || p.Shape == "" {
					t.Fatalf("point %d: %+v", i, p)
				}
				for _, s := range p.Sockets {
					for _, v := range []*float64{s.PowerW, s.DRAMW, s.Busy, s.FrequencyHz, s.Instructions} {
						if v != nil && !(*v >= 0 && *v <= 1e15) || s.CPUs < 1 {
							t.Fatalf("point %d: %+v", i, s)
						}
					}
				}
			}
			again, err := result.Decode("f", []byte(encode(t, c)))
			if err != nil || len(again) != 1 || encode(t, again[0]) != encode(t, c) {
				t.Fatalf("it changed: %v", err)
			}
		}
	})
}
