package output

import (
	"math"
	"strconv"
	"strings"
)

// prefix is an SI prefix: 10^exp and its symbol.
type prefix struct {
	exp    int
	symbol string
}

var noPrefix = prefix{}

// prefixFor returns the prefix under which v, rounded to digits significant
// digits, reads as 1 to 999, as far as prefixes go: 0.9998 ms with three
// digits is 1.00 ms, not 1000 µs.
func prefixFor(v float64, digits int) prefix {
	if v == 0 {
		return noPrefix
	}
	return prefixOf(int(math.Floor(float64(exponent(v, digits)) / 3)))
}

// commonPrefix returns one prefix for amounts that stand below each other:
// that of the largest, or the next smaller one where that saves the smallest
// from reading less than least and the largest stays within five digits.
// least is 1 for values of many digits, and 0.1 for estimates, which would
// need zeros for their few.
func commonPrefix(amounts []float64, least float64) prefix {
	largest, smallest := 0.0, math.Inf(1)
	for _, a := range amounts {
		if a = math.Abs(a); a > 0 {
			largest, smallest = max(largest, a), min(smallest, a)
		}
	}
	p := prefixFor(largest, 5)
	if next := prefixOf(p.exp/3 - 1); largest > 0 && p.scale(smallest) < least &&
		next.scale(smallest) >= least && next.scale(largest) < 1e5 {
		return next
	}
	return p
}

// columnPrefix is the prefix of a column of amounts that differ much, by its
// largest: four or five digits before the point read better than a small one
// with zeros behind it.
func columnPrefix(largest float64) prefix {
	p := prefixFor(largest, 5)
	if next := prefixOf(p.exp/3 - 1); p.exp > 0 && math.Abs(next.scale(largest)) < 1e5 {
		return next
	}
	return p
}

// leastPrefix is the exponent of the smallest prefix, femto.
const leastPrefix = -15

// prefixOf returns the prefix for 1000^n, or the nearest there is.
func prefixOf(n int) prefix {
	n = min(max(n, leastPrefix/3), 6)
	return prefix{3 * n, siSymbols[n-leastPrefix/3]}
}

var siSymbols = [...]string{"f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"}

// scale returns v in units of the prefix.
func (p prefix) scale(v float64) float64 {
	if p.exp < 0 {
		return v * math.Pow10(-p.exp) // exact powers, unlike 10^-n
	}
	return v / math.Pow10(p.exp)
}

// maxDigits bounds the digits of a value whose uncertainty would allow more:
// no counter is known better, and no reader wants them.
const maxDigits = 7

// valueDigits is how many digits a value without a known uncertainty gets.
const valueDigits = 4

// exponent returns floor(log10(|v|)) of v as rounded to digits significant
// digits; v is not 0.
func exponent(v float64, digits int) int {
	s := strconv.FormatFloat(math.Abs(v), 'e', digits-1, 64)
	e, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	return e
}

// decimalsFor returns the decimal places that an uncertainty u > 0 supports:
// those of its first digit, or of its second when the first is 1 (rounding
// 1.4 to 1 would be off by 40 %).
func decimalsFor(u float64) int {
	e := exponent(u, 2)
	if lead := u / math.Pow10(e); lead < 1.95 {
		return 1 - e
	}
	return -exponent(u, 1)
}

// fixed prints v with that many decimal places; negative ones round to tens,
// hundreds and so on.
func fixed(v float64, decimals int) string {
	if decimals < 0 {
		p := math.Pow10(-decimals)
		v, decimals = math.Round(v/p)*p, 0
	}
	s := strconv.FormatFloat(v, 'f', min(decimals, 24), 64)
	if strings.HasPrefix(s, "-") && strings.Trim(s, "-0.") == "" {
		return s[1:] // -0.00
	}
	return s
}

// significant prints v rounded to digits significant digits, trailing zeros
// kept: they say how well it is known.
func significant(v float64, digits int) string {
	if v == 0 {
		return "0"
	}
	e := exponent(v, digits)
	if e < -20 {
		return strconv.FormatFloat(v, 'e', digits-1, 64) // no such joules, but no 0 either
	}
	return fixed(v, digits-1-e)
}

// quantity prints v with an SI prefix, its unit and digits significant
// digits: "38.21 GHz", "403 nJ".
func quantity(v float64, unit string, digits int) string {
	p := prefixFor(v, digits)
	return strings.TrimRight(significant(p.scale(v), digits)+" "+p.symbol+unit, " ")
}

