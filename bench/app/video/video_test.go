package video

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/vision"
	"github.com/energyprobe/energyprobe/internal/testutil/apptest"
)

// work prepares a setup and runs its stages, one worker after another.
func work(t *testing.T, s app.Setup) app.Outcome {
	t.Helper()
	a := New()
	if err := a.Prepare(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return finish(t, a, s)
}

func finish(t *testing.T, a app.App, s app.Setup) app.Outcome {
	t.Helper()
	for _, stage := range a.Stages {
		workers := s.Workers
		if stage.Workers != nil {
			workers = stage.Workers(workers)
		}
		for i := range workers {
			if err := stage.Run(t.Context(), &app.Task{Setup: s, Worker: i, Of: workers}); err != nil {
				t.Fatalf("%s, worker %d of %d: %v", stage.Name, i, workers, err)
			}
		}
	}
	out, err := a.Conclude(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range out.Quality {
		if !(f.Low <= f.Value && f.Value <= f.High) {
			t.Errorf("%s is %v, not within %v to %v", f.Name, f.Value, f.Low, f.High)
		}
	}
	return out
}

// The checksum is the same on every machine and architecture, and however many
// share the work.
func TestSameEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("make unit runs it without the race detector, with which it takes a minute and a half")
	}
	const want = "363b0ba9d0e69eec"
	s := app.Setup{Dir: t.TempDir(), Size: New().Sizes.Tiny, Seed: 42, Workers: 1}
	a := New()
	if err := a.Prepare(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, s.Workers = range []int{1, 2, 3} {
		out := finish(t, a, s)
		if out.Checksum != want || out.Units != float64(s.Size) {
			t.Errorf("%d workers: checksum %s of %v frames, want %s of %d", s.Workers, out.Checksum, out.Units, want, s.Size)
		}
	}
}

// The other architecture comes to the same.
func TestSameOnBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("make unit runs it without the race detector")
	}
	apptest.SameOnBoth(t, New(), 1)
}

func TestSeedMatters(t *testing.T) {
	a := work(t, app.Setup{Dir: t.TempDir(), Size: 2, Seed: 1, Workers: 1})
	b := work(t, app.Setup{Dir: t.TempDir(), Size: 2, Seed: 2, Workers: 1})
	if a.Checksum == b.Checksum {
		t.Error("two seeds have one checksum")
	}
}

// What stands in the bands of conclude holds for films of a single chunk, the
// shortest of which is one frame.
func TestBands(t *testing.T) {
	frame := picture{width, height, make([]byte, 3*width*height)}
	sharp := picture{width, height, make([]byte, 3*width*height)}
	var canny vision.Canny
	lowest, highest := features{EdgeDensity: 1}, features{}
	dark, bright := 255.0, 0.0
	peaks := map[int]bool{}
	for seed := range uint64(20) {
		s := newScene(seed, 0, width, height)
		peaks[s.peak] = true
		for _, i := range []int{0, s.peak, chunkFrames - 1} {
			s.frame(frame.pixels, i)
			vision.Sharpen(sharp.pixels, frame.pixels, width, height)
			f := analyse(&canny, sharp)
			if f.EdgeDensity < lowest.EdgeDensity {
				lowest = f
			}
			if f.EdgeDensity > highest.EdgeDensity {
				highest = f
			}
			mean := float64(vision.GreySum(frame.pixels)) / (width * height)
			dark, bright = min(dark, mean), max(bright, mean)
		}
	}
	t.Logf("densities %.4f to %.4f, means %.1f to %.1f, %d peaks", lowest.EdgeDensity, highest.EdgeDensity, dark, bright, len(peaks))
	if lowest.EdgeDensity < leastDensity || highest.EdgeDensity > mostDensity {
		t.Errorf("densities of %.4f to %.4f", lowest.EdgeDensity, highest.EdgeDensity)
	}
	if dark < leastBrightness || bright > mostBrightness {
		t.Errorf("brightness of %.1f to %.1f", dark, bright)
	}
	if len(peaks) < 12 {
		t.Errorf("20 scenes are brightest at %d places only", len(peaks))
	}
}

