package model

import (
	"errors"
	"fmt"
)

// clockTick is the unit of /proc/stat: USER_HZ is 100 on every architecture
// Linux gives us (include/asm-generic/param.h), whatever the kernel's own HZ.
const clockTick = 0.01 // seconds

// ticks is a CPU's line of /proc/stat in clock ticks since boot.
type ticks struct {
	cpu  int    // -1 for the line of all CPUs
	busy uint64 // user, nice, system, irq and softirq
}

var errNoCPULine = errors.New("no line begins with cpu")

// parseProcStat reads the lines "cpu" and "cpuN" of /proc/stat
// (Documentation/filesystems/proc.rst, 1.7) and gives them to each, in order.
// A last line that is cut off is left out: the buffer may end anywhere. Time
// in guests is part of user and nice already; idle, iowait and stolen time are
// not ours. It allocates nothing unless it fails.
func parseProcStat(b []byte, each func(ticks)) error {
	seen := false
	for len(b) > 3 && b[0] == 'c' && b[1] == 'p' && b[2] == 'u' {
		end := 0
		for end < len(b) && b[end] != '\n' {
			end++
		}
		if end == len(b) {
			break
		}
		t, ok := parseCPULine(b[3:end])
		if !ok {
			return fmt.Errorf("parse /proc/stat: %q is not a cpu line", b[:min(end, 80)])
		}
		each(t)
		seen = true
		b = b[end+1:]
	}
	if !seen {
		return fmt.Errorf("parse /proc/stat: %w", errNoCPULine)
	}
	return nil
}

// parseCPULine reads what follows "cpu": a number or nothing, then at least
// user, nice, system and idle; iowait, irq and softirq came with Linux 2.6.
func parseCPULine(b []byte) (ticks, bool) {
	t := ticks{cpu: -1}
	if len(b) > 0 && b[0] != ' ' {
		n, rest, ok := cutNumber(b)
		if !ok || n > 1<<20 {
			return t, false
		}
		t.cpu, b = int(n), rest
	}
	fields := 0
	for ; fields < 7; fields++ {
		i := 0
		for i < len(b) && b[i] == ' ' {
			i++
		}
		if i == len(b) {
			break
		}
		n, rest, ok := cutNumber(b[i:])
		if i == 0 || !ok || n > 1<<60 {
			return t, false
		}
		if fields != 3 && fields != 4 { // idle, iowait
			t.busy += n
		}
		b = rest
	}
	return t, fields >= 4
}

func cutNumber(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if i == 19 {
			return 0, b, false
		}
		n = n*10 + uint64(b[i]-'0')
	}
	return n, b[i:], i > 0
}
