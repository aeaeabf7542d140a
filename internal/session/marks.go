package session

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a command writes to mark its phases. Each line is a mark:
//
//	phase NAME   the present phase ends, NAME begins
//	end          the present phase ends
//	mark TEXT    an instant
//
// Names and texts lose the white space around them.

// markKind is what a mark does.
type markKind uint8

const (
	beginPhase markKind = iota
	endPhase
	instantMark
)

// mark is one that was written.
type mark struct {
	kind markKind
	text string
}

// maxLine bounds a line of the protocol, in bytes.
const maxLine = 512

// markParser takes the protocol apart, as it comes.
type markParser struct {
	line []byte // of the line that has not ended yet, at most maxLine bytes
	long bool   // it has more
	bad  faults
}

// faults are what could not be taken as a mark, or not as it was written.
type faults struct {
	unknown, overlong, invalid int
	first                      string // unknown line
}

// parse appends the marks of a piece to out.
func (p *markParser) parse(piece []byte, out []mark) []mark {
	for len(piece) > 0 {
		part, rest, ended := bytes.Cut(piece, []byte{'\n'})
		room := min(len(part), maxLine-len(p.line))
		p.line = append(p.line, part[:room]...)
		p.long = p.long || room < len(part)
		if ended {
			if m, ok := p.take(); ok {
				out = append(out, m)
			}
		}
		piece = rest
	}
	return out
}

// take takes the line that has ended.
func (p *markParser) take() (m mark, ok bool) {
	line, long := p.line, p.long
	p.line, p.long = p.line[:0], false
	if long {
		p.bad.overlong++
		return m, false
	}
	valid := utf8.Valid(line)
	text := strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD"))
	if text == "" {
		return m, false
	}
	m, ok = parseMark(text)
	switch {
	case !ok:
		p.bad.unknown++
		if p.bad.first == "" {
			p.bad.first = text
		}
	case !valid:
		p.bad.invalid++
	}
	return m, ok
}

func parseMark(line string) (mark, bool) {
	verb, text := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		verb, text = line[:i], strings.TrimSpace(line[i:])
	}
	switch {
	case verb == "phase" && text != "":
		return mark{beginPhase, text}, true
	case verb == "mark" && text != "":
		return mark{instantMark, text}, true
	case verb == "end" && text == "":
		return mark{kind: endPhase}, true
	}
	return mark{}, false
}

// finish is for when nothing more will come.
func (p *markParser) finish() {
	if text := strings.TrimSpace(strings.ToValidUTF8(string(p.line), "\uFFFD")); text != "" || p.long {
		p.bad.unknown++
		if p.bad.first == "" {
			p.bad.first = text
		}
	}
	p.line, p.long = nil, false
}

// warnFaults says what was wrong with what came.
func (s *session) warnFaults(f faults) {
	const advice = "write whole lines: phase NAME, end or mark TEXT; see docs/phases.md"
	if f.unknown > 0 {
		first := f.first
		if r := []rune(first); len(r) > 40 {
			first = string(r[:40]) + "..."
		}
		s.warn("marks-unknown", fmt.Sprintf("%s written to mark phases could not be understood, the first was %q", lines(f.unknown), first), advice)
	}
	if f.overlong > 0 {
		s.warn("marks-overlong", fmt.Sprintf("%s written to mark phases had more than %d bytes and did not count", lines(f.overlong), maxLine), advice)
	}
	if f.invalid > 0 {
		s.warn("marks-invalid", fmt.Sprintf("%s written to mark phases were not valid UTF-8: bytes of names were replaced", lines(f.invalid)), "write names in UTF-8")
	}
}

func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}
