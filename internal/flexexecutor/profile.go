package flexexecutor

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// Bounds of a key and of a profile.
const (
	maxWorkers  = 1_000_000
	maxMemoryMB = 1 << 30
	maxCPU      = 1 << 20
	// maxValues bounds the memory that one file can take: 128 MB. All that the
	// format's authors have published has 1.2 million.
	maxValues = 16 << 20
	// maxBelievable is beyond any seconds of an invocation, which Lambda ends
	// after 900.
	maxBelievable = 1e8
)

// profile is what a file holds.
type profile struct {
	cells []profileCell // in the order of the file
	notes []string      // what a reader should know, each once
	// odd counts values that are none, by metric.
	odd map[string]*oddities
	// unknown are metrics that the format does not have, in order.
	unknown []string
	dropped []string // of these, what is not made of numbers
}

// oddities are the values of a metric that can't be used.
type oddities struct {
	null, nan, text, beyond int
	first                   string // where the first one was
}

// profileCell is what stands under one key.
type profileCell struct {
	key     Key
	columns []column
}

// column is a metric of a cell: its values one after the other, NaN where there
// is none. texts is nil for a column of numbers.
type column struct {
	name  string
	reps  []int // where each repetition ends
	nums  []float64
	texts []string
	bad   bool // not of the form of a metric: not kept
}

// rep returns the bounds of a repetition's values.
func (c *column) rep(r int) (from, to int) {
	if r >= len(c.reps) {
		return 0, 0
	}
	if r > 0 {
		from = c.reps[r-1]
	}
	return from, c.reps[r]
}

func (c *column) workers(r int) int { from, to := c.rep(r); return to - from }

// number returns a value, NaN where there is none.
func (c *column) number(r, w int) float64 {
	if from, to := c.rep(r); c.texts == nil && from+w < to {
		return c.nums[from+w]
	}
	return math.NaN()
}

func (c *column) text(r, w int) string {
	if from, to := c.rep(r); c.texts != nil && from+w < to {
		return c.texts[from+w]
	}
	return ""
}

func (c *profileCell) column(name string) *column {
	for i := range c.columns {
		if c.columns[i].name == name {
			return &c.columns[i]
		}
	}
	return nil
}

// readFile reads a profile, plain or gzip, whichever its first bytes say.
func readFile(name string) (*profile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read a profile: %w", err)
	}
	defer f.Close()
	p, err := read(f)
	var located *Error
	if errors.As(err, &located) {
		located.File = name
		return nil, located
	}
	if err != nil {
		return nil, fmt.Errorf("read a profile: %s: %w", name, err)
	}
	return p, nil
}

// read parses a profile from a stream, of which it holds a buffer at a time.
func read(r io.Reader) (*profile, error) {
	b := bufio.NewReader(r)
	r = b
	if magic, _ := b.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("unpack it: %w", err)
		}
		r = z
	}
	s := newScanner(r)
	if s.peek() == 0xef { // a byte order mark, as some editors leave it
		for _, c := range []byte("\xef\xbb\xbf") {
			if s.peek() != c {
				return nil, s.wanted("an object")
			}
			s.pos++
		}
	}
	pr := &reader{scanner: s, names: map[string]string{}, out: &profile{odd: map[string]*oddities{}}}
	if err := pr.profile(); err != nil {
		return nil, err
	}
	return pr.out, nil
}

// reader fills a profile.
type reader struct {
	*scanner
	out    *profile
	values int
	names  map[string]string // texts that were seen: one copy will do
}

