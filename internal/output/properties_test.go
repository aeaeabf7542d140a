package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// each calls f with every addressable value of v that is of kind k, pointers,
// slices and maps followed.
func each(v reflect.Value, f func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if _, series := v.Interface().(*report.Series); v.CanSet() && !series {
			f(v)
		}
		if !v.IsNil() {
			each(v.Elem(), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				each(v.Field(i), f)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), f)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			each(e, f)
			v.SetMapIndex(k, e)
		}
	default:
		if v.CanSet() {
			f(v)
		}
	}
}

var zeroQuantity = regexp.MustCompile(`(^|[\s|(±≈])-?0(\.0+)? ?[fpnµmkMG]?(J|W|Hz|s|B|%)\b`)

// TestNullNeverPrintsAsZero takes every value out of the reports.
func TestNullNeverPrintsAsZero(t *testing.T) {
	const reason = "because-it-was-taken-out"
	for name, r := range runs() {
		r.Samples = nil
		each(reflect.ValueOf(r), func(v reflect.Value) {
			switch v.Interface().(type) {
			case *float64:
				v.SetZero()
			}
		})
		for i := range r.Domains {
			r.Domains[i].Reason = reason
		}
		r.Total.Reason = reason
		for k, m := range r.Metrics {
			m.Reason = reason
			r.Metrics[k] = m
		}
		for _, f := range []Format{Table, Markdown} {
			text := string(render(t, f, r, Options{}))
			if m := zeroQuantity.FindString(text); m != "" {
				t.Errorf("%s as %s prints %q for a value that is not known:\n%s", name, f, m, text)
			}
			if !strings.Contains(text, "unknown") || !strings.Contains(text, reason) {
				t.Errorf("%s as %s does not say that values are unknown, and why", name, f)
			}
		}
		for _, row := range readCSV(t, render(t, CSV, r, Options{})) {
			if kind := row[0]; slices.Contains([]string{"domain", "total", "metric", "model"}, kind) && row[2] != "" {
				t.Errorf("%s as csv: %q has a value", name, row)
			}
		}
	}
}

func readCSV(t *testing.T, data []byte) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll() // also: as many fields in each
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestCSVHoldsEveryNumber compares with JSON: every number of the one is in
// the other, to the last digit.
func TestCSVHoldsEveryNumber(t *testing.T) {
	for name, r := range runs() {
		if r.Samples != nil {
			compareSamples(t, r)
			r.Samples = nil
		}
		cells := map[string]bool{}
		for _, row := range readCSV(t, render(t, CSV, r, Options{})) {
			for _, c := range row {
				if x, err := strconv.ParseFloat(c, 64); err == nil {
					cells[fmt.Sprint(x)] = true
				}
			}
		}
		var doc any
		if err := json.Unmarshal(render(t, JSON, r, Options{}), &doc); err != nil {
			t.Fatal(err)
		}
		eachNumber(doc, "", func(path string, x float64) {
			// A domain's socket and die are in its ID.
			if !cells[fmt.Sprint(x)] && !strings.HasSuffix(path, ".socket") && !strings.HasSuffix(path, ".die") {
				t.Errorf("%s: %s = %v is not in the CSV", name, path, x)
			}
		})
	}
}

func eachNumber(v any, path string, f func(path string, x float64)) {
	switch v := v.(type) {
	case float64:
		f(path, v)
	case map[string]any:
		for k, e := range v {
			eachNumber(e, path+"."+k, f)
		}
	case []any:
		for i, e := range v {
			eachNumber(e, path+"["+strconv.Itoa(i)+"]", f)
		}
	}
}

