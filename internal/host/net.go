package host

import (
	"bytes"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// network reads /proc/net/dev. prometheus/procfs has a parser for it that
// panics on a short line and copies every line several times.
type network struct {
	path string
	// hardware is the interfaces to count, nil for all but loopback. It is
	// settled at the start: were the only card to vanish, counting bridges
	// and tunnels instead would be worse than counting nothing.
	hardware map[string]bool
}

// The counters kept of an interface.
const (
	netReceived = iota
	netPacketsReceived
	netSent
	netPacketsSent
	netErrors
)

func (n *network) start(root string) {
	n.path = root + "/proc/net/dev"
	// /proc/net follows the reader into its own network namespace, also
	// below another root: there it is init's that is the host's.
	if init := root + "/proc/1/net/dev"; root != "" && procfile.Exists(init) {
		n.path = init
	}
	if set, err := withHardware(root + "/sys/class/net"); err == nil && len(set) > 0 {
		n.hardware = set
	}
}

func (n *network) read(buf *[]byte) deviceCounters {
	b, err := procfile.Slurp(n.path, buf)
	if err != nil {
		return deviceCounters{bad: procfile.Why(n.path, err)}
	}
	by, err := parseNetDev(b)
	if err != nil {
		return deviceCounters{bad: procfile.Why(n.path, err)}
	}
	delete(by, "lo")
	for name := range by {
		if n.hardware != nil && !n.hardware[name] {
			delete(by, name)
		}
	}
	if len(by) == 0 {
		return deviceCounters{bad: n.path + " lists no interface to count"}
	}
	return deviceCounters{by: by}
}

// parseNetDev parses /proc/net/dev (net/core/net-procfs.c): two lines of
// headings, then "name: 8 numbers received, 8 numbers sent".
func parseNetDev(b []byte) (map[string][deviceColumns]uint64, error) {
	by := map[string][deviceColumns]uint64{}
	for n := 0; len(b) > 0; n++ {
		var line []byte
		line, b = procfile.Line(b)
		if n < 2 {
			continue
		}
		// A name may hold a colon (an alias of old: "eth0:1"), a number not.
		colon := bytes.LastIndexByte(line, ':')
		if colon < 0 {
			return nil, procfile.ErrMalformed
		}
		name := bytes.TrimSpace(line[:colon])
		var v [16]uint64
		rest := line[colon+1:]
		for i := range v {
			var ok bool
			if v[i], rest, ok = procfile.Uint(rest); !ok {
				return nil, procfile.ErrMalformed
			}
		}
		if len(name) == 0 {
			return nil, procfile.ErrMalformed
		}
		by[string(name)] = [deviceColumns]uint64{
			netReceived: v[0], netPacketsReceived: v[1], netSent: v[8], netPacketsSent: v[9],
			netErrors: v[2] + v[3] + v[10] + v[11],
		}
	}
	return by, nil
}

var netMetrics = []deviceMetric{
	{"machine.net.received", netReceived, 1}, {"machine.net.sent", netSent, 1},
	{"machine.net.packets_received", netPacketsReceived, 1}, {"machine.net.packets_sent", netPacketsSent, 1},
	{"machine.net.errors", netErrors, 1},
}

func (n *network) report(before, after deviceCounters, r *results) {
	reportDevices("/proc/net/dev", before, after, netMetrics, r)
}
