package testutil

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// LabTruth returns the joules that every zone of the virtual RAPL lab has
// used since the simulation was loaded, by the zone's ID, from its
// /proc/raplsim. Sockets are there whole (package-0) and by die
// (package-0-die-1); core-0 is all cores of socket 0, core-0-3 one of them.
func LabTruth(tb testing.TB) map[string]float64 {
	tb.Helper()
	b, err := os.ReadFile("/proc/raplsim")
	if err != nil {
		tb.Fatal(err)
	}
	truth := make(map[string]float64)
	for line := range strings.Lines(string(b)) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		f := make(map[string]string)
		for word := range strings.FieldsSeq(rest) {
			key, value, _ := strings.Cut(word, "=")
			f[key] = value
		}
		add := func(id, key string) {
			nj, err := strconv.ParseFloat(f[key], 64)
			if err != nil {
				tb.Fatalf("%s: %v", line, err)
			}
			truth[id] += nj / 1e9
		}
		switch kind {
		case "die":
			for _, d := range [...][2]string{{"package", "pkg_nj"}, {"core", "core_nj"}, {"uncore", "uncore_nj"}, {"dram", "dram_nj"}} {
				add(d[0]+"-"+f["package"], d[1])
				add(d[0]+"-"+f["package"]+"-die-"+f["die"], d[1])
			}
		case "core":
			add("core-"+f["package"]+"-"+f["core"], "nj")
		case "psys":
			add("psys", "nj")
		}
	}
	return truth
}
