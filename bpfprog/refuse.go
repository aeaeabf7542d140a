package bpfprog

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// refuse says why the kernel won't account, and how to get it to.
func refuse(tried string, err error) *energy.Refusal {
	r := &energy.Refusal{Name: "ebpf", Kind: energy.ErrBroken, Err: err}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		reason = "the kernel's verifier refuses a program: " + verdict(verifier)
		r.Remedy = "report this kernel's version with the output of energyprobe doctor"
	case errors.Is(err, unix.ENOSYS):
		r.Kind, reason = energy.ErrAbsent, "the kernel has no bpf(2), or a seccomp filter hides it"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, fs.ErrPermission):
		r.Kind = energy.ErrForbidden
		r.Remedy = "sudo setcap cap_bpf,cap_perfmon+ep FILE (energyprobe doctor prints the line), or run as root"
	case errors.Is(err, ebpf.ErrNotSupported):
		r.Kind = energy.ErrAbsent
		r.Remedy = "Linux 5.11 or newer, built with CONFIG_DEBUG_INFO_BTF and CONFIG_BPF_EVENTS"
	}
	r.Reason = tried + ": " + reason
	return r
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
