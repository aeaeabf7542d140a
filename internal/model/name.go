package model

import (
	"strconv"
	"strings"
)

// brand is what a processor's brand string says.
type brand struct {
	// key is the name in the form names are compared in: lower case, words
	// that all names share left out, "xeon platinum 8275cl".
	key string
	// words are the parts of key without a digit: family names such as xeon
	// or epyc. They still hold when the part's number is masked.
	words []string
	// clockGHz is the "@ 3.00GHz" of Intel's brand strings, 0 without one.
	clockGHz float64
	// masked: the string names no part, as hypervisors like it ("AMD EPYC",
	// "Intel(R) Xeon(R) Processor @ 2.50GHz").
	masked bool
}

// marks are what makers decorate their names with.
var marks = strings.NewReplacer("(r)", " ", "(tm)", " ", "®", " ", "™", " ", "(c)", " ", "_", " ")

// fillers are words of brand strings that tell no two parts apart.
var fillers = map[string]bool{
	"intel": true, "amd": true, "cpu": true, "processor": true, "gen": true,
	"apu": true, "genuine": true, "authentic": true, "server": true,
}

// parseName takes a brand string apart. It never fails: what it can't make
// sense of stays in the key.
func parseName(s string) brand {
	var b brand
	s = marks.Replace(strings.ToLower(s))
	s, b.clockGHz = cutClock(s)
	// "AMD Ryzen 7 5850U with Radeon Graphics", "EPYC Processor (with IBPB)".
	s = cutParens(s)
	s, _, _ = strings.Cut(s, " with ")
	s, _, _ = strings.Cut(s, " w/ ") // "AMD Ryzen 7 7840U w/ Radeon 780M Graphics"
	emulated := strings.Contains(s, "qemu") || strings.Contains(s, "kvm")
	var kept []string
	for _, w := range strings.Fields(s) {
		if fillers[w] || countsCores(w) || ordinal(w) {
			continue
		}
		// People write "e5-2686v4" for "e5-2686 v4".
		if n := len(w) - 2; n > 6 && w[0] == 'e' && w[2] == '-' && w[n] == 'v' && isDigit(w[n+1]) {
			kept = append(kept, w[:n], w[n:])
			continue
		}
		kept = append(kept, w)
	}
	b.key, b.masked = strings.Join(kept, " "), true
	for _, w := range kept {
		if strings.ContainsAny(w, "0123456789") {
			b.masked = false
		} else if !emulated {
			// QEMU's "epyc-milan": the first part is the family.
			w, _, _ = strings.Cut(w, "-")
			b.words = append(b.words, w)
		}
	}
	b.masked = b.masked || emulated
	return b
}

// cutClock takes the "@ 3.00ghz" out of a brand string.
func cutClock(s string) (rest string, ghz float64) {
	at := strings.IndexByte(s, '@')
	if at < 0 {
		return s, 0
	}
	tail := strings.TrimLeft(s[at+1:], " ")
	n := 0
	for n < len(tail) && (isDigit(tail[n]) || tail[n] == '.') {
		n++
	}
	v, err := strconv.ParseFloat(tail[:n], 64)
	unit := strings.TrimLeft(tail[n:], " ")
	if err != nil || len(unit) < 3 || unit[1:3] != "hz" || unit[0] != 'g' && unit[0] != 'm' {
		return s, 0
	}
	if unit[0] == 'm' {
		v /= 1000
	}
	if v > 20 {
		v = 0 // no processor's clock
	}
	return s[:at] + " " + unit[3:], v
}

// cutParens takes out what stands in parentheses; an open one without its
// partner stays.
func cutParens(s string) string {
	for {
		open := strings.LastIndexByte(s, '(')
		if open < 0 {
			return s
		}
		n := strings.IndexByte(s[open:], ')')
		if n < 0 {
			return s
		}
		s = s[:open] + " " + s[open+n+1:]
	}
}

// countsCores finds "64-core" and "six-core".
func countsCores(w string) bool {
	n, ok := strings.CutSuffix(w, "-core")
	return ok && n != "" && (allDigits(n) || !strings.ContainsAny(n, "0123456789"))
}

// ordinal finds the "12th" of "12th Gen".
func ordinal(w string) bool {
	n := len(w) - 2
	return n >= 1 && n <= 2 && allDigits(w[:n]) && (w[n:] == "th" || w[n:] == "st" || w[n:] == "nd" || w[n:] == "rd")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// serverName reports whether a name belongs to a server family.
func serverName(name string) bool {
	for _, w := range parseName(name).words {
		switch w {
		case "xeon", "epyc", "opteron", "altra", "ampereone", "neoverse", "thunderx":
			return true
		}
	}
	return false
}
