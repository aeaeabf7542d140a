package host

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/procfile"
)

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("cpu  1 2 3 4 5 6 7 8 9 0\ncpu0 1 2 3 4 5 6 7 8\nintr 5 0\nctxt 6\nbtime 7\nprocesses 8\n"))
	f.Add([]byte("cpu  1 2 3 4 5 6 7\nintr 5\nctxt 6\nprocesses 8\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStat(b)
		if err != nil {
			return
		}
		line, ok := procfile.Keyed(b, "cpu ")
		if !ok || len(bytes.Fields(line)) < cpuColumns {
			t.Fatalf("a cpu line of %q was taken for eight numbers", line)
		}
		if share, ok := utilization([cpuColumns]uint64{}, s.cpu); ok && !(share >= 0 && share <= 1) {
			// Sums that overflow can't be told from small ones; real ones
			// don't.
			if total := sumFloat(s.cpu); total < 1<<63 {
				t.Fatalf("utilization %v of %v", share, s.cpu)
			}
		}
	})
}

func sumFloat(v [cpuColumns]uint64) (sum float64) {
	for _, x := range v {
		sum += float64(x)
	}
	return sum
}

func FuzzParseLoadavg(f *testing.F) {
	f.Add([]byte("0.37 0.19 0.14 1/92 15845\n"))
	f.Add([]byte("1 2 3 4/5 6"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, ok := parseLoadavg(b); ok && !(l.load1 >= 0 && l.load1 < 1e16) {
			t.Fatalf("%q gave %v", b, l.load1)
		}
	})
}

func FuzzParseMeminfo(f *testing.F) {
	f.Add([]byte("MemTotal: 100 kB\nMemFree: 3 kB\nMemAvailable: 40 kB\n"))
	f.Add([]byte("MemTotal: 1 kB\nMemAvailable: 40 kB\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseMeminfo(b); err == nil && m.available > m.total {
			t.Fatalf("more available than there is: %+v", m)
		}
	})
}

func FuzzParseDiskstats(f *testing.F) {
	f.Add([]byte(" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n 8 1 sda1 1\n"))
	f.Add([]byte("8 0 sda 1 2 3\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		by, numbers, err := parseDiskstats(b, map[string]bool{"sda": true, "sdb": true})
		if err == nil && (len(by) > 2 || len(numbers) < len(by)) {
			t.Fatalf("%v %v", by, numbers)
		}
	})
}

func FuzzParseNetDev(f *testing.F) {
	f.Add([]byte("Inter-|\n face |\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"))
	f.Add([]byte("\n\neth0:1:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"))
	f.Add([]byte("\n\neth0: 1 2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		by, err := parseNetDev(b)
		if err != nil {
			return
		}
		for name := range by {
			if name == "" || strings.TrimSpace(name) != name {
				t.Fatalf("interface %q", name)
			}
		}
	})
}

func FuzzParseProcIO(f *testing.F) {
	f.Add([]byte("rchar: 6976\nwchar: 1\nsyscr: 10\nsyscw: 0\nread_bytes: 2\nwrite_bytes: 3\ncancelled_write_bytes: 0\n"))
	f.Add([]byte("rchar: 99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if io, err := parseProcIO(b); err == nil && int64(io.read|io.written|io.readChars|io.writtenChars) < 0 {
			t.Fatalf("%+v", io)
		}
	})
}

// FuzzForeignParsers feeds the parsers that are prometheus/procfs's: whatever
// they do, the outcome is a value or a reason.
func FuzzForeignParsers(f *testing.F) {
	f.Add([]byte("some avg10=0.00 avg60=0.02 avg300=0.08 total=2964181\n"))
	f.Add([]byte("full avg10=0.00\nsome\n"))
	f.Add([]byte("version 17\ncpu0 0 0 0 0 0 0 100 200 3\ncpu1 0 0 0 0 0 0 99999999999999999999 1 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		root := t.TempDir()
		write(t, root+"/proc/pressure/cpu", string(b))
		write(t, root+"/proc/schedstat", string(b))
		if p := readPressure(root); p[0].bad != "" && p[0].v != 0 || p[1].bad == "" {
			t.Fatalf("%+v", p)
		}
		if w := readRunWait(root); w.bad == "" && len(w.ns) == 0 {
			t.Fatalf("%+v", w)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("Name:\tx\nVmHWM:\t    1234 kB\nvoluntary_ctxt_switches:\t1\nnonvoluntary_ctxt_switches:\t2\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, n, err := parseSwitches(b); err == nil && int64(v|n) < 0 {
			t.Fatalf("%d %d", v, n)
		}
		if hwm, err := parseHighWater(b); err == nil && int64(hwm) < 0 {
			t.Fatal(hwm)
		}
	})
}

func FuzzParseCgroupIO(f *testing.F) {
	f.Add([]byte("8:0 rbytes=1 wbytes=2 rios=3\n253:0 rbytes=9 wbytes=9\n"))
	f.Add([]byte("8:0 Read 4\n8:0 Write 5\nTotal 9\n"))
	f.Add([]byte("8:0 rbytes=18446744073709551615\n8:0 rbytes=1\n"))
	disks := map[string]bool{"8:0": true}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = parseIOStat(b, "rbytes=", disks)
		_, _ = parseBlkio(b, "Read", disks)
		// What is not a disk's counts nothing.
		if v, err := parseIOStat(b, "rbytes=", nil); v != 0 || err != nil {
			t.Fatal(v, err)
		}
		if v, err := parseBlkio(b, "Read", nil); v != 0 || err != nil {
			t.Fatal(v, err)
		}
	})
}

func FuzzParseMilliCelsius(f *testing.F) {
	for _, s := range []string{"45000\n", "-5000", "255000", "-", "", "1e3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := parseMilliCelsius(b); ok && !(c >= -55 && c <= 150) {
			t.Fatalf("%q gave %v", b, c)
		}
	})
}

func FuzzParseCPUMHz(f *testing.F) {
	f.Add([]byte("processor\t: 0\ncpu MHz\t\t: 2445.404\nflags : fpu hypervisor\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := parseCPUMHz(b)
		if c.cpus > 0 && !(c.low > 0 && c.low <= c.high && c.sum <= c.high*float64(c.cpus)*(1+1e-9)) {
			t.Fatalf("%+v", c)
		}
		if hasFlag(b, "hypervisor") && !bytes.Contains(b, []byte("hypervisor")) {
			t.Fatal("a flag that is not there")
		}
	})
}

func FuzzParsePIDs(f *testing.F) {
	f.Add([]byte("23097 23098 "))
	f.Add([]byte("1 x 2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, pid := range parsePIDs(nil, b) {
			if pid <= 0 || pid > 1<<30 || !bytes.Contains(b, []byte(itoa(pid))) {
				t.Fatalf("%q gave %d", b, pid)
			}
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"0\n", "18446744073709551615", "18446744073709551616", " 7 ", "7x", "-1", "+1", "0x10"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := procfile.ParseNumber(b)
		if err != nil {
			return
		}
		if digits := strings.TrimLeft(strings.TrimSpace(string(b)), "0"); digits != strings.TrimLeft(fmt.Sprint(v), "0") {
			t.Fatalf("%q gave %d", b, v)
		}
		if x, ok := parseFixed(bytes.TrimSpace(b)); ok && math.Abs(x-float64(v)) > 1e-9*float64(v) {
			t.Fatalf("%q: %v and %d", b, x, v)
		}
	})
}
