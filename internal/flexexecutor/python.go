package flexexecutor

import (
	"bufio"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// printer writes JSON as Python's json.dump does with indent=4.
type printer struct {
	w     *bufio.Writer
	depth int
	empty bool // nothing in the innermost list or object yet
}

func (p *printer) line() {
	p.w.WriteByte('\n')
	for range p.depth {
		p.w.WriteString("    ")
	}
}

func (p *printer) item() {
	if !p.empty {
		p.w.WriteByte(',')
	}
	p.line()
	p.empty = false
}

func (p *printer) open(c byte) {
	p.w.WriteByte(c)
	p.depth++
	p.empty = true
}

func (p *printer) close(c byte) {
	p.depth--
	if !p.empty {
		p.line()
	}
	p.w.WriteByte(c)
	p.empty = false
}

func (p *printer) name(text string) {
	p.text(text)
	p.w.WriteString(": ")
}

func (p *printer) value(v any, whole bool) {
	switch v := v.(type) {
	case nil:
		p.w.WriteString("null")
	case string:
		p.text(v)
	case float64:
		if whole && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			p.w.WriteString(strconv.FormatInt(int64(v), 10))
			return
		}
		p.w.WriteString(pythonFloat(v))
	}
}

// pythonFloat writes a number as Python's repr does: the fewest digits that
// mean it, with an exponent from 1e16 and below 1e-4.
func pythonFloat(v float64) string {
	text := strconv.FormatFloat(v, 'e', -1, 64)
	_, exponent, _ := strings.Cut(text, "e")
	if e, err := strconv.Atoi(exponent); err == nil && (e < -4 || e >= 16) {
		return text
	}
	text = strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// text writes a string in ASCII, as Python does by default.
func (p *printer) text(s string) {
	const hex = "0123456789abcdef"
	escape := func(c uint16) {
		p.w.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			p.w.WriteByte(hex[c>>shift&0xf])
		}
	}
	p.w.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			p.w.WriteByte('\\')
			p.w.WriteByte(byte(c))
		case c == '\n':
			p.w.WriteString(`\n`)
		case c == '\r':
			p.w.WriteString(`\r`)
		case c == '\t':
			p.w.WriteString(`\t`)
		case c == '\b':
			p.w.WriteString(`\b`)
		case c == '\f':
			p.w.WriteString(`\f`)
		case c >= ' ' && c < 0x7f:
			p.w.WriteByte(byte(c))
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			escape(uint16(high))
			escape(uint16(low))
		default:
			escape(uint16(c))
		}
	}
	p.w.WriteByte('"')
}