// compareSamples checks the wide form of a series against the series: joules
// to the last digit, and that the watts times their time give the joules.
func compareSamples(t *testing.T, r *report.Run) {
	t.Helper()
	rows := readCSV(t, render(t, CSV, r, Options{}))
	if len(rows) != r.Samples.Len()+1 {
		t.Fatalf("%d lines for %d samples", len(rows), r.Samples.Len())
	}
	last := make([]float64, len(r.Samples.Domains()))
	width := 2 // columns per domain
	if r.Samples.HasSplit() {
		width += report.SplitLines
	}
	for i, row := range rows[1:] {
		at, energyJ := r.Samples.At(i)
		if row[0] != exact(&at) || row[len(row)-1] != string(r.Source.Quality) {
			t.Fatalf("sample %d: %q", i, row)
		}
		for k, j := range energyJ {
			cell, power := row[1+width*k], row[2+width*k]
			for l := range width - 2 {
				j := r.Samples.SplitAt(i)[k*report.SplitLines+l]
				if want := exact(&j); row[3+width*k+l] != want && !(math.IsNaN(j) && row[3+width*k+l] == "") {
					t.Fatalf("sample %d: line %d of %s printed as %q, want %s", i, l, r.Samples.Domains()[k], row[3+width*k+l], want)
				}
			}
			if math.IsNaN(j) {
				if cell != "" || power != "" {
					t.Fatalf("sample %d: an unknown value prints as %q J, %q W", i, cell, power)
				}
				continue
			}
			w, err := strconv.ParseFloat(power, 64)
			if err != nil || cell != exact(&j) || math.Abs(w*(at-last[k])-j) > 1e-9*j {
				t.Fatalf("sample %d: %v J printed as %q J, %q W", i, j, cell, power)
			}
			last[k] = at
		}
	}
}

// TestTableShowsOrCounts: every domain and the total stand in the table with
// a unit; every metric either stands there or is counted in its last line.
func TestTableShowsOrCounts(t *testing.T) {
	for name, r := range runs() {
		text := string(render(t, Table, r, Options{}))
		for _, d := range foldCores(r.Domains) {
			line := lineWith(text, d.ID)
			if d.EnergyJ != nil && !strings.Contains(line, "J ") || d.EnergyJ == nil && !strings.ContainsAny(line, "u≥") {
				t.Errorf("%s: %s stands as %q", name, d.ID, line)
			}
			if !d.InTotal && !strings.Contains(line, "in package") && !strings.Contains(line, "not in total") {
				t.Errorf("%s: %s is not in the total, which %q does not say", name, d.ID, line)
			}
		}
		shown := 0
		for n, m := range r.Metrics {
			for _, h := range slices.Concat(counterHeadlines[:], energyHeadlines[:]) {
				if h.name == n && m.Value != nil {
					shown++
					if line := lineWith(text, "  "+h.label+" "); !strings.Contains(line, metricText(n, m)) {
						t.Errorf("%s: %s = %s is not in %q", name, n, metricText(n, m), line)
					}
				}
			}
			if m.Value == nil {
				shown++
			}
		}
		if hidden := len(r.Metrics) - shown; hidden > 0 && !strings.Contains(text, plural(hidden, "further value")) {
			t.Errorf("%s: %d values are neither shown nor counted", name, hidden)
		}
	}
}

func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word+" ") && strings.HasPrefix(line, "  ") {
			return line
		}
	}
	return ""
}

// TestEstimatesSayTheyAre looks for the label in every format, and for its
// absence where things were measured.
func TestEstimatesSayTheyAre(t *testing.T) {
	for name, r := range runs() {
		estimated := strings.HasSuffix(name, "-estimate")
		for f, label := range map[Format]string{Table: "ESTIMATE", Markdown: "**ESTIMATE.**", JSON: `"quality": "estimated"`} {
			if got := strings.Contains(string(render(t, f, r, Options{})), label); got != estimated {
				t.Errorf("%s as %s: labelled %q: %v, want %v", name, f, label, got, estimated)
			}
		}
		if r.Samples != nil {
			continue
		}
		for _, row := range readCSV(t, render(t, CSV, r, Options{})) {
			if (row[0] == "domain" || row[0] == "total") && (row[4] == "estimated") != estimated {
				t.Errorf("%s as csv: %q", name, row)
			}
		}
	}
	// A series of estimates says so in each line.
	r := overTime()
	r.Source = report.Source{Name: "model", Quality: energy.Estimated}
	for i, row := range readCSV(t, render(t, CSV, r, Options{}))[1:] {
		if row[len(row)-1] != "estimated" {
			t.Fatalf("sample %d: %q", i, row)
		}
	}
	// One estimated part makes an estimate of the total.
	r = twoSockets()
	r.Domains[2].Quality = energy.Estimated
	if text := string(render(t, Table, r, Options{})); !strings.Contains(text, "ESTIMATE") || !strings.Contains(text, "Part of the total") {
		t.Errorf("a total that is partly estimated looks measured:\n%s", text)
	}
}

