package plot

import (
	"html"
	"io"
	"math"
	"strconv"
	"strings"
)

// SVG writes the scene as a picture of its own, with its theme.
func (s *Scene) SVG(w io.Writer) error {
	var b strings.Builder
	s.open(&b, ` xmlns="http://www.w3.org/2000/svg" width="`+coordinate(s.Width)+`" height="`+coordinate(s.Height)+`"`)
	b.WriteString("<style>:root{" + Properties(false) + "}@media (prefers-color-scheme:dark){:root{" + Properties(true) + "}}" +
		"text{font-family:system-ui,sans-serif;font-variant-numeric:tabular-nums}svg{background:var(--paper)}" + Rules() + "</style>\n")
	s.rest(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// Inline returns the scene for a page that brings the theme.
func (s *Scene) Inline() string {
	var b strings.Builder
	s.open(&b, "")
	s.rest(&b)
	return b.String()
}

// margin around the marks: text and dots reach over the edge.
const margin = 6

func (s *Scene) open(b *strings.Builder, more string) {
	b.WriteString(`<svg class="plot"` + more + ` viewBox="` + coordinate(-margin) + " " + coordinate(-margin) + " " +
		coordinate(s.Width+2*margin) + " " + coordinate(s.Height+2*margin) + `" role="group" aria-label="` + clean(s.Name) + `">` + "\n")
}

func (s *Scene) rest(b *strings.Builder) {
	b.WriteString("<title>" + clean(s.Name) + "</title>\n")
	for i := range s.marks {
		s.marks[i].svg(b)
	}
	b.WriteString("</svg>\n")
}

// clean makes a text safe inside XML, where control characters are not
// allowed even as references.
func clean(t string) string {
	t = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ', r >= 0xfffe && r <= 0xffff, r >= 0x7f && r < 0xa0:
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(t, "\ufffd"))
	return html.EscapeString(t)
}

// coordinate prints a number with as many digits as a screen shows.
func coordinate(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	v = math.Round(v*100) / 100
	if v == 0 {
		return "0"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (m *Mark) svg(b *strings.Builder) {
	switch m.kind {
	case line, area:
		m.path(b)
	case circle:
		class := "f-"
		if m.hollow {
			class = "l-"
		}
		b.WriteString(`<circle class="` + class + string(m.role) + m.more() + `" cx="` + coordinate(m.points[0].X) +
			`" cy="` + coordinate(m.points[0].Y) + `" r="` + coordinate(m.size) + `"`)
		if m.hollow {
			b.WriteString(` stroke-width="1.5" fill-opacity="0" pointer-events="all"`)
		}
		m.finish(b, "circle")
	case text:
		anchor := [...]string{"start", "middle", "end"}[m.anchor]
		b.WriteString(`<text class="f-` + string(m.role) + `" x="` + coordinate(m.points[0].X) + `" y="` + coordinate(m.points[0].Y) +
			`" font-size="` + coordinate(m.size) + `" text-anchor="` + anchor + `"`)
		if m.bold {
			b.WriteString(` font-weight="600"`)
		}
		b.WriteString(">" + clean(m.label) + "</text>\n")
	}
}

// more are the classes of a mark that can be asked about.
func (m *Mark) more() string {
	if m.title == "" {
		return ""
	}
	return " pt"
}

func (m *Mark) path(b *strings.Builder) {
	class := "l-"
	if m.kind == area && !m.hollow {
		class = "f-"
	}
	b.WriteString(`<path class="` + class + string(m.role) + m.more() + `" d="`)
	for i, p := range m.points {
		if i == 0 {
			b.WriteByte('M')
		} else {
			b.WriteByte('L')
		}
		b.WriteString(coordinate(p.X) + " " + coordinate(p.Y))
	}
	if m.kind == area {
		b.WriteByte('Z')
	}
	b.WriteByte('"')
	if m.kind == line {
		b.WriteString(` stroke-width="` + coordinate(m.size) + `" stroke-linejoin="round"`)
		if m.dashed {
			b.WriteString(` stroke-dasharray="4 3"`)
		}
	}
	if m.hollow {
		b.WriteString(` stroke-width="1.5" pointer-events="all"`) // what is inside the rim belongs to it
	}
	m.finish(b, "path")
}

func (m *Mark) finish(b *strings.Builder, element string) {
	if m.opacity > 0 {
		b.WriteString(` opacity="` + coordinate(m.opacity) + `"`)
	}
	if m.source != "" {
		b.WriteString(` data-source="` + clean(m.source) + `"`)
	}
	if m.title == "" {
		b.WriteString("/>\n")
		return
	}
	b.WriteString(` tabindex="-1" role="img" aria-label="` + clean(m.title) + `"><title>` + clean(m.title) + "</title></" + element + ">\n")
}
