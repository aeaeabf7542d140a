package instrument

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Clock compares CLOCK_MONOTONIC with CLOCK_MONOTONIC_RAW. Both count the same
// ticks of the machine; a time service makes the first one run faster or slower
// (clock_gettime(2)). What it says is of the machine that this program runs on,
// whatever the host's root is.
type Clock struct {
	root  string
	marks []mark
}

// mark is both clocks at one instant.
type mark struct {
	mono, raw int64 // nanoseconds
	blur      int64 // the raw clock was read within so many of them
}

// NewClock takes the first comparison. root prefixes /sys.
func NewClock(root string) *Clock {
	c := &Clock{root: root}
	c.Mark()
	return c
}

// tries is how often the clocks are compared for a mark: the sharpest counts.
const tries = 25

// Mark compares the clocks once more. It takes some microseconds.
func (c *Clock) Mark() {
	best := mark{blur: math.MaxInt64}
	for range tries {
		before := now(unix.CLOCK_MONOTONIC)
		raw := now(unix.CLOCK_MONOTONIC_RAW)
		after := now(unix.CLOCK_MONOTONIC)
		if m := (mark{mono: before + (after-before)/2, raw: raw, blur: after - before}); m.blur < best.blur {
			best = m
		}
	}
	c.marks = append(c.marks, best)
}

// now is 0 for a clock that there is none of, on a kernel older than any that
// this program runs on.
func now(clock int32) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0
	}
	return t.Nano()
}

// Report is what the comparisons so far say.
func (c *Clock) Report() report.ClockDrift {
	out := drift(c.marks)
	path := filepath.Join("/", c.root, "sys/devices/system/clocksource/clocksource0/current_clocksource")
	if name, err := os.ReadFile(path); err != nil {
		out.SourceReason = err.Error()
	} else {
		out.Source = strings.TrimSpace(string(name))
	}
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err == nil { // changes nothing, and needs no right: Modes is 0
		is := t.Status&unix.STA_UNSYNC == 0
		out.Synchronized = &is
	}
	cost := readingClock()
	out.ReadS = &cost
	return out
}

// readingClock is what a time stamp costs, in seconds.
func readingClock() float64 {
	const n = 1000
	began := energy.Now()
	for range n {
		energy.Now()
	}
	return energy.Now().Sub(began).Seconds() / n
}

// leastSpan is how long two marks must be apart for a drift between them: over
// less, the time it takes to read the clocks is all that shows.
const leastSpan = 0.5

// drift is over all marks, and the worst between two that follow each other.
func drift(marks []mark) report.ClockDrift {
	out := report.ClockDrift{Marks: len(marks)}
	if len(marks) > 0 {
		out.SpanS = time.Duration(marks[len(marks)-1].mono - marks[0].mono).Seconds()
	}
	if out.SpanS < leastSpan {
		out.Reason = fmt.Sprintf("the clocks were compared over %.2g s only", out.SpanS)
		return out
	}
	ppm, uncertainty := between(marks[0], marks[len(marks)-1])
	worst := ppm
	last := marks[0]
	for _, m := range marks[1:] {
		if time.Duration(m.mono-last.mono).Seconds() < leastSpan {
			continue
		}
		if d, _ := between(last, m); math.Abs(d) > math.Abs(worst) {
			worst = d
		}
		last = m
	}
	out.DriftPPM, out.UncertaintyPPM, out.WorstPPM = &ppm, &uncertainty, &worst
	return out
}

// between is by how many parts per million the clock ran faster than the raw
// one, and how far that may be off.
func between(a, b mark) (ppm, uncertainty float64) {
	raw := float64(b.raw - a.raw)
	return float64((b.mono-a.mono)-(b.raw-a.raw)) / raw * 1e6, float64(a.blur+b.blur) / 2 / raw * 1e6
}
