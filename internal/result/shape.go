package result

import (
	"reflect"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// shape is what a type looks like in JSON.
type shape struct {
	fields   map[string]member
	required []string
}

type member struct {
	index  []int
	number int
}

// shape looks at a type once. The fields of embedded structs are the type's
// own, as in JSON.
func (p *parser) shape(t reflect.Type) *shape {
	if s := p.types[t]; s != nil {
		return s
	}
	s := &shape{fields: map[string]member{}, required: required(t)}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		s.fields[name] = member{f.Index, len(s.fields)}
	}
	p.types[t] = s
	return s
}

// required are the fields without which a document says nothing. They are few
// on purpose: the contracts grow, and what an older version wrote lacks what
// came later.
func required(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[report.Run]():
		return []string{"run_id", "started_at", "duration_s", "host", "source", "domains", "total"}
	case reflect.TypeFor[report.Domain]():
		return []string{"id", "kind", "quality", "in_total", "energy_j"}
	case reflect.TypeFor[report.Energy]():
		return []string{"energy_j"}
	case reflect.TypeFor[report.Source]():
		return []string{"name", "quality"}
	case reflect.TypeFor[report.Process]():
		return []string{"pid", "comm", "party", "energy_j"}
	case reflect.TypeFor[report.Trials]():
		return []string{"run_id", "started_at", "host", "source", "plan", "series"}
	case reflect.TypeFor[report.TrialSeries]():
		return []string{"name", "runs", "summary"}
	case reflect.TypeFor[report.Trial]():
		return []string{"order", "duration_s", "energy_j"}
	case reflect.TypeFor[report.Summary]():
		return []string{"n", "median"}
	case reflect.TypeFor[report.Comparison]():
		return []string{"run_id", "measure", "sides", "pairs"}
	case reflect.TypeFor[report.Side]():
		return []string{"label", "host", "source", "series"}
	case reflect.TypeFor[report.Pair]():
		return []string{"a", "b", "changes", "outcome", "verdict"}
	case reflect.TypeFor[report.Change]():
		return []string{"change_pct"}
	case reflect.TypeFor[report.Calibration]():
		return []string{"run_id", "started_at", "host", "source", "plan", "points"}
	case reflect.TypeFor[report.CalibrationPoint]():
		return []string{"workload", "shape", "load", "sockets"}
	case reflect.TypeFor[report.ModelQuality]():
		return []string{"name", "kind"}
	case reflect.TypeFor[report.Bench]():
		return []string{"run_id", "started_at", "kind", "cells"}
	case reflect.TypeFor[report.BenchCell]():
		return []string{"id", "application", "arch", "memory_mb", "workers", "status", "duration_s", "energy"}
	case reflect.TypeFor[report.MethodEnergy]():
		return []string{"method", "quality", "energy_j"}
	case reflect.TypeFor[report.Cost]():
		return []string{"total"}
	case reflect.TypeFor[report.Work]():
		return []string{"units", "unit"}
	case reflect.TypeFor[report.HostCheck]():
		return []string{"name", "outcome", "message"}
	case reflect.TypeFor[report.BenchComparison]():
		return []string{"run_id", "a", "b", "changes", "pairs"}
	case reflect.TypeFor[report.BenchChange]():
		return []string{"application", "measure", "pairs"}
	case reflect.TypeFor[report.BenchPair]():
		return []string{"application", "memory_mb", "workers", "a", "b"}
	case reflect.TypeFor[report.Warning]():
		return []string{"message"}
	}
	return nil
}
