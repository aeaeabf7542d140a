package video

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/vision"
)

// split writes each chunk as a film of its own. As the original it decodes and
// encodes, and does not just copy what is encoded.
func split(ctx context.Context, t *app.Task) error {
	f, file, err := openFile(filmPath(t.Dir))
	if err != nil {
		return err
	}
	var encoded []byte
	err = share(ctx, t, func(chunk int) error {
		from := chunk * chunkFrames
		to := min(from+chunkFrames, f.frames())
		if err := t.Read(func() (err error) {
			encoded, err = f.load(encoded, from, to)
			return err
		}); err != nil {
			return err
		}
		var part bytes.Buffer
		if err := t.Compute(func() error { return cut(ctx, &part, f, from, to, encoded) }); err != nil {
			return err
		}
		return t.Write(func() error { return os.WriteFile(chunkPath(t.Dir, chunk), part.Bytes(), 0o644) })
	})
	return errors.Join(err, file.Close())
}

// cut makes a film of frames from..to-1 of another.
func cut(ctx context.Context, part *bytes.Buffer, f *film, from, to int, encoded []byte) error {
	w := &filmWriter{format: f.format, w: part}
	part.Grow(len(encoded) + entryBytes*(to-from) + trailerSize)
	d, c := f.decoder(from, encoded), newCoder(f.Width)
	before, reference := make([]byte, f.frameBytes()), []byte(nil)
	var buf []byte
	for range to - from {
		if err := ctx.Err(); err != nil {
			return err
		}
		frame, err := d.decode()
		if err != nil {
			return err
		}
		buf = c.encode(buf[:0], frame, reference)
		if err := w.add(buf); err != nil {
			return err
		}
		reference = before
		copy(reference, frame)
	}
	return w.finish()
}

// found is what extract says of a chunk.
type found struct {
	GreySums []int64 `json:"grey_sums"` // of each frame
	Frame    int     `json:"frame"`     // the brightest one, from 0 in its chunk
	Mean     float64 `json:"mean"`      // its brightness, 0 to 255
}

// extract keeps the frame that is brightest on average, the first one of equals.
func extract(ctx context.Context, t *app.Task) error {
	return share(ctx, t, func(chunk int) error {
		var f *film
		var encoded []byte
		if err := t.Read(func() (err error) {
			f, encoded, err = readFilm(chunkPath(t.Dir, chunk))
			return err
		}); err != nil {
			return err
		}
		var best picture
		var what found
		if err := t.Compute(func() (err error) {
			best, what, err = brightest(ctx, f, encoded)
			return err
		}); err != nil {
			return err
		}
		return t.Write(func() error {
			if err := best.write(framePath(t.Dir, chunk)); err != nil {
				return err
			}
			return writeJSON(foundPath(t.Dir, chunk), what)
		})
	})
}

// readFilm reads a film with all its frames, as they are encoded.
func readFilm(path string) (*film, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	f, err := openFilm(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, fmt.Errorf("read film %s: %w", path, err)
	}
	f.name = path
	if f.frames() == 0 {
		return nil, nil, fmt.Errorf("read film %s: it has no frames", path)
	}
	return f, data[:f.starts[f.frames()]], nil
}

func brightest(ctx context.Context, f *film, encoded []byte) (picture, found, error) {
	best := picture{f.Width, f.Height, make([]byte, f.frameBytes())}
	what := found{GreySums: make([]int64, f.frames())}
	d := f.decoder(0, encoded)
	for i := range what.GreySums {
		if err := ctx.Err(); err != nil {
			return best, what, err
		}
		frame, err := d.decode()
		if err != nil {
			return best, what, err
		}
		sum := vision.GreySum(frame)
		what.GreySums[i] = sum
		if i == 0 || sum > what.GreySums[what.Frame] {
			what.Frame = i
			copy(best.pixels, frame)
		}
	}
	what.Mean = float64(what.GreySums[what.Frame]) / float64(f.Width*f.Height)
	return best, what, nil
}

func sharpen(ctx context.Context, t *app.Task) error {
	return share(ctx, t, func(chunk int) error {
		var p picture
		if err := t.Read(func() (err error) {
			p, err = readPicture(framePath(t.Dir, chunk))
			return err
		}); err != nil {
			return err
		}
		sharp := picture{p.w, p.h, make([]byte, len(p.pixels))}
		if err := t.Compute(func() error {
			vision.Sharpen(sharp.pixels, p.pixels, p.w, p.h)
			return nil
		}); err != nil {
			return err
		}
		return t.Write(func() error { return sharp.write(sharpPath(t.Dir, chunk)) })
	})
}

// Canny's thresholds, the original's.
const lower, upper = 50, 150

// features is what classify says of a picture.
type features struct {
	Width       int        `json:"width"`
	Height      int        `json:"height"`
	Mean        [3]float64 `json:"mean_rgb"`
	Deviation   [3]float64 `json:"std_rgb"`
	EdgePixels  int        `json:"edge_pixels"`
	EdgeDensity float64    `json:"edge_density"`
	Complexity  float64    `json:"complexity_score"`
	// Checksums of the picture and of the image of its edges.
	PixelSum string `json:"pixel_checksum"`
	EdgeSum  string `json:"edge_checksum"`
}

func classify(ctx context.Context, t *app.Task) error {
	var canny vision.Canny
	return share(ctx, t, func(chunk int) error {
		var p picture
		if err := t.Read(func() (err error) {
			p, err = readPicture(sharpPath(t.Dir, chunk))
			return err
		}); err != nil {
			return err
		}
		var what features
		if err := t.Compute(func() error {
			what = analyse(&canny, p)
			return nil
		}); err != nil {
			return err
		}
		return t.Write(func() error { return writeJSON(imagePath(t.Dir, chunk), what) })
	})
}

func analyse(canny *vision.Canny, p picture) features {
	grey, edges := make([]byte, p.w*p.h), make([]byte, p.w*p.h)
	vision.Luma(grey, p.pixels)
	canny.Edges(edges, grey, p.w, p.h, lower, upper)
	what := features{Width: p.w, Height: p.h, EdgePixels: bytes.Count(edges, []byte{255})}
	what.EdgeDensity = float64(what.EdgePixels) / float64(p.w*p.h)
	what.Complexity = what.EdgeDensity * 100
	what.Mean, what.Deviation = vision.Colours(p.pixels)
	what.PixelSum, what.EdgeSum = sum(p.pixels), sum(edges)
	return what
}

func sum(b []byte) string {
	c := app.NewChecksum()
	c.Bytes(b)
	return c.String()
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
