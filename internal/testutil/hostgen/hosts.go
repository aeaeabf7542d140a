package main

import (
	"maps"
	"slices"
	"strings"
)

var raplModules = []string{"intel_rapl_common", "intel_rapl_msr"}

// hosts returns every host.
func hosts() []host { return slices.Concat(intelHosts(), faultyHosts(), amdHosts(), otherHosts()) }

// intelServer is the usual Intel server; its fields are changed from here.
func intelServer(name, about string, m model, l layout, tdpW int) host {
	return host{
		name: name, about: about, kernel: "6.1.0-28-amd64", cpus: l, model: m,
		powercap: server(l.sockets, tdpW, range14, false), modules: raplModules,
		pmu: powerPMU(l, bySocket, "energy-pkg energy-ram"), paranoid: 2,
		driver: "intel_pstate", governor: "powersave",
		vendor: "Dell Inc.", product: "PowerEdge R740", clocks: "tsc hpet acpi_pm",
	}
}

func intelHosts() []host {
	two := layout{sockets: 2, dies: 1, cores: 4, threads: 2}

	one := intelServer("intel-1s", "One socket (Ice Lake-SP, cut down to 4 cores): package and dram, 2^-14 J and 15.3 uJ.",
		iceLakeSP, layout{sockets: 1, dies: 1, cores: 4, threads: 2}, 250)

	twoSockets := intelServer("intel-2s", "Two sockets (Cascade Lake, cut down to 4 cores each): package and dram.", cascadeLake, two, 150)

	four := intelServer("intel-4s", "Four sockets (Sandy Bridge-EP, 2 cores each): package, core and dram, all in 2^-16 J.",
		sandyEP, layout{sockets: 4, dies: 1, cores: 2, threads: 2}, 130)
	four.powercap = server(4, 130, range16, true)
	four.pmu = powerPMU(four.cpus, bySocket, "energy-cores energy-pkg energy-ram")
	four.kernel = "5.10.0-33-amd64"

	eight := intelServer("intel-8s", "Eight sockets (Skylake-SP, cut down to 2 cores each).",
		skylakeSP, layout{sockets: 8, dies: 1, cores: 2, threads: 2}, 205)

	multiDie := intelServer("intel-2die", "Two sockets of two dies (Cascade Lake-AP, 2 cores per die): a package zone per die, each a counter of its own.",
		cascadeAP, layout{sockets: 2, dies: 2, cores: 2, threads: 2}, 175)
	multiDie.powercap = []zones{{control: "intel-rapl"}}
	for i, name := range []string{"package-0-die-0", "package-0-die-1", "package-1-die-0", "package-1-die-1"} {
		multiDie.powercap[0].top = append(multiDie.powercap[0].top, serverPackage(name, uint64(i), 175, range14, false))
	}
	multiDie.pmu = powerPMU(multiDie.cpus, byDie, "energy-pkg energy-ram")

	renumbered := intelServer("intel-renumbered", "Two sockets whose zones the driver met in the other order: intel-rapl:0 is package-1.", cascadeLake, two, 150)
	slices.Reverse(renumbered.powercap[0].top)

	offline := intelServer("intel-offline", "Two sockets; CPU 0's siblings, some others, and with them the first CPUs of socket 1 are offline.", cascadeLake, two, 150)
	offline.cpus.offline = []int{4, 5, 8, 12, 15}
	offline.pmu = powerPMU(offline.cpus, bySocket, "energy-pkg energy-ram")

	dtpm := intelServer("intel-dtpm", "Two sockets; the control type dtpm, which holds power limits of another framework, stands beside intel-rapl.", cascadeLake, two, 150)
	dtpm.powercap = append(dtpm.powercap, zones{control: "dtpm", top: []zone{{name: "package", uj: 77, rangeUJ: 0,
		inner: []zone{{name: "cpu0-cpufreq", uj: 78}}}}})

	return []host{one, twoSockets, four, eight, multiDie, renumbered, offline, dtpm, client(), mmio()}
}

