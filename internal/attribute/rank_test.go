package attribute

import (
	"math"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// checkRanking holds rows to their lines: no row is negative, rows are in
// order, and with the rest they are what each party's lines are.
func checkRanking(t *testing.T, zones []Zone, u energy.Usage, rule Rule, k Ranking) {
	t.Helper()
	var lines, rows [energy.Parties]float64
	for _, z := range zones {
		for who, j := range lineOf(Split(z, u.Packages, rule)) {
			lines[who] += j
		}
	}
	for i, r := range k.Rows {
		if !(r.Joules >= 0) || math.IsInf(r.Joules, 0) || i > 0 && r.Joules > k.Rows[i-1].Joules {
			t.Fatalf("row %d: %+v", i, r)
		}
		rows[r.Party] += r.Joules
	}
	for who := range lines {
		if rows[who] > lines[who]*(1+1e-9) {
			t.Fatalf("%v: rows of %v J, lines of %v J", energy.Party(who), rows[who], lines[who])
		}
		if sum := rows[who] + k.Rest[who].Joules; !near(sum, lines[who]) && math.Abs(sum-lines[who]) > 1e-12 {
			t.Fatalf("%v: rows and rest of %v J, lines of %v J", energy.Party(who), sum, lines[who])
		}
	}
}

func TestRankConserves(t *testing.T) {
	for seed := range uint64(1000) {
		r := seeded(seed)
		w := newWorld(1+r.IntN(3), 4, r.IntN(10), r)
		for range 1 + r.IntN(20) {
			w.feed(w.random(r))
		}
		u := w.usage()
		if len(u.Processes) > 2 {
			u.Processes = u.Processes[2:] // some have no line of their own
		}
		var zones []Zone
		for range 1 + r.IntN(3) {
			zones = append(zones, randomZone(r, len(u.Packages)))
		}
		rule := randomRule(r)
		checkRanking(t, zones, u, rule, Rank(zones, u, rule, r.IntN(4)))
	}
}

func TestRankByHand(t *testing.T) {
	l := NewLedger([]energy.Place{{Socket: 0, Die: -1, CPUs: []int{0, 1}}})
	a, b, c := make([]energy.Account, 1), make([]energy.Account, 1), make([]energy.Account, 1)
	l.Interval(0, 1, [energy.NumDomains]float64{energy.Package: 30, energy.DRAM: 3}, []Work{
		{Account: &a[0], Party: energy.Target, Weight: 2, CPU: time.Second, Instructions: 1000},
		{Account: &b[0], Party: energy.Target, Weight: 0.5, CPU: time.Second / 4},
		{Account: &c[0], Party: energy.Others, Weight: 0.5, CPU: time.Second / 4},
	})
	u := energy.Usage{Packages: l.Packages(nil), Processes: []energy.Process{
		{PID: 8, PPID: 1, Comm: "b", Party: energy.Target, Accounts: b},
		{PID: 7, PPID: 1, Comm: "a", Party: energy.Target, Threads: 3, Accounts: a},
		{PID: 9, PPID: 1, Comm: "c", Party: energy.Others, Accounts: c},
	}, Threads: []energy.Thread{{TID: 71, PID: 7, Comm: "t", Accounts: a}}}
	zones := []Zone{
		{Domain: energy.Package, Joules: 30, Seconds: 1, Packages: []int{0}, Idle: []Idle{{Watts: 12, Known: true}}},
		{Domain: energy.DRAM, Joules: 3, Seconds: 1, Packages: []int{0}, Idle: []Idle{{Watts: 0, Known: true}}},
	}
	k := Rank(zones, u, Rule{}, 1)
	checkRanking(t, zones, u, Rule{}, k)
	top := k.Rows[0]
	if len(k.Rows) != 1 || top.PID != 7 || top.Comm != "a" || top.Threads != 3 || !near(top.Joules, 14) || !near(top.Watts, 14) {
		t.Errorf("%+v", k.Rows)
	}
	if !top.PerInstruction.Known || !near(top.PerInstruction.J, 0.014) || !near(top.Share, 14.0/33) || top.CPU != time.Second {
		t.Errorf("%+v", top)
	}
	if rest := k.Rest[energy.Target]; !near(rest.Joules, 3.5) || rest.CPU != time.Second/4 || rest.PerInstruction.Known {
		t.Errorf("%+v", rest)
	}
	if rest := k.Rest[energy.Others]; !near(rest.Joules, 3.5) {
		t.Errorf("%+v", rest)
	}
	threads := RankThreads(zones, u, Rule{}, 0)
	if r := threads.Rows[0]; r.TID != 71 || r.PID != 7 || r.Party != energy.Target || !near(r.Joules, 14) {
		t.Errorf("%+v", threads.Rows)
	}
}

// Energy is ranked right whatever names and numbers there are.
func TestRankIgnoresTheOrderOfProcesses(t *testing.T) {
	r := seeded(11)
	w := newWorld(2, 4, 8, r)
	for range 30 {
		w.feed(w.random(r))
	}
	u := w.usage()
	zones := []Zone{{Joules: 5, Seconds: 1, Packages: []int{0, 1}}}
	k := Rank(zones, u, Rule{}, 0)
	r.Shuffle(len(u.Processes), func(i, j int) { u.Processes[i], u.Processes[j] = u.Processes[j], u.Processes[i] })
	again := Rank(zones, u, Rule{}, 0)
	for i := range k.Rows {
		if k.Rows[i].PID != again.Rows[i].PID || !near(k.Rows[i].Joules, again.Rows[i].Joules) {
			t.Fatalf("row %d: %+v, then %+v", i, k.Rows[i], again.Rows[i])
		}
	}
}

func TestDelta(t *testing.T) {
	for seed := range uint64(100) {
		r := seeded(seed)
		w, v := newWorld(2, 4, 5, r), newWorld(2, 4, 5, r)
		v.parties = w.parties
		for range 10 {
			w.feed(w.random(r))
		}
		from := w.usage()
		for range 10 {
			in := w.random(r)
			w.feed(in)
			v.feed(in) // what Delta should find
		}
		to := w.usage()
		d := Delta(from, to)
		wantPackages := v.ledger.Packages(nil)
		for k := range d.Packages {
			checkSame(t, "seconds", d.Packages[k].Seconds, wantPackages[k].Seconds, to.Packages[k].Seconds)
			checkSame(t, "unknown", d.Packages[k].Unknown[1], wantPackages[k].Unknown[1], to.Packages[k].Unknown[1])
			checkSame(t, "nobody", d.Packages[k].Nobody.Joules[0], wantPackages[k].Nobody.Joules[0], to.Packages[k].Nobody.Joules[0])
			for i := range d.Packages[k].Loads {
				checkSame(t, "busy", d.Packages[k].Loads[i].Busy, wantPackages[k].Loads[i].Busy, to.Packages[k].Loads[i].Busy)
				checkSame(t, "load", d.Packages[k].Loads[i].Joules[0], wantPackages[k].Loads[i].Joules[0], to.Packages[k].Loads[i].Joules[0])
			}
		}
		for _, p := range d.Processes {
			for k := range p.Accounts {
				checkSame(t, "process", p.Accounts[k].Joules[0], v.tasks[p.PID-1][k].Joules[0], to.Processes[p.PID-1].Accounts[k].Joules[0])
			}
		}
	}
	same := energy.Usage{Processes: []energy.Process{{PID: 1, Accounts: []energy.Account{{CPU: 5}}}}}
	if d := Delta(same, same); len(d.Processes) != 0 {
		t.Errorf("who did nothing is there: %+v", d)
	}
	reused := energy.Usage{Processes: []energy.Process{{PID: 1, Start: 9, Accounts: []energy.Account{{CPU: 3}}}}}
	if d := Delta(same, reused); len(d.Processes) != 1 || d.Processes[0].Accounts[0].CPU != 3 {
		t.Errorf("a PID used again: %+v", d)
	}
}

// checkSame compares a difference: its error is that of what it was taken from.
func checkSame(t *testing.T, what string, got, want, of float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*max(math.Abs(of), 1e-300) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}
