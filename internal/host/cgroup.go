package host

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/procfile"
)

// cgroup samples one control group, of version 1, 2 or both (hybrid: v1
// controllers mounted one by one, v2 beside them at "unified").
type cgroup struct {
	name    string
	dirs    []string // directories of the group that exist, v2 first
	missing *energy.Refusal
	disks   map[string]bool

	current, pids procfile.File
	memory, tasks gauge
	memBad        string
	pidsBad       string
	before        cgroupCounters
}

// cgroupCounters are the group's counters and where they came from.
type cgroupCounters struct {
	time, user, system, throttled, periods scaled
	read, written                          scaled
	peak                                   scaled
}

// scaled is a counter with its unit and origin.
type scaled struct {
	counter
	unit   float64
	source string
}

// newCgroup finds the directories the group may have.
func newCgroup(root, name string) *cgroup {
	c := &cgroup{name: name}
	base := root + "/sys/fs/cgroup"
	rel := relative(root, base, name)
	mounts := []string{base, base + "/unified"}
	for _, sub := range list(base, "") {
		if path.Base(sub) != "unified" && procfile.Exists(sub+"/tasks") {
			mounts = append(mounts, sub)
		}
	}
	// A path below a controller's mount names the group in all of them.
	if first, rest, _ := strings.Cut(rel, "/"); slices.Contains(mounts[1:], base+"/"+first) {
		rel = rest
	}
	c.find(mounts, rel)
	return c
}

// find keeps the directories that are the group, or says why there is none.
func (c *cgroup) find(mounts []string, rel string) {
	c.missing = &energy.Refusal{
		Name: "cgroup " + c.name, Kind: energy.ErrAbsent, Err: syscall.ENOENT,
		Remedy: "give the group as a path below " + mounts[0] + ", as in /proc/PID/cgroup of a process in it",
	}
	var tried []string
	for _, m := range mounts {
		dir := path.Join(m, rel)
		tried = append(tried, dir)
		// The top of a hybrid layout is a plain tmpfs: only a group has
		// cgroup.procs.
		switch err := unix.Access(dir+"/cgroup.procs", unix.F_OK); {
		case err == nil:
			c.dirs = append(c.dirs, dir)
		case errors.Is(err, fs.ErrPermission):
			c.missing.Kind, c.missing.Err = energy.ErrForbidden, err
			c.missing.Remedy = "run as a user who may enter " + dir
		}
	}
	c.missing.Reason = "no such group to be seen; tried " + strings.Join(tried, ", ")
	if len(c.dirs) > 0 {
		c.missing = nil
	}
}

// relative strips what leads to the cgroup mount.
func relative(root, base, name string) string {
	p := path.Clean("/" + name)
	for _, prefix := range []string{base, "/sys/fs/cgroup"} {
		if p == prefix {
			return ""
		}
		if rest, ok := strings.CutPrefix(p, prefix+"/"); ok {
			return rest
		}
	}
	return strings.TrimPrefix(p, "/")
}

func (c *cgroup) start(buf *[]byte, disks map[string]bool) error {
	if c.missing != nil {
		return c.missing
	}
	c.disks = disks
	c.current, c.memBad = c.first("memory.current", "memory.usage_in_bytes")
	c.pids, c.pidsBad = c.first("pids.current")
	c.before = c.counters(buf)
	c.sample(buf, energy.Now())
	return nil
}

// first opens the first of some files that the group has.
func (c *cgroup) first(names ...string) (procfile.File, string) {
	bad := ""
	for _, name := range names {
		for _, dir := range c.dirs {
			f := procfile.Keep(dir + "/" + name)
			if f.Err == nil {
				return f, ""
			}
			if f.Err != syscall.ENOENT {
				bad = procfile.Why(f.Path, f.Err)
			}
		}
	}
	if bad == "" {
		bad = "the group has no " + strings.Join(names, " and no ")
	}
	return procfile.File{Err: syscall.ENOENT}, bad
}

