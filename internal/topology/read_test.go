package topology

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// hostFacts is what each captured host must be: sockets, dies per socket,
// cores, threads, SMT, governor, virtualisation, vendor/family/model.
var hostFacts = map[string]string{
	"amd-epyc":         "2s 1d 8c 16t smt performance none AuthenticAMD/25/1",
	"amd-nopmu":        "2s 1d 8c 16t smt performance none AuthenticAMD/23/49",
	"amd-turin":        "2s 1d 8c 16t smt performance none AuthenticAMD/26/2",
	"amd-zen-mirror":   "1s 2d 8c 16t smt schedutil none AuthenticAMD/23/1",
	"arm-altra":        "1s 1d 4c 4t - schedutil none ARM/8/3340",
	"arm-graviton":     "1s 1d 4c 4t - - kvm ARM/8/3340",
	"container":        "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-1s":         "1s 1d 4c 8t smt powersave none GenuineIntel/6/106",
	"intel-2s":         "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-4s":         "4s 1d 8c 16t smt powersave none GenuineIntel/6/45",
	"intel-8s":         "8s 1d 16c 32t smt powersave none GenuineIntel/6/85",
	"intel-2die":       "2s 2d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-client":     "1s 1d 4c 8t smt powersave none GenuineIntel/6/142",
	"intel-mmio":       "1s 1d 4c 8t smt powersave none GenuineIntel/6/140",
	"intel-renumbered": "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-dtpm":       "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-offline":    "2s 1d 7c 11t smt powersave none GenuineIntel/6/85",
	"intel-norange":    "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-eacces":     "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-unloaded":   "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-zeros":      "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"intel-broken":     "2s 1d 8c 16t smt powersave none GenuineIntel/6/85",
	"riscv-sifive":     "1s 1d 2c 2t - -  /-1/-1",
	"s390-z15":         "0s 1d 0c 2t - -  IBM/S390/-1/-1",
	"vm-firecracker":   "1s 1d 2c 2t - - firecracker AuthenticAMD/25/1",
	"vm-kvm":           "1s 1d 2c 4t smt - kvm GenuineIntel/6/85",
	"vm-zeros":         "1s 1d 2c 4t smt - kvm GenuineIntel/6/85",
}

func facts(t *Topology) string {
	smt, governor := "-", "-"
	if t.SMT.Active {
		smt = "smt"
	}
	if len(t.Freq.Governors) > 0 {
		governor = strings.Join(t.Freq.Governors, "+")
	}
	return fmt.Sprintf("%ds %dd %dc %dt %s %s %s %s/%d/%d", len(t.Sockets()), t.DiesPerSocket(), t.Cores(), t.Threads(),
		smt, governor, t.Virt.Kind, t.Identity.Vendor, t.Identity.Family, t.Identity.Model)
}

