package topology

import (
	"io"
	"os"
	"strings"
)

// Virtualization says whether the host is a virtual machine.
type Virtualization struct {
	// Kind is "none" on bare metal, the hypervisor's name (kvm, firecracker,
	// qemu, xen, vmware, hyperv, virtualbox, parallels, bhyve, apple,
	// cloud-hypervisor), "vm" for one that does not give its name, or "" when
	// nothing told either way.
	Kind string
	// Evidence is the file that told, and what it said.
	Evidence string
}

// IsVM reports whether the host is known to be a virtual machine.
func (v Virtualization) IsVM() bool { return v.Kind != "" && v.Kind != "none" }

// dmiHypervisors maps what sys_vendor or product_name begins with to the
// hypervisor. Cloud providers whose bare-metal machines bear the same vendor
// name are told apart by the hypervisor flag or a product name.
var dmiHypervisors = []struct{ prefix, kind string }{
	{"KVM", "kvm"},
	{"OpenStack", "kvm"},
	{"RHEV", "kvm"},
	{"Google Compute Engine", "kvm"},
	{"DigitalOcean", "kvm"},
	{"Alibaba Cloud ECS", "kvm"},
	{"QEMU", "qemu"},
	{"VMware", "vmware"},
	{"VMW", "vmware"},
	{"innotek GmbH", "virtualbox"},
	{"VirtualBox", "virtualbox"},
	{"Xen", "xen"},
	{"HVM domU", "xen"},
	{"Virtual Machine", "hyperv"},
	{"Parallels", "parallels"},
	{"BHYVE", "bhyve"},
	{"Apple Virtualization", "apple"},
	{"Cloud Hypervisor", "cloud-hypervisor"},
}

// acpiOEMs are the OEM IDs, bytes 10 to 15 of every ACPI table, of
// hypervisors that show no DMI.
var acpiOEMs = map[string]string{"FIRECK": "firecracker", "CLOUDH": "cloud-hypervisor", "VRTUAL": "hyperv", "BOCHS ": "qemu"}

// virtualization asks, in turn, the files that name a hypervisor and those
// that only betray one.
func (h host) virtualization(id Identity) Virtualization {
	if v := h.xen(); v.Kind != "" {
		return v
	}
	flag := id.HasFlag("hypervisor")
	if id.IsX86() && !flag {
		// Every hypervisor of note sets CPUID.1:ECX[31]; DMI alone would take
		// a provider's bare-metal machine for a virtual one.
		if len(id.Flags) > 0 {
			return Virtualization{Kind: "none", Evidence: h.path("proc/cpuinfo") + ": no hypervisor flag"}
		}
		if h.text(cpuDir+"/modalias") != "" {
			return Virtualization{Kind: "none", Evidence: h.path(cpuDir+"/modalias") + ": no hypervisor feature"}
		}
	}
	if v := h.named(flag); v.Kind != "" {
		return v
	}
	if flag {
		return Virtualization{Kind: "vm", Evidence: h.path("proc/cpuinfo") + ": hypervisor flag"}
	}
	if dmi := h.text("sys/class/dmi/id/sys_vendor"); dmi != "" {
		return Virtualization{Kind: "none", Evidence: h.path("sys/class/dmi/id/sys_vendor") + ": " + dmi}
	}
	if model := h.deviceTree("model"); model != "" {
		return Virtualization{Kind: "none", Evidence: h.path("proc/device-tree/model") + ": " + model}
	}
	return Virtualization{}
}

func (h host) xen() Virtualization {
	if h.text("sys/hypervisor/type") != "xen" {
		return Virtualization{}
	}
	if strings.Contains(h.text("proc/xen/capabilities"), "control_d") {
		// The control domain sees the hardware, but its counters still pass
		// through the hypervisor.
		return Virtualization{Kind: "xen", Evidence: h.path("proc/xen/capabilities") + ": control domain"}
	}
	return Virtualization{Kind: "xen", Evidence: h.path("sys/hypervisor/type")}
}

