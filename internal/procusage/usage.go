package procusage

import (
	"cmp"
	"os"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// Usage returns the account up to the last interval: of processes, those that
// ran and all that are the target.
func (t *Tracker) Usage(threads bool) (energy.Usage, error) {
	if t.ledger == nil {
		return energy.Usage{}, os.ErrClosed
	}
	u := energy.Usage{At: t.at, Packages: t.ledger.Packages(nil), Lost: energy.Lost{Processes: t.lost}}
	for _, p := range t.ended {
		u.Processes = append(u.Processes, t.line(p))
	}
	from := len(u.Processes)
	for _, p := range t.byPID {
		if p.accounts == nil && p.tasks == nil && p.party != energy.Target {
			continue
		}
		u.Processes = append(u.Processes, t.line(p))
		if threads {
			u.Threads = t.appendThreads(u.Threads, p)
		}
	}
	slices.SortFunc(u.Processes[from:], func(a, b energy.Process) int { return cmp.Compare(a.PID, b.PID) })
	slices.SortFunc(u.Threads, func(a, b energy.Thread) int { return cmp.Compare(a.TID, b.TID) })
	return u, nil
}

func (t *Tracker) line(p *process) energy.Process {
	line := energy.Process{
		PID: p.pid, PPID: p.ppid, Comm: p.comm, Party: p.party, Cgroup: p.cgroup, Threads: p.threads, Ended: p.ended,
		Start:    energy.Instant(time.Duration(p.start)*procfile.NSPerTick - t.slept),
		Accounts: make([]energy.Account, len(t.work)),
	}
	copy(line.Accounts, p.accounts)
	for _, k := range p.tasks {
		for pkg := range k.accounts {
			line.Accounts[pkg].Add(k.accounts[pkg])
		}
	}
	return line
}

func (t *Tracker) appendThreads(into []energy.Thread, p *process) []energy.Thread {
	for tid, k := range p.tasks {
		if k.accounts != nil {
			into = append(into, energy.Thread{TID: tid, PID: p.pid, Comm: k.comm, Accounts: slices.Clone(k.accounts)})
		}
	}
	if p.tasks == nil && p.accounts != nil {
		into = append(into, energy.Thread{TID: p.pid, PID: p.pid, Comm: p.comm, Accounts: slices.Clone(p.accounts)})
	}
	return into
}

// trim forgets the processes that have ended and used least, where there are
// too many. What they spent stays in their party's account.
func (t *Tracker) trim() {
	limit := t.config.MaxEnded
	if len(t.ended) <= limit+limit/4 {
		return
	}
	slices.SortStableFunc(t.ended, func(a, b *process) int { return -cmp.Compare(a.cpu(), b.cpu()) })
	for i, p := range t.ended[limit:] {
		if p != t.root {
			t.lost++
		}
		t.ended[limit+i] = nil
	}
	t.ended = t.ended[:limit]
	if t.root != nil && t.root.ended && !slices.Contains(t.ended, t.root) {
		t.ended = append(t.ended, t.root)
	}
}

func (p *process) cpu() (sum time.Duration) {
	for i := range p.accounts {
		sum += p.accounts[i].CPU
	}
	return sum
}

// inodes finds the inode of a process's cgroup2 directory.
type inodes struct {
	mounts []string // where cgroup2 may be mounted
	known  map[string]uint64
}

// maxInodes bounds the groups that are remembered.
const maxInodes = 8192

func newInodes(root string) inodes {
	return inodes{mounts: []string{root + "/sys/fs/cgroup", root + "/sys/fs/cgroup/unified"}, known: map[string]uint64{}}
}

// of returns 0 where there is no such directory to be seen.
func (n *inodes) of(r *procfile.Reader, pid int) uint64 {
	b, err := r.File(pid, "cgroup")
	if err != nil {
		return 0
	}
	groups, err := container.ParseCgroup(b)
	if err != nil {
		return 0
	}
	name, ok := groups.V2()
	if !ok {
		return 0
	}
	inode, ok := n.known[name]
	if !ok {
		inode = n.look(name)
		if len(n.known) >= maxInodes {
			clear(n.known)
		}
		n.known[name] = inode
	}
	return inode
}

func (n *inodes) look(name string) uint64 {
	for _, mount := range n.mounts {
		// The root of cgroup2 has this file too, a version 1 hierarchy has not.
		if !procfile.Exists(path.Join(mount, "cgroup.controllers")) {
			continue
		}
		var st syscall.Stat_t
		if syscall.Stat(path.Join(mount, name), &st) == nil {
			return st.Ino
		}
	}
	return 0
}
