package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parentPrefix begins the names of the directories that hold a program's groups.
const parentPrefix = "energyprobe.bench."

// Parent is a directory of groups, in every hierarchy that takes part. It is
// locked while its owner lives, whatever process namespace that is in.
type Parent struct {
	places []place
	locks  []*os.File
}

// Open makes a directory for groups. An error is an *energy.Refusal that says
// how limits are to be had. What programs that died have left is removed, their
// workers included.
func Open(root string) (*Parent, error) {
	found, err := find(root)
	if err != nil {
		return nil, err
	}
	p := &Parent{}
	for _, at := range found {
		sweep(at)
		if err := p.make(at); err != nil {
			_ = p.Close() // the first error says more
			return nil, refusal(err, "make a control group: "+err.Error(), delegate)
		}
	}
	return p, nil
}

// make makes a parent's directory, locks it and turns its controllers on.
func (p *Parent) make(at place) error {
	own, lock, err := lockedDir(at)
	if err != nil {
		return err
	}
	p.places, p.locks = append(p.places, own), append(p.locks, lock)
	if own.v2 {
		return own.write("cgroup.subtree_control", "+memory +cpu")
	}
	return nil
}

// lockedDir makes a directory that nobody else has and locks it. Somebody who
// sweeps may come in between and take it for left behind.
func lockedDir(at place) (own place, lock *os.File, err error) {
	for range 5 {
		var dir string
		if dir, err = os.MkdirTemp(at.dir, parentPrefix); err != nil {
			return own, nil, err
		}
		if lock, err = lockDir(dir); err != nil {
			continue
		}
		if _, err = os.Stat(dir); err == nil {
			return at.sub(filepath.Base(dir)), lock, nil
		}
		lock.Close()
	}
	return own, nil, err
}

// lockDir takes the lock of a directory, which ends with the process.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// sweep removes the directories whose owners have died. What can't be removed
// is left to the next one.
func sweep(at place) {
	old, err := filepath.Glob(filepath.Join(at.dir, parentPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		lock, err := lockDir(dir)
		if err != nil {
			continue // its owner lives
		}
		_ = removeTree(place{dir: dir, v2: at.v2})
		lock.Close()
	}
}

// Close ends what still runs in the groups and removes them.
func (p *Parent) Close() error {
	var errs []error
	for _, at := range p.places {
		errs = append(errs, removeTree(at))
	}
	for _, l := range p.locks {
		errs = append(errs, l.Close())
	}
	p.places, p.locks = nil, nil
	return errors.Join(errs...)
}

// removeTree removes a group and those below it.
func removeTree(at place) error {
	below, err := os.ReadDir(at.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range below {
		if e.IsDir() {
			errs = append(errs, removeTree(at.sub(e.Name())))
		}
	}
	return errors.Join(append(errs, remove(at))...)
}

// patience is how long processes may take to be gone after SIGKILL: memory has
// to be given back.
const patience = 10 * time.Second

// remove ends the processes of a group and removes it.
func remove(at place) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(at.dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(end) {
			return fmt.Errorf("remove control group: %w", err)
		}
		kill(at)
	}
}

// kill ends every process of a group. One that it can't end is found by remove.
func kill(at place) {
	if at.v2 && at.write("cgroup.kill", "1") == nil { // Linux 5.14
		return
	}
	procs, _ := at.read("cgroup.procs")
	for _, pid := range strings.Fields(procs) {
		if n, err := strconv.Atoi(pid); err == nil && n > 1 {
			_ = unix.Kill(n, unix.SIGKILL)
		}
	}
}

// Group is one worker's.
type Group struct {
	places []place
}

// Group makes a group with limits. A name is of letters, digits, dashes and dots.
func (p *Parent) Group(name string, l Limits) (*Group, error) {
	g := &Group{}
	for _, at := range p.places {
		own := at.sub(name)
		if err := os.Mkdir(own.dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("make control group: %w", err), g.Remove())
		}
		g.places = append(g.places, own)
		if err := own.limit(l); err != nil {
			return nil, errors.Join(fmt.Errorf("limit control group: %w", err), g.Remove())
		}
	}
	return g, nil
}

// limit sets what a group may use.
func (p place) limit(l Limits) error {
	var errs []error
	if p.memory && l.MemoryMB > 0 {
		n := strconv.FormatInt(l.bytes(), 10)
		if p.v2 {
			errs = append(errs, p.write("memory.max", n), ignoreAbsent(p.write("memory.swap.max", "0")))
		} else {
			errs = append(errs, p.write("memory.limit_in_bytes", n), ignoreAbsent(p.write("memory.memsw.limit_in_bytes", n)))
		}
	}
	if p.cpu && l.CPUs > 0 {
		if p.v2 {
			errs = append(errs, p.write("cpu.max", fmt.Sprintf("%d %d", l.quota(), period.Microseconds())))
		} else {
			errs = append(errs, p.write("cpu.cfs_period_us", strconv.FormatInt(period.Microseconds(), 10)), p.write("cpu.cfs_quota_us", strconv.FormatInt(l.quota(), 10)))
		}
	}
	return errors.Join(errs...)
}

// ignoreAbsent passes over what a kernel without swap does not have.
func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Dirs are the directories into which a worker has to be put: see Enter.
func (g *Group) Dirs() []string {
	var dirs []string
	for _, p := range g.places {
		dirs = append(dirs, p.dir)
	}
	return dirs
}

// Enter puts a process into groups, by their directories.
func Enter(dirs []string, pid int) error {
	for _, dir := range dirs {
		if err := (place{dir: dir}).write("cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("put process %d into its control group: %w", pid, err)
		}
	}
	return nil
}

// Remove ends what runs in the group and removes it.
func (g *Group) Remove() error {
	var errs []error
	for _, p := range g.places {
		errs = append(errs, remove(p))
	}
	g.places = nil
	return errors.Join(errs...)
}
