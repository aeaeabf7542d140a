// Package load makes the loads under which a machine's power is looked at when
// it is calibrated: known work on chosen CPUs, for a chosen part of the time.
//
//	kernel   a loop that works one part of a processor; it goes on unit by unit
//	unit     the least work that is counted: 4 to 50 µs on a common server, a few
//	         times that now and then where compressors end a block
//	duty     the part of the time in which a CPU works, above 0 and at most 1
//	period   how often a CPU with a duty below 1 works and rests
//	trace    a course of duties, for loads that change
//	holdout  a load that no model learns from: it judges models
//
// A load is written as one line of text (Spec), since it runs in a process of
// its own: what measures must not share caches, garbage or a scheduler with
// what is measured.
package load

import (
	"errors"
	"fmt"
	"strings"
)

// work is a kernel that has begun. Its state is complete before the first unit:
// units allocate nothing.
type work interface {
	unit()
	// sum folds everything that the units have computed.
	sum() uint64
}

// Kernel is one kind of work. The same seed and the same memory give the same
// work on every machine; Variant names the one exception.
type Kernel struct {
	Name  string
	About string // one line
	// Holdout says that models must not learn from it.
	Holdout bool
	// Memory says that it works through Spec.Buffer bytes for every CPU.
	Memory bool

	begin func(r rng, memory []uint64) work
}

// Kernels returns all of them, the holdout last.
func Kernels() []Kernel {
	return []Kernel{
		{Name: "alu", About: "integer arithmetic, one dependent chain among independent ones", begin: newALU},
		{Name: "fma", About: "floating multiply-add, one number at a time", begin: newFMA},
		{Name: "simd", About: "floating multiply-add on vectors, one operand from the first cache", begin: newSIMD},
		{Name: "cache", About: "reads and writes at random places of the second and third cache", Memory: true, begin: newCache},
		{Name: "stream", About: "triad a = b + s*c through memory", Memory: true, begin: newStream},
		{Name: "chase", About: "each read from memory says where the next one is", Memory: true, begin: newChase},
		{Name: "mixed", About: "hashes, sorts and compresses in turn", begin: newMixed},
		{Name: "hash-gzip", About: "SHA-256 and gzip of text", Holdout: true, begin: newHashGzip},
	}
}

// Lookup returns the kernel of a name. The error lists those that there are.
func Lookup(name string) (Kernel, error) {
	var names []string
	for _, k := range Kernels() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kernel{}, fmt.Errorf("%.32q is no kernel; there are %s", name, strings.Join(names, ", "))
}

// Variant says which of several ways this machine does the kernel's work,
// "avx2+fma", "sse2" or "neon", and is "" where there is but one. Units of
// different variants are not the same work.
func (k Kernel) Variant() string {
	if k.Name != "simd" {
		return ""
	}
	name, _ := vectorSteps()
	return name
}

// Checksum folds the results of so many units of a CPU's work. It is the same
// on every run and on both architectures, but for the variant "sse2". buffer is
// in bytes, 0 for DefaultBuffer.
func (k Kernel) Checksum(seed uint64, units int, buffer int64) (uint64, error) {
	w, release, err := k.prepare(seed, 0, buffer)
	if err != nil {
		return 0, err
	}
	defer release()
	for range units {
		w.unit()
	}
	return w.sum(), nil
}

// prepare begins the work of the CPU with the given place in the load. Its
// memory is first touched here, so it lies near the CPU that this runs on.
func (k Kernel) prepare(seed uint64, place int, buffer int64) (w work, release func(), err error) {
	if k.begin == nil {
		return nil, nil, errors.New("a kernel comes from Kernels or Lookup")
	}
	var memory []uint64
	release = func() {}
	if k.Memory {
		if buffer == 0 {
			buffer = DefaultBuffer(k.Name)
		}
		if memory, release, err = pages(buffer); err != nil {
			return nil, nil, err
		}
	}
	return k.begin(newRNG(seed, uint64(place)), memory), release, nil
}

// rng is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
// generators, 2014). The generators of the standard library may change what
// they draw; what a seed means must not.
type rng uint64

// newRNG returns the stream-th generator of a seed.
func newRNG(seed, stream uint64) rng {
	r := rng(seed)
	r = rng(r.next() + stream*0xd1342543de82ef95)
	return rng(r.next())
}

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n).
func (r *rng) below(n uint64) uint64 { return scale(r.next(), n) }

// fraction returns a number in [0, 1).
func (r *rng) fraction() float64 { return float64(r.next()>>11) / (1 << 53) }
