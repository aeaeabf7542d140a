package host

import "github.com/energyprobe/energyprobe/internal/procfile"

// disks reads /proc/diskstats. prometheus/procfs has a parser for it that
// scans each line with fmt: 8 us a line, and servers have hundreds.
type disks struct {
	root     string
	physical map[string]bool // by name
	numbers  map[string]bool // by "major:minor", nil when not known
	bad      string          // why physical is not known
}

// The counters kept of a disk.
const (
	diskReads = iota
	diskRead  // sectors of 512 bytes
	diskWrites
	diskWritten // sectors
	diskBusy    // ms, modulo 2^32
)

// virtualDisks are names of devices that never have hardware of their own, of
// which there may be many.
var virtualDisks = []string{"loop", "ram", "zram", "dm-", "md"}

func (d *disks) start(root string) {
	d.root = root
	set, err := withHardware(d.root+"/sys/block", virtualDisks...)
	switch {
	case err != nil:
		d.bad = procfile.Why(d.root+"/sys/block", err)
	case len(set) == 0:
		d.bad = "no block device with hardware behind it in " + d.root + "/sys/block"
	default:
		d.physical = set
	}
}

func (d *disks) read(buf *[]byte) deviceCounters {
	path := d.root + "/proc/diskstats"
	b, err := procfile.Slurp(path, buf)
	if err != nil {
		return deviceCounters{bad: procfile.Why(path, err)}
	}
	if d.bad != "" {
		return deviceCounters{bad: d.bad}
	}
	by, numbers, err := parseDiskstats(b, d.physical)
	if err != nil {
		return deviceCounters{bad: procfile.Why(path, err)}
	}
	if len(by) == 0 {
		return deviceCounters{bad: path + " lists none of the disks in /sys/block"}
	}
	if d.numbers == nil {
		d.numbers = map[string]bool{}
	}
	for _, n := range numbers {
		d.numbers[n] = true
	}
	return deviceCounters{by: by}
}

// parseDiskstats parses /proc/diskstats (Documentation/admin-guide/iostats.rst)
// for the disks wanted and returns their counters by name, and their
// "major:minor".
func parseDiskstats(b []byte, wanted map[string]bool) (by map[string][deviceColumns]uint64, numbers []string, err error) {
	by = map[string][deviceColumns]uint64{}
	for len(b) > 0 {
		var line []byte
		line, b = procfile.Line(b)
		major, rest := procfile.Word(line)
		minor, rest := procfile.Word(rest)
		name, rest := procfile.Word(rest)
		if !wanted[string(name)] || len(name) == 0 {
			continue
		}
		var v [10]uint64 // reads, merged, sectors, ms; the same for writes; in flight, ms busy
		for i := range v {
			var ok bool
			if v[i], rest, ok = procfile.Uint(rest); !ok {
				return nil, nil, procfile.ErrMalformed
			}
		}
		by[string(name)] = [deviceColumns]uint64{diskReads: v[0], diskRead: v[2], diskWrites: v[4], diskWritten: v[6], diskBusy: v[9]}
		numbers = append(numbers, string(major)+":"+string(minor))
	}
	return by, numbers, nil
}

var diskMetrics = []deviceMetric{
	{"machine.disk.read", diskRead, 512}, {"machine.disk.written", diskWritten, 512},
	{"machine.disk.reads", diskReads, 1}, {"machine.disk.writes", diskWrites, 1},
	{"machine.disk.busy", diskBusy, 1e-3},
}

func (d *disks) report(before, after deviceCounters, r *results) {
	for name, b := range after.by {
		// The kernel prints milliseconds as an unsigned int: 49 days.
		if a, ok := before.by[name]; ok && b[diskBusy] < a[diskBusy] && a[diskBusy] > 1<<31 && a[diskBusy] < 1<<32 {
			b[diskBusy] += 1 << 32
			after.by[name] = b
		}
	}
	reportDevices("/proc/diskstats", before, after, diskMetrics, r)
}
