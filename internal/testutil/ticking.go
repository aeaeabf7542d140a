package testutil

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Ticking is this machine with a powercap tree of its own, whose counters run:
// a thread rewrites every energy_uj once a millisecond, as the hardware
// refreshes them. What the zones really spent is known at any instant.
type Ticking struct {
	Root string

	mu    sync.Mutex
	zones map[string]*tickingZone
	stop  atomic.Bool
	over  sync.WaitGroup
}

// TickingZone describes a zone. Name is what its name file holds; a zone
// within another one is called "package-0/core".
type TickingZone struct {
	Name  string
	Watts float64
	// ModulusUJ is the length of a revolution; 0 stands for the 262 kJ of a
	// 32-bit register in steps of 2^-14 J.
	ModulusUJ uint64
	StartUJ   uint64
}

type tickingZone struct {
	TickingZone
	file   *os.File
	broken bool
	// joules were spent until since; Watts are drawn from then on.
	since  energy.Instant
	joules float64
	past   []segment
}

type segment struct {
	from          energy.Instant
	joules, watts float64
}

// driverUnitNJ is the driver's idea of 2^-14 J.
const driverUnitNJ = 61035

// NewTicking starts the counters; they stop with the test.
func NewTicking(tb testing.TB, zones ...TickingZone) *Ticking {
	tb.Helper()
	h := &Ticking{Root: tempDir(tb), zones: make(map[string]*tickingZone)}
	if err := h.build(zones); err != nil {
		tb.Fatalf("ticking host: %v", err)
	}
	h.tick()
	h.over.Go(h.loop)
	tb.Cleanup(h.close)
	return h
}

func (h *Ticking) close() {
	h.stop.Store(true)
	h.over.Wait()
	for _, z := range h.zones {
		z.file.Close()
	}
}

// build links everything but the powercap tree to the live host.
func (h *Ticking) build(zones []TickingZone) error {
	class := filepath.Join(h.Root, "sys/class")
	if err := os.MkdirAll(filepath.Join(class, "powercap/intel-rapl"), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"proc", "dev"} {
		if err := os.Symlink("/"+dir, filepath.Join(h.Root, dir)); err != nil {
			return err
		}
	}
	if err := linkAll("/sys", filepath.Join(h.Root, "sys"), "class"); err != nil {
		return err
	}
	if err := linkAll("/sys/class", class, "powercap"); err != nil {
		return err
	}
	numbers := map[string]string{"": "intel-rapl"} // of the zones by name
	dirs := map[string]string{"": filepath.Join(class, "powercap/intel-rapl")}
	inside := map[string]int{}
	for _, z := range zones {
		outer, name, ok := strings.Cut(z.Name, "/")
		if !ok {
			outer, name = "", z.Name
		}
		numbers[z.Name] = numbers[outer] + ":" + strconv.Itoa(inside[outer])
		inside[outer]++
		dirs[z.Name] = filepath.Join(dirs[outer], numbers[z.Name])
		if err := h.addZone(z, dirs[z.Name], name); err != nil {
			return err
		}
	}
	return nil
}

func linkAll(from, to, except string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == except {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (h *Ticking) addZone(z TickingZone, dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	rangeUJ := z.ModulusUJ - 1
	if z.ModulusUJ == 0 {
		rangeUJ = (1<<32 - 1) * driverUnitNJ / 1000
	}
	for file, content := range map[string]string{"name": name, "max_energy_range_uj": strconv.FormatUint(rangeUJ, 10), "enabled": "1"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content+"\n"), 0o644); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "energy_uj"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	t := &tickingZone{TickingZone: z, file: f, since: energy.Now()}
	t.past = []segment{{t.since, 0, z.Watts}}
	h.zones[z.Name] = t
	return nil
}

// loop ticks on a thread of its own, at absolute instants.
func (h *Ticking) loop() {
	runtime.LockOSThread() // the thread ends with its timer slack
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	// Hardware does not wait for the machine's other work. Where this is not
	// allowed the refreshes are as irregular as the scheduler makes them.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
	next := energy.Now()
	for !h.stop.Load() {
		next = max(next.Add(time.Millisecond), energy.Now())
		ts := unix.NsecToTimespec(int64(next))
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
		h.tick()
	}
}

func (h *Ticking) tick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b [24]byte
	for _, z := range h.zones {
		if z.broken {
			continue
		}
		// Padded, so that a shorter number leaves nothing of a longer one.
		text := strconv.AppendUint(b[:0], z.uj(energy.Now()), 10)
		for len(text) < 16 {
			text = append(text, '\n')
		}
		_, _ = z.file.WriteAt(text, 0)
	}
}

