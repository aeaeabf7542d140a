package host

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// slowEvery is how often sensors are read that cost an interrupt on another
// CPU: cpufreq and core temperatures are fetched from the core they are about
// (arch/x86/kernel/cpu/aperfmperf.c, drivers/hwmon/coretemp.c), and waking
// idle cores would change what is being measured.
const slowEvery = 500 * time.Millisecond

// machine samples what concerns the whole host.
type machine struct {
	root string

	loadavg, meminfo, stat, vmstat procfile.File

	runQueue        gauge
	used, available gauge
	loadBad, memBad string  // why the last reading failed
	load            loadavg // the newest
	memTotal        uint64

	before machineCounters
	disks  disks
	net    network
	freq   frequency
	temp   temperature
	heat   throttle
	slowAt energy.Instant
}

// machineCounters are the counters read at both ends of the window.
type machineCounters struct {
	stat     statCounters
	statBad  string
	vm       [len(vmKeys)]counter
	runWait  runWait
	pressure [len(pressureKinds)]counter
	disk     deviceCounters
	net      deviceCounters
}

func (m *machine) init(root string) { m.root = root }

func (m *machine) start(buf *[]byte) {
	m.loadavg = procfile.Keep(m.root + "/proc/loadavg")
	m.meminfo = procfile.Keep(m.root + "/proc/meminfo")
	m.stat = procfile.Keep(m.root + "/proc/stat")
	m.vmstat = procfile.Keep(m.root + "/proc/vmstat")
	m.disks.start(m.root)
	m.net.start(m.root)
	m.freq.start(m.root, buf)
	m.temp.start(m.root, buf)
	m.heat.start(m.root, buf)
	m.sample(buf, energy.Now())
	m.before = m.counters(buf)
}

// sample reads the gauges. It allocates nothing.
func (m *machine) sample(buf *[]byte, now energy.Instant) {
	m.sampleLoad(buf, now)
	m.sampleMemory(buf, now)
	if m.slowAt == 0 || now.Sub(m.slowAt) >= slowEvery {
		m.slowAt = now
		m.freq.sample(buf, now)
		m.temp.sample(buf, now)
	}
}

func (m *machine) sampleLoad(buf *[]byte, now energy.Instant) {
	b, err := m.loadavg.Read(buf)
	if err != nil {
		m.loadBad = procfile.Why(m.loadavg.Path, err)
		return
	}
	l, ok := parseLoadavg(b)
	if !ok {
		m.loadBad = procfile.Why(m.loadavg.Path, procfile.ErrMalformed)
		return
	}
	m.loadBad, m.load = "", l
	// The thread that reads the file is running while it does.
	m.runQueue.add(now, float64(max(l.running, 1)-1))
}

func (m *machine) sampleMemory(buf *[]byte, now energy.Instant) {
	b, err := m.meminfo.Read(buf)
	if err != nil {
		m.memBad = procfile.Why(m.meminfo.Path, err)
		return
	}
	mem, err := parseMeminfo(b)
	if err != nil {
		m.memBad = procfile.Why(m.meminfo.Path, err)
		return
	}
	m.memBad, m.memTotal = "", mem.total
	m.available.add(now, float64(mem.available))
	m.used.add(now, float64(mem.total-mem.available))
}

func (m *machine) counters(buf *[]byte) machineCounters {
	var c machineCounters
	if b, err := m.stat.ReadAll(buf); err != nil {
		c.statBad = procfile.Why(m.stat.Path, err)
	} else if c.stat, err = parseStat(b); err != nil {
		c.statBad = procfile.Why(m.stat.Path, err)
	}
	c.vm = readVMStat(&m.vmstat, buf)
	c.runWait = readRunWait(m.root)
	c.pressure = readPressure(m.root)
	c.disk = m.disks.read(buf)
	c.net = m.net.read(buf)
	return c
}

func (m *machine) stop(buf *[]byte, now energy.Instant, r *results) {
	after := m.counters(buf)
	m.slowAt = 0 // whatever the clock says, the end is sampled
	m.sample(buf, now)
	m.reportStat(buf, after, r)
	m.reportLoad(after, r)
	m.reportMemory(after, r)
	for i, kind := range pressureKinds {
		r.delta("machine.pressure."+kind, "/proc/pressure/"+kind, m.before.pressure[i], after.pressure[i], 1e-6)
	}
	m.disks.report(m.before.disk, after.disk, r)
	m.net.report(m.before.net, after.net, r)
	m.freq.report(r)
	m.temp.report(r)
	m.heat.report(buf, r)
	for _, f := range []*procfile.File{&m.loadavg, &m.meminfo, &m.stat, &m.vmstat} {
		f.Close()
	}
	m.freq.close()
	m.temp.close()
}

func (m *machine) reportLoad(after machineCounters, r *results) {
	const src = "/proc/loadavg"
	if m.runQueue.n == 0 {
		for _, name := range []string{"machine.run_queue.mean", "machine.run_queue.max", "machine.load1"} {
			r.unknown(name, src, m.loadBad)
		}
	} else {
		r.known("machine.run_queue.mean", m.runQueue.mean(), src)
		r.known("machine.run_queue.max", m.runQueue.max, src)
		r.known("machine.load1", m.load.load1, src)
	}
	const sched = "/proc/schedstat"
	m.before.runWait.report(after.runWait, sched, r)
}

func (m *machine) reportMemory(after machineCounters, r *results) {
	const src = "/proc/meminfo"
	if m.used.n == 0 {
		for _, name := range []string{"machine.memory.total", "machine.memory.used_mean", "machine.memory.used_peak", "machine.memory.available_min"} {
			r.unknown(name, src, m.memBad)
		}
	} else {
		r.known("machine.memory.total", float64(m.memTotal), src)
		r.known("machine.memory.used_mean", m.used.mean(), src)
		r.known("machine.memory.used_peak", m.used.max, src)
		r.known("machine.memory.available_min", m.available.min, src)
	}
	reportVMStat(m.before.vm, after.vm, r)
}
