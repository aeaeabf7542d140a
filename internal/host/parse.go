package host

import "bytes"

// parseNumber parses a file that holds one unsigned number and white space.
func parseNumber(b []byte) (uint64, error) {
	v, rest, ok := uintField(b)
	if !ok || len(bytes.TrimSpace(rest)) != 0 {
		return 0, errMalformed
	}
	return v, nil
}

// uintField takes an unsigned decimal number off the front of b, after
// blanks, and returns what follows it. It refuses numbers above 2^64-1 and
// numbers with something stuck to them.
func uintField(b []byte) (v uint64, rest []byte, ok bool) {
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

// skipFields drops n words of one line from the front of b; ok is false where
// there are fewer.
func skipFields(b []byte, n int) (rest []byte, ok bool) {
	for ; n > 0; n-- {
		var word []byte
		if word, b = nextField(b); len(word) == 0 {
			return nil, false
		}
	}
	return b, true
}

// nextField returns the first word of b's first line, empty at its end.
func nextField(b []byte) (word, rest []byte) {
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

// nextLine splits b at its first newline.
func nextLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// keyedLine returns what follows key on the first line that starts with it.
// Key includes the separator, so that "cpu " does not find "cpu0".
func keyedLine(b []byte, key string) (value []byte, ok bool) {
	for len(b) > 0 {
		var line []byte
		line, b = nextLine(b)
		if len(line) >= len(key) && string(line[:len(key)]) == key {
			return line[len(key):], true
		}
	}
	return nil, false
}

// keyedNumber returns the first number that follows key on its line.
func keyedNumber(b []byte, key string) (uint64, error) {
	line, ok := keyedLine(b, key)
	if !ok {
		return 0, errNoLine
	}
	v, _, ok := uintField(line)
	if !ok {
		return 0, errMalformed
	}
	return v, nil
}
