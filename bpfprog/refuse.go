package bpfprog

import (
	"fmt"
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
		reason = fmt.Sprintf("the kernel's verifier refuses a program: %+v", verifier)
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

func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}