func (c *cgroup) sample(buf *[]byte, now energy.Instant) {
	if c.missing != nil {
		return
	}
	if v, err := c.current.Number(buf); err == nil {
		c.memory.add(now, float64(v))
	} else if c.current.Err == nil {
		c.memBad = c.current.Path + " could not be read: the group may be gone"
	}
	if n, err := c.pids.Number(buf); err == nil {
		c.tasks.add(now, float64(n))
	} else if c.pids.Err == nil {
		c.pidsBad = c.pids.Path + " could not be read: the group may be gone"
	}
}

// pick reads the first of some counters that the group has.
func (c *cgroup) pick(buf *[]byte, from ...cgroupFile) scaled {
	bad := ""
	for _, f := range from {
		for _, dir := range c.dirs {
			p := dir + "/" + f.name
			b, err := procfile.Slurp(p, buf)
			if err == nil {
				var v uint64
				if v, err = f.parse(b); err == nil {
					return scaled{counter{v: v}, f.unit, f.name}
				}
			}
			if bad == "" && err != syscall.ENOENT && err != procfile.ErrNoLine {
				bad = procfile.Why(p, err)
			}
		}
	}
	if bad == "" {
		names := make([]string, len(from))
		for i, f := range from {
			names[i] = f.name
		}
		bad = "the group has no " + strings.Join(slices.Compact(names), " and no ")
	}
	return scaled{counter{bad: bad}, 1, from[0].name}
}

// cgroupFile is a file of a group that may hold a counter.
type cgroupFile struct {
	name  string
	parse func([]byte) (uint64, error)
	unit  float64
}

func keyed(key string) func([]byte) (uint64, error) {
	return func(b []byte) (uint64, error) { return procfile.KeyedNumber(b, key) }
}

func (c *cgroup) counters(buf *[]byte) cgroupCounters {
	return cgroupCounters{
		time: c.pick(buf, cgroupFile{"cpu.stat", keyed("usage_usec "), 1e-6},
			cgroupFile{"cpuacct.usage", procfile.ParseNumber, 1e-9}),
		user: c.pick(buf, cgroupFile{"cpu.stat", keyed("user_usec "), 1e-6},
			cgroupFile{"cpuacct.usage_user", procfile.ParseNumber, 1e-9},
			cgroupFile{"cpuacct.stat", keyed("user "), tickSeconds}),
		system: c.pick(buf, cgroupFile{"cpu.stat", keyed("system_usec "), 1e-6},
			cgroupFile{"cpuacct.usage_sys", procfile.ParseNumber, 1e-9},
			cgroupFile{"cpuacct.stat", keyed("system "), tickSeconds}),
		throttled: c.pick(buf, cgroupFile{"cpu.stat", keyed("throttled_usec "), 1e-6},
			cgroupFile{"cpu.stat", keyed("throttled_time "), 1e-9}),
		periods: c.pick(buf, cgroupFile{"cpu.stat", keyed("nr_throttled "), 1}),
		read:    c.pick(buf, c.ioFiles("rbytes=", "Read")...),
		written: c.pick(buf, c.ioFiles("wbytes=", "Write")...),
		peak: c.pick(buf, cgroupFile{"memory.peak", procfile.ParseNumber, 1},
			cgroupFile{"memory.max_usage_in_bytes", procfile.ParseNumber, 1}),
	}
}

func (c *cgroup) ioFiles(v2, v1 string) []cgroupFile {
	if c.disks == nil {
		// Without the list of disks a sum could count a byte several times.
		return []cgroupFile{{"io.stat", func([]byte) (uint64, error) { return 0, errNoDisks }, 1},
			{"blkio.throttle.io_service_bytes", func([]byte) (uint64, error) { return 0, errNoDisks }, 1}}
	}
	blkio := func(b []byte) (uint64, error) { return parseBlkio(b, v1, c.disks) }
	return []cgroupFile{
		{"io.stat", func(b []byte) (uint64, error) { return parseIOStat(b, v2, c.disks) }, 1},
		{"blkio.throttle.io_service_bytes_recursive", blkio, 1},
		{"blkio.throttle.io_service_bytes", blkio, 1},
	}
}

