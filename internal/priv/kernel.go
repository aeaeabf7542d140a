package priv

import (
	"fmt"
	"strconv"
	"strings"
)

// Kernel is a kernel release.
type Kernel struct {
	Release             string // as uname -r prints it
	Major, Minor, Patch int    // Patch is 0 where the release has none
}

// AtLeast reports whether the kernel is major.minor or newer.
func (k Kernel) AtLeast(major, minor int) bool {
	return k.Major > major || k.Major == major && k.Minor >= minor
}

// ParseRelease parses a release: "6.1.0-56-amd64", "5.15.167.4-microsoft-
// standard-WSL2", "6.18.44-fc-v657", "6.12".
func ParseRelease(s string) (Kernel, error) {
	k := Kernel{Release: s}
	numbers := [3]*int{&k.Major, &k.Minor, &k.Patch}
	rest := s
	for i, n := range numbers {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		v, err := strconv.Atoi(rest[:digits])
		if err != nil {
			if i == 2 {
				break
			}
			return Kernel{}, fmt.Errorf("parse kernel release %q: want MAJOR.MINOR", s)
		}
		*n, rest = v, rest[digits:]
		if !strings.HasPrefix(rest, ".") {
			if i == 0 {
				return Kernel{}, fmt.Errorf("parse kernel release %q: want MAJOR.MINOR", s)
			}
			break
		}
		rest = rest[1:]
	}
	return k, nil
}

// Lockdown is the mode of the kernel's lockdown (kernel_lockdown(7)). Reading
// MSRs is allowed in every mode: the check in arch/x86/kernel/msr.c is in the
// write path. Confidentiality keeps BPF programs from reading kernel memory
// (LOCKDOWN_BPF_READ_KERNEL).
type Lockdown string

// The modes.
const (
	LockdownUnknown         Lockdown = "" // no lockdown in this kernel, or securityfs not mounted
	LockdownNone            Lockdown = "none"
	LockdownIntegrity       Lockdown = "integrity"
	LockdownConfidentiality Lockdown = "confidentiality"
)

// ParseLockdown parses /sys/kernel/security/lockdown: "none [integrity]
// confidentiality", the mode in force in brackets.
func ParseLockdown(s string) (Lockdown, error) {
	for _, f := range strings.Fields(s) {
		if mode, ok := strings.CutPrefix(f, "["); ok && strings.HasSuffix(mode, "]") {
			switch m := Lockdown(strings.TrimSuffix(mode, "]")); m {
			case LockdownNone, LockdownIntegrity, LockdownConfidentiality:
				return m, nil
			}
		}
	}
	return LockdownUnknown, fmt.Errorf("parse lockdown mode %q", s)
}
