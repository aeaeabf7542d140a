package load

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		text string
		want Spec
		back string // "" for the text
	}{
		{"alu cpus=3", Spec{Kernel: "alu", CPUs: []int{3}, Duty: 1}, ""},
		{"alu cpus=0,2-5 duty=0.5 period=10ms", Spec{Kernel: "alu", CPUs: []int{0, 2, 3, 4, 5}, Duty: 0.5}, "alu cpus=0,2-5 duty=0.5"},
		{"chase cpus=4,0 duty=0.05 period=20ms aligned seed=18446744073709551615 buffer=1048576",
			Spec{Kernel: "chase", CPUs: []int{4, 0}, Duty: 0.05, Period: 20 * ms, Aligned: true, Seed: 1<<64 - 1, Buffer: 1 << 20}, ""},
		{"mixed cpus=0-2 trace=100ms@1,50ms@0.5x2,70ms@0", Spec{Kernel: "mixed", CPUs: []int{0, 1, 2},
			Trace: []Segment{{For: 100 * ms, Duty: 1}, {For: 50 * ms, Duty: 0.5, CPUs: 2}, {For: 70 * ms}}}, ""},
		{"  hash-gzip   seed=7 bursty  duty=0.4 cpus=1,0,2 ", Spec{Kernel: "hash-gzip", CPUs: []int{1, 0, 2}, Duty: 0.4, Bursty: true, Seed: 7},
			"hash-gzip cpus=1,0,2 bursty duty=0.4 seed=7"},
	} {
		if c.want.Period == 0 {
			c.want.Period = DefaultPeriod
		}
		got, err := Parse(c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", c.text, got, err, c.want)
			continue
		}
		if c.back == "" {
			c.back = c.text
		}
		if got.String() != c.back {
			t.Errorf("%q became %q, want %q", c.text, got, c.back)
		}
	}
}

// Every error names the part that is wrong.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "empty"},
		{"  ", "empty"},
		{"burn cpus=0", `"burn" is no kernel`},
		{"cpus=0 alu", `"alu": is no part`},
		{"alu", "cpus: none given"},
		{"alu cpus=", `"cpus=": has no value`},
		{"alu cpus", `"cpus": has no value`},
		{"alu cpus=a", `"cpus=a"`},
		{"alu cpus=3-1", "runs backwards"},
		{"alu cpus=0,", "from 1 to 8192"},
		{"alu cpus=0-9000", "from 1 to 8192"},
		{"alu cpus=8192", "cpus: CPU 8192"},
		{"alu cpus=1,0-2", "cpus: CPU 1 is given twice"},
		{"alu cpus=1 cpus=2", `"cpus=2": given twice`},
		{"alu cpus=1 duty=half", `"duty=half": "half" is no number`},
		{"alu cpus=1 duty=0", "duty: 0 is not above 0"},
		{"alu cpus=1 duty=1.01", "duty: 1.01"},
		{"alu cpus=1 duty=NaN", "duty: NaN"},
		{"alu cpus=1 duty=-0.1", "duty: -0.1"},
		{"alu cpus=1 period=10", `"period=10"`},
		{"alu cpus=1 period=0s", `"period=0s"`},
		{"alu cpus=1 period=1us", "period: 1µs"},
		{"alu cpus=1 period=-10ms", "period: -10ms"},
		{"alu cpus=1 period=2s", "period: 2s"},
		{"alu cpus=1 seed=-1", `"seed=-1": is no number`},
		{"alu cpus=1 buffer=1048576", "buffer: alu works in none"},
		{"chase cpus=1 buffer=4MiB", `"buffer=4MiB"`},
		{"chase cpus=1 buffer=0", `"buffer=0"`},
		{"chase cpus=1 buffer=4096", "buffer: 4096 bytes"},
		{"alu cpus=1 aligned=yes", `"aligned=yes": takes no value`},
		{"alu cpus=1 bursty", "duty: 0: a bursty load"},
		{"alu cpus=1 bursty duty=0.9", "duty: 0.9: a bursty load"},
		{"alu cpus=1 bursty duty=NaN", "duty: NaN: a bursty load"},
		{"alu cpus=1 bursty trace=1s@1", "trace: a bursty load makes its own"},
		{"alu cpus=1 trace=1s@1 duty=0.5", "duty: a trace has its own"},
		{"alu cpus=1 trace=1s", `"1s" is no segment`},
		{"alu cpus=1 trace=1s@1,", `"" is no segment`},
		{"alu cpus=1 trace=1@1", `"1" is no duration`},
		{"alu cpus=1 trace=1s@x1", `"" is no number`},
		{"alu cpus=1 trace=1s@1x0", `"0" is no number of CPUs`},
		{"alu cpus=1 trace=1s@1,1s@1x2", "trace: segment 2: 2 CPUs of 1"},
		{"alu cpus=1 trace=1s@1,1s@NaN", "trace: segment 2: duty NaN"},
		{"alu cpus=1 trace=1s@1,0s@1", "trace: segment 2: 0s"},
		{"alu cpus=1 trace=1s@0", "trace: no segment"},
		{"alu cpus=1 trace=" + strings.Repeat("1s@1,", maxSegments) + "1s@1", "more than 10000"},
		{"alu cpus=1 duty", `"duty": has no value`},
		{"alu cpus=1 speed=2", `"speed=2": is no part of a load`},
		{"alu cpus=1 0.5", `"0.5": is no part of a load`},
	} {
		if s, err := Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%.60q) = %+v, %v, want an error with %q", c.text, s, err, c.want)
		}
	}
}

