package container

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Membership is one line of /proc/PID/cgroup (cgroups(7)): the process's
// place in one hierarchy.
type Membership struct {
	Hierarchy   int      // 0 is cgroup v2
	Controllers []string // v1: "cpu", "cpuacct", "name=systemd"; v2: none
	// Path is relative to the hierarchy's root as the reader's cgroup
	// namespace sees it: "/" inside of a container with a namespace of its
	// own, "/../other" for a process outside of it.
	Path string
	// Deleted says that the group was removed while the process was still
	// there.
	Deleted bool
}

// Cgroups is a process's place in every hierarchy.
type Cgroups []Membership

// Mode is how a host uses cgroups.
type Mode string

// The modes. Hybrid is v1 with an empty v2 hierarchy beside it, as systemd
// mounts it under /sys/fs/cgroup/unified.
const (
	ModeNone   Mode = ""
	ModeV1     Mode = "v1"
	ModeV2     Mode = "v2"
	ModeHybrid Mode = "hybrid"
)

// CgroupOf reads the cgroups of a process, 0 for this one. Files are looked
// for under root.
func CgroupOf(root string, pid int) (Cgroups, error) {
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	b, err := os.ReadFile(filepath.Join("/", root, "proc", who, "cgroup"))
	if err != nil {
		return nil, fmt.Errorf("read cgroup: %w", err)
	}
	return ParseCgroup(b)
}

// ParseCgroup parses /proc/PID/cgroup: lines of
// HIERARCHY:CONTROLLER,CONTROLLER:PATH.
func ParseCgroup(b []byte) (Cgroups, error) {
	var all Cgroups
	for line := range bytes.Lines(b) {
		text := strings.TrimSuffix(string(line), "\n")
		if text == "" {
			continue
		}
		f := strings.SplitN(text, ":", 3)
		if len(f) != 3 || !strings.HasPrefix(f[2], "/") {
			return nil, fmt.Errorf("parse cgroup: %.80q is not HIERARCHY:CONTROLLERS:/PATH", text)
		}
		id, err := strconv.ParseUint(f[0], 10, 31)
		if err != nil {
			return nil, fmt.Errorf("parse cgroup: %w", err)
		}
		m := Membership{Hierarchy: int(id), Path: f[2]}
		if f[1] != "" {
			m.Controllers = strings.Split(f[1], ",")
		}
		m.Path, m.Deleted = strings.CutSuffix(m.Path, " (deleted)")
		all = append(all, m)
	}
	return all, nil
}

// V2 returns the path in the v2 hierarchy.
func (c Cgroups) V2() (path string, ok bool) {
	for _, m := range c {
		if m.Hierarchy == 0 && len(m.Controllers) == 0 {
			return m.Path, true
		}
	}
	return "", false
}

// Controller returns the path in the v1 hierarchy of a controller.
func (c Cgroups) Controller(name string) (path string, ok bool) {
	for _, m := range c {
		if slices.Contains(m.Controllers, name) {
			return m.Path, true
		}
	}
	return "", false
}

// Mode returns the mode that the hierarchies amount to.
func (c Cgroups) Mode() Mode {
	_, v2 := c.V2()
	v1 := slices.ContainsFunc(c, func(m Membership) bool { return len(m.Controllers) > 0 })
	switch {
	case v1 && v2:
		return ModeHybrid
	case v1:
		return ModeV1
	case v2:
		return ModeV2
	}
	return ModeNone
}

// Containers returns the containers that the paths tell of, from the outside
// in, from the hierarchy that tells most.
func (c Cgroups) Containers() []Ref {
	var best []Ref
	for _, m := range c {
		if refs := ParsePath(m.Path); len(refs) > len(best) {
			best = refs
		}
	}
	return best
}
