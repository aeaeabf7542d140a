package container

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FindCgroup returns the directories of a control group: one in a pure
// cgroup2 host, one per hierarchy that has it in version 1. The name is a
// directory below /sys/fs/cgroup, with or without that prefix, or a path as
// /proc/PID/cgroup shows it. It is empty when there is no such group.
func FindCgroup(root, name string) []string {
	mount := filepath.Join("/", root, "sys/fs/cgroup")
	rel := filepath.Clean("/" + strings.TrimPrefix(strings.TrimPrefix(name, mount), "/sys/fs/cgroup"))
	var dirs []string
	add := func(dir string) {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	add(filepath.Join(mount, rel))
	// Version 1 mounts each controller, and cgroup2 beside them as "unified".
	hierarchies, err := os.ReadDir(mount)
	if err != nil {
		return dirs
	}
	for _, h := range hierarchies {
		if h.IsDir() || h.Type()&os.ModeSymlink != 0 {
			add(filepath.Join(mount, h.Name(), rel))
		}
	}
	return dirs
}
