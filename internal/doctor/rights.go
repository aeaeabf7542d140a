package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
)

// perfRemedies are the ways to perf events of the whole machine, which energy
// counters are: a right for this program, or less caution towards everyone
// (kernel.perf_event_paranoid, Documentation/admin-guide/sysctl/kernel.rst).
func (e examination) perfRemedies() []string {
	remedies := []string{e.allowEvents()}
	if p := e.state.PerfEventParanoid; p != nil && *p > 0 {
		remedies = append(remedies, e.onHost("sudo sysctl kernel.perf_event_paranoid=0"))
	}
	return append(remedies, e.asRoot())
}

// powercapRemedies are the ways to energy_uj, which is root's alone since
// Linux 5.10 (CVE-2020-8694). Opening it to one group gives away the least,
// and is gone with the next boot. Opening it to everyone would bring the side
// channel back, and is not among them.
func (e examination) powercapRemedies() []string {
	group := ""
	if e.ownsHost() {
		group = fmt.Sprintf("sudo find %s -name energy_uj -exec chgrp %d {} + -exec chmod g+r {} +",
			shell.Quote(e.path("sys/devices/virtual/powercap")), e.state.GID.Effective)
	}
	return []string{group, e.allow(priv.DACReadSearch), e.asRoot()}
}

// msrRemedies are the ways to /dev/cpu/N/msr. The driver asks for
// CAP_SYS_RAWIO whatever the file's mode, and the mode is checked as well:
// byMode says that it was in the way.
func (e examination) msrRemedies(byMode bool) ([]string, []priv.Cap) {
	if !byMode {
		return []string{e.allow(priv.SysRawIO), e.asRoot()}, []priv.Cap{priv.SysRawIO}
	}
	group := ""
	if raw := e.allow(priv.SysRawIO); e.ownsHost() && strings.HasPrefix(raw, "sudo ") {
		devices := e.path("dev/cpu") + "/*/msr"
		group = fmt.Sprintf("%s && sudo chgrp %d %s && sudo chmod g+r %s", raw, e.state.GID.Effective, devices, devices)
	}
	both := []priv.Cap{priv.SysRawIO, priv.DACReadSearch}
	return []string{group, e.allow(both...), e.asRoot()}, both
}

// perfRights reports the right to perf events and the switch that makes it
// necessary.
func (e examination) perfRights() finding {
	paranoid := "kernel.perf_event_paranoid can't be read"
	if p := e.state.PerfEventParanoid; p != nil {
		paranoid = fmt.Sprintf("kernel.perf_event_paranoid is %d: %s", *p, paranoia(*p))
	}
	name := "CAP_PERFMON"
	if !e.state.Kernel.AtLeast(5, 8) && e.state.Kernel.Major > 0 {
		name = "CAP_SYS_ADMIN"
	}
	c := check(groupCapabilities, name, report.Working, "effective; %s", paranoid)
	if e.state.Has(priv.Perfmon) && e.eventsDenied && !e.state.Has(priv.SysAdmin) && !e.state.PerfmonCounts() {
		c = treat(check(groupCapabilities, name, report.Forbidden, "effective and of no use; %s", paranoid), e.allowEvents())
	}
	if !e.state.Has(priv.Perfmon) {
		c = treat(c, e.allowEvents())
		c.State, c.Detail = report.Forbidden, "not effective; "+paranoid
		if !e.state.InitialUserNS {
			c.Detail = "not effective over the host (this is a user namespace); " + paranoid
		}
		if p := e.state.PerfEventParanoid; p != nil && *p <= 0 {
			c.State, c.Remedy = report.Working, ""
			c.Detail = "not effective and not needed; " + paranoid
		}
	}
	return one(c)
}

// paranoia says what a value of kernel.perf_event_paranoid leaves to who has
// no capability. Values above 2 are Debian's, Ubuntu's and Android's own.
func paranoia(v int) string {
	switch {
	case v <= -1:
		return "everyone may count everything"
	case v == 0:
		return "everyone may count events of the whole machine"
	case v == 1:
		return "without the capability only one's own processes"
	case v == 2:
		return "without the capability only one's own processes, in user mode"
	}
	return "without CAP_SYS_ADMIN nothing at all, CAP_PERFMON or not (a kernel of Debian or Ubuntu)"
}

