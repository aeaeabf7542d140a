package perfevent

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func TestParseTerms(t *testing.T) {
	formats := map[string]bitField{"event": {0, 8}, "umask": {8, 8}, "edge": {18, 1}}
	for _, c := range []struct {
		in   string
		want uint64
		bad  bool
	}{
		{in: "event=0x02\n", want: 2},
		{in: "event=0x3c,umask=0x1", want: 0x13c},
		{in: "event=1,edge", want: 1 | 1<<18},
		{in: "config=0x1234", want: 0x1234},
		{in: "event=0x100", bad: true},
		{in: "event=", bad: true},
		{in: "nosuch=1", bad: true},
		{in: "", bad: true},
	} {
		got, err := parseTerms(c.in, formats)
		if (err != nil) != c.bad || got != c.want && !c.bad {
			t.Errorf("parseTerms(%q) = %#x, %v; want %#x, error %v", c.in, got, err, c.want, c.bad)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for in, want := range map[string]bitField{"config:0-7\n": {0, 8}, "config:18": {18, 1}, "config:0-63": {0, 64}} {
		if got, err := parseFormat(in); err != nil || got != want {
			t.Errorf("parseFormat(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "config1:0-7", "config:7-0", "config:0-64", "config:0-3,8-9", "config:-1"} {
		if got, err := parseFormat(in); err == nil {
			t.Errorf("parseFormat(%q) = %v, want an error", in, got)
		}
	}
}

// The kernel prints 2^-32 J in decimal; hexadecimal floating point is what a
// printf of %a would make of it.
func TestParseScale(t *testing.T) {
	for in, want := range map[string]float64{
		"2.3283064365386962890625e-10\n": math.Pow(2, -32),
		"0x1p-32":                        math.Pow(2, -32),
		"1":                              1,
	} {
		if got, err := parseScale(in); err != nil || got != want {
			t.Errorf("parseScale(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-1", "NaN", "inf", "1e999", "one"} {
		if got, err := parseScale(in); err == nil {
			t.Errorf("parseScale(%q) = %v, want an error", in, got)
		}
	}
}

func FuzzParseTerms(f *testing.F) {
	for _, s := range []string{"event=0x02", "event=0x3c,umask=0x1", "config=1", ",,", "event=99999999999999999999"} {
		f.Add(s)
	}
	formats := map[string]bitField{"event": {0, 8}, "umask": {8, 8}}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := parseTerms(s, formats); err != nil && v != 0 {
			t.Errorf("an error and a value: %v, %#x", err, v)
		}
	})
}

func FuzzParseScale(f *testing.F) {
	for _, s := range []string{"2.3283064365386962890625e-10", "0x1p-32", "-0", "1e-400"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := parseScale(s); err == nil && !(v > 0 && !math.IsInf(v, 0)) {
			t.Errorf("parseScale(%q) = %v", s, v)
		}
	})
}

func FuzzParseFormat(f *testing.F) {
	for _, s := range []string{"config:0-7", "config:5", "config:", "config:63-64"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := parseFormat(s); err == nil && (b.width < 1 || b.low+b.width > 64) {
			t.Errorf("parseFormat(%q) = %v", s, b)
		}
	})
}

func FuzzParseGroup(f *testing.F) {
	f.Add(make([]byte, 40), 2)
	f.Add([]byte{1}, 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 0 || n > 64 {
			return
		}
		if got, err := parseGroup(b, n); err == nil && len(got) != n {
			t.Errorf("%d counts, want %d", len(got), n)
		}
	})
}

func writeTree(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadPMU(t *testing.T) {
	root := t.TempDir()
	dir := "/sys/bus/event_source/devices/power/"
	if _, err := readPMU(root, "power"); !errors.Is(err, energy.ErrAbsent) {
		t.Errorf("no PMU: error %v, want absent", err)
	}
	writeTree(t, root, map[string]string{
		dir + "type": "26\n", dir + "cpumask": "0,12\n", dir + "format/event": "config:0-7\n",
		dir + "events/energy-pkg": "event=0x02\n", dir + "events/energy-pkg.scale": "2.3283064365386962890625e-10\n", dir + "events/energy-pkg.unit": "Joules\n",
		dir + "events/energy-ram": "event=0x03\n", dir + "events/energy-ram.scale": "zero\n",
	})
	p, err := readPMU(root, "power")
	if err != nil {
		t.Fatal(err)
	}
	if p.typ != 26 || len(p.cpus) != 2 || p.cpus[1] != 12 {
		t.Errorf("type %d, CPUs %v; want 26 and 0,12", p.typ, p.cpus)
	}
	if len(p.events) != 1 || p.events[0] != (pmuEvent{"energy-pkg", 2, math.Pow(2, -32), "Joules"}) {
		t.Errorf("events %+v: want energy-pkg alone, the other's scale is no number", p.events)
	}
	writeTree(t, root, map[string]string{dir + "type": "power\n"})
	if _, err := readPMU(root, "power"); !errors.Is(err, energy.ErrBroken) {
		t.Errorf("type is no number: error %v, want broken", err)
	}
}
