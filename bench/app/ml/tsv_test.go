package ml

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func line(label string, pixels ...string) string {
	for len(pixels) < columns {
		pixels = append(pixels, "0")
	}
	return label + "\t" + strings.Join(pixels, "\t")
}

func TestParse(t *testing.T) {
	text := line("7", "1", "255", "007") + "\r\n\n" + line("0.0", "2.55e+02", "3.000") + "\n" + line("9")
	m, err := parse(strings.NewReader(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	if m.pixels.Rows != 3 || !slices.Equal(m.labels, []uint8{7, 0, 9}) || len(m.pixels.V) != 3*columns {
		t.Fatalf("%d rows, labels %v, %d pixels", m.pixels.Rows, m.labels, len(m.pixels.V))
	}
	if v := m.pixels.V; !slices.Equal(v[:4], []uint8{1, 255, 7, 0}) || !slices.Equal(v[columns:columns+3], []uint8{255, 3, 0}) {
		t.Errorf("pixels %v, %v", v[:4], v[columns:columns+3])
	}
	if m, err := parse(strings.NewReader(text), 2); err != nil || m.pixels.Rows != 2 {
		t.Errorf("%d rows of 2, %v", m.pixels.Rows, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := line("1") + "\n"
	for _, c := range []struct{ text, want string }{
		{good + line("10") + "\n", "line 2: the label is 10"},
		{line("-1"), "line 1: column 1 is -1"},
		{line("1", "256"), "line 1: column 2 is 256"},
		{line("1", "-3"), "line 1: column 2 is -3"},
		{line("1", "1", "2.5"), `line 1: column 3 is "2.5"`},
		{line("1", "x"), `line 1: column 2 is "x"`},
		{line("1", "nan"), `column 2 is "nan"`},
		{line("1", "12345678901234567890"), "column 2 is"},
		{line("1", "", "2"), "column 2 is empty"},
		{line("1") + "\t", "is empty"},
		{line("1") + "\t0", "more than 784"},
		{"1\t2\t3", "2 pixels follow"},
		{"5", "0 pixels follow"},
		{good + strings.Repeat("0", longest+1<<16), "line 2 is longer"},
	} {
		_, err := parse(strings.NewReader(c.text), 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.30q...: %v, want %q", c.text, err, c.want)
		}
	}
}

// What is parsed is written as it was read, apart from how its numbers were
// spelled.
func FuzzParse(f *testing.F) {
	f.Add([]byte(line("7", "1", "255", "007") + "\r\n\n" + line("0.0", "2.55e+02") + "\n"))
	f.Add([]byte(line("3", "", "1")))
	f.Add([]byte("5\t1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(bytes.NewReader(b), 0)
		if err != nil {
			return
		}
		if len(m.labels) != m.pixels.Rows || len(m.pixels.V) != m.pixels.Rows*columns {
			t.Fatalf("%d labels, %d rows, %d pixels", len(m.labels), m.pixels.Rows, len(m.pixels.V))
		}
		var out []byte
		for r, l := range m.labels {
			out = appendRow(out, l, m.pixels.V[r*columns:(r+1)*columns])
		}
		again, err := parse(bytes.NewReader(out), 0)
		if err != nil || !slices.Equal(again.labels, m.labels) || !slices.Equal(again.pixels.V, m.pixels.V) {
			t.Fatalf("rows change when they are written: %v", err)
		}
	})
}

// Shapes are as frequent as each other, no two images alike, and none empty.
func TestDraw(t *testing.T) {
	var image [columns]uint8
	var counts [classes]int
	seen := map[[columns]uint8]bool{}
	for r := range 2000 {
		label := draw(1, r, &image)
		counts[label]++
		ink := 0
		for _, p := range image {
			if p > 0 {
				ink++
			}
		}
		if ink < 20 || ink > columns/2 {
			t.Fatalf("row %d, a %d, has ink on %d pixels", r, label, ink)
		}
		seen[image] = true
	}
	if len(seen) != 2000 {
		t.Errorf("%d different images of 2000", len(seen))
	}
	for l, n := range counts {
		if n < 140 || n > 260 {
			t.Errorf("%d of 2000 images are a %d", n, l)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	var text []byte
	var image [columns]uint8
	for r := range 500 {
		label := draw(1, r, &image)
		text = appendRow(text, label, image[:])
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parse(bytes.NewReader(text), 500); err != nil {
			b.Fatal(err)
		}
	}
}
