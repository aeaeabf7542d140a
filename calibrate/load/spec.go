package load

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/topology"
)

// Bounds of a Spec.
const (
	DefaultPeriod = 10 * time.Millisecond
	minPeriod     = time.Millisecond
	maxPeriod     = time.Second
	maxCPUs       = 8192 // NR_CPUS of the largest kernels
	maxSegments   = 10000
	maxSegment    = time.Hour
)

// Spec is a load. One of Duty, Trace and Bursty says when the CPUs work:
//
//	alu cpus=0,2-5                                 all the time
//	alu cpus=0,2-5 duty=0.5 period=10ms            half of every 10 ms
//	simd cpus=0-3 trace=100ms@1,50ms@0.5x2,70ms@0  a course, from the start again at its end:
//	                                               100 ms all, 50 ms two of them for half the time
//	hash-gzip cpus=0-3 bursty duty=0.4 seed=7      50 to 200 ms, on and off, drawn from the seed
//
// Further parts are seed=N, of the work, the phases and the bursts; buffer=N,
// the bytes of the kernels that work in memory; and aligned.
type Spec struct {
	Kernel string
	// CPUs are the ones to work on, each once, in the order in which a trace
	// takes them.
	CPUs []int
	// Duty is above 0 and at most 1. With Bursty it is the mean, from MinBursty
	// to MaxBursty; with Trace it is 0.
	Duty   float64
	Bursty bool
	// Trace starts over at its end.
	Trace  []Segment
	Period time.Duration // 0 for DefaultPeriod
	// Aligned lets the CPUs begin their periods together. Else each has a phase
	// of its own, and the load of the machine is smooth; the segments of traces
	// and bursts begin together all the same.
	Aligned bool
	Seed    uint64
	Buffer  int64 // bytes per CPU, 0 for DefaultBuffer
}

// Holdout says that models must not learn from this load.
func (s Spec) Holdout() bool {
	k, err := Lookup(s.Kernel)
	return s.Bursty || err == nil && k.Holdout
}

// trace is nil for a steady duty.
func (s Spec) trace() []Segment {
	if s.Bursty {
		return Bursty(s.Seed, s.Duty)
	}
	return s.Trace
}

// MeanDuty is the part of the time in which the CPU with the given place in
// CPUs is meant to work.
func (s Spec) MeanDuty(place int) float64 {
	trace := s.trace()
	if trace == nil {
		return s.Duty
	}
	var on, all float64
	for _, g := range trace {
		all += float64(g.For)
		if g.CPUs == 0 || place < g.CPUs {
			on += g.Duty * float64(g.For)
		}
	}
	return on / all
}

// String writes the load as Parse reads it. Parts that say the default are left
// out.
func (s Spec) String() string {
	parts := []string{s.Kernel, "cpus=" + topology.FormatCPUList(s.CPUs)}
	add := func(is bool, part string) {
		if is {
			parts = append(parts, part)
		}
	}
	add(s.Bursty, "bursty")
	if len(s.Trace) > 0 {
		parts = append(parts, "trace="+formatTrace(s.Trace))
	} else {
		add(s.Duty != 1, "duty="+formatFloat(s.Duty))
	}
	add(s.Period != 0 && s.Period != DefaultPeriod, "period="+s.Period.String())
	add(s.Aligned, "aligned")
	add(s.Seed != 0, "seed="+strconv.FormatUint(s.Seed, 10))
	add(s.Buffer != 0, "buffer="+strconv.FormatInt(s.Buffer, 10))
	return strings.Join(parts, " ")
}

// Parse reads a load. What is left out is the default, duty 1 where there is no
// trace. The error names the part that is wrong.
func Parse(text string) (Spec, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return Spec{}, errors.New("load: empty; it begins with a kernel, as in: alu cpus=0-3 duty=0.5")
	}
	s := Spec{Kernel: fields[0], Period: DefaultPeriod}
	seen := map[string]bool{}
	for _, part := range fields[1:] {
		name, value, valued := strings.Cut(part, "=")
		err := s.set(name, value, valued)
		if err == nil && seen[name] {
			err = errors.New("given twice")
		}
		if err != nil {
			return Spec{}, fmt.Errorf("load: %.64q: %w", part, err)
		}
		seen[name] = true
	}
	if !seen["duty"] && s.Trace == nil && !s.Bursty {
		s.Duty = 1
	}
	if err := s.check(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// set takes one part.
func (s *Spec) set(name, value string, valued bool) (err error) {
	switch name {
	case "bursty", "aligned":
		if valued {
			return errors.New("takes no value")
		}
	case "cpus", "duty", "period", "trace", "seed", "buffer":
		if value == "" {
			return errors.New("has no value")
		}
	default:
		return errors.New("is no part of a load; there are cpus=, duty=, period=, trace=, bursty, aligned, seed= and buffer=")
	}
	switch name {
	case "bursty":
		s.Bursty = true
	case "aligned":
		s.Aligned = true
	case "cpus":
		s.CPUs, err = parseCPUs(value)
	case "duty":
		s.Duty, err = parseFloat(value)
	case "period":
		if s.Period, err = parseDuration(value); err == nil && s.Period == 0 {
			err = fmt.Errorf("is not from %v to %v", minPeriod, maxPeriod)
		}
	case "trace":
		s.Trace, err = parseTrace(value)
	case "seed":
		if s.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			err = errors.New("is no number from 0 to 2^64-1")
		}
	case "buffer":
		if s.Buffer, err = strconv.ParseInt(value, 10, 64); err != nil || s.Buffer == 0 {
			err = errors.New("is no number of bytes")
		}
	}
	return err
}

