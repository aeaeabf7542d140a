package load

import (
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/testutil"
)

func TestMain(m *testing.M) { os.Exit(testutil.LeakCheck(m)) }

func TestKernels(t *testing.T) {
	seen := map[string]bool{}
	holdouts := 0
	for _, k := range Kernels() {
		if seen[k.Name] || k.Name == "" || k.About == "" || strings.ContainsAny(k.Name, " =\n") {
			t.Errorf("kernel %+v: its name is to be new and one word, and to be explained", k)
		}
		seen[k.Name] = true
		if k.Holdout {
			holdouts++
		}
		if got, err := Lookup(k.Name); err != nil || got.About != k.About {
			t.Errorf("Lookup(%q) = %+v, %v", k.Name, got, err)
		}
		if b := DefaultBuffer(k.Name); b != 0 != k.Memory {
			t.Errorf("%s: %d bytes of memory", k.Name, b)
		}
	}
	if holdouts != 1 || !seen["hash-gzip"] {
		t.Errorf("%d holdouts", holdouts)
	}
	if _, err := Lookup("idle"); err == nil || !strings.Contains(err.Error(), `"idle"`) || !strings.Contains(err.Error(), "hash-gzip") {
		t.Errorf("Lookup(idle): %v", err)
	}
	if _, err := (Kernel{}).Checksum(0, 1, 0); err == nil {
		t.Error("a kernel from nowhere works")
	}
}

// checksums are what the kernels compute, on amd64 and on arm64: 40 units with
// the seed 7 and the least buffer. Those of "mixed" and "hash-gzip" change with
// the compressors of the standard library.
var checksums = map[string]uint64{
	"alu":       0x1a6df8af2ed3b993,
	"fma":       0xafc91db27ff28dba,
	"simd":      0xc9dc80f5f3e705d9,
	"cache":     0x42a1e45281e1354b,
	"stream":    0x5789f62727036fed,
	"chase":     0xe9daee5af2805cc6,
	"mixed":     0x155e9a4187ac642f,
	"hash-gzip": 0x523bf0d3185b706e,
}

func TestChecksums(t *testing.T) {
	for _, k := range Kernels() {
		t.Run(k.Name, func(t *testing.T) {
			if v := k.Variant(); v == "sse2" {
				t.Skip("vectors without multiply-add round otherwise; TestSteps compares them")
			}
			sum := func(seed uint64, units int) uint64 {
				t.Helper()
				s, err := k.Checksum(seed, units, least(k))
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			got := sum(7, 40)
			if got != checksums[k.Name] {
				t.Errorf("%q: %#x, not %#x", k.Name, got, checksums[k.Name])
			}
			if again := sum(7, 40); again != got {
				t.Errorf("%#x, then %#x", got, again)
			}
			if other := sum(8, 40); other == got {
				t.Error("another seed does the same")
			}
			if more := sum(7, 41); more == got {
				t.Error("a unit more changes nothing")
			}
		})
	}
}

// The other architecture computes the same.
func TestOnARM64(t *testing.T) {
	if runtime.GOARCH == "arm64" {
		t.Skip("that is here")
	}
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		t.Skip("no emulator: apt-get install qemu-user-static")
	}
	binary := filepath.Join(t.TempDir(), "load.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	out, err := exec.Command(qemu, binary, "-test.v", "-test.run", "^(TestChecksums|TestSteps)$").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "vectors: neon") {
		t.Errorf("%v\n%s", err, out)
	}
}

func least(k Kernel) int64 {
	if k.Memory {
		return MinBuffer
	}
	return 0
}

