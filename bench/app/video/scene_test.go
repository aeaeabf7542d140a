package video

import (
	"bytes"
	"testing"
)

func BenchmarkScene(b *testing.B) {
	s := newScene(1, 0, width, height)
	frame := make([]byte, 3*width*height)
	i := 0
	for b.Loop() {
		s.frame(frame, i%chunkFrames)
		i++
	}
}

func BenchmarkCodec(b *testing.B) {
	s := newScene(1, 0, width, height)
	var film bytes.Buffer
	w := filmWriter{format: format{width, height, rate, chunkFrames}, w: &film}
	c := newCoder(width)
	frames := make([][]byte, chunkFrames)
	for i := range frames {
		frames[i] = make([]byte, 3*width*height)
		s.frame(frames[i], i)
	}
	var buf []byte
	encode := func(i int) []byte {
		var reference []byte
		if i > 0 {
			reference = frames[i-1]
		}
		return c.encode(buf[:0], frames[i], reference)
	}
	for i := range frames {
		buf = encode(i)
		if err := w.add(buf); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.finish(); err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		i := 0
		for b.Loop() {
			buf = encode(i % chunkFrames)
			i++
		}
	})
	b.Run("decode", func(b *testing.B) {
		f, err := openFilm(bytes.NewReader(film.Bytes()), int64(film.Len()))
		if err != nil {
			b.Fatal(err)
		}
		encoded, err := f.load(nil, 0, f.frames())
		if err != nil {
			b.Fatal(err)
		}
		var d *decoder
		i := 0
		for b.Loop() {
			if i%chunkFrames == 0 {
				d = f.decoder(0, encoded)
			}
			frame, err := d.decode()
			if err != nil {
				b.Fatal(err)
			}
			if !bytes.Equal(frame[:3000], frames[i%chunkFrames][:3000]) {
				b.Fatal("another frame")
			}
			i++
		}
		b.ReportMetric(float64(film.Len())/chunkFrames, "bytes/frame")
	})
}
