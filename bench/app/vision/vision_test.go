package vision

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every sum of three channels there is, in images of every length about those
// at which another way of computing begins.
func TestGreySum(t *testing.T) {
	var all []byte
	want := int64(0)
	for s := range 766 {
		r := min(s, 255)
		g := min(s-r, 255)
		all = append(all, byte(r), byte(g), byte(s-r-g))
		want += int64(s / 3)
	}
	if got := GreySum(all); got != want {
		t.Errorf("%d, want %d", got, want)
	}
	if got := greySumGo(all); got != want {
		t.Errorf("%d in Go, want %d", got, want)
	}
	if got := GreySum([]byte{0, 0, 2, 255, 255, 255, 1, 1, 1, 255, 254, 255}); got != 0+255+1+254 {
		t.Errorf("%d of four pixels", got)
	}
	white := bytes.Repeat([]byte{255}, 3*400_000) // more than a lane adds up
	for n := range 100 {
		rgb := white[:len(white)-3*n]
		if want := int64(len(rgb) / 3 * 255); GreySum(rgb) != want || greySumGo(rgb) != want {
			t.Fatalf("%d pixels of white make %d and %d", len(rgb)/3, GreySum(rgb), greySumGo(rgb))
		}
	}
}

// BT.601: 0.299 red, 0.587 green, 0.114 blue.
func TestLuma(t *testing.T) {
	dst := make([]byte, 5)
	Luma(dst, []byte{255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 1, 2, 3})
	if want := []byte{76, 150, 29, 255, 2}; !slices.Equal(dst, want) { // 76.2, 149.7, 29.1, 255, 1.8
		t.Errorf("%v, want %v", dst, want)
	}
	var rgb []byte
	for r := 0; r < 256; r += 5 {
		for g := 0; g < 256; g += 3 {
			for b := 0; b < 256; b += 3 {
				rgb = append(rgb, byte(r), byte(g), byte(b))
			}
		}
	}
	grey := make([]byte, len(rgb)/3)
	Luma(grey, rgb)
	for i, got := range grey {
		p := rgb[3*i:]
		exact := 0.299*float64(p[0]) + 0.587*float64(p[1]) + 0.114*float64(p[2])
		if math.Abs(float64(got)-exact) > 0.51 {
			t.Fatalf("%v is %d, should be %.3f", p[:3], got, exact)
		}
	}
	inGo := make([]byte, len(grey))
	lumaGo(inGo, rgb)
	if !bytes.Equal(inGo, grey) {
		t.Error("Go has other greys")
	}
}

// grey3 makes an image whose three channels are the same.
func grey3(values ...byte) []byte {
	var rgb []byte
	for _, v := range values {
		rgb = append(rgb, v, v, v)
	}
	return rgb
}

