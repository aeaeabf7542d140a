package procusage

import (
	"math"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

// group is a control group: its CPU counter and its members.
type group struct {
	dirs    []string // of the group, one per hierarchy
	file    procfile.File
	v2      bool
	first   uint64 // the counter at the baseline, ns
	last    int64
	broken  bool
	seen    int64 // ns that its processes, and what was charged beside them, account for
	members map[int]bool
}

// openGroup opens the group's counter: usage_usec of cpu.stat (cgroup2; it
// needs no controller), or cpuacct.usage.
func openGroup(dirs []string, buf *[]byte) *group {
	g := &group{dirs: dirs, members: map[int]bool{}}
	for _, name := range []string{"cpu.stat", "cpuacct.usage"} {
		for _, dir := range dirs {
			g.file, g.v2 = procfile.Keep(dir+"/"+name), name == "cpu.stat"
			if v, err := g.counter(buf); err == nil {
				g.first = v
				return g
			}
			g.file.Close() // cpu.stat of version 1 has no usage
		}
	}
	g.broken = true
	return g
}

func (g *group) counts() bool { return !g.broken }

// counter returns the group's CPU time in ns.
func (g *group) counter(buf *[]byte) (uint64, error) {
	b, err := g.file.Read(buf)
	if err != nil {
		return 0, err
	}
	return parseGroupTime(b, g.v2)
}

// parseGroupTime parses cpu.stat of cgroup2 or cpuacct.usage.
func parseGroupTime(b []byte, v2 bool) (ns uint64, err error) {
	unit := uint64(1)
	if v2 {
		unit = 1000
		ns, err = procfile.KeyedNumber(b, "usage_usec ")
	} else {
		ns, err = procfile.ParseNumber(b)
	}
	if err == nil && ns > math.MaxInt64/unit {
		err = procfile.ErrMalformed
	}
	return ns * unit, err
}

// used returns the group's CPU time since the baseline. A group that was
// removed has used what it had when it was read last.
func (g *group) used(buf *[]byte) (ns int64) {
	if v, err := g.counter(buf); err == nil && v > g.first {
		g.last = max(g.last, int64(v-g.first))
	}
	return g.last
}

// maxGroups bounds the groups below a target that are asked for members.
const maxGroups = 4096

// list reads who is in the group and in the groups below it.
func (g *group) list(buf *[]byte) {
	clear(g.members)
	for _, dir := range g.dirs {
		left := maxGroups
		g.walk(dir, buf, &left)
	}
}

func (g *group) walk(dir string, buf *[]byte, left *int) {
	if *left--; *left < 0 {
		return
	}
	b, err := procfile.Slurp(dir+"/cgroup.procs", buf)
	if err != nil {
		return // not a group, or one that has gone
	}
	for len(b) > 0 {
		var line []byte
		line, b = procfile.Line(b)
		if pid, err := procfile.ParseNumber(line); err == nil && pid > 0 && pid < 1<<30 {
			g.members[int(pid)] = true
		}
	}
	for _, sub := range procfile.Directories(dir) {
		g.walk(dir+"/"+sub, buf, left)
	}
}
