// Package lab drives the virtual RAPL lab of testdata/lab and reads the truth it simulates.
//
// A test on the host starts a guest with [Run]; a test inside the guest ([InGuest]) reads what every
// process and package really spent with [ReadTruth], changes the machine with [Control], and starts
// over with another one with [Reload].
//
// All times are CLOCK_MONOTONIC of the guest, the clock of simulated energy.
package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Paths of the simulation's accounts in the guest.
const (
	truthPath = "/proc/raplsim"
	livePath  = "/proc/raplsim_live"
)

// Nanojoules is an energy in nJ, rounded down.
type Nanojoules uint64

// Joules returns n in J.
func (n Nanojoules) Joules() float64 { return float64(n) * 1e-9 }

// Domains holds one value per RAPL domain of a die, in nJ. Core and Uncore are parts of Package; DRAM
// is not.
type Domains struct {
	Package, Core, Uncore, DRAM Nanojoules
}

// Truth is one consistent view of the simulation: all values belong to the instant Now.
type Truth struct {
	Now    time.Duration // CLOCK_MONOTONIC when the view was taken
	Local  time.Duration // the scheduler's clock at the same instant
	Loaded time.Duration // when the simulation was loaded
	Reset  time.Duration // since when energies count: Loaded, or the last "reset"
	Lost   uint64        // processes without a record: more than max_procs, or no memory

	Config    map[string]string // parameters in force
	Dies      []Die             // in the order of packages
	PSys      Nanojoules        // platform: all packages, DRAM and a constant
	Cores     []Core
	CPUs      []CPU
	Processes []Process // in order of creation; the first ("(unknown)", PID -1) takes what nobody owns
}

// Die is what one die of a package spent since Reset.
type Die struct {
	Package, Die int
	Energy       Domains
	Idle         Nanojoules // part of Energy.Package that no work causes
	Wake         Nanojoules // part that comes from any CPU of the package being busy
	Dynamic      Nanojoules // part that busy CPUs cause: the sum of all processes' Dynamic
	DRAMDynamic  Nanojoules // part of Energy.DRAM that busy CPUs cause
	Wraps        Wraps      // revolutions of the registers since Loaded
	Updates      uint64     // refreshes of the package's registers since Loaded
}

// Wraps counts how often each register of a die passed 2^32.
type Wraps struct {
	Package, Core, Uncore, DRAM uint64
}

// Core is the energy of one physical core since Reset, its idle part included.
type Core struct {
	Package, Die, Core int
	Energy             Nanojoules
}

// CPU is what one logical CPU did since Reset (Cycles and Instructions: since Loaded).
type CPU struct {
	CPU, Package, Die, Core int
	MHz                     int
	Busy, Idle              time.Duration
	KThread                 time.Duration // part of Busy that kernel threads took
	Dynamic                 Nanojoules
	Cycles, Instructions    uint64
	Switches                uint64 // context switches
}

// Process is what one thread group did from fork to exit, or to Now.
type Process struct {
	PID, PPID int    // PPID at the time of the fork
	Comm      string // name of the leader, as it was last
	KThread   bool
	Live      bool
	Threads   int // ever started, the first one included

	Dynamic              Nanojoules // energy of the CPUs while it ran
	DRAM                 Nanojoules // dynamic energy of the DRAM while it ran
	CPU                  time.Duration
	Cycles, Instructions uint64

	Forked, Execed, Exited time.Duration // 0: has not happened (Execed: the last one)
	AtExec, AtExit         *Mark         // nil: has not happened
}

// Mark is the state of a process and of the whole machine at one instant.
type Mark struct {
	Dynamic, DRAM Nanojoules // of the process so far
	CPU           time.Duration
	Dies          []DieEnergy // of the machine so far
	PSys          Nanojoules
}

// DieEnergy is the energy of one die.
type DieEnergy struct {
	Package, Die int
	Energy       Domains
}

// Process returns the youngest process that had this PID, or nil.
func (t *Truth) Process(pid int) *Process {
	for i := len(t.Processes) - 1; i >= 0; i-- {
		if t.Processes[i].PID == pid {
			return &t.Processes[i]
		}
	}
	return nil
}

// Tree returns p and all its descendants by fork, in order of creation.
func (t *Truth) Tree(p *Process) []*Process {
	tree := []*Process{p}
	in := map[int]bool{p.PID: true}
	for i := range t.Processes {
		q := &t.Processes[i]
		if q == p || q.Forked < p.Forked {
			continue
		}
		// A PID that returns belongs to somebody else until proven otherwise.
		delete(in, q.PID)
		if in[q.PPID] {
			in[q.PID] = true
			tree = append(tree, q)
		}
	}
	return tree
}

// Total returns the energy of all dies.
func (t *Truth) Total() Domains {
	var sum Domains
	for _, d := range t.Dies {
		sum.add(d.Energy)
	}
	return sum
}

// Total returns the energy of all dies of the machine at the mark.
func (m *Mark) Total() Domains {
	var sum Domains
	for _, d := range m.Dies {
		sum.add(d.Energy)
	}
	return sum
}