func TestHosts(t *testing.T) {
	for _, name := range testutil.Hosts(t) {
		top, err := Read(testutil.Host(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := facts(top); got != hostFacts[name] {
			t.Errorf("%s is %q, want %q", name, got, hostFacts[name])
		}
		if !top.SMT.Known || len(top.Possible) == 0 {
			t.Errorf("%s: %+v", name, top)
		}
		if top.Virt.Kind != "" && top.Virt.Evidence == "" {
			t.Errorf("%s: %q without evidence", name, top.Virt.Kind)
		}
		checkInvariants(t, top)
	}
}

func checkInvariants(t *testing.T, top *Topology) {
	t.Helper()
	online := 0
	for i, c := range top.CPUs {
		if i > 0 && c.ID <= top.CPUs[i-1].ID {
			t.Errorf("CPUs do not ascend: %v", top.CPUs)
		}
		if got, ok := top.CPU(c.ID); !ok || got.ID != c.ID {
			t.Errorf("CPU(%d) = %+v, %v", c.ID, got, ok)
		}
		if !c.Online {
			continue
		}
		online++
		for _, id := range c.Siblings {
			if s, ok := top.CPU(id); !ok || !s.Online || s.Core != c.Core || s.Socket != c.Socket {
				t.Errorf("CPU %d and its sibling %d: %+v, %+v", c.ID, id, c, s)
			}
		}
	}
	if online != top.Threads() || top.Cores() > online {
		t.Errorf("%d CPUs online, %d threads, %d cores", online, top.Threads(), top.Cores())
	}
	for _, socket := range top.Sockets() {
		first, ok := top.FirstOnlineCPU(socket, -1)
		if c, _ := top.CPU(first); !ok || !c.Online || c.Socket != socket {
			t.Errorf("first CPU of socket %d: %d, %v", socket, first, ok)
		}
		for _, die := range top.Dies(socket) {
			if first, ok := top.FirstOnlineCPU(socket, die); !ok || first < 0 {
				t.Errorf("no CPU on die %d of socket %d", die, socket)
			}
		}
	}
	if cpu, ok := top.FirstOnlineCPU(1000, -1); ok {
		t.Errorf("socket 1000 has CPU %d", cpu)
	}
}

func TestOffline(t *testing.T) {
	top, err := Read(testutil.Host(t, "intel-offline"))
	if err != nil {
		t.Fatal(err)
	}
	// 4 and 5 are the first of socket 1, 8 is the second thread of CPU 0.
	if cpu, _ := top.FirstOnlineCPU(1, -1); cpu != 6 {
		t.Errorf("first CPU of socket 1 is %d", cpu)
	}
	if got := FormatCPUList(top.Online); got != "0-3,6-7,9-11,13-14" {
		t.Errorf("online %s", got)
	}
	for _, id := range []int{4, 5, 8, 12, 15} {
		if c, ok := top.CPU(id); !ok || c.Online || c.Socket != -1 || c.Core != -1 {
			t.Errorf("CPU %d: %+v, %v", id, c, ok)
		}
	}
	if c, _ := top.CPU(0); len(c.Siblings) != 1 {
		t.Errorf("CPU 0: %+v, want it alone on its core", c)
	}
}

// TestLess takes files away: what is left is still told.
func TestLess(t *testing.T) {
	remove := func(root string, names ...string) {
		for _, n := range names {
			if err := os.RemoveAll(root + "/" + n); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(root string) string {
		top, err := Read(root)
		if err != nil {
			t.Fatal(err)
		}
		checkInvariants(t, top)
		return facts(top)
	}
	root := testutil.Host(t, "intel-2s")
	remove(root, "sys")
	if got := read(root); got != "2s 1d 8c 16t smt - none GenuineIntel/6/85" {
		t.Errorf("without /sys: %q", got)
	}
	root = testutil.Host(t, "intel-2s")
	remove(root, "proc")
	if got := read(root); got != "2s 1d 8c 16t smt powersave none GenuineIntel/6/85" {
		t.Errorf("without /proc: %q", got)
	}
	remove(root, cpuDir+"/modalias", cpuDir+"/smt", cpuDir+"/cpufreq")
	if got := read(root); got != "2s 1d 8c 16t smt - none /-1/-1" {
		t.Errorf("without /proc and some of /sys: %q", got)
	}
	for i := range 16 {
		remove(root, fmt.Sprintf("%s/cpu%d/topology/core_cpus_list", cpuDir, i), fmt.Sprintf("%s/cpu%d/topology/die_id", cpuDir, i))
	}
	if got := read(root); got != "2s 1d 8c 16t smt - none /-1/-1" {
		t.Errorf("as on an old kernel: %q", got)
	}
	testutil.Write(t, root, cpuDir+"/online", "garbage\n")
	if got := read(root); !strings.HasPrefix(got, "2s 1d 8c 16t") {
		t.Errorf("with a broken list: %q", got)
	}
	testutil.Write(t, root, cpuDir+"/cpu3/topology/physical_package_id", "-1\n")
	if top, err := Read(root); err != nil || top.CPUs[3].Socket != -1 {
		t.Errorf("an unknown socket: %v, %v", top, err)
	}
	remove(root, "sys")
	top, err := Read(root)
	if all := energy.Refusals("?", err); top != nil || len(all) != 1 || !errors.Is(all[0], energy.ErrAbsent) || !strings.Contains(all[0].Remedy, root) {
		t.Errorf("without anything: %v, %v", top, err)
	}
}

// TestLive: this machine has processors, and their number is the kernel's.
func TestLive(t *testing.T) {
	top, err := Read("/")
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, top)
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "processor") {
			n++
		}
	}
	if top.Threads() != n {
		t.Errorf("%d CPUs online, /proc/cpuinfo has %d", top.Threads(), n)
	}
}

func TestVirtualization(t *testing.T) {
	const x86 = "processor: 0\nvendor_id: GenuineIntel\ncpu family: 6\nmodel: 85\nflags: fpu hypervisor\n"
	const metal = "processor: 0\nvendor_id: GenuineIntel\ncpu family: 6\nmodel: 85\nflags: fpu\n"
	const arm = "processor: 0\nCPU implementer: 0x41\nCPU part: 0xd0c\n"
	const dmi, tree = "sys/class/dmi/id/", "proc/device-tree/"
	for _, c := range []struct {
		what  string
		files map[string]string
		want  string
	}{
		{"VMware", map[string]string{"proc/cpuinfo": x86, dmi + "sys_vendor": "VMware, Inc.\n", dmi + "product_name": "VMware Virtual Platform\n"}, "vmware"},
		{"Hyper-V", map[string]string{"proc/cpuinfo": x86, dmi + "sys_vendor": "Microsoft Corporation\n", dmi + "product_name": "Virtual Machine\n"}, "hyperv"},
		{"a Surface", map[string]string{"proc/cpuinfo": metal, dmi + "sys_vendor": "Microsoft Corporation\n", dmi + "product_name": "Surface Laptop\n"}, "none"},
		{"VirtualBox", map[string]string{"proc/cpuinfo": x86, dmi + "sys_vendor": "innotek GmbH\n"}, "virtualbox"},
		{"Google", map[string]string{"proc/cpuinfo": x86, dmi + "sys_vendor": "Google\n", dmi + "product_name": "Google Compute Engine\n"}, "kvm"},
		{"QEMU without KVM", map[string]string{"proc/cpuinfo": x86, dmi + "sys_vendor": "QEMU\n", clocksources: "tsc hpet acpi_pm\n"}, "qemu"},
		{"QEMU with KVM", map[string]string{"proc/cpuinfo": x86, dmi + "sys_vendor": "QEMU\n", clocksources: "kvm-clock tsc\n"}, "kvm"},
		{"EC2", map[string]string{"proc/cpuinfo": x86, dmi + "sys_vendor": "Amazon EC2\n", dmi + "product_name": "m5.large\n"}, "kvm"},
		{"EC2 bare metal", map[string]string{"proc/cpuinfo": metal, dmi + "sys_vendor": "Amazon EC2\n", dmi + "product_name": "m5.metal\n"}, "none"},
		{"EC2 bare metal, ARM", map[string]string{"proc/cpuinfo": arm, dmi + "sys_vendor": "Amazon EC2\n", dmi + "product_name": "m6g.metal\n"}, "none"},
		{"Xen guest", map[string]string{"proc/cpuinfo": metal, "sys/hypervisor/type": "xen\n"}, "xen"},
		{"Xen control domain", map[string]string{"proc/cpuinfo": metal, "sys/hypervisor/type": "xen\n", "proc/xen/capabilities": "control_d\n"}, "xen"},
		{"no name", map[string]string{"proc/cpuinfo": x86}, "vm"},
		{"KVM by its clock", map[string]string{"proc/cpuinfo": x86, clocksources: "tsc kvm-clock\n"}, "kvm"},
		{"ACPI of Cloud Hypervisor", map[string]string{"proc/cpuinfo": x86, "sys/firmware/acpi/tables/FACP": "FACP....\x01\x02CLOUDHCHFADT"}, "cloud-hypervisor"},
		{"a short table", map[string]string{"proc/cpuinfo": x86, "sys/firmware/acpi/tables/FACP": "FACP"}, "vm"},
		{"ARM on KVM", map[string]string{"proc/cpuinfo": arm, tree + "compatible": "linux,dummy-virt\x00"}, "kvm"},
		{"ARM on Xen", map[string]string{"proc/cpuinfo": arm, tree + "hypervisor/compatible": "xen,xen-4.17\x00xen,xen\x00"}, "xen"},
		{"Raspberry Pi", map[string]string{"proc/cpuinfo": arm, tree + "model": "Raspberry Pi 4 Model B Rev 1.4\x00", tree + "compatible": "raspberrypi,4-model-b\x00brcm,bcm2711\x00"}, "none"},
		{"nothing to tell", map[string]string{"proc/cpuinfo": arm}, ""},
		{"/sys of a guest alone", map[string]string{cpuDir + "/online": "0\n", cpuDir + "/modalias": "cpu:type:x86,ven0000fam0006mod0055:feature:,009F\n"}, "vm"},
	} {
		root := t.TempDir()
		for name, content := range c.files {
			testutil.Write(t, root, name, content)
		}
		top, err := Read(root)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if v := top.Virt; v.Kind != c.want || v.IsVM() != (c.want != "" && c.want != "none") || (v.Kind != "") != strings.Contains(v.Evidence, root) {
			t.Errorf("%s: %+v, want %q", c.what, v, c.want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	root := testutil.Host(b, "intel-8s")
	for b.Loop() {
		if _, err := Read(root); err != nil {
			b.Fatal(err)
		}
	}
}