// named asks the files in which a hypervisor gives its name.
func (h host) named(flag bool) Virtualization {
	if v := h.dmi(); v.Kind == "qemu" {
		// QEMU's machine is the same with KVM and without; the guest's
		// paravirtual clock tells.
		if strings.Contains(h.text(clocksources), "kvm-clock") {
			return Virtualization{Kind: "kvm", Evidence: v.Evidence + "; " + h.path(clocksources) + ": kvm-clock"}
		}
		return v
	} else if v.Kind != "" {
		return v
	}
	if v := h.amazon(flag); v.Kind != "" {
		return v
	}
	if v := h.acpi(); v.Kind != "" {
		return v
	}
	for _, name := range []string{"hypervisor/compatible", "compatible"} {
		switch c := h.deviceTree(name); {
		case strings.Contains(c, "linux,dummy-virt"), strings.Contains(c, "linux,kvm"):
			return Virtualization{Kind: "kvm", Evidence: h.path("proc/device-tree/"+name) + ": " + c}
		case strings.Contains(c, "xen"):
			return Virtualization{Kind: "xen", Evidence: h.path("proc/device-tree/"+name) + ": " + c}
		case strings.Contains(c, "vmware"):
			return Virtualization{Kind: "vmware", Evidence: h.path("proc/device-tree/"+name) + ": " + c}
		}
	}
	return h.clock()
}

const clocksources = "sys/devices/system/clocksource/clocksource0/available_clocksource"

// clock asks for the clocks that only guests have.
func (h host) clock() Virtualization {
	all := h.text(clocksources)
	for _, c := range []struct{ clock, kind string }{{"kvm-clock", "kvm"}, {"hyperv_clocksource", "hyperv"}, {"xen", "xen"}} {
		if strings.Contains(all, c.clock) {
			return Virtualization{Kind: c.kind, Evidence: h.path(clocksources) + ": " + all}
		}
	}
	return Virtualization{}
}

func (h host) dmi() Virtualization {
	for _, name := range []string{"product_name", "sys_vendor", "bios_vendor"} {
		text := h.text("sys/class/dmi/id/" + name)
		for _, d := range dmiHypervisors {
			if text != "" && strings.HasPrefix(text, d.prefix) {
				return Virtualization{Kind: d.kind, Evidence: h.path("sys/class/dmi/id/"+name) + ": " + text}
			}
		}
	}
	return Virtualization{}
}

// amazon tells EC2's virtual machines from its bare-metal ones, whose product
// names end in .metal or .metal-NNxl and whose ARM CPUs have no flag to ask.
func (h host) amazon(flag bool) Virtualization {
	product := h.text("sys/class/dmi/id/product_name")
	if h.text("sys/class/dmi/id/sys_vendor") != "Amazon EC2" || strings.Contains(product, ".metal") && !flag {
		return Virtualization{}
	}
	return Virtualization{Kind: "kvm", Evidence: h.path("sys/class/dmi/id/product_name") + ": " + product}
}

// acpi reads the OEM ID of the fixed description table, which every machine
// with ACPI has. The tables are readable for root only.
func (h host) acpi() Virtualization {
	const name = "sys/firmware/acpi/tables/FACP"
	f, err := os.Open(h.path(name))
	if err != nil {
		return Virtualization{}
	}
	defer f.Close()
	var header [16]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		return Virtualization{}
	}
	oem := string(header[10:])
	if kind, ok := acpiOEMs[oem]; ok {
		return Virtualization{Kind: kind, Evidence: h.path(name) + ": OEM ID " + oem}
	}
	return Virtualization{}
}

// deviceTree returns a property of the device tree's root; strings in it end
// in NUL.
func (h host) deviceTree(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(h.text("proc/device-tree/"+name), "\x00", " "))
}
