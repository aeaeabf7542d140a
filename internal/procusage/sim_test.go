package procusage

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// sim is a machine whose processes fork, work, exec, end, are waited for and
// handed over at random, with the truth about the target's tree.
type sim struct {
	f       *fake
	r       *rand.Rand
	member  map[int]bool
	next    int
	clock   int          // start times
	looked  map[int]bool // was there at a look
	stray   map[int]bool // lost its parent before it was looked at, or comes from one that did
	gone    map[int]bool // ended since the last look
	truth   int          // ticks of the tree
	all     int          // ticks of everybody
	blurred int          // ticks whose owner /proc can't tell
}

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{
		f: newFake(t, 2), r: rand.New(rand.NewPCG(seed, 1)), member: map[int]bool{10: true},
		next: 30, clock: 1000, looked: map[int]bool{}, stray: map[int]bool{}, gone: map[int]bool{},
	}
	s.f.add(&fakeProcess{pid: 10, ppid: 1, group: 1, comm: "root"})
	s.f.add(&fakeProcess{pid: 20, ppid: 1, group: 1, comm: "other"})
	return s
}

// pick returns a process that is neither kthreadd nor, for an end, one of the
// three that stay.
func (s *sim) pick(mortal bool) *fakeProcess {
	var all []*fakeProcess
	for pid := 1; pid < s.next+1; pid++ {
		if p := s.f.procs[pid]; p != nil && pid != 2 && (!mortal || pid >= 30) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[s.r.IntN(len(all))]
}

func (s *sim) step() {
	switch s.r.IntN(6) {
	case 0, 1:
		s.fork(s.pick(false))
	case 2, 3:
		if p := s.pick(false); p != nil {
			n := s.r.IntN(5)
			p.self += n
			s.all += n
			s.f.cpus[0].user += n
			if s.member[p.pid] {
				s.truth += n
			}
			if s.stray[p.pid] {
				s.blurred += n // nothing in /proc says whose it is
			}
		}
	case 4:
		if p := s.pick(true); p != nil {
			p.comm = fmt.Sprintf("exec%d ) (", s.r.IntN(9))
			if s.r.IntN(2) == 0 {
				p.group = p.pid
			}
		}
	case 5:
		if p := s.pick(true); p != nil {
			s.end(p)
		}
	}
}

func (s *sim) fork(parent *fakeProcess) {
	pid := s.next
	s.next++
	// Now and then a PID that was used before is given out again.
	if old := 30 + s.r.IntN(max(1, s.next-30)); old < pid && s.f.procs[old] == nil && s.r.IntN(3) == 0 && !s.groupOf(old) {
		pid = old
		s.next--
	}
	s.clock++
	s.f.add(&fakeProcess{pid: pid, ppid: parent.pid, group: parent.group, start: s.clock, comm: parent.comm})
	s.member[pid] = s.member[parent.pid]
	s.stray[pid] = s.stray[parent.pid]
	delete(s.looked, pid)
	delete(s.gone, pid)
}

// groupOf reports whether a group of this number has members: the kernel does
// not give the number out then.
func (s *sim) groupOf(id int) bool {
	for _, p := range s.f.procs {
		if p.group == id {
			return true
		}
	}
	return false
}

func (s *sim) end(p *fakeProcess) {
	up := s.f.procs[p.ppid]
	up.kids += p.self + p.kids
	delete(s.f.procs, p.pid)
	s.gone[p.pid] = true
	if p.ppid == 1 || s.gone[p.ppid] {
		// Nobody of the tree waits for it, or one that was not seen to: its
		// time may be found with another.
		s.blurred += p.self + p.kids
	}
	for _, child := range s.f.procs {
		if child.ppid == p.pid {
			child.ppid = 1
			s.lose(child)
			s.blurred += child.self + child.kids // if it ends before a look
		}
	}
}

// lose marks a process, and all it has started, that have not been looked at
// while their parents were there.
func (s *sim) lose(p *fakeProcess) {
	if s.looked[p.pid] {
		return
	}
	s.stray[p.pid] = true
	s.blurred += p.self + p.kids
	for _, child := range s.f.procs {
		if child.ppid == p.pid {
			s.lose(child)
		}
	}
}

func TestTreesAtRandom(t *testing.T) {
	exact := 0
	for seed := range uint64(40) {
		s := newSim(t, seed)
		tr := s.f.start(Config{Target: Target{PID: 10}})
		for range 12 {
			for range s.r.IntN(12) {
				s.step()
			}
			u := s.f.interval(tr, time.Second, 10)
			clear(s.gone)
			for pid := range s.f.procs {
				s.looked[pid] = true
			}
			got := seconds(u, energy.Target) * 100
			if low := float64(s.truth - s.blurred); got < low-1e-6 || got > float64(s.truth+s.blurred)+1e-6 {
				t.Fatalf("seed %d: %v ticks of %d captured, %d blurred", seed, got, s.truth, s.blurred)
			}
			if got > float64(s.truth)-1e-6 && got < float64(s.truth)+1e-6 {
				exact++
			}
			for _, p := range u.Processes {
				if !p.Ended && s.member[p.PID] != (p.Party == energy.Target) && !s.stray[p.PID] {
					t.Fatalf("seed %d: process %d is %v, member: %v", seed, p.PID, p.Party, s.member[p.PID])
				}
			}
		}
	}
	t.Logf("%d of 480 intervals exact", exact)
	if exact < 300 {
		t.Errorf("only %d of 480 intervals are exact", exact)
	}
}

func FuzzParseCPU(f *testing.F) {
	f.Add([]byte("cpu3 1 2 3 4 5 6 7 8 9 10"))
	f.Add([]byte("cpu  1 2 3 4 5 6 7"))
	f.Add([]byte("cpu0 18446744073709551615 2 3 4 5 6 7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cpu, v, ok := parseCPU(b)
		if ok && (cpu < 0 || v.irq > v.busy || v.busy > 5<<38) {
			t.Fatalf("%q gave %d %+v", b, cpu, v)
		}
	})
}

func FuzzParseGroupTime(f *testing.F) {
	f.Add([]byte("usage_usec 12\nuser_usec 3\n"), true)
	f.Add([]byte("12345\n"), false)
	f.Add([]byte("usage_usec 18446744073709551615\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, v2 bool) {
		if ns, err := parseGroupTime(b, v2); err == nil && int64(ns) < 0 {
			t.Fatalf("%q gave %d", b, ns)
		}
	})
}