func (d *Domains) add(e Domains) {
	d.Package += e.Package
	d.Core += e.Core
	d.Uncore += e.Uncore
	d.DRAM += e.DRAM
}

// Lifetime returns what every die spent between the process's last exec and its exit; false as long as
// one of the two has not happened.
func (p *Process) Lifetime() ([]DieEnergy, bool) {
	if p.AtExec == nil || p.AtExit == nil {
		return nil, false
	}
	diff := make([]DieEnergy, len(p.AtExit.Dies))
	for i, d := range p.AtExit.Dies {
		e := p.AtExec.Dies[i].Energy
		diff[i] = d
		diff[i].Energy.Package -= e.Package
		diff[i].Energy.Core -= e.Core
		diff[i].Energy.Uncore -= e.Uncore
		diff[i].Energy.DRAM -= e.DRAM
	}
	return diff, true
}

// Check verifies that the account conserves energy: each die's parts add up to its package, and all
// processes together to the dynamic energy of all dies. It returns the first contradiction.
func (t *Truth) Check() error {
	var dies, dram, procs, procsDRAM Nanojoules
	for _, d := range t.Dies {
		if parts := d.Idle + d.Wake + d.Dynamic; !near(parts, d.Energy.Package, 3) {
			return fmt.Errorf("package %d die %d: parts are %d nJ, package is %d nJ", d.Package, d.Die, parts, d.Energy.Package)
		}
		dies += d.Dynamic
		dram += d.DRAMDynamic
	}
	for i := range t.Processes {
		procs += t.Processes[i].Dynamic
		procsDRAM += t.Processes[i].DRAM
	}
	rounding := uint64(len(t.Processes) + len(t.Dies))
	if !near(dies, procs, rounding) {
		return fmt.Errorf("processes sum to %d nJ, dies to %d nJ", procs, dies)
	}
	if !near(dram, procsDRAM, rounding) {
		return fmt.Errorf("processes sum to %d nJ of DRAM, dies to %d nJ", procsDRAM, dram)
	}
	return nil
}

// near tells whether two energies differ by no more than the given rounding, in nJ.
func near(a, b Nanojoules, rounding uint64) bool {
	return max(a, b)-min(a, b) <= Nanojoules(rounding)
}

// Identity tells a process from others that had its PID.
type Identity struct {
	PID    int
	Forked time.Duration
}

// ReadLive returns what every living program has spent up to now, as in
// Process.Dynamic; only in the guest. It is cheap beside ReadTruth.
func ReadLive() (now time.Duration, spent map[Identity]Nanojoules, err error) {
	b, err := os.ReadFile(livePath)
	if err != nil {
		return 0, nil, fmt.Errorf("read truth: %w", err)
	}
	head, rest, _ := strings.Cut(string(b), "\n")
	ns, err := strconv.ParseInt(head, 10, 64)
	if err != nil {
		return 0, nil, fmt.Errorf("parse %s: %w", livePath, err)
	}
	spent = map[Identity]Nanojoules{}
	for l := range strings.Lines(rest) {
		var who Identity
		var e Nanojoules
		if _, err := fmt.Sscan(l, &who.PID, (*int64)(&who.Forked), (*uint64)(&e)); err != nil {
			return 0, nil, fmt.Errorf("parse %s: %q: %w", livePath, l, err)
		}
		spent[who] = e
	}
	return time.Duration(ns), spent, nil
}

// ReadTruth reads the simulation's account; only in the guest.
func ReadTruth() (*Truth, error) {
	f, err := os.Open(truthPath)
	if err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	defer f.Close()
	return ParseTruth(f)
}

