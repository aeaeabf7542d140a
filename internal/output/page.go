package output

import (
	"bytes"
	"io"
	"strings"
)

// page collects the lines of a table for a terminal or a file.
type page struct {
	buf bytes.Buffer
	o   Options
	err error // the first error of the table library
}

func newPage(o Options) *page {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 40)
	return &page{o: o}
}

// line adds a line, nothing wrapped.
func (p *page) line(s string) {
	if p.o.ASCII {
		s = toASCII.Replace(s)
	}
	p.buf.WriteString(strings.TrimRight(s, " "))
	p.buf.WriteByte('\n')
}

func (p *page) blank() { p.buf.WriteByte('\n') }

// text adds wrapped text: the first line behind lead, the others indented by
// as many columns as lead takes.
func (p *page) text(lead, s string, style func(string) string) {
	indent := columns(lead)
	if p.o.ASCII {
		indent = columns(toASCII.Replace(lead))
		s = toASCII.Replace(s)
	}
	for i, l := range wrap(plain(s), max(p.o.Width-indent, 24)) {
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		p.line(lead + style(l))
	}
}

// section starts a part of the page with a heading.
func (p *page) section(title string) {
	p.blank()
	p.line(p.bold(title))
}

// table adds a grid, indented by two columns.
func (p *page) table(g *grid) {
	g.ascii = p.o.ASCII
	lines, err := g.lines()
	if err != nil {
		if p.err == nil {
			p.err = err
		}
		return
	}
	for _, l := range lines {
		p.line("  " + l)
	}
}

// writeTo hands over the page in one write.
func (p *page) writeTo(w io.Writer) error {
	if p.err != nil {
		return p.err
	}
	_, err := w.Write(p.buf.Bytes())
	return err
}

// The styles of text. Colour only underlines what the words say already.
func (p *page) bold(s string) string    { return p.sgr("1", s) }
func (p *page) dim(s string) string     { return p.sgr("2", s) }
func (p *page) red(s string) string     { return p.sgr("31", s) }
func (p *page) green(s string) string   { return p.sgr("32", s) }
func (p *page) yellow(s string) string  { return p.sgr("33", s) }
func (p *page) cyan(s string) string    { return p.sgr("36", s) }
func (p *page) caution(s string) string { return p.sgr("1;7;33", s) }
func (p *page) normal(s string) string  { return s }

func (p *page) sgr(code, s string) string {
	if !p.o.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
