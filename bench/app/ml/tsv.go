package ml

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
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

// row takes one line in.
func (m *images) row(text []byte) error {
	had := len(m.pixels.V)
	column, value, digits := 0, 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i] != '\t' {
			if c := text[i] - '0'; c <= 9 && digits < 3 {
				value, digits = value*10+int(c), digits+1
				continue
			}
			// Something else than up to three digits: the slow way.
			from, end := i-digits, i
			for end < len(text) && text[end] != '\t' {
				end++
			}
			v, err := whole(text[from:end])
			if err != nil {
				return fmt.Errorf("column %d is %.40q: labels and pixels are whole numbers", column+1, text[from:end])
			}
			value, digits, i = v, 1, end
		}
		if digits == 0 {
			return fmt.Errorf("column %d is empty", column+1)
		}
		if err := m.value(column, value); err != nil {
			return err
		}
		column, value, digits = column+1, 0, 0
	}
	if got := len(m.pixels.V) - had; got != columns {
		return fmt.Errorf("%d pixels follow the label, there must be %d (%d x %d)", got, columns, side, side)
	}
	m.pixels.Rows++
	return nil
}

func (m *images) value(column, v int) error {
	switch {
	case column == 0 && (v < 0 || v >= classes):
		return fmt.Errorf("the label is %d: labels are 0 to %d", v, classes-1)
	case column == 0:
		m.labels = append(m.labels, uint8(v))
	case v < 0 || v > 255:
		return fmt.Errorf("column %d is %d: pixels are 0 to 255", column+1, v)
	case column > columns:
		return fmt.Errorf("there are more than %d pixels (%d x %d)", columns, side, side)
	default:
		m.pixels.V = append(m.pixels.V, uint8(v))
	}
	return nil
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
