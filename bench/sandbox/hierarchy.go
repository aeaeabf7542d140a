package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// place is a directory in which groups can be made, and the controllers that
// they have there.
type place struct {
	dir    string
	v2     bool
	memory bool
	cpu    bool
}

// sub is the same place one directory further down.
func (p place) sub(name string) place {
	p.dir = filepath.Join(p.dir, name)
	return p
}

func (p place) write(file, text string) error {
	// No O_CREATE: a file that is not there is a controller that is not.
	f, err := os.OpenFile(filepath.Join(p.dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (p place) read(file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(p.dir, file))
	return strings.TrimSpace(string(b)), err
}

// refusal says why there are no limits.
func refusal(err error, reason, remedy string) error {
	kind := energy.ErrBroken
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = energy.ErrAbsent
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EBUSY):
		kind = energy.ErrForbidden
	}
	return &energy.Refusal{Name: "limits of memory and CPU", Kind: kind, Reason: reason, Remedy: remedy, Err: err}
}

// delegate is how groups of one's own are to be had.
const delegate = "run as root, or in a scope of your own: systemd-run --user --scope -p Delegate=yes energyprobe ..., or leave limits out (memory_mb: [0])"

// find looks for where groups can be made for both controllers: in one directory
// of version 2, or in one or two of version 1.
func find(root string) ([]place, error) {
	own, err := container.CgroupOf(root, 0)
	if err != nil {
		return nil, refusal(err, "this kernel has no control groups: "+err.Error(), "use a kernel with CONFIG_CGROUPS, or leave limits out (memory_mb: [0])")
	}
	base := filepath.Join("/", root, "sys/fs/cgroup")
	memory, cpu := placeV1(base, own, "memory"), placeV1(base, own, "cpu")
	switch {
	case memory == "" && cpu == "":
		return findV2(base, own)
	case memory == "" || cpu == "":
		return nil, refusal(fs.ErrNotExist, "of the controllers memory and cpu only one is mounted in version 1, below "+base, "mount the other one, or boot with systemd.unified_cgroup_hierarchy=1")
	case memory == cpu:
		return []place{{dir: memory, memory: true, cpu: true}}, nil
	}
	return []place{{dir: memory, memory: true}, {dir: cpu, cpu: true}}, nil
}

// placeV1 is this process's own group of a controller of version 1, where the
// limits that it has itself hold for what it starts; "" without that controller.
func placeV1(base string, own container.Cgroups, controller string) string {
	path, there := own.Controller(controller)
	if !there {
		return ""
	}
	for _, name := range []string{controller, "cpu,cpuacct"} {
		for _, dir := range []string{filepath.Join(base, name, path), filepath.Join(base, name)} {
			if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
				return dir
			}
		}
	}
	return ""
}

// findV2 takes the top of the hierarchy, whose groups may have processes beside
// groups, or else this process's own group.
func findV2(base string, own container.Cgroups) ([]place, error) {
	dirs := []string{base}
	if path, there := own.V2(); there && path != "/" {
		dirs = append(dirs, filepath.Join(base, path))
	}
	var first error
	for _, dir := range dirs {
		p := place{dir: dir, v2: true, memory: true, cpu: true}
		err := p.enable()
		if err == nil {
			return []place{p}, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// enable turns the two controllers on for the groups below p.
func (p place) enable() error {
	offered, err := p.read("cgroup.controllers")
	if err != nil {
		return refusal(err, "no control groups to be seen: "+err.Error(), "mount them: mount -t cgroup2 none "+p.dir)
	}
	for _, name := range []string{"memory", "cpu"} {
		if !slices.Contains(strings.Fields(offered), name) {
			return refusal(fs.ErrNotExist, fmt.Sprintf("%s offers no controller %s (%q)", p.dir, name, offered), delegate)
		}
	}
	err = p.write("cgroup.subtree_control", "+memory +cpu")
	if errors.Is(err, syscall.EBUSY) {
		// A group has processes or groups with controllers, not both: this process
		// makes room, where it is the only one.
		err = p.makeRoom()
	}
	if err != nil {
		return refusal(err, "turn the controllers on in "+p.dir+": "+err.Error(), delegate)
	}
	return nil
}

// makeRoom moves this process one group further down, and back where that does
// not help.
func (p place) makeRoom() error {
	leaf := p.sub("energyprobe.self")
	if err := os.Mkdir(leaf.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	pid := strconv.Itoa(os.Getpid())
	err := leaf.write("cgroup.procs", pid)
	if err == nil {
		if err = p.write("cgroup.subtree_control", "+memory +cpu"); err == nil {
			return nil
		}
		err = errors.Join(err, p.write("cgroup.procs", pid))
	}
	return errors.Join(err, os.Remove(leaf.dir))
}
