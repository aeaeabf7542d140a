package labtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// trace is the true energy of every die at the moments at which some power
// changed; between two of them it grows in a straight line.
type trace struct {
	at     []energy.Instant
	joules [][]float64 // per moment: package, core, uncore, dram of each die, then the platform
}

// domainsPerDie is the number of columns a die has, in this order.
const domainsPerDie = 4

var column = map[string]int{"package": 0, "core": 1, "uncore": 2, "dram": 3}

// readTrace returns what is kept of the time between two instants.
func readTrace(start, end energy.Instant) (*trace, error) {
	f, err := os.OpenFile("/proc/raplsim_trace", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%d %d", start, end); err != nil {
		return nil, err
	}
	return parseTrace(f)
}

// readEnds returns what is kept around two instants alone, which says what was
// spent between them, but not how.
func readEnds(start, end energy.Instant) (*trace, error) {
	t, err := readTrace(start, start)
	if err != nil {
		return nil, err
	}
	last, err := readTrace(end, end)
	if err != nil {
		return nil, err
	}
	return &trace{append(t.at, last.at...), append(t.joules, last.joules...)}, nil
}

// parseTrace reads lines of a CLOCK_MONOTONIC time in nanoseconds and energies
// in nanojoules.
func parseTrace(r io.Reader) (*trace, error) {
	t := &trace{}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		fields := strings.Fields(sc.Text())
		row := make([]float64, 0, len(fields))
		for _, f := range fields {
			n, err := strconv.ParseUint(f, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("trace, line %d: %w", len(t.at)+1, err)
			}
			row = append(row, float64(n)*1e-9)
		}
		if len(row) < 2 {
			return nil, fmt.Errorf("trace, line %d: no energies", len(t.at)+1)
		}
		ns, _ := strconv.ParseInt(fields[0], 10, 64)
		t.at, t.joules = append(t.at, energy.Instant(ns)), append(t.joules, row[1:])
	}
	return t, sc.Err()
}

// between returns the true joules of a column from start to end.
func (t *trace) between(col int, start, end energy.Instant) (float64, error) {
	if len(t.at) == 0 || start < t.at[0] || end > t.at[len(t.at)-1] {
		return 0, fmt.Errorf("the trace does not reach from %d to %d", start, end)
	}
	return t.value(col, end) - t.value(col, start), nil
}

func (t *trace) value(col int, at energy.Instant) float64 {
	k := sort.Search(len(t.at), func(i int) bool { return t.at[i] >= at })
	if k == 0 || t.at[k] == at {
		return t.joules[k][col]
	}
	a, b := t.at[k-1], t.at[k]
	f := float64(at-a) / float64(b-a)
	return t.joules[k-1][col] + f*(t.joules[k][col]-t.joules[k-1][col])
}

// steepest returns the largest power of a column between two instants, in
// watts, over stretches that are long enough to tell.
func (t *trace) steepest(col int, start, end energy.Instant) float64 {
	top := 0.0
	for k := 1; k < len(t.at); k++ {
		dt := t.at[k].Sub(t.at[k-1]).Seconds()
		if t.at[k] < start || t.at[k-1] > end || dt < 1e-5 {
			continue
		}
		top = max(top, (t.joules[k][col]-t.joules[k-1][col])/dt)
	}
	return top
}
