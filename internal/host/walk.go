package host

import (
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

var pageSize = int64(os.Getpagesize())

// walker finds the processes of a tree. Where the kernel lists the children
// of a thread (CONFIG_PROC_CHILDREN, /proc/PID/task/TID/children) it reads
// one small file per thread of the tree; elsewhere, and when the tree has more
// threads than half the machine, it reads the stat file of every process.
type walker struct {
	lists bool // the kernel lists children
	pids  []int
	tids  []int
}

func (w *walker) init(t *tree) {
	_, err := t.proc.Task(t.pid, t.pid, "children")
	w.lists = err == nil
}

// children returns the PIDs of a thread's children, valid until the next call.
func (w *walker) children(t *tree, pid, tid int) []int {
	w.pids = w.pids[:0]
	b, err := t.proc.Task(pid, tid, "children")
	if err != nil {
		return nil // the thread is gone, and its children are another's
	}
	w.pids = parsePIDs(w.pids, b)
	return w.pids
}

// parsePIDs appends the numbers of a list separated by blanks, up to the
// first that is none.
func parsePIDs(into []int, b []byte) []int {
	for {
		v, rest, ok := procfile.Uint(b)
		if !ok || v == 0 || v > 1<<30 {
			return into
		}
		into = append(into, int(v))
		b = rest
	}
}

// tasks returns the thread IDs of a process, valid until the next call.
func (w *walker) tasks(t *tree, n *node) []int {
	w.tids = w.tids[:0]
	if n.threads <= 1 {
		w.tids = append(w.tids, n.pid)
		return w.tids
	}
	w.tids = numericEntries(w.tids, t.proc.Prefix+strconv.Itoa(n.pid)+"/task")
	return w.tids
}

// numericEntries appends the entries of a directory that are numbers.
func numericEntries(into []int, dir string) []int {
	// A directory that fails half-way still gave what it gave.
	names, _ := procfile.Entries(dir)
	for _, name := range names {
		if id, err := strconv.Atoi(name); err == nil && id > 0 {
			into = append(into, id)
		}
	}
	return into
}

// discover adds processes that are not known yet at the end of t.nodes.
// Threads is how many the machine has, 0 for unknown.
func (w *walker) discover(t *tree, threads uint64) {
	own := 0
	for _, n := range t.nodes {
		own += n.threads
	}
	if !w.lists || threads > 0 && uint64(own) > threads/2 && own > 64 {
		w.scan(t)
		return
	}
	w.adopt(t)
	// The list grows while it is walked: children have children.
	for i := 0; i < len(t.nodes); i++ {
		n := t.nodes[i]
		if n.zombie() {
			continue
		}
		for _, tid := range w.tasks(t, n) {
			for _, pid := range w.children(t, n.pid, tid) {
				w.consider(t, pid, n.pid, n)
			}
		}
	}
}

// adopt adds the orphans that have become the caller's children.
func (w *walker) adopt(t *tree) {
	if t.reaper == 0 || !w.lists {
		return
	}
	for _, pid := range w.children(t, t.reaper, t.reaper) {
		w.consider(t, pid, t.reaper, nil)
	}
}

// consider adds a process if it is new and really parent's child.
func (w *walker) consider(t *tree, pid, ppid int, parent *node) {
	if t.byPid[pid] != nil || parent == nil && t.ignored[pid] {
		return
	}
	if st, err := t.stat(pid); err == nil && st.PPID == ppid {
		t.add(pid, parent, st)
	}
}

// scan finds the tree's processes among all of the machine's.
func (w *walker) scan(t *tree) {
	kids := map[int][]int{}
	for _, pid := range numericEntries(nil, t.proc.Prefix) {
		if t.byPid[pid] != nil {
			continue
		}
		if st, err := t.stat(pid); err == nil {
			kids[st.PPID] = append(kids[st.PPID], pid)
		}
	}
	if t.reaper != 0 {
		for _, pid := range kids[t.reaper] {
			w.consider(t, pid, t.reaper, nil)
		}
	}
	for i := 0; i < len(t.nodes); i++ {
		n := t.nodes[i]
		for _, pid := range kids[n.pid] {
			w.consider(t, pid, n.pid, n)
		}
	}
}

// refresh reads every known process again and folds those that are gone into
// their parents.
func (t *tree) refresh() {
	lost := false
	t.statErr = ""
	for _, n := range t.nodes {
		st, err := t.stat(n.pid)
		switch {
		case procfile.Gone(err) || err == nil && st.Start != n.start:
			if n.ending {
				continue // its final accounts are about to come
			}
			n.dead, lost = true, true
		case err == nil:
			t.update(n, st)
		default:
			// The process stays as it was last seen.
			t.statErr = procfile.Why(t.proc.Name(), err)
		}
	}
	for _, n := range t.nodes {
		if !n.dead && (n.parent == nil || n.parent.dead || n.parent.pid != n.ppid) {
			n.parent = nil
			if p := t.byPid[n.ppid]; p != nil && !p.dead {
				n.parent = p
			}
			t.keepIO(n)
		}
	}
	if !lost {
		return
	}
	for _, n := range slices.Backward(t.nodes) {
		if n.dead && !n.folded {
			t.fold(n)
		}
	}
	t.forget()
}

// fold hands what a vanished process used to the one that waits for it.
func (t *tree) fold(n *node) {
	n.folded = true
	t.dropIO(n)
	t.seenPeak = max(t.seenPeak, n.rssMax)
	if !t.launched {
		t.switchErr = fmt.Sprintf("process %d ended within the window and took its counts along", n.pid)
	}
	heir := n.parent
	for heir != nil && heir.folded {
		heir = heir.parent
	}
	if heir != nil {
		heir.gone.add(n.used())
		heir.goneBase.add(n.before())
		return
	}
	if n.pid == t.pid {
		t.leaderGone = true
	}
	e := t.ended[n.pid]
	t.done.add(e.used) // an earlier owner of the PID
	t.ended[n.pid] = ended{n.used(), n.before()}
}

// forget drops the nodes that are gone.
func (t *tree) forget() {
	t.nodes = slices.DeleteFunc(t.nodes, func(n *node) bool {
		if n.dead && t.byPid[n.pid] == n {
			delete(t.byPid, n.pid)
		}
		return n.dead
	})
}
