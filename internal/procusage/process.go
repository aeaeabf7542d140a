package procusage

import (
	"syscall"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// process is what is known of one process. PID and start are its identity.
// Times are in ns.
type process struct {
	pid, ppid, group int
	start            uint64 // ticks since boot
	comm             string
	party            energy.Party
	kernel           bool
	placed           bool // its party is known
	placing          bool
	threads          int // seen at once, at most
	pkg              int // of the CPU it ran on last
	round            uint32
	cgroup           uint64 // inode, once it has an account

	self, charged int64 // its own time, and as far as it was charged
	// kids is the time of children it waited for; with 0: at the baseline.
	// gone is what those had used that were seen before they went, all their
	// life; kidsCharged is what was charged of the rest: of children that
	// nobody saw, and of what those that were seen did last.
	kids, kids0, gone, kidsCharged int64

	accounts []energy.Account // by package; nil until it ran
	tasks    map[int]*task    // by TID; nil unless they are told apart
	ended    bool
}

// total returns what the process hands to the one that waits for it. Children
// that went a moment ago may not be in kids yet.
func (p *process) total() int64 { return p.self + max(p.kids, p.kids0+p.gone) }

// unseen returns the time of children that is not charged yet.
func (p *process) unseen() int64 { return p.kids - p.kids0 - p.gone - p.kidsCharged }

// task is what is known of one thread.
type task struct {
	ns       int64
	comm     string
	pkg      int
	round    uint32
	accounts []energy.Account
}

func (t *Tracker) stat(pid int) (procfile.Stat, error) {
	b, err := t.reader.File(pid, "stat")
	if err != nil {
		return procfile.Stat{}, err
	}
	return procfile.ParseStat(b)
}

// update takes what /proc/PID/stat says, and the process's time: from its
// clock, or from schedstat while it has one thread, or in ticks. Times only
// grow: a reading in ticks may be behind an earlier one in ns.
func (t *Tracker) update(p *process, st *procfile.Stat) {
	p.ppid, p.group, p.threads = st.PPID, st.Group, max(p.threads, st.Threads)
	p.kernel = st.KernelThread()
	if st.Processor >= 0 {
		p.pkg = t.cpus.place(st.Processor)
	}
	if string(st.Comm) != p.comm {
		p.comm = string(st.Comm)
	}
	p.kids = max(p.kids, int64(st.KidsUser+st.KidsSystem)*procfile.NSPerTick)
	p.self = max(p.self, int64(st.User+st.System)*procfile.NSPerTick)
	if t.live {
		if ns, err := procfile.CPUClock(p.pid); err == nil {
			p.self = max(p.self, ns)
		}
		if p.pid == t.self {
			p.kids = max(p.kids, waitedFor())
		}
		return
	}
	if p.threads == 1 {
		if b, err := t.reader.File(p.pid, "schedstat"); err == nil {
			if ran, _, err := procfile.ParseSchedstat(b); err == nil && ran < 1<<62 {
				p.self = max(p.self, int64(ran))
			}
		}
	}
}

// waitedFor returns the CPU time of the children this program waited for, to
// the microsecond, in ns. That of other programs comes in ticks.
func waitedFor() int64 {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &ru) != nil {
		return 0
	}
	return ru.Utime.Nano() + ru.Stime.Nano()
}

// chargeSelf charges what the process did since it was charged last.
func (t *Tracker) chargeSelf(p *process) {
	ns := p.self - p.charged
	if ns <= 0 {
		return
	}
	p.charged = p.self
	if p.threads > 1 && (t.config.Threads || len(t.work) > 1) {
		t.chargeTasks(p, ns)
		return
	}
	t.charge(p.pkg, p.party, t.account(p, p.pkg), ns)
}

