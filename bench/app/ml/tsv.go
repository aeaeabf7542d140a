package ml

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/energyprobe/energyprobe/bench/app/pca"
)

// images are rows with what they are of.
type images struct {
	labels []uint8
	pixels pca.Pixels
}

// longest is how long a line may be: numbers in exponential form take 25 bytes.
const longest = 32 * (columns + 1)

// parse reads rows from r until there are limit of them; 0 is no limit. Lines are
// a label and the pixels, separated by tabs. A file in which rows have no or other
// than 784 pixels is not one of these images.
func parse(r io.Reader, limit int) (images, error) {
	out := images{pixels: pca.Pixels{Cols: columns}}
	out.pixels.V = make([]uint8, 0, min(limit, 1<<16)*columns)
	in := bufio.NewReaderSize(r, max(1<<16, longest))
	for line := 1; limit == 0 || out.pixels.Rows < limit; line++ {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return images{}, fmt.Errorf("line %d is longer than %d bytes: rows are a label and %d pixels", line, in.Size(), columns)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return images{}, err
		}
		text = bytes.TrimRight(text, "\r\n")
		if len(text) > 0 {
			if bad := out.row(text); bad != nil {
				return images{}, fmt.Errorf("line %d: %w", line, bad)
			}
		}
		if err != nil {
			break
		}
	}
	return out, nil
}

// fourZeros is the text of four pixels that are 0, which most are.
const fourZeros = "0\t0\t0\t0\t"

// row takes one line in.
func (m *images) row(text []byte) error {
	had := len(m.pixels.V)
	m.pixels.V = slices.Grow(m.pixels.V, columns)
	row := m.pixels.V[had : had+columns]
	column := 0 // 0 is the label
	for {
		for column > 0 && column+4 <= columns && len(text) > len(fourZeros) && string(text[:len(fourZeros)]) == fourZeros {
			row[column-1], row[column], row[column+1], row[column+2] = 0, 0, 0, 0
			column += 4
			text = text[len(fourZeros):]
		}
		v, n, err := number(text, column)
		if err != nil {
			return err
		}
		switch {
		case column > columns:
			return fmt.Errorf("there are more than %d pixels (%d x %d)", columns, side, side)
		case column > 0:
			row[column-1] = v
		case v >= classes:
			return fmt.Errorf("the label is %d: labels are 0 to %d", v, classes-1)
		default:
			m.labels = append(m.labels, v)
		}
		if n == len(text) {
			break
		}
		column++
		text = text[n+1:]
	}
	if column != columns {
		return fmt.Errorf("%d pixels follow the label, there must be %d (%d x %d)", column, columns, side, side)
	}
	m.pixels.V = m.pixels.V[:had+columns]
	m.pixels.Rows++
	return nil
}

// number reads what comes before the next tab, and says how long it is.
func number(text []byte, column int) (v uint8, n int, err error) {
	value := 0
	for n < len(text) && n < 3 && text[n]-'0' <= 9 {
		value = value*10 + int(text[n]-'0')
		n++
	}
	if n == 0 || n < len(text) && text[n] != '\t' {
		// Something else than up to three digits: the slow way.
		n = len(text)
		if tab := bytes.IndexByte(text, '\t'); tab >= 0 {
			n = tab
		}
		if n == 0 {
			return 0, 0, fmt.Errorf("column %d is empty", column+1)
		}
		if value, err = whole(text[:n]); err != nil {
			return 0, 0, fmt.Errorf("column %d is %.40q: labels and pixels are whole numbers", column+1, text[:n])
		}
	}
	if value < 0 || value > 255 {
		return 0, 0, fmt.Errorf("column %d is %d: labels are 0 to %d, pixels 0 to 255", column+1, value, classes-1)
	}
	return uint8(value), n, nil
}

// whole reads what NumPy writes for a whole number: 7, 7.0, 7.000e+00.
func whole(text []byte) (int, error) {
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, err
	}
	if v != math.Trunc(v) || math.Abs(v) > 1<<20 {
		return 0, strconv.ErrRange
	}
	return int(v), nil
}

// appendRow writes a row as parse reads it.
func appendRow(to []byte, label uint8, pixels []uint8) []byte {
	to = strconv.AppendUint(to, uint64(label), 10)
	for _, p := range pixels {
		to = strconv.AppendUint(append(to, '\t'), uint64(p), 10)
	}
	return append(to, '\n')
}
