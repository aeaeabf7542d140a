package bpfprog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/energyprobe/energyprobe/internal/energy"
)

const (
	accountSize = uint32(unsafe.Sizeof(usageAccount{}))
	lineSize    = int(unsafe.Sizeof(usageLine{}))
	taskSize    = int(unsafe.Offsetof(usageTask{}.Accounts))
)

// Of src/usage.bpf.c.
const (
	endedThread = 2      // ENDED_THREAD
	ring        = 2048   // RING
	rateShift   = 20 - 4 // RATE_BITS - FRACTION
)

// maxEnded is how many processes that have ended keep a line of their own, and
// how many threads.
const maxEnded = 8192

// Usage reads the account as of the last interval. Threads are those alive.
func (t *Tracker) Usage(threads bool) (energy.Usage, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := energy.Usage{At: energy.Now()}
	err := t.Settle()
	if err != nil {
		return u, err
	}
	if u.Packages, err = t.packages(); err != nil {
		return u, err
	}
	t.collect()
	alive := map[key]*energy.Process{}
	err = t.iterate(t.objects.Dump, func(l *usageLine, accounts []usageAccount) {
		t.addLine(alive, l, accounts, &u, threads)
	})
	if err != nil {
		return u, err
	}
	for id, p := range t.procs {
		one := *p
		if _, ok := t.unswept[id]; ok {
			one.Accounts = slices.Clone(p.Accounts)
			t.addPast(&one)
		}
		u.Processes = append(u.Processes, one)
	}
	for _, p := range alive {
		t.addPast(p)
		u.Processes = append(u.Processes, *p)
	}
	slices.SortFunc(u.Processes, func(a, b energy.Process) int { return a.PID - b.PID })
	if threads {
		for _, x := range t.threads {
			u.Threads = append(u.Threads, *x)
		}
		slices.SortFunc(u.Threads, func(a, b energy.Thread) int { return a.TID - b.TID })
	}
	u.Lost, err = t.lost()
	return u, err
}

// lost counts what has no line.
func (t *Tracker) lost() (energy.Lost, error) {
	var processes, threads, tasks uint64
	err := errors.Join(t.objects.LostProcesses.Get(&processes), t.objects.LostThreads.Get(&threads), t.objects.LostTasks.Get(&tasks))
	return energy.Lost{Events: processes + threads, Tasks: tasks, Processes: processes + t.dropped}, err
}

// addPast adds what a process's threads did that have ended.
func (t *Tracker) addPast(p *energy.Process) {
	if p.Threads == 1 {
		return
	}
	value, err := t.objects.Past.LookupBytes(processOf(key{uint32(p.PID), uint64(p.Start)}))
	if err != nil || len(value) < taskSize+len(t.o.Places)*int(accountSize) {
		return // none has ended
	}
	record := (*usageTask)(unsafe.Pointer(&value[0]))
	past := unsafe.Slice((*usageAccount)(unsafe.Pointer(&value[taskSize])), len(t.o.Places))
	t.settle(pending{record.Place, record.Pending, record.PendingK, record.PendingNs}, past)
	for k := range past {
		p.Accounts[k].Add(t.account(k, past[k]))
	}
}

func processOf(id key) *usageProcess { return &usageProcess{Start: id.start, Pid: id.pid} }

// sweep takes over what the threads of ended processes did, two drains after
// the end: the last of them may still have been on its way out.
func (t *Tracker) sweep() {
	for id, seen := range t.unswept {
		if !seen {
			t.unswept[id] = true
			continue
		}
		if p := t.procs[id]; p != nil {
			t.addPast(p)
		}
		_ = t.objects.Past.Delete(processOf(id)) // mostly there is none
		delete(t.unswept, id)
	}
}

// Totals reads what the packages' parties have, without any process: little
// enough for every sample.
func (t *Tracker) Totals() (energy.Usage, error) {
	packages, err := t.packages()
	return energy.Usage{At: energy.Now(), Packages: packages}, err
}

