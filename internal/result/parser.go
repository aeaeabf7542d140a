package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// parser reads JSON into values. It exists beside encoding/json because that
// says neither which field of a list is wrong nor that one is missing, and
// takes ten times as long for a series of millions of samples.
type parser struct {
	data  []byte
	pos   int
	path  []step
	types map[reflect.Type]*shape
	texts [1024]string // seen before, each where its hash says
}

// step is a part of a path: a field or, with no name, an index.
type step struct {
	name  string
	index int
}

// fault is a problem with the field at which it was met.
type fault struct {
	field, text string
	pos         int
}

func (f *fault) Error() string { return f.text }

// errStop ends a walk through an object early.
var errStop = errors.New("enough")

// maxDepth bounds nesting: no result goes beyond ten.
const maxDepth = 64

func (p *parser) push(name string) { p.path = append(p.path, step{name: name}) }
func (p *parser) pop()             { p.path = p.path[:len(p.path)-1] }

func (p *parser) field() string {
	var b strings.Builder
	for _, s := range p.path {
		switch {
		case s.name == "" && s.index >= 0:
			fmt.Fprintf(&b, "[%d]", s.index)
		case b.Len() > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

func (p *parser) problem(format string, args ...any) error {
	return &fault{p.field(), fmt.Sprintf(format, args...), min(p.pos, len(p.data))}
}

// wanted says what should stand here, and what does.
func (p *parser) wanted(what string) error {
	got := p.here()
	if got == "" {
		return p.problem("the file ends here: it was cut off")
	}
	return p.problem("want %s, got %s", what, got)
}

// here describes what stands at the present place, "" at the end.
func (p *parser) here() string {
	if p.pos >= len(p.data) {
		return ""
	}
	switch p.data[p.pos] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		s, err := p.str()
		if err != nil {
			return "a text that does not end"
		}
		return strconv.Quote(shorten(s))
	}
	end := p.pos
	for end < len(p.data) && !strings.ContainsRune(" \t\r\n,:]}{[\"", rune(p.data[end])) {
		end++
	}
	return fmt.Sprintf("%.40s", strings.ToValidUTF8(string(p.data[p.pos:max(end, p.pos+1)]), "�"))
}

// shorten keeps a message in one line.
func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

func (p *parser) skipSpace() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\n', '\r', '\t':
			p.pos++
		default:
			return
		}
	}
}

