package video

import (
	"fmt"

	"github.com/energyprobe/energyprobe/bench/app"
)

// What generated video comes to, whatever the seed (TestBands).
const (
	leastDensity, mostDensity       = 0.02, 0.20
	leastBrightness, mostBrightness = 85, 190
)

// conclude reads what all workers found, in the order of chunks.
func conclude(s app.Setup) (app.Outcome, error) {
	film, file, err := openFile(filmPath(s.Dir))
	if err != nil {
		return app.Outcome{}, err
	}
	if err := file.Close(); err != nil {
		return app.Outcome{}, err
	}
	frames, chunks := film.frames(), chunksOf(film.frames())
	total := app.NewChecksum()
	var density, brightness float64
	seen := 0
	for chunk := range chunks {
		var f found
		if err := readJSON(foundPath(s.Dir, chunk), &f); err != nil {
			return app.Outcome{}, err
		}
		var image features
		if err := readJSON(imagePath(s.Dir, chunk), &image); err != nil {
			return app.Outcome{}, err
		}
		f.into(total)
		image.into(total)
		seen += len(f.GreySums)
		density += image.EdgeDensity
		brightness += f.Mean
	}
	if seen != frames {
		return app.Outcome{}, fmt.Errorf("the chunks in %s have %d frames, the film has %d: they are of another run", s.Dir, seen, frames)
	}
	n := float64(chunks)
	edges := app.Figure{Name: "edge density", Value: density / n, Low: leastDensity, High: mostDensity}
	light := app.Figure{Name: "brightness of chosen frames", Value: brightness / n, Low: leastBrightness, High: mostBrightness}
	whole := app.Figure{Name: "chunks", Value: n, Low: float64(chunksOf(s.Size)), High: float64(chunksOf(s.Size))}
	if s.Data != "" { // nothing more is known of it
		edges.Low, edges.High = 0, 1
		light.Low, light.High = 0, 255
		whole.Low = 1
	}
	return app.Outcome{
		Units:    float64(frames),
		Checksum: total.String(),
		Quality:  []app.Figure{edges, light, whole},
	}, nil
}

func (f found) into(c app.Checksum) {
	for _, sum := range f.GreySums {
		c.Int(sum)
	}
	c.Int(int64(f.Frame))
	c.Float(f.Mean)
}

func (f features) into(c app.Checksum) {
	c.Bytes([]byte(f.PixelSum))
	c.Bytes([]byte(f.EdgeSum))
	c.Int(int64(f.EdgePixels))
	c.Float(f.EdgeDensity)
	c.Float(f.Complexity)
	for i := range f.Mean {
		c.Float(f.Mean[i])
		c.Float(f.Deviation[i])
	}
}
