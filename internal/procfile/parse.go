package procfile

import "bytes"

// ParseNumber parses a file that holds one unsigned number and white space.
func ParseNumber(b []byte) (uint64, error) {
	v, rest, ok := Uint(b)
	if !ok || len(bytes.TrimSpace(rest)) != 0 {
		return 0, ErrMalformed
	}
	return v, nil
}

// Uint takes an unsigned decimal number off the front of b, after
// blanks, and returns what follows it. It refuses numbers above 2^64-1 and
// numbers with something stuck to them.
func Uint(b []byte) (v uint64, rest []byte, ok bool) {
	i := 0
	for i < len(b) && blank(b[i]) {
		i++
	}
	from := i
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := uint64(b[i] - '0')
		if v > (1<<64-1-d)/10 {
			return 0, b, false
		}
		v = v*10 + d
	}
	if i == from || i < len(b) && !blank(b[i]) && b[i] != '\n' {
		return 0, b, false
	}
	return v, b[i:], true
}

// Skip drops n words of one line from the front of b; ok is false where
// there are fewer.
func Skip(b []byte, n int) (rest []byte, ok bool) {
	for ; n > 0; n-- {
		var word []byte
		if word, b = Word(b); len(word) == 0 {
			return nil, false
		}
	}
	return b, true
}

// Word returns the first word of b's first line, empty at its end.
func Word(b []byte) (word, rest []byte) {
	i := 0
	for i < len(b) && blank(b[i]) {
		i++
	}
	from := i
	for i < len(b) && !blank(b[i]) && b[i] != '\n' {
		i++
	}
	return b[from:i], b[i:]
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// Line splits b at its first newline.
func Line(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// Keyed returns what follows key on the first line that starts with it.
// Key includes the separator, so that "cpu " does not find "cpu0".
func Keyed(b []byte, key string) (value []byte, ok bool) {
	for len(b) > 0 {
		var line []byte
		line, b = Line(b)
		if len(line) >= len(key) && string(line[:len(key)]) == key {
			return line[len(key):], true
		}
	}
	return nil, false
}

// KeyedNumber returns the first number that follows key on its line.
func KeyedNumber(b []byte, key string) (uint64, error) {
	line, ok := Keyed(b, key)
	if !ok {
		return 0, ErrNoLine
	}
	v, _, ok := Uint(line)
	if !ok {
		return 0, ErrMalformed
	}
	return v, nil
}
