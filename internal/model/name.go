package model

import (
	"regexp"
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

var (
	clockPattern = regexp.MustCompile(`@\s*([0-9]+(?:\.[0-9]+)?)\s*([gm])hz`)
	marks        = strings.NewReplacer("(r)", " ", "(tm)", " ", "®", " ", "™", " ", "(c)", " ", "_", " ")
	inParens     = regexp.MustCompile(`\([^()]*\)`)
	coreCount    = regexp.MustCompile(`^(?:[0-9]+|dual|quad|six|eight|twelve|sixteen)-core$`)
	ordinal      = regexp.MustCompile(`^[0-9]{1,2}(?:st|nd|rd|th)$`)
	// xeonVersion finds "e5-2686v4", which people write for "e5-2686 v4".
	xeonVersion = regexp.MustCompile(`^(e[357]-[0-9]{4}[a-z]?)(v[0-9])$`)
)

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
	if m := clockPattern.FindStringSubmatchIndex(s); m != nil {
		b.clockGHz, _ = strconv.ParseFloat(s[m[2]:m[3]], 64) // the pattern has digits only
		if s[m[4]:m[5]] == "m" {
			b.clockGHz /= 1000
		}
		if b.clockGHz > 20 {
			b.clockGHz = 0
		}
		s = s[:m[0]] + " " + s[m[1]:]
	}
	// "AMD Ryzen 7 5850U with Radeon Graphics", "EPYC Processor (with IBPB)".
	s = inParens.ReplaceAllString(s, " ")
	s, _, _ = strings.Cut(s, " with ")
	emulated := strings.Contains(s, "qemu") || strings.Contains(s, "kvm")
	var kept []string
	for _, w := range strings.Fields(s) {
		if fillers[w] || coreCount.MatchString(w) || ordinal.MatchString(w) {
			continue
		}
		if m := xeonVersion.FindStringSubmatch(w); m != nil {
			kept = append(kept, m[1], m[2])
			continue
		}
		kept = append(kept, w)
	}
	b.key = strings.Join(kept, " ")
	b.masked = true
	for _, w := range kept {
		if strings.ContainsAny(w, "0123456789") {
			b.masked = false
		} else if !emulated {
			// QEMU's "epyc-milan": the first part is the family.
			w, _, _ = strings.Cut(w, "-")
			b.words = append(b.words, w)
		}
	}
	if emulated || strings.HasPrefix(b.key, "neoverse") {
		b.masked = true // neither names a part that is sold
	}
	return b
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
