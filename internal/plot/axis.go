package plot

import (
	"math"
	"slices"
	"strconv"
)

// scale maps values to pixels.
type scale struct {
	lo, hi   float64 // values
	from, to float64 // pixels
}

func (s scale) at(v float64) float64 {
	return s.from + (v-s.lo)/(s.hi-s.lo)*(s.to-s.from)
}

// Ticks returns values of 1, 2 or 5 times a power of ten in [lo, hi], about n
// of them, and the step between them.
func Ticks(lo, hi float64, n int) (ticks []float64, step float64) {
	// Below a millionth of a millionth, neighbouring ticks are the same number.
	if !(hi-lo > 1e-12*math.Max(math.Abs(lo), math.Abs(hi))) || math.IsInf(hi-lo, 0) || n < 1 {
		return nil, 0
	}
	raw := (hi - lo) / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	// The step whose number of ticks is nearest to n, by ratio.
	switch lead := raw / power; {
	case lead < math.Sqrt(2):
		step = power
	case lead < math.Sqrt(10):
		step = 2 * power
	case lead < math.Sqrt(50):
		step = 5 * power
	default:
		step = 10 * power
	}
	if !(step > 0) || math.IsInf(step, 0) {
		return nil, 0
	}
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+step*1e-9 && len(ticks) <= 4*n; k++ {
		v := k * step
		if k == 0 {
			v = 0 // not -0
		}
		ticks = append(ticks, v)
	}
	return ticks, step
}

// widen makes a range that holds lo and hi, some room and, where they are
// near it, 0: bars and areas start there, and a change of a tenth shall look
// like one.
func widen(lo, hi float64, zero bool) (float64, float64) {
	switch {
	case !(lo <= hi): // nothing is known
		return 0, 1
	case zero:
		lo, hi = math.Min(lo, 0), math.Max(hi, 0)
	}
	room := (hi - lo) * 0.05
	if room == 0 {
		room = math.Max(math.Abs(hi)*0.05, math.SmallestNonzeroFloat64*1e9)
	}
	if !zero || lo < 0 {
		lo -= room
	}
	if !zero || hi > 0 {
		hi += room
	}
	if !(hi > lo) {
		hi = lo + 1
	}
	return lo, hi
}

// siPrefixes from femto to exa; the middle is none.
var siPrefixes = [...]string{"f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"}

// prefixed are the units that take a prefix.
var prefixed = [...]string{"J", "W", "s", "Hz", "J·s"}

// unitScale returns the SI prefix under which the ticks of an axis read as 1
// to 999, and the power of ten it stands for. Percent and money take none.
func unitScale(largest float64, unit string) (prefix string, exp int) {
	if !(largest > 0) || !slices.Contains(prefixed[:], unit) {
		return "", 0
	}
	n := int(math.Floor(math.Log10(largest*(1+1e-9)) / 3))
	n = min(max(n, -5), len(siPrefixes)-6)
	return siPrefixes[n+5], 3 * n
}

// axis is a scale with its ticks as texts.
type axis struct {
	scale
	ticks  []float64
	labels []string
	name   string // with the unit: power (W)
}

func newAxis(name, unit string, lo, hi, from, to float64, n int) axis {
	a := axis{scale: scale{lo, hi, from, to}, name: name}
	ticks, step := Ticks(lo, hi, n)
	prefix, exp := unitScale(math.Max(math.Abs(lo), math.Abs(hi)), unit)
	a.ticks = ticks
	shift := math.Pow10(-exp)
	decimals := 0
	if step > 0 {
		decimals = min(max(0, -int(math.Floor(math.Log10(step*shift)+1e-9))), 12)
	}
	for _, v := range ticks {
		a.labels = append(a.labels, strconv.FormatFloat(v*shift, 'f', decimals, 64))
	}
	if unit != "" {
		a.name += " (" + prefix + unit + ")"
	}
	return a
}

// widest returns how wide the labels are.
func (a axis) widest() float64 {
	w := 0.0
	for _, l := range a.labels {
		w = math.Max(w, textWidth(l, small))
	}
	return w
}

// bottom draws a horizontal axis at y with grid lines up to top.
func (s *Scene) bottom(a axis, top, y float64) {
	for i, v := range a.ticks {
		x := a.at(v)
		s.line(Grid, 1, Point{x, top}, Point{x, y})
		s.text(Muted, x, y+16, small, Middle, a.labels[i])
	}
	s.line(Rule, 1, Point{a.from, y}, Point{a.to, y})
	s.text(Muted, a.to, y+32, small, End, a.name)
}

// left draws a vertical axis at x with grid lines to right; its name stands
// above, where it reads without turning the head.
func (s *Scene) left(a axis, x, right float64) {
	for i, v := range a.ticks {
		y := a.at(v)
		s.line(Grid, 1, Point{x, y}, Point{right, y})
		s.text(Muted, x-6, y+4, small, End, a.labels[i])
	}
}
