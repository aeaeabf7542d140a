package video

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

// A sample is predicted by three that are known: the one to its left of the same
// colour, and the two at the same places in the frame before, or in the row above
// where a frame stands for itself. What is left is 0 where nothing moves, and
// where the light changes as a whole.
//
//	residual = (sample - reference) - (left - reference's left)
//
// Residuals of a row are written in blocks of 16, the last one filled up with
// zeros:
//
//	0nnnnnnn                    n+1 blocks of zeros
//	1000wwww and 2*w bytes      a block of residuals of w bits, 1..8
//
// A residual of w bits is v<<1 ^ v>>7 of the signed one; the first of a block is
// in the lowest bits of the first byte.
const (
	block   = 16
	maxRun  = 128
	literal = 0x80

	maxBlock = 1 + block // bytes
)

// Eight bytes in one integer.
const (
	everyByte = 0x0101_0101_0101_0101
	highBits  = 0x80 * everyByte
)

func load(b []byte, at int) uint64     { return binary.LittleEndian.Uint64(b[at : at+8]) }
func store(b []byte, at int, v uint64) { binary.LittleEndian.PutUint64(b[at:at+8], v) }

// add and sub are those of eight bytes, each modulo 256.
func add(a, b uint64) uint64 {
	return (a&^highBits + b&^highBits) ^ (a^b)&highBits
}

func sub(a, b uint64) uint64 {
	return (a | highBits - b&^highBits) ^ (a^^b)&highBits
}

// coder is what encoding and decoding have in common: rows with room before and
// after.
type coder struct {
	row    int // bytes of a row
	blocks int // of a row
	zeros  []byte
	// change is a row less its reference, from index before on; what is before
	// that is 0.
	change []byte
}

const before = 8 // three would do

func newCoder(width int) coder {
	n := 3 * width
	blocks := (n + block - 1) / block
	return coder{row: n, blocks: blocks, zeros: make([]byte, n), change: make([]byte, before+blocks*block)}
}

// leastBytes is how many a row has at least: nothing but runs of zeros.
func leastBytes(width int) int { return (3*width + block*maxRun - 1) / (block * maxRun) }

// encode appends a frame. A nil reference makes it stand for itself.
func (c *coder) encode(dst, frame, reference []byte) []byte {
	above := c.zeros
	for at := 0; at < len(frame); at += c.row {
		row := frame[at : at+c.row]
		if reference != nil {
			above = reference[at : at+c.row]
		}
		dst = c.encodeRow(dst, row, above)
		above = row
	}
	return dst
}

func (c *coder) encodeRow(dst, row, reference []byte) []byte {
	dst = slices.Grow(dst, c.blocks*maxBlock)
	subtract(c.change[before:before+len(row)], row, reference)
	run := 0
	for b := range c.blocks {
		at := before + b*block
		low := sub(load(c.change, at), load(c.change, at-3))
		high := sub(load(c.change, at+8), load(c.change, at+5))
		if b == c.blocks-1 {
			low, high = c.cut(low, high)
		}
		if low|high == 0 {
			run++
			continue
		}
		dst = appendRun(dst, run)
		run = 0
		dst = appendBlock(dst, zigzag(low), zigzag(high))
	}
	return appendRun(dst, run)
}

// cut takes what lies beyond the row out of its last block.
func (c *coder) cut(low, high uint64) (uint64, uint64) {
	switch n := c.row - (c.blocks-1)*block; {
	case n < 8:
		return low & (1<<(8*n) - 1), 0
	case n < block:
		return low, high & (1<<(8*(n-8)) - 1)
	}
	return low, high
}

func subtract(dst, a, b []byte) {
	n := len(dst)
	a, b = a[:n], b[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		store(dst, i, sub(load(a, i), load(b, i)))
	}
	for ; i < n; i++ {
		dst[i] = a[i] - b[i]
	}
}

// zigzag makes small numbers of those near 0: v<<1 ^ v>>7.
func zigzag(v uint64) uint64 {
	return v<<1&^uint64(everyByte) ^ v>>7&everyByte*0xff
}

func unzigzag(v uint64) uint64 {
	return v>>1&(0x7f*everyByte) ^ v&everyByte*0xff
}

func appendRun(dst []byte, n int) []byte {
	for ; n > maxRun; n -= maxRun {
		dst = append(dst, maxRun-1)
	}
	if n > 0 {
		dst = append(dst, byte(n-1))
	}
	return dst
}

