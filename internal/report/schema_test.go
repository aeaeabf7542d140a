package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

var update = flag.Bool("update", false, "rewrite docs/schema from the types of this package")

// The JSON Schemas are generated from the Go types and their comments, so that
// the contract is written down once.
func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		file, id string
		typ      reflect.Type
	}{
		{"run.v1.json", report.RunSchema, reflect.TypeFor[report.Run]()},
		{"doctor.v1.json", report.DoctorSchema, reflect.TypeFor[report.Doctor]()},
		{"cpu.v1.json", report.ProcessorSchema, reflect.TypeFor[report.Processor]()},
		{"trials.v1.json", report.TrialsSchema, reflect.TypeFor[report.Trials]()},
		{"comparison.v1.json", report.ComparisonSchema, reflect.TypeFor[report.Comparison]()},
		{"history.v1.json", report.HistorySchema, reflect.TypeFor[report.History]()},
		{"calibration.v1.json", report.CalibrationSchema, reflect.TypeFor[report.Calibration]()},
		{"profile.v1.json", model.ProfileSchema, reflect.TypeFor[model.Profile]()},
		{"trend.v1.json", report.TrendSchema, reflect.TypeFor[report.Trend]()},
		{"bench.v1.json", report.BenchSchema, reflect.TypeFor[report.Bench]()},
		{"benchtable.v1.json", report.BenchTableSchema, reflect.TypeFor[report.BenchTable]()},
		{"benchcomparison.v1.json", report.BenchComparisonSchema, reflect.TypeFor[report.BenchComparison]()},
		{"recommendation.v1.json", report.RecommendationSchema, reflect.TypeFor[report.Recommendation]()},
	} {
		g := newGenerator(t, c.id)
		got := g.document(c.typ)
		path := filepath.Join("../../docs/schema", c.file)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is out of date: run go test ./internal/report -run Schemas -update\n%s", path, diff)
		}
	}
}

// TestUnits holds the names of numbers to their SI unit, and every field to
// a description.
func TestUnits(t *testing.T) {
	// What has no unit: counts, identifiers, ratios, flags; and numbers whose
	// unit is said by the name around them (tdp_w) or beside them (unit).
	bare := map[string]bool{
		"Target.pid": true, "Command.pid": true, "Command.exit_code": true,
		"CPU.family": true, "CPU.model": true, "CPU.stepping": true,
		"CPU.sockets": true, "CPU.cores": true, "CPU.threads": true,
		"TDP.value": true, "TDP.low": true, "TDP.high": true, "Metric.value": true,
		"Domain.socket": true, "Domain.die": true, "Domain.wraps": true, "Domain.samples": true,
		"Overhead.samples": true, "Overhead.missed": true, "CrossCheck.ratio": true,
		"Process.pid": true, "Process.ppid": true, "Process.threads": true,
		"Thread.tid": true, "Thread.pid": true, "Group.processes": true,
		"Intervals.n": true, "Rest.n": true, "Lost.events": true, "Lost.tasks": true, "Lost.processes": true,
		"Phases.ignored_marks": true,
		"SplitSample.target":   true, "SplitSample.others": true, "SplitSample.kernel": true,
		"SplitSample.idle": true, "SplitSample.unattributed": true,
	}
	for _, owner := range []string{"Process", "Thread", "Group"} { // of Share
		for _, name := range []string{"cycles", "instructions", "j_per_instruction"} {
			bare[owner+"."+name] = true
		}
	}
	holdToUnits(t, bare, reflect.TypeFor[report.Run]())
}