// client is a laptop with all five domains.
func client() host {
	h := intelServer("intel-client", "A laptop (Kaby Lake R): core, uncore, dram, and psys at the top level as intel-rapl:1.",
		kabyLakeR, layout{sockets: 1, dies: 1, cores: 4, threads: 2}, 15)
	h.vendor, h.product = "LENOVO", "20KHCTO1WW"
	h.powercap = []zones{{control: "intel-rapl", top: []zone{
		{name: "package-0", uj: count(0, 0, range14), rangeUJ: range14, tdpW: 15, inner: []zone{
			{name: "core", uj: count(0, 1, range14), rangeUJ: range14},
			{name: "uncore", uj: count(0, 2, range14), rangeUJ: range14},
			{name: "dram", uj: count(0, 3, range14), rangeUJ: range14},
		}},
		{name: "psys", uj: count(0, 4, range14), rangeUJ: range14, tdpW: 28},
	}}}
	h.pmu = powerPMU(h.cpus, bySocket, "energy-cores energy-pkg energy-ram energy-gpu energy-psys")
	return h
}

// mmio is a laptop that shows its package twice.
func mmio() host {
	h := intelServer("intel-mmio", "A laptop (Tiger Lake) whose package shows through the MSRs and again as intel-rapl-mmio, one counter both times.",
		tigerLake, layout{sockets: 1, dies: 1, cores: 4, threads: 2}, 28)
	h.vendor, h.product = "Framework", "Laptop"
	pkg := zone{name: "package-0", uj: count(5, 0, range14), rangeUJ: range14, tdpW: 28}
	again := pkg
	again.uj += 4000
	pkg.inner = []zone{
		{name: "core", uj: count(5, 1, range14), rangeUJ: range14},
		{name: "uncore", uj: count(5, 2, range14), rangeUJ: range14},
	}
	h.powercap = []zones{
		{control: "intel-rapl", top: []zone{pkg, {name: "psys", uj: count(5, 4, range14), rangeUJ: range14}}},
		{control: "intel-rapl-mmio", top: []zone{again}},
	}
	h.modules = append(slices.Clone(raplModules), "processor_thermal_rapl")
	h.pmu = powerPMU(h.cpus, bySocket, "energy-cores energy-pkg energy-gpu energy-psys")
	return h
}

// faultyHosts are two-socket servers with something wrong.
func faultyHosts() []host {
	faulty := func(name, about string, change func(tree)) host {
		h := intelServer(name, about, cascadeLake, layout{sockets: 2, dies: 1, cores: 4, threads: 2}, 150)
		h.change = change
		return h
	}
	const zone0, zone1 = powercapDir + "/intel-rapl/intel-rapl:0", powercapDir + "/intel-rapl/intel-rapl:1"
	zero := func(t tree, dirs ...string) {
		for _, d := range dirs {
			t.replace(d+"/energy_uj", entry{text: "0\n", mode: "0400"})
		}
	}
	unloaded := faulty("intel-unloaded", "Two sockets; intel_rapl_msr is not loaded: powercap's class is there and empty, the power PMU works.", func(t tree) {
		t.dir(powercapClass)
	})
	unloaded.powercap, unloaded.modules = nil, nil

	return []host{
		unloaded,
		faulty("intel-norange", "Two sockets; no zone of socket 0 has a max_energy_range_uj, and socket 1's say nonsense.", func(t tree) {
			t.remove(zone0 + "/max_energy_range_uj")
			t.remove(zone0 + "/intel-rapl:0:0/max_energy_range_uj")
			t.replace(zone1+"/max_energy_range_uj", entry{text: "0\n"})
			t.replace(zone1+"/intel-rapl:1:0/max_energy_range_uj", entry{text: "-262143328850\n"})
		}),
		faulty("intel-eacces", "Two sockets; somebody opened the counters of socket 0 to everyone, those of socket 1 can be read by nobody.", func(t tree) {
			for _, d := range []string{zone0, zone0 + "/intel-rapl:0:0"} {
				t.replace(d+"/energy_uj", entry{text: t[d+"/energy_uj"].text, mode: "0444"})
			}
			for _, d := range []string{zone1, zone1 + "/intel-rapl:1:0"} {
				t.replace(d+"/energy_uj", entry{text: t[d+"/energy_uj"].text, mode: "0000"})
			}
		}),
		faulty("intel-zeros", "Two sockets; the memory's counters stand at 0.", func(t tree) {
			zero(t, zone0+"/intel-rapl:0:0", zone1+"/intel-rapl:1:0")
		}),
		faulty("intel-broken", "Two sockets; socket 0's memory counter is no number, and socket 1's package counter a directory (reading it is EISDIR, for root too), with a zone of an unknown name inside.", func(t tree) {
			t.replace(zone0+"/intel-rapl:0:0/energy_uj", entry{text: "12345 uJ\n", mode: "0400"})
			t.replace(zone1+"/energy_uj", entry{dir: true})
			t.replace(zone1+"/intel-rapl:1:0/name", entry{text: "accelerator\n"})
		}),
	}
}

