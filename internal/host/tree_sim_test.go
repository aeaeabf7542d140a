package host

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// world is a model of how the kernel keeps accounts of processes (kernel/exit.c),
// shown through files of the shapes of /proc. It knows the truth.
type world struct {
	t     *testing.T
	root  string
	rng   *rand.Rand
	lists bool // /proc/PID/task/TID/children exists
	init  *simProcess
	all   []*simProcess // not the reaper of last resort
	clock int
	spent use // in the window
	lost  bool
}

// simProcess is a process of the model; use is in the units of the sampler.
type simProcess struct {
	pid, start int
	parent     *simProcess
	kids       []*simProcess
	own, reap  use // of itself, and of children it waited for
	zombie     bool
	ignores    bool // SIGCHLD
}

func newWorld(t *testing.T, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &world{t: t, root: t.TempDir(), rng: rng, lists: rng.IntN(3) > 0, init: &simProcess{pid: 1}}
	w.show(w.init)
	return w
}

func (w *world) fork(parent *simProcess) *simProcess {
	w.clock++
	p := &simProcess{start: w.clock, parent: parent}
	// Few PIDs, so that they are used again.
	for p.pid = 2 + w.rng.IntN(40); w.byPID(p.pid) != nil; p.pid++ {
	}
	parent.kids = append(parent.kids, p)
	w.all = append(w.all, p)
	w.show(p)
	w.show(parent)
	return p
}

func (w *world) byPID(pid int) *simProcess {
	for _, p := range w.all {
		if p.pid == pid {
			return p
		}
	}
	return nil
}

func (w *world) spend(p *simProcess) {
	var u use
	ticks := int64(w.rng.IntN(5))
	u[useUser], u[useCPU] = ticks*procfile.NSPerTick, ticks*procfile.NSPerTick
	u[useMinorFaults] = int64(w.rng.IntN(100))
	u[useRead] = 512 * int64(w.rng.IntN(9))
	u[useReadChars] = int64(w.rng.IntN(9000))
	p.own.add(u)
	w.spent.add(u)
	w.show(p)
}

// exit ends a process. Its children become the last resort's; its parent
// keeps it as a zombie, or ignores it and what it used.
func (w *world) exit(p *simProcess) {
	p.zombie = true
	for _, k := range p.kids {
		k.parent = w.init
		w.init.kids = append(w.init.kids, k)
		w.show(k)
	}
	p.kids = nil
	w.show(p)
	w.show(w.init)
	if p.parent.ignores {
		w.lost = true
		w.remove(p)
	}
}

// wait lets a zombie's parent have its accounts.
func (w *world) wait(p *simProcess) {
	p.parent.reap.add(p.own)
	p.parent.reap.add(p.reap)
	parent := p.parent
	w.remove(p)
	w.show(parent)
}

