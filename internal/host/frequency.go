package host

import (
	"bytes"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// frequency samples the clock of the online CPUs.
type frequency struct {
	policies []policy
	cpuinfo  string // path, where there is no cpufreq
	infoAt   energy.Instant
	bad      string
	mean     gauge
	low      gauge // of the slowest CPU
	high     gauge // of the fastest
	source   string
}

// policy is a set of CPUs that share a clock.
type policy struct {
	file procfile.File
	cpus int
}

// cpuinfoEvery is how often /proc/cpuinfo is read for its MHz: the file takes
// 50 us per CPU to make, 10 ms on a large server.
const cpuinfoEvery = 10 * time.Second

func (f *frequency) start(root string, buf *[]byte) {
	for _, dir := range list(root+"/sys/devices/system/cpu/cpufreq", "policy") {
		cur := dir + "/scaling_cur_freq"
		b, err := procfile.Slurp(dir+"/affected_cpus", buf)
		cpus := len(bytes.Fields(b))
		if err != nil || cpus == 0 {
			continue // no CPU of the policy is online
		}
		if file := procfile.Keep(cur); file.Err != nil {
			f.bad = procfile.Why(cur, file.Err)
		} else {
			f.policies = append(f.policies, policy{file, cpus})
		}
	}
	f.source = "cpufreq scaling_cur_freq"
	if len(f.policies) == 0 && f.bad == "" {
		f.startCPUInfo(root, buf)
	}
}

// startCPUInfo falls back to /proc/cpuinfo. Within a virtual machine without
// cpufreq its MHz is the calibrated clock of the time stamp counter, which
// never moves (arch/x86/kernel/cpu/proc.c).
func (f *frequency) startCPUInfo(root string, buf *[]byte) {
	f.source = "/proc/cpuinfo"
	path := root + "/proc/cpuinfo"
	file := procfile.Keep(path)
	defer file.Close()
	b, err := file.Read(buf) // the first CPUs are enough
	switch {
	case err != nil:
		f.bad = "no cpufreq, and " + procfile.Why(path, err)
	case hasFlag(b, "hypervisor"):
		f.bad = "no cpufreq, and " + path + " of a virtual machine repeats the nominal clock"
	default:
		f.cpuinfo = path
	}
}

func (f *frequency) sample(buf *[]byte, now energy.Instant) {
	if f.cpuinfo != "" {
		if f.infoAt == 0 || now.Sub(f.infoAt) >= cpuinfoEvery {
			f.infoAt = now
			f.sampleCPUInfo(buf, now)
		}
		return
	}
	var c clocks
	for i := range f.policies {
		p := &f.policies[i]
		khz, err := p.file.Number(buf)
		// An idle or departed CPU may answer 0 or an error.
		if err != nil || khz == 0 || khz > maxKHz {
			continue
		}
		c.add(float64(khz)*1e3, p.cpus)
	}
	f.take(c, now)
}

// maxKHz rejects nonsense; no processor runs at 100 GHz.
const maxKHz = 100e6

func (f *frequency) sampleCPUInfo(buf *[]byte, now energy.Instant) {
	b, err := procfile.Slurp(f.cpuinfo, buf)
	if err != nil {
		f.bad = procfile.Why(f.cpuinfo, err)
		return
	}
	f.take(parseCPUMHz(b), now)
}

func (f *frequency) take(c clocks, now energy.Instant) {
	if c.cpus == 0 {
		return
	}
	f.mean.add(now, c.sum/float64(c.cpus))
	f.low.add(now, c.low)
	f.high.add(now, c.high)
}

// clocks adds up the clocks of CPUs, in Hz.
type clocks struct {
	sum, low, high float64
	cpus           int
}

func (c *clocks) add(hz float64, cpus int) {
	if c.cpus == 0 {
		c.low, c.high = hz, hz
	}
	c.low, c.high = min(c.low, hz), max(c.high, hz)
	c.sum += hz * float64(cpus)
	c.cpus += cpus
}

// parseCPUMHz adds up the "cpu MHz" lines of /proc/cpuinfo.
func parseCPUMHz(b []byte) (c clocks) {
	for len(b) > 0 {
		var line []byte
		line, b = procfile.Line(b)
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || string(bytes.TrimSpace(key)) != "cpu MHz" {
			continue
		}
		if mhz, ok := parseFixed(bytes.TrimSpace(value)); ok && mhz > 0 && mhz*1e3 <= maxKHz {
			c.add(mhz*1e6, 1)
		}
	}
	return c
}

// hasFlag looks for a word on the first "flags" line of /proc/cpuinfo.
func hasFlag(b []byte, flag string) bool {
	line, _ := procfile.Keyed(b, "flags")
	for len(line) > 0 {
		var word []byte
		if word, line = procfile.Word(line); string(word) == flag {
			return true
		}
		if len(word) == 0 {
			break
		}
	}
	return false
}

func (f *frequency) report(r *results) {
	if f.mean.n == 0 {
		bad := f.bad
		if bad == "" {
			bad = f.source + " gave no clock"
		}
		for _, name := range []string{"mean", "min", "max"} {
			r.unknown("machine.cpu.frequency_"+name, f.source, bad)
		}
		return
	}
	r.known("machine.cpu.frequency_mean", f.mean.mean(), f.source)
	r.known("machine.cpu.frequency_min", f.low.min, f.source)
	r.known("machine.cpu.frequency_max", f.high.max, f.source)
}

func (f *frequency) close() {
	for i := range f.policies {
		f.policies[i].file.Close()
	}
}

// firstThreads returns, of the online CPUs, the first of each core and of
// each package.
func firstThreads(root string, buf *[]byte) (cores, packages []int) {
	dir := root + "/sys/devices/system/cpu/"
	online, err := topology.ParseCPUList(procfile.SlurpText(dir+"online", buf))
	if err != nil {
		return nil, nil
	}
	sibling := map[int]bool{}
	seen := map[string]bool{}
	for _, cpu := range online {
		topo := dir + "cpu" + itoa(cpu) + "/topology/"
		if sibling[cpu] {
			continue
		}
		// A missing list leaves the CPU a core of its own.
		siblings, _ := topology.ParseCPUList(procfile.SlurpText(topo+"thread_siblings_list", buf))
		for _, s := range siblings {
			sibling[s] = true
		}
		cores = append(cores, cpu)
		if id := procfile.SlurpText(topo+"physical_package_id", buf); !seen[id] {
			seen[id] = true
			packages = append(packages, cpu)
		}
	}
	return cores, packages
}
