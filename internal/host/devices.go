package host

import (
	"fmt"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// deviceColumns is the most counters a device has here.
const deviceColumns = 5

// deviceCounters are the counters of all devices of a kind by name.
type deviceCounters struct {
	by  map[string][deviceColumns]uint64
	bad string
}

// deviceMetric says which column a metric adds up, and in which unit.
type deviceMetric struct {
	name   string
	column int
	scale  float64
}

// reportDevices adds up the growth of each device's counters. A device that
// vanished or started anew took its counts along, and one that appeared may
// have counted elsewhere before (an interface moved between namespaces): they
// are left out, and named in the source.
func reportDevices(source string, before, after deviceCounters, metrics []deviceMetric, r *results) {
	for _, c := range []deviceCounters{before, after} {
		if c.bad == "" {
			continue
		}
		for _, m := range metrics {
			r.unknown(m.name, source, c.bad)
		}
		return
	}
	var sum [deviceColumns]uint64
	var out []string
	for name, a := range before.by {
		b, ok := after.by[name]
		d, forward := grown(a, b)
		if !ok || !forward {
			out = append(out, name)
			continue
		}
		for i := range sum {
			sum[i] += d[i]
		}
	}
	none := len(out) == len(before.by)
	for name := range after.by {
		if _, old := before.by[name]; !old {
			out = append(out, name)
		}
	}
	source = leftOut(source, out, "came, vanished or started anew in between")
	for _, m := range metrics {
		if none {
			r.unknown(m.name, source, "no device was there from start to end")
			continue
		}
		r.known(m.name, float64(sum[m.column])*m.scale, source)
	}
}

func grown(a, b [deviceColumns]uint64) (d [deviceColumns]uint64, ok bool) {
	for i := range a {
		if b[i] < a[i] {
			return d, false
		}
		d[i] = b[i] - a[i]
	}
	return d, true
}

// leftOut says in a metric's source what it does not cover.
func leftOut(source string, names []string, reason string) string {
	if len(names) == 0 {
		return source
	}
	slices.Sort(names)
	return fmt.Sprintf("%s without %s (%s)", source, strings.Join(names, ", "), reason)
}

// withHardware returns the entries of a class directory (/sys/block,
// /sys/class/net) that have a device behind them: partitions, stacked block
// devices, bridges and tunnels have none, and would count the same bytes
// again. Names that start with one of skip are not looked at.
func withHardware(dir string, skip ...string) (map[string]bool, error) {
	names, err := procfile.Entries(dir)
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	for _, name := range names {
		if !prefixed(name, skip) && procfile.Exists(dir+"/"+name+"/device") {
			set[name] = true
		}
	}
	return set, nil
}

func prefixed(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
