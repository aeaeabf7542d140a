package app

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"math"
)

// Checksum adds up what was computed, bit by bit and in order: FNV-1a, 64 bits.
// It is to tell whether two machines did the same, not whether somebody cheats.
type Checksum struct{ h hash.Hash64 }

// NewChecksum returns the checksum of nothing.
func NewChecksum() Checksum { return Checksum{fnv.New64a()} }

// Int takes an integer in.
func (c Checksum) Int(v int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	c.Bytes(b[:])
}

// Float takes a number in, to its last bit.
func (c Checksum) Float(v float64) { c.Int(int64(math.Float64bits(v))) }

// Bytes takes bytes in.
func (c Checksum) Bytes(b []byte) {
	_, _ = c.h.Write(b) // a hash never fails
}

// String is the sum in 16 hexadecimal digits.
func (c Checksum) String() string { return fmt.Sprintf("%016x", c.h.Sum64()) }
