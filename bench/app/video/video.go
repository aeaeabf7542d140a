package video

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/energyprobe/energyprobe/bench/app"
)

// What every film is like, so that a frame is the same work.
const (
	width, height = 1280, 720
	rate          = 10 // frames per second
	chunkSeconds  = 10
	chunkFrames   = chunkSeconds * rate
)

// New is the application.
func New() app.App {
	return app.App{
		Name:  "video",
		Title: "brightest frame of every ten seconds of video, sharpened, its edges",
		Unit:  "frames",
		// 28 workers, as many as the original is run with, have two chunks each of
		// the standard size.
		Sizes:   app.Sizes{Tiny: 120, Quick: 1500, Standard: 2 * 28 * chunkFrames},
		Prepare: prepare,
		Stages: []app.Stage{
			{Name: "split", Run: split},
			{Name: "extract", Run: extract},
			{Name: "sharpen", Run: sharpen},
			{Name: "classify", Run: classify},
		},
		Conclude: conclude,
	}
}

// Names in the shared directory.
func filmPath(dir string) string             { return filepath.Join(dir, "film") }
func chunkPath(dir string, chunk int) string { return numbered(dir, "chunk-%04d", chunk) }
func framePath(dir string, chunk int) string { return numbered(dir, "frame-%04d.ppm", chunk) }
func foundPath(dir string, chunk int) string { return numbered(dir, "frame-%04d.json", chunk) }
func sharpPath(dir string, chunk int) string { return numbered(dir, "sharp-%04d.ppm", chunk) }
func imagePath(dir string, chunk int) string { return numbered(dir, "sharp-%04d.json", chunk) }

func numbered(dir, format string, chunk int) string {
	return filepath.Join(dir, fmt.Sprintf(format, chunk))
}

// chunksOf is how many chunks so many frames make; the last one may be shorter.
func chunksOf(frames int) int { return (frames + chunkFrames - 1) / chunkFrames }

// openFile opens a film; the file is the caller's to close.
func openFile(path string) (*film, *os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil {
		var f *film
		if f, err = openFilm(file, info.Size()); err == nil {
			f.name = path
			return f, file, nil
		}
		err = fmt.Errorf("read film %s: %w", path, err)
	}
	return nil, nil, errors.Join(err, file.Close())
}

// share calls f for each chunk that is this worker's.
func share(ctx context.Context, t *app.Task, f func(chunk int) error) error {
	film, file, err := openFile(filmPath(t.Dir))
	if err != nil {
		return err
	}
	frames := film.frames()
	if err := file.Close(); err != nil {
		return err
	}
	from, to := app.Share(chunksOf(frames), t.Worker, t.Of)
	for chunk := from; chunk < to; chunk++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(chunk); err != nil {
			return fmt.Errorf("chunk %d: %w", chunk, err)
		}
	}
	return nil
}