// plusMinus returns v and its uncertainty u as digits under the prefix, both
// with the decimal places that u supports. Without an uncertainty (nil, or 0:
// nothing is known that well) u's text is empty and v has a few digits.
func plusMinus(v float64, u *float64, p prefix) (value, uncertainty string) {
	v = p.scale(v)
	if u == nil || !(*u > 0) {
		return significant(v, valueDigits), ""
	}
	su := p.scale(*u)
	d := decimalsFor(su)
	if v != 0 {
		if most := maxDigits - 1 - exponent(v, maxDigits); d > most {
			// What the digits left out may add belongs to the uncertainty.
			d, su = most, math.Ceil(su*math.Pow10(most))/math.Pow10(most)
		}
	}
	return fixed(v, d), fixed(su, d)
}

// digitsOf returns how many significant digits of v an uncertainty u
// supports, between least and most.
func digitsOf(v float64, u *float64, least, most int) int {
	if u == nil || !(*u > 0) || v == 0 {
		return min(max(valueDigits, least), most)
	}
	return min(max(exponent(v, 3)+1+decimalsFor(*u), least), most)
}

// interval prints the range of an estimate, "11 – 78", or nothing when it has
// no width. Both ends have the decimal places that show two digits of its
// width (a low end near 0 two of its own), and are rounded outwards: the
// printed range holds the true one.
func interval(low, high float64, p prefix) string {
	low, high = p.scale(low), p.scale(high)
	if !(high > low) {
		return ""
	}
	d := 1 - exponent(high-low, 2)
	dLow := d
	if low != 0 {
		dLow = max(d, 1-exponent(low, 2))
	}
	return roundTo(low, dLow, math.Floor) + " – " + roundTo(high, d, math.Ceil)
}

// roundTo prints v with that many decimal places, rounded by round.
func roundTo(v float64, decimals int, round func(float64) float64) string {
	unit := math.Pow10(-decimals)
	// v/unit of a value that needs no rounding may come out a hair off
	// an integer; it must not move by a whole unit then.
	q := v / unit
	if n := math.Round(q); math.Abs(q-n) < 1e-9 {
		q = n
	}
	return fixed(round(q)*unit, decimals)
}

// percent prints a ratio as percent: "42.1 %", "0.06 %".
func percent(ratio float64) string {
	p := math.Abs(ratio * 100)
	switch {
	case p == 0:
		return "0 %"
	case p >= 0.995:
		return fixed(ratio*100, 1) + " %"
	}
	return significant(ratio*100, 2) + " %"
}

// byteCount prints bytes with a binary prefix: "412 MiB".
func byteCount(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for math.Abs(v) >= 1023.5 && i < len(units)-1 {
		v /= 1024
		i++
	}
	if i == 0 {
		return fixed(v, 0) + " B"
	}
	return significant(v, 3) + " " + units[i]
}

// count prints a number of events: exact with thousands separated below a
// hundred million, with a prefix above.
func count(v float64) string {
	if math.Abs(v) >= 1e8 || v != math.Trunc(v) {
		return quantity(v, "", valueDigits)
	}
	s := fixed(v, 0)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// seconds prints a duration: "812 µs", "12.35 s", and beyond two minutes also
// the way clocks do: "3725 s (1 h 2 min 5 s)".
func seconds(v float64) string {
	if math.Abs(v) < 100 {
		return quantity(v, "s", valueDigits)
	}
	s := fixed(v, 1) + " s"
	if v < 120 || v > 1e10 {
		return s
	}
	t := int64(math.Round(v))
	h, m := t/3600, t/60%60
	switch {
	case h > 0:
		return s + " (" + strconv.FormatInt(h, 10) + " h " + strconv.FormatInt(m, 10) + " min)"
	default:
		return s + " (" + strconv.FormatInt(m, 10) + " min " + strconv.FormatInt(t%60, 10) + " s)"
	}
}

// inUnit prints a catalogue value; unit is UCUM, as in energy.MetricDef.
func inUnit(v float64, unit string) string {
	switch unit {
	case "s":
		return seconds(v)
	case "By":
		return byteCount(v)
	case "Cel":
		return fixed(v, 1) + " °C"
	case "1", "":
		return count(v)
	case "J.s":
		return quantity(v, "J·s", 3)
	case "J.s2":
		return quantity(v, "J·s²", 3)
	case "J":
		return quantity(v, "J", 3)
	}
	return quantity(v, plain(unit), valueDigits)
}
