package energy_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/energyprobe/energyprobe/internal/energy"
)

// at returns the bracket of a read that happened then and took 2 us.
func at(when time.Duration) Bracket {
	t := Instant(time.Hour) + Instant(when)
	return Bracket{Before: t.Add(-time.Microsecond), After: t.Add(time.Microsecond)}
}

// step is one reading of one zone.
type step struct {
	when  time.Duration
	count uint64
	err   error
}

// meter feeds readings of a single zone to a new Meter.
func meter(z Zone, steps ...step) *Meter {
	m := NewMeter([]Zone{z})
	r := NewReading(1)
	for _, s := range steps {
		r.At[0], r.Counts[0], r.Errs[0] = at(s.when), s.count, s.err
		m.Add(r)
	}
	return m
}

// register32 is a 32-bit register with a unit of 2^-14 J: 262,144 J a turn.
var register32 = Zone{Domain: Package, Parent: -1, Die: -1, Core: -1, Tick: 1.0 / (1 << 14), Wrap: 1 << 32, MaxW: 1000}

func with(z Zone, change func(*Zone)) Zone { change(&z); return z }

func TestMeter(t *testing.T) {
	eio := errors.New("read energy_uj: input/output error")
	const top = 1 << 32
	joule := uint64(1 << 14)
	unknown := with(register32, func(z *Zone) { z.Wrap = UnknownWrap })
	wide := with(register32, func(z *Zone) { z.Wrap = 0 })
	for _, c := range []struct {
		name  string
		zone  Zone
		steps []step
		want  ZoneTotal // At is not compared, of gaps only the reason
		gap   string
	}{
		{name: "never read", zone: register32},
		{name: "the first reading is the baseline, whatever it shows", zone: register32,
			steps: []step{{0, top - 1, nil}},
			want:  ZoneTotal{Reads: 1, First: true}},
		{name: "forwards", zone: register32,
			steps: []step{{0, 5 * joule, nil}, {time.Second, 105 * joule, nil}, {2 * time.Second, 155 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 150, Reads: 3, First: true}},
		{name: "a wrap", zone: register32,
			steps: []step{{0, top - 20*joule, nil}, {time.Second, 10 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 30, Wraps: 1, Reads: 2, First: true}},
		{name: "a wrap to the last count before a full turn", zone: with(register32, func(z *Zone) { z.MaxW = 0 }),
			steps: []step{{0, 100, nil}, {time.Second, 99, nil}},
			want:  ZoneTotal{EnergyJ: float64(top-1) / (1 << 14), Wraps: 1, Reads: 2, First: true}},
		{name: "a modulus that is no power of two", zone: with(register32, func(z *Zone) { z.Wrap, z.Tick = 65532610987+15259, 1e-6 }),
			steps: []step{{0, 65532610987, nil}, {time.Second, 0, nil}},
			want:  ZoneTotal{EnergyJ: 0.015259, Wraps: 1, Reads: 2, First: true}},
		{name: "backwards in an unknown range", zone: unknown,
			steps: []step{{0, 900 * joule, nil}, {time.Second, 950 * joule, nil}, {2 * time.Second, 10 * joule, nil}, {3 * time.Second, 40 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 80, Reads: 4, First: true}, gap: "range is not known"},
		{name: "backwards in 64 bits", zone: wide,
			steps: []step{{0, 1 << 40, nil}, {time.Second, 7, nil}, {2 * time.Second, 7 + 3*joule, nil}},
			want:  ZoneTotal{EnergyJ: 3, Reads: 3, First: true}, gap: "reset"},
		{name: "far above 32 bits in 64", zone: wide,
			steps: []step{{0, 1 << 62, nil}, {time.Second, 1<<62 + 9*joule, nil}},
			want:  ZoneTotal{EnergyJ: 9, Reads: 2, First: true}},
		{name: "a reset that looks like a wrap", zone: register32,
			steps: []step{{0, 1000 * joule, nil}, {time.Second, 0, nil}, {2 * time.Second, 5 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 5, Reads: 3, First: true}, gap: "reset or misread"},
		{name: "a leap forwards that no power explains", zone: register32,
			steps: []step{{0, 0, nil}, {time.Second, 1011 * joule, nil}},
			want:  ZoneTotal{Reads: 2, First: true}, gap: "reset or misread"},
		{name: "as much as the power explains", zone: register32,
			steps: []step{{0, 0, nil}, {time.Second, 1010 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 1010, Reads: 2, First: true}},
		{name: "late refreshes in quick reads are no reset", zone: register32,
			steps: []step{{0, 0, nil}, {10 * time.Microsecond, 3 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 3, Reads: 2, First: true}},
		{name: "longer than a turn can take", zone: register32,
			steps: []step{{0, 0, nil}, {263 * time.Second, joule, nil}, {264 * time.Second, 3 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 2, Reads: 3, First: true}, gap: "wrap more than once"},
		{name: "just shorter than a turn can take", zone: register32,
			steps: []step{{0, 0, nil}, {262 * time.Second, joule, nil}},
			want:  ZoneTotal{EnergyJ: 1, Reads: 2, First: true}},
		{name: "beyond the range", zone: register32,
			steps: []step{{0, 10, nil}, {time.Second, top, nil}, {2 * time.Second, 10, nil}},
			want:  ZoneTotal{Reads: 3, First: true}, gap: "beyond its own range"},
		{name: "failing reads are bridged", zone: register32,
			steps: []step{{0, joule, nil}, {time.Second, 99, eio}, {2 * time.Second, 0, eio}, {3 * time.Second, 8 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 7, Reads: 2, Fails: 2, First: true}},
		{name: "failing reads before the first", zone: register32,
			steps: []step{{0, 99, eio}, {time.Second, joule, nil}, {2 * time.Second, 3 * joule, nil}},
			want:  ZoneTotal{EnergyJ: 2, Reads: 2, Fails: 1, First: true}},
		{name: "failing for longer than a turn can take", zone: register32,
			steps: []step{{0, joule, nil}, {time.Second, 0, eio}, {300 * time.Second, 8 * joule, nil}},
			want:  ZoneTotal{Reads: 2, Fails: 1, First: true}, gap: "wrap more than once"},
		{name: "failing at the end", zone: register32,
			steps: []step{{0, joule, nil}, {time.Second, 2 * joule, nil}, {2 * time.Second, 0, eio}},
			want:  ZoneTotal{EnergyJ: 1, Reads: 2, Fails: 1, First: true, Err: eio}},
		{name: "only failing", zone: register32,
			steps: []step{{0, 0, eio}, {time.Second, 1, eio}},
			want:  ZoneTotal{Fails: 2, Err: eio}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := meter(c.zone, c.steps...).Total(0)
			switch {
			case c.gap == "" && len(got.Gaps) > 0:
				t.Errorf("gap: %s", got.Gaps[0].Reason)
			case c.gap != "" && (len(got.Gaps) == 0 || !strings.Contains(got.Gaps[0].Reason, c.gap)):
				t.Errorf("gaps %v, want one that says %q", got.Gaps, c.gap)
			}
			for _, g := range got.Gaps {
				if g.To <= g.From {
					t.Errorf("the gap lasts from %d to %d", g.From, g.To)
				}
			}
			if got.EnergyJ != c.want.EnergyJ || got.Wraps != c.want.Wraps || got.Reads != c.want.Reads ||
				got.Fails != c.want.Fails || !errors.Is(got.Err, c.want.Err) || got.First != c.want.First {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// A zone that is wrong on every read must not fill the memory, and the last
// gap remembered reaches to the last one seen.
func TestGapsAreBounded(t *testing.T) {
	var steps []step
	for i := range 1000 {
		steps = append(steps, step{time.Duration(i) * time.Second, uint64(1000 - i), nil})
	}
	got := meter(with(register32, func(z *Zone) { z.Wrap = 0 }), steps...).Total(0)
	if n := len(got.Gaps); n == 0 || n > 16 {
		t.Fatalf("%d gaps remembered", n)
	}
	if last := got.Gaps[len(got.Gaps)-1]; last.To != at(999*time.Second).After {
		t.Errorf("the last gap ends at %v", last.To)
	}
	if !slices.IsSortedFunc(got.Gaps, func(a, b Gap) int { return int(a.From - b.From) }) {
		t.Errorf("gaps out of order: %v", got.Gaps)
	}
	if got.EnergyJ != 0 || got.Reads != 1000 {
		t.Errorf("%+v", got)
	}
}

func TestSuspend(t *testing.T) {
	m := NewMeter([]Zone{register32, register32})
	r := NewReading(2)
	add := func(when time.Duration, a, b uint64) {
		r.At[0], r.At[1], r.Counts[0], r.Counts[1] = at(when), at(when), a<<14, b<<14
		m.Add(r)
	}
	m.Suspended(40 * time.Second) // before anything was read: what is past does not count
	add(0, 100, 10)
	m.Suspended(40*time.Second + 3*time.Millisecond) // two clocks read one after the other
	add(time.Second, 110, 11)
	if got := m.Total(0); got.EnergyJ != 10 || len(got.Gaps) != 0 {
		t.Fatalf("no suspend: %+v", got)
	}
	m.Suspended(50 * time.Second)
	add(2*time.Second, 3, 12) // one counter was reset, one went on
	add(3*time.Second, 8, 14)
	for i, want := range []float64{10 + 5, 1 + 2} {
		got := m.Total(i)
		if got.EnergyJ != want || got.Wraps != 0 {
			t.Errorf("zone %d: %+v, want %v J without a wrap", i, got, want)
		}
		if len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0].Reason, "suspended for 9.997s") {
			t.Errorf("zone %d: gaps %v", i, got.Gaps)
		}
	}
}

func TestPollInterval(t *testing.T) {
	zone := func(change func(*Zone)) []Zone { return []Zone{with(register32, change)} }
	for _, c := range []struct {
		name  string
		zones []Zone
		want  time.Duration
	}{
		{"no zones", nil, time.Minute},
		{"a quarter of a turn", zone(func(z *Zone) { z.MaxW = 10000 }), time.Duration(262144.0 / 40000 * 1e9)},
		{"64 bits", zone(func(z *Zone) { z.Wrap = 0 }), time.Minute},
		{"an unknown range", zone(func(z *Zone) { z.Wrap = UnknownWrap }), time.Minute},
		{"an unknown power", zone(func(z *Zone) { z.MaxW = 0 }), time.Minute},
		{"never less than a millisecond", zone(func(z *Zone) { z.Wrap = 4 }), time.Millisecond},
		{"the fastest decides", append(zone(func(z *Zone) { z.MaxW = 10000 }), register32), time.Duration(262144.0 / 40000 * 1e9)},
	} {
		if got := PollInterval(c.zones, time.Minute); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// Reading as often as that at full power leaves no doubt.
	z := register32
	d := PollInterval([]Zone{z}, time.Hour)
	full := uint64(z.MaxW * d.Seconds() / z.Tick)
	var steps []step
	for i := range uint64(41) {
		steps = append(steps, step{time.Duration(i) * d, i * full % z.Wrap, nil})
	}
	got := meter(z, steps...).Total(0)
	if want := float64(40*full) * z.Tick; got.EnergyJ != want || len(got.Gaps) > 0 || got.Wraps != int(40*full/z.Wrap) || math.IsNaN(got.EnergyJ) {
		t.Errorf("at full power: %+v, want %v J", got, want)
	}
}