// Forget drops the processes that have ended so far.
func (t *Tracker) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.collect()
	clear(t.procs)
	clear(t.threads)
	t.dropped = 0
}

// Intervals returns how many intervals have ended on the first place.
func (t *Tracker) Intervals() uint64 {
	var p usagePlace
	if t.objects.Places.Lookup(uint32(0), &p) != nil {
		return 0
	}
	return p.K
}

// packages reads the accounts of every place.
func (t *Tracker) packages() ([]energy.PackageUsage, error) {
	out := make([]energy.PackageUsage, len(t.o.Places))
	for k, place := range t.o.Places {
		var p usagePlace
		if err := t.objects.Places.Lookup(uint32(k), &p); err != nil {
			return nil, fmt.Errorf("read the account of package %d: %w", place.Socket, err)
		}
		o := &out[k]
		o.Socket, o.Die, o.CPUs = place.Socket, place.Die, len(place.CPUs)
		o.Seconds = float64(p.Ns) * 1e-9
		for q := range o.Parties {
			o.Parties[q] = t.account(k, usageAccount{S: p.Parties[q]})
		}
		o.Nobody = t.account(k, usageAccount{S: p.Parties[energy.Parties]})
		for b, bin := range p.Bins {
			o.Loads[b] = energy.LoadBin{Seconds: float64(bin.Ns) * 1e-9, Busy: float64(bin.BusyNs) * 1e-9}
			for d := range domains {
				o.Loads[b].Joules[d] = float64(bin.Energy[d]) * t.tick(k, d)
			}
		}
		for _, c := range place.CPUs {
			var cpu usageCpu
			if err := t.objects.Cpus.Lookup(uint32(c), &cpu); err != nil {
				return nil, fmt.Errorf("read the account of CPU %d: %w", c, err)
			}
			for q := range o.Parties {
				o.Parties[q].CPU += time.Duration(cpu.PartyNs[q])
				o.Parties[q].Cycles += cpu.PartyCycles[q]
				o.Parties[q].Instructions += cpu.PartyInstructions[q]
			}
		}
	}
	return out, nil
}

// tick returns the joules of a count of domain d on place k.
func (t *Tracker) tick(k, d int) float64 {
	p := t.power.Load()
	if p == nil {
		return kernelTick
	}
	return p.Ticks[k][d]
}

// Counts are what happened on all CPUs since the tracker started.
type Counts struct {
	Switches, FrequencyChanges, IdleEntries, ThermalTrips uint64
	// Unread are slices whose cycles could not be read: they weigh as much per
	// nanosecond as those before.
	Unread uint64
	// Missed are looks at the counters that failed.
	Missed                            uint64
	Interrupts, IdleShallow, IdleDeep time.Duration
}

// Counts reads them.
func (t *Tracker) Counts() (Counts, error) {
	var out Counts
	now := energy.Now()
	for i := range t.o.CPUs {
		var c usageCpu
		if err := t.objects.Cpus.Lookup(uint32(i), &c); err != nil {
			return out, fmt.Errorf("read the account of CPU %d: %w", i, err)
		}
		out.Switches += c.Switches
		out.FrequencyChanges += c.FreqChanges
		out.Interrupts += time.Duration(c.IrqTotal)
		for state := range c.IdleNs {
			out.IdleEntries += c.IdleEntries[state]
			if state < 2 {
				out.IdleShallow += time.Duration(c.IdleNs[state])
			} else {
				out.IdleDeep += time.Duration(c.IdleNs[state])
			}
		}
		// Who sleeps has not said for how long.
		if asleep := now.Sub(energy.Instant(c.IdleSince)); c.IdleState > 2 {
			out.IdleDeep += asleep
		} else if c.IdleState > 0 {
			out.IdleShallow += asleep
		}
	}
	for k := range t.o.Places {
		var p usagePlace
		if err := t.objects.Places.Lookup(uint32(k), &p); err != nil {
			return out, fmt.Errorf("read the account of package %d: %w", t.o.Places[k].Socket, err)
		}
		out.Missed += p.Missed
	}
	return out, errors.Join(t.objects.Throttled.Get(&out.ThermalTrips), t.objects.Unread.Get(&out.Unread))
}

