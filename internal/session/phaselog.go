package session

import (
	"fmt"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Limits on what one run may mark: a flood of marks must not fill the memory.
const (
	maxStretches = 5000
	maxPhases    = 500
	maxMarks     = 1000
)

// phaseLog is what was marked, and the readings that were taken at it. Marks
// come on several threads; everything is guarded by the sampler's lock.
type phaseLog struct {
	sampler *sampler
	names   []string
	spans   []span // without a gap between them, from the opening of the window
	cuts    []cut
	counts  []uint64 // of the cuts, a row of zones each
	marks   []instant
	ignored int // marks beyond the limits
}

// span is a stretch of time between two cuts: from its own to the next span's.
type span struct {
	phase int // index in names, -1 outside of phases
	from  int // index in cuts
}

// outside is the phase of a span that is in none.
const outside = -1

// cut is a reading of the counters inside the window.
type cut struct {
	at    energy.Instant // when the mark arrived
	began energy.Instant // when the reading began
	read  energy.Instant // when it had been taken
	usage []energy.PackageUsage
	end   bool // it is the window's end: the mark came after it
}

// unread stands in phaseLog.counts where a zone could not be read.
const unread = ^uint64(0)

type instant struct {
	at   energy.Instant
	text string
}

// take takes marks that arrived together. One reading serves for all of them.
func (l *phaseLog) take(at energy.Instant, marks []mark) {
	if len(marks) == 0 {
		return
	}
	m := l.sampler
	m.reading.Lock()
	defer m.reading.Unlock()
	at = max(at, m.start)
	if n := len(l.cuts); n > 0 {
		at = max(at, l.cuts[n-1].at)
	}
	here := -1 // the cut of these marks, once there is one
	for _, k := range marks {
		switch {
		case k.kind == instantMark && len(l.marks) < maxMarks:
			l.marks = append(l.marks, instant{at, k.text})
		case k.kind == instantMark:
			l.ignored++
		default:
			l.change(k, at, &here)
		}
	}
}

// change ends the present span and begins the next.
func (l *phaseLog) change(k mark, at energy.Instant, here *int) {
	phase, ok := outside, true
	if k.kind == beginPhase {
		phase, ok = l.phase(k.text)
	}
	present := outside
	if n := len(l.spans); n > 0 {
		present = l.spans[n-1].phase
	}
	full := len(l.spans) >= maxStretches
	if !ok || full {
		// What follows is nobody's: it must not count for the phase before.
		l.ignored++
		phase = outside
	}
	if phase == outside && present == outside || full && len(l.spans) > maxStretches {
		return
	}
	if *here < 0 {
		*here = l.cut(at)
	}
	l.spans = append(l.spans, span{phase, *here})
}

// phase returns the index of a name, or not when there are too many.
func (l *phaseLog) phase(name string) (int, bool) {
	if i := slices.Index(l.names, name); i >= 0 {
		return i, true
	}
	if len(l.names) >= maxPhases {
		return outside, false
	}
	l.names = append(l.names, name)
	return len(l.names) - 1, true
}

// cut reads the counters, and ends the attribution's interval as a sample does.
// A mark that arrives when the window has closed is at its end.
func (l *phaseLog) cut(at energy.Instant) int {
	m, t := l.sampler, l.sampler.tracks[0]
	c := cut{at: at, end: m.halted}
	if !c.end {
		c.began = energy.Now()
		if err := t.Read(); err != nil {
			m.failed = err
		}
		m.samples++
		c.read = energy.Now()
		c.usage = m.attr.mark(t)
	}
	l.cuts = append(l.cuts, c)
	for i := range t.Source.Zones() {
		if c.end || t.Reading.Errs[i] != nil {
			l.counts = append(l.counts, unread)
			continue
		}
		l.counts = append(l.counts, t.Meter.Counts(i))
	}
	return len(l.cuts) - 1
}

// empty reports whether nothing was marked.
func (l *phaseLog) empty() bool {
	return l == nil || len(l.spans) == 0 && len(l.marks) == 0 && l.ignored == 0
}

// warnLimits says what was beyond the limits.
func (s *session) warnLimits(l *phaseLog) {
	if l.ignored > 0 {
		s.warn("marks-ignored", fmt.Sprintf("%d marks were beyond the limits (%d stretches, %d names of phases, %d instants) and did not count; what followed them is outside of phases", l.ignored, maxStretches, maxPhases, maxMarks),
			"mark longer phases, under fewer names")
	}
}
