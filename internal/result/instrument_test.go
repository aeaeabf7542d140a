package result_test

import (
	"os"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/result"
)

// What a calibration says of its measuring is read back, and held to what can
// be.
func TestInstrument(t *testing.T) {
	data, err := os.ReadFile("../../testdata/golden/calibration.json")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := result.Decode("c.json", data)
	if err != nil {
		t.Fatal(err)
	}
	i := docs[0].(*report.Calibration).Instrument
	if i == nil || len(i.Interfaces) != 3 || i.Interfaces[1].Zones[1].Update.N != 1492 || i.Agreement[1].Correction == nil || *i.Clock.DriftPPM != -11.8214 {
		t.Fatalf("%+v", i)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"reference": "perf"`, `"reference": 3`, `instrument.agreement[0].reference: want a text`},
		{`"p5_s": 0.000703`, `"p5_s": 0.1`, `instrument.interfaces[0].zones[0].update.p5_s: 0.1 is above median_s`},
		{`"p99_s": 0.001648`, `"p99_s": 7`, `instrument.interfaces[0].zones[0].update.p99_s: 7 is above max_s`},
		{`"std_dev_s": 0.00027`, `"std_dev_s": -1`, `update.std_dev_s: want 0 or more, got -1`},
		{`"median_s": 0.0000024`, `"median_s": 4`, `instrument.interfaces[0].read.median_s: 4 is above p95_s`},
		{`"power_w": 41.3`, `"power_w": -41.3`, `zones[0].power_w: want 0 or more`},
		{`"std_uncertainty": `, `"std_uncertainty": -`, `instrument.agreement[0].ratio.std_uncertainty: want 0 or more`},
		{`"uncertainty_ppm": 0.0012`, `"uncertainty_ppm": -1`, `instrument.clock.uncertainty_ppm: want 0 or more`},
		{`"span_s": 5`, `"span_s": -5`, `instrument.agreement[0].span_s: want 0 or more`},
	} {
		text := string(data)
		if !strings.Contains(text, c.old) {
			t.Errorf("%s is not in the file", c.old)
			continue
		}
		if _, err := result.Decode("c.json", []byte(strings.Replace(text, c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
	// What an earlier version wrote has nothing of it.
	text := string(data)
	from := strings.Index(text, `"instrument": {`)
	docs, err = result.Decode("c.json", []byte(text[:from]+`"instrument": null}`))
	if err != nil || docs[0].(*report.Calibration).Instrument != nil {
		t.Errorf("%v", err)
	}
}