func TestUnitsAllocateNothing(t *testing.T) {
	for _, k := range Kernels() {
		w, release, err := k.prepare(1, 0, least(k))
		if err != nil {
			t.Fatal(err)
		}
		// Four rounds take hash-gzip past the 512 units after which it begins a new file.
		if n := testing.AllocsPerRun(3, func() {
			for range 180 {
				w.unit()
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations in 180 units", k.Name, n)
		}
		release()
	}
}

// The CPUs of a load do different work, or they would share what they compress.
func TestWorkOfPlaces(t *testing.T) {
	for _, k := range Kernels() {
		sums := map[uint64]bool{}
		for place := range 4 {
			w, release, err := k.prepare(1, place, least(k))
			if err != nil {
				t.Fatal(err)
			}
			w.unit()
			sums[w.sum()] = true
			release()
		}
		if len(sums) != 4 {
			t.Errorf("%s: %d results on 4 CPUs", k.Name, len(sums))
		}
	}
}

func TestSteps(t *testing.T) {
	variant, steps := vectorSteps()
	t.Log("vectors:", variant)
	reference := fusedSteps
	if variant == "sse2" {
		reference = roundedSteps
	}
	for _, n := range []int{0, 2, 4, 100, floatSteps} {
		compareSteps(t, variant, n, steps, reference)
	}
	for _, n := range []int{0, 1, 2, 7, floatSteps} {
		r := newRNG(uint64(n), 1)
		var x, y, c [chains]float64
		for i := range x {
			x[i], c[i] = chaosX(&r), chaosC(&r)
		}
		y = x
		scalarSteps()(&x, &c, n)
		chainSteps(&y, &c, n)
		if x != y {
			t.Errorf("scalar, %d steps: %v, not %v", n, x, y)
		}
	}
}

func compareSteps(t *testing.T, variant string, n int, steps, reference func(x, c *[lanes]float64, n int)) {
	t.Helper()
	// Guards around the numbers: assembly writes nowhere else.
	var x, y struct {
		before float64
		x      [lanes]float64
		after  float64
	}
	var c [lanes]float64
	r := newRNG(uint64(n), 2)
	for i := range c {
		x.x[i], c[i] = chaosX(&r), chaosC(&r)
	}
	x.before, x.after = 1.5, 2.5
	y = x
	steps(&x.x, &c, n)
	reference(&y.x, &c, n)
	if x != y {
		t.Errorf("%s, %d steps: %v, not %v", variant, n, x, y)
	}
}

// The numbers stay bounded and do not settle: a chain that ran into a short
// cycle would be another load.
func TestFloatsKeepChanging(t *testing.T) {
	for seed := range uint64(10) {
		w := newSIMD(newRNG(seed, 0), nil).(*simd)
		w.steps(w.x, w.c, 100*floatSteps)
		seen := map[float64]bool{}
		for range 50 {
			w.steps(w.x, w.c, 50)
			for _, v := range w.x {
				if !(math.Abs(v) <= 2) {
					t.Fatalf("%v is out of bounds", v)
				}
				seen[v] = true
			}
		}
		if len(seen) < 50*lanes*999/1000 {
			t.Errorf("seed %d: %d different numbers of %d", seed, len(seen), 50*lanes)
		}
	}
}

// One cycle through all lines: a shorter one might fit into a cache.
func TestChaseIsOneCycle(t *testing.T) {
	for _, words := range []int{2 * lineWords, 3 * lineWords, 64 * lineWords, 1000 * lineWords, 1000*lineWords + 5} {
		for seed := range uint64(5) {
			m := make([]uint64, words)
			newChase(newRNG(seed, 0), m)
			lines, at := 0, uint64(0)
			for {
				lines++
				if at = m[at]; at == 0 || lines > words {
					break
				}
			}
			if lines != words/lineWords {
				t.Errorf("seed %d: a cycle of %d lines of %d", seed, lines, words/lineWords)
			}
		}
	}
}

func TestStreamSweeps(t *testing.T) {
	for _, bytes := range []int{MinBuffer, MinBuffer + 8*streamSteps*3, 1 << 20} {
		w := newStream(newRNG(1, 0), make([]uint64, bytes/8)).(*stream)
		if len(w.a) != len(w.b) || len(w.a) != len(w.c) || len(w.a)%streamSteps != 0 || len(w.a) == 0 {
			t.Fatalf("%d bytes: arrays of %d, %d, %d", bytes, len(w.a), len(w.b), len(w.c))
		}
		for range 2 * len(w.a) / streamSteps {
			w.unit()
		}
		if w.at != 0 || w.factor != 2 {
			t.Errorf("after two sweeps: at %d, factor %v", w.at, w.factor)
		}
		for i := range w.a {
			if w.a[i] != w.b[i]+float64(1.5*w.c[i]) {
				t.Fatalf("a[%d] = %v", i, w.a[i])
			}
		}
	}
}

func TestBuffer(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		kernel  string
		l2, llc int64
		sharers int
		want    int64
	}{
		{"alu", mib, 32 * mib, 1, 0},
		{"stream", mib, 32 * mib, 1, 133 * mib},
		{"chase", mib, 32 * mib, 8, 21 * mib},
		{"chase", mib, 32 * mib, 0, 133 * mib}, // not known: alone
		{"stream", 0, 0, 1, mib},
		{"stream", 0, 1 << 62, 1, MaxBuffer},
		{"cache", mib, 32 * mib, 1, 2 * mib},
		{"cache", 2 * mib, 4 * mib, 2, mib}, // the share of the third is no larger than the second
		{"cache", mib, 0, 1, mib / 2},
		{"cache", 0, 0, 1, MinBuffer},
	} {
		if got := Buffer(c.kernel, c.l2, c.llc, c.sharers); got != c.want {
			t.Errorf("Buffer(%q, %d, %d, %d) = %d, want %d", c.kernel, c.l2, c.llc, c.sharers, got, c.want)
		}
	}
	for _, size := range []int64{-1, 0, MinBuffer - 1, MaxBuffer + 1} {
		if _, _, err := pages(size); err == nil {
			t.Errorf("%d bytes were mapped", size)
		}
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func TestTextCompresses(t *testing.T) {
	r := newRNG(1, 0)
	prose := text(&r, gzipText)
	if len(prose) != gzipText {
		t.Fatalf("%d bytes", len(prose))
	}
	var out counter
	packer := gzip.NewWriter(&out)
	_, _ = packer.Write(prose)
	_ = packer.Close()
	if n := int(out); n < gzipText/5 || n > gzipText/2 {
		t.Errorf("%d bytes became %d; prose becomes a third", gzipText, n)
	}
}

// BenchmarkUnit: run with -cpu 1 for the figures of one CPU.
func BenchmarkUnit(b *testing.B) {
	for _, k := range Kernels() {
		name := k.Name
		if v := k.Variant(); v != "" {
			name = fmt.Sprintf("%s/%s", k.Name, v)
		}
		b.Run(name, func(b *testing.B) {
			w, release, err := k.prepare(1, 0, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer release()
			b.ReportAllocs()
			for b.Loop() {
				w.unit()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "units/s")
		})
	}
}
