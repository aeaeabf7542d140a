package model

import (
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for in, want := range map[string]struct {
		key    string
		clock  float64
		masked bool
	}{
		"Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz":   {"xeon platinum 8275cl", 3.0, false},
		"Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz":        {"xeon e5-2686 v4", 2.3, false},
		"Intel(R) Xeon(R) Processor @ 2.50GHz":             {"xeon", 2.5, true},
		"Intel(R) Xeon(R) CPU @ 2.20GHz":                   {"xeon", 2.2, true},
		"Intel Xeon Processor (Skylake, IBRS)":             {"xeon", 0, true},
		"INTEL(R) XEON(R) PLATINUM 8592+":                  {"xeon platinum 8592+", 0, false},
		"12th Gen Intel(R) Core(TM) i7-12700K":             {"core i7-12700k", 0, false},
		"Intel(R) Core(TM) Ultra 7 155H":                   {"core ultra 7 155h", 0, false},
		"Intel(R) Pentium(R) III CPU @ 1000MHz":            {"pentium iii", 1, true},
		"AMD EPYC":                                         {"epyc", 0, true},
		"AMD EPYC 7R13 Processor":                          {"epyc 7r13", 0, false},
		"AMD EPYC 7763 64-Core Processor":                  {"epyc 7763", 0, false},
		"AMD EPYC-Milan Processor":                         {"epyc-milan", 0, true},
		"AMD Ryzen 7 PRO 5850U with Radeon Graphics":       {"ryzen 7 pro 5850u", 0, false},
		"AMD Ryzen Threadripper 1950X 16-Core Processor":   {"ryzen threadripper 1950x", 0, false},
		"AMD Ryzen 5 1600 Six-Core Processor":              {"ryzen 5 1600", 0, false},
		"QEMU Virtual CPU version 2.5+":                    {"qemu virtual version 2.5+", 0, true},
		"Common KVM processor":                             {"common kvm", 0, true},
		"Neoverse-N1":                                      {"neoverse-n1", 0, false},
		"":                                                 {"", 0, true},
		"@ 9999999GHz":                                     {"", 0, true},
		"Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz  (weird": {"xeon gold 6148 (weird", 2.4, false},
	} {
		b := parseName(in)
		if b.key != want.key || b.clockGHz != want.clock || b.masked != want.masked {
			t.Errorf("parseName(%q) = %q %g masked %v, want %q %g %v", in, b.key, b.clockGHz, b.masked, want.key, want.clock, want.masked)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz")
	f.Add("AMD EPYC-Rome Processor (with IBPB)")
	f.Add("@ 1e9 ghz ((( e5-2680v4 -core 12th")
	f.Fuzz(func(t *testing.T, s string) {
		b := parseName(s)
		if b.key != strings.Join(strings.Fields(b.key), " ") {
			t.Errorf("key %q has stray blanks", b.key)
		}
		if !(b.clockGHz >= 0 && b.clockGHz <= 20) {
			t.Errorf("clock %g", b.clockGHz)
		}
		// Whatever a machine calls itself, there is an answer with a range.
		m, err := Identify(Identity{ModelName: s, Virtual: true}, Given{})
		if err != nil || m.TDP.check("") != nil || m.PerThread.check("") != nil {
			t.Errorf("Identify: %+v, %v", m, err)
		}
	})
}
