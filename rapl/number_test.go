package rapl

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestParseCount(t *testing.T) {
	for content, want := range map[string]uint64{
		"0\n":                    0,
		"7":                      7,
		"262143328850\n":         262143328850,
		"12345\n\n\n":            12345, // padded by a writer of fixed-size files
		"18446744073709551615\n": math.MaxUint64,
		"00012\n":                12,
	} {
		if got, err := parseCount([]byte(content)); err != nil || got != want {
			t.Errorf("parseCount(%q) = %d, %v, want %d", content, got, err, want)
		}
	}
	for content, want := range map[string]error{
		"":                        errEmpty,
		"\n":                      errEmpty,
		" 1\n":                    errNumber,
		"1 \n":                    errNumber,
		"-1\n":                    errNumber,
		"+1\n":                    errNumber,
		"1\n2\n":                  errNumber,
		"1\r\n":                   errNumber,
		"\x00\n":                  errNumber,
		"1\x00":                   errNumber,
		"\x1b[31m1\n":             errNumber,
		"0x10\n":                  errNumber,
		"1e3\n":                   errNumber,
		"１２\n":                    errNumber,
		"12 uJ\n":                 errNumber,
		"18446744073709551616\n":  errRange,
		"184467440737095516150\n": errRange,
		strings.Repeat("1", 32):   errTooLong,
		strings.Repeat("\n", 32):  errTooLong,
	} {
		if got, err := parseCount([]byte(content)); err != want {
			t.Errorf("parseCount(%q) = %d, %v, want %v", content, got, err, want)
		}
	}
}

// FuzzParseCount holds parseCount against strconv.
func FuzzParseCount(f *testing.F) {
	for _, s := range []string{"0\n", "262143328850\n", "", "\n", "-1", "1\n2", "18446744073709551616", "99999999999999999999999999999999999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseCount(b)
		text := strings.TrimRight(string(b), "\n")
		want, wantErr := strconv.ParseUint(text, 10, 64)
		ok := wantErr == nil && len(b) <= maxContent && !strings.ContainsAny(text, "+-_")
		if (err == nil) != ok || ok && got != want {
			t.Errorf("parseCount(%q) = %d, %v; strconv says %d, %v", b, got, err, want, wantErr)
		}
	})
}
