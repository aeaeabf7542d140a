package rapl

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The directories of the tree, under the root. The class holds links into
// the other.
const (
	classDir   = "sys/class/powercap"
	virtualDir = "sys/devices/virtual/powercap"
)

// controlTypes are the control types that hold RAPL zones, the one to prefer
// first. Others (dtpm, SCMI) have zones of other kinds. intel-rapl-mmio is
// the same package's counter seen through the memory-mapped registers of
// client processors' thermal device (processor_thermal_rapl.c).
var controlTypes = [...]string{"intel-rapl", "intel-rapl-mmio"}

// zoneDir is a zone's directory.
type zoneDir struct {
	dir     string // under the root
	base    string // intel-rapl:0:1
	name    string // content of its name file
	at      place
	unknown error // why at is not known
}

// scan walks the zones of all control types, parents before children. The
// error is for when none of the control types can be listed; it is the one
// of the first.
func scan(root *os.Root) ([]zoneDir, error) {
	var zones []zoneDir
	var first error
	listed := false
	for _, control := range controlTypes {
		dir := classDir + "/" + control
		if _, err := root.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			dir = virtualDir + "/" + control
		}
		w := walker{root: root, control: control}
		if err := w.walk(dir, control, nil); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		listed = true
		zones = append(zones, w.zones...)
	}
	if listed {
		return zones, nil
	}
	return nil, first
}

type walker struct {
	root    *os.Root
	control string
	zones   []zoneDir
}

// walk lists the zones in dir, whose own name is base, and those inside them.
func (w *walker) walk(dir, base string, around *place) error {
	entries, err := fs.ReadDir(w.root.FS(), dir)
	if err != nil {
		return err
	}
	var numbers []int
	for _, e := range entries {
		// Zones within are called base:0, base:1, ...; this also keeps the
		// subsystem and device links from being followed.
		if rest, ok := strings.CutPrefix(e.Name(), base+":"); ok {
			if n, ok := parseIndex(rest); ok {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		z := zoneDir{base: base + ":" + strconv.Itoa(n)}
		z.dir = dir + "/" + z.base
		z.read(w.root, w.control, around)
		w.zones = append(w.zones, z)
		inner := &z.at
		if z.unknown != nil {
			inner = nil
		}
		// A zone that can't be listed still stands for itself.
		_ = w.walk(z.dir, z.base, inner)
	}
	return nil
}

func (z *zoneDir) read(root *os.Root, control string, around *place) {
	b, err := root.ReadFile(z.dir + "/name")
	if err != nil {
		z.unknown = err
		return
	}
	z.name = strings.TrimSuffix(string(b), "\n")
	z.at, z.unknown = parseName(z.name, around)
	z.at.control = control
}
