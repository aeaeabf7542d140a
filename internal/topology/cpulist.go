package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxCPU bounds the CPU numbers of a list. The kernel's own limit (NR_CPUS)
// is 8192 on the largest configurations; a damaged file that says
// "0-4294967295" must not fill the memory.
const maxCPU = 1 << 16

// ParseCPUList parses the kernel's list format, "0-3,8,10-11", as found in
// cpumask and *_list files (Documentation/admin-guide/cputopology.rst). The
// result ascends and holds each number once; an empty or blank string is an
// empty list.
func ParseCPUList(s string) ([]int, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	var cpus []int
	for item := range strings.SplitSeq(s, ",") {
		first, last, err := parseRange(item)
		if err != nil {
			return nil, fmt.Errorf("parse CPU list %.64q: %w", s, err)
		}
		// Many overlapping ranges could still add up to too much.
		if len(cpus)+last-first >= 2*maxCPU {
			return nil, fmt.Errorf("parse CPU list %.64q: too long", s)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

func parseRange(item string) (first, last int, err error) {
	lo, hi, isRange := strings.Cut(item, "-")
	if first, err = parseCPU(lo); err != nil {
		return 0, 0, err
	}
	if !isRange {
		return first, first, nil
	}
	if last, err = parseCPU(hi); err != nil {
		return 0, 0, err
	}
	if last < first {
		return 0, 0, fmt.Errorf("range %q runs backwards", item)
	}
	return first, last, nil
}

func parseCPU(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%.32q is not a CPU number", s)
	}
	if n >= maxCPU {
		return 0, fmt.Errorf("CPU %d is beyond %d", n, maxCPU-1)
	}
	return int(n), nil
}

// FormatCPUList is the inverse of ParseCPUList, for messages.
func FormatCPUList(cpus []int) string {
	var b strings.Builder
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(cpus[i]))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(cpus[j]))
		}
		i = j + 1
	}
	return b.String()
}
