package plot

import (
	"strings"
	"sync"

	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
)

// fonts are parsed once: they are constant, and every label is measured.
var fonts = sync.OnceValue(func() [2]*opentype.Font {
	regular, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	medium, err := opentype.Parse(gomedium.TTF)
	if err != nil {
		panic(err)
	}
	return [2]*opentype.Font{regular, medium}
})

// textWidth returns roughly how wide a text is: the reader's font, which SVG
// is shown in, is not known.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("iljtfI.,:;'|!()[] ", r):
			w += 0.31
		case r >= 0x1100:
			w++
		case strings.ContainsRune("mwMW%@", r):
			w += 0.86
		default:
			w += 0.6
		}
	}
	return w * size
}

// fit cuts a text to a width, in its middle: commands differ at their ends.
func fit(s string, width, size float64) string {
	if textWidth(s, size) <= width {
		return s
	}
	r := []rune(s)
	for n := len(r) - 1; n > 1; n-- {
		head := (n + 1) / 2
		if cut := string(r[:head]) + "…" + string(r[len(r)-(n-head):]); textWidth(cut, size) <= width {
			return cut
		}
	}
	return "…"
}