// appendBlock needs room for maxBlock bytes.
func appendBlock(dst []byte, low, high uint64) []byte {
	all := low | high
	all |= all >> 32
	all |= all >> 16
	all |= all >> 8
	width := bits.Len8(byte(all))
	n := len(dst)
	dst = dst[:n+maxBlock]
	dst[n] = literal | byte(width)
	// The second word overwrites what of the first one is above its width.
	store(dst, n+1, pack(low, width))
	store(dst, n+1+width, pack(high, width))
	return dst[:n+1+2*width]
}

// pack moves the lower bits of eight bytes together, in three steps: pairs,
// fours, all.
func pack(v uint64, width int) uint64 {
	v = v&0x00ff_00ff_00ff_00ff | v>>8&0x00ff_00ff_00ff_00ff<<width
	v = v&0x0000_ffff_0000_ffff | v>>16&0x0000_ffff_0000_ffff<<(2*width)
	return v&0xffff_ffff | v>>32<<(4*width)
}

func unpack(v uint64, width int) uint64 {
	mask := func(n int) uint64 { return 1<<n - 1 }
	v = v&mask(4*width) | v>>(4*width)&mask(4*width)<<32
	m := mask(2*width) * (1<<32 + 1)
	v = v&m | v>>(2*width)&m<<16
	m = mask(width) * 0x0001_0001_0001_0001
	return v&m | v>>width&m<<8
}

var (
	errShort = errors.New("it ends in the middle of a row")
	errLong  = errors.New("it goes on after its last row")
	errRun   = errors.New("a row has more blocks than there is room for")
	errWidth = errors.New("a block says neither of zeros nor of 1 to 8 bits")
)

// decode fills frame from the bytes of one. Without a reference it stands for
// itself. The reference may be the frame itself, which then changes from one to
// the next.
func (c *coder) decode(frame, reference, src []byte) error {
	above := c.zeros
	for at := 0; at < len(frame); at += c.row {
		row := frame[at : at+c.row]
		if reference != nil {
			above = reference[at : at+c.row]
		}
		var err error
		if src, err = c.decodeRow(row, above, src); err != nil {
			return err
		}
		above = row
	}
	if len(src) > 0 {
		return errLong
	}
	return nil
}

// decodeRow takes a row from the front of src and gives back the rest.
func (c *coder) decodeRow(row, reference, src []byte) ([]byte, error) {
	var left uint64 // the changes of the three samples before, the first lowest
	for at := 0; at < len(row); {
		if len(src) == 0 {
			return nil, errShort
		}
		code := src[0]
		src = src[1:]
		if code < literal {
			n := int(code) + 1
			if n > (len(row)-at+block-1)/block {
				return nil, errRun
			}
			n = min(n*block, len(row)-at)
			repeat(row[at:at+n], reference[at:at+n], left)
			turn := n % 3 * 8
			left = left>>turn | left<<(24-turn)&(1<<24-1)
			at += n
			continue
		}
		width := int(code &^ literal)
		if width < 1 || width > 8 {
			return nil, errWidth
		}
		if len(src) < 2*width {
			return nil, errShort
		}
		low := sums(unzigzag(unpack(word(src, width), width)), left)
		high := sums(unzigzag(unpack(word(src[width:], width), width)), low>>40)
		left = high >> 40
		src = src[2*width:]
		if at+block <= len(row) {
			store(row, at, add(load(reference, at), low))
			store(row, at+8, add(load(reference, at+8), high))
		} else {
			for i := range row[at:] {
				row[at+i] = reference[at+i] + byte(low)
				low = low>>8 | high<<56
				high >>= 8
			}
		}
		at += block
	}
	return src, nil
}

// sums are those of residuals up to each, of every third, beginning with what
// is to the left.
func sums(residuals, left uint64) uint64 {
	v := add(residuals, residuals<<24)
	v = add(v, v<<48)
	return add(v, left|left<<24|left<<48)
}

// repeat adds the same three changes to the reference, over and over.
func repeat(row, reference []byte, left uint64) {
	if left == 0 {
		copy(row, reference)
		return
	}
	// 24 bytes are eight pixels: words that begin with each of the three.
	w0 := left | left<<24 | left<<48
	w1 := w0>>16 | left>>16<<48 | w0<<56
	w2 := w0>>8 | left>>16<<56
	i := 0
	for ; i+24 <= len(row); i += 24 {
		a, b, c := load(reference, i), load(reference, i+8), load(reference, i+16)
		store(row, i, add(a, w0))
		store(row, i+8, add(b, w1))
		store(row, i+16, add(c, w2))
	}
	for ; i < len(row); i++ {
		row[i] = reference[i] + byte(w0)
		w0 = w0>>8 | w0>>16&0xff<<56
	}
}

// word is the number of so many bytes, with others above it if there are more.
func word(b []byte, n int) uint64 {
	if len(b) >= 8 {
		return load(b, 0)
	}
	var v uint64
	for i := range n {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}