// TestBenchUnits does the same for what a benchmark writes.
func TestBenchUnits(t *testing.T) {
	bare := map[string]bool{
		// Counts, places and the seed.
		"BenchPlan.seed": true, "BenchPlan.workers": true, "BenchPlan.repetitions": true, "BenchPlan.cells": true,
		"BenchCell.workers": true, "BenchCell.repetition": true, "BenchCell.order": true, "BenchCell.vcpu": true, "Invocation.worker": true, "Invocation.metrics": true,
		"BenchTable.cells": true, "BenchTable.failed": true, "BenchEntry.workers": true, "BenchEntry.cells": true, "BenchEntry.failures": true,
		"BenchConfig.workers": true, "BenchConfig.repetitions": true, "BenchConfig.failures": true, "BenchFront.on": true, "BenchFront.perhaps": true,
		"BenchApp.workers": true, "BenchApp.repetitions": true, "BenchApp.failures": true,
		"BenchComparison.seed": true, "BenchSide.cells": true, "BenchSide.failed": true, "BenchChange.pairs": true, "BenchChange.missing": true,
		"BenchPair.workers": true, "BenchPoint.repetitions": true, "BenchLone.workers": true, "BenchSensitivity.pairs": true, "BenchSensitivity.ratio": true,
		"AppChoice.chosen": true, "AppChoice.ties": true, "Candidate.workers": true, "Candidate.repetitions": true, "Candidate.failures": true, "Candidate.met": true,
		"CPU.family": true, "CPU.model": true, "CPU.stepping": true, "CPU.sockets": true, "CPU.cores": true, "CPU.threads": true,
		// Units said beside the value.
		"BenchWorkload.size": true, "Work.units": true, "WorkQuality.value": true, "WorkQuality.low": true, "WorkQuality.high": true,
		"Metric.value": true, "TDP.value": true, "TDP.low": true, "TDP.high": true,
		"BenchApp.s_per_unit": true, "BenchApp.j_per_unit": true,
		// The price list's currency.
		"Cost.total": true, "Cost.compute": true, "Cost.requests": true, "BenchEntry.cost": true, "BenchPoint.cost": true, "Recommendation.budget": true,
		// Beside a reference, which is 100.
		"BenchScore.energy": true, "BenchScore.time": true, "AppScore.energy": true, "AppScore.time": true,
	}
	for _, name := range []string{"n", "missing", "median", "low", "high", "mean", "std_dev", "min", "max", "q1", "q3", "outliers"} {
		bare["Summary."+name], bare["BenchEnergy."+name] = true, true // of the measure that they stand under
	}
	holdToUnits(t, bare, reflect.TypeFor[report.Bench](), reflect.TypeFor[report.BenchTable](), reflect.TypeFor[report.BenchComparison](), reflect.TypeFor[report.Recommendation]())
}

func holdToUnits(t *testing.T, bare map[string]bool, types ...reflect.Type) {
	t.Helper()
	g := newGenerator(t, "")
	seen, used := map[reflect.Type]bool{}, map[string]bool{}
	check := func(owner string, f reflect.StructField, name string) {
		numeric := isNumeric(f.Type)
		if numeric && unitOf(name) == "" && !bare[owner+"."+name] {
			t.Errorf("%s.%s is a number whose name ends in no unit", owner, name)
		}
		ofStructs := f.Type.Kind() == reflect.Struct || f.Type.Kind() == reflect.Map && f.Type.Elem().Kind() == reflect.Struct
		if !numeric && unitOf(name) != "" && !ofStructs {
			t.Errorf("%s.%s ends in a unit and is no number", owner, name)
		}
		used[owner+"."+name] = true
	}
	for _, typ := range types {
		g.fields(typ, seen, check)
	}
	for name := range bare {
		if used[name] {
			continue
		}
		t.Errorf("%s is excused from a unit but does not exist", name)
	}
}

func isNumeric(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return t != reflect.TypeFor[*report.Series]() && isNumeric(t.Elem())
	case reflect.Float64, reflect.Int, reflect.Int64:
		return true
	}
	return false
}

var unitSuffix = map[string]string{"_j": "J", "_w": "W", "_s": "s", "_ns": "ns", "_hz": "Hz", "_pct": "%", "_ppm": "ppm",
	"_mb": "MB", "_bytes": "B", "_gbs": "GB s"}

func unitOf(name string) string {
	for suffix, unit := range unitSuffix {
		if strings.HasSuffix(name, suffix) || strings.Contains(name, suffix+"_vs_") {
			return unit
		}
	}
	return ""
}

