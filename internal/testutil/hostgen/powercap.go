package main

import "fmt"

const (
	powercapClass = "sys/class/powercap"
	powercapDir   = "sys/devices/virtual/powercap"
)

// Ranges as the driver computes them: (2^32-1) units in whole nanojoules.
const (
	range14   = 262143328850 // 2^-14 J, most processors
	range16   = 65532610987  // 2^-16 J, servers since Ice Lake, AMD
	rangeDRAM = 65712999613  // 15.3 uJ, server memory
	rangePSys = 4294967295000000
)

// zones is a control type with its zones.
type zones struct {
	control string
	top     []zone
}

// zone describes a zone; its number is its place in the list.
type zone struct {
	name    string
	uj      uint64
	rangeUJ uint64
	tdpW    int // of the long_term constraint; 0: no constraints
	inner   []zone
}

func writePowercap(t tree, all []zones) {
	for _, z := range all {
		dir := powercapDir + "/" + z.control
		t.link(powercapClass+"/"+z.control, dir)
		t.file(dir+"/enabled", 1)
		t.link(dir+"/subsystem", powercapClass)
		for i, inner := range z.top {
			inner.write(t, dir, fmt.Sprintf("%s:%d", z.control, i))
		}
	}
	if len(all) == 0 {
		t.dir(powercapClass)
	}
}

func (z zone) write(t tree, parent, base string) {
	dir := parent + "/" + base
	t.link(powercapClass+"/"+base, dir)
	t.link(dir+"/device", parent)
	t.link(dir+"/subsystem", powercapClass)
	t.file(dir+"/name", z.name)
	t.secret(dir+"/energy_uj", z.uj)
	t.file(dir+"/max_energy_range_uj", z.rangeUJ)
	// The power limit's switch; 0 says nothing about the counter.
	t.file(dir+"/enabled", 0)
	if z.tdpW > 0 {
		z.constraint(t, dir, 0, "long_term", 999424, z.tdpW)
		z.constraint(t, dir, 1, "short_term", 7808, z.tdpW*2)
	}
	for i, inner := range z.inner {
		inner.write(t, dir, fmt.Sprintf("%s:%d", base, i))
	}
}

func (z zone) constraint(t tree, dir string, i int, name string, windowUS, maxW int) {
	prefix := fmt.Sprintf("%s/constraint_%d", dir, i)
	t.file(prefix+"_name", name)
	t.file(prefix+"_power_limit_uw", z.tdpW*1_000_000)
	t.file(prefix+"_time_window_us", windowUS)
	t.file(prefix+"_max_power_uw", maxW*1_000_000)
}

// server returns the zones of Intel server sockets, with memory and perhaps
// cores. The counts differ from zone to zone and mean nothing.
func server(sockets, tdpW int, rangeUJ uint64, withCore bool) []zones {
	z := zones{control: "intel-rapl"}
	for socket := range sockets {
		z.top = append(z.top, serverPackage(fmt.Sprintf("package-%d", socket), uint64(socket), tdpW, rangeUJ, withCore))
	}
	return []zones{z}
}

func serverPackage(name string, seed uint64, tdpW int, rangeUJ uint64, withCore bool) zone {
	p := zone{name: name, uj: count(seed, 0, rangeUJ), rangeUJ: rangeUJ, tdpW: tdpW}
	if withCore {
		p.inner = append(p.inner, zone{name: "core", uj: count(seed, 1, rangeUJ), rangeUJ: rangeUJ})
		// Before Haswell-EP memory had the package's unit.
		p.inner = append(p.inner, zone{name: "dram", uj: count(seed, 2, rangeUJ), rangeUJ: rangeUJ})
		return p
	}
	p.inner = append(p.inner, zone{name: "dram", uj: count(seed, 2, rangeDRAM), rangeUJ: rangeDRAM})
	return p
}

// count makes up a counter's value: anything below its range.
func count(seed, domain, rangeUJ uint64) uint64 {
	x := (seed*8 + domain + 1) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	return x%(rangeUJ-1) + 1
}
