package host

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// serverWants are the values between server.txtar and server-later.txtar that
// do not depend on how long the test took.
var serverWants = map[string]float64{
	"machine.cpu.user": 4.1, "machine.cpu.system": 1, "machine.cpu.idle": 4, "machine.cpu.iowait": 0.3,
	"machine.cpu.irq": 0.05, "machine.cpu.softirq": 0.2, "machine.cpu.steal": 0.01,
	"machine.cpu.utilization": 535. / 966, "machine.cpu.online": 4,
	"machine.cpu.frequency_min": 8e8, "machine.cpu.frequency_max": 3e9,
	"machine.run_queue.max": 4, "machine.run_wait": 0.75, "machine.load1": 0.75,
	"machine.context_switches": 1234, "machine.interrupts": 600, "machine.forks": 42,
	"machine.pressure.cpu": 0.5, "machine.pressure.memory": 0, "machine.pressure.io": 0.002,
	"machine.memory.total": 16000000 * 1024, "machine.memory.used_peak": 5000000 * 1024,
	"machine.memory.available_min": 11000000 * 1024, "machine.memory.faults_major": 7,
	"machine.memory.swap_in": 2 * float64(os.Getpagesize()), "machine.memory.swap_out": 5 * float64(os.Getpagesize()),
	"machine.disk.read": 108 * 512, "machine.disk.written": 408 * 512, "machine.disk.reads": 11,
	"machine.disk.writes": 21, "machine.disk.busy": 1.010,
	"machine.net.received": 4050, "machine.net.sent": 630, "machine.net.packets_received": 16,
	"machine.net.packets_sent": 6, "machine.net.errors": 3,
	"machine.temperature.max": 61.5, "machine.throttle.core": 8, "machine.throttle.package": 12,
	"cgroup.cpu.time": 2.5, "cgroup.cpu.user": 2, "cgroup.cpu.system": 0.5, "cgroup.cpu.throttled": 0.25,
	"cgroup.cpu.throttled_periods": 7, "cgroup.memory.peak": 5000000, "cgroup.io.read": 8192,
	"cgroup.io.written": 0, "cgroup.processes.peak": 7,
}

// serverMeans are values averaged over time, within their ends.
var serverMeans = map[string][2]float64{
	"machine.cpu.frequency_mean": {1.5e9, 1.95e9},
	"machine.run_queue.mean":     {2, 4},
	"machine.memory.used_mean":   {4000000 * 1024, 5000000 * 1024},
	"machine.temperature.mean":   {50, 61.5},
	"cgroup.memory.mean":         {1000000, 3000000},
}

// between measures from one archive to another.
func between(t testing.TB, before, after, group string) map[string]energy.Metric {
	t.Helper()
	root := t.TempDir()
	unpack(t, root, before)
	s := New(root, Target{Cgroup: group})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	s.Tick()
	unpack(t, root, after)
	s.Tick()
	return byName(t, s.Stop(0))
}