// TestWidth: nothing but what is meant to be copied runs over the edge.
func TestWidth(t *testing.T) {
	for name, v := range everything() {
		for _, width := range []int{64, 80, 100, 140} {
			for line := range strings.Lines(string(render(t, Table, v, Options{Width: width}))) {
				line = strings.TrimRight(line, "\n")
				copied := strings.HasPrefix(strings.TrimSpace(line), "sudo ")
				words := len(strings.Fields(line))
				if columns(line) > width && !copied && words > 3 {
					t.Errorf("%s at %d columns takes %d: %q", name, width, columns(line), line)
				}
			}
		}
	}
}

func TestASCII(t *testing.T) {
	for name, v := range everything() {
		if name == "doctor-server" { // brings its own µ
			continue
		}
		text := render(t, Table, v, Options{ASCII: true})
		for i, c := range text {
			if c >= utf8.RuneSelf {
				t.Errorf("%s: byte %d of the ASCII table is not ASCII: %q", name, i, text[max(i-20, 0):min(i+20, len(text))])
				break
			}
		}
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestColourOnlyAdds: without its escapes, a coloured table is the plain one.
func TestColourOnlyAdds(t *testing.T) {
	for name, v := range everything() {
		plain, coloured := render(t, Table, v, Options{}), render(t, Table, v, Options{Color: true})
		if !bytes.Contains(coloured, []byte("\x1b[")) {
			t.Errorf("%s: no colour", name)
		}
		var lines []string
		for line := range strings.Lines(escapes.ReplaceAllString(string(coloured), "")) {
			lines = append(lines, strings.TrimRight(line, " \n"))
		}
		if got := strings.Join(lines, "\n") + "\n"; got != string(plain) {
			t.Errorf("%s: colour changes the text:\n%s\n%s", name, plain, got)
		}
	}
}

// TestHostileText puts what could drive a terminal, break a table or end a
// cell into every string of every report.
func TestHostileText(t *testing.T) {
	const evil = "a\x1b]0;b\a|c\nd`e`\r<f>\xff \"g\",\u202eh"
	for name, v := range everything() {
		each(reflect.ValueOf(v), func(s reflect.Value) {
			if s.Kind() == reflect.String && s.Type() == reflect.TypeFor[string]() {
				s.SetString(evil)
			}
		})
		if r, ok := v.(*report.Run); ok {
			for k, m := range r.Models {
				r.Models[evil+k] = m
			}
			for i := range r.CrossCheck {
				r.CrossCheck[i].EnergyJ[evil] = 1
			}
		}
		for _, f := range []Format{Table, Markdown} {
			text := string(render(t, f, v, Options{}))
			if i := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && (c < ' ' || c == 0x7f || c == '\u202e') }); i >= 0 || !utf8.ValidString(text) {
				t.Errorf("%s as %s lets a control character through: %q", name, f, text[max(i-20, 0):min(i+20, len(text))])
			}
		}
		checkMarkdownTables(t, name, string(render(t, Markdown, v, Options{})))
		readCSV(t, render(t, CSV, v, Options{}))
		if !json.Valid(render(t, JSON, v, Options{})) {
			t.Errorf("%s: not JSON", name)
		}
	}
}

// checkMarkdownTables: every line of a table has as many cells as its header.
func checkMarkdownTables(t *testing.T, name, text string) {
	t.Helper()
	cells := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if cells != 0 && n != cells {
			t.Errorf("%s: a line of %d bars in a table of %d: %q", name, n, cells, line)
		}
		cells = n
	}
}