// enums are the values of fields whose Go type is a plain string.
var enums = map[string][]string{
	"Target.kind":           {"command", "pid", "cgroup", "machine"},
	"Source.name":           {"perf", "powercap", "msr", "model"},
	"Doctor.best":           {"perf", "powercap", "msr", "model"},
	"Identified.step":       {"user", "profile", "hardware", "name", "alias", "family-model", "segment"},
	"Identified.confidence": confidences, "Part.confidence": confidences,
	"Try.step":       {"user", "profile", "hardware", "name", "alias", "family-model", "segment"},
	"Try.outcome":    {"used", "found", "nothing"},
	"Part.match":     {"name", "alias", "words", "other", "same-model", "row"},
	"Refusal.kind":   {energy.ErrAbsent.Error(), energy.ErrForbidden.Error(), energy.ErrBroken.Error()},
	"Domain.kind":    domainKinds(),
	"Domain.quality": qualities, "Source.quality": qualities, "Metric.quality": qualities, "Phase.quality": qualities,
	"HistoryEntry.quality": qualitiesOrNone, "Trend.quality": qualitiesOrNone,
	"Trend.measure":            {report.MeasureEnergy, report.MeasureTarget, report.MeasurePower, report.MeasureDuration},
	"Metric.scope":             {string(energy.ScopeProcess), string(energy.ScopeCgroup), string(energy.ScopePackage), string(energy.ScopeMachine)},
	"Attribution.method":       {string(energy.NoMethod), string(energy.ByProc), string(energy.ByCgroup), string(energy.ByTime), string(energy.ByCycles)},
	"Attribution.idle_policy":  {"none", "proportional", "reserved"},
	"Intervals.closed_in":      {"kernel", "user"},
	"Process.party":            {energy.Target.String(), energy.Others.String(), energy.Kernel.String(), energy.Tool.String()},
	"Comparison.measure":       {report.MeasureEnergy, report.MeasureNet, report.MeasureTarget},
	"Pair.outcome":             {report.Less, report.More, report.NoneSeen, report.OutcomeUnknown},
	"Change.test":              {"mann-whitney", "wilcoxon-signed-rank", ""},
	"Change.effect_word":       {"negligible", "small", "medium", "large", "unknown"},
	"Bench.kind":               {report.BenchHost, report.BenchMatrix, report.BenchCellOf, report.BenchImport},
	"BenchCell.status":         {report.CellOK, report.CellOOM, report.CellTimeout, report.CellFailed, report.CellEmpty},
	"HostCheck.outcome":        {report.CheckPass, report.CheckWarn, report.CheckFail, report.CheckUnknown},
	"BenchFront.measure":       {report.MeasureCost, report.MeasureDuration},
	"BenchChange.measure":      report.BenchMeasures(),
	"Recommendation.objective": report.BenchMeasures(),
	"MethodEnergy.quality":     qualities, "BenchEnergy.quality": qualitiesOrNone,
	"BenchTable.quality": qualitiesOrNone, "BenchComparison.quality": qualitiesOrNone, "Recommendation.quality": qualitiesOrNone,
	"BenchLone.side": {"a", "b"},
	"Check.state":    {string(report.Working), string(report.Absent), string(report.Forbidden), string(report.Broken), string(report.Note)},
}

var qualities = []string{string(energy.Measured), string(energy.Attributed), string(energy.Estimated)}

var confidences = []string{"vendor", "derived", "estimate"}

// qualitiesOrNone is for what may have no joules at all.
var qualitiesOrNone = append([]string{""}, qualities...)

func domainKinds() []string {
	var kinds []string
	for d := range energy.NumDomains {
		kinds = append(kinds, energy.Domain(d).String())
	}
	return kinds
}

// object is a JSON object whose fields keep their order.
type object []member

type member struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(m.name) + ":")
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// generator makes a JSON Schema from Go types.
type generator struct {
	t        *testing.T
	id       string            // of the contract
	comments map[string]string // "Type" and "Type.Field"
	defs     map[string]object
	names    []string // of defs, in order of appearance
}

func newGenerator(t *testing.T, id string) *generator {
	g := &generator{t: t, id: id, comments: map[string]string{}, defs: map[string]object{}}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	// A host profile is a document too, of those who estimate.
	for _, file := range append(files, "../model/profile.go", "../model/tier.go") {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.TYPE {
				for _, spec := range d.Specs {
					g.learn(d.Doc, spec.(*ast.TypeSpec))
				}
			}
		}
	}
	return g
}

// learn remembers the comments of a type and its fields; one beside a field
// goes before one above it.
func (g *generator) learn(doc *ast.CommentGroup, spec *ast.TypeSpec) {
	g.comments[spec.Name.Name] = oneLine(doc)
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		for _, name := range f.Names {
			text := oneLine(f.Comment)
			if text == "" {
				text = strings.TrimPrefix(oneLine(f.Doc), name.Name+" is ")
			}
			g.comments[spec.Name.Name+"."+name.Name] = text
		}
	}
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

func (g *generator) document(t reflect.Type) []byte {
	root := g.structure(t)
	var defs object
	slices.Sort(g.names)
	for _, name := range g.names {
		defs = append(defs, member{name, g.defs[name]})
	}
	doc := append(object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://energyprobe.github.io/schema/" + g.id},
		{"title", g.id},
	}, append(root, member{"$defs", defs})...)
	out, err := json.Marshal(doc)
	if err != nil {
		g.t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, out, "", "  "); err != nil {
		g.t.Fatal(err)
	}
	indented.WriteByte('\n')
	return indented.Bytes()
}

