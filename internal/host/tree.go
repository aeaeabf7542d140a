package host

import (
	"fmt"
	"io/fs"
	"syscall"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// tree follows a process and everything it starts.
type tree struct {
	proc     procfile.Reader
	live     bool
	pid      int
	launched bool
	reaper   int          // its new children belong to the tree; 0 for none
	ignored  map[int]bool // children the reaper had before

	nodes   []*node // parents before children, as found
	byPid   map[int]*node
	ended   map[int]ended
	done    use // of processes with final accounts
	missing *energy.Refusal

	walk     walker
	keptIO   int            // io files kept open
	next     energy.Instant // no sample before
	lastPID  uint64
	again    bool // PIDs were given out just before the last sample
	rss      gauge
	procs    gauge
	threads  gauge
	exact    int64 // largest peak of one process by the kernel's marks
	seenPeak int64 // the same by samples
	launcher int64 // VmHWM of the command's process before it was the command
	hidden   int64 // a peak that may be the launcher's

	run0, run    uint64         // ns the main thread waited to run
	runAt        energy.Instant // when run was read
	runLast      bool           // run was read after the leader had ended
	runErr       string
	statErr      string // why a process could not be read the last time
	charsErr     string // why bytes by system call are not known
	bytesErr     string
	switchErr    string
	leaderReaped bool
	othersReaped bool
	leaderGone   bool // without an rusage
}

func newTree(root string, live bool, t Target) *tree {
	return &tree{
		proc: procfile.NewReader(root), live: live, pid: t.PID, launched: t.Launched,
		byPid: map[int]*node{}, ended: map[int]ended{}, ignored: map[int]bool{},
	}
}

// begin takes the baseline of every process that is there.
func (t *tree) begin() error {
	st, err := t.stat(t.pid)
	if err != nil {
		t.missing = procfile.Refuse(fmt.Sprintf("process %d", t.pid), t.proc.Name(), err, "give the PID of a running process")
		return t.missing
	}
	if st.Zombie() && !t.launched {
		t.missing = &energy.Refusal{
			Name: fmt.Sprintf("process %d", t.pid), Kind: energy.ErrAbsent, Err: syscall.ESRCH,
			Reason: t.proc.Name() + " shows a zombie: it has ended", Remedy: "give the PID of a running process",
		}
		return t.missing
	}
	t.walk.init(t)
	leader := t.add(t.pid, nil, st)
	t.baseline(leader)
	if t.launched {
		// What is resident now is the launcher's, not the command's.
		t.launcher, leader.hwm0, leader.rssMax = leader.hwm0, 0, 0
		if t.reaper != 0 {
			for _, pid := range t.walk.children(t, t.reaper, t.reaper) {
				t.ignored[pid] = true
			}
		}
	} else {
		from := len(t.nodes)
		t.walk.discover(t, 0)
		for _, n := range t.nodes[from:] {
			t.baseline(n)
		}
		t.take(energy.Now())
	}
	t.readRunWait()
	t.run0 = t.run
	return nil
}

// stat reads a process's stat file.
func (t *tree) stat(pid int) (procfile.Stat, error) {
	b, err := t.proc.File(pid, "stat")
	if err != nil {
		return procfile.Stat{}, err
	}
	return procfile.ParseStat(b)
}

func (t *tree) add(pid int, parent *node, st procfile.Stat) *node {
	n := &node{pid: pid, start: st.Start, parent: parent}
	t.update(n, st)
	t.nodes = append(t.nodes, n)
	t.byPid[pid] = n
	t.keepIO(n)
	return n
}

// maxKeptIO bounds the io files kept open.
const maxKeptIO = 64

// keepIO opens the io file of a process that the caller will reap. Its last
// reading is taken of a zombie, whose files belong to root: who is not root
// can read it through a descriptor opened before, and not open it any more
// (fs/proc/base.c, task_dump_owner).
func (t *tree) keepIO(n *node) {
	if !t.launched || n.parent != nil || n.io.Path != "" || t.keptIO >= maxKeptIO {
		return
	}
	if n.io = procfile.Keep(t.proc.Prefix + itoa(n.pid) + "/io"); n.io.Err == nil {
		t.keptIO++
	}
}

func (t *tree) dropIO(n *node) {
	if n.io.Path != "" && n.io.Err == nil {
		t.keptIO--
		n.io.Close()
	}
}

// update takes what /proc/PID/stat and the process's clock say. Values only
// grow: a reading in ticks may be behind an earlier one in nanoseconds.
func (t *tree) update(n *node, st procfile.Stat) {
	n.ppid, n.state, n.threads = st.PPID, st.State, st.Threads
	n.rss = int64(st.RSS) * pageSize
	n.rssMax = max(n.rssMax, n.rss)
	grow := func(into *int64, v uint64, unit int64) { *into = max(*into, int64(v)*unit) }
	grow(&n.self[useUser], st.User, procfile.NSPerTick)
	grow(&n.self[useSystem], st.System, procfile.NSPerTick)
	grow(&n.self[useCPU], st.User+st.System, procfile.NSPerTick)
	grow(&n.self[useMinorFaults], st.Minor, 1)
	grow(&n.self[useMajorFaults], st.Major, 1)
	grow(&n.kids[useUser], st.KidsUser, procfile.NSPerTick)
	grow(&n.kids[useSystem], st.KidsSystem, procfile.NSPerTick)
	grow(&n.kids[useCPU], st.KidsUser+st.KidsSystem, procfile.NSPerTick)
	grow(&n.kids[useMinorFaults], st.KidsMinor, 1)
	grow(&n.kids[useMajorFaults], st.KidsMajor, 1)
	if !t.live {
		return
	}
	if ns, err := procfile.CPUClock(n.pid); err == nil {
		n.self[useCPU] = max(n.self[useCPU], ns)
	}
}

// baseline makes what a process has used so far its past.
func (t *tree) baseline(n *node) {
	t.readIO(n)
	n.hwm0 = t.readStatus(n, func(tid int, v [2]uint64) { n.switches[tid] = v })
	n.self0, n.kids0 = n.self, n.kids
}

// readIO takes the bytes of a process and of those it waited for.
func (t *tree) readIO(n *node) {
	var b []byte
	var err error
	if n.io.Path != "" && n.io.Err == nil {
		b, err = n.io.Read(&t.proc.Buf)
	} else {
		b, err = t.proc.File(n.pid, "io")
	}
	if err == nil {
		var io procIO
		if io, err = parseProcIO(b); err == nil {
			n.ioErr = ""
			n.kids[useRead], n.kids[useWritten] = int64(io.read), int64(io.written)
			n.kids[useReadChars], n.kids[useWrittenChars] = int64(io.readChars), int64(io.writtenChars)
			return
		}
	}
	if !procfile.Gone(err) || t.there(n.pid) {
		n.ioErr = procfile.Why(t.proc.Prefix+itoa(n.pid)+"/io", err)
	}
}

// there reports whether a process exists: a file of it that does not is then
// missing from this kernel.
func (t *tree) there(pid int) bool { return procfile.Exists(t.proc.Prefix + itoa(pid)) }

// readRunWait takes how long the leader's main thread has waited to run.
func (t *tree) readRunWait() {
	b, err := t.proc.File(t.pid, "schedstat")
	if err != nil {
		if name := t.proc.Name(); t.runAt == 0 || !procfile.Gone(err) || t.there(t.pid) {
			t.runErr = procfile.Why(name, err)
		}
		return
	}
	ran, waited, err := procfile.ParseSchedstat(b)
	switch {
	case err != nil:
		t.runErr = procfile.Why(t.proc.Name(), err)
	case ran == 0:
		// A process that exists has run (fs/proc/base.c prints zeros when
		// nothing is collected).
		t.runErr = t.proc.Name() + " holds zeros: the kernel does not time the run queue (sysctl kernel.task_delayacct=1 makes it)"
	default:
		t.run, t.runErr, t.runAt = waited, "", energy.Now()
	}
}

// maxSwitchThreads bounds the threads whose status is read, at 20 us each.
const maxSwitchThreads = 4096

// readStatus hands the context switches of each of a process's threads to
// take and returns VmHWM, the largest resident set the process has had, or 0.
func (t *tree) readStatus(n *node, take func(tid int, v [2]uint64)) (hwm int64) {
	if n.switches == nil {
		n.switches = map[int][2]uint64{}
	}
	tids := t.walk.tasks(t, n)
	if len(tids) > maxSwitchThreads {
		t.switchErr = fmt.Sprintf("process %d has %d threads, too many to ask one by one", n.pid, len(tids))
		tids = tids[:1]
	}
	read := 0
	for _, tid := range tids {
		b, err := t.proc.Task(n.pid, tid, "status")
		if procfile.Gone(err) {
			continue
		}
		read++
		var v [2]uint64
		if err == nil {
			v[0], v[1], err = parseSwitches(b)
		}
		if err != nil {
			t.switchErr = procfile.Why(t.proc.Name(), err)
			return hwm
		}
		// All threads show the same memory.
		if mark, err := parseHighWater(b); err == nil {
			hwm = int64(mark)
		}
		take(tid, v)
	}
	if name := t.proc.Name(); read == 0 && t.there(n.pid) {
		t.switchErr = procfile.Why(name, fs.ErrNotExist)
	}
	return hwm
}

// sample walks the tree unless that was done a moment ago at some cost.
func (t *tree) sample(now energy.Instant, load loadavg) {
	if t.missing != nil || now < t.next {
		return
	}
	t.refresh()
	// Nobody can have been born when no PID was given out. One more walk
	// after the last: the kernel's list of children may miss some while
	// others end (fs/proc/array.c, get_children_pid).
	born := !t.live || load.lastPID == 0 || load.lastPID != t.lastPID
	if born || t.again {
		t.walk.discover(t, load.threads)
	}
	t.again, t.lastPID = born, load.lastPID
	if leader := t.byPid[t.pid]; leader != nil && !t.launched {
		t.readIO(leader)
		t.readRunWait()
	}
	t.take(now)
	t.next = now.Add(50 * energy.Now().Sub(now))
}

// take adds a sample of the gauges.
func (t *tree) take(now energy.Instant) {
	var rss int64
	procs, threads := 0, 0
	for _, n := range t.nodes {
		if n.zombie() {
			continue
		}
		rss += n.rss
		procs++
		threads += n.threads
	}
	if procs == 0 {
		return
	}
	t.rss.add(now, float64(rss))
	t.procs.add(now, float64(procs))
	t.threads.add(now, float64(threads))
}

// ending reads what is lost when an ended child is reaped.
func (t *tree) ending(pid int) {
	if t.missing != nil {
		return
	}
	st, err := t.stat(pid)
	if err != nil {
		return
	}
	n := t.byPid[pid]
	if n == nil || n.start != st.Start {
		n = t.add(pid, nil, st)
	}
	t.update(n, st)
	t.readIO(n)
	n.ending = true
	n.ioLast = n.ioErr == ""
	// Its children are the caller's from now on: meet them while they live.
	t.walk.adopt(t)
	if pid == t.pid {
		t.readRunWait()
		t.runLast = true
	}
}

// reaped takes the final accounts of the leader or an orphan.
func (t *tree) reaped(pid int, ru *syscall.Rusage) {
	if t.missing != nil || ru == nil {
		return
	}
	if n := t.byPid[pid]; n != nil {
		n.ending = true
	}
	// Children that the process waited for are in its rusage: they have to be
	// folded into it before it goes, or they would count once more.
	t.refresh()
	final := rusageUse(ru)
	ioLast := false
	ioErr := ""
	if n := t.byPid[pid]; n != nil {
		t.done.add(settle(final, n.before(), n.used()))
		ioLast, ioErr = n.ioLast, n.ioErr
		n.dead, n.folded, n.parent = true, true, nil
		t.dropIO(n)
		t.seenPeak = max(t.seenPeak, n.rssMax)
		t.forget()
	} else {
		e := t.ended[pid] // zero for an orphan no sample saw
		delete(t.ended, pid)
		t.done.add(settle(final, e.before, e.used))
	}
	if !ioLast && t.charsErr == "" {
		if t.charsErr = ioErr; ioErr == "" {
			t.charsErr = fmt.Sprintf("process %d was gone before its last counters were read", pid)
		}
	}
	peak := ru.Maxrss << 10
	if pid == t.pid {
		t.leaderReaped = true
		if peak <= t.launcher {
			// exec carries the mark of the image before it along
			// (fs/exec.c, exec_mmap): it may be the launcher's.
			t.hidden = peak
			return
		}
	} else {
		t.othersReaped = true
	}
	t.exact = max(t.exact, peak)
}
