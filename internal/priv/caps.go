package priv

import (
	"fmt"
	"math/bits"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/shell"
)

// Cap is a Linux capability, by its number in the kernel's
// include/uapi/linux/capability.h.
type Cap uint8

// The capabilities that measuring can need.
const (
	DACOverride       Cap = 1  // write past file modes
	DACReadSearch     Cap = 2  // read past file modes: energy_uj is 0400, /dev/cpu/N/msr 0600
	SetGID            Cap = 6  // --user
	SetUID            Cap = 7  // --user
	SysModule         Cap = 16 // load msr.ko
	SysRawIO          Cap = 17 // open /dev/cpu/N/msr
	SysPtrace         Cap = 19 // look into processes of others
	SysAdmin          Cap = 21 // what PERFMON and BPF were before 5.8
	SysResource       Cap = 24 // raise RLIMIT_MEMLOCK for maps before 5.11
	Syslog            Cap = 34 // kernel addresses with kptr_restrict 1
	Perfmon           Cap = 38 // perf events of the whole machine
	BPF               Cap = 39 // load BPF programs
	CheckpointRestore Cap = 40 // /proc/PID/map_files
)

var capNames = map[Cap]string{
	DACOverride: "CAP_DAC_OVERRIDE", DACReadSearch: "CAP_DAC_READ_SEARCH",
	SetGID: "CAP_SETGID", SetUID: "CAP_SETUID", SysModule: "CAP_SYS_MODULE",
	SysRawIO: "CAP_SYS_RAWIO", SysPtrace: "CAP_SYS_PTRACE", SysAdmin: "CAP_SYS_ADMIN",
	SysResource: "CAP_SYS_RESOURCE", Syslog: "CAP_SYSLOG", Perfmon: "CAP_PERFMON",
	BPF: "CAP_BPF", CheckpointRestore: "CAP_CHECKPOINT_RESTORE",
}

// String returns the capability's name, "CAP_PERFMON".
func (c Cap) String() string {
	if s, ok := capNames[c]; ok {
		return s
	}
	return "capability " + strconv.Itoa(int(c))
}

// text is the form setcap(8) takes: names it knows in small letters, numbers
// otherwise (cap_from_text(3)).
func (c Cap) text() string {
	if s, ok := capNames[c]; ok {
		return strings.ToLower(s)
	}
	return strconv.Itoa(int(c))
}

// Set is a set of capabilities as /proc/PID/status prints it: bit n is
// capability n.
type Set uint64

// Has reports whether c is in the set.
func (s Set) Has(c Cap) bool { return c < 64 && s&(1<<c) != 0 }

// Of returns the set of caps.
func Of(caps ...Cap) Set {
	var s Set
	for _, c := range caps {
		s |= 1 << c
	}
	return s
}

// Caps lists the set in ascending order.
func (s Set) Caps() []Cap {
	caps := make([]Cap, 0, bits.OnesCount64(uint64(s)))
	for c := Cap(0); c < 64; c++ {
		if s.Has(c) {
			caps = append(caps, c)
		}
	}
	return caps
}

// SetcapLine returns the shell line that gives the executable exe exactly
// caps. setcap(8) replaces what the file had before: name all in one line.
// An empty exe stands for the running executable.
func SetcapLine(exe string, caps ...Cap) string {
	if exe == "" {
		exe = executable()
	}
	caps = slices.Clone(caps)
	slices.Sort(caps)
	caps = slices.Compact(caps)
	texts := make([]string, len(caps))
	for i, c := range caps {
		texts[i] = c.text()
	}
	return fmt.Sprintf("sudo setcap %s+ep %s", strings.Join(texts, ","), shell.Quote(exe))
}

func executable() string {
	exe, err := os.Executable()
	if err != nil {
		// /proc is not mounted: leave finding us to the reader.
		return "/path/to/energyprobe"
	}
	return exe
}
