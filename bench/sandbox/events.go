package sandbox

import (
	"strconv"
	"strings"
	"time"
)

// Events are what a group ran into since it was made.
type Events struct {
	OOMKills  int           // processes that the kernel ended for want of memory
	Throttled time.Duration // for which it was kept from running, over CPUs
	PeakBytes int64         // memory at most, caches included; 0 where the kernel does not tell
}

// Events reads them. What can't be read is 0: a group that is gone had none.
func (g *Group) Events() Events {
	var e Events
	for _, p := range g.places {
		if p.memory {
			e.OOMKills += int(p.number("memory.events", "oom_kill")) // v2, Linux 4.13
			e.OOMKills += int(p.number("memory.oom_control", "oom_kill"))
			e.PeakBytes = max(e.PeakBytes, p.number("memory.peak", ""), p.number("memory.max_usage_in_bytes", ""))
		}
		if p.cpu {
			e.Throttled += time.Duration(p.number("cpu.stat", "throttled_usec")) * time.Microsecond // v2
			e.Throttled += time.Duration(p.number("cpu.stat", "throttled_time"))                    // v1, nanoseconds
		}
	}
	return e
}

// number is the value behind a key of a file, or the whole file's; 0 where there
// is none.
func (p place) number(file, key string) int64 {
	text, err := p.read(file)
	if err != nil {
		return 0
	}
	if key != "" {
		text = valueOf(text, key)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// valueOf finds the value of a key in lines of KEY VALUE.
func valueOf(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == key {
			return v
		}
	}
	return ""
}
