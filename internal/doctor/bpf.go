package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
)

// bpfTrial is what came of loading small programs and maps of the kinds that
// attribution takes: nil, ebpf.ErrNotSupported, or why nothing can be said.
type bpfTrial struct {
	tracing error // a program at a raw tracepoint: sched_switch
	maps    error // an array of perf events
	reading error // bpf_perf_event_read_value in such a program
}

// bpf tries it on the running kernel. Programs of type tracing are not tried:
// that takes reading all of the kernel's BTF, and says no more than its file
// being there.
func (k liveKernel) bpf() bpfTrial {
	return bpfTrial{
		tracing: features.HaveProgramType(ebpf.RawTracepoint),
		maps:    features.HaveMapType(ebpf.PerfEventArray),
		reading: features.HaveProgramHelper(ebpf.RawTracepoint, asm.FnPerfEventReadValue),
	}
}

func (t bpfTrial) err() error { return errors.Join(t.tracing, t.maps, t.reading) }

// bpf reports whether BPF programs can be loaded.
func (e examination) bpf() finding {
	trial := e.kernel.bpf()
	err := trial.err()
	btf := check(groupCapabilities, "BTF", report.Working, "%s: programs fit themselves to this kernel", e.path("sys/kernel/btf/vmlinux"))
	if !e.state.BTF {
		btf = check(groupCapabilities, "BTF", report.Absent, "no %s: the kernel was built without CONFIG_DEBUG_INFO_BTF", e.path("sys/kernel/btf/vmlinux"))
	}
	c := check(groupCapabilities, "BPF", report.Working, "programs at tracepoints that read perf events can be loaded (tried on Linux %s)", e.state.Kernel.Release)
	caps := []priv.Cap{priv.BPF, priv.Perfmon}
	denied := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, fs.ErrPermission)
	missing := len(e.state.Missing(caps...)) > 0
	helps := false
	switch {
	case err == nil:
	case errors.Is(err, unix.ENOSYS):
		c = check(groupCapabilities, "BPF", report.Absent, "the kernel has no bpf(2), or a seccomp filter hides it")
	case denied && missing:
		c = treat(check(groupCapabilities, "BPF", report.Forbidden, "bpf(2) refuses: needs %s%s", join(e.state.Missing(caps...)), e.unprivileged()),
			e.allow(caps...), e.asRoot())
		helps = e.state.BTF
	case denied:
		c = check(groupCapabilities, "BPF", report.Forbidden, "bpf(2) refuses although the capabilities are there: %s", e.filter())
	case errors.Is(err, ebpf.ErrNotSupported):
		c = check(groupCapabilities, "BPF", report.Absent, "Linux %s is too old or was built without it: %s", e.state.Kernel.Release, firstLine(err))
	default:
		c = check(groupCapabilities, "BPF", report.Broken, "%s", firstLine(err))
	}
	return finding{checks: []report.Check{c, btf}, learnt: func(e *examination) {
		e.programs, e.programsDenied = err == nil && e.state.BTF, denied && e.state.BTF
		if helps {
			e.useful(caps...)
		}
	}}
}

func (e examination) unprivileged() string {
	if v := e.state.UnprivilegedBPF; v != nil {
		return fmt.Sprintf(" (kernel.unprivileged_bpf_disabled is %d; tracing takes the capabilities whatever it is)", *v)
	}
	return ""
}

// filter names what may forbid a system call to who has the rights.
func (e examination) filter() string {
	switch {
	case e.state.Seccomp == priv.SeccompFilter:
		return "a seccomp filter is in force (/proc/self/status); containers start with one that allows it only with --cap-add"
	case e.state.Lockdown == priv.LockdownConfidentiality:
		return "the kernel is locked down for confidentiality"
	case len(e.state.LSMs) > 0:
		return "a security module forbids it (in force: " + strings.Join(e.state.LSMs, ", ") + ")"
	}
	return "a seccomp filter or a security module forbids it"
}

func join(caps []priv.Cap) string {
	names := make([]string, len(caps))
	for i, c := range caps {
		names[i] = c.String()
	}
	return strings.Join(names, " and ")
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}
