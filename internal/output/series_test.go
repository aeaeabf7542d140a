package output

import (
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

func longRun(samples int) *report.Run {
	r := baseRun(float64(samples)/1000, "x")
	s := report.NewSeries([]string{"package-0", "core-0", "uncore-0", "dram-0", "psys"})
	row := make([]float64, 5)
	for i := range samples {
		for k := range row {
			row[k] = float64((i*7+k*13)%4096) / (1 << 14)
		}
		s.Append(float64(i+1)/1000, row)
	}
	r.Samples = s
	return r
}

// TestSeriesIsStreamed: the memory that writing takes does not grow with the
// series.
func TestSeriesIsStreamed(t *testing.T) {
	r := longRun(100_000) // some 10 MB of JSON
	for _, f := range Formats() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := Write(io.Discard, f, r, Options{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
			t.Errorf("%s allocates %d bytes for a series of %d", f, got, r.Samples.Len())
		}
	}
}

func TestCourses(t *testing.T) {
	s := report.NewSeries([]string{"a", "b", "never"})
	nan := math.NaN()
	for i := 1; i <= 8; i++ {
		row := []float64{float64(i), 2, nan} // 1 s apart: i W, 2 W
		switch i {
		case 3, 4:
			row[1] = nan
		case 5:
			row[1] = 6 // for the 3 s since its last sample
		}
		s.Append(float64(i), row)
	}
	all, cellS := courses(s, 4)
	if cellS != 2 {
		t.Errorf("a cell is %v s, want 2", cellS)
	}
	want := []float64{1.5, 3.5, 5.5, 7.5}
	for i, w := range all[0].cells {
		if w != want[i] {
			t.Errorf("cells %v, want %v", all[0].cells, want)
			break
		}
	}
	if a := all[0]; a.min != 1.5 || a.mean != 4.5 || a.max != 7.5 || a.sparkline() != "▂▄▆█" {
		t.Errorf("a: min %v, mean %v, max %v, %s", a.min, a.mean, a.max, a.sparkline())
	}
	if b := all[1]; b.min != 2 || b.mean != 2 || b.max != 2 {
		t.Errorf("b, with samples missing: min %v, mean %v, max %v", b.min, b.mean, b.max)
	}
	if n := all[2]; !math.IsNaN(n.min) || !math.IsNaN(n.mean) || strings.Trim(n.sparkline(), " ") != "" {
		t.Errorf("never read: min %v, mean %v, %q", n.min, n.mean, n.sparkline())
	}
	if none, _ := courses(report.NewSeries([]string{"a"}), 4); none != nil {
		t.Errorf("no sample, but courses %v", none)
	}
}

// An hour at 1 kHz of five domains.
func BenchmarkHourAt1kHz(b *testing.B) {
	r := longRun(3_600_000)
	for _, f := range []Format{Table, JSON, CSV, Markdown} {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := &byteCounter{}
				if err := Write(n, f, r, Options{}); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n.n)
			}
			b.ReportMetric(peakRSS(b), "MB-RSS-peak")
		})
	}
}

type byteCounter struct{ n int64 }

func (c *byteCounter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// peakRSS is VmHWM of /proc/self/status, in MB.
func peakRSS(b *testing.B) float64 {
	kb := 0.0
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			for _, c := range rest {
				if c >= '0' && c <= '9' {
					kb = kb*10 + float64(c-'0')
				}
			}
		}
	}
	return kb / 1024
}

func BenchmarkRunTable(b *testing.B) {
	r := twoSockets()
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(io.Discard, Table, r, Options{Color: true}); err != nil {
			b.Fatal(err)
		}
	}
}