func TestSharpenByHand(t *testing.T) {
	for name, test := range map[string]struct {
		w, h      int
		src, want []byte
	}{
		"one":      {1, 1, grey3(77), grey3(77)},
		"constant": {2, 2, grey3(5, 5, 5, 5), grey3(5, 5, 5, 5)},
		// Left, 10*10 - 3*(20+10+20); right, 10*20 - 3*(10+20+10).
		"mirrored": {2, 1, grey3(10, 20), grey3(0, 80)},
		// The centre is 10*10 - (10 + 8*9). An edge has it twice among its nine, a
		// corner four times: 90 - (2*10 + 7*9), 90 - (4*10 + 5*9).
		"a spot": {3, 3, grey3(9, 9, 9, 9, 10, 9, 9, 9, 9), grey3(5, 7, 5, 7, 18, 7, 5, 7, 5)},
		"cut":    {3, 1, grey3(0, 200, 0), grey3(0, 255, 0)},
	} {
		got := make([]byte, len(test.src))
		Sharpen(got, test.src, test.w, test.h)
		if !bytes.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// The vectors and the eight bytes at once compute what one sample after another
// does.
func TestRowsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 6; n < 400; n += 3 {
		rows := [3][]byte{make([]byte, n), make([]byte, n), make([]byte, n)}
		few := 1 + r.IntN(256)
		for _, row := range rows {
			for i := range row {
				row[i] = byte(255 - r.IntN(few))
			}
		}
		want, got := make([]byte, n), make([]byte, n)
		sharpenSamples(want, rows[0], rows[1], rows[2], 0, n)
		end := sharpenWords(got, rows[0], rows[1], rows[2], 3)
		if !bytes.Equal(got[3:max(end, 3)], want[3:max(end, 3)]) {
			t.Fatalf("%d bytes at a time: %v, want %v", 8, got, want)
		}
		sharpenRow(got, rows[0], rows[1], rows[2])
		if !bytes.Equal(got, want) {
			t.Fatalf("%d samples: %v, want %v", n, got, want)
		}
		w := (n - 2) / lanes * lanes
		if w == 0 {
			continue
		}
		a, b := newGradient(w), newGradient(w)
		lower := r.IntN(1000)
		sobelGo(&a, rows[0], rows[1], rows[2], lower)
		sobel(&b, rows[0], rows[1], rows[2], lower)
		if !slices.Equal(a.dx, b.dx) || !slices.Equal(a.dy, b.dy) || !slices.Equal(a.size, b.size) || !slices.Equal(a.strong, b.strong) {
			t.Fatalf("%d pixels above %d: gradients differ", w, lower)
		}
	}
}

// A step of s from black to grey has a gradient of 4*s in the columns on both
// sides of it, of which the left one counts.
func TestCannyByHand(t *testing.T) {
	const w, h = 6, 5
	for step, want := range map[byte]byte{
		10: 0, // 40, below the lower threshold
		20: 0, // 80, between the two, and nothing leads to more
		37: 0, // 148
		38: 255,
	} {
		grey, edges := make([]byte, w*h), make([]byte, w*h)
		for i := range grey {
			if i%w >= 3 {
				grey[i] = step
			}
		}
		var c Canny
		c.Edges(edges, grey, w, h, 50, 150)
		for i, got := range edges {
			if at := i % w; at == 2 && got != want || at != 2 && got != 0 {
				t.Errorf("step of %d: column %d has %d", step, at, got)
			}
		}
	}
}

// From a strong edge one leads along a weak one, not across a gap.
func TestCannyFollows(t *testing.T) {
	const w, h = 12, 20
	grey, edges := make([]byte, w*h), make([]byte, w*h)
	for y := range h {
		step := byte(20) // weak
		switch {
		case y < 3:
			step = 60
		case y >= 10 && y < 14:
			step = 0
		}
		for x := w / 2; x < w; x++ {
			grey[y*w+x] = step
		}
	}
	var c Canny
	c.Edges(edges, grey, w, h, 50, 150)
	for _, at := range []struct {
		y    int
		want byte
	}{{0, 255}, {6, 255}, {16, 0}, {18, 0}} {
		if got := edges[at.y*w+w/2-1]; got != at.want {
			t.Errorf("row %d has %d", at.y, got)
		}
	}
}

// On images of all kinds it finds what follows from the definition.
func TestCannyByDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var c Canny
	for range 300 {
		w, h := 1+r.IntN(40), 1+r.IntN(40)
		grey := make([]byte, w*h)
		few, flat := 1+r.IntN(256), r.IntN(4)
		for i := range grey {
			grey[i] = byte(r.IntN(few))
			if i >= w && r.IntN(4) < flat {
				grey[i] = grey[i-1-r.IntN(2)*(w-1)]
			}
		}
		lower := r.IntN(400)
		upper := lower + r.IntN(400)
		got := make([]byte, w*h)
		c.Edges(got, grey, w, h, lower, upper)
		if want := definition(grey, w, h, lower, upper); !bytes.Equal(got, want) {
			t.Fatalf("%d x %d, thresholds %d and %d:\n%v\n%v, want\n%v", w, h, lower, upper, grey, got, want)
		}
	}
}