func amdServer(name, about string, m model, l layout) host {
	h := host{
		name: name, about: about, kernel: "6.12.9+bpo-amd64", cpus: l, model: m,
		powercap: []zones{{control: "intel-rapl"}}, modules: raplModules,
		pmu: powerPMU(l, bySocket, "energy-pkg"), paranoid: 2,
		driver: "amd-pstate-epp", governor: "performance",
		vendor: "Supermicro", product: "AS -2024US-TRT", clocks: "tsc hpet acpi_pm",
	}
	for socket := range l.sockets {
		h.powercap[0].top = append(h.powercap[0].top, amdPackage("package-"+string(rune('0'+socket)), uint64(socket), uint64(socket)))
	}
	return h
}

// amdPackage has no constraints, and its core zone counts a single core.
func amdPackage(name string, seed, coreSeed uint64) zone {
	return zone{name: name, uj: count(seed, 0, range16), rangeUJ: range16,
		inner: []zone{{name: "core", uj: count(coreSeed, 1, range16), rangeUJ: range16}}}
}

func amdHosts() []host {
	two := layout{sockets: 2, dies: 1, cores: 4, threads: 2}
	epyc := amdServer("amd-epyc", "Two sockets of EPYC (Zen 3, cut down to 4 cores each): package and, of one core only, core.", milan, two)

	noPMU := amdServer("amd-nopmu", "Two sockets of EPYC (Zen 2) without the CPUID bit for RAPL: no power PMU, but powercap works.", zen2, two)
	noPMU.pmu = nil
	noPMU.kernel = "6.1.0-28-amd64"
	noPMU.model.flags = strings.Replace(amdFlags, " rapl", "", 1)

	mirrorLayout := layout{sockets: 1, dies: 2, cores: 4, threads: 2}
	mirror := amdServer("amd-zen-mirror", "One socket of two dies (Threadripper, Zen 1) under a kernel that makes a package zone per die: both show the socket's one counter.",
		threadripper, mirrorLayout)
	mirror.kernel = "5.15.0-130-generic"
	mirror.driver, mirror.governor = "acpi-cpufreq", "schedutil"
	mirror.vendor, mirror.product = "ASUS", "PRIME X399-A"
	mirror.powercap[0].top = []zone{amdPackage("package-0-die-0", 3, 3), amdPackage("package-0-die-1", 3, 4)}
	mirror.pmu = powerPMU(mirrorLayout, byDie, "energy-pkg")

	newer := amdServer("amd-turin", "Two sockets of EPYC (Zen 5) under a kernel with the PMU power_core, which counts each physical core.", turin, two)
	newer.kernel = "6.14.0-15-generic"
	newer.cores = &pmu{number: 10, cpumask: two.firsts(byCore), events: []string{"energy-core"}}
	return []host{epyc, noPMU, mirror, newer}
}

