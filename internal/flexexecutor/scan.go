package flexexecutor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The parser's bounds: no profile comes near them.
const (
	maxNumber = 64      // bytes of a number
	maxString = 1 << 16 // bytes of a text
	maxDepth  = 32      // of what is passed over
)

// scanner reads JSON as Python writes it, NaN and Infinity included, from a
// stream: it holds one buffer and one token.
type scanner struct {
	r      io.Reader
	buf    []byte
	pos, n int
	before int64 // bytes of the stream before buf
	line   int
	err    error // why the stream ended, io.EOF when in order
	token  []byte
	path   path
}

// path says where in a profile the scanner is.
type path struct {
	key, metric     string
	rep, worker     int // -1 outside
	inKey, inMetric bool
}

func (p path) String() string {
	var b strings.Builder
	if !p.inKey {
		return ""
	}
	b.WriteString(strconv.Quote(p.key))
	if p.inMetric {
		b.WriteString("." + plain(p.metric))
		if p.rep >= 0 {
			fmt.Fprintf(&b, "[%d]", p.rep)
			if p.worker >= 0 {
				fmt.Fprintf(&b, "[%d]", p.worker)
			}
		}
	}
	return b.String()
}

// Error is a problem with a profile, and where it was met.
type Error struct {
	File   string
	Line   int    // from 1
	Offset int64  // bytes into the text, uncompressed
	Key    string // as in "(1, 512, 28)".read[3][7]; "" outside of all
	Text   string
	Err    error
}

func (e *Error) Error() string {
	where := fmt.Sprintf("%s: line %d (byte %d)", e.File, e.Line, e.Offset)
	if e.Key != "" {
		where += ": " + e.Key
	}
	return where + ": " + e.Text
}

func (e *Error) Unwrap() error { return e.Err }

func newScanner(r io.Reader) *scanner {
	s := &scanner{r: r, buf: make([]byte, 64<<10), line: 1, token: make([]byte, 0, maxNumber)}
	s.path.rep, s.path.worker = -1, -1
	return s
}

// fill reads more when all has been looked at. It returns false at the end.
func (s *scanner) fill() bool {
	for s.pos == s.n && s.err == nil {
		s.before += int64(s.n)
		s.pos = 0
		s.n, s.err = s.r.Read(s.buf)
	}
	return s.pos < s.n
}

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos == s.n && !s.fill() {
		return 0
	}
	return s.buf[s.pos]
}

func (s *scanner) ended() bool { return s.pos == s.n && !s.fill() }

func (s *scanner) skipSpace() {
	for {
		for s.pos < s.n {
			switch s.buf[s.pos] {
			case '\n':
				s.line++
				s.pos++
			case ' ', '\t', '\r':
				s.pos++
			default:
				return
			}
		}
		if !s.fill() {
			return
		}
	}
}