func TestMarkdownTables(t *testing.T) {
	for name, v := range everything() {
		checkMarkdownTables(t, name, string(render(t, Markdown, v, Options{})))
	}
}

// TestNotANumber: the error names the field and nothing is written.
func TestNotANumber(t *testing.T) {
	for _, c := range []struct {
		spoil func(*report.Run)
		field string
	}{
		{func(r *report.Run) { r.DurationS = math.NaN() }, "duration_s"},
		{func(r *report.Run) { *r.Domains[1].EnergyJ = math.Inf(1) }, "domains[1].energy_j"},
		{func(r *report.Run) { *r.Total.PowerW = math.NaN() }, "total.power_w"},
		{func(r *report.Run) {
			r.Metrics = map[string]report.Metric{"cpu.ipc": {Value: ptr(math.NaN())}}
		}, "metrics.cpu.ipc.value"},
		{func(r *report.Run) { r.Samples.Append(11, []float64{1, math.Inf(-1), 1}) }, "samples[1000].energy_j.package-1"},
		{func(r *report.Run) { r.Samples.Append(math.NaN(), []float64{1, 1, 1}) }, "samples[1000].t_s"},
	} {
		for _, f := range Formats() {
			r := overTime()
			c.spoil(r)
			var buf bytes.Buffer
			if err := Write(&buf, f, r, Options{}); err == nil || !strings.Contains(err.Error(), "field "+c.field+" is") || buf.Len() > 0 {
				t.Errorf("%s as %s: %d bytes written, error %v", c.field, f, buf.Len(), err)
			}
		}
	}
}

// limitedWriter fails after n bytes, as a full disk or a closed pipe does.
type limitedWriter struct{ n int }

var errFull = errors.New("full")

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrorsSurface(t *testing.T) {
	for name, v := range everything() {
		for _, f := range Formats() {
			size := len(render(t, f, v, Options{}))
			for _, room := range []int{0, 10, size / 2, size - 1} {
				if err := Write(&limitedWriter{room}, f, v, Options{}); !errors.Is(err, errFull) {
					t.Errorf("%s as %s into %d of %d bytes: %v", name, f, room, size, err)
				}
			}
		}
	}
}

func TestUnknownFormatsAndValues(t *testing.T) {
	_, err := ParseFormat("yaml")
	if err == nil || !strings.Contains(err.Error(), "table, json, csv, md") {
		t.Errorf("ParseFormat: %v", err)
	}
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); err != nil || got != f {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
	}
	if err := Write(io.Discard, "yaml", twoSockets(), Options{}); err == nil {
		t.Error("an unknown format was written")
	}
	if err := Write(io.Discard, JSON, 3, Options{}); !errors.Is(err, errUnsupported) {
		t.Errorf("an int gives %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		env  string
		tty  bool
		want Options
	}{
		{"LANG=en_US.UTF-8", true, Options{Color: true}},
		{"LANG=en_US.UTF-8", false, Options{}},
		{"LANG=C.utf8 NO_COLOR=1", true, Options{}},
		{"LANG=C.UTF-8 TERM=dumb", true, Options{}},
		{"LANG=C.UTF-8 FORCE_COLOR=1", false, Options{Color: true}},
		{"LANG=C.UTF-8 LC_ALL=C", true, Options{Color: true, ASCII: true}},
		{"LC_CTYPE=de_DE.ISO-8859-1 LANG=C.UTF-8", true, Options{Color: true, ASCII: true}},
		{"", true, Options{Color: true, ASCII: true}},
	} {
		getenv := func(name string) string {
			for kv := range strings.FieldsSeq(c.env) {
				if v, ok := strings.CutPrefix(kv, name+"="); ok {
					return v
				}
			}
			return ""
		}
		if got := Environment(getenv, c.tty, 0); got != c.want {
			t.Errorf("%q on a terminal %v: %+v, want %+v", c.env, c.tty, got, c.want)
		}
	}
}