func otherHosts() []host {
	small := layout{sockets: 1, dies: 1, cores: 2, threads: 1}
	vm := host{name: "vm-kvm", about: "A QEMU/KVM guest on an Intel host: no RAPL in any form.", kernel: "6.1.0-28-cloud-amd64",
		cpus: layout{sockets: 1, dies: 1, cores: 2, threads: 2}, model: cascadeLake.guest(), powercap: []zones{}, paranoid: 3,
		vendor: "QEMU", product: "Standard PC (Q35 + ICH9, 2009)", clocks: "kvm-clock tsc acpi_pm"}

	zeros := vm
	zeros.name, zeros.about = "vm-zeros", "A QEMU/KVM guest in which every RAPL register reads 0, as KVM answers by default."
	zeros.powercap = server(1, 150, range14, false)
	zeros.pmu = powerPMU(zeros.cpus, bySocket, "energy-pkg energy-ram")
	zeros.change = func(t tree) {
		for name := range maps.Clone(t) {
			if strings.HasSuffix(name, "/energy_uj") {
				t.replace(name, entry{text: "0\n", mode: "0400"})
			}
		}
	}

	micro := host{name: "vm-firecracker", about: "A Firecracker microVM on an AMD host: no DMI, no powercap.", kernel: "5.10.225",
		cpus: small, model: amd(25, 1, 1, 2450, "AMD EPYC", "0x1000065").guest(), paranoid: 2, clocks: "tsc kvm-clock",
		change: func(t tree) {
			// The fixed ACPI description table: signature, length, revision and
			// checksum, OEM ID, table ID.
			t.add("sys/firmware/acpi/tables/FACP", entry{text: "FACP\x14\x01\x00\x00\x06fFIRECKFCVMFADT\n", mode: "0400"})
		}}

	server := host{name: "arm-altra", about: "An ARM server (Ampere Altra, cut down to 4 cores): no RAPL.", kernel: "6.1.0-28-arm64",
		cpus: layout{sockets: 1, dies: 1, cores: 4, threads: 1}, model: altra, powercap: []zones{}, paranoid: 2,
		driver: "cppc_cpufreq", governor: "schedutil", vendor: "GIGABYTE", product: "R152-P30-00", clocks: "arch_sys_counter"}

	cloud := server
	cloud.name, cloud.about = "arm-graviton", "An EC2 virtual machine on Graviton2: no RAPL, no cpufreq, and no flag that tells of the hypervisor."
	cloud.model, cloud.driver, cloud.vendor, cloud.product = graviton2, "", "Amazon EC2", "m6g.xlarge"

	riscv := host{name: "riscv-sifive", about: "A RISC-V board.", kernel: "6.6.20-starfive", cpus: small, model: sifive, paranoid: 2}
	s390 := host{name: "s390-z15", about: "A mainframe partition: no topology directories, another form of cpuinfo.", kernel: "6.1.0-28-s390x",
		cpus: small, model: z15, paranoid: 2}
	s390.cpus.noSysfs = true
	return []host{vm, zeros, micro, server, cloud, riscv, s390, container()}
}

// container is a Docker container's view of the server intel-2s: the runtime
// hides powercap's devices behind an empty directory, and /host/sys is the
// host's own /sys.
func container() host {
	h := intelServer("container", "A container on a two-socket server, started with -v /sys:/host/sys:ro: /sys/devices/virtual/powercap is masked, so the class links lead nowhere.",
		cascadeLake, layout{sockets: 2, dies: 1, cores: 4, threads: 2}, 150)
	h.change = func(t tree) {
		for name, e := range maps.Clone(t) {
			if strings.HasPrefix(name, "sys/") {
				t.add("host/"+name, e)
			}
		}
		t.remove(powercapDir)
		t.dir(powercapDir)
		t.file(".dockerenv", "")
		t.file("proc/self/cgroup", "0::/")
		t.file("proc/self/attr/current", "docker-default (enforce)")
	}
	return h
}
