package msr

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// explain turns an opening that failed into a refusal with a remedy; refusals
// that are complete pass through.
func explain(root string, err error, topo *topology.Topology) error {
	var open *openError
	if !errors.As(err, &open) {
		return err
	}
	r := &energy.Refusal{Name: "msr", Kind: energy.ErrBroken, Reason: open.Error(), Err: open.err}
	state, in := surroundings(root)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		explainAbsent(r, root, open, state, in, topo)
	case errors.Is(err, unix.EACCES):
		r.Kind = energy.ErrForbidden
		r.Reason += " (the device is readable for root only)"
		r.Remedy = privilege(state, priv.SysRawIO, priv.DACReadSearch)
	case errors.Is(err, unix.EPERM):
		explainDenied(r, open, state, in)
	case errors.Is(err, unix.EIO):
		r.Kind = energy.ErrAbsent
		r.Reason += ": the processor has no MSRs"
	}
	return r
}

// surroundings returns what this process may do and where it runs. A host
// root of which only /sys and /dev are mounted knows nothing of that; the
// live /proc does. Without either the state is nil.
func surroundings(root string) (*priv.State, container.Info) {
	state, err := priv.Read(root)
	if err != nil {
		root = "/"
		if state, err = priv.Read(root); err != nil {
			state = nil
		}
	}
	return state, container.Detect(root)
}

// privilege is the remedy for lacking capabilities.
func privilege(state *priv.State, caps ...priv.Cap) string {
	if state == nil {
		return priv.SetcapLine("", caps...)
	}
	return state.Remedy("", caps...)
}

// explainAbsent is for a device that is not there: the driver is not loaded,
// the kernel has none, or the container was not given the device.
func explainAbsent(r *energy.Refusal, root string, open *openError, state *priv.State, in container.Info, topo *topology.Topology) {
	r.Kind = energy.ErrAbsent
	cpu := open.cpus[0]
	registered := exists(root, fmt.Sprintf("/sys/class/msr/msr%d", cpu))
	switch {
	case registered && in.Inside():
		r.Reason += ": the container was not given the device"
		r.Remedy = deviceFlags(open.cpus)
	case registered:
		r.Reason += ": the driver is loaded, its device node is missing"
		r.Remedy = fmt.Sprintf("sudo mkdir -p /dev/cpu/%d && sudo mknod -m 600 /dev/cpu/%d/msr c 202 %d", cpu, cpu, cpu)
	case in.Inside():
		r.Reason += ": the msr driver is not loaded"
		r.Remedy = "on the host: sudo modprobe msr; then start the container with " + strings.TrimPrefix(deviceFlags(open.cpus), startWith)
	default:
		r.Reason += ": the msr driver is not loaded"
		r.Remedy = "sudo modprobe msr"
		if state != nil {
			if why := noModule(root, state.Kernel.Release); why != "" {
				r.Reason += ", and " + why
				r.Remedy = ""
			}
		}
	}
	if topo.Virt.IsVM() {
		r.Reason += "; this is a virtual machine (" + topo.Virt.Kind + "), which rarely has RAPL registers"
	}
}

// explainDenied is for EPERM: capable(CAP_SYS_RAWIO) failed in msr_open
// (arch/x86/kernel/msr.c), or the devices of a container are restricted.
// Lockdown is not a reason: it forbids writing MSRs only.
func explainDenied(r *energy.Refusal, open *openError, state *priv.State, in container.Info) {
	r.Kind = energy.ErrForbidden
	switch {
	case state == nil || !state.Has(priv.SysRawIO):
		// The file's mode, which is checked first (EACCES), was no obstacle.
		r.Reason += ": opening an MSR device takes CAP_SYS_RAWIO"
		r.Remedy = privilege(state, priv.SysRawIO)
	case in.Inside():
		r.Reason += ": the container may not use the device"
		r.Remedy = deviceFlags(open.cpus)
	default:
		r.Reason += ": CAP_SYS_RAWIO is there; a device cgroup or a security module forbids it"
		if len(state.LSMs) > 0 {
			r.Reason += " (in force: " + strings.Join(state.LSMs, ", ") + ")"
		}
	}
}

const startWith = "start the container with "

// deviceFlags are docker's and podman's flags for the devices of cpus.
func deviceFlags(cpus []int) string {
	var b strings.Builder
	b.WriteString(startWith)
	for _, cpu := range cpus {
		fmt.Fprintf(&b, "--device=/dev/cpu/%d/msr:/dev/cpu/%d/msr:r ", cpu, cpu)
	}
	b.WriteString("--cap-add=SYS_RAWIO")
	return b.String()
}

// noModule says why modprobe would not help, "" where it may.
func noModule(root, release string) string {
	dir := "/lib/modules/" + release
	list, err := os.ReadFile(filepath.Join("/", root, dir, "modules.dep"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("this kernel's modules are not installed (%s/modules.dep is missing): the driver has to come with the kernel (CONFIG_X86_MSR)", dir)
	}
	// The driver is msr.ko, maybe compressed: "kernel/arch/x86/kernel/msr.ko.xz:".
	if err == nil && !bytes.Contains(list, []byte("/msr.ko")) {
		return fmt.Sprintf("this kernel has none (no msr.ko in %s/modules.dep; CONFIG_X86_MSR)", dir)
	}
	return ""
}

func exists(root, path string) bool {
	_, err := os.Stat(filepath.Join("/", root, path))
	return err == nil
}