// chargeKids charges children that came and went: to the one that waited for
// them, or to the command where that is this program.
func (t *Tracker) chargeKids(p *process) {
	ns := p.unseen()
	if ns <= 0 {
		return
	}
	p.kidsCharged += ns
	if p.party == energy.Tool && t.config.Target.Launched {
		if t.root != nil {
			p = t.root
		}
		t.charge(p.pkg, energy.Target, t.account(p, p.pkg), ns)
		return
	}
	t.charge(p.pkg, p.party, t.account(p, p.pkg), ns)
}

// account returns a process's account on a package.
func (t *Tracker) account(p *process, pkg int) *energy.Account {
	if p.accounts == nil {
		p.accounts = make([]energy.Account, len(t.work))
		if !p.kernel {
			p.cgroup = t.inodes.of(&t.reader, p.pid)
		}
	}
	return &p.accounts[pkg]
}

// chargeTasks divides a process's time among its threads as they ran since
// they were looked at last, and so among packages. Time of threads that have
// ended, or that is less than their clocks show, is the process's own.
func (t *Tracker) chargeTasks(p *process, ns int64) {
	sum := t.readTasks(p)
	rest := ns
	for _, task := range t.ran {
		// A thread's clock may show more than the process's: they are read
		// apart.
		part := task.ran
		if sum > ns {
			part = int64(float64(part) * float64(ns) / float64(sum))
		}
		account := t.account(p, task.pkg)
		if t.config.Threads {
			if task.accounts == nil {
				task.accounts = make([]energy.Account, len(t.work))
			}
			account = &task.accounts[task.pkg]
		}
		t.charge(task.pkg, p.party, account, part)
		rest -= part
	}
	t.charge(p.pkg, p.party, t.account(p, p.pkg), rest)
}

// ranTask is a thread that ran.
type ranTask struct {
	*task
	ran int64
}

// maxTasks bounds the threads of a process that are told apart.
const maxTasks = 4096

// readTasks looks at a process's threads, leaves in t.ran those that ran since
// the last look, and returns for how long.
func (t *Tracker) readTasks(p *process) (sum int64) {
	t.ran = t.ran[:0]
	if p.tasks == nil {
		p.tasks = map[int]*task{}
	}
	dir := procfile.OpenDir(t.reader.TaskDir(p.pid))
	t.tids, _ = dir.IDs(t.tids[:0])
	dir.Close()
	if len(t.tids) > maxTasks {
		t.tids = t.tids[:maxTasks]
	}
	for _, tid := range t.tids {
		k, ok := t.readTask(p, tid)
		if !ok {
			continue
		}
		if k.ran > 0 {
			sum += k.ran
			t.ran = append(t.ran, k)
		}
	}
	for tid, k := range p.tasks {
		if k.round != t.round {
			t.endTask(p, k)
			delete(p.tasks, tid)
		}
	}
	return sum
}

// readTask looks at one thread.
func (t *Tracker) readTask(p *process, tid int) (ranTask, bool) {
	b, err := t.reader.Task(p.pid, tid, "stat")
	if err != nil {
		return ranTask{}, false
	}
	st, err := procfile.ParseStat(b)
	if err != nil {
		return ranTask{}, false
	}
	k := p.tasks[tid]
	if k == nil {
		k = &task{}
		p.tasks[tid] = k
	}
	if string(st.Comm) != k.comm {
		k.comm = string(st.Comm)
	}
	if st.Processor >= 0 {
		k.pkg = t.cpus.place(st.Processor)
	}
	k.round = t.round
	now := max(k.ns, int64(st.User+st.System)*procfile.NSPerTick)
	if b, err := t.reader.Task(p.pid, tid, "schedstat"); err == nil {
		if ran, _, err := procfile.ParseSchedstat(b); err == nil && ran < 1<<62 {
			now = max(now, int64(ran))
		}
	}
	ran := now - k.ns
	k.ns = now
	return ranTask{k, ran}, true
}

// endTask hands a thread's account to its process.
func (t *Tracker) endTask(p *process, k *task) {
	for pkg := range k.accounts {
		t.account(p, pkg).Add(k.accounts[pkg])
	}
}