// uj is what the counter shows at t.
func (z *tickingZone) uj(t energy.Instant) uint64 {
	j := z.joules + z.Watts*t.Sub(z.since).Seconds()
	if z.ModulusUJ > 0 {
		return (z.StartUJ + uint64(j*1e6)) % z.ModulusUJ
	}
	register := (z.StartUJ*1000/driverUnitNJ + uint64(j*1e9/driverUnitNJ)) % (1 << 32)
	return register * driverUnitNJ / 1000
}

func (h *Ticking) zone(name string) *tickingZone {
	z := h.zones[name]
	if z == nil {
		panic("no zone " + name)
	}
	return z
}

// SetPower changes a zone's power from now on.
func (h *Ticking) SetPower(name string, watts float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	z, now := h.zone(name), energy.Now()
	z.joules += z.Watts * now.Sub(z.since).Seconds()
	z.since, z.Watts = now, watts
	z.past = append(z.past, segment{now, z.joules, watts})
}

// Joules returns what a zone has spent between two instants.
func (h *Ticking) Joules(name string, from, to energy.Instant) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	z := h.zone(name)
	at := func(t energy.Instant) float64 {
		s := z.past[0]
		for _, next := range z.past[1:] {
			if next.from <= t {
				s = next
			}
		}
		return s.joules + s.watts*t.Sub(s.from).Seconds()
	}
	return at(to) - at(from)
}

// Break makes a zone's counter show this until Heal.
func (h *Ticking) Break(name, content string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	z := h.zone(name)
	z.broken = true
	if err := z.file.Truncate(0); err != nil {
		return fmt.Errorf("break %s: %w", name, err)
	}
	_, err := z.file.WriteAt([]byte(content), 0)
	return err
}

// Heal lets a broken counter run on, as if it had never stood still.
func (h *Ticking) Heal(name string) {
	h.mu.Lock()
	h.zone(name).broken = false
	h.mu.Unlock()
}

// Names returns the zones' names.
func (h *Ticking) Names() []string {
	var names []string
	for name := range h.zones {
		names = append(names, name)
	}
	return names
}

// Cgroup gives the host a cgroup2 hierarchy of its own with one group and
// returns the group's directory.
func (h *Ticking) Cgroup(tb testing.TB, name string) string {
	tb.Helper()
	if err := h.ownCgroups(); err != nil {
		tb.Fatalf("ticking host: %v", err)
	}
	dir := filepath.Join(h.Root, "sys/fs/cgroup", name)
	for _, d := range []string{filepath.Dir(dir), dir} {
		Write(tb, d, "cgroup.controllers", "cpu io memory pids\n")
		Write(tb, d, "cgroup.procs", "")
		Write(tb, d, "cpu.stat", "usage_usec 1000\nuser_usec 600\nsystem_usec 400\n")
	}
	return dir
}

// ownCgroups replaces the link to the live /sys/fs by one whose cgroup is the
// test's.
func (h *Ticking) ownCgroups() error {
	sys := filepath.Join(h.Root, "sys/fs")
	if err := os.Remove(sys); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(sys, "cgroup"), 0o755); err != nil {
		return err
	}
	return linkAll("/sys/fs", sys, "cgroup")
}
