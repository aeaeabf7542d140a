package load

import (
	"compress/gzip"
	"compress/lzw"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// The kernels of this file do what programs do, with the standard library. A
// Go release that compresses otherwise changes their checksums.

// text returns n bytes that compress about as well as prose: words of a small
// vocabulary, common ones more often.
func text(r *rng, n int) []byte {
	words := make([][]byte, 600)
	for i := range words {
		words[i] = make([]byte, 2+r.below(8))
		for j := range words[i] {
			words[i][j] = 'a' + byte(r.below(26))
		}
	}
	b := make([]byte, 0, n+16)
	for len(b) < n {
		i := scale(r.next(), scale(r.next(), uint64(len(words)))+1) // low ones more often
		b = append(append(b, words[i]...), ' ')
	}
	return b[:n]
}

// digest is a writer that keeps a checksum (FNV-1a) of what is written. It takes
// single bytes too, else lzw would put a new buffer before it at every Reset.
type digest uint64

func (d *digest) Flush() error { return nil }

func (d *digest) WriteByte(c byte) error {
	*d = (*d ^ digest(c)) * 0x100000001b3
	return nil
}

func (d *digest) Write(p []byte) (int, error) {
	h := uint64(*d)
	for _, c := range p {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	*d = digest(h)
	return len(p), nil
}

// mixed is made of other parts than the holdout: what both shared, a model
// would have seen.
type mixed struct {
	r        rng
	text     []byte
	at, turn int
	keys     []uint64
	packer   *lzw.Writer
	digest   digest
}

const (
	mixedText = 256 << 10
	hashStep  = 8 << 10 // bytes
	sortStep  = 768     // numbers
	packStep  = 4 << 10 // bytes
)

func newMixed(r rng, _ []uint64) work {
	w := &mixed{text: text(&r, mixedText), keys: make([]uint64, sortStep)}
	w.packer = lzw.NewWriter(&w.digest, lzw.LSB, 8).(*lzw.Writer)
	w.r = r
	return w
}

func (w *mixed) unit() {
	switch w.turn {
	case 0:
		_, _ = w.digest.Write(w.next(hashStep)) // never fails
	case 1:
		w.sort()
	default:
		w.packer.Reset(&w.digest, lzw.LSB, 8)
		_, _ = w.packer.Write(w.next(packStep)) // fails only as the digest does
		_ = w.packer.Close()
	}
	w.turn = (w.turn + 1) % 3
}

// next returns the next n bytes of the text.
func (w *mixed) next(n int) []byte {
	if w.at+n > len(w.text) {
		w.at = 0
	}
	w.at += n
	return w.text[w.at-n : w.at]
}

func (w *mixed) sort() {
	for i := range w.keys {
		w.keys[i] = w.r.next()
	}
	slices.Sort(w.keys)
	var b [8]byte
	for i := 0; i < len(w.keys); i += 64 {
		binary.LittleEndian.PutUint64(b[:], w.keys[i])
		_, _ = w.digest.Write(b[:])
	}
}

func (w *mixed) sum() uint64 { return fold(uint64(w.digest), uint64(w.r)) }

// hashGzip hashes and compresses a text piece by piece.
type hashGzip struct {
	text   []byte
	at     int
	hash   [sha256.Size]byte
	piece  [sha256.Size + gzipStep]byte // the last hash and the text that follows it
	packer *gzip.Writer
	digest digest
}

const (
	gzipText = 512 << 10
	gzipStep = 1 << 10 // bytes
)

func newHashGzip(r rng, _ []uint64) work {
	w := &hashGzip{text: text(&r, gzipText)}
	w.packer = gzip.NewWriter(&w.digest)
	_, _ = w.packer.Write(w.text[:gzipStep]) // it allocates at the first write
	w.packer.Reset(&w.digest)
	return w
}

func (w *hashGzip) unit() {
	part := w.text[w.at : w.at+gzipStep]
	copy(w.piece[:], w.hash[:])
	copy(w.piece[sha256.Size:], part)
	w.hash = sha256.Sum256(w.piece[:])
	_, _ = w.packer.Write(part) // fails only as the digest does
	if w.at += gzipStep; w.at == len(w.text) {
		w.at = 0
		_ = w.packer.Close()
		w.packer.Reset(&w.digest)
	}
}

func (w *hashGzip) sum() uint64 {
	return fold(uint64(w.digest), binary.LittleEndian.Uint64(w.hash[:]))
}