// definition is Canny's method with angles as numbers, and one pixel at a time.
func definition(grey []byte, w, h, lower, upper int) []byte {
	at := func(x, y int) int { return int(grey[min(max(y, 0), h-1)*w+min(max(x, 0), w-1)]) }
	gradient := func(x, y int) (dx, dy, size int) {
		if x < 0 || x >= w || y < 0 || y >= h {
			return 0, 0, 0
		}
		for _, k := range [3][2]int{{-1, 1}, {0, 2}, {1, 1}} {
			dx += k[1] * (at(x+1, y+k[0]) - at(x-1, y+k[0]))
			dy += k[1] * (at(x+k[0], y+1) - at(x+k[0], y-1))
		}
		return dx, dy, int(math.Abs(float64(dx)) + math.Abs(float64(dy)))
	}
	size := func(x, y int) int { _, _, m := gradient(x, y); return m }
	candidate := make([]bool, w*h)
	edges := make([]byte, w*h)
	for y := range h {
		for x := range w {
			dx, dy, m := gradient(x, y)
			if m <= lower {
				continue
			}
			angle := math.Atan2(math.Abs(float64(dy)), math.Abs(float64(dx))) / math.Pi * 180
			switch {
			case angle < 22.5:
				candidate[y*w+x] = m > size(x-1, y) && m >= size(x+1, y)
			case angle > 67.5:
				candidate[y*w+x] = m > size(x, y-1) && m >= size(x, y+1)
			case dx*dy < 0:
				candidate[y*w+x] = m > size(x+1, y-1) && m > size(x-1, y+1)
			default:
				candidate[y*w+x] = m > size(x-1, y-1) && m > size(x+1, y+1)
			}
			if candidate[y*w+x] && m > upper {
				edges[y*w+x] = 255
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for i := range edges {
			if !candidate[i] || edges[i] != 0 {
				continue
			}
			x, y := i%w, i/w
			for ny := max(y-1, 0); ny <= min(y+1, h-1); ny++ {
				for nx := max(x-1, 0); nx <= min(x+1, w-1); nx++ {
					if edges[ny*w+nx] != 0 {
						edges[i], changed = 255, true
					}
				}
			}
		}
	}
	return edges
}

func TestColours(t *testing.T) {
	mean, deviation := Colours([]byte{1, 10, 255, 2, 10, 255, 3, 10, 0, 6, 10, 0})
	// Squares of differences from 3: 4 1 0 9, on average 3.5.
	if want := [3]float64{3, 10, 127.5}; mean != want {
		t.Errorf("means %v, want %v", mean, want)
	}
	if want := [3]float64{math.Sqrt(3.5), 0, 127.5}; deviation != want {
		t.Errorf("deviations %v, want %v", deviation, want)
	}
	if mean, deviation := Colours(nil); mean != [3]float64{} || deviation != [3]float64{} {
		t.Errorf("nothing has %v and %v", mean, deviation)
	}
	// The largest sums there are: half of 2^24 pixels at each end.
	half := 3 << 23
	big := make([]byte, 2*half)
	for i := range half {
		big[i] = 255
	}
	if mean, deviation := Colours(big); mean[1] != 127.5 || deviation[1] != 127.5 {
		t.Errorf("%v and %v", mean, deviation)
	}
}

// Slices that are no image of the size are the caller's mistake.
func TestWrongSize(t *testing.T) {
	b := make([]byte, 27)
	for name, f := range map[string]func(){
		"grey":    func() { GreySum(b[:26]) },
		"luma":    func() { Luma(b[:8], b) },
		"sharpen": func() { Sharpen(b[:24], b, 3, 3) },
		"source":  func() { Sharpen(b, b[:24], 3, 3) },
		"edges":   func() { new(Canny).Edges(b[:8], b[:9], 3, 3, 1, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestCannyAllocatesNothing(t *testing.T) {
	const w, h = 100, 50
	grey, edges := generate("noise", w, h, 1)[:w*h], make([]byte, w*h)
	var c Canny
	c.Edges(edges, grey, w, h, 50, 150)
	if n := testing.AllocsPerRun(5, func() { c.Edges(edges, grey, w, h, 50, 150) }); n != 0 {
		t.Errorf("%v allocations for the second image of a size", n)
	}
}
