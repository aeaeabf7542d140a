package procusage

import (
	"fmt"
	"os"
	"strconv"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// Target says which processes are the target. What they start is, too, for
// good: also when its parent has ended.
type Target struct {
	// PID is a process, 0 for none. It need not have run yet.
	PID int
	// Launched says that PID is this program's child: whatever this program
	// waits for, orphans handed to it included, is the target's.
	Launched bool
	// Cgroup is a control group, "" for none: a directory below /sys/fs/cgroup
	// or a path as /proc/PID/cgroup shows it. The groups below it belong to it.
	// With a group, who is in it when an interval ends is the target, and
	// nobody else: neither what was started elsewhere nor what has left.
	Cgroup string
	// Machine makes every program a target but this one.
	Machine bool
}

// Config is what a tracker is made from.
type Config struct {
	Root    string         // prefixes /proc and /sys; "" or "/" on the live host
	Places  []energy.Place // the packages to account for; CPUs on none count as on the first
	Target  Target
	Threads bool // keep accounts of threads as well
	// MaxEnded bounds the processes that have ended and keep a line of their
	// own, those with most CPU time first; 0 means 4096.
	MaxEnded int
}

// New starts a tracker. Its method is ByCgroup where a group is the target
// and has a CPU counter, else ByProc. The error is an energy.Refusal.
func New(c Config) (*Tracker, error) {
	if c.Root == "/" {
		c.Root = ""
	}
	if c.MaxEnded <= 0 {
		c.MaxEnded = 4096
	}
	if len(c.Places) == 0 {
		return nil, &energy.Refusal{Name: "proc", Kind: energy.ErrAbsent, Reason: "there is no package to account for"}
	}
	t := newTracker(c)
	if err := t.open(); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// open takes the baseline.
func (t *Tracker) open() error {
	if err := t.cpus.open(t.config.Root, &t.buf); err != nil {
		return err
	}
	if t.config.Target.Cgroup != "" {
		dirs := container.FindCgroup(t.config.Root, t.config.Target.Cgroup)
		if len(dirs) == 0 {
			return &energy.Refusal{
				Name: "cgroup " + t.config.Target.Cgroup, Kind: energy.ErrAbsent,
				Reason: "no hierarchy below " + t.config.Root + "/sys/fs/cgroup has it",
				Remedy: "give a directory below /sys/fs/cgroup, or a path from /proc/PID/cgroup",
			}
		}
		t.group = openGroup(dirs, &t.buf)
	}
	t.dir = procfile.OpenDir(t.config.Root + "/proc")
	ids, err := t.dir.IDs(nil)
	if err == nil && len(ids) == 0 {
		err = procfile.ErrNoLine
	}
	if err != nil {
		return procfile.Refuse("proc", t.config.Root+"/proc", err, "mount -t proc proc "+t.config.Root+"/proc")
	}
	if pid := t.config.Target.PID; pid != 0 {
		if _, err := t.stat(pid); err != nil {
			return procfile.Refuse(fmt.Sprintf("process %d", pid), t.reader.Name(), err, "give the PID of a running process (pgrep, ps)")
		}
	}
	t.at = energy.Now()
	return t.scan()
}

// own returns this program's PID if root's /proc shows it under that number.
func own(root string) int {
	name, err := os.Readlink(root + "/proc/self")
	if err != nil {
		return 0
	}
	if pid, err := strconv.Atoi(name); err == nil && pid == os.Getpid() {
		return pid
	}
	return 0
}
