package session

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/host"
	"github.com/energyprobe/energyprobe/internal/report"
)

// sampler reads the counters while the window is open: often enough that no
// wrap goes unseen whatever the user's interval is, and at every interval for
// the time series. It has a thread to itself.
type sampler struct {
	tracks   []*energy.Track
	host     *host.Sampler
	interval time.Duration // of the time series, 0 for none
	poll     time.Duration // against wraps

	series   *report.Series
	row      []float64
	sampled  []uint64 // the meter's counts at the last sample that had the zone
	ticks    []float64
	start    energy.Instant
	samples  int
	missed   int
	lateness lateness
	failed   error // the last reading that failed as a whole

	wake    alarm
	ended   chan struct{}
	halt    chan struct{}
	hostEnd chan struct{}
	running bool
}

// pollLimit is the longest time between two readings of a counter.
const pollLimit = 5 * time.Second

func newSampler(s *session) *sampler {
	m := &sampler{tracks: s.tracks, host: s.host, interval: s.Interval, poll: pollLimit}
	zones := s.tracks[0].Source.Zones()
	if m.interval > 0 {
		var ids []string
		for _, z := range zones {
			ids = append(ids, z.ID())
			m.ticks = append(m.ticks, z.Tick)
		}
		m.series = report.NewSeries(ids)
		m.row, m.sampled = make([]float64, len(zones)), make([]uint64, len(zones))
	}
	return m
}

// run starts reading; the window opened at start.
func (m *sampler) run(start energy.Instant) {
	m.start, m.running = start, true
	for _, t := range m.tracks {
		m.poll = min(m.poll, t.PollInterval(pollLimit))
	}
	m.ended, m.halt, m.hostEnd = make(chan struct{}), make(chan struct{}), make(chan struct{})
	for i := range m.sampled {
		m.sampled[i] = m.tracks[0].Meter.Counts(i)
	}
	go m.loop()
	go m.tickHost()
}

// stop ends reading and returns when no reading is under way.
func (m *sampler) stop() {
	if !m.running {
		return
	}
	m.running = false
	m.wake.ring()
	close(m.halt)
	<-m.ended
	<-m.hostEnd
}

// The host's sampler costs more than a reading: it gets a goroutine of its
// own, and its ticks grow rarer in a long window.
func (m *sampler) tickHost() {
	defer close(m.hostEnd)
	every := 50 * time.Millisecond
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-m.halt:
			return
		case <-timer.C:
			m.host.Tick()
			every = min(every+every/16, time.Second)
			timer.Reset(every)
		}
	}
}

func (m *sampler) loop() {
	defer close(m.ended)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if m.interval > 0 {
		sharpTimer()
		defer dullTimer()
	}
	nextPoll := m.start.Add(m.poll)
	nextSample := energy.Instant(math.MaxInt64)
	if m.interval > 0 {
		nextSample = m.start.Add(m.interval)
	}
	for {
		due := min(nextPoll, nextSample)
		if m.wake.sleepUntil(due) {
			return
		}
		now := energy.Now()
		if now < due {
			continue // woken early, by a signal
		}
		m.read()
		nextPoll = now.Add(m.poll)
		if now >= nextSample {
			nextSample = m.sample(nextSample, now)
		}
	}
}

func (m *sampler) read() {
	for _, t := range m.tracks {
		if err := t.Read(); err != nil {
			m.failed = err
		}
	}
	m.samples++
}

// sample takes the reading just made into the series and returns when the next
// one is due. A sample that comes a whole interval late takes the place of
// those it missed: there is no reading for them, and none is made up.
func (m *sampler) sample(due, now energy.Instant) energy.Instant {
	m.lateness.add(now.Sub(due))
	t := m.tracks[0]
	at := due
	for i := range m.row {
		if t.Reading.Errs[i] != nil {
			m.row[i] = math.NaN()
			continue
		}
		counts := t.Meter.Counts(i)
		m.row[i] = float64(counts-m.sampled[i]) * m.ticks[i]
		m.sampled[i] = counts
		at = t.Reading.At[i].After
	}
	m.series.Append(at.Sub(m.start).Seconds(), m.row)
	late := int(now.Sub(due) / m.interval)
	m.missed += late
	return due.Add(time.Duration(late+1) * m.interval)
}

// lateness is a histogram of how late samples were, in steps of a microsecond.
type lateness struct {
	bins [1024]uint32
	over uint32 // a bin's width beyond the last
	n    uint32
}

func (l *lateness) add(d time.Duration) {
	l.n++
	if us := d / time.Microsecond; us < time.Duration(len(l.bins)) {
		l.bins[max(us, 0)]++
	} else {
		l.over++
	}
}

// quantile returns the lateness that a part q of the samples kept within; ok
// is false when it lies beyond what the histogram holds.
func (l *lateness) quantile(q float64) (d time.Duration, ok bool) {
	want := uint32(math.Ceil(q * float64(l.n)))
	var seen uint32
	for us, n := range l.bins {
		if seen += n; seen >= want {
			return time.Duration(us+1) * time.Microsecond, l.n > 0
		}
	}
	return time.Duration(len(l.bins)) * time.Microsecond, false
}

// alarm is a sleep until an absolute time that another thread can end.
type alarm struct{ rung atomic.Uint32 }
