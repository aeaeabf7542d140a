package host

import (
	"bytes"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// temperature samples the processor's own sensors; the hottest counts.
type temperature struct {
	sensors []procfile.File
	hottest gauge
	bad     string
	source  string
}

// cpuChips are the hwmon drivers of processors, by their name attribute.
var cpuChips = []string{
	"coretemp", "k10temp", "zenpower", "k8temp", "via_cputemp", // x86
	"cpu_thermal", "apm_xgene", "smpro_hwmon", "soc_thermal", // ARM
}

// cpuZones are thermal zones of processors, by the start of their type:
// x86_pkg_temp, cpu-thermal, cpu0-thermal, cpu_thermal, soc-thermal.
var cpuZones = []string{"x86_pkg_temp", "cpu", "soc", "cluster", "bigcore", "littlecore"}

func (t *temperature) start(root string, buf *[]byte) {
	t.source = "hwmon"
	t.findHwmon(root, buf)
	if len(t.sensors) == 0 {
		t.source = "thermal_zone"
		t.findZones(root, buf)
	}
	if len(t.sensors) == 0 && t.bad == "" {
		t.bad = "no processor sensor in " + root + "/sys/class/hwmon or " + root + "/sys/class/thermal"
	}
}

func (t *temperature) findHwmon(root string, buf *[]byte) {
	for _, dir := range list(root+"/sys/class/hwmon", "hwmon") {
		name := procfile.SlurpText(dir+"/name", buf)
		if !slices.Contains(cpuChips, name) {
			continue
		}
		var inputs []sensor
		for _, path := range list(dir, "temp") {
			if stem, ok := strings.CutSuffix(path, "_input"); ok {
				inputs = append(inputs, sensor{path, procfile.SlurpText(stem+"_label", buf)})
			}
		}
		for _, s := range choose(inputs) {
			t.keep(s.path)
		}
	}
}

type sensor struct{ path, label string }

// choose drops sensors that are covered by another of the same chip. Intel's
// package sensor is the maximum over its cores, and reading a core's would
// wake the core; AMD's Tctl is Tdie plus an offset for fans on some parts
// (Documentation/hwmon/k10temp.rst).
func choose(all []sensor) []sensor {
	var pkg, die []sensor
	for _, s := range all {
		switch {
		case strings.HasPrefix(s.label, "Package id"), strings.HasPrefix(s.label, "Physical id"):
			pkg = append(pkg, s)
		case s.label == "Tdie":
			die = append(die, s)
		}
	}
	if len(pkg) > 0 {
		return pkg
	}
	if len(die) > 0 {
		return slices.DeleteFunc(all, func(s sensor) bool { return s.label == "Tctl" })
	}
	return all
}

func (t *temperature) findZones(root string, buf *[]byte) {
	for _, dir := range list(root+"/sys/class/thermal", "thermal_zone") {
		kind := procfile.SlurpText(dir+"/type", buf)
		for _, prefix := range cpuZones {
			if strings.HasPrefix(kind, prefix) {
				t.keep(dir + "/temp")
				break
			}
		}
	}
}

func (t *temperature) keep(path string) {
	f := procfile.Keep(path)
	if f.Err != nil {
		t.bad = procfile.Why(path, f.Err)
		return
	}
	t.sensors = append(t.sensors, f)
}

func (t *temperature) sample(buf *[]byte, now energy.Instant) {
	hottest, n := 0.0, 0
	for i := range t.sensors {
		b, err := t.sensors[i].Read(buf)
		if err != nil {
			t.bad = t.sensors[i].Path + " could not be read"
			continue
		}
		c, ok := parseMilliCelsius(b)
		if !ok {
			t.bad = t.sensors[i].Path + " shows no plausible temperature"
			continue
		}
		if n == 0 || c > hottest {
			hottest = c
		}
		n++
	}
	if n > 0 {
		t.hottest.add(now, hottest)
	}
}

// parseMilliCelsius parses thousandths of a degree. Sensors that are off or
// broken show 0 K, 255 C or the like: what silicon can't survive is refused.
func parseMilliCelsius(b []byte) (celsius float64, ok bool) {
	b = bytes.TrimSpace(b)
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	v, err := procfile.ParseNumber(b)
	if err != nil || v > 150_000 || negative && v > 55_000 {
		return 0, false
	}
	celsius = float64(v) / 1000
	if negative {
		celsius = -celsius
	}
	return celsius, true
}

func (t *temperature) report(r *results) {
	if t.hottest.n == 0 {
		r.unknown("machine.temperature.mean", t.source, t.bad)
		r.unknown("machine.temperature.max", t.source, t.bad)
		return
	}
	r.temperature("machine.temperature.mean", t.hottest.mean(), t.source)
	r.temperature("machine.temperature.max", t.hottest.max, t.source)
}

func (t *temperature) close() {
	for i := range t.sensors {
		t.sensors[i].Close()
	}
}
