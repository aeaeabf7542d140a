package host

import (
	"syscall"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// use is what a process used, by the indices below.
type use [numUse]int64

const (
	useCPU    = iota // ns
	useUser          // ns, by ticks
	useSystem        // ns, by ticks
	useMinorFaults
	useMajorFaults
	useRead // bytes
	useWritten
	useReadChars
	useWrittenChars
	useVoluntary
	useInvoluntary
	numUse
)

func (u *use) add(v use) {
	for i := range u {
		u[i] += v[i]
	}
}

// rusageUse converts what wait4 says: the process and every descendant that
// was waited for. Bytes come in blocks of 512 whatever the device
// (include/linux/task_io_accounting_ops.h, task_io_get_inblock). Bytes by
// system call are not in it.
func rusageUse(ru *syscall.Rusage) (u use) {
	u[useUser], u[useSystem] = ru.Utime.Nano(), ru.Stime.Nano()
	u[useCPU] = u[useUser] + u[useSystem]
	u[useMinorFaults], u[useMajorFaults] = ru.Minflt, ru.Majflt
	u[useRead], u[useWritten] = ru.Inblock*512, ru.Oublock*512
	u[useVoluntary], u[useInvoluntary] = ru.Nvcsw, ru.Nivcsw
	return u
}

// node is a process of the tree. Processes are told apart by PID and start
// time, for PIDs are used again.
type node struct {
	pid    int
	start  uint64
	ppid   int
	parent *node // the process of the tree that will wait for it, nil for none

	// What the process itself used, and what its children did that were
	// waited for; the latter holds bytes, which the kernel does not keep
	// apart. With 0: when it came into the window.
	self0, kids0 use
	self, kids   use
	// gone is what its children used, in the window, that are no longer
	// there; goneBase what these had used before the window.
	gone, goneBase use

	threads  int
	state    byte
	rss      int64 // bytes
	rssMax   int64
	hwm0     int64 // VmHWM when it came into the window
	switches map[int][2]uint64
	io       procfile.File
	ioErr    string // why its bytes are not known
	ioLast   bool   // its bytes were read after it had ended
	ending   bool   // has ended, and its rusage is to come
	dead     bool   // no longer there
	folded   bool   // counted elsewhere
}

// used returns what the process and those it waited for used in the window.
//
// Children that vanished are in the kids counters if the process waited for
// them, with their whole life: what they had used before is taken off. If it
// did not (it ignores SIGCHLD) they are nowhere, and gone is what was seen of
// them. Each of the two is no more than the truth, so the larger is nearer.
func (n *node) used() (u use) {
	for i := range u {
		own := max(n.self[i]-n.self0[i], 0)
		u[i] = own + max(n.kids[i]-n.kids0[i]-n.goneBase[i], n.gone[i])
	}
	return u
}

// before returns what the process, and those it waited for, had used before
// they came into the window: what to take off its final accounts.
func (n *node) before() (u use) {
	for i := range u {
		u[i] = n.self0[i] + n.kids0[i] + n.goneBase[i]
	}
	return u
}

func (n *node) zombie() bool { return n.state == 'Z' || n.state == 'X' }

// ended is a process at the top of the tree that is gone and that no
// rusage has been handed over for yet.
type ended struct{ used, before use }

// settle returns what a process used in the window, given its final accounts.
// Bytes by system call are not in these: what was seen stands.
func settle(final, before, seen use) use {
	for i := range final {
		if v := final[i] - before[i]; v > seen[i] && i != useReadChars && i != useWrittenChars {
			seen[i] = v
		}
	}
	return seen
}