// randomSpec draws any valid load.
func randomSpec(r *rng) Spec {
	kernels := Kernels()
	k := kernels[r.below(uint64(len(kernels)))]
	s := Spec{Kernel: k.Name, Period: DefaultPeriod, Duty: 1 - r.fraction(), Aligned: r.below(2) == 0, Seed: r.next() >> r.below(64)}
	for cpu := range 40 {
		if r.below(3) > 0 || cpu == 39 && len(s.CPUs) == 0 {
			s.CPUs = append(s.CPUs, cpu*int(r.below(3)+1))
		}
	}
	s.CPUs = distinct(s.CPUs, r)
	if r.below(2) == 0 {
		s.Period = minPeriod + time.Duration(r.below(uint64(maxPeriod-minPeriod)))
	}
	if k.Memory && r.below(2) == 0 {
		s.Buffer = MinBuffer + int64(r.below(MaxBuffer-MinBuffer))
	}
	switch r.below(3) {
	case 0:
		s.Bursty, s.Duty = true, MinBursty+(MaxBursty-MinBursty)*r.fraction()
	case 1:
		s.Duty = 0
		for range 1 + r.below(8) {
			s.Trace = append(s.Trace, Segment{
				For:  minPeriod + time.Duration(r.below(uint64(time.Second))),
				Duty: float64(r.below(3)) * r.fraction() / 2,
				CPUs: int(r.below(uint64(len(s.CPUs) + 1))),
			})
		}
		s.Trace[0].Duty = 1
	}
	return s
}

// distinct drops what is there twice and shuffles the rest.
func distinct(cpus []int, r *rng) []int {
	seen := map[int]bool{}
	var out []int
	for _, c := range cpus {
		if !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	for i := len(out) - 1; i > 0; i-- {
		if j := r.below(uint64(i + 1)); r.below(3) == 0 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
}

func TestSpecRoundTrip(t *testing.T) {
	r := newRNG(1, 0)
	for range 3000 {
		want := randomSpec(&r)
		got, err := Parse(want.String())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nbecame %q\nbecame %+v, %v", want, want.String(), got, err)
		}
	}
}

func TestHoldout(t *testing.T) {
	for text, want := range map[string]bool{
		"alu cpus=0":                     false,
		"mixed cpus=0 trace=1s@1,1s@0":   false,
		"hash-gzip cpus=0":               true,
		"alu cpus=0 bursty duty=0.4":     true,
		"hash-gzip cpus=0 trace=50ms@.5": true,
	} {
		s, err := Parse(text)
		if err != nil || s.Holdout() != want {
			t.Errorf("%s: %v, %v", text, s.Holdout(), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	r := newRNG(2, 0)
	for range 10 {
		f.Add(randomSpec(&r).String())
	}
	for _, text := range []string{
		"", "alu", "alu cpus=0-3,9 duty=1e-3", "simd cpus=0 bursty duty=.2 seed=9", "alu cpus=0 trace=1h@1x1,1ms@0",
		"alu cpus=1,0 duty=0x1p-3 period=1000us", "stream cpus=00 buffer=+262144",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(s.String()); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%q became %+v became %q became %+v, %v", text, s, s, again, err)
		}
		for place := range s.CPUs {
			if d := s.MeanDuty(place); !(d >= 0 && d <= 1) {
				t.Errorf("%q: duty %v", text, d)
			}
			break // one is enough for loads of thousands
		}
	})
}
