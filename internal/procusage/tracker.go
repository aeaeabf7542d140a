package procusage

import (
	"errors"
	"os"
	"time"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// Tracker is an energy.Tracker. It is not safe for concurrent use.
type Tracker struct {
	config  Config
	self    int  // this program's PID in /proc, 0 where it is not to be seen
	live    bool // process clocks may be asked
	reader  procfile.Reader
	dir     procfile.Dir
	cpus    cpus
	group   *group // nil without a group
	buf     []byte
	ledger  *attribute.Ledger
	at      energy.Instant // end of the last interval
	begun   bool           // the baseline is taken
	round   uint32
	ids     []int
	tids    []int
	byPID   map[int]*process
	ended   []*process
	lost    uint64
	fresh   []*process       // seen for the first time in this round
	moved   []*process       // read in this round
	gone    []*process       // not seen any more
	wasPID  map[int]*process // gone, by PID
	ran     []ranTask
	root    *process     // Target.PID's
	groups  map[int]bool // process groups that a process of the target leads or led
	inodes  inodes
	slept   time.Duration      // from CLOCK_MONOTONIC to CLOCK_BOOTTIME at the start
	work    [][]attribute.Work // by package
	claimed []int64            // ns by package that processes account for, since the baseline
	charged []residual         // by package
}

// residual is what was charged of the time that no process claims, in ns.
type residual struct{ irq, others int64 }

func newTracker(c Config) *Tracker {
	n := len(c.Places)
	t := &Tracker{
		config: c, self: own(c.Root), reader: procfile.NewReader(c.Root), buf: make([]byte, 16<<10),
		ledger: attribute.NewLedger(c.Places), byPID: map[int]*process{}, wasPID: map[int]*process{},
		groups: map[int]bool{}, inodes: newInodes(c.Root), slept: energy.Slept(), cpus: newCPUs(c.Places),
		work: make([][]attribute.Work, n), claimed: make([]int64, n), charged: make([]residual, n),
	}
	t.live = t.self != 0 && c.Root == ""
	return t
}

// Method returns ByCgroup or ByProc.
func (t *Tracker) Method() energy.Method {
	if t.group != nil && t.group.counts() {
		return energy.ByCgroup
	}
	return energy.ByProc
}

// Interval ends an interval. Processes are looked at one after the other, a
// few ms apart where there are thousands: what ran meanwhile may count in the
// next interval. Joules without an entry for a package are not known.
func (t *Tracker) Interval(at energy.Instant, joules [][energy.NumDomains]float64) error {
	if t.ledger == nil {
		return os.ErrClosed
	}
	for k := range t.work {
		t.work[k] = t.work[k][:0]
	}
	err := t.cpus.read(&t.buf)
	// The machine's and the group's time is read first: what processes do
	// after that makes their claim too large for a moment, never the rest.
	var used int64
	if t.group != nil {
		used = t.group.used(&t.buf)
	}
	if scanErr := t.scan(); scanErr != nil {
		err = errors.Join(err, scanErr)
	}
	t.remainders(used)
	seconds := max(at.Sub(t.at), 0).Seconds()
	t.at = max(t.at, at)
	for k := range t.work {
		j := unknown
		if k < len(joules) {
			j = joules[k]
		}
		t.ledger.Interval(k, seconds, j, t.work[k])
	}
	t.trim()
	return err
}

// charge notes CPU time of somebody on a package.
func (t *Tracker) charge(pkg int, party energy.Party, account *energy.Account, ns int64) {
	if ns <= 0 {
		return
	}
	t.work[pkg] = append(t.work[pkg], attribute.Work{
		Account: account, Party: party, Weight: float64(ns) / 1e9, CPU: time.Duration(ns),
	})
	t.claimed[pkg] += ns
	if party == energy.Target && t.group != nil {
		t.group.seen += ns
	}
}

// remainders charges the time in which CPUs were busy and that no process
// claims: to the target what its group's counter knows of, to the kernel the
// interrupts, to the others the rest.
//
// All are compared since the baseline, not interval by interval: the ticks in
// which they come even out. What was charged once is not taken back.
func (t *Tracker) remainders(groupUsed int64) {
	t.groupRemainder(groupUsed)
	for k := range t.work {
		busy, irq := t.cpus.since(k)
		c := &t.charged[k]
		// Claims hold what is charged here; the band is one tick per CPU.
		if rest := busy - t.claimed[k]; rest > 0 {
			ns := min(rest, irq-c.irq)
			if ns > 0 {
				c.irq += ns
				t.charge(k, energy.Kernel, nil, ns)
			}
		}
		band := int64(len(t.config.Places[k].CPUs)) * procfile.NSPerTick
		if rest := busy - t.claimed[k] - band; rest > 0 {
			c.others += rest
			t.charge(k, t.strangers(), nil, rest)
		}
	}
}

// strangers is the party of what is not known by name.
func (t *Tracker) strangers() energy.Party {
	if t.config.Target.Machine {
		return energy.Target
	}
	return energy.Others
}

// groupRemainder charges what a group's counter has beyond its processes.
func (t *Tracker) groupRemainder(used int64) {
	if t.group == nil || !t.group.counts() {
		return
	}
	rest := used - t.group.seen
	if rest <= 0 {
		return
	}
	for k, part := range t.cpus.shares() {
		ns := int64(float64(rest) * part)
		t.charge(k, energy.Target, nil, ns)
	}
}

// Close releases the files. It is safe on nil and twice.
func (t *Tracker) Close() error {
	if t == nil {
		return nil
	}
	t.dir.Close()
	t.cpus.file.Close()
	if t.group != nil {
		t.group.file.Close()
	}
	t.ledger = nil
	return nil
}