func (r *reader) profile() error {
	r.skipSpace()
	if r.ended() {
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return r.cutOff("want a profile")
		}
		return r.problem("the file is empty: want a profile of FlexExecutor")
	}
	if r.peek() != '{' {
		return r.wanted(`a profile of FlexExecutor, an object with keys such as "(1, 1024, 28)"`)
	}
	at, spelled := map[Key]int{}, map[Key]string{}
	err := r.object(func(text string) error {
		r.path.inKey, r.path.key = true, shorten(text)
		key, ok := parseKey(text)
		if !ok {
			return r.problem(`want a key such as "(1, 1024, 28)", which is (vCPUs, memory in MB, workers): this is no profile of FlexExecutor`)
		}
		c, err := r.cell(key)
		if err != nil {
			return err
		}
		r.path.inKey = false
		if i, twice := at[key]; twice {
			n := r.out.cells[i].repetitions()
			if first := spelled[key]; first == text {
				r.note("the key %q is there twice: the last one counts, as for every reader of JSON; %d repetitions of the first are not read", key, n)
			} else {
				r.note("the keys %q and %q are the same configuration: the last one counts; %d repetitions of the first are not read", shorten(first), shorten(text), n)
			}
			r.out.cells[i], spelled[key] = c, text
			return nil
		}
		at[key], spelled[key] = len(r.out.cells), text
		r.out.cells = append(r.out.cells, c)
		return nil
	})
	if err != nil {
		return err
	}
	r.skipSpace()
	if !r.ended() {
		return r.wanted("the end of the file after the profile")
	}
	if !errors.Is(r.err, io.EOF) {
		return r.cutOff("want the end of the file")
	}
	return nil
}

func (r *reader) note(format string, args ...any) {
	r.out.notes = append(r.out.notes, fmt.Sprintf(format, args...))
}

// cell reads what stands under a key. null is a cell of which nothing is known.
func (r *reader) cell(key Key) (profileCell, error) {
	c := profileCell{key: key}
	r.skipSpace()
	if r.peek() != '{' {
		v, err := r.scalar("an object of metrics")
		if err == nil && v.kind != isNull {
			err = r.problem("want an object of metrics, got a single value")
		}
		return c, err
	}
	foreign := "" // a metric that is none
	err := r.object(func(name string) error {
		r.path.inMetric, r.path.metric, r.path.rep, r.path.worker = true, shorten(name), -1, -1
		col, err := r.column(r.intern(name))
		if err != nil {
			return err
		}
		r.path.inMetric = false
		switch old := c.column(col.name); {
		case col.bad:
			r.drop(col.name)
			foreign = name
		case old != nil:
			r.note("%q: the metric %s is there twice: the last one counts, as for every reader of JSON", key, col.name)
			*old = col
		default:
			c.columns = append(c.columns, col)
		}
		return nil
	})
	if err == nil && len(c.columns) == 0 && foreign != "" {
		err = r.problem("want metrics such as worker_time_execution and TDP, lists of repetitions, and there is none: got only the likes of %s", plain(foreign))
	}
	return c, err
}

func (r *reader) intern(text string) string {
	if have, ok := r.names[text]; ok {
		return have
	}
	const many = 4096
	if len(r.names) < many {
		r.names[text] = text
	}
	return text
}

// drop remembers a metric that is not made of numbers.
func (r *reader) drop(name string) {
	for _, have := range r.out.dropped {
		if have == name {
			return
		}
	}
	r.out.dropped = append(r.out.dropped, name)
}

// column reads a metric. What a metric of the format must be, others need not:
// of another shape, they are passed over.
func (r *reader) column(name string) (column, error) {
	col := column{name: name}
	m, ours := known(name)
	if !ours {
		r.unknown(name)
	}
	r.skipSpace()
	if r.peek() != '[' {
		return r.instead(col, ours, "a list of repetitions")
	}
	err := r.list(func(i int) error {
		r.path.rep, r.path.worker = i, -1
		r.skipSpace()
		if r.peek() != '[' {
			var err error
			col, err = r.instead(col, ours, "a list of the workers' values")
			col.reps = append(col.reps, len(col.nums))
			return err
		}
		err := r.list(func(j int) error {
			r.path.worker = j
			return r.value(&col, m, ours)
		})
		col.reps = append(col.reps, len(col.nums))
		return err
	})
	return col, err
}

