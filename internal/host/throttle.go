package host

import (
	"github.com/energyprobe/energyprobe/internal/procfile"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// throttle counts the times the processor slowed down because of heat
// (arch/x86: drivers/thermal/intel/therm_throt.c). Every logical CPU keeps a
// count of its core's and of its package's events; one CPU stands for each.
type throttle struct {
	cores, packages map[string]uint64 // path to count at the start
	coreBad, pkgBad string
}

func (t *throttle) start(root string, buf *[]byte) {
	dir := root + "/sys/devices/system/cpu/cpu"
	online, err := topology.ParseCPUList(procfile.SlurpText(root+"/sys/devices/system/cpu/online", buf))
	if err != nil || len(online) == 0 {
		t.coreBad = root + "/sys/devices/system/cpu/online is missing or malformed"
		t.pkgBad = t.coreBad
		return
	}
	// Without the counters there is no need to walk the topology.
	first := dir + itoa(online[0]) + "/thermal_throttle"
	if !procfile.Exists(first) {
		t.coreBad = first + " is absent: not an Intel processor, or a virtual machine"
		t.pkgBad = t.coreBad
		return
	}
	cores, packages := firstThreads(root, buf)
	t.cores, t.coreBad = readCounts(dir, "/thermal_throttle/core_throttle_count", cores, buf)
	t.packages, t.pkgBad = readCounts(dir, "/thermal_throttle/package_throttle_count", packages, buf)
}

func readCounts(dir, file string, cpus []int, buf *[]byte) (map[string]uint64, string) {
	counts := make(map[string]uint64, len(cpus))
	bad := "no CPU is online"
	for _, cpu := range cpus {
		path := dir + itoa(cpu) + file
		v, err := procfile.SlurpNumber(path, buf)
		if err != nil {
			bad = procfile.Why(path, err)
			continue
		}
		counts[path] = v
	}
	if len(counts) > 0 {
		bad = ""
	}
	return counts, bad
}

func (t *throttle) report(buf *[]byte, r *results) {
	report := func(name string, counts map[string]uint64, bad string) {
		const src = "thermal_throttle"
		if bad != "" {
			r.unknown(name, src, bad)
			return
		}
		var sum uint64
		var out []string
		for path, before := range counts {
			after, err := procfile.SlurpNumber(path, buf)
			if err != nil || after < before {
				out = append(out, path)
				continue
			}
			sum += after - before
		}
		if len(out) == len(counts) {
			r.unknown(name, src, out[0]+" vanished or started anew within the window")
			return
		}
		r.known(name, float64(sum), leftOut(src, out, "offline in between"))
	}
	report("machine.throttle.core", t.cores, t.coreBad)
	report("machine.throttle.package", t.packages, t.pkgBad)
}
