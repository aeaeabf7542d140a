// Package result reads back what energyprobe has written: runs, trials,
// comparisons, calibrations and benchmarks in their JSON form, one document in a
// file or several one after the other (JSON lines). It is pure: bytes in, values out.
//
// Files are edited by hand, cut off by full disks and written by other
// versions. So whatever is wrong is said once, with the file and the field,
// and nothing of such a file is used. Fields that are not known here are
// passed over: later versions add some.
package result

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Error says what is wrong with a file, and where.
type Error struct {
	File     string // as it was given
	Document int    // from 0, in a file of several
	Field    string // as in series[0].runs[3].energy_j; "" for the document
	Line     int    // from 1
	Problem  string // what was wanted, and what is there
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File + ": ")
	if e.Document > 0 {
		fmt.Fprintf(&b, "document %d: ", e.Document+1)
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Problem)
	if e.Line > 1 {
		fmt.Fprintf(&b, " (line %d)", e.Line)
	}
	return b.String()
}

// Examination stands for what doctor wrote, which holds no measurement. A
// history may have it among results.
type Examination struct{}

// Decode returns the documents in data, each a *report.Run, *report.Trials,
// *report.Comparison, *report.Calibration, *report.Bench or
// *report.BenchComparison, or of a history's an Examination. name is that of the
// file, for errors, which are of type
// *Error.
func Decode(name string, data []byte) ([]any, error) {
	p := &parser{data: data, types: map[reflect.Type]*shape{}}
	var docs []any
	for p.skipSpace(); p.pos < len(data); p.skipSpace() {
		p.path = p.path[:0]
		v, err := p.document()
		if err != nil {
			return nil, p.locate(name, len(docs), err)
		}
		docs = append(docs, v)
	}
	if len(docs) == 0 {
		return nil, &Error{File: name, Problem: "the file is empty: want a result that energyprobe wrote with --format json"}
	}
	return docs, nil
}

// document reads one document, by its schema.
func (p *parser) document() (any, error) {
	schema, kept, err := p.schema()
	if err != nil {
		return nil, err
	}
	if kept {
		return p.kept()
	}
	var v any
	switch schema {
	case report.RunSchema:
		v = new(report.Run)
	case report.TrialsSchema:
		v = new(report.Trials)
	case report.ComparisonSchema:
		v = new(report.Comparison)
	case report.CalibrationSchema:
		v = new(report.Calibration)
	case report.BenchSchema:
		v = new(report.Bench)
	case report.BenchComparisonSchema:
		v = new(report.BenchComparison)
	case report.DoctorSchema:
		if len(p.path) > 0 { // in a history, which keeps what doctor says as well
			return Examination{}, p.skip()
		}
		fallthrough
	default:
		p.push("schema")
		return nil, p.problem("want one of %s, %s, %s, %s, %s, %s, got %q%s", report.RunSchema, report.TrialsSchema, report.ComparisonSchema,
			report.CalibrationSchema, report.BenchSchema, report.BenchComparisonSchema, shorten(schema), hint(schema))
	}
	if err := p.value(reflect.ValueOf(v).Elem()); err != nil {
		return nil, err
	}
	return v, p.check(v)
}

// hint says what a schema of ours, or almost, is.
func hint(schema string) string {
	switch {
	case schema == report.DoctorSchema:
		return ": what doctor writes holds no measurement"
	case schema == report.ProcessorSchema:
		return ": what cpu writes holds no measurement"
	case schema == report.BenchTableSchema, schema == report.RecommendationSchema:
		return ": it is made of a benchmark's cells, so give the files that hold them"
	case strings.HasPrefix(schema, "energyprobe."):
		return ": a newer energyprobe may know it"
	}
	return ""
}

// kept reads a line of a history, which holds a result beside what a list says
// of it.
func (p *parser) kept() (v any, err error) {
	err = p.object(func(key string) error {
		if key != "result" || v != nil {
			return p.skip()
		}
		v, err = p.document()
		return err
	})
	return v, err
}

// schema looks ahead for the document's schema, which may stand anywhere in
// it. kept is true of a line of a history, which has none of its own.
func (p *parser) schema() (schema string, kept bool, err error) {
	start, depth := p.pos, len(p.path)
	defer func() { p.pos = start }()
	if p.pos >= len(p.data) || p.data[p.pos] != '{' {
		return "", false, p.wanted("a result of energyprobe")
	}
	found := false
	err = p.object(func(key string) error {
		if key == "result" && depth == 0 && p.pos < len(p.data) && p.data[p.pos] == '{' {
			kept = true
			return errStop
		}
		if key != "schema" {
			return p.skip()
		}
		found = true
		if schema, err = p.str(); err != nil {
			return err
		}
		return errStop
	})
	if err != nil && err != errStop {
		return "", false, err
	}
	p.path = p.path[:depth]
	if !found && !kept {
		return "", false, p.problem("this is no result of energyprobe: it has no field schema")
	}
	return schema, kept, nil
}

// locate turns a problem into an Error.
func (p *parser) locate(name string, document int, err error) error {
	e := &Error{File: name, Document: document, Problem: err.Error()}
	if f, ok := err.(*fault); ok {
		e.Field, e.Line = f.field, 1+strings.Count(string(p.data[:f.pos]), "\n")
	}
	return e
}