// structure returns the schema of a struct type. Fields may be added within
// a version, so unknown ones are allowed.
func (g *generator) structure(t reflect.Type) object {
	var properties object
	required := []string{}
	g.eachField(t, func(f reflect.StructField, name string, optional bool) {
		properties = append(properties, member{name, g.property(t, f, name)})
		if !optional {
			required = append(required, name)
		}
	})
	return object{{"description", g.comments[t.Name()]}, {"type", "object"},
		{"required", required}, {"properties", properties}}
}

// eachField visits the fields as encoding/json sees them.
func (g *generator) eachField(t reflect.Type, visit func(f reflect.StructField, name string, optional bool)) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			g.eachField(f.Type, func(f reflect.StructField, name string, optional bool) { visit(f, name, optional) })
		case f.IsExported() && name != "-":
			visit(f, name, strings.Contains(rest, "omitempty"))
		}
	}
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (g *generator) property(owner reflect.Type, f reflect.StructField, name string) object {
	if !nameForm.MatchString(name) {
		g.t.Errorf("%s.%s: the JSON name %q is not in lower case with underscores", owner.Name(), f.Name, name)
	}
	text := g.describe(owner, f)
	if text == "" {
		g.t.Errorf("%s.%s has no description: comment on the field", owner.Name(), f.Name)
	}
	unit := unitOf(name)
	p := object{{"description", text}}
	if unit != "" {
		p[0].value = text + " [" + unit + "]"
		p = append(p, member{"x-unit", unit})
	}
	if name == "schema" {
		return append(p, member{"const", g.id})
	}
	return append(p, g.valueOf(f.Type, owner.Name()+"."+name)...)
}

func (g *generator) describe(owner reflect.Type, f reflect.StructField) string {
	names := []string{owner.Name() + "." + f.Name}
	for i := range owner.NumField() {
		if e := owner.Field(i); e.Anonymous {
			names = append(names, e.Name+"."+f.Name)
		}
	}
	elem := f.Type
	for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice {
		elem = elem.Elem()
	}
	for _, n := range append(names, elem.Name()) {
		if g.comments[n] != "" {
			return g.comments[n]
		}
	}
	if elem == reflect.TypeFor[energy.Quality]() {
		return "how the value came to be"
	}
	return ""
}

func (g *generator) valueOf(t reflect.Type, path string) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{{"type", "string"}, {"format", "date-time"}}
	case reflect.TypeFor[*time.Time]():
		return object{{"type", []any{"string", "null"}}, {"format", "date-time"}}
	case reflect.TypeFor[*report.Series]():
		return object{{"type", "array"}, {"items", g.ref(reflect.TypeFor[report.Sample]())}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			return object{{"anyOf", []any{g.ref(t.Elem()), object{{"type", "null"}}}}}
		}
		inner := g.valueOf(t.Elem(), path)
		inner[0].value = []any{inner[0].value, "null"}
		return inner
	case reflect.Struct:
		return g.ref(t)
	case reflect.Slice:
		return object{{"type", "array"}, {"items", g.valueOf(t.Elem(), path)}}
	case reflect.Map:
		return object{{"type", "object"}, {"additionalProperties", g.valueOf(t.Elem(), path)}}
	case reflect.String:
		if values := enums[path]; values != nil {
			return object{{"type", "string"}, {"enum", values}}
		}
		return object{{"type", "string"}}
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Int, reflect.Int64:
		return object{{"type", "integer"}}
	case reflect.Float64:
		return object{{"type", "number"}}
	}
	g.t.Fatalf("%s: no schema for %v", path, t)
	return nil
}

func (g *generator) ref(t reflect.Type) object {
	if _, done := g.defs[t.Name()]; !done {
		g.defs[t.Name()] = nil // against circles
		g.defs[t.Name()] = g.structure(t)
		g.names = append(g.names, t.Name())
	}
	return object{{"$ref", "#/$defs/" + t.Name()}}
}

// fields visits the fields of t and of every struct it leads to.
func (g *generator) fields(t reflect.Type, seen map[reflect.Type]bool, visit func(owner string, f reflect.StructField, name string)) {
	switch {
	case t == reflect.TypeFor[*report.Series]():
		t = reflect.TypeFor[report.Sample]()
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Map:
		g.fields(t.Elem(), seen, visit)
		return
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || seen[t] {
		return
	}
	seen[t] = true
	g.eachField(t, func(f reflect.StructField, name string, _ bool) {
		visit(t.Name(), f, name)
		g.fields(f.Type, seen, visit)
	})
}
