package video

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// A frame that is worked out by hand: two pixels of 1 and 2 and 3, and 1 and 2
// and 5. The first pixel stands for itself, of the second one the last sample is
// 2 more. Six residuals 1 2 3 0 0 2 make 2 4 6 0 0 4, of three bits each; ten
// zeros fill the block up.
func TestEncodeByHand(t *testing.T) {
	c := newCoder(2)
	frame := []byte{1, 2, 3, 1, 2, 5}
	got := c.encode(nil, frame, nil)
	// 4 at bits 3..5 and so on: 2 | 4<<3 | 6<<6 | 4<<15 = 0x201a2.
	want := []byte{0x83, 0xa2, 0x01, 0x02, 0, 0, 0}
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	// One darker all over: each channel falls by one at the first pixel, zigzag 1.
	got = c.encode(nil, []byte{0, 1, 2, 0, 1, 4}, frame)
	if want := []byte{0x81, 0x07, 0}; !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	// The same again: one block of zeros.
	if got, want := c.encode(nil, frame, frame), []byte{0}; !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestSWAR(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	bytesOf := func(v uint64) (b [8]byte) { store(b[:], 0, v); return b }
	for range 20000 {
		a, b := r.Uint64(), r.Uint64()
		if r.IntN(2) == 0 { // small numbers of both signs
			a, b = add(a&(7*everyByte), ^uint64(0)&^(2*everyByte)), b&(3*everyByte)
		}
		x, y, plus, minus, zig := bytesOf(a), bytesOf(b), bytesOf(add(a, b)), bytesOf(sub(a, b)), bytesOf(zigzag(a))
		for i := range 8 {
			if plus[i] != x[i]+y[i] || minus[i] != x[i]-y[i] {
				t.Fatalf("%x and %x: sum %x, difference %x", x, y, plus, minus)
			}
			if v := int8(x[i]); zig[i] != byte(v<<1^v>>7) {
				t.Fatalf("zigzag of %x is %x", x, zig)
			}
		}
		if unzigzag(zigzag(a)) != a {
			t.Fatalf("%x is lost", a)
		}
		width := 1 + r.IntN(8)
		var v uint64
		for i := range 8 {
			v |= r.Uint64() >> (64 - width) << (8 * i)
		}
		packed := pack(v, width)
		for i := range 8 {
			if packed>>(i*width)&(1<<width-1) != v>>(8*i)&0xff {
				t.Fatalf("%x of %d bits are packed as %x", v, width, packed)
			}
		}
		if got := unpack(packed|r.Uint64()<<(8*width), width); got != v {
			t.Fatalf("%x of %d bits comes back as %x", v, width, got)
		}
	}
}

// What is encoded comes back, whatever the frame is like and however wide.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for width := 1; width < 60; width++ {
		for range 20 {
			h := 1 + r.IntN(4)
			before, frame := samples(r, 3*width*h), samples(r, 3*width*h)
			if r.IntN(2) == 0 { // mostly the same
				copy(frame[r.IntN(len(frame)):], before)
			}
			c := newCoder(width)
			for _, reference := range [][]byte{nil, before} {
				encoded := c.encode(nil, frame, reference)
				if least := h * leastBytes(width); len(encoded) < least {
					t.Fatalf("%d bytes, said to be %d at least", len(encoded), least)
				}
				got := bytes.Clone(before)
				if reference != nil {
					reference = got // in its place
				}
				if err := c.decode(got, reference, encoded); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, frame) {
					t.Fatalf("width %d: %x comes back as %x", width, frame, got)
				}
			}
		}
	}
}

// samples are noise of a random strength, or long stretches of one colour.
func samples(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	strength, keep := 1+r.IntN(256), r.IntN(20)
	for i := range b {
		if i >= 3 && r.IntN(20) < keep {
			b[i] = b[i-3]
		} else {
			b[i] = byte(100 + r.IntN(strength))
		}
	}
	return b
}

// The longest runs there are: rows of one colour.
func TestLongRuns(t *testing.T) {
	const width = 1280
	c := newCoder(width)
	frame := bytes.Repeat([]byte{9}, 3*width*2)
	encoded := c.encode(nil, frame, nil)
	// 240 blocks a row: one with the step from 0, 128 and 111 of zeros; and 128
	// and 112 in the row that is like it.
	if len(encoded) != 1+2*5+1+1+1+1 {
		t.Errorf("%d bytes: %x", len(encoded), encoded)
	}
	got := make([]byte, len(frame))
	if err := c.decode(got, nil, encoded); err != nil || !bytes.Equal(got, frame) {
		t.Error(err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	frame := make([]byte, 3*20*2) // four blocks a row
	for name, test := range map[string]struct {
		src  []byte
		want error
	}{
		"nothing":         {nil, errShort},
		"one row":         {[]byte{3}, errShort},
		"half a row":      {[]byte{3, 1}, errShort},
		"half a block":    {[]byte{0x84, 1, 2, 3, 4, 5, 6, 7}, errShort},
		"a run too long":  {[]byte{4, 3}, errRun},
		"no width":        {[]byte{0x80, 3}, errWidth},
		"nine bits":       {append([]byte{0x89}, make([]byte, 40)...), errWidth},
		"more than there": {[]byte{3, 3, 3}, errLong},
	} {
		c := newCoder(20)
		if err := c.decode(frame, nil, test.src); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever bytes there are, they make a frame or an error, and what makes a
// frame is decoded as it is encoded again.
func FuzzDecode(f *testing.F) {
	c := newCoder(20)
	r := rand.New(rand.NewPCG(3, 3))
	for range 10 {
		f.Add(c.encode(nil, samples(r, 3*20*2), nil))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		frame := make([]byte, 3*20*2)
		c := newCoder(20)
		if c.decode(frame, nil, src) != nil {
			return
		}
		again := make([]byte, len(frame))
		if err := c.decode(again, nil, c.encode(nil, frame, nil)); err != nil || !bytes.Equal(again, frame) {
			t.Errorf("%x: %v", src, err)
		}
	})
}
