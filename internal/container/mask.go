package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Mask says whether a container hides the powercap tree.
type Mask struct {
	Hidden bool
	Detail string // what was seen, with the file
	Remedy string // how to get at the host's
}

const (
	classDir  = "/sys/class/powercap"
	deviceDir = "/sys/devices/virtual/powercap"
)

// PowercapMask looks for a powercap tree that is there but hidden. Since the
// PLATYPUS fixes docker, podman, containerd and cri-o cover
// /sys/devices/virtual/powercap with an empty read-only tmpfs (moby
// GHSA-jq35-85cj-fj4p), so that the links in /sys/class/powercap dangle; a
// mount of that class directory alone has the same effect. Only a kernel
// without powercap has neither directory, and that is no mask.
func PowercapMask(root string) Mask {
	d := detector{root: root}
	if detail := d.covered(); detail != "" {
		return d.mask(detail)
	}
	if link := d.danglingLink(); link != "" {
		return d.mask(link + " points to nothing")
	}
	entries, err := os.ReadDir(filepath.Join("/", root, deviceDir))
	if err == nil && len(entries) == 0 && Detect(root).Inside() {
		return d.mask(deviceDir + " is empty")
	}
	return Mask{}
}

// covered looks for something mounted over the tree.
func (d *detector) covered() string {
	for _, m := range d.mounts() {
		under := m.point == deviceDir || strings.HasPrefix(m.point, deviceDir+"/") || m.point == classDir
		if under && m.fstype != "sysfs" {
			return m.fstype + " is mounted over " + m.point
		}
	}
	return ""
}

// danglingLink returns the first entry of the class directory without its
// target.
func (d *detector) danglingLink() string {
	dir := filepath.Join("/", d.root, classDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, e.Name())); errors.Is(err, fs.ErrNotExist) {
			return classDir + "/" + e.Name()
		}
	}
	return ""
}

func (d *detector) mask(detail string) Mask {
	m := Mask{Hidden: true, Detail: detail}
	const flag = "run energyprobe with --host-root /host"
	switch info := Detect(d.root); {
	case info.Kubernetes:
		m.Remedy = "mount the node's /sys at /host/sys (hostPath volume, readOnly: true) and " + flag
	case info.Runtime == "docker", info.Runtime == "podman", info.Runtime == "containerd":
		m.Remedy = "start the container with -v /sys:/host/sys:ro and " + flag
	case info.Runtime == "lxc":
		m.Remedy = "add lxc.mount.entry = /sys host/sys none rbind,ro,create=dir to the container's configuration and " + flag
	case info.Runtime == "systemd-nspawn":
		m.Remedy = "start the container with --bind-ro=/sys:/host/sys and " + flag
	default:
		m.Remedy = "mount the host's /sys at /host/sys, read-only, and " + flag
	}
	return m
}
