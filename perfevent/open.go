package perfevent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
)

func perfEventOpen(attr *unix.PerfEventAttr, pid, cpu, group, flags int) (int, error) {
	for {
		fd, err := unix.PerfEventOpen(attr, pid, cpu, group, flags)
		if err == unix.EINTR {
			continue
		}
		return fd, os.NewSyscallError("perf_event_open", err)
	}
}

// openRefusal explains why perf_event_open refused (perf_event_open(2),
// ERRORS; kernel/events/core.c).
func openRefusal(name, what string, err error) *energy.Refusal {
	r := &energy.Refusal{Name: name, Kind: energy.ErrBroken, Reason: what + ": " + err.Error(), Err: err}
	switch {
	case errors.Is(err, unix.ENOSYS):
		r.Kind = energy.ErrAbsent
		r.Reason = what + ": the kernel has no perf_event_open, or a seccomp filter hides it"
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL), errors.Is(err, fs.ErrNotExist):
		r.Kind = energy.ErrAbsent
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		r.Remedy = "ulimit -n 65536"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		r.Kind = energy.ErrForbidden
		r.Reason, r.Remedy = explainForbidden(what)
	}
	return r
}

// explainForbidden tells a missing right from a filter that refuses although
// the right is there: the remedies differ.
func explainForbidden(what string) (reason, remedy string) {
	state, err := priv.Read("") // this process's rights, wherever the host's files are
	if err != nil {
		return what + ": needs CAP_PERFMON", priv.SetcapLine("", priv.Perfmon)
	}
	if state.Has(priv.Perfmon) && !state.Has(priv.SysAdmin) && !state.PerfmonCounts() {
		return fmt.Sprintf("%s: kernel.perf_event_paranoid is %d, and above 2 this kernel (Debian's, Ubuntu's) asks for CAP_SYS_ADMIN instead of CAP_PERFMON", what, *state.PerfEventParanoid),
			state.PerfRemedy("")
	}
	if state.Has(priv.Perfmon) {
		return what + ": refused although this process has CAP_PERFMON: a seccomp filter, a security module or a user namespace stands in the way",
			"run the container with a seccomp profile that allows perf_event_open (docker: --security-opt seccomp=unconfined to try)"
	}
	paranoid := "not readable"
	if state.PerfEventParanoid != nil {
		paranoid = strconv.Itoa(*state.PerfEventParanoid)
	}
	return fmt.Sprintf("%s: needs CAP_PERFMON, or kernel.perf_event_paranoid at 0 or below (it is %s)", what, paranoid),
		state.PerfRemedy("")
}
