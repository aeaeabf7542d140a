package output

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// TestJSONFulfilsTheSchema also checks the schemas themselves, against the
// meta-schema of 2020-12.
func TestJSONFulfilsTheSchema(t *testing.T) {
	schemas := map[string]*jsonschema.Schema{}
	for _, name := range []string{"run", "doctor", "cpu", "trials", "comparison", "calibration", "bench", "benchtable", "benchcomparison", "recommendation"} {
		s, err := jsonschema.NewCompiler().Compile("../../docs/schema/" + name + ".v1.json")
		if err != nil {
			t.Fatal(err)
		}
		schemas[name] = s
	}
	all := everything()
	all["run-empty"] = &report.Run{Schema: report.RunSchema, Target: report.Target{Kind: "machine"},
		Source: report.Source{Name: "perf", Quality: energy.Measured}}
	maps.Copy(all, trialReports(t))
	maps.Copy(all, benchReports(t))
	all["bench-empty"] = &report.Bench{Schema: report.BenchSchema, Kind: report.BenchMatrix, Cells: []report.BenchCell{{ID: "a", Status: report.CellEmpty}}}
	all["calibration"], all["calibration-refused"] = calibrated(), uncalibrated()
	all["doctor-empty"] = &report.Doctor{Schema: report.DoctorSchema, Best: "model"}
	all["cpu-empty"] = &report.Processor{Schema: report.ProcessorSchema}
	for name, v := range all {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(render(t, JSON, v, Options{})))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(name, "-")
		if err := schemas[kind].Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A schema that accepts everything would prove nothing.
	for _, bad := range []string{`{}`, `{"schema":"energyprobe.run/v2"}`} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if schemas["run"].Validate(doc) == nil {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}

// TestJSONRoundTrip reads back what was written.
func TestJSONRoundTrip(t *testing.T) {
	for name, r := range runs() {
		data := render(t, JSON, r, Options{})
		var back report.Run
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if back.Samples.Len() != r.Samples.Len() {
			t.Errorf("%s: %d samples became %d", name, r.Samples.Len(), back.Samples.Len())
		}
		back.Samples = nil
		want := contractual(r)
		want.Samples = nil
		a, errA := json.Marshal(want)
		b, errB := json.Marshal(back)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s changed on the way:\n%s\n%s", name, a, b)
		}
	}
}
