package rapl

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"os"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
)

const tick = 1e-6 // joules per count of energy_uj

// Powers in watts that a zone can't exceed where nothing better is known.
const (
	maxPackageW = 1000
	maxDRAMW    = 500
	maxPSysW    = 10_000
)

// modulus returns the counts of one revolution and the counter's step in
// joules, from max_energy_range_uj.
//
// The counter is a 32-bit register times a unit that the driver keeps in
// whole nanojoules (intel_rapl_common.c, rapl_unit_xlate), and the range is
// the register's last value, not the number of its values: (2^32-1) units,
// rounded down to microjoules. The revolution is one unit longer. Software
// that takes the range for the modulus loses a unit per wrap.
func modulus(rangeUJ uint64) (wrap uint64, step float64) {
	const last = 1<<32 - 1
	hi, lo := bits.Mul64(rangeUJ, 1000)
	if hi < last {
		unit, rest := bits.Div64(hi, lo, last)
		if rest > 0 {
			unit++
		}
		// Only a range that comes out of the driver's own formula tells the
		// unit.
		if back, ok := scale(last, unit, 0); ok && back == rangeUJ && unit > 0 {
			if wrap, ok := scale(1<<32, unit, 500); ok {
				return max(wrap, rangeUJ+1), float64(unit) / 1e9
			}
		}
	}
	unit := max(uint64(math.Round(float64(rangeUJ)/last)), 1)
	if rangeUJ > math.MaxUint64-unit {
		return 0, tick // the full 64 bits
	}
	return rangeUJ + unit, float64(unit) * tick
}

// scale returns (count * unit + round) / 1000.
func scale(count, unit, round uint64) (uint64, bool) {
	hi, lo := bits.Mul64(count, unit)
	lo, carry := bits.Add64(lo, round, 0)
	if hi+carry >= 1000 {
		return 0, false
	}
	q, _ := bits.Div64(hi+carry, lo, 1000)
	return q, true
}

// readRange reads the modulus of the zone in dir. It is energy.UnknownWrap,
// with the reason, where the range can't be learnt.
func readRange(root *os.Root, dir string) (wrap uint64, step float64, why error) {
	v, err := readCount(root, dir+"/max_energy_range_uj")
	if err == nil && v == 0 {
		err = fmt.Errorf("%s says 0", hostPath(root, dir+"/max_energy_range_uj"))
	}
	if err != nil {
		return energy.UnknownWrap, 0, err
	}
	wrap, step = modulus(v)
	return wrap, step, nil
}

// longTermW reads the maximum power of the constraint named long_term, which
// is the thermal design power (MSR_PKG_POWER_INFO, bits 14:0). Constraints
// are numbered by which of them exist, so the name is what counts. Values
// outside of 3 to 1000 W are what unprogrammed registers decode to.
func longTermW(root *os.Root, dir string) (float64, bool) {
	return longTerm(root, dir, "_max_power_uw")
}

// longTerm reads a value of the constraint named long_term, in watts.
func longTerm(root *os.Root, dir, value string) (float64, bool) {
	for i := range 10 {
		prefix := dir + "/constraint_" + strconv.Itoa(i)
		name, err := root.ReadFile(prefix + "_name")
		if err != nil {
			return 0, false
		}
		if strings.TrimSpace(string(name)) != "long_term" {
			continue
		}
		uw, err := readCount(root, prefix+value)
		if w := float64(uw) / 1e6; err == nil && w >= 3 && w <= 1000 {
			return w, true
		}
		return 0, false
	}
	return 0, false
}

// SustainedLimits returns the power in watts, by socket, that the long_term
// constraint holds a package to at present (MSR_PKG_POWER_LIMIT, bits 14:0 and
// 15), of the host whose /sys is under root. A socket without a limit in force,
// or with a zone whose limit can't be read, has none; of two interfaces to one
// zone the stricter counts, and dies add up.
func SustainedLimits(root string) map[int]float64 {
	dir, err := os.OpenRoot(cmp.Or(root, "/"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	zones, err := scan(dir)
	if err != nil {
		return nil
	}
	byZone := map[string]float64{}
	sockets := map[string]int{}
	for _, z := range zones {
		if z.unknown != nil || z.at.domain != energy.Package {
			continue
		}
		id, w := z.at.id(), math.Inf(1)
		if on, err := readCount(dir, z.dir+"/enabled"); err == nil && on == 1 {
			if limit, ok := longTerm(dir, z.dir, "_power_limit_uw"); ok {
				w = limit
			}
		}
		if was, seen := byZone[id]; !seen || w < was {
			byZone[id], sockets[id] = w, z.at.socket
		}
	}
	limits := map[int]float64{}
	for id, w := range byZone {
		limits[sockets[id]] += w
	}
	maps.DeleteFunc(limits, func(_ int, w float64) bool { return math.IsInf(w, 1) })
	return limits
}

// maxPowerW returns a power that a zone of this domain can't exceed, given
// its package's thermal design power or 0.
func maxPowerW(d energy.Domain, tdpW float64) float64 {
	switch d {
	case energy.DRAM:
		return maxDRAMW
	case energy.PSys:
		return maxPSysW
	}
	return max(4*tdpW, maxPackageW)
}

// readCount reads a file that holds one number.
func readCount(root *os.Root, name string) (uint64, error) {
	f, err := root.Open(name)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: hostPath(root, name), Err: bare(err)}
	}
	defer f.Close()
	var buf [maxContent + 1]byte
	n, err := pread(int(f.Fd()), buf[:])
	if err != nil {
		return 0, &os.PathError{Op: "read", Path: hostPath(root, name), Err: err}
	}
	v, err := parseCount(buf[:n])
	if err != nil {
		return 0, &os.PathError{Op: "parse", Path: hostPath(root, name), Err: err}
	}
	return v, nil
}
