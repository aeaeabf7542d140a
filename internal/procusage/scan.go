package procusage

import (
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// scan looks at every process and charges what they did since the last time;
// the first scan is the baseline and charges nothing. Where processes have
// clocks, a file is read only of those that ran.
func (t *Tracker) scan() error {
	t.round++
	t.fresh, t.moved, t.gone = t.fresh[:0], t.moved[:0], t.gone[:0]
	var err error
	if t.ids, err = t.dir.IDs(t.ids[:0]); err != nil {
		return procfile.Refuse("proc", t.config.Root+"/proc", err, "")
	}
	if t.group != nil {
		t.group.list(&t.buf)
	}
	for _, pid := range t.ids {
		t.look(pid)
	}
	t.findGone()
	for _, p := range t.fresh {
		t.place(p)
	}
	if !t.begun {
		t.baseline()
		return nil
	}
	for _, p := range t.moved {
		t.chargeSelf(p)
		t.chargeKids(p)
	}
	return nil
}

// baseline makes what every process has done so far its past.
func (t *Tracker) baseline() {
	t.begun = true
	t.root = t.byPID[t.config.Target.PID]
	for _, p := range t.byPID {
		p.charged, p.kids0 = p.self, p.kids
		if t.config.Threads && p.threads > 1 {
			t.readTasks(p)
		}
	}
}

// look reads a process if it is new or has run.
func (t *Tracker) look(pid int) {
	p := t.byPID[pid]
	if p != nil && t.live {
		// One that has not run has not waited for a child, nor has its PID
		// been given to another, which would have run a little.
		if ns, err := procfile.CPUClock(pid); err == nil && ns == p.self {
			p.round = t.round
			t.enrol(p)
			return
		}
	}
	st, err := t.stat(pid)
	if err != nil {
		if p != nil && !procfile.Gone(err) {
			p.round = t.round // it is there and stays as it was
		}
		return
	}
	if p != nil && p.start != st.Start {
		t.gone = append(t.gone, p)
		p = nil
	}
	if p == nil {
		p = &process{pid: pid, start: st.Start}
		t.byPID[pid] = p
		t.fresh = append(t.fresh, p)
	} else {
		t.enrol(p)
	}
	p.round = t.round
	t.update(p, &st)
	t.moved = append(t.moved, p)
}

// enrol notes that a process was moved into the group or away from it. What it
// did since the last look goes with it.
func (t *Tracker) enrol(p *process) {
	if t.group == nil || p.party != energy.Target && p.party != energy.Others {
		return
	}
	p.party = t.memberParty(p.pid)
}

func (t *Tracker) memberParty(pid int) energy.Party {
	if t.group.members[pid] {
		return energy.Target
	}
	return energy.Others
}

// findGone finds the processes that are no more, and hands what was seen of
// them to those that have their time in cutime and cstime now.
func (t *Tracker) findGone() {
	clear(t.wasPID)
	if len(t.gone) == 0 && len(t.byPID) == len(t.ids) && t.allSeen() {
		return
	}
	for pid, p := range t.byPID {
		if p.round != t.round {
			t.gone = append(t.gone, p)
			delete(t.byPID, pid)
		}
	}
	for _, p := range t.gone {
		t.wasPID[p.pid] = p
	}
	t.adoptOrphans()
	for _, p := range t.gone {
		if heir := t.heir(p); heir != nil {
			heir.gone += p.total()
		}
		p.ended = true
		for _, k := range p.tasks {
			t.endTask(p, k)
		}
		p.tasks = nil
		if p.accounts != nil || p == t.root {
			t.ended = append(t.ended, p)
		}
	}
}

func (t *Tracker) allSeen() bool {
	for _, p := range t.byPID {
		if p.round != t.round {
			return false
		}
	}
	return true
}

// adoptOrphans reads the new parents of those whose parent has gone. Being
// handed over is nothing a process's clock shows.
func (t *Tracker) adoptOrphans() {
	for _, p := range t.byPID {
		if t.wasPID[p.ppid] == nil {
			continue
		}
		if st, err := t.stat(p.pid); err == nil && st.Start == p.start {
			p.ppid = st.PPID
		}
	}
}

// heir returns the process that waited for one that has gone: its parent, or
// the next above that has not gone as well.
func (t *Tracker) heir(p *process) *process {
	for range 64 {
		// A parent younger than its child has its PID from the real one.
		if up := t.byPID[p.ppid]; up != nil && up.start <= p.start {
			return up
		}
		if p = t.wasPID[p.ppid]; p == nil {
			return nil
		}
	}
	return nil
}

// place tells in whose name a new process runs. Its parent may be as new.
func (t *Tracker) place(p *process) energy.Party {
	if p.placed || p.placing {
		return p.party
	}
	p.placing = true // damage in /proc may make a circle of parents
	p.party = t.partyOf(p)
	p.placed = true
	switch {
	case p.group != p.pid:
	case p.party == energy.Target:
		t.groups[p.pid] = true
	default:
		delete(t.groups, p.pid)
	}
	return p.party
}

func (t *Tracker) partyOf(p *process) energy.Party {
	target := &t.config.Target
	switch {
	case p.kernel:
		return energy.Kernel
	case p.pid == t.self:
		return energy.Tool
	case t.group != nil:
		// Nothing but membership counts: a member's child may be elsewhere.
		return t.memberParty(p.pid)
	case target.Machine,
		!t.begun && target.PID != 0 && p.pid == target.PID,
		// This program starts nothing but the command, and orphans come back
		// to it.
		t.begun && target.Launched && t.self != 0 && p.ppid == t.self,
		// A process group keeps its number from being given out again.
		t.begun && t.groups[p.group]:
		return energy.Target
	}
	parent := t.byPID[p.ppid]
	if parent == nil {
		parent = t.wasPID[p.ppid]
	}
	if parent != nil && parent != p && parent.start <= p.start && t.place(parent) == energy.Target {
		return energy.Target
	}
	return energy.Others
}