// parseIOStat adds up a key of io.stat (Documentation/admin-guide/cgroup-v2.rst)
// over disks, given as "major:minor". A bio that passes a stacked device is
// counted for it and for the disk below.
func parseIOStat(b []byte, key string, disks map[string]bool) (sum uint64, err error) {
	for len(b) > 0 {
		var line []byte
		line, b = procfile.Line(b)
		device, rest := procfile.Word(line)
		if !disks[string(device)] {
			continue
		}
		for {
			var word []byte
			if word, rest = procfile.Word(rest); len(word) == 0 {
				break
			}
			value, ok := bytes.CutPrefix(word, []byte(key))
			if !ok {
				continue
			}
			v, err := procfile.ParseNumber(value)
			if err != nil || sum+v < sum {
				return 0, procfile.ErrMalformed
			}
			sum += v
		}
	}
	return sum, nil
}

// parseBlkio adds up the lines "major:minor Read n" of a v1 blkio file over
// disks.
func parseBlkio(b []byte, op string, disks map[string]bool) (sum uint64, err error) {
	for len(b) > 0 {
		var line []byte
		line, b = procfile.Line(b)
		device, rest := procfile.Word(line)
		word, rest := procfile.Word(rest)
		if string(word) != op || !disks[string(device)] {
			continue
		}
		v, err := procfile.ParseNumber(rest)
		if err != nil || sum+v < sum {
			return 0, procfile.ErrMalformed
		}
		sum += v
	}
	return sum, nil
}

func (c *cgroup) stop(buf *[]byte, now energy.Instant, r *results) {
	if c == nil || c.missing != nil {
		reason := "no cgroup is the target"
		if c != nil {
			reason = c.missing.Reason
		}
		for _, d := range energy.Catalogue() {
			if d.By == energy.ByHost && d.Scope == energy.ScopeCgroup {
				r.unknown(d.Name, "", reason)
			}
		}
		return
	}
	c.sample(buf, now)
	a, b := c.before, c.counters(buf)
	for _, m := range []struct {
		name          string
		before, after scaled
	}{
		{"cgroup.cpu.time", a.time, b.time},
		{"cgroup.cpu.user", a.user, b.user},
		{"cgroup.cpu.system", a.system, b.system},
		{"cgroup.cpu.throttled", a.throttled, b.throttled},
		{"cgroup.cpu.throttled_periods", a.periods, b.periods},
		{"cgroup.io.read", a.read, b.read},
		{"cgroup.io.written", a.written, b.written},
	} {
		if m.before.bad == "" && m.after.bad == "" && m.before.source != m.after.source {
			r.unknown(m.name, m.before.source, "the counter moved from "+m.before.source+" to "+m.after.source)
			continue
		}
		r.delta(m.name, m.before.source, m.before.counter, m.after.counter, m.before.unit)
	}
	c.reportGauges(a, b, r)
	c.current.Close()
	c.pids.Close()
}

func (c *cgroup) reportGauges(a, b cgroupCounters, r *results) {
	if c.memory.n == 0 {
		r.unknown("cgroup.memory.mean", "memory", c.memBad)
		r.unknown("cgroup.memory.peak", "memory", c.memBad)
	} else {
		src := path.Base(c.current.Path)
		r.known("cgroup.memory.mean", c.memory.mean(), src)
		// The kernel's mark is of the group's whole life: it speaks of this
		// window only when it rose in it.
		if a.peak.bad == "" && b.peak.bad == "" && b.peak.v > a.peak.v {
			r.known("cgroup.memory.peak", float64(b.peak.v), b.peak.source)
		} else {
			r.known("cgroup.memory.peak", c.memory.max, src)
		}
	}
	if c.tasks.n == 0 {
		r.unknown("cgroup.processes.peak", "pids", c.pidsBad)
	} else {
		r.known("cgroup.processes.peak", c.tasks.max, path.Base(c.pids.Path))
	}
}