// powercapFiles reports the modes of the energy files, and containers that
// hide them.
func (e examination) powercapFiles() finding {
	const name = "powercap files"
	if mask := container.PowercapMask(e.Root); mask.Hidden {
		return one(treat(check(groupCapabilities, name, report.Forbidden, "%s", mask.Detail), mask.Remedy))
	}
	files := e.energyFiles()
	if len(files) == 0 {
		return one(check(groupCapabilities, name, report.Absent, "no energy_uj below %s", e.path("sys/devices/virtual/powercap")))
	}
	info, err := os.Stat(files[0])
	if err != nil {
		return finding{checks: refused(groupCapabilities, name, err)}
	}
	detail := fmt.Sprintf("%s: mode %04o", files[0], info.Mode().Perm())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		detail += fmt.Sprintf(", of user %d and group %d", st.Uid, st.Gid)
	}
	closed := 0
	for _, f := range files {
		if !readable(f) {
			closed++
		}
	}
	if closed == 0 {
		return one(check(groupCapabilities, name, report.Working, "%s; this process may read %s", detail, allOf(len(files))))
	}
	return one(treat(check(groupCapabilities, name, report.Forbidden,
		"%s; this process may not read %d of %d (root's alone since Linux 5.10, CVE-2020-8694: their resolution betrays what others compute)", detail, closed, len(files)),
		e.powercapRemedies()[0]))
}

// readable reports whether this process may read a file, its capabilities
// considered, without opening it: access(2) would ask for the real user.
func readable(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil
}

func allOf(n int) string {
	if n == 1 {
		return "it"
	}
	return fmt.Sprintf("all %d of its kind", n)
}

// energyFiles lists the energy_uj files of the powercap tree, links not
// followed, which would lead in circles.
func (e examination) energyFiles() []string {
	var files []string
	// What can't be listed has no files for us.
	_ = filepath.WalkDir(e.path("sys/devices/virtual/powercap"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "energy_uj" {
			files = append(files, path)
		}
		return nil
	})
	slices.Sort(files)
	return files
}

// msrDevice reports the driver, the right that its devices take, and the
// kernel's lockdown, which does not keep anyone from reading.
func (e examination) msrDevice() finding {
	if id := e.topo.Identity; id.Vendor != "" && !id.IsX86() {
		return one(check(groupCapabilities, "msr device", report.Absent, "model specific registers are an x86 thing"))
	}
	var checks []report.Check
	device := e.path("dev/cpu/0/msr")
	info, err := os.Stat(device)
	switch {
	case err != nil:
		_, why := e.modprobe("msr", "CONFIG_X86_MSR")
		if why == "" {
			why = "the module msr is not loaded"
		}
		checks = append(checks, check(groupCapabilities, "msr device", report.Absent, "%s is not there: %s", device, why))
	case !readable(device):
		checks = append(checks, check(groupCapabilities, "msr device", report.Forbidden, "%s: mode %04o, not readable for this process", device, info.Mode().Perm()))
	default:
		checks = append(checks, check(groupCapabilities, "msr device", report.Working, "%s: mode %04o, readable", device, info.Mode().Perm()))
	}
	switch {
	case e.state.Has(priv.SysRawIO):
		checks = append(checks, check(groupCapabilities, "CAP_SYS_RAWIO", report.Working, "effective: registers can be read where the device is there"))
	case err != nil:
		checks = append(checks, check(groupCapabilities, "CAP_SYS_RAWIO", report.Note, "not effective; only the source msr takes it"))
	default:
		checks = append(checks, treat(check(groupCapabilities, "CAP_SYS_RAWIO", report.Forbidden, "not effective: opening an MSR device takes it, whatever the file's mode (for the source msr alone)"), e.allow(priv.SysRawIO)))
	}
	return finding{checks: append(checks, e.lockdown()...)}
}

// lockdown reports the kernel's lockdown, if it is in force.
func (e examination) lockdown() []report.Check {
	switch e.state.Lockdown {
	case priv.LockdownIntegrity:
		return []report.Check{check(groupCapabilities, "lockdown", report.Note, "integrity: registers and BPF still can be read, not written")}
	case priv.LockdownConfidentiality:
		return []report.Check{check(groupCapabilities, "lockdown", report.Note, "confidentiality: BPF programs may not read the kernel's memory; energy counters are not affected")}
	}
	return nil
}
