// Package priv says what this process may do: capabilities, user, user
// namespace, and the kernel's own switches. It reads and explains; it changes
// nothing.
package priv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// State is what this process may do. Pointers are nil, strings empty, where
// a fact could not be learnt; Unknown then holds the reason.
type State struct {
	Status
	Kernel Kernel

	// UIDMap is the user namespace's map. InitialUserNS says that it is the
	// host's own namespace, where user 0 is the host's root: capabilities of
	// another namespace count for nothing in perf, BPF and MSRs, which ask
	// capable(), that is for the initial one.
	UIDMap        []IDRange
	InitialUserNS bool

	PerfEventParanoid *int // kernel.perf_event_paranoid: -1 to 4 (distributions add 3 and 4)
	UnprivilegedBPF   *int // kernel.unprivileged_bpf_disabled: 0, 1, 2
	KptrRestrict      *int // kernel.kptr_restrict: 0, 1, 2

	Lockdown    Lockdown
	LSMs        []string // security modules in force, in their order
	Confinement string   // the LSM's label of this process: "docker-default (enforce)"
	BTF         bool     // /sys/kernel/btf/vmlinux is there

	Unknown []error
}

// Read reads the state of this process. Files are looked for under root, ""
// and "/" being the live host. The error is for when /proc itself can't be
// read; lesser gaps are in State.Unknown.
func Read(root string) (*State, error) {
	r := reader{root: root}
	s := &State{}
	var err error
	if s.Status, err = readAs(r, "/proc/self/status", func(b string) (Status, error) { return ParseStatus([]byte(b)) }); err != nil {
		return nil, err
	}
	if s.Kernel, err = readAs(r, "/proc/sys/kernel/osrelease", ParseRelease); err != nil {
		return nil, err
	}
	s.UIDMap, err = readAs(r, "/proc/self/uid_map", func(b string) ([]IDRange, error) { return ParseIDMap([]byte(b)) })
	// A kernel without user namespaces has no such file, and no other namespace.
	s.InitialUserNS = errors.Is(err, fs.ErrNotExist) || identity(s.UIDMap)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Unknown = append(s.Unknown, err)
	}
	s.PerfEventParanoid = s.number(r, "/proc/sys/kernel/perf_event_paranoid")
	s.UnprivilegedBPF = s.number(r, "/proc/sys/kernel/unprivileged_bpf_disabled")
	s.KptrRestrict = s.number(r, "/proc/sys/kernel/kptr_restrict")
	s.readSecurity(r)
	_, err = os.Stat(filepath.Join(root, "/sys/kernel/btf/vmlinux"))
	s.BTF = err == nil
	return s, nil
}

func (s *State) readSecurity(r reader) {
	var err error
	s.Lockdown, err = readAs(r, "/sys/kernel/security/lockdown", ParseLockdown)
	s.note(err)
	lsm, err := r.text("/sys/kernel/security/lsm")
	s.note(err)
	if lsm != "" {
		s.LSMs = strings.Split(lsm, ",")
	}
	// The read fails with EINVAL where no module keeps a label.
	if label, err := r.text("/proc/self/attr/current"); err == nil {
		s.Confinement = strings.TrimRight(label, "\x00\n")
	}
}

func (s *State) number(r reader, path string) *int {
	v, err := readAs(r, path, strconv.Atoi)
	if err != nil {
		s.note(err)
		return nil
	}
	return &v
}

func (s *State) note(err error) {
	if err != nil {
		s.Unknown = append(s.Unknown, err)
	}
}

// Has reports whether the process has a capability over the host: it is
// effective, and not merely within a user namespace of its own.
// CAP_SYS_ADMIN stands in for CAP_PERFMON and CAP_BPF, as it does in the
// kernel (perfmon_capable and bpf_capable in include/linux/capability.h).
func (s *State) Has(c Cap) bool {
	if !s.InitialUserNS {
		return false
	}
	if (c == Perfmon || c == BPF) && s.Effective.Has(SysAdmin) {
		return true
	}
	if c == DACReadSearch && s.Effective.Has(DACOverride) {
		return true
	}
	return s.Effective.Has(c)
}

// HostRoot reports whether the process is the host's root user, and not the
// user 0 of a user namespace.
func (s *State) HostRoot() bool { return s.InitialUserNS && s.UID.Effective == 0 }

// Missing returns those of caps the process does not have. CAP_PERFMON and
// CAP_BPF came with Linux 5.8: before it, CAP_SYS_ADMIN is missing instead.
func (s *State) Missing(caps ...Cap) []Cap {
	var missing Set
	for _, c := range caps {
		if s.Has(c) {
			continue
		}
		if (c == Perfmon || c == BPF) && !s.Kernel.AtLeast(5, 8) {
			c = SysAdmin
		}
		missing |= Of(c)
	}
	return missing.Caps()
}

// Remedy says how this process can come by caps, "" when it has them: a line
// to paste where there is one. exe is the file to give them to, "" for the
// running executable. Capabilities the file has given already are named
// again, since setcap replaces them.
func (s *State) Remedy(exe string, caps ...Cap) string {
	missing := s.Missing(caps...)
	if len(missing) == 0 {
		return ""
	}
	names := make([]string, len(missing))
	short := make([]string, len(missing))
	withheld := false
	for i, c := range missing {
		names[i] = c.String()
		short[i] = "--cap-add=" + strings.TrimPrefix(c.String(), "CAP_")
		withheld = withheld || !s.Bounding.Has(c)
	}
	list := strings.Join(names, " and ")
	asRoot := s.UID.Effective == 0
	switch {
	case !s.InitialUserNS:
		return "run energyprobe outside of this user namespace (rootless container, unshare -U): inside it no capability counts over the host"
	case withheld && asRoot:
		return fmt.Sprintf("start the container with %s (Kubernetes: securityContext.capabilities.add)", strings.Join(short, " "))
	case withheld:
		return fmt.Sprintf("start the container as root (--user 0) with %s: added capabilities do not reach another user without file capabilities", strings.Join(short, " "))
	case asRoot:
		return "run as a root that kept " + list
	case s.NoNewPrivs:
		return fmt.Sprintf("run as root, or without no_new_privs (Kubernetes: allowPrivilegeEscalation: true) after: %s", SetcapLine(exe, s.withPermitted(missing)...))
	}
	return SetcapLine(exe, s.withPermitted(missing)...)
}

func (s *State) withPermitted(caps []Cap) []Cap {
	return (Of(caps...) | s.Permitted).Caps()
}

// reader reads small files under a root.
type reader struct{ root string }

func (r reader) text(path string) (string, error) {
	b, err := os.ReadFile(filepath.Join(r.root, path))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

func readAs[T any](r reader, path string, parse func(string) (T, error)) (T, error) {
	text, err := r.text(path)
	if err != nil {
		var zero T
		return zero, err
	}
	v, err := parse(text)
	if err != nil {
		return v, fmt.Errorf("%s: %w", filepath.Join(r.root, path), err)
	}
	return v, nil
}
