package session

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// identify finds out what the processor is and which power it may draw.
func (s *session) identify() {
	given := model.Given{UserW: s.TDPW}
	if s.profile != nil {
		given.ProfileW = s.profile.TDPW
	}
	for _, o := range s.opened {
		for _, socket := range s.topo.Sockets() {
			if w, ok := o.TDPW(socket); ok && given.HardwareW == 0 {
				given.HardwareW = w
			}
		}
	}
	s.match, s.modelErr = model.Identify(ModelIdentity(s.Root, s.topo), given)
	if s.modelErr != nil {
		return
	}
	if s.machine, s.modelErr = model.NewMachine(s.modelHost()); s.profile == nil || s.modelErr != nil {
		return
	}
	m, err := s.profile.Machine(s.modelHost())
	if err != nil {
		s.warn("profile-unsuited", fmt.Sprintf("the host profile %s is not used: %v", s.profile.Path, err), "calibrate again: energyprobe calibrate")
		s.profile = nil
		return
	}
	s.machine = m
}

// ModelIdentity is what a host says of its processor, for the table of them.
func ModelIdentity(root string, t *topology.Topology) model.Identity {
	id := t.Identity
	return model.Identity{
		ModelName: id.Name, Vendor: id.Vendor,
		Family: max(id.Family, 0), Model: max(id.Model, 0), Stepping: max(id.Stepping, 0),
		MIDR:    readMIDR(root),
		Sockets: max(len(t.Sockets()), 1), Cores: t.Cores(), Threads: t.Threads(),
		Virtual: t.Virt.IsVM(),
	}
}

// readMIDR returns the identity register of an ARM processor, 0 elsewhere
// (Documentation/arch/arm64/cpu-feature-registers.rst).
func readMIDR(root string) uint64 {
	b, err := os.ReadFile(filepath.Join("/", root, "sys/devices/system/cpu/cpu0/regs/identification/midr_el1"))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 0, 64)
	return n
}

func (s *session) modelHost() model.Host {
	return model.Host{
		CPUs: max(s.topo.Threads(), 1), Sockets: max(len(s.topo.Sockets()), 1),
		Virtual: s.topo.Virt.IsVM(), CPU: s.match,
	}
}

// HostReport describes a host: the same facts for a measurement and for the
// doctor.
func HostReport(root string, t *topology.Topology) report.Host {
	h := report.Host{
		Hostname: hostFile(root, "proc/sys/kernel/hostname"),
		Kernel:   hostFile(root, "proc/sys/kernel/osrelease"),
		Arch:     machineName(),
		CPU: report.CPU{
			ModelName: t.Identity.Name, Vendor: t.Identity.Vendor, Family: t.Identity.Family,
			Model: t.Identity.Model, Stepping: t.Identity.Stepping, Microcode: t.Identity.Microcode,
			Sockets: len(t.Sockets()), Cores: t.Cores(), Threads: t.Threads(), SMT: t.SMT.Active,
			Governor: strings.Join(t.Freq.Governors, ","),
		},
		Virtualization: t.Virt.Kind,
	}
	if h.Virtualization == "" {
		h.Virtualization = "unknown"
	}
	if c := container.Detect(root); c.Inside() {
		h.Virtualization = c.Runtime + " on " + h.Virtualization
	}
	return h
}

func hostFile(root, name string) string {
	b, err := os.ReadFile(filepath.Join("/", root, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// machineName returns the kernel's name of the architecture, x86_64 or
// aarch64.
func machineName() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return runtime.GOARCH
	}
	return unix.ByteSliceToString(u.Machine[:])
}

// TDPReport says what is known of a socket's power.
func TDPReport(m model.Match, err error) report.TDP {
	if err != nil {
		return report.TDP{Source: err.Error()}
	}
	tdp := m.TDP
	return report.TDP{Value: &tdp.Nominal, Low: &tdp.Low, High: &tdp.High, Source: m.Source()}
}

// Identify finds the processor of a host among those whose power is known.
func Identify(root string, t *topology.Topology, given model.Given) (model.Match, error) {
	return model.Identify(ModelIdentity(root, t), given)
}