// The brightest frame is that of a search through the scene itself, by the
// definition.
func TestBrightest(t *testing.T) {
	const size = 12
	s := app.Setup{Dir: t.TempDir(), Size: size, Seed: 5, Workers: 1}
	work(t, s)
	scene := newScene(5, 0, width, height)
	frame := make([]byte, 3*width*height)
	var best []byte
	most := int64(-1)
	for i := range size {
		scene.frame(frame, i)
		var sum int64
		for p := frame; len(p) > 0; p = p[3:] {
			sum += (int64(p[0]) + int64(p[1]) + int64(p[2])) / 3
		}
		if sum > most {
			most, best = sum, bytes.Clone(frame)
		}
	}
	got, err := readPicture(framePath(s.Dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.pixels, best) {
		t.Error("another frame was chosen")
	}
}

func TestFirstOfEquals(t *testing.T) {
	var file bytes.Buffer
	w := &filmWriter{format: format{2, 1, rate, chunkFrames}, w: &file}
	c := newCoder(2)
	var before []byte
	for _, frame := range [][]byte{{0, 0, 0, 1, 1, 1}, {6, 0, 0, 3, 3, 3}, {3, 3, 4, 2, 2, 2}, {5, 5, 5, 0, 0, 2}} {
		if err := w.add(c.encode(nil, frame, before)); err != nil {
			t.Fatal(err)
		}
		before = frame
	}
	if err := w.finish(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "film")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, encoded, err := readFilm(path)
	if err != nil {
		t.Fatal(err)
	}
	best, what, err := brightest(t.Context(), f, encoded)
	if err != nil {
		t.Fatal(err)
	}
	// Greys 0 1, 2 3, 3 2, 5 0: each mean's fraction is cut off.
	if what.Frame != 1 || what.Mean != 2.5 || best.pixels[0] != 6 {
		t.Errorf("%+v, %v", what, best)
	}
}

func TestPrepareRefuses(t *testing.T) {
	a := New()
	if err := a.Prepare(t.Context(), app.Setup{Dir: t.TempDir()}); err == nil {
		t.Error("a film of no frames was made")
	}
	s := app.Setup{Dir: t.TempDir(), Size: 1, Data: filepath.Join(t.TempDir(), "none.mp4")}
	if err := a.Prepare(t.Context(), s); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s = app.Setup{Dir: t.TempDir(), Size: 200}
	if err := a.Prepare(ctx, s); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, err := os.ReadDir(s.Dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// Without ffmpeg the remedy is said.
func TestNoFFmpeg(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	data := filepath.Join(t.TempDir(), "film.mp4")
	if err := os.WriteFile(data, []byte("a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := prepare(t.Context(), app.Setup{Dir: t.TempDir(), Size: 1, Data: data})
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "apt-get install -y ffmpeg") || !strings.Contains(err.Error(), data) {
		t.Error(err)
	}
}

// A program that stands for ffmpeg gives frames, fails, or stops in a frame.
func TestConvert(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "film.mp4")
	if err := os.WriteFile(data, []byte("a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	convert := func(script string) (app.Setup, error) {
		if err := os.WriteFile(filepath.Join(dir, "ffmpeg"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
		s := app.Setup{Dir: t.TempDir(), Size: 3, Data: data, Workers: 2}
		return s, prepare(t.Context(), s)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	frame := "head -c 2764800 /dev/zero | tr '\\0' "
	s, err := convert(frame + "a; " + frame + "b")
	if err != nil {
		t.Fatal(err)
	}
	out := finish(t, New(), s)
	if out.Units != 2 {
		t.Errorf("%v frames", out.Units)
	}
	if p, err := readPicture(framePath(s.Dir, 0)); err != nil || p.pixels[0] != 'b' || p.pixels[len(p.pixels)-1] != 'b' {
		t.Errorf("the brighter frame is another, or %v", err)
	}
	// More than was asked for is left, and does not block.
	if s, err = convert(strings.Repeat(frame+"a; ", 5)); err != nil {
		t.Error(err)
	}
	if f, file, err := openFile(filmPath(s.Dir)); err != nil || f.frames() != 3 {
		t.Error(f, err)
	} else if err := file.Close(); err != nil {
		t.Error(err)
	}
	for script, want := range map[string]string{
		"echo unknown codec >&2; exit 3": "exit status 3: unknown codec",
		"exit 0":                         "no frame",
		"echo half a frame":              "frame 0: unexpected EOF",
	} {
		if _, err := convert(script); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), data) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// A stage whose input is damaged says which file and what is wrong.
func TestDamagedInput(t *testing.T) {
	s := app.Setup{Dir: t.TempDir(), Size: 2, Seed: 1, Workers: 1}
	work(t, s)
	for _, test := range []struct {
		path string
		run  func(context.Context, *app.Task) error
	}{
		{filmPath(s.Dir), split},
		{chunkPath(s.Dir, 0), extract},
		{framePath(s.Dir, 0), sharpen},
		{sharpPath(s.Dir, 0), classify},
	} {
		whole, err := os.ReadFile(test.path)
		if err != nil {
			t.Fatal(err)
		}
		damages := [][]byte{nil, whole[:len(whole)/2], whole[:len(whole)-1]}
		if !strings.HasSuffix(test.path, ".ppm") { // any pixels are a picture
			flipped := bytes.Clone(whole)
			flipped[len(whole)/2] ^= 1
			damages = append(damages, flipped)
		}
		for _, content := range damages {
			if err := os.WriteFile(test.path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			err := test.run(t.Context(), &app.Task{Setup: s, Of: 1})
			if err == nil || !strings.Contains(err.Error(), test.path) {
				t.Errorf("%s of %d bytes: %v", test.path, len(content), err)
			}
		}
		if err := os.WriteFile(test.path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{foundPath(s.Dir, 0), imagePath(s.Dir, 0)} {
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
		if _, err := conclude(s); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
		work(t, s)
	}
	s.Size = 3 // what is there is of another run
	if err := prepare(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := conclude(s); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Error(err)
	}
}
