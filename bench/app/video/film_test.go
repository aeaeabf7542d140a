package video

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/bench/app"
)

// shortFilm is one of three frames of 20 x 2 pixels, in groups of two.
func shortFilm(t testing.TB) (file []byte, frames [][]byte) {
	r := rand.New(rand.NewPCG(4, 4))
	var out bytes.Buffer
	w := &filmWriter{format: format{20, 2, 25, 2}, w: &out}
	c := newCoder(20)
	var before []byte
	for i := range 3 {
		frame := samples(r, 3*20*2)
		if i%2 == 0 {
			before = nil
		}
		if err := w.add(c.encode(nil, frame, before)); err != nil {
			t.Fatal(err)
		}
		before = frame
		frames = append(frames, frame)
	}
	if err := w.finish(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), frames
}

func TestFilm(t *testing.T) {
	file, frames := shortFilm(t)
	f, err := openFilm(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (format{20, 2, 25, 2}); f.format != want || f.frames() != 3 {
		t.Errorf("%+v of %d frames", f.format, f.frames())
	}
	for _, first := range []int{0, 2} { // the beginnings of groups
		encoded, err := f.load(nil, first, 3)
		if err != nil {
			t.Fatal(err)
		}
		d := f.decoder(first, encoded)
		for i := first; i < 3; i++ {
			got, err := d.decode()
			if err != nil || !bytes.Equal(got, frames[i]) {
				t.Errorf("from %d: frame %d is another: %v", first, i, err)
			}
		}
	}
}

// A flipped bit is found wherever it is, and so is every cut.
func TestDamagedFilm(t *testing.T) {
	whole, _ := shortFilm(t)
	for i := range whole {
		for bit := range 8 {
			file := bytes.Clone(whole)
			file[i] ^= 1 << bit
			if err := decodeFilm(file); err == nil {
				t.Errorf("bit %d of byte %d of %d is of no consequence", bit, i, len(file))
			}
		}
		if err := decodeFilm(whole[:i]); err == nil {
			t.Errorf("%d of %d bytes are a film", i, len(whole))
		}
	}
	if err := decodeFilm(whole[:10]); !errors.Is(err, errNoFilm) {
		t.Error(err)
	}
}

// decodeFilm is what a stage does with a film.
func decodeFilm(file []byte) error {
	f, err := openFilm(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	encoded, err := f.load(nil, 0, f.frames())
	if err != nil {
		return err
	}
	d := f.decoder(0, encoded)
	for range f.frames() {
		if _, err := d.decode(); err != nil {
			return err
		}
	}
	return nil
}

// Sizes that a few bytes claim are refused before there is room for them.
func TestHugeClaims(t *testing.T) {
	for name, test := range map[string]struct {
		format
		frames [][]byte
		want   string
	}{
		"wide":      {format{math.MaxUint32, 1, 1, 1}, nil, "pixels"},
		"high":      {format{1, math.MaxUint32, 1, 1}, nil, "pixels"},
		"both":      {format{1 << 16, 1 << 16, 1, 1}, nil, "pixels"},
		"empty":     {format{0, 5, 1, 1}, nil, "pixels"},
		"no rate":   {format{5, 5, 0, 1}, nil, "per second"},
		"no group":  {format{5, 5, 1, 0}, nil, "per group"},
		"no pixels": {format{1 << 12, 1 << 12, 1, 1}, [][]byte{{3, 3, 3}}, "or more"},
		"wide too":  {format{1 << 24, 1, 1, 1}, [][]byte{{3, 3, 3}}, "or more"},
	} {
		var out bytes.Buffer
		w := &filmWriter{format: test.format, w: &out}
		for _, frame := range test.frames {
			if err := w.add(frame); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.finish(); err != nil {
			t.Fatal(err)
		}
		var err error
		took := allocated(func() { err = decodeFilm(out.Bytes()) })
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if took > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, took)
		}
	}
	// A table of 2^32 frames in a file that ends with a good trailer.
	file, _ := shortFilm(t)
	at := len(file) - trailerSize + 4*4
	copy(file[at:], "\xff\xff\xff\xff")
	var err error
	if took := allocated(func() { err = decodeFilm(file) }); took > 1<<20 || err == nil || !strings.Contains(err.Error(), "4294967295 frames") {
		t.Errorf("%d bytes were allocated: %v", took, err)
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Any bytes are a film or an error.
func FuzzOpenFilm(f *testing.F) {
	file, _ := shortFilm(f)
	f.Add(file)
	f.Add(file[:len(file)-3])
	f.Fuzz(func(_ *testing.T, file []byte) { _ = decodeFilm(file) })
}

// A film whose checksums are right, whatever it says and has, is decoded or an
// error, in memory that is bounded by what its largest frame takes.
func FuzzFilm(f *testing.F) {
	file, frames := shortFilm(f)
	f.Add(file[:len(file)-trailerSize-entryBytes*len(frames)], uint32(20), uint32(2), uint32(2), byte(3))
	f.Add([]byte{}, uint32(1<<31), uint32(1<<31), uint32(0), byte(0))
	f.Fuzz(func(t *testing.T, encoded []byte, w, h, group uint32, n byte) {
		var out bytes.Buffer
		film := &filmWriter{format: format{int(w), int(h), 1, int(group)}, w: &out}
		for i := range int(n) {
			from, to := app.Share(len(encoded), i, int(n))
			if err := film.add(encoded[from:to]); err != nil {
				t.Fatal(err)
			}
		}
		if err := film.finish(); err != nil {
			t.Fatal(err)
		}
		const room = 2 * 3 * maxPixels // a row and a frame
		if took := allocated(func() { _ = decodeFilm(out.Bytes()) }); took > room+room/2+100*uint64(out.Len()) {
			t.Errorf("%d bytes were allocated for a film of %d", took, out.Len())
		}
	})
}

func FuzzPicture(f *testing.F) {
	f.Add([]byte("P6\n1 2\n255\nabcdef"))
	f.Add([]byte("P6\n1000000000 1000000000\n255\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePicture(data)
		if err == nil && (p.w < 1 || p.h < 1 || len(p.pixels) != 3*p.w*p.h) {
			t.Errorf("%d x %d pixels of %d bytes", p.w, p.h, len(p.pixels))
		}
	})
}
