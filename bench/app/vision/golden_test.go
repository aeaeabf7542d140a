package vision

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// What OpenCV and NumPy answer to generated images, by testdata/peers/video.py.
//
//go:embed testdata/opencv.txt
var answers []byte

var thresholds = [][2]int{{50, 150}, {0, 0}, {100, 100}, {300, 20}, {-5, 700}}

func TestSameAsOpenCV(t *testing.T) {
	var canny Canny // its memory goes from size to size
	images := 0
	for lines := bufio.NewScanner(bytes.NewReader(answers)); lines.Scan(); {
		want := lines.Text()
		if strings.HasPrefix(want, "#") {
			continue
		}
		var pattern string
		var w, h int
		if _, err := fmt.Sscan(want, &pattern, &w, &h); err != nil {
			t.Fatalf("testdata/opencv.txt: %q: %v", want, err)
		}
		rgb := generate(pattern, w, h, uint64(w*1000+h))
		grey, sharp, edges := make([]byte, w*h), make([]byte, 3*w*h), make([]byte, w*h)
		Luma(grey, rgb)
		Sharpen(sharp, rgb, w, h)
		got := fmt.Sprint(pattern, " ", w, " ", h, " ", GreySum(rgb), " ", digest(sharp), " ", digest(grey))
		for _, th := range thresholds {
			canny.Edges(edges, grey, w, h, th[0], th[1])
			got += fmt.Sprint(" ", bytes.Count(edges, []byte{255}), " ", digest(edges))
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		images++
	}
	if images < 100 {
		t.Errorf("testdata/opencv.txt has %d images", images)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func mix(v uint64) uint64 { // SplitMix64's finisher
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// generate makes the same image as testdata/peers/video.py.
func generate(pattern string, w, h int, seed uint64) []byte {
	rgb := make([]byte, 0, 3*w*h)
	hash := func(i int) uint64 { return mix((seed<<32 + uint64(i)) * 0x9e3779b97f4a7c15) }
	for y := range h {
		for x := range w {
			for c := range 3 {
				noise := hash((y*w+x)*3 + c)
				var v uint64
				switch pattern {
				case "noise":
					v = noise
				case "levels":
					v = noise & 3 * 85
				case "slope":
					v = uint64(x*5+y*3+c*320)>>3 + noise&3
				case "blocks":
					v = hash((y/17*1000+x/13)*3+c)&127 + 64 + noise&7
				case "rings":
					dx, dy := x-w/3, y-h/2
					v = uint64(dx*dx+dy*dy)>>5 + uint64(c)*30
				default:
					panic(pattern)
				}
				rgb = append(rgb, byte(v))
			}
		}
	}
	return rgb
}

func spent(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkFrame has a frame of the video's size; testdata/peers/video.py runs
// it beside OpenCV.
func BenchmarkFrame(b *testing.B) {
	const w, h = 1280, 720
	rgb := generate("blocks", w, h, 7)
	grey, sharpGrey, sharp, edges := make([]byte, w*h), make([]byte, w*h), make([]byte, 3*w*h), make([]byte, w*h)
	Luma(grey, rgb)
	var canny Canny
	for _, bench := range []struct {
		name string
		run  func()
	}{
		{"GreySum", func() { GreySum(rgb) }},
		{"Sharpen", func() { Sharpen(sharp, rgb, w, h) }},
		{"Luma", func() { Luma(grey, rgb) }},
		{"Canny", func() { canny.Edges(edges, grey, w, h, 50, 150) }},
		{"All", func() {
			GreySum(rgb)
			Sharpen(sharp, rgb, w, h)
			Luma(sharpGrey, sharp)
			canny.Edges(edges, sharpGrey, w, h, 50, 150)
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			bench.run()
			began := spent(b)
			for b.Loop() {
				bench.run()
			}
			// Not the time on the clock: others use the machine too.
			b.ReportMetric(float64(spent(b)-began)/float64(b.N), "cpu-ns/op")
		})
	}
}
