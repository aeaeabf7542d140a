package host

import (
	"github.com/energyprobe/energyprobe/internal/procfile"

	"fmt"
	"slices"
	"strings"
	"time"
)

// TreeAlive returns the PIDs of the descendants of a process that are alive,
// itself and zombies excluded, in ascending order; none when there is no such
// process.
func TreeAlive(root string, pid int) []int {
	if root == "/" {
		root = ""
	}
	t := newTree(root, false, Target{PID: pid})
	st, err := t.stat(pid)
	if err != nil {
		return nil
	}
	t.walk.init(t)
	t.add(pid, nil, st)
	t.walk.discover(t, 0)
	var alive []int
	for _, n := range t.nodes[1:] {
		if !n.zombie() {
			alive = append(alive, n.pid)
		}
	}
	slices.Sort(alive)
	return alive
}

// Info says what a process is.
type Info struct {
	PID, PPID int
	Comm      string   // the kernel's name for it, at most 15 bytes
	Argv      []string // empty for a kernel thread
	Started   time.Time
}

// ProcessInfo describes a process. The error is an energy.Refusal: absent
// when there is no such process.
func ProcessInfo(root string, pid int) (Info, error) {
	if root == "/" {
		root = ""
	}
	p := procfile.NewReader(root)
	broken := func(err error) (Info, error) {
		return Info{}, procfile.Refuse(fmt.Sprintf("process %d", pid), p.Name(), err, "give the PID of a running process (pgrep, ps)")
	}
	b, err := p.File(pid, "stat")
	if err != nil {
		return broken(err)
	}
	st, err := procfile.ParseStat(b)
	if err != nil {
		return broken(err)
	}
	info := Info{PID: pid, PPID: st.PPID, Comm: string(st.Comm)}
	if b, err = p.File(pid, "cmdline"); err != nil {
		return broken(err)
	}
	info.Argv = parseArgv(b)
	boot, err := bootTime(root)
	if err != nil {
		return Info{}, err
	}
	info.Started = boot.Add(time.Duration(st.Start) * time.Second / procfile.UserHz)
	return info, nil
}

// parseArgv splits /proc/PID/cmdline: each argument, empty ones included, ends
// in a zero byte. A process that wrote over its arguments may end without.
func parseArgv(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// bootTime returns when the machine booted, to the second.
func bootTime(root string) (time.Time, error) {
	path := root + "/proc/stat"
	buf := make([]byte, 16<<10)
	b, err := procfile.Slurp(path, &buf)
	if err != nil {
		return time.Time{}, procfile.Refuse("boot time", path, err, "")
	}
	sec, err := procfile.KeyedNumber(b, "btime ")
	if err != nil || sec > 1<<40 {
		return time.Time{}, procfile.Refuse("boot time", path, procfile.ErrMalformed, "")
	}
	return time.Unix(int64(sec), 0), nil
}