func (w *world) remove(p *simProcess) {
	p.parent.kids = slices.DeleteFunc(p.parent.kids, func(k *simProcess) bool { return k == p })
	w.all = slices.DeleteFunc(w.all, func(k *simProcess) bool { return k == p })
	w.show(p.parent)
	if err := os.RemoveAll(fmt.Sprintf("%s/proc/%d", w.root, p.pid)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) show(p *simProcess) {
	dir := fmt.Sprintf("%s/proc/%d/", w.root, p.pid)
	ppid, state := 0, "S"
	if p.parent != nil {
		ppid = p.parent.pid
	}
	if p.zombie {
		state = "Z"
	}
	write(w.t, dir+"stat", fmt.Sprintf("%d (a) R (%d) %s %d 1 1 0 -1 4194304 %d %d 0 0 %d 0 %d 0 20 0 1 0 %d 4096 7 0 0\n",
		p.pid, p.pid, state, ppid, p.own[useMinorFaults], p.reap[useMinorFaults],
		p.own[useUser]/procfile.NSPerTick, p.reap[useUser]/procfile.NSPerTick, p.start))
	chars, read := p.own[useReadChars]+p.reap[useReadChars], p.own[useRead]+p.reap[useRead]
	write(w.t, dir+"io", fmt.Sprintf("rchar: %d\nwchar: 0\nsyscr: 1\nsyscw: 1\nread_bytes: %d\nwrite_bytes: 0\ncancelled_write_bytes: 0\n", chars, read))
	if w.lists {
		var pids []string
		for _, k := range p.kids {
			pids = append(pids, strconv.Itoa(k.pid))
		}
		write(w.t, fmt.Sprintf("%stask/%d/children", dir, p.pid), strings.Join(append(pids, ""), " "))
	}
}

func (p *simProcess) rusage() *syscall.Rusage {
	u := p.own
	u.add(p.reap)
	return &syscall.Rusage{Utime: syscall.NsecToTimeval(u[useUser]), Minflt: u[useMinorFaults], Inblock: u[useRead] / 512}
}

// step lets something happen to a process of the tree.
func (w *world) step(mayIgnore bool, reaped func(*simProcess)) {
	if len(w.all) == 0 {
		return
	}
	p := w.all[w.rng.IntN(len(w.all))]
	switch n := w.rng.IntN(10); {
	case p.zombie && p.parent == w.init:
		reaped(p)
	case p.zombie:
		w.wait(p)
	case n < 4:
		w.spend(p)
	case n < 7 && len(w.all) < 12:
		w.fork(p)
	case n < 9:
		w.exit(p)
	case mayIgnore:
		p.ignores = !p.ignores
		w.show(p)
	}
}

// check holds the sampler's result against the truth.
func (w *world) check(s *Sampler, exact bool, names ...string) {
	w.t.Helper()
	got := byName(w.t, s.Stop(0))
	for name, truth := range map[string]float64{
		"cpu.time": float64(w.spent[useCPU]) / 1e9, "memory.faults_minor": float64(w.spent[useMinorFaults]),
		"io.read": float64(w.spent[useRead]), "io.read_chars": float64(w.spent[useReadChars]),
	} {
		v := value(w.t, got, name)
		if v > truth+1e-9 {
			w.t.Errorf("%s = %v, more than the %v there was: something counts twice", name, v, truth)
		}
		if exact && slices.Contains(names, name) && v < truth-1e-9 {
			w.t.Errorf("%s = %v, less than the %v there was", name, v, truth)
		}
	}
}

// TestSimulatedLaunch: whatever the tree does and whenever samples fall, all
// that is waited for by somebody is counted once.
func TestSimulatedLaunch(t *testing.T) {
	for seed := range uint64(48) {
		t.Run(strconv.Itoa(int(seed)), func(t *testing.T) {
			w := newWorld(t, seed)
			leader := w.fork(w.init)
			w.spend(leader) // before the window
			w.spent = use{}
			s := New(w.root, Target{PID: leader.pid, Launched: true})
			s.tree.reaper = w.init.pid
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			mayIgnore, ending := seed%3 == 0, seed%4 != 0
			for range 80 {
				w.step(mayIgnore, func(p *simProcess) {
					if ending {
						s.Ending(p.pid)
					}
					ru := p.rusage()
					w.remove(p)
					s.Reaped(p.pid, ru)
				})
				if w.rng.IntN(4) == 0 {
					s.tree.next = 0
					s.Tick()
				}
			}
			if !ending {
				// Nobody could tell the bytes by system call.
				s.tree.charsErr = ""
			}
			exact := []string{"cpu.time", "memory.faults_minor", "io.read"}
			if ending {
				exact = append(exact, "io.read_chars")
			}
			w.check(s, !w.lost, exact...)
		})
	}
}

// TestSimulatedAttach: a tree that was running before, and sampled after every
// event, is counted exactly, with what its processes had used before left out
// even when that ends up in their parents' accounts.
func TestSimulatedAttach(t *testing.T) {
	for seed := range uint64(48) {
		t.Run(strconv.Itoa(int(seed)), func(t *testing.T) {
			w := newWorld(t, seed)
			leader := w.fork(w.init)
			for range 40 {
				p := w.all[w.rng.IntN(len(w.all))]
				switch n := w.rng.IntN(4); {
				case p.zombie && p.parent == w.init:
					w.remove(p)
				case p.zombie:
					w.wait(p)
				case n == 0 && len(w.all) < 8:
					w.fork(p)
				case n == 1 && p != leader:
					w.exit(p)
				default:
					w.spend(p)
				}
			}
			// Who was orphaned before is not of the tree.
			for _, p := range slices.Clone(w.all) {
				if p.parent == w.init && p != leader {
					w.detach(p)
				}
			}
			w.spent = use{}
			s := New(w.root, Target{PID: leader.pid})
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			everyStep := seed%2 == 0
			for range 60 {
				w.step(seed%3 == 0, w.remove)
				if everyStep || w.rng.IntN(4) == 0 {
					s.tree.next = 0
					s.Tick()
				}
			}
			w.check(s, everyStep, "cpu.time", "memory.faults_minor")
		})
	}
}

// detach ends a process and everything below it.
func (w *world) detach(p *simProcess) {
	for _, k := range slices.Clone(p.kids) {
		w.detach(k)
	}
	w.remove(p)
}

// TestBadProcessFiles damages a process's files within the window: what they
// hold becomes null, with the file in the reason, and nothing else does.
func TestBadProcessFiles(t *testing.T) {
	depends := map[string][]string{
		"stat":      {"cpu.time", "cpu.user", "cpu.system", "cpu.utilization", "memory.faults_minor", "memory.faults_major"},
		"io":        {"io.read", "io.written", "io.read_chars", "io.written_chars"},
		"schedstat": {"cpu.run_wait"},
		"status":    {"cpu.context_switches_voluntary", "cpu.context_switches_involuntary"},
	}
	for file := range depends {
		for kind, content := range map[string]string{"empty": "", "nonsense": "5 (x) \x00 -1\n", "missing": "missing"} {
			if kind == "missing" && file == "stat" {
				continue // the process is gone, then
			}
			w := newWorld(t, 4)
			p := w.fork(w.init)
			dir := fmt.Sprintf("%s/proc/%d/", w.root, p.pid)
			write(t, dir+"schedstat", "5000 700 2\n")
			write(t, fmt.Sprintf("%stask/%d/status", dir, p.pid), "VmHWM: 5 kB\nvoluntary_ctxt_switches: 1\nnonvoluntary_ctxt_switches: 2\n")
			s := New(w.root, Target{PID: p.pid})
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			s.Tick()
			path := dir + file
			if file == "status" {
				path = fmt.Sprintf("%stask/%d/status", dir, p.pid)
			}
			if kind == "missing" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path, content)
			}
			got := byName(t, s.Stop(0))
			for other, names := range depends {
				for _, name := range names {
					m := got[name]
					if other != file && m.Value == nil {
						t.Errorf("%s %s took %s along: %s", kind, file, name, m.Reason)
					}
					if other == file && (m.Value != nil || !strings.Contains(m.Reason, path)) {
						t.Errorf("%s %s left %s: %+v", kind, file, name, m)
					}
				}
			}
		}
	}
}