// parseCPUs is topology.ParseCPUList, but keeps the order.
func parseCPUs(list string) ([]int, error) {
	var cpus []int
	for item := range strings.SplitSeq(list, ",") {
		part, err := topology.ParseCPUList(item)
		if err != nil {
			return nil, err
		}
		if cpus = append(cpus, part...); len(part) == 0 || len(cpus) > maxCPUs {
			return nil, fmt.Errorf("from 1 to %d CPUs are possible, as in 0,2-5", maxCPUs)
		}
	}
	return cpus, nil
}

func parseFloat(value string) (float64, error) {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, fmt.Errorf("%.32q is no number", value)
	}
	return f, nil
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func parseDuration(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%.32q is no duration, such as 10ms", value)
	}
	return d, nil
}

func parseTrace(list string) ([]Segment, error) {
	var trace []Segment
	for item := range strings.SplitSeq(list, ",") {
		duration, rest, ok := strings.Cut(item, "@")
		if !ok {
			return nil, fmt.Errorf("%.32q is no segment, such as 50ms@0.5 or, of two CPUs, 50ms@0.5x2", item)
		}
		duty, cpus, counted := strings.Cut(rest, "x")
		var g Segment
		var err error
		if g.For, err = parseDuration(duration); err != nil {
			return nil, err
		}
		if g.Duty, err = parseFloat(duty); err != nil {
			return nil, err
		}
		if counted {
			if g.CPUs, err = strconv.Atoi(cpus); err != nil || g.CPUs < 1 {
				return nil, fmt.Errorf("%.32q is no number of CPUs", cpus)
			}
		}
		if trace = append(trace, g); len(trace) > maxSegments {
			return nil, fmt.Errorf("more than %d segments", maxSegments)
		}
	}
	return trace, nil
}

func formatTrace(trace []Segment) string {
	var b strings.Builder
	for i, g := range trace {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%v@%s", g.For, formatFloat(g.Duty))
		if g.CPUs > 0 {
			fmt.Fprintf(&b, "x%d", g.CPUs)
		}
	}
	return b.String()
}

// check tells what is wrong with a load, and where.
func (s Spec) check() error {
	k, err := Lookup(s.Kernel)
	if err != nil {
		return fmt.Errorf("load: kernel: %w", err)
	}
	for _, part := range []struct {
		name string
		err  error
	}{
		{"cpus", checkCPUs(s.CPUs)},
		{"duty", s.checkDuty()},
		{"trace", s.checkTrace()},
		{"period", s.checkPeriod()},
		{"buffer", s.checkBuffer(k)},
	} {
		if part.err != nil {
			return fmt.Errorf("load: %s: %w", part.name, part.err)
		}
	}
	return nil
}

func checkCPUs(cpus []int) error {
	if len(cpus) == 0 {
		return errors.New("none given, as in cpus=0,2-5")
	}
	seen := make(map[int]bool, len(cpus))
	for _, c := range cpus {
		if c < 0 || c >= maxCPUs {
			return fmt.Errorf("CPU %d is not from 0 to %d", c, maxCPUs-1)
		}
		if seen[c] {
			return fmt.Errorf("CPU %d is given twice", c)
		}
		seen[c] = true
	}
	return nil
}

// Conditions are written so that what is not a number meets none.

func (s Spec) checkDuty() error {
	switch {
	case len(s.Trace) > 0:
		if s.Duty != 0 {
			return errors.New("a trace has its own duties")
		}
	case s.Bursty:
		if !(s.Duty >= MinBursty && s.Duty <= MaxBursty) {
			return fmt.Errorf("%v: a bursty load has one from %v to %v", s.Duty, MinBursty, MaxBursty)
		}
	case !(s.Duty > 0 && s.Duty <= 1):
		return fmt.Errorf("%v is not above 0 and at most 1", s.Duty)
	}
	return nil
}

func (s Spec) checkTrace() error {
	if s.Bursty && len(s.Trace) > 0 {
		return errors.New("a bursty load makes its own")
	}
	if len(s.Trace) > maxSegments {
		return fmt.Errorf("%d segments, at most %d are possible", len(s.Trace), maxSegments)
	}
	works := len(s.Trace) == 0
	for i, g := range s.Trace {
		switch {
		case g.For < minPeriod || g.For > maxSegment:
			return fmt.Errorf("segment %d: %v is not from %v to %v", i+1, g.For, minPeriod, maxSegment)
		case !(g.Duty >= 0 && g.Duty <= 1):
			return fmt.Errorf("segment %d: duty %v is not from 0 to 1", i+1, g.Duty)
		case g.CPUs < 0 || g.CPUs > len(s.CPUs):
			return fmt.Errorf("segment %d: %d CPUs of %d", i+1, g.CPUs, len(s.CPUs))
		}
		works = works || g.Duty > 0
	}
	if !works {
		return errors.New("no segment has a duty above 0")
	}
	return nil
}

func (s Spec) checkPeriod() error {
	if s.Period != 0 && (s.Period < minPeriod || s.Period > maxPeriod) {
		return fmt.Errorf("%v is not from %v to %v", s.Period, minPeriod, maxPeriod)
	}
	return nil
}

func (s Spec) checkBuffer(k Kernel) error {
	switch {
	case s.Buffer == 0:
	case !k.Memory:
		return fmt.Errorf("%s works in none", k.Name)
	case s.Buffer < MinBuffer || s.Buffer > MaxBuffer:
		return fmt.Errorf("%d bytes: from %d to %d are possible", s.Buffer, MinBuffer, MaxBuffer)
	}
	return nil
}