// ParseTruth reads the account from r; testdata/lab/README.md describes the format. Unknown keys are
// skipped, so that the simulation can say more; unknown lines and broken numbers are errors.
func ParseTruth(r io.Reader) (*Truth, error) {
	t := &Truth{Config: map[string]string{}}
	seen := false
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 1<<20)
	for n := 1; s.Scan(); n++ {
		kind, rest, _ := strings.Cut(s.Text(), " ")
		l := line{text: rest}
		switch kind {
		case "raplsim":
			seen = true
			if v := l.number("version"); l.err == nil && v != 1 {
				return nil, fmt.Errorf("parse truth: version %d, want 1", v)
			}
			t.Lost = l.number("lost")
		case "clock":
			t.Now, t.Local = l.duration("mono_ns"), l.duration("local_ns")
			t.Loaded, t.Reset = l.duration("loaded_ns"), l.duration("reset_ns")
		case "config":
			for f := range strings.FieldsSeq(rest) {
				if k, v, ok := strings.Cut(f, "="); ok {
					t.Config[k] = v
				}
			}
		case "die":
			t.Dies = append(t.Dies, Die{
				Package: l.int("package"), Die: l.int("die"),
				Energy: Domains{l.energy("pkg_nj"), l.energy("core_nj"), l.energy("uncore_nj"), l.energy("dram_nj")},
				Idle:   l.energy("idle_nj"), Wake: l.energy("wake_nj"),
				Dynamic: l.energy("dyn_nj"), DRAMDynamic: l.energy("dram_dyn_nj"),
				Wraps:   Wraps{l.number("pkg_wraps"), l.number("core_wraps"), l.number("uncore_wraps"), l.number("dram_wraps")},
				Updates: l.number("updates"),
			})
		case "psys":
			t.PSys = l.energy("nj")
		case "core":
			t.Cores = append(t.Cores, Core{l.int("package"), l.int("die"), l.int("core"), l.energy("nj")})
		case "cpu":
			t.CPUs = append(t.CPUs, CPU{
				CPU: l.int("cpu"), Package: l.int("package"), Die: l.int("die"), Core: l.int("core"), MHz: l.int("mhz"),
				Busy: l.duration("busy_ns"), Idle: l.duration("idle_ns"), KThread: l.duration("kthread_ns"),
				Dynamic: l.energy("dyn_nj"), Cycles: l.number("cycles"), Instructions: l.number("instructions"),
				Switches: l.number("switches"),
			})
		case "process":
			t.Processes = append(t.Processes, l.process())
		default:
			return nil, fmt.Errorf("parse truth: line %d: unknown kind %.20q", n, kind)
		}
		if l.err != nil {
			return nil, fmt.Errorf("parse truth: line %d (%s): %w", n, kind, l.err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	if !seen {
		return nil, errors.New("parse truth: no raplsim line")
	}
	return t, nil
}

// line takes values out of one line of key=value fields. It stays at the first error.
type line struct {
	text string
	err  error
}

// value returns the text after "key=". Keys come in a stable order and are asked for in that order, so
// the search goes on from the last hit: linear in the length of the line. A key that is not there leaves
// the position alone.
func (l *line) value(key string) (string, bool) {
	for rest := l.text; rest != ""; {
		field, after, _ := strings.Cut(rest, " ")
		if v, ok := strings.CutPrefix(field, key); ok && strings.HasPrefix(v, "=") {
			l.text = after
			return v[1:], true
		}
		rest = after
	}
	return "", false
}

func (l *line) fail(key string, err error) {
	if l.err == nil {
		l.err = fmt.Errorf("%s: %w", key, err)
	}
}

func (l *line) must(key string) string {
	v, ok := l.value(key)
	if !ok {
		l.fail(key, errors.New("missing"))
	}
	return v
}

func (l *line) number(key string) uint64 {
	v := l.must(key)
	if l.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		l.fail(key, err)
	}
	return n
}

func (l *line) int(key string) int {
	v := l.must(key)
	if l.err != nil {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		l.fail(key, err)
	}
	return n
}

func (l *line) energy(key string) Nanojoules { return Nanojoules(l.number(key)) }

func (l *line) duration(key string) time.Duration { return time.Duration(l.number(key)) }

func (l *line) process() Process {
	p := Process{
		PID: l.int("pid"), PPID: l.int("ppid"), Comm: unescape(l.must("comm")),
		KThread: l.int("kthread") == 1, Live: l.int("live") == 1, Threads: l.int("threads"),
		Dynamic: l.energy("dyn_nj"), DRAM: l.energy("dram_nj"), CPU: l.duration("cpu_ns"),
		Cycles: l.number("cycles"), Instructions: l.number("instructions"),
		Forked: l.duration("fork_ns"), Execed: l.duration("exec_ns"), Exited: l.duration("exit_ns"),
	}
	if l.err == nil && p.Execed != 0 {
		p.AtExec = l.mark("exec")
	}
	if l.err == nil && p.Exited != 0 {
		p.AtExit = l.mark("exit")
	}
	if l.err == nil && p.AtExec != nil && p.AtExit != nil && len(p.AtExec.Dies) != len(p.AtExit.Dies) {
		l.err = errors.New("exec and exit know different dies")
	}
	return p
}

// mark reads WHEN_dyn_nj=, WHEN_dram_nj=, WHEN_cpu_ns=, then WHEN_PACKAGE.DIE_nj=PKG,CORE,UNCORE,DRAM
// for each die and WHEN_psys_nj=.
func (l *line) mark(when string) *Mark {
	m := &Mark{
		Dynamic: l.energy(when + "_dyn_nj"), DRAM: l.energy(when + "_dram_nj"), CPU: l.duration(when + "_cpu_ns"),
	}
	for l.err == nil && l.text != "" {
		field, after, _ := strings.Cut(l.text, " ")
		key, value, _ := strings.Cut(field, "=")
		name, ok := strings.CutPrefix(key, when+"_")
		if !ok || name == "psys_nj" {
			break
		}
		l.text = after
		var d DieEnergy
		e := &d.Energy
		at, isDie := strings.CutSuffix(name, "_nj")
		if !isDie {
			continue
		}
		if _, err := fmt.Sscanf(at+" "+value, "%d.%d %d,%d,%d,%d",
			&d.Package, &d.Die, &e.Package, &e.Core, &e.Uncore, &e.DRAM); err != nil {
			l.fail(key, err)
		}
		m.Dies = append(m.Dies, d)
	}
	m.PSys = l.energy(when + "_psys_nj")
	return m
}

// unescape undoes the kernel's octal escapes (\040 for a blank).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
