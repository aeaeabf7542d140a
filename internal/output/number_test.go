package output

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestPlusMinus(t *testing.T) {
	for _, c := range []struct {
		v, u       float64
		p          prefix
		value, unc string
	}{
		{12.3449, 0.0512, noPrefix, "12.34", "0.05"},
		{12.3449, 0.0144, noPrefix, "12.345", "0.014"},
		{12.3449, 0.0951, noPrefix, "12.3", "0.1"},
		{1041.6893, 0.174, noPrefix, "1041.69", "0.17"},
		{1041.6893, 87, noPrefix, "1040", "90"},
		{1041.6893, 87, prefix{3, "k"}, "1.04", "0.09"},
		{0.3, 0.52, noPrefix, "0.3", "0.5"},
		{371208.1128, 0.062, noPrefix, "371208.1", "0.1"}, // not more than seven digits
		{0, 0.052, noPrefix, "0.00", "0.05"},
		{12.3449, 0, noPrefix, "12.34", ""},
		{-0.001, 0.5, noPrefix, "0.0", "0.5"},
		{-2.34, 0.52, noPrefix, "-2.3", "0.5"},
	} {
		if v, u := plusMinus(c.v, &c.u, c.p); v != c.value || u != c.unc {
			t.Errorf("plusMinus(%v, %v, %v) = %q, %q, want %q, %q", c.v, c.u, c.p, v, u, c.value, c.unc)
		}
	}
	if v, u := plusMinus(12.3449, nil, noPrefix); v != "12.34" || u != "" {
		t.Errorf("without an uncertainty: %q ± %q", v, u)
	}
}

