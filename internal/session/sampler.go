package session

import (
	"math"
	"runtime"
	"sync"
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
	attr     *attribution
	host     *host.Sampler
	interval time.Duration // of the time series, 0 for none
	poll     time.Duration // against wraps

	series     *report.Series
	row        []float64
	sampled    []uint64 // the meter's counts at the last sample that had the zone
	ticks      []float64
	start      energy.Instant
	nextSample energy.Instant
	samples    int
	missed     int
	lateness   lateness
	lastAt     float64        // of the last sample with a split, seconds
	failed     error          // the last reading that failed as a whole
	lookedUp   energy.Instant // when the time asleep was last asked for

	reading sync.Mutex // held while the tracks are read
	halted  bool       // guarded by reading
	wake    alarm
	over    chan struct{} // closed when the host's ticks must end
	threads sync.WaitGroup
}

// pollLimit is the longest time between two readings of a counter.
const pollLimit = 5 * time.Second

func newSampler(s *session) *sampler {
	m := &sampler{tracks: s.tracks, attr: s.attr, host: s.host, interval: s.Interval, poll: pollLimit}
	zones := s.tracks[0].Source.Zones()
	if m.interval > 0 {
		var ids []string
		for _, z := range zones {
			ids = append(ids, z.ID())
			m.ticks = append(m.ticks, z.Tick)
		}
		m.series = report.NewSeries(ids)
		if m.attr != nil && m.attr.tracker != nil {
			m.series = report.NewSplitSeries(ids)
		}
		m.row, m.sampled = make([]float64, len(zones)), make([]uint64, len(zones))
	}
	return m
}

// run starts reading; the window opened at start.
func (m *sampler) run(start energy.Instant) {
	m.prepare(start)
	m.over = make(chan struct{})
	m.threads.Go(m.loop)
	over := m.over
	m.threads.Go(func() { m.tickHost(over) })
}

// prepare is under the lock: marks may come as soon as the command runs.
func (m *sampler) prepare(start energy.Instant) {
	m.reading.Lock()
	defer m.reading.Unlock()
	m.start = start
	for _, t := range m.tracks {
		m.poll = min(m.poll, t.PollInterval(pollLimit))
	}
	if m.attr.needsReadings() {
		m.poll = min(m.poll, m.attr.every())
	}
	for i := range m.sampled {
		m.sampled[i] = m.tracks[0].Meter.Counts(i)
	}
}

// halt ends reading: when it returns, the tracks are the caller's.
func (m *sampler) halt() {
	m.reading.Lock()
	m.halted = true
	m.reading.Unlock()
}

// join waits until nothing of the sampler runs any more. It is safe twice.
func (m *sampler) join() {
	m.wake.ring()
	if m.over != nil {
		close(m.over)
		m.over = nil
	}
	m.threads.Wait()
}

// The host's sampler costs more than a reading: it gets a goroutine of its
// own, and its ticks grow rarer in a long window.
func (m *sampler) tickHost(over <-chan struct{}) {
	every := 50 * time.Millisecond
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-over:
			return
		case <-timer.C:
			m.host.Tick()
			every = min(every+every/16, time.Second)
			timer.Reset(every)
		}
	}
}

func (m *sampler) loop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if m.interval > 0 {
		sharpTimer()
		defer dullTimer()
	}
	nextPoll := m.start.Add(m.poll)
	m.nextSample = noDeadline
	if m.interval > 0 {
		m.nextSample = m.start.Add(m.interval)
	}
	for {
		due := min(nextPoll, m.nextSample)
		if m.wake.sleepUntil(due) {
			return
		}
		now := energy.Now()
		if now < due {
			continue // woken early, by a signal
		}
		if !m.read(now) {
			return
		}
		nextPoll = now.Add(m.poll)
	}
}

// read takes a reading of every track, and a sample when one is due, unless
// the window has closed.
func (m *sampler) read(now energy.Instant) bool {
	m.reading.Lock()
	defer m.reading.Unlock()
	if m.halted {
		return false
	}
	if now.Sub(m.lookedUp) > time.Second {
		m.lookedUp = now
		slept := energy.Slept()
		for _, t := range m.tracks {
			t.Meter.Suspended(slept)
		}
	}
	for _, t := range m.tracks {
		if err := t.Read(); err != nil {
			m.failed = err
		}
	}
	m.samples++
	if now >= m.nextSample {
		m.nextSample = m.sample(m.nextSample, now)
	} else if m.attr.needsReadings() {
		m.attr.interval(m.tracks[0], false)
	}
	return true
}

// sample takes the reading just made into the series and returns when the next
// one is due. A sample that comes a whole interval late takes the place of
// those it missed: there is no reading for them, and none is made up.
func (m *sampler) sample(due, now energy.Instant) energy.Instant {
	m.lateness.add(now.Sub(due))
	t := m.tracks[0]
	totals := m.readTogether(t)
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
	if seconds := at.Sub(m.start).Seconds(); m.series.HasSplit() {
		m.series.AppendSplit(seconds, m.row, m.attr.sample(t, m.row, seconds-m.lastAt, totals))
		m.lastAt = seconds
	} else {
		m.series.Append(seconds, m.row)
	}
	late := int(now.Sub(due) / m.interval)
	m.missed += late
	return due.Add(time.Duration(late+1) * m.interval)
}

// readTogether returns the parties' accounts of the moment of the reading just
// made. On a busy CPU this program may lose its turn between the counters, or
// between them and the accounts: a sample would end at several moments then, and
// have joules that are the next one's, so all is read again, a few times.
func (m *sampler) readTogether(t *energy.Track) *energy.Usage {
	for try := 0; ; try++ {
		totals := m.attr.nowInKernel()
		if began, some := beginning(t.Reading); !some || energy.Now().Sub(began) <= blur || try == 3 {
			return totals
		}
		if err := t.Read(); err != nil {
			m.failed = err
		}
	}
}

// beginning is when the first of the counters was read; some is false where none
// was.
func beginning(r *energy.Reading) (at energy.Instant, some bool) {
	for i, b := range r.At {
		if r.Errs[i] == nil && (!some || b.Before < at) {
			at, some = b.Before, true
		}
	}
	return at, some
}

// complete ends the series with the window: what the samples lack of each
// domain's energy is the last sample's, so that the series adds up to the
// result. joules holds NaN for domains that are not known.
//
// Samples begin with a reading before the window and end with one within it,
// both as old as the counter's last refresh. In a window that ends sooner after
// a refresh than it began, they hold more than the window has: no sample is
// less than nothing, so the ones before give back what is too much.
func (m *sampler) complete(seconds float64, joules []float64) {
	if m.series == nil {
		return
	}
	sums := make([]float64, len(joules))
	for k := range m.series.Len() {
		_, row := m.series.At(k)
		for i, j := range row {
			if !math.IsNaN(j) {
				sums[i] += j
			}
		}
	}
	for i := range m.row {
		m.row[i] = joules[i] - sums[i]
		if m.row[i] < 0 {
			m.series.TakeBack(i, -m.row[i])
			m.row[i] = 0
		}
	}
	last := 0.0
	if n := m.series.Len(); n > 0 {
		last, _ = m.series.At(n - 1)
	}
	var split []float64
	if m.series.HasSplit() {
		split = m.attr.lastSample(m.tracks[0], m.row, max(0, seconds-m.lastAt))
	}
	switch {
	case last >= seconds && m.series.Len() > 0:
		// Its reading was under way when the window ended.
		m.series.AddToLast(seconds, m.row, split)
	case split != nil:
		m.series.AppendSplit(seconds, m.row, split)
	default:
		m.series.Append(seconds, m.row)
	}
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