func TestServer(t *testing.T) {
	got := between(t, "server", "server-later", "/app.slice/web")
	for name, want := range serverWants {
		if v := value(t, got, name); math.Abs(v-want) > 1e-9*math.Max(1, want) {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
	for name, ends := range serverMeans {
		if v := value(t, got, name); v < ends[0] || v > ends[1] {
			t.Errorf("%s = %v, not within %v", name, v, ends)
		}
	}
	for _, d := range energy.Catalogue() {
		_, exact := serverWants[d.Name]
		_, mean := serverMeans[d.Name]
		if d.By == energy.ByHost && d.Scope != energy.ScopeProcess && !exact && !mean {
			t.Errorf("%s is not tested", d.Name)
		}
	}
}

// TestOneBadFile damages each file of the server in turn: nothing panics,
// what does not depend on the file keeps its value, and what has no value has
// a reason (byName).
func TestOneBadFile(t *testing.T) {
	root := t.TempDir()
	unpack(t, root, "server")
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	const nonsense = "\x00 -1 cpu intr: 99999999999999999999999 eth0: 1 2\n\n8 0 sda\n"
	damage := map[string]func(path string){
		"missing":   func(p string) { _ = os.Remove(p) },
		"empty":     func(p string) { write(t, p, "") },
		"malformed": func(p string) { write(t, p, nonsense) },
		"directory": func(p string) { _ = os.Remove(p); _ = os.Mkdir(p, 0o755) },
	}
	for kind, apply := range damage {
		for _, file := range files {
			apply(root + file)
			s := New(root, Target{Cgroup: "/app.slice/web"})
			_ = s.Start() // the group may be what is damaged
			s.Tick()
			unpackBut(t, root, "server-later", file)
			s.Tick()
			got := byName(t, s.Stop(0))
			for name, want := range serverWants {
				m := got[name]
				if m.Value != nil && math.Abs(*m.Value-want) <= 1e-9*math.Max(1, want) {
					continue
				}
				if !slices.ContainsFunc(dependsOn(name), func(part string) bool { return strings.Contains(file, part) }) {
					t.Errorf("%s %s changed %s: %v %s", kind, file, name, m.Value, m.Reason)
				}
			}
			_ = os.Remove(root + file)
			unpack(t, root, "server")
		}
	}
}

// dependsOn says which files may change a metric.
func dependsOn(name string) []string {
	for prefix, parts := range map[string][]string{
		"machine.cpu.frequency": {"cpufreq"}, "machine.cpu.online": {"cpu/online", "proc/stat"},
		"machine.cpu.u": {"proc/stat"}, "machine.cpu.s": {"proc/stat"}, "machine.cpu.i": {"proc/stat"},
		"machine.context": {"proc/stat"}, "machine.interrupts": {"proc/stat"}, "machine.forks": {"proc/stat"},
		"machine.run_queue": {"loadavg"}, "machine.load1": {"loadavg"}, "machine.run_wait": {"schedstat"},
		"machine.pressure.cpu": {"pressure/cpu"}, "machine.pressure.memory": {"pressure/memory"}, "machine.pressure.io": {"pressure/io"},
		"machine.memory.swap": {"vmstat"}, "machine.memory.faults": {"vmstat"},
		"machine.memory.total": {"meminfo"}, "machine.memory.used": {"meminfo"}, "machine.memory.available": {"meminfo"},
		"machine.disk": {"diskstats", "sys/block"}, "machine.net": {"net/"},
		"machine.temperature": {"hwmon1", "hwmon2"}, "machine.throttle": {"thermal_throttle", "topology", "cpu/online"},
		"cgroup.cpu": {"cgroup.procs", "cpu.stat"}, "cgroup.memory": {"cgroup.procs", "memory."},
		"cgroup.io": {"cgroup.procs", "io.stat", "diskstats", "sys/block"}, "cgroup.processes": {"cgroup.procs", "pids."},
	} {
		if strings.HasPrefix(name, prefix) {
			return parts
		}
	}
	return nil
}

// TestBackwards turns every counter back: differences are null or 0, and
// byName sees that none is negative.
func TestBackwards(t *testing.T) {
	root := t.TempDir()
	unpack(t, root, "server")
	unpack(t, root, "server-later")
	s := New(root, Target{Cgroup: "/app.slice/web"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	unpack(t, root, "server")
	got := byName(t, s.Stop(0))
	for _, name := range []string{"machine.cpu.user", "machine.cpu.idle", "machine.context_switches", "machine.forks", "machine.pressure.cpu", "machine.memory.faults_major", "machine.disk.read", "machine.net.received", "machine.cpu.utilization"} {
		if m := got[name]; m.Value != nil {
			t.Errorf("%s = %v from counters that went backwards", name, *m.Value)
		}
	}
}

func TestDevicesThatChange(t *testing.T) {
	a := deviceCounters{by: map[string][deviceColumns]uint64{"eth0": {100, 1}, "eth1": {50, 5}, "eth2": {9}}}
	b := deviceCounters{by: map[string][deviceColumns]uint64{"eth0": {300, 4}, "eth1": {10, 6}, "eth3": {1 << 40}}}
	r := newResults()
	(&network{}).report(a, b, r)
	m := r.byName["machine.net.received"]
	if m.Value == nil || *m.Value != 200 {
		t.Fatalf("received %v, want eth0's 200", m.Value)
	}
	for _, name := range []string{"eth1", "eth2", "eth3"} {
		if !strings.Contains(m.Source, name) {
			t.Errorf("source %q does not say that %s is left out", m.Source, name)
		}
	}
	delete(b.by, "eth0")
	(&network{}).report(a, b, r)
	if m := r.byName["machine.net.received"]; m.Value != nil || m.Reason == "" {
		t.Errorf("no interface left, yet %v, %q", m.Value, m.Reason)
	}
}

// TestCapturedHosts runs over hosts that have hardly any of the files.
func TestCapturedHosts(t *testing.T) {
	for _, name := range testutil.Hosts(t) {
		t.Run(name, func(t *testing.T) {
			s := New(testutil.Host(t, name), Target{PID: 4711, Cgroup: "nowhere"})
			err := s.Start()
			for _, r := range energy.Refusals(name, err) {
				if r.Kind != energy.ErrAbsent || r.Reason == "" || r.Remedy == "" {
					t.Errorf("%+v", r)
				}
			}
			if n := len(energy.Refusals(name, err)); n != 2 {
				t.Errorf("%d refusals, want one for the process and one for the group: %v", n, err)
			}
			s.Tick()
			got := byName(t, s.Stop(0))
			if got["cpu.time"].Value != nil || !strings.Contains(got["cpu.time"].Reason, "/proc/4711") {
				t.Errorf("cpu.time: %+v", got["cpu.time"])
			}
			if again := s.Stop(0); again != nil {
				t.Error("a second Stop gave metrics")
			}
			s.Tick()
		})
	}
}

func TestFrequencyWithoutCpufreq(t *testing.T) {
	const info = "processor\t: 0\nflags\t\t: fpu vme%s\ncpu MHz\t\t: 1000.500\n\nprocessor\t: 1\ncpu MHz\t\t: 3000.000\n"
	for flag, want := range map[string]float64{"": 2000.25e6, " hypervisor": 0} {
		root := t.TempDir()
		write(t, root+"/proc/cpuinfo", strings.Replace(info, "%s", flag, 1))
		s := New(root, Target{})
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		m := byName(t, s.Stop(0))["machine.cpu.frequency_mean"]
		if want == 0 && (m.Value != nil || !strings.Contains(m.Reason, "virtual machine")) {
			t.Errorf("the nominal clock of a guest was taken for a frequency: %+v", m)
		}
		if want != 0 && (m.Value == nil || *m.Value != want) {
			t.Errorf("frequency %+v, want %v", m, want)
		}
	}
}

func TestTemperatureSensors(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  float64 // 0 for none
	}{
		"amd, Tdie beats Tctl": {map[string]string{
			"hwmon/hwmon3/name": "k10temp", "hwmon/hwmon3/temp1_label": "Tctl", "hwmon/hwmon3/temp1_input": "77000",
			"hwmon/hwmon3/temp2_label": "Tdie", "hwmon/hwmon3/temp2_input": "50000",
			"hwmon/hwmon3/temp3_label": "Tccd1", "hwmon/hwmon3/temp3_input": "52250"}, 52.25},
		"amd, Tctl alone": {map[string]string{
			"hwmon/hwmon0/name": "k10temp", "hwmon/hwmon0/temp1_label": "Tctl", "hwmon/hwmon0/temp1_input": "47000"}, 47},
		"cores without a package": {map[string]string{
			"hwmon/hwmon0/name": "coretemp", "hwmon/hwmon0/temp2_label": "Core 0", "hwmon/hwmon0/temp2_input": "40000",
			"hwmon/hwmon0/temp3_label": "Core 1", "hwmon/hwmon0/temp3_input": "44000"}, 44},
		"zones": {map[string]string{
			"thermal/thermal_zone0/type": "acpitz", "thermal/thermal_zone0/temp": "99000",
			"thermal/thermal_zone1/type": "cpu-thermal", "thermal/thermal_zone1/temp": "38500"}, 38.5},
		"hwmon beats zones": {map[string]string{
			"hwmon/hwmon0/name": "zenpower", "hwmon/hwmon0/temp1_input": "41000",
			"thermal/thermal_zone1/type": "x86_pkg_temp", "thermal/thermal_zone1/temp": "90000"}, 41},
		"nonsense": {map[string]string{
			"hwmon/hwmon0/name": "coretemp", "hwmon/hwmon0/temp1_input": "255000"}, 0},
		"not a processor": {map[string]string{
			"hwmon/hwmon0/name": "nvme", "hwmon/hwmon0/temp1_input": "41000"}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for f, content := range tt.files {
				write(t, root+"/sys/class/"+f, content+"\n")
			}
			s := New(root, Target{})
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			m := byName(t, s.Stop(0))["machine.temperature.max"]
			if tt.want == 0 && m.Value != nil || tt.want != 0 && (m.Value == nil || *m.Value != tt.want) {
				t.Errorf("got %+v, want %v", m, tt.want)
			}
		})
	}
}
