package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
)

// executable is the file that remedies give rights to.
type executable struct {
	path string
	// elsewhere is where to install it first, "" when rights can be given to
	// the file where it lies.
	elsewhere string
}

// installed is where a program goes that is not a package's.
const installed = "/usr/local/bin/energyprobe"

// executable finds out whether capabilities can be given to the file: not on a
// file system mounted nosuid, where execve ignores them (mount(2)), nor on one
// that can't store them.
func (e examination) executable() finding {
	x := executable{path: e.Exe}
	if x.path == "" {
		exe, err := os.Executable()
		if err != nil {
			x.path = "/path/to/energyprobe"
			return finding{learnt: func(e *examination) { e.exe = x }}
		}
		x.path = exe
	}
	why := ""
	var fs unix.Statfs_t
	if err := unix.Statfs(x.path, &fs); err == nil && fs.Flags&unix.MS_NOSUID != 0 {
		why = filepath.Dir(x.path) + " is on a file system mounted nosuid, where capabilities of files do not count"
	} else if _, err := unix.Getxattr(x.path, "security.capability", nil); errors.Is(err, unix.ENOTSUP) {
		why = filepath.Dir(x.path) + " is on a file system that can't store capabilities"
	}
	learnt := func(e *examination) { e.exe = x }
	if why == "" {
		return finding{learnt: learnt}
	}
	if x.path != installed {
		x.elsewhere = installed
	}
	return finding{learnt: learnt, checks: []report.Check{treat(
		check(groupCapabilities, "file capabilities", report.Note, "%s", why),
		fmt.Sprintf("sudo install -m 755 %s %s", shell.Quote(x.path), installed))}}
}

// allow says how this process comes by capabilities, "" when it has them.
func (e examination) allow(caps ...priv.Cap) string {
	return e.install(e.state.Remedy(e.target(), caps...))
}

// allowEvents says how it comes by perf events, and by other capabilities in
// the same go.
func (e examination) allowEvents(others ...priv.Cap) string {
	line := e.state.Remedy(e.target(), append(others, priv.Perfmon)...)
	// With some kernels it takes more than the capability. That line ends in
	// the one for the capability alone, in whose place goes the one for all.
	perf, alone := e.state.PerfRemedy(e.target()), e.state.Remedy(e.target(), priv.Perfmon)
	switch more := strings.TrimSuffix(perf, alone); {
	case alone != "":
		line = more + line
	case line == "":
		line = perf
	case perf != "":
		line = perf + " && " + line
	}
	return e.install(line)
}

// target is the file that gets capabilities.
func (e examination) target() string { return cmp.Or(e.exe.elsewhere, e.exe.path) }

// install puts in front of a line with setcap what it takes to have a file
// there.
func (e examination) install(line string) string {
	if e.exe.elsewhere == "" || !strings.Contains(line, "sudo setcap ") {
		return line
	}
	return fmt.Sprintf("sudo install -m 755 %s %s && %s", shell.Quote(e.exe.path), e.exe.elsewhere, line)
}

// grant is the line that gives every right that helps.
func (e examination) grant() string {
	if e.wantsEvents {
		return e.allowEvents(e.helpful.Caps()...)
	}
	return e.allow(e.helpful.Caps()...)
}

// asRoot is the remedy that needs nothing but a password, and takes the most
// rights. It is no use inside a container, where no_new_privs keeps sudo from
// working, and to who is root already.
func (e examination) asRoot() string {
	if !e.ownsHost() || e.state.UID.Effective == 0 || e.state.NoNewPrivs {
		return ""
	}
	return fmt.Sprintf("sudo %s run --user $USER -- COMMAND", shell.Quote(e.exe.path))
}

// ownsHost reports whether commands of the administrator work from here:
// neither in a container nor in a user namespace of its own.
func (e examination) ownsHost() bool { return e.state.InitialUserNS && !e.container.Inside() }

// onHost marks a command that has to be given outside of a container.
func (e examination) onHost(line string) string {
	if e.ownsHost() {
		return line
	}
	return "on the host: " + line
}

// useful notes that capabilities would change something here.
func (e *examination) useful(caps ...priv.Cap) { e.helpful |= priv.Of(caps...) }
