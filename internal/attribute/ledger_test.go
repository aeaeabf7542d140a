package attribute

import (
	"math"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// checkSums holds a world to conservation: tasks and nobody, parties and
// nobody, and classes of load each make up what was put in.
func checkSums(t *testing.T, w *world) {
	t.Helper()
	for k, p := range w.ledger.Packages(nil) {
		for d := range energy.NumDomains {
			tasks, parties, loads := p.Nobody.Joules[d], p.Nobody.Joules[d], 0.0
			for i := range w.tasks {
				j := w.tasks[i][k].Joules[d]
				if !(j >= 0) {
					t.Fatalf("package %d: task %d has %v J", k, i, j)
				}
				tasks += j
			}
			for who := range p.Parties {
				parties += p.Parties[who].Joules[d]
			}
			for _, b := range p.Loads {
				loads += b.Joules[d]
			}
			for what, sum := range map[string]float64{"tasks": tasks, "parties": parties, "loads": loads} {
				if !near(sum, w.joules[k][d]) {
					t.Fatalf("package %d domain %d: %s add up to %v J of %v", k, d, what, sum, w.joules[k][d])
				}
			}
		}
		sum, loads := p.Nobody.Seconds, 0.0
		for who := range p.Parties {
			sum += p.Parties[who].Seconds
		}
		for _, b := range p.Loads {
			loads += b.Seconds
		}
		if !near(sum, w.seconds[k]) || !near(loads, w.seconds[k]) || !near(p.Seconds, w.seconds[k]) {
			t.Fatalf("package %d: parties %v s, loads %v s, package %v s of %v", k, sum, loads, p.Seconds, w.seconds[k])
		}
	}
}

func TestLedgerConserves(t *testing.T) {
	for seed := range uint64(300) {
		r := seeded(seed)
		w := newWorld(1+r.IntN(3), 1+r.IntN(64), r.IntN(12), r)
		for range 50 {
			w.feed(w.random(r))
		}
		checkSums(t, w)
	}
}

func FuzzLedger(f *testing.F) {
	f.Add(0.001, 0.2, 1.0, 3.0, 0.0, int64(1000))
	f.Add(math.Inf(1), math.NaN(), -1.0, 1e308, 1e308, int64(-5))
	f.Add(0.0, 5e-324, 5e-324, 1e-300, 1e300, int64(0))
	f.Fuzz(func(t *testing.T, seconds, joules, w1, w2, w3 float64, cpu int64) {
		if joules > 1e300 || seconds > 1e300 {
			return // two intervals of it are no float
		}
		w := newWorld(1, 2, 3, seeded(1))
		in := input{seconds: seconds, weights: []float64{w1, w2, w3}, cpu: make([]time.Duration, 3)}
		in.cpu[0] = time.Duration(cpu)
		in.joules[energy.Package] = joules
		w.feed(in)
		w.feed(in)
		checkSums(t, w)
	})
}

func TestLedgerSharesByWeight(t *testing.T) {
	l := NewLedger([]energy.Place{{Socket: 0, Die: -1, CPUs: []int{0, 1}}})
	var a, b energy.Account
	nan := math.NaN()
	l.Interval(0, 0.5, [energy.NumDomains]float64{energy.Package: 8, energy.DRAM: nan}, []Work{
		{Account: &a, Party: energy.Target, Weight: 3, CPU: 300 * time.Millisecond, Cycles: 30, Instructions: 60},
		{Account: &b, Party: energy.Others, Weight: 1, CPU: 100 * time.Millisecond},
		{Party: energy.Kernel, Weight: 4, CPU: 100 * time.Millisecond},
	})
	l.Interval(0, 1, [energy.NumDomains]float64{energy.Package: 5, energy.DRAM: 2}, nil)
	p := l.Packages(nil)[0]
	if a.Joules[energy.Package] != 3 || b.Joules[energy.Package] != 1 || a.Seconds != 0.1875 || a.Cycles != 30 || a.Instructions != 60 {
		t.Errorf("accounts %+v and %+v", a, b)
	}
	if got := p.Parties[energy.Kernel].Joules[energy.Package]; got != 4 {
		t.Errorf("the kernel has %v J, want 4", got)
	}
	if p.Nobody.Joules[energy.Package] != 5 || p.Nobody.Seconds != 1 || p.Nobody.Joules[energy.DRAM] != 2 {
		t.Errorf("nobody has %+v", p.Nobody)
	}
	if p.Unknown[energy.DRAM] != 0.5 || p.Unknown[energy.Package] != 0 {
		t.Errorf("unknown for %v", p.Unknown)
	}
	// Half a second of 2 CPUs, half a CPU second of it busy: class 0.25 to 0.5.
	if b := p.Loads[5]; b.Seconds != 0.5 || b.Joules[energy.Package] != 8 || b.Busy != 0.5 {
		t.Errorf("loads %+v", p.Loads)
	}
	if p.Loads[0].Seconds != 1 {
		t.Errorf("the idle second is not in the class of no load: %+v", p.Loads)
	}
}

func TestLedgerOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(100) {
		r := seeded(seed)
		w, v := newWorld(1, 4, 6, r), newWorld(1, 4, 6, r)
		order := r.Perm(6)
		for i, o := range order {
			v.parties[i] = w.parties[o]
		}
		for range 20 {
			in := w.random(r)
			w.feed(in)
			out := in
			out.weights, out.cpu = nil, nil
			for _, o := range order {
				out.weights, out.cpu = append(out.weights, in.weights[o]), append(out.cpu, in.cpu[o])
			}
			v.feed(out)
		}
		for i, o := range order {
			for d := range energy.NumDomains {
				if a, b := v.tasks[i][0].Joules[d], w.tasks[o][0].Joules[d]; !near(a, b) {
					t.Fatalf("seed %d: %v J in one order, %v in another", seed, a, b)
				}
			}
		}
	}
}

