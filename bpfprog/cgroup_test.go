package bpfprog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// groups returns the root of the cgroup2 hierarchy, mounted for the test where
// it is mounted nowhere.
func groups(t *testing.T) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(root, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return root
		}
	}
	root := t.TempDir()
	switch err := unix.Mount("none", root, "cgroup2", 0, ""); err {
	case nil:
	case unix.EPERM, unix.ENODEV: // not allowed, or not in this kernel
		t.Skip("no cgroup2 hierarchy can be mounted: ", err)
	default:
		t.Fatal("mount a cgroup2 hierarchy: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, 0) })
	return root
}

// group makes a group below root.
func group(t *testing.T, root string) (dir string, id uint64) {
	t.Helper()
	dir = filepath.Join(root, fmt.Sprint("energyprobe-test-", os.Getpid()))
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) { // a container may look at groups only
		t.Skip("no group can be made here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	return dir, st.Ino
}

// move puts a process into a group.
func move(t *testing.T, group string, pid int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		t.Fatal(err)
	}
}

// Who runs on without a switch as it is moved to a group, and out of it, is the
// group's meanwhile.
func TestMovedAsItRuns(t *testing.T) {
	mayLoad(t)
	root := groups(t)
	dir, id := group(t, root)
	tr := open(t, Options{Frequencies: slices.Repeat([]uint32{1_000_000}, runtime.NumCPU())})
	if err := tr.Follow(Target{Cgroup: id}); err != nil {
		t.Fatal(err)
	}
	pid := undisturbed(t, 1)
	target := func() time.Duration { return usage(t, tr).Packages[0].Parties[energy.Target].CPU }
	// A move takes a while: it is there at least from one's end to the other's beginning.
	coming := clock(t, pid)
	move(t, dir, pid)
	come := clock(t, pid)
	time.Sleep(150 * time.Millisecond)
	leaving := clock(t, pid)
	move(t, root, pid)
	left := clock(t, pid)
	time.Sleep(100 * time.Millisecond)
	const ticks = 25 * time.Millisecond // that it may take to notice
	if got := target(); got < leaving-come-ticks || got > left-coming+ticks {
		t.Errorf("the group ran for %v, its task for %v to %v while it was there", got, leaving-come, left-coming)
	}
}

// A group's tasks are the target, whoever started them, from when they come to
// it until they leave.
func TestCgroup(t *testing.T) {
	mayLoad(t)
	root := groups(t)
	dir, id := group(t, root)
	tr := open(t, Options{})
	if err := tr.Follow(Target{Cgroup: id}); err != nil {
		t.Fatal(err)
	}
	target := func() time.Duration { return usage(t, tr).Packages[0].Parties[energy.Target].CPU }
	const burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
	// Itself moved; then one that it starts there; then moved out again.
	cmd, release := held(t, burn+"; sh -c '"+burn+"'; read line; "+burn)
	if got := target(); got != 0 {
		t.Errorf("an empty group ran for %v", got)
	}
	from := clock(t, cmd.Process.Pid) // what it took to start was outside
	move(t, dir, cmd.Process.Pid)
	release()
	for clock(t, cmd.Process.Pid)-from < 20*time.Millisecond {
		time.Sleep(5 * time.Millisecond)
	}
	if got := target(); got < 15*time.Millisecond {
		t.Errorf("the group ran for %v, by what was moved to it", got)
	}
	for children(cmd.Process.Pid) == 0 {
		time.Sleep(time.Millisecond)
	}
	for children(cmd.Process.Pid) > 0 {
		time.Sleep(time.Millisecond)
	}
	move(t, root, cmd.Process.Pid)
	before := target()
	if before < 40*time.Millisecond {
		t.Errorf("the group ran for %v, with what was started in it", before)
	}
	release()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := target(); got > before+time.Millisecond {
		t.Errorf("the group ran for %v more when nobody was in it", got-before)
	}
	for _, p := range usage(t, tr).Processes {
		if p.PID == cmd.Process.Pid && p.Cgroup == id {
			t.Errorf("process %d is still in the group", p.PID)
		}
	}
}

// children counts the children of a process.
func children(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	return len(strings.Fields(string(b)))
}
