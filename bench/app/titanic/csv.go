package titanic

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/bench/app"
)

// features are the columns that trees look at, in the order in which pandas
// leaves them: get_dummies puts what it makes of Sex last, and without the first
// of its values that is Sex_male.
var features = []string{"Pclass", "Age", "SibSp", "Parch", "Fare", "Sex"}

const sex = 5 // its place there

// Passengers are those of whom all is known that is looked at.
type Passengers struct {
	Survived []uint8
	Columns  [6][]float64 // Pclass, Age, SibSp, Parch, Fare, and 1 for men
	Lines    int          // of all passengers
}

// layout is where the fields of a line are.
type layout struct {
	fields   int
	survived int
	features [6]int
}

// parseHeader finds the columns by their names, as the file of the Titanic
// competition spells them.
func parseHeader(header []string) (layout, error) {
	l := layout{fields: len(header)}
	find := func(name string) (int, error) {
		i := slices.Index(header, name)
		if i < 0 {
			return 0, fmt.Errorf("no column %s: the first line is to name Survived, %s", name, strings.Join(features, ", "))
		}
		return i, nil
	}
	var err error
	if l.survived, err = find("Survived"); err != nil {
		return l, err
	}
	for i, name := range features {
		if l.features[i], err = find(name); err != nil {
			return l, err
		}
	}
	return l, nil
}

// missing are pandas' spellings of what isn't known, as far as files of
// passengers have them.
func missing(field string) bool {
	return field == "" || field == "NA" || field == "NaN" || field == "nan"
}

// add takes a line in, unless something is missing there that is looked at.
func (p *Passengers) add(l *layout, record []string) error {
	p.Lines++
	var v [6]float64
	gone := missing(record[l.survived])
	for i, at := range l.features {
		field := record[at]
		switch {
		case missing(field):
			gone = true
		case i == sex && field == "male":
			v[i] = 1
		case i == sex && field == "female":
			v[i] = 0
		case i == sex:
			return fmt.Errorf("column Sex: %q is neither male nor female", field)
		default:
			var err error
			if v[i], err = strconv.ParseFloat(field, 64); err != nil || math.IsInf(v[i], 0) || math.IsNaN(v[i]) {
				return fmt.Errorf("column %s: %q is not a number", features[i], field)
			}
		}
	}
	if gone {
		return nil
	}
	switch record[l.survived] {
	case "0", "1":
		p.Survived = append(p.Survived, record[l.survived][0]-'0')
	default:
		return fmt.Errorf("column Survived: %q is neither 0 nor 1", record[l.survived])
	}
	for i := range v {
		p.Columns[i] = append(p.Columns[i], v[i])
	}
	return nil
}

// read parses lines without the first one.
func read(r io.Reader, l layout) (*Passengers, error) {
	p, c := &Passengers{}, newReader(r)
	c.FieldsPerRecord, c.ReuseRecord = l.fields, true
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		if err := p.add(&l, record); err != nil {
			line, _ := c.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func newReader(r io.Reader) *csv.Reader { return csv.NewReader(bufio.NewReaderSize(r, 1<<16)) }

// Part reads a worker's part of a file in which each passenger has one line. A
// line is of the part in which its first byte lies.
func Part(path string, worker, of int) (*Passengers, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	first, err := lineEnd(f, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	header, err := newReader(io.NewSectionReader(f, 0, first)).Read()
	if err != nil {
		return nil, fmt.Errorf("%s: first line: %w", path, err)
	}
	l, err := parseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	from, to := app.Share(int(info.Size()-first), worker, of)
	var bounds [2]int64
	for i, at := range []int{from, to} {
		// From the byte before: a line that begins here ends there.
		if bounds[i] = first; at > 0 {
			if bounds[i], err = lineEnd(f, first+int64(at)-1); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	p, err := read(io.NewSectionReader(f, bounds[0], bounds[1]-bounds[0]), l)
	if err != nil {
		return nil, fmt.Errorf("%s, from byte %d on: %w", path, bounds[0], err)
	}
	return p, nil
}

// lineEnd returns where the line ends that has the byte at an offset: after its
// newline, or where the file ends.
func lineEnd(f io.ReaderAt, at int64) (int64, error) {
	buf := make([]byte, 512)
	for {
		n, err := f.ReadAt(buf, at)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// repeat writes the passengers of a file again and again until there are n
// lines of them, each on a line of its own whatever its fields have in them.
func repeat(w io.Writer, r io.Reader, n int) error {
	records, err := newReader(r).ReadAll()
	if err != nil {
		return err
	}
	if len(records) < 2 {
		return errors.New("no passengers: a line with the columns' names and a line for each passenger are needed")
	}
	records[0][0] = strings.TrimPrefix(records[0][0], "\ufeff") // as spreadsheets begin files
	l, err := parseHeader(records[0])
	if err != nil {
		return err
	}
	known := &Passengers{}
	for i, record := range records {
		if i > 0 {
			if err := known.add(&l, record); err != nil {
				return fmt.Errorf("passenger %d: %w", i, err)
			}
		}
		for j, field := range record {
			if strings.ContainsAny(field, "\r\n") {
				record[j] = strings.Join(strings.Fields(field), " ")
			}
		}
	}
	c := csv.NewWriter(w)
	if err := c.Write(records[0]); err != nil {
		return err
	}
	records = records[1:]
	for i := range n {
		if err := c.Write(records[i%len(records)]); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