// Has reports whether the kernel lets the tracker account for Interrupts, Idle,
// Frequency or Thermal.
func (t *Tracker) Has(what string) bool { return t.has[what] }

// account translates an account of place k.
func (t *Tracker) account(k int, a usageAccount) energy.Account {
	out := energy.Account{
		CPU: time.Duration(a.CpuNs), Cycles: a.Cycles, Instructions: a.Instructions,
		Weight: float64(a.S.Weight), Seconds: float64(a.S.Ns) * 1e-9 / fraction,
	}
	for d := range domains {
		out.Joules[d] = float64(a.S.Energy[d]) * t.tick(k, d) / fraction
	}
	return out
}

// addLine adds what one thread has to its process.
func (t *Tracker) addLine(alive map[key]*energy.Process, l *usageLine, accounts []usageAccount, u *energy.Usage, threads bool) {
	due := pending{l.Place, l.Pending, l.PendingK, l.PendingNs}
	settled := t.settle(due, accounts)
	id := key{pid: l.Tgid}
	p := alive[id]
	if p == nil {
		p = &energy.Process{PID: int(l.Tgid), Accounts: make([]energy.Account, len(t.o.Places))}
		alive[id] = p
	}
	if l.Pid == l.Tgid {
		describe(p, l)
	}
	var own []energy.Account
	for k := range t.o.Places {
		a := t.account(k, accounts[k])
		if !settled && k == int(due.place) {
			a.Open = min(time.Duration(due.ns), a.CPU)
		}
		p.Accounts[k].Add(a)
		own = append(own, a)
	}
	if threads {
		u.Threads = append(u.Threads, energy.Thread{TID: int(l.Pid), PID: int(l.Tgid), Comm: comm(l), Accounts: own})
	}
}

// describe copies what says who a process is.
func describe(p *energy.Process, l *usageLine) {
	p.PID, p.PPID, p.Start = int(l.Tgid), int(l.Ppid), energy.Instant(l.Start)
	p.Comm, p.Party, p.Cgroup, p.Threads = comm(l), energy.Party(l.Party), l.Cgroup, int(l.Threads)
}

func comm(l *usageLine) string {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&l.Comm[0])), len(l.Comm))
	name, _, _ := bytes.Cut(b, []byte{0})
	return string(name)
}

// collect takes what has ended out of the ring. The caller holds t.mu.
func (t *Tracker) collect() {
	if t.ended == nil {
		r, err := ringbuf.NewReader(t.objects.Ended)
		if err != nil {
			return // counted as lost once the ring is full
		}
		t.ended = r
	}
	t.settleDebts()
	if t.ended.Flush() != nil {
		return
	}
	for {
		if err := t.ended.ReadInto(&t.buf); err != nil {
			return // flushed: that was all
		}
		l, accounts, ok := parseLine(t.buf.RawSample, len(t.o.Places))
		if !ok {
			continue
		}
		t.put(l, accounts)
		t.dropped += thin(t.procs, func(p *energy.Process) []energy.Account { return p.Accounts })
		thin(t.threads, func(x *energy.Thread) []energy.Account { return x.Accounts })
	}
}

// put keeps the line of a process or a thread that has ended.
func (t *Tracker) put(l *usageLine, accounts []usageAccount) {
	id, due := key{l.Pid, l.Start}, pending{l.Place, l.Pending, l.PendingK, l.PendingNs}
	open := !t.settle(due, accounts)
	own := make([]energy.Account, len(accounts))
	for k := range accounts {
		own[k] = t.account(k, accounts[k])
	}
	if l.Kind != endedThread {
		p := &energy.Process{Ended: true, Accounts: own}
		describe(p, l)
		t.procs[id] = p
		if p.Threads != 1 {
			t.unswept[id] = false
		}
		if open {
			t.open = append(t.open, debt{due, p.Accounts})
		}
	}
	if !t.o.Threads {
		return
	}
	x := t.threads[id]
	if x == nil {
		x = &energy.Thread{TID: int(l.Pid), PID: int(l.Tgid), Comm: comm(l), Accounts: make([]energy.Account, len(own))}
		t.threads[id] = x
	}
	for k := range own {
		x.Accounts[k].Add(own[k])
	}
	if open {
		t.open = append(t.open, debt{due, x.Accounts})
	}
}

