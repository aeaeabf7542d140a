package rapl

import (
	"maps"
	"math"
	"math/big"
	"os"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/testutil"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// driverRange is max_energy_range_uj as the driver computes it, and turn the
// microjoules of one revolution, for a unit in nanojoules.
func driverRange(unitNJ uint64) (rangeUJ uint64, turn float64) {
	last := new(big.Int).SetUint64(unitNJ)
	last.Mul(last, big.NewInt(1<<32-1)).Div(last, big.NewInt(1000))
	return last.Uint64(), math.Ldexp(float64(unitNJ), 32) / 1000
}

func TestModulus(t *testing.T) {
	for _, c := range []struct {
		what   string
		unitNJ uint64
	}{
		{"2^-14 J", 61035}, {"2^-16 J", 15258}, {"server dram", 15300}, {"2^-18 J", 3814},
		{"Atom, 2^5 uJ", 32000}, {"psys of Sapphire Rapids, 1 J", 1_000_000_000},
		{"below a microjoule", 999}, {"smallest", 1},
	} {
		rangeUJ, turn := driverRange(c.unitNJ)
		wrap, step := modulus(rangeUJ)
		if math.Abs(float64(wrap)-turn) > 1 {
			t.Errorf("%s: range %d: modulus %d, want %.3f", c.what, rangeUJ, wrap, turn)
		}
		if wrap <= rangeUJ {
			t.Errorf("%s: modulus %d does not exceed the range %d, which the counter shows", c.what, wrap, rangeUJ)
		}
		if want := float64(c.unitNJ) / 1e9; step != want {
			t.Errorf("%s: step %g J, want %g", c.what, step, want)
		}
	}
	// Ranges that are not the driver's: the range plus one unit as the next best.
	for rangeUJ, want := range map[uint64]uint64{
		1:                  2,
		1000:               1001,
		math.MaxUint64:     0, // 2^64 by itself
		math.MaxUint64 - 1: 0,
	} {
		if wrap, _ := modulus(rangeUJ); wrap != want {
			t.Errorf("modulus(%d) = %d, want %d", rangeUJ, wrap, want)
		}
	}
}

func FuzzModulus(f *testing.F) {
	for _, v := range []uint64{0, 1, 262143328850, 65532610987, 65712999613, 4294967295000000, math.MaxUint64} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v uint64) {
		wrap, step := modulus(v)
		// The counter may show the range itself, so the modulus is above it,
		// and by no more than two parts in 2^32 of it.
		if wrap != 0 && (wrap <= v || wrap-v > v>>31+2) {
			t.Errorf("modulus(%d) = %d", v, wrap)
		}
		if step <= 0 || math.IsInf(step, 0) || math.IsNaN(step) {
			t.Errorf("modulus(%d): step %g", v, step)
		}
		// What the driver makes of a unit leads back to the unit.
		if unit := v % 2_000_000_000; unit > 0 {
			rangeUJ, _ := driverRange(unit)
			if _, step := modulus(rangeUJ); step != float64(unit)/1e9 {
				t.Errorf("a unit of %d nJ came back as %g J", unit, step)
			}
		}
	})
}

func TestPowerLimits(t *testing.T) {
	const zone = "sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/"
	for _, c := range []struct {
		what  string
		files map[string]string
		tdp   float64
		maxW  float64
	}{
		{"as it is", nil, 250, 1000},
		{"a big one", map[string]string{"constraint_0_max_power_uw": "350000000\n"}, 350, 1400},
		{"another order", map[string]string{"constraint_0_name": "short_term\n", "constraint_1_name": "long_term\n", "constraint_1_max_power_uw": "300000000\n"}, 300, 1200},
		{"too little", map[string]string{"constraint_0_max_power_uw": "2999999\n"}, 0, 1000},
		{"too much", map[string]string{"constraint_0_max_power_uw": "1000000001\n"}, 0, 1000},
		{"an unprogrammed register", map[string]string{"constraint_0_max_power_uw": "0\n"}, 0, 1000},
		{"no number", map[string]string{"constraint_0_max_power_uw": "\n"}, 0, 1000},
		{"no long_term", map[string]string{"constraint_0_name": "peak_power\n"}, 0, 1000},
	} {
		root := testutil.Host(t, "intel-1s")
		for name, content := range c.files {
			testutil.Write(t, root, zone+name, content)
		}
		s := open(t, root)
		if w, ok := s.LongTermPowerW(0); w != c.tdp || ok != (c.tdp > 0) {
			t.Errorf("%s: long-term power %g, %v, want %g", c.what, w, ok, c.tdp)
		}
		if got := s.Zones()[0].MaxW; got != c.maxW {
			t.Errorf("%s: package can't exceed %g W, want %g", c.what, got, c.maxW)
		}
	}
	s := open(t, testutil.Host(t, "intel-client"))
	for _, z := range s.Zones() {
		want := map[energy.Domain]float64{energy.Package: 1000, energy.Core: 1000, energy.Uncore: 1000, energy.DRAM: 500, energy.PSys: 10_000}[z.Domain]
		if z.MaxW != want {
			t.Errorf("%s can't exceed %g W, want %g", z.ID(), z.MaxW, want)
		}
	}
	if _, ok := s.LongTermPowerW(7); ok {
		t.Error("socket 7, which is not there, has a long-term power")
	}
}

// A limit counts where it is in force, whatever it could be set to at most.
func TestSustainedLimits(t *testing.T) {
	const zones = "sys/devices/virtual/powercap/intel-rapl/"
	for _, c := range []struct {
		what, host string
		files      map[string]string
		want       map[int]float64
	}{
		{"none in force", "intel-2s", nil, map[int]float64{}},
		{"one socket's", "intel-2s", map[string]string{"intel-rapl:1/enabled": "1\n", "intel-rapl:1/constraint_0_power_limit_uw": "120000000\n"}, map[int]float64{1: 120}},
		{"the short one is another", "intel-2s", map[string]string{"intel-rapl:0/enabled": "1\n", "intel-rapl:0/constraint_0_name": "short_term\n"}, map[int]float64{}},
		{"not programmed", "intel-2s", map[string]string{"intel-rapl:0/enabled": "1\n", "intel-rapl:0/constraint_0_power_limit_uw": "0\n"}, map[int]float64{}},
		{"two dies", "intel-2die", map[string]string{"intel-rapl:0/enabled": "1\n", "intel-rapl:1/enabled": "1\n", "intel-rapl:2/enabled": "1\n"}, map[int]float64{0: 2 * dieLimitW}},
		{"no RAPL", "arm-altra", nil, nil},
	} {
		root := testutil.Host(t, c.host)
		for name, content := range c.files {
			testutil.Write(t, root, zones+name, content)
		}
		if got := SustainedLimits(root); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// dieLimitW is what the capture of two dies per socket says of each.
const dieLimitW = 175

// tryOpen opens a host with its own topology, empty where it has none.
func tryOpen(root string) (*Source, error) {
	topo, err := topology.Read(root)
	if err != nil {
		topo = &topology.Topology{}
	}
	return Open(root, topo)
}

func open(tb testing.TB, root string) *Source {
	tb.Helper()
	s, err := tryOpen(root)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }
