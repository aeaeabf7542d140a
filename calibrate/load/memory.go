package load

import (
	"fmt"
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bounds of Spec.Buffer in bytes. The least holds a few units of every kernel.
const (
	MinBuffer = 256 << 10
	MaxBuffer = 64 << 30
)

// The caches of a common server, for machines that do not tell theirs.
const (
	defaultL2  = 1 << 20
	defaultLLC = 32 << 20
)

// DefaultBuffer is Buffer for a machine that does not tell of its caches.
func DefaultBuffer(kernel string) int64 { return Buffer(kernel, defaultL2, defaultLLC, 1) }

// Buffer returns how many bytes a kernel has to work through on every CPU: more
// than four times what the caches hold for "stream" and "chase"; for "cache",
// what the second cache does not hold and the third does. It is 0 for kernels
// that need none.
//
// l2 is the size of a CPU's own cache and llc of an instance of the last one, in
// bytes, 0 where there is none. sharers is how many CPUs of the load share one:
// each gets its part, since together they must go beyond it, and 256 CPUs with
// four caches each would need more memory than machines have.
func Buffer(kernel string, l2, llc int64, sharers int) int64 {
	l2, share := min(l2, MaxBuffer), min(llc/int64(max(1, sharers)), MaxBuffer)
	var n int64
	switch kernel {
	case "stream", "chase":
		// Last caches that hold what the second ones gave up add to those.
		n = 4*(l2+share) + 1<<20
	case "cache":
		n = max(l2/2, min(2*l2, share/2))
	default:
		return 0
	}
	return min(max(n, MinBuffer), MaxBuffer)
}

// pages maps memory. It is not the garbage collector's: it goes back to the
// system at once, and huge pages are asked for, since otherwise it would depend
// on a setting of the machine how many reads are those of page tables.
func pages(size int64) (memory []uint64, release func(), err error) {
	if size < MinBuffer || size > MaxBuffer {
		return nil, nil, fmt.Errorf("buffer of %d bytes: from %d to %d are possible", size, MinBuffer, MaxBuffer)
	}
	b, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, fmt.Errorf("buffer of %d MiB: %w; give a smaller one", size>>20, os.NewSyscallError("mmap", err))
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a kernel without them is none the worse
	memory = unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
	return memory, func() { _ = unix.Munmap(b) }, nil
}

// lineWords is how many words a cache line has, 64 bytes on nearly all machines.
const lineWords = 8

// cache reads and writes at random places. They don't depend on what was read,
// so that many accesses are under way at a time.
type cache struct {
	memory []uint64
	r, acc uint64
}

const cacheSteps = 2048

func newCache(r rng, memory []uint64) work {
	for i := range memory {
		memory[i] = r.next()
	}
	return &cache{memory: memory, r: r.next()}
}

func (w *cache) unit() {
	m, r, acc := w.memory, w.r, w.acc
	n := uint64(len(m))
	for range cacheSteps {
		r = r*0xd1342543de82ef95 + 0x2545f4914f6cdd1d
		i := scale(r, n)
		v := m[i]
		acc += v
		m[i] = v ^ r
	}
	w.r, w.acc = r, acc
}

func (w *cache) sum() uint64 { return foldWords(w.acc, w.memory) }

func foldWords(sum uint64, words []uint64) uint64 {
	for _, v := range words {
		sum = fold(sum, v)
	}
	return sum
}

// stream is the triad of McCalpin's STREAM benchmark (1995). The factor changes
// with every sweep, so that what is written does.
type stream struct {
	a, b, c []float64
	at      int
	factor  float64
	acc     uint64
}

const streamSteps = 4096

func newStream(r rng, memory []uint64) work {
	all := unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(memory))), len(memory))
	for i := range all {
		all[i] = r.fraction()
	}
	n := len(all) / 3 / streamSteps * streamSteps // whole units
	return &stream{a: all[:n:n], b: all[n : 2*n : 2*n], c: all[2*n : 3*n : 3*n], factor: 1}
}

func (w *stream) unit() {
	a := w.a[w.at : w.at+streamSteps]
	b := w.b[w.at:][:len(a)]
	c := w.c[w.at:][:len(a)]
	s := w.factor
	for i := range a {
		// The conversion keeps arm64 from fusing both: amd64 would not.
		a[i] = b[i] + float64(s*c[i])
	}
	w.acc = fold(w.acc, math.Float64bits(a[len(a)-1]))
	if w.at += streamSteps; w.at == len(w.a) {
		w.at, w.factor = 0, w.factor+0.5
		if w.factor > 8 {
			w.factor = 1
		}
	}
}

func (w *stream) sum() uint64 { return fold(w.acc, foldFloats(w.a)) }

// chase follows one cycle through all cache lines of its memory: each read has
// to wait for the one before, and no prefetcher guesses the next.
type chase struct {
	memory  []uint64 // the first word of a line is the number of the next line's
	at, acc uint64
}

const chaseSteps = 256

func newChase(r rng, memory []uint64) work {
	n := uint64(len(memory) / lineWords)
	for i := range n {
		memory[i*lineWords] = i * lineWords
	}
	// Sattolo's shuffle (1986): like the usual one, but an element never stays,
	// which makes the permutation one cycle.
	for i := n - 1; i > 0; i-- {
		j := r.below(i)
		memory[i*lineWords], memory[j*lineWords] = memory[j*lineWords], memory[i*lineWords]
	}
	return &chase{memory: memory, at: r.below(n) * lineWords}
}

func (w *chase) unit() {
	at, acc := w.at, w.acc
	for range chaseSteps {
		at = w.memory[at]
		acc = acc*31 + at
	}
	w.at, w.acc = at, acc
}

func (w *chase) sum() uint64 { return fold(w.acc, w.at) }