func (r *reader) unknown(name string) {
	for _, have := range r.out.unknown {
		if have == name {
			return
		}
	}
	r.out.unknown = append(r.out.unknown, name)
}

// instead is for what stands where a list should: null is an empty one.
func (r *reader) instead(col column, ours bool, what string) (column, error) {
	if !ours {
		r.skipSpace()
		if r.peek() != 'n' {
			col.bad = true
		}
		return col, r.skip()
	}
	v, err := r.scalar(what)
	if err == nil && v.kind != isNull {
		err = r.problem("want %s, got a single value", what)
	}
	return col, err
}

// value reads one value of a column.
func (r *reader) value(col *column, m Metric, ours bool) error {
	if r.values++; r.values > maxValues {
		return r.problem("more than %d values: no profile has so many", maxValues)
	}
	r.skipSpace()
	if c := r.peek(); !ours && (c == '{' || c == '[') {
		col.bad = true
		return r.skip()
	}
	line, offset := r.line, r.before+int64(r.pos)
	want := "a number"
	if m.Kind == Label {
		want = "a text"
	}
	v, err := r.scalar(want)
	if err != nil {
		return err
	}
	if m.Kind == Label || !ours && v.kind == isText && len(col.nums) == len(col.texts) {
		return r.label(col, v)
	}
	num := math.NaN()
	odd := r.odd(col.name)
	switch v.kind {
	case isNull:
		odd.null++
	case isNaN:
		odd.nan++
	case isNumber:
		num = v.num
		if (m.Kind == Time || m.Kind == Usage) && (num < 0 || num > maxBelievable) {
			num = math.NaN()
			odd.beyond++
		}
	default:
		if m.Kind == Time || m.Kind == Usage {
			return &Error{Line: line, Offset: offset, Key: r.path.String(), Text: "want a number, got " + strconv.Quote(shorten(v.text))}
		}
		odd.text++
	}
	if math.IsNaN(num) && odd.first == "" {
		odd.first = r.path.String()
	}
	col.nums = append(col.nums, num)
	if col.texts != nil {
		col.bad = true // texts and numbers in turns are neither
	}
	return nil
}

// label appends a text. The numbers keep the count.
func (r *reader) label(col *column, v scalar) error {
	text := r.intern(strings.ToValidUTF8(v.text, "�"))
	switch v.kind {
	case isNumber:
		text = strconv.FormatFloat(v.num, 'g', -1, 64)
	case isNull, isNaN:
		odd := r.odd(col.name)
		odd.null++
		if odd.first == "" {
			odd.first = r.path.String()
		}
		text = ""
	}
	if col.texts == nil {
		col.texts = []string{}
	}
	col.texts = append(col.texts, text)
	col.nums = append(col.nums, math.NaN())
	return nil
}

func (r *reader) odd(name string) *oddities {
	o := r.out.odd[name]
	if o == nil {
		o = &oddities{}
		r.out.odd[name] = o
	}
	return o
}

// repetitions is how often the configuration was run: so often as there are
// times of it. Metrics with more repetitions than there are times say nothing
// of any invocation.
func (c *profileCell) repetitions() int {
	times, any := 0, 0
	for i := range c.columns {
		n := len(c.columns[i].reps)
		any = max(any, n)
		if k := describe(c.columns[i].name).Kind; k == Time || k == Usage {
			times = max(times, n)
		}
	}
	if times > 0 {
		return times
	}
	return any
}

// workers is how many there were in a repetition.
func (c *profileCell) workers(rep int) int {
	n := 0
	for i := range c.columns {
		if k := describe(c.columns[i].name).Kind; k == Time || k == Usage {
			n = max(n, c.columns[i].workers(rep))
		}
	}
	if n > 0 {
		return n
	}
	for i := range c.columns {
		n = max(n, c.columns[i].workers(rep))
	}
	return n
}