// A task that is split in two that do its work together (threads, exec that
// goes on under another name, a fork that takes a part over) keeps its sum,
// and nobody else sees a difference.
func TestLedgerSplittingATaskKeepsItsSum(t *testing.T) {
	for seed := range uint64(100) {
		r := seeded(seed)
		w, v := newWorld(1, 4, 3, r), newWorld(1, 4, 4, r)
		v.parties = append(append(v.parties[:0], w.parties...), w.parties[2])
		for range 20 {
			in := w.random(r)
			in.weights[2] = 1e6 * r.Float64()
			w.feed(in)
			part := r.Float64()
			out := in
			out.weights = []float64{in.weights[0], in.weights[1], in.weights[2] * part, in.weights[2] * (1 - part)}
			out.cpu = append(append([]time.Duration(nil), in.cpu...), 0)
			v.feed(out)
		}
		for d := range energy.NumDomains {
			if a, b := w.tasks[2][0].Joules[d], v.tasks[2][0].Joules[d]+v.tasks[3][0].Joules[d]; !near(a, b) {
				t.Fatalf("seed %d: %v J whole, %v in parts", seed, a, b)
			}
			if a, b := w.tasks[0][0].Joules[d], v.tasks[0][0].Joules[d]; !near(a, b) {
				t.Fatalf("seed %d: a bystander has %v J and %v", seed, a, b)
			}
		}
	}
}

func TestLedgerEqualTasksGetEqualEnergy(t *testing.T) {
	r := seeded(3)
	w := newWorld(1, 4, 5, r)
	for range 200 {
		in := w.random(r)
		in.weights[1] = in.weights[4]
		w.feed(in)
	}
	if a, b := w.tasks[1][0].Joules, w.tasks[4][0].Joules; a != b {
		t.Errorf("equal work, unequal joules: %v and %v", a, b)
	}
}

// Intervals cut finer hold the same in all, where power and load do not
// change between the cuts.
func TestLedgerIntervalsSumToTheWhole(t *testing.T) {
	for seed := range uint64(50) {
		r := seeded(seed)
		w, v := newWorld(1, 4, 4, r), newWorld(1, 4, 4, r)
		v.parties = w.parties
		in := input{seconds: 0.1, weights: []float64{1, 2, 0, 4 * r.Float64()}, cpu: make([]time.Duration, 4)}
		in.joules[energy.Package] = 10 * r.Float64()
		w.feed(in)
		for left, n := 1.0, 100; n > 0; n-- {
			part := left
			if n > 1 {
				part = left * r.Float64()
			}
			left -= part
			cut := in
			cut.seconds *= part
			cut.joules[energy.Package] *= part
			cut.weights = nil
			for _, x := range in.weights {
				cut.weights = append(cut.weights, x*part)
			}
			v.feed(cut)
		}
		for i := range w.tasks {
			if a, b := w.tasks[i][0].Joules[energy.Package], v.tasks[i][0].Joules[energy.Package]; !near(a, b) {
				t.Fatalf("seed %d: task %d has %v J whole and %v in pieces", seed, i, a, b)
			}
		}
	}
}

func TestIntervalAllocatesNothing(t *testing.T) {
	l := NewLedger([]energy.Place{{CPUs: []int{0}}})
	work := []Work{{Account: new(energy.Account), Weight: 1}, {Party: energy.Kernel, Weight: 2}}
	if n := testing.AllocsPerRun(100, func() {
		l.Interval(0, 0.001, [energy.NumDomains]float64{1, 1, 1, 1}, work)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkInterval(b *testing.B) {
	l := NewLedger([]energy.Place{{CPUs: []int{0}}})
	work := make([]Work, 100)
	for i := range work {
		work[i] = Work{Account: new(energy.Account), Party: energy.Party(i % 4), Weight: float64(i), CPU: 10}
	}
	for b.Loop() {
		l.Interval(0, 0.001, [energy.NumDomains]float64{1, 1, 1, 1}, work)
	}
}