// next passes over c and white space before it.
func (p *parser) next(c byte) bool {
	p.skipSpace()
	if p.pos < len(p.data) && p.data[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) literal(word string) bool {
	p.skipSpace()
	end := p.pos + len(word)
	if end > len(p.data) || string(p.data[p.pos:end]) != word {
		return false
	}
	if end < len(p.data) && p.data[end] >= 'a' && p.data[end] <= 'z' {
		return false
	}
	p.pos = end
	return true
}

// object calls f for every member, at its value. The caller has not yet
// passed over the brace.
func (p *parser) object(f func(key string) error) error {
	if !p.next('{') {
		return p.wanted("an object")
	}
	if len(p.path) >= maxDepth {
		return p.problem("the document is nested too deeply")
	}
	if p.next('}') {
		return nil
	}
	for {
		p.skipSpace()
		key, err := p.key()
		if err != nil {
			return err
		}
		p.push(key)
		if !p.next(':') {
			return p.wanted("a colon")
		}
		p.skipSpace()
		if err := f(key); err != nil {
			return err
		}
		p.pop()
		if p.next('}') {
			return nil
		}
		if !p.next(',') {
			return p.wanted("a comma or a closing brace")
		}
	}
}

// list calls f for every element of a list.
func (p *parser) list(f func(i int) error) error {
	if !p.next('[') {
		return p.wanted("a list")
	}
	if len(p.path) >= maxDepth {
		return p.problem("the document is nested too deeply")
	}
	if p.next(']') {
		return nil
	}
	for i := 0; ; i++ {
		p.path = append(p.path, step{index: i})
		p.skipSpace()
		if err := f(i); err != nil {
			return err
		}
		p.pop()
		if p.next(']') {
			return nil
		}
		if !p.next(',') {
			return p.wanted("a comma or a closing bracket")
		}
	}
}

// raw returns the text of a string with its quotes, and passes over it.
func (p *parser) raw() ([]byte, error) {
	if p.pos >= len(p.data) || p.data[p.pos] != '"' {
		return nil, p.wanted("a text in quotes")
	}
	for i := p.pos + 1; i < len(p.data); i++ {
		switch c := p.data[i]; {
		case c == '\\':
			i++
		case c == '"':
			s := p.data[p.pos : i+1]
			p.pos = i + 1
			return s, nil
		case c < ' ':
			return nil, p.problem("a text with a line break or another control character in it")
		}
	}
	p.pos = len(p.data)
	return nil, p.problem("the file ends here: it was cut off")
}

func (p *parser) str() (string, error) {
	start := p.pos
	raw, err := p.raw()
	if err != nil {
		return "", err
	}
	h := uint32(2166136261) // FNV-1a
	for _, c := range raw {
		if c == '\\' || c >= 0x80 { // escapes, and what may not be UTF-8
			p.pos = start
			return p.unescaped()
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return p.shared(raw[1:len(raw)-1], h), nil
}

// unescaped is str where the text is not as it stands there.
func (p *parser) unescaped() (s string, err error) {
	start := p.pos
	raw, err := p.raw()
	if err == nil && json.Unmarshal(raw, &s) != nil {
		p.pos = start
		err = p.problem("this text is not valid JSON")
	}
	return s, err
}

// shared returns text, whose hash this is, as a string. A series repeats its few names millions of
// times, and a history its programs, units and reasons: what was seen last in
// its place is quicker than a map, and needs no memory.
func (p *parser) shared(text []byte, hash uint32) string {
	slot := &p.texts[hash%uint32(len(p.texts))]
	if *slot != string(text) {
		*slot = string(text)
	}
	return *slot
}

func (p *parser) key() (string, error) {
	if p.pos < len(p.data) && p.data[p.pos] != '"' {
		return "", p.wanted("the name of a field")
	}
	return p.str()
}

// number reads a number as JSON writes it, which is narrower than what Go
// would take: no NaN, no Inf, no hexadecimal.
func (p *parser) number() (text []byte, whole bool, err error) {
	end, whole := numberEnd(p.data, p.pos)
	if end < 0 {
		return nil, false, p.wanted("a number")
	}
	text = p.data[p.pos:end]
	p.pos = end
	return text, whole, nil
}

// numberEnd returns where the number at i ends, -1 where there is none.
func numberEnd(data []byte, i int) (end int, whole bool) {
	digits := func() bool {
		start := i
		for i < len(data) && data[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	at := func(c byte) bool {
		if i < len(data) && data[i] == c {
			i++
			return true
		}
		return false
	}
	whole = true
	at('-')
	if !at('0') && !digits() {
		return -1, false
	}
	if at('.') {
		whole = false
		if !digits() {
			return -1, false
		}
	}
	if at('e') || at('E') {
		whole = false
		if !at('-') {
			at('+')
		}
		if !digits() {
			return -1, false
		}
	}
	if i < len(data) && (data[i]|' '-'a' < 26 || data[i]-'0' <= 9 || data[i] == '.') {
		return -1, false // 12abc, 007
	}
	return i, whole
}

func (p *parser) float() (float64, error) {
	start := p.pos
	text, _, err := p.number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsInf(v, 0) {
		p.pos = start
		return 0, p.problem("the number %.40s is too large", text)
	}
	return v, nil
}

// skip passes over a value of any kind.
func (p *parser) skip() error {
	p.skipSpace()
	if p.pos >= len(p.data) {
		return p.wanted("a value")
	}
	switch p.data[p.pos] {
	case '{':
		return p.object(func(string) error { return p.skip() })
	case '[':
		return p.list(func(int) error { return p.skip() })
	case '"':
		_, err := p.raw()
		return err
	}
	if p.literal("null") || p.literal("true") || p.literal("false") {
		return nil
	}
	_, _, err := p.number()
	return err
}

// value reads what stands here into v.
func (p *parser) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		return p.pointer(v)
	case reflect.Struct:
		return p.structure(v)
	case reflect.Slice:
		return p.slice(v)
	case reflect.Map:
		return p.mapping(v)
	case reflect.String:
		s, err := p.str()
		if err != nil {
			return err
		}
		v.SetString(s)
	case reflect.Bool:
		yes := p.literal("true")
		if !yes && !p.literal("false") {
			return p.wanted("true or false")
		}
		v.SetBool(yes)
	case reflect.Float64:
		x, err := p.float()
		if err != nil {
			return err
		}
		v.SetFloat(x)
	case reflect.Int, reflect.Int64:
		return p.integer(v)
	default:
		return p.problem("no way to read a %v", v.Type()) // no contract has one
	}
	return nil
}

func (p *parser) integer(v reflect.Value) error {
	start := p.pos
	text, whole, err := p.number()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if !whole || err != nil {
		p.pos = start
		return p.wanted("a whole number")
	}
	v.SetInt(n)
	return nil
}

func (p *parser) pointer(v reflect.Value) error {
	if p.literal("null") {
		return nil
	}
	if v.Type() == reflect.TypeFor[*report.Series]() {
		s, err := p.samples()
		if err == nil {
			v.Set(reflect.ValueOf(s))
		}
		return err
	}
	v.Set(reflect.New(v.Type().Elem()))
	return p.value(v.Elem())
}

func (p *parser) slice(v reflect.Value) error {
	if p.literal("null") {
		return nil
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	return p.list(func(i int) error {
		v.Grow(1)
		v.SetLen(i + 1)
		v.Index(i).SetZero()
		return p.value(v.Index(i))
	})
}

func (p *parser) mapping(v reflect.Value) error {
	if p.literal("null") {
		return nil
	}
	v.Set(reflect.MakeMap(v.Type()))
	return p.object(func(key string) error {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := p.value(e); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), e)
		return nil
	})
}

func (p *parser) structure(v reflect.Value) error {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return p.time(v)
	}
	s := p.shape(v.Type())
	var seen [64]bool
	err := p.object(func(key string) error {
		f, known := s.fields[key]
		if !known {
			return p.skip()
		}
		seen[f.number] = true
		return p.value(v.FieldByIndex(f.index))
	})
	if err != nil {
		return err
	}
	for _, name := range s.required {
		if !seen[s.fields[name].number] {
			p.push(name)
			return p.problem("this field is missing")
		}
	}
	return nil
}

func (p *parser) time(v reflect.Value) error {
	start := p.pos
	s, err := p.str()
	if err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		p.pos = start
		return p.wanted("a time such as 2026-11-03T14:21:07Z")
	}
	v.Set(reflect.ValueOf(t))
	return nil
}