func TestQuantities(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{quantity(38_207_112_904, "Hz", 4), "38.21 GHz"},
		{quantity(29.4e-9, "J", 3), "29.4 nJ"},
		{quantity(0.0009998, "s", 3), "1.00 ms"},
		{quantity(999.96, "W", 4), "1.000 kW"},
		{quantity(0, "J", 3), "0 J"},
		{quantity(-1500, "J", 2), "-1.5 kJ"},
		{percent(0.42137), "42.1 %"}, {percent(0.00061), "0.061 %"}, {percent(0), "0 %"}, {percent(1), "100.0 %"},
		{byteCount(432_013_312), "412 MiB"}, {byteCount(0), "0 B"}, {byteCount(1023), "1023 B"}, {byteCount(1024), "1.00 KiB"},
		{count(38112), "38,112"}, {count(999), "999"}, {count(-1234567), "-1,234,567"}, {count(38_207_112_904), "38.21 G"},
		{seconds(0.000812), "812.0 µs"}, {seconds(99.99), "99.99 s"}, {seconds(119.96), "120.0 s"},
		{seconds(125), "125.0 s (2 min 5 s)"}, {seconds(3725.4), "3725.4 s (1 h 2 min)"},
		{interval(11.4, 77.2, noPrefix), "11 – 78"}, {interval(842.1, 1684.3, noPrefix), "840 – 1690"},
		{interval(100, 104, noPrefix), "100.0 – 104.0"}, {interval(5, 5, noPrefix), ""},
		{interval(0, 0.3, noPrefix), "0.00 – 0.30"}, {interval(11.4, 7712, noPrefix), "11 – 7800"},
		{difference(1.0026277), "+0.26 %"}, {difference(0.99994), "-0.006 %"}, {difference(4), "+300 %"}, {difference(1), "0 %"},
		{significant(0.00012345, 3), "0.000123"}, {significant(9.996, 3), "10.0"}, {significant(98765, 2), "99000"},
		{inUnit(61, "Cel"), "61.0 °C"}, {inUnit(22289, "J.s"), "22.3 kJ·s"}, {inUnit(3.19e9, "Hz"), "3.190 GHz"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestCommonPrefix(t *testing.T) {
	if got := commonPrefix([]float64{19, 0.22}, 0.1); got != noPrefix {
		t.Errorf("19 J and 0.22 J, estimated, get the prefix %q", got.symbol)
	}
	for _, c := range []struct {
		amounts []float64
		want    string
	}{
		{[]float64{1805, 1041, 48.9}, ""},
		{[]float64{371208, 30144}, "k"},
		{[]float64{1.38}, ""}, {[]float64{0.0138, 0.002}, "m"}, {nil, ""}, {[]float64{0, 0}, ""},
		{[]float64{5e6, 0.1}, "M"}, // no prefix suits both
	} {
		if got := commonPrefix(c.amounts, 1); got.symbol != c.want {
			t.Errorf("commonPrefix(%v) = %q, want %q", c.amounts, got.symbol, c.want)
		}
	}
}

// FuzzPlusMinus checks for any value and uncertainty that what is printed
// stands within the uncertainty of what was meant, and that it has no more
// digits than that supports.
func FuzzPlusMinus(f *testing.F) {
	f.Add(12.3449, 0.0512)
	f.Add(0.0, 1.0)
	f.Add(1e-300, 1e-310)
	f.Add(-5e17, 3e-9)
	f.Add(999.9996, 0.0994)
	f.Add(math.MaxFloat64, 1.0)
	f.Fuzz(func(t *testing.T, v, u float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.IsNaN(u) || math.IsInf(u, 0) {
			t.Skip() // checkFinite keeps them out
		}
		p := prefixFor(v, 5)
		value, unc := plusMinus(v, &u, p)
		got, err := strconv.ParseFloat(value, 64)
		if err != nil && !math.IsInf(got, 0) {
			t.Fatalf("plusMinus(%v, %v) prints %q", v, u, value)
		}
		if len(value) > 400 || strings.ContainsAny(value, "eN") && !extreme(v) {
			t.Fatalf("plusMinus(%v, %v) prints %q", v, u, value)
		}
		back := got * math.Pow10(p.exp)
		if unc == "" {
			if u > 0 || math.Abs(back-v) > math.Abs(v)*1e-3 && !extreme(v) {
				t.Fatalf("plusMinus(%v, %v) = %q", v, u, value)
			}
			return
		}
		shown, err := strconv.ParseFloat(unc, 64)
		if err != nil {
			t.Fatalf("plusMinus(%v, %v) prints ± %q", v, u, unc)
		}
		if extreme(v) || extreme(u) || math.Abs(v) > 1e15*u {
			return // beyond what a float64 can tell apart
		}
		shown *= math.Pow10(p.exp)
		if math.Abs(back-v) > shown*1.0001 {
			t.Errorf("plusMinus(%v, %v) = %s ± %s: off by more than the uncertainty shown", v, u, value, unc)
		}
		if shown < u*0.74 {
			t.Errorf("plusMinus(%v, %v) = %s ± %s: the uncertainty shrank", v, u, value, unc)
		}
		if decimals(value) != decimals(unc) {
			t.Errorf("plusMinus(%v, %v) = %s ± %s: the decimal places differ", v, u, value, unc)
		}
	})
}

func extreme(v float64) bool {
	v = math.Abs(v)
	return v != 0 && (v < 1e-20 || v > 1e30)
}

func decimals(s string) int {
	_, after, _ := strings.Cut(s, ".")
	return len(after)
}

// FuzzFormat checks that no finite number breaks any of the formatters, and
// that only 0 prints as 0.
func FuzzFormat(f *testing.F) {
	for _, v := range []float64{0, 1, -1, 0.5, 999.9996, 1e-15, 1e-18, 1e21, math.MaxFloat64, math.SmallestNonzeroFloat64, 59.96, 3599.97} {
		f.Add(v, v*2)
	}
	f.Fuzz(func(t *testing.T, v, w float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.IsNaN(w) || math.IsInf(w, 0) {
			t.Skip()
		}
		for _, unit := range []string{"s", "By", "Cel", "1", "J", "J.s", "J.s2", "Hz", "W"} {
			if s := inUnit(v, unit); s == "" || strings.Contains(s, "NaN") {
				t.Errorf("inUnit(%v, %q) = %q", v, unit, s)
			}
		}
		s := quantity(v, "J", 3)
		if zero := strings.HasPrefix(s, "0 ") || strings.Trim(s, "-0. fpnµmkMGTPEJ") == ""; zero && math.Abs(v) > 1e-35 {
			t.Errorf("%v prints as %q", v, s)
		}
		percent(v)
		difference(v)
		low, high := min(v, w), max(v, w)
		if text := interval(low, high, noPrefix); text != "" && !extreme(v) && !extreme(w) && high-low > 1e-9*max(math.Abs(low), math.Abs(high)) {
			a, b, _ := strings.Cut(text, " – ")
			x, err1 := strconv.ParseFloat(a, 64)
			y, err2 := strconv.ParseFloat(b, 64)
			slack := 1e-9 * (math.Abs(low) + math.Abs(high))
			if err1 != nil || err2 != nil || x > low+slack || y < high-slack {
				t.Errorf("interval(%v, %v) = %q does not hold it", low, high, text)
			}
		}
	})
}
