package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxNesting bounds the nesting of a profile, whose deepest field is the
// seventh.
const maxNesting = 32

// openDocument opens a regular file. Anything else is refused: a FIFO would
// wait for its writer, and a device need not end.
func openDocument(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: it is a %s, and no file", path, kindOf(info.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "FIFO"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// maxNumber is beyond any power, count or coefficient of a profile. What is
// larger would overflow when powers are added.
const maxNumber = 1e9

// container is an object or a list that is being read.
type container struct {
	object bool
	key    string          // of an object: the field at hand, or the last one
	inside bool            // of an object: its value is due, and not the next name
	index  int             // of a list: how many elements there were
	seen   map[string]bool // of an object: its fields, in lower case, as encoding/json takes them
}

// document walks through JSON to say where it is: encoding/json does not, and
// takes the last of two fields of one name.
type document struct {
	dec  *json.Decoder
	path []container
}

// faultIn returns the first fault of a document that encoding/json would let
// pass, with its field, and the field at which it ends or can't be read on.
func faultIn(data []byte) (field string, err error) {
	d := document{dec: json.NewDecoder(bytes.NewReader(data))}
	for {
		token, err := d.dec.Token()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return d.field(), nil // a document cut off is told by its line
		}
		if err != nil {
			return d.field(), nil
		}
		if err := d.take(token); err != nil {
			return d.field(), err
		}
		if len(d.path) == 0 {
			return "", nil // what comes after is json.Unmarshal's to refuse
		}
	}
}

// take follows one token.
func (d *document) take(token json.Token) error {
	delim, _ := token.(json.Delim)
	top := d.top()
	switch {
	case delim == '}' || delim == ']':
		d.path = d.path[:len(d.path)-1]
		d.done()
	case top != nil && top.object && !top.inside:
		top.key, _ = token.(string)
		top.inside = true
		lower := strings.ToLower(top.key)
		if top.seen[lower] {
			return errors.New("it is there twice")
		}
		top.seen[lower] = true
	case delim != 0:
		if len(d.path) == maxNesting {
			return fmt.Errorf("it is nested deeper than %d levels", maxNesting)
		}
		d.path = append(d.path, container{object: delim == '{', seen: map[string]bool{}})
	default:
		if v, ok := token.(float64); ok && math.Abs(v) > maxNumber && d.field() != "seed" {
			return fmt.Errorf("%g is more than any host has", v)
		}
		d.done()
	}
	return nil
}

// done ends a value.
func (d *document) done() {
	if top := d.top(); top != nil {
		top.inside = false
		top.index++
	}
}

func (d *document) top() *container {
	if len(d.path) == 0 {
		return nil
	}
	return &d.path[len(d.path)-1]
}

// field names the one at hand, such as package.tiers[1].curve[0].power_w.
func (d *document) field() string {
	var b strings.Builder
	for i := range d.path {
		switch c := &d.path[i]; {
		case !c.object:
			fmt.Fprintf(&b, "[%d]", c.index)
		case c.key != "" && b.Len() > 0:
			b.WriteString("." + c.key)
		default:
			b.WriteString(c.key)
		}
	}
	return b.String()
}
