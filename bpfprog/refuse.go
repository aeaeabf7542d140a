package bpfprog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
)

// refuse says why the kernel won't account, and how to get it to (bpf(2),
// ERRORS; kernel/bpf/syscall.c).
func refuse(tried string, err error) *energy.Refusal {
	r := &energy.Refusal{Name: "ebpf", Kind: energy.ErrBroken, Err: err}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, unix.ENOSYS):
		r.Kind, reason = energy.ErrAbsent, "the kernel has no bpf(2), or a seccomp filter hides it"
	// Without the rights, what can't be tried looks as if it were not there.
	case errors.Is(err, ebpf.ErrNotSupported) && missesRights(), errors.Is(err, unix.EPERM), errors.Is(err, fs.ErrPermission) && !errors.As(err, &verifier):
		r.Kind = energy.ErrForbidden
		reason, r.Remedy = forbidden(reason)
	case errors.As(err, &verifier) && lockedDown():
		r.Kind, reason = energy.ErrForbidden, lockdown
	case errors.As(err, &verifier):
		reason = "the kernel's verifier refuses a program: " + verdict(verifier)
		r.Remedy = "report this kernel's version with the output of energyprobe doctor"
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, fs.ErrNotExist):
		r.Kind = energy.ErrAbsent
		r.Remedy = "boot Linux 5.11 or newer, built with CONFIG_DEBUG_INFO_BTF and CONFIG_BPF_EVENTS"
	}
	r.Reason = tried + ": " + reason
	return r
}

// initialPIDs is the inode of the first PID namespace (PROC_PID_INIT_INO of
// include/linux/proc_ns.h).
const initialPIDs = "pid:[4026531836]"

// foreignPIDs refuses to account from within a PID namespace: the programs see
// the host's numbers, and would take another process for the one asked for. It
// is nil where numbers are the host's, or /proc does not say.
func foreignPIDs() *energy.Refusal {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil || ns == initialPIDs {
		return nil
	}
	return &energy.Refusal{
		Name: "ebpf", Kind: energy.ErrForbidden,
		Reason: "this is a PID namespace of its own (" + ns + "), as containers have: the kernel's programs know processes by the host's numbers",
		Remedy: "docker run --pid=host ...\n# Kubernetes: hostPID: true in the pod's spec",
	}
}

const lockdown = "the kernel is locked down for confidentiality (/sys/kernel/security/lockdown): programs may not read its memory"

func lockedDown() bool {
	s, err := priv.Read("")
	return err == nil && s.Lockdown == priv.LockdownConfidentiality
}

func missesRights() bool {
	s, err := priv.Read("")
	return err == nil && len(s.Missing(priv.BPF, priv.Perfmon)) > 0
}

// forbidden tells a missing right from a filter that refuses although the
// right is there: the remedies differ.
func forbidden(reason string) (why, remedy string) {
	s, err := priv.Read("") // this process's rights
	if err != nil {
		return reason, priv.SetcapLine("", priv.BPF, priv.Perfmon)
	}
	missing := s.Missing(priv.BPF, priv.Perfmon)
	switch {
	case len(missing) > 0:
		var names []string
		for _, c := range missing {
			names = append(names, c.String())
		}
		return "needs " + strings.Join(names, " and "), s.Remedy("", priv.BPF, priv.Perfmon)
	case s.Lockdown == priv.LockdownConfidentiality:
		return lockdown, ""
	case s.Seccomp == priv.SeccompFilter:
		return fmt.Sprintf("%s: a seccomp filter is in force (/proc/self/status)", reason), "in a container: start it with --cap-add BPF --cap-add PERFMON, which the usual filters go by"
	}
	return reason + ": a security module or a user namespace stands in the way", ""
}

// verdict is the end of the verifier's log, where it says why.
func verdict(v *ebpf.VerifierError) string {
	log := v.Log
	for len(log) > 0 && strings.HasPrefix(log[len(log)-1], "processed ") {
		log = log[:len(log)-1]
	}
	if len(log) == 0 {
		return v.Error()
	}
	return strings.Join(log[max(0, len(log)-3):], "; ")
}