// next passes over c and the white space before it.
func (s *scanner) next(c byte) bool {
	s.skipSpace()
	if s.peek() == c && !s.ended() {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) problem(format string, args ...any) error {
	return &Error{Line: s.line, Offset: s.before + int64(s.pos), Key: s.path.String(), Text: fmt.Sprintf(format, args...)}
}

// wanted says what should stand here, and what does.
func (s *scanner) wanted(what string) error {
	s.skipSpace()
	if s.ended() {
		return s.cutOff("want " + what)
	}
	e := s.problem("").(*Error) // before describe goes on
	e.Text = fmt.Sprintf("want %s, got %s", what, s.describe())
	return e
}

// cutOff is for a stream that ends too early, whatever ended it.
func (s *scanner) cutOff(want string) error {
	if s.err != nil && !errors.Is(s.err, io.EOF) && !errors.Is(s.err, io.ErrUnexpectedEOF) {
		e := s.problem("%s: %v", want, s.err).(*Error)
		e.Err = s.err
		return e
	}
	return s.problem("%s, but the file ends here: it was cut off", want)
}

// describe says what stands here. It may pass over it: an error follows.
func (s *scanner) describe() string {
	switch c := s.peek(); c {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		text, err := s.str()
		if err != nil {
			return "a text that does not end"
		}
		return strconv.Quote(shorten(text))
	}
	end := s.pos
	for end < s.n && end < s.pos+40 && !strings.ContainsRune(" \t\r\n,:]}{[\"", rune(s.buf[end])) {
		end++
	}
	return strconv.Quote(strings.ToValidUTF8(string(s.buf[s.pos:max(end, s.pos+1)]), "�"))
}

func shorten(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}

// plain is a name as it may stand in a message: in quotes where it is empty or
// has in it what a terminal would obey.
func plain(name string) string {
	if quoted := strconv.Quote(name); name == "" || len(quoted) != len(name)+2 || len(name) > 80 {
		return strconv.Quote(shorten(name))
	}
	return name
}

// str reads a text in quotes.
func (s *scanner) str() (string, error) {
	s.skipSpace()
	if s.peek() != '"' {
		return "", s.wanted("a text in quotes")
	}
	s.pos++
	s.token = append(s.token[:0], '"')
	plain := true
	for {
		if s.ended() {
			return "", s.cutOff("want the end of a text")
		}
		c := s.buf[s.pos]
		s.pos++
		s.token = append(s.token, c)
		switch {
		case c == '"':
			if plain {
				return string(s.token[1 : len(s.token)-1]), nil
			}
			var text string
			if json.Unmarshal(s.token, &text) != nil {
				return "", s.problem("this text is not valid JSON")
			}
			return text, nil
		case c == '\\':
			plain = false
			if s.ended() {
				return "", s.cutOff("want the end of a text")
			}
			s.token = append(s.token, s.buf[s.pos])
			s.pos++
		case c < ' ':
			return "", s.problem("a text with a line break or another control character in it")
		case c >= 0x80:
			plain = false // it may not be UTF-8
		}
		if len(s.token) > maxString {
			return "", s.problem("a text of more than %d bytes", maxString)
		}
	}
}

// scalar is a number, or a word in the place of one.
type scalar struct {
	kind kind
	num  float64
	text string
}

type kind uint8

const (
	isNumber kind = iota
	isText
	isNull
	isNaN // NaN, Infinity, or a number beyond all range
	isBool
)

// scalar reads whatever is neither an object nor a list.
func (s *scanner) scalar(what string) (scalar, error) {
	s.skipSpace()
	switch c := s.peek(); {
	case c == '"':
		text, err := s.str()
		return scalar{kind: isText, text: text}, err
	case c == '{' || c == '[' || s.ended():
		return scalar{}, s.wanted(what)
	}
	if err := s.word(); err != nil {
		return scalar{}, err
	}
	if c := s.token[0]; c-'0' <= 9 || c == '-' && len(s.token) > 1 && s.token[1]-'0' <= 9 {
		if !validNumber(s.token) {
			return scalar{}, s.problem("want %s, got %s", what, quoteToken(s.token))
		}
		v, err := strconv.ParseFloat(string(s.token), 64)
		if err != nil || math.IsInf(v, 0) {
			return scalar{kind: isNaN}, nil
		}
		return scalar{num: v}, nil
	}
	switch string(s.token) {
	case "null":
		return scalar{kind: isNull}, nil
	case "true", "false":
		return scalar{kind: isBool, text: string(s.token)}, nil
	case "NaN", "Infinity", "-Infinity":
		return scalar{kind: isNaN}, nil
	}
	return scalar{}, s.problem("want %s, got %s", what, quoteToken(s.token))
}

func quoteToken(token []byte) string {
	return strconv.Quote(shorten(strings.ToValidUTF8(string(token), "�")))
}

// word reads into token up to what can't be part of a number or a word.
func (s *scanner) word() error {
	s.token = s.token[:0]
	for {
		start := s.pos
		for s.pos < s.n && partOfWord[s.buf[s.pos]] {
			s.pos++
		}
		s.token = append(s.token, s.buf[start:s.pos]...)
		if len(s.token) > maxNumber {
			return s.problem("want a number, got one of more than %d bytes", maxNumber)
		}
		if s.pos < s.n {
			break
		}
		if !s.fill() {
			return s.cutOff("want a comma or a bracket")
		}
	}
	if len(s.token) == 0 {
		return s.wanted("a value")
	}
	return nil
}

var partOfWord = func() (t [256]bool) {
	for _, c := range "0123456789+-.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_" {
		t[c] = true
	}
	return t
}()

// validNumber reports whether b is a number as JSON writes it, which is
// narrower than what Go takes: no 0x, no 1_000, no leading +.
func validNumber(b []byte) bool {
	i := 0
	digits := func() bool {
		start := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(b)
}

// skip passes over a value.
func (s *scanner) skip() error { return s.skipDepth(0) }

func (s *scanner) skipDepth(depth int) error {
	if depth > maxDepth {
		return s.problem("it is nested more than %d deep", maxDepth)
	}
	s.skipSpace()
	switch s.peek() {
	case '{':
		return s.object(func(string) error { return s.skipDepth(depth + 1) })
	case '[':
		return s.list(func(int) error { return s.skipDepth(depth + 1) })
	}
	_, err := s.scalar("a value")
	return err
}

// object calls f for every member, at its value.
func (s *scanner) object(f func(key string) error) error {
	if !s.next('{') {
		return s.wanted("an object")
	}
	if s.next('}') {
		return nil
	}
	for {
		key, err := s.str()
		if err != nil {
			return err
		}
		if !s.next(':') {
			return s.wanted("a colon after " + strconv.Quote(shorten(key)))
		}
		if err := f(key); err != nil {
			return err
		}
		if s.next('}') {
			return nil
		}
		if !s.next(',') {
			return s.wanted("a comma or a closing brace")
		}
	}
}

// list calls f for every element.
func (s *scanner) list(f func(i int) error) error {
	if !s.next('[') {
		return s.wanted("a list")
	}
	if s.next(']') {
		return nil
	}
	for i := 0; ; i++ {
		if err := f(i); err != nil {
			return err
		}
		if s.next(']') {
			return nil
		}
		if !s.next(',') {
			return s.wanted("a comma or a closing bracket")
		}
	}
}
