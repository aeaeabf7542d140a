package video

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/energyprobe/energyprobe/bench/app"
)

// ffmpeg makes a lossless film of its test picture, 3 seconds of 25 frames a
// second, half as wide as ours. Where the tests' packages are meant to be
// installed, CI_FFMPEG is set and its absence is a failure.
func ffmpeg(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil && os.Getenv("CI_FFMPEG") != "" {
		t.Fatalf("%v: make deps installs it", err)
	} else if err != nil {
		t.Skipf("no ffmpeg here: %v; make deps installs it", err)
	}
	path := filepath.Join(t.TempDir(), "a:film.mkv") // the colon is no protocol
	cmd := exec.Command(program, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x720:rate=25:duration=3",
		"-pix_fmt", "bgr0", "-c:v", "ffv1", "file:"+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
	return path
}

// A film of the user's becomes ten frames a second of our size, with black beside
// what is narrower.
func TestFFmpeg(t *testing.T) {
	s := app.Setup{Dir: t.TempDir(), Size: 1000, Data: ffmpeg(t), Workers: 1}
	out := work(t, s)
	if out.Units != 30 {
		t.Errorf("%v frames of 3 s", out.Units)
	}
	p, err := readPicture(framePath(s.Dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	const stride, side = 3 * width, 3 * (width - 640) / 2
	if len(p.pixels) != 3*width*height {
		t.Fatalf("%d x %d pixels", p.w, p.h)
	}
	black := make([]byte, side)
	for y := range height {
		row := p.pixels[y*stride : (y+1)*stride]
		if !bytes.Equal(row[:side], black) || !bytes.Equal(row[stride-side:], black) {
			t.Fatalf("row %d has no black sides", y)
		}
	}
	// The picture begins with bars of colour that have one in each of its corners.
	if middle := p.pixels[side : stride-side]; bytes.Equal(middle, make([]byte, len(middle))) {
		t.Error("the first row of the picture is black")
	}
	if again := work(t, s); again.Checksum != out.Checksum {
		t.Error("the same film has two checksums")
	}
}

func TestNoFilm(t *testing.T) {
	ffmpeg(t)
	path := filepath.Join(t.TempDir(), "film.mp4")
	if err := os.WriteFile(path, []byte("no film at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := prepare(t.Context(), app.Setup{Dir: t.TempDir(), Size: 1, Data: path})
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("Invalid data found")) {
		t.Error(err)
	}
}
