package rapl

import (
	"errors"
	"math"
)

// maxContent is the longest content of a number file: the 20 digits of 2^64-1
// and a newline, with room for padding.
const maxContent = 31

// What can be wrong with a number file. They hold no content, so that a
// counter which is wrong on every read costs no allocation.
var (
	errEmpty   = errors.New("the file is empty")
	errTooLong = errors.New("more than a number in the file")
	errNumber  = errors.New("not a non-negative decimal number")
	errRange   = errors.New("the number does not fit 64 bits")
)

// parseCount parses the content of energy_uj and its like: decimal digits,
// then nothing but newlines. Whatever else a file may hold is an error and
// never a 0.
func parseCount(b []byte) (uint64, error) {
	if len(b) > maxContent {
		return 0, errTooLong
	}
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return 0, errEmpty
	}
	var n uint64
	for _, c := range b {
		d := uint64(c - '0')
		if c < '0' || d > 9 {
			return 0, errNumber
		}
		if n > math.MaxUint64/10 || n*10 > math.MaxUint64-d {
			return 0, errRange
		}
		n = n*10 + d
	}
	return n, nil
}
