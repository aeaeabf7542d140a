package attribute

import "github.com/energyprobe/energyprobe/internal/energy"

// Delta returns what happened from one view of a tracker to a later one of the
// same tracker. A process is known by PID and start, a thread by its number
// and its process; those that did nothing in between are left out. From may
// be the zero Usage: the tracker's start. Neither is modified.
func Delta(from, to energy.Usage) energy.Usage {
	d := energy.Usage{At: to.At, Lost: energy.Lost{
		Events: less(to.Lost.Events, from.Lost.Events), Tasks: less(to.Lost.Tasks, from.Lost.Tasks), Processes: less(to.Lost.Processes, from.Lost.Processes),
	}}
	d.Packages = append(d.Packages, to.Packages...)
	for k := range min(len(from.Packages), len(d.Packages)) {
		subPackage(&d.Packages[k], &from.Packages[k])
	}
	type identity struct {
		pid   int
		start energy.Instant
	}
	processes := make(map[identity][]energy.Account, len(from.Processes))
	for _, p := range from.Processes {
		processes[identity{p.PID, p.Start}] = p.Accounts
	}
	for _, p := range to.Processes {
		var some bool
		if p.Accounts, some = subAccounts(p.Accounts, processes[identity{p.PID, p.Start}]); some {
			d.Processes = append(d.Processes, p)
		}
	}
	type thread struct{ tid, pid int }
	threads := make(map[thread][]energy.Account, len(from.Threads))
	for _, t := range from.Threads {
		threads[thread{t.TID, t.PID}] = t.Accounts
	}
	for _, t := range to.Threads {
		var some bool
		if t.Accounts, some = subAccounts(t.Accounts, threads[thread{t.TID, t.PID}]); some {
			d.Threads = append(d.Threads, t)
		}
	}
	return d
}

func less(to, from uint64) uint64 { return to - min(from, to) }

// subAccounts returns to less from and whether anything is left.
func subAccounts(to, from []energy.Account) (d []energy.Account, some bool) {
	d = append(d, to...)
	for k := range d {
		// A thread's number may be given out again: less than before is another.
		if k < len(from) && d[k].CPU >= from[k].CPU {
			d[k].Sub(from[k])
		} else {
			d[k].Sub(energy.Account{})
		}
		a := &d[k]
		some = some || a.CPU > 0 || a.Weight > 0 || a.Joules != [energy.NumDomains]float64{}
	}
	return d, some
}

// Join adds what happened in another stretch of time to what happened in some,
// which may be nil, and returns it. Both are [Delta]s of one tracker.
func Join(some, more []energy.PackageUsage) []energy.PackageUsage {
	if some == nil {
		return append(some, more...)
	}
	for k := range min(len(some), len(more)) {
		p, m := &some[k], &more[k]
		for who := range p.Parties {
			p.Parties[who].Add(m.Parties[who])
		}
		p.Nobody.Add(m.Nobody)
		p.Seconds += m.Seconds
		for i := range p.Loads {
			p.Loads[i].Seconds += m.Loads[i].Seconds
			p.Loads[i].Busy += m.Loads[i].Busy
			for d := range p.Loads[i].Joules {
				p.Loads[i].Joules[d] += m.Loads[i].Joules[d]
			}
		}
		for d := range p.Unknown {
			p.Unknown[d] += m.Unknown[d]
		}
	}
	return some
}

func subPackage(p, from *energy.PackageUsage) {
	for who := range p.Parties {
		p.Parties[who].Sub(from.Parties[who])
	}
	p.Nobody.Sub(from.Nobody)
	p.Seconds -= from.Seconds
	for i := range p.Loads {
		b, f := &p.Loads[i], &from.Loads[i]
		b.Seconds -= f.Seconds
		b.Busy -= f.Busy
		for d := range b.Joules {
			b.Joules[d] -= f.Joules[d]
		}
	}
	for d := range p.Unknown {
		p.Unknown[d] -= from.Unknown[d]
	}
}