// pending is weight whose interval has not ended yet, and the CPU time that it
// is of.
type pending struct {
	place         uint32
	weight, k, ns uint64
}

// debt is what joins accounts when its interval has ended.
type debt struct {
	pending
	to []energy.Account
}

// settle adds what is pending to its account, as settle of src/usage.bpf.c
// does, and reports whether its interval has ended.
func (t *Tracker) settle(due pending, accounts []usageAccount) bool {
	if due.weight == 0 || int(due.place) >= len(accounts) {
		return true
	}
	var r usageRate
	if t.objects.Rates.Lookup(due.place*ring+uint32(due.k%ring), &r) != nil || r.K < due.k {
		return false
	}
	if r.K > due.k { // forgotten: the newest will do, it is a fraction of a millisecond
		var p usagePlace
		if t.objects.Places.Lookup(due.place, &p) != nil || t.objects.Rates.Lookup(due.place*ring+uint32((p.K-1)%ring), &r) != nil {
			return false
		}
	}
	w, a := min(due.weight, r.Weight), &accounts[due.place].S
	a.Ns += w * r.Ns >> rateShift
	for d := range a.Energy {
		a.Energy[d] += w * r.Energy[d] >> rateShift
	}
	return true
}

// settleDebts settles what ended before its interval did.
func (t *Tracker) settleDebts() {
	accounts := make([]usageAccount, len(t.o.Places))
	t.open = slices.DeleteFunc(t.open, func(d debt) bool {
		clear(accounts)
		if !t.settle(d.pending, accounts) {
			return false
		}
		d.to[d.place].Add(t.account(int(d.place), accounts[d.place]))
		return true
	})
}

// thin keeps the half that ran longest once there are more than maxEnded, and
// returns how many it dropped.
func thin[T any](of map[key]*T, accounts func(*T) []energy.Account) (dropped uint64) {
	if len(of) <= maxEnded {
		return 0
	}
	cpu := func(x *T) (d time.Duration) {
		for _, a := range accounts(x) {
			d += a.CPU
		}
		return d
	}
	var all []time.Duration
	for _, x := range of {
		all = append(all, cpu(x))
	}
	slices.Sort(all)
	for id, x := range of {
		if cpu(x) <= all[len(all)/2] {
			delete(of, id)
			dropped++
		}
	}
	return dropped
}

// parseLine takes a line of n accounts apart. What it returns points into b.
func parseLine(b []byte, n int) (*usageLine, []usageAccount, bool) {
	if len(b) < lineSize+n*int(accountSize) {
		return nil, nil, false
	}
	l := (*usageLine)(unsafe.Pointer(&b[0]))
	return l, unsafe.Slice((*usageAccount)(unsafe.Pointer(&b[lineSize])), n), true
}

// iterate runs a program on every task and hands over the lines it writes.
func (t *Tracker) iterate(p *ebpf.Program, each func(*usageLine, []usageAccount)) error {
	it, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return fmt.Errorf("walk the tasks: %w", err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		return fmt.Errorf("walk the tasks: %w", err)
	}
	defer r.Close()
	n := len(t.o.Places)
	size := lineSize + n*int(accountSize)
	buf := make([]byte, 0, 256*size)
	for {
		k, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+k]
		whole := len(buf) / size * size
		for b := buf[:whole]; len(b) > 0; b = b[size:] {
			if l, accounts, ok := parseLine(b, n); ok && each != nil {
				each(l, accounts)
			}
		}
		buf = append(buf[:0], buf[whole:]...)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("walk the tasks: %w", err)
		}
	}
}
