package bpfprog

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
)

// Every way in which a kernel says no is told from the others, and names what
// helps.
func TestRefuse(t *testing.T) {
	rights, err := priv.Read("")
	if err != nil {
		t.Fatal(err)
	}
	if len(rights.Missing(priv.BPF, priv.Perfmon)) > 0 {
		t.Skip("without the rights every refusal is for want of them")
	}
	for _, c := range []struct {
		name   string
		err    error
		kind   error
		reason string
		remedy string
	}{
		{"an old kernel", fmt.Errorf("load program: %w", ebpf.ErrNotSupported), energy.ErrAbsent, "load program", "Linux 5.11"},
		{"no BTF", fmt.Errorf("find /sys/kernel/btf/vmlinux: %w", fs.ErrNotExist), energy.ErrAbsent, "btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"},
		{"no bpf(2)", fmt.Errorf("map create: %w", unix.ENOSYS), energy.ErrAbsent, "seccomp filter", ""},
		{"forbidden with all rights", fmt.Errorf("map create: %w", unix.EPERM), energy.ErrForbidden, "stands in the way", ""},
		{"the verifier", &ebpf.VerifierError{Cause: unix.EINVAL, Log: []string{"R1 !read_ok", "processed 4 insns"}}, energy.ErrBroken, "R1 !read_ok", "report this kernel's version"},
		{"anything else", errors.New("out of luck"), energy.ErrBroken, "out of luck", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := refuse("load the eBPF programs", c.err)
			if !errors.Is(r, c.kind) || !strings.Contains(r.Reason, c.reason) || !strings.Contains(r.Remedy, c.remedy) || c.remedy == "" && r.Remedy != "" {
				t.Errorf("%s: %s; %s", r.KindName(), r.Reason, r.Remedy)
			}
			if !strings.HasPrefix(r.Reason, "load the eBPF programs: ") {
				t.Errorf("%q does not say what was tried", r.Reason)
			}
		})
	}
}
