package attribute

import (
	"reflect"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// What happened in two stretches is what happened from the beginning of the
// first to the end of the second.
func TestJoin(t *testing.T) {
	r := seeded(1)
	w := newWorld(2, 4, 5, r)
	var views [3][]energy.PackageUsage
	for i := range views {
		for range 10 {
			w.feed(w.random(r))
		}
		views[i] = w.ledger.Packages(nil)
	}
	between := func(a, b int) []energy.PackageUsage {
		return Delta(energy.Usage{Packages: views[a]}, energy.Usage{Packages: views[b]}).Packages
	}
	first := between(0, 1)
	joined := Join(Join(nil, first), between(1, 2))
	whole := between(0, 2)
	for k := range whole {
		for who := range whole[k].Parties {
			a, b := joined[k].Parties[who], whole[k].Parties[who]
			for d := range a.Joules {
				if !near(a.Joules[d], b.Joules[d]) {
					t.Errorf("package %d, party %d: %v J joined, %v J whole", k, who, a.Joules[d], b.Joules[d])
				}
			}
			if a.CPU != b.CPU || !near(a.Seconds, b.Seconds) {
				t.Errorf("package %d, party %d: %+v joined, %+v whole", k, who, a, b)
			}
		}
		for i := range whole[k].Loads {
			if !near(joined[k].Loads[i].Seconds, whole[k].Loads[i].Seconds) || !near(joined[k].Loads[i].Joules[0], whole[k].Loads[i].Joules[0]) {
				t.Errorf("package %d: loads %+v joined, %+v whole", k, joined[k].Loads[i], whole[k].Loads[i])
			}
		}
		if !near(joined[k].Seconds, whole[k].Seconds) || !near(joined[k].Nobody.Seconds, whole[k].Nobody.Seconds) {
			t.Errorf("package %d: %v s joined, %v s whole", k, joined[k].Seconds, whole[k].Seconds)
		}
	}
	if !reflect.DeepEqual(first, between(0, 1)) {
		t.Error("joining changed what was joined")
	}
}

// Time goes where its joules go: what ran before the window in an interval that
// ends in it is the window's, and what runs at its end in one that goes on is not.
func TestDeltaOfOpenIntervals(t *testing.T) {
	account := func(cpu, open time.Duration, joules float64) energy.Usage {
		a := energy.Account{CPU: cpu, Open: open, Weight: cpu.Seconds()}
		a.Joules[energy.Package] = joules
		return energy.Usage{Processes: []energy.Process{{PID: 7, Start: 1, Accounts: []energy.Account{a}}}}
	}
	ms := time.Millisecond
	for _, c := range []struct {
		name     string
		from, to energy.Usage
		want     time.Duration
	}{
		{"it ran while the tasks were read", account(10*ms, ms, 1), account(10*ms, 0, 1.009), ms},
		{"it runs when the window closes", account(10*ms, 0, 1), account(14*ms, ms, 1.05), 3 * ms},
		{"it began in the window", energy.Usage{}, account(4*ms, ms, 0.05), 3 * ms},
		{"too much is taken for open", account(10*ms, 0, 1), account(11*ms, 2*ms, 1.01), 0},
	} {
		d := Delta(c.from, c.to)
		if len(d.Processes) != 1 || d.Processes[0].Accounts[0].CPU != c.want || d.Processes[0].Accounts[0].Open != 0 {
			t.Errorf("%s: %+v, want %v", c.name, d.Processes, c.want)
		}
	}
}
