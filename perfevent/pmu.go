package perfevent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// pmu is a performance monitoring unit as sysfs describes it
// (Documentation/ABI/testing/sysfs-bus-event_source-devices-*).
type pmu struct {
	name   string
	typ    uint32 // perf_event_attr.type
	cpus   []int  // to open its events on; nil where it has no cpumask
	events []pmuEvent
}

type pmuEvent struct {
	name   string
	config uint64
	scale  float64 // units per count
	unit   string
}

// readPMU reads /sys/bus/event_source/devices/NAME. The error is a
// *energy.Refusal.
func readPMU(root, name string) (*pmu, error) {
	dir := filepath.Join(root, "/sys/bus/event_source/devices", name)
	typ, err := readNumber(filepath.Join(dir, "type"), 32)
	if err != nil {
		return nil, pmuRefusal(name, dir, err)
	}
	p := &pmu{name: name, typ: uint32(typ)}
	mask, err := os.ReadFile(filepath.Join(dir, "cpumask"))
	if err == nil {
		if p.cpus, err = topology.ParseCPUList(string(bytes.TrimSpace(mask))); err != nil {
			return nil, pmuRefusal(name, dir, fmt.Errorf("read %s/cpumask: %w", dir, err))
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, pmuRefusal(name, dir, err)
	}
	if p.events, err = readEvents(dir); err != nil {
		return nil, pmuRefusal(name, dir, err)
	}
	return p, nil
}

// readEvents reads the events that have a name. One that can't be understood
// is left out: it fails alone.
func readEvents(dir string) ([]pmuEvent, error) {
	formats := map[string]bitField{}
	entries, err := os.ReadDir(filepath.Join(dir, "format"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, "format", e.Name()))
		if err != nil {
			return nil, err
		}
		if f, err := parseFormat(string(b)); err == nil {
			formats[e.Name()] = f
		}
	}
	entries, err = os.ReadDir(filepath.Join(dir, "events"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var events []pmuEvent
	var errs []error
	for _, e := range entries {
		if strings.Contains(e.Name(), ".") { // NAME.scale, NAME.unit, NAME.snapshot
			continue
		}
		ev, err := readEvent(filepath.Join(dir, "events"), e.Name(), formats)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		events = append(events, ev)
	}
	if len(events) == 0 && len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(events, func(a, b pmuEvent) int { return strings.Compare(a.name, b.name) })
	return events, nil
}

func readEvent(dir, name string, formats map[string]bitField) (pmuEvent, error) {
	e := pmuEvent{name: name, scale: 1}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return e, err
	}
	if e.config, err = parseTerms(string(b), formats); err != nil {
		return e, fmt.Errorf("read %s/%s: %w", dir, name, err)
	}
	if b, err = os.ReadFile(filepath.Join(dir, name+".scale")); err == nil {
		if e.scale, err = parseScale(string(b)); err != nil {
			return e, fmt.Errorf("read %s/%s.scale: %w", dir, name, err)
		}
	}
	if b, err = os.ReadFile(filepath.Join(dir, name+".unit")); err == nil {
		e.unit = strings.TrimSpace(string(b))
	}
	return e, nil
}

// bitField is where a term's value goes in perf_event_attr.config.
type bitField struct{ low, width uint }

// parseFormat reads "config:0-7" or "config:5". Fields of config1 and config2,
// and fields in pieces, are not needed by any event read here and are refused.
func parseFormat(s string) (bitField, error) {
	bits, ok := strings.CutPrefix(strings.TrimSpace(s), "config:")
	if !ok {
		return bitField{}, fmt.Errorf("format %q: want config:LOW-HIGH", s)
	}
	lo, hi, isRange := strings.Cut(bits, "-")
	if !isRange {
		hi = lo
	}
	l, err1 := strconv.ParseUint(lo, 10, 8)
	h, err2 := strconv.ParseUint(hi, 10, 8)
	if err1 != nil || err2 != nil || l > h || h > 63 {
		return bitField{}, fmt.Errorf("format %q: want config:LOW-HIGH with 0 <= LOW <= HIGH <= 63", s)
	}
	return bitField{low: uint(l), width: uint(h - l + 1)}, nil
}

// parseTerms reads an event's definition, "event=0x02" or
// "event=0x3c,umask=0x1". A term without a value is 1; "config" sets the whole
// word; "event" has bits 0-7 where the PMU gives no format.
func parseTerms(s string, formats map[string]bitField) (uint64, error) {
	var config uint64
	for term := range strings.SplitSeq(strings.TrimSpace(s), ",") {
		name, value, has := strings.Cut(term, "=")
		v := uint64(1)
		if has {
			var err error
			if v, err = strconv.ParseUint(value, 0, 64); err != nil {
				return 0, fmt.Errorf("event term %q: %w", term, err)
			}
		}
		f, ok := formats[name]
		switch {
		case ok:
		case name == "config":
			f = bitField{0, 64}
		case name == "event":
			f = bitField{0, 8}
		default:
			return 0, fmt.Errorf("event term %q: the PMU has no format for it", term)
		}
		if f.width < 64 && v >= 1<<f.width {
			return 0, fmt.Errorf("event term %q does not fit %d bits", term, f.width)
		}
		config |= v << f.low
	}
	return config, nil
}

// parseScale reads a factor: decimal ("2.3283064365386962890625e-10") or
// hexadecimal floating point ("0x1p-32").
func parseScale(s string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsInf(f, 0) || !(f > 0) {
		return 0, fmt.Errorf("scale %q: want a positive number", s)
	}
	return f, nil
}

func readNumber(path string, bits int) (uint64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}

func pmuRefusal(name, dir string, err error) *energy.Refusal {
	r := &energy.Refusal{Name: name, Kind: energy.ErrBroken, Reason: err.Error(), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Kind, r.Reason = energy.ErrAbsent, "the kernel has no "+name+" PMU ("+dir+" is not there)"
	case errors.Is(err, fs.ErrPermission):
		r.Kind = energy.ErrForbidden
	}
	return r
}
