package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
)

// prepare makes the film. It has its name when it is whole.
func prepare(ctx context.Context, s app.Setup) (err error) {
	if s.Size < 1 {
		return fmt.Errorf("video of %d frames: there must be 1 at least", s.Size)
	}
	path := filmPath(s.Dir)
	file, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}()
	w := &filmWriter{format: format{width, height, rate, chunkFrames}, w: file}
	if s.Data != "" {
		err = convert(ctx, w, s.Data, s.Size)
	} else {
		err = generate(ctx, w, s.Size, s.Seed)
	}
	if err != nil {
		return err
	}
	if err := w.finish(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// generate draws as many chunks at once as there are CPUs.
func generate(ctx context.Context, w *filmWriter, frames int, seed uint64) error {
	chunks := chunksOf(frames)
	drawn := make([][][]byte, min(runtime.GOMAXPROCS(0), chunks))
	for first := 0; first < chunks; first += len(drawn) {
		var wg sync.WaitGroup
		for i := range drawn {
			number := first + i
			wg.Go(func() { drawn[i] = drawChunk(ctx, seed, number, min(frames-number*chunkFrames, chunkFrames)) })
		}
		wg.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, chunk := range drawn {
			for _, frame := range chunk {
				if err := w.add(frame); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// drawChunk gives the frames of a chunk as they are encoded.
func drawChunk(ctx context.Context, seed uint64, number, frames int) [][]byte {
	var encoded [][]byte
	if frames <= 0 {
		return nil
	}
	s := newScene(seed, number, width, height)
	c := newCoder(width)
	frame, reference := make([]byte, 3*width*height), []byte(nil)
	var buf []byte
	for i := 0; i < frames && ctx.Err() == nil; i++ {
		s.frame(frame, i)
		buf = c.encode(buf[:0], frame, reference)
		encoded = append(encoded, bytes.Clone(buf))
		if reference == nil {
			reference = make([]byte, len(frame))
		}
		frame, reference = reference, frame
	}
	return encoded
}

// convert makes up to so many frames of a file that ffmpeg can decode. What is
// wider or higher than our frames is made smaller, and black is put around what
// has another shape, so that a frame is the same work.
func convert(ctx context.Context, w *filmWriter, path string, frames int) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("video to work on: %w", err)
	}
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf("decode %s: %w: apt-get install -y ffmpeg, or work on generated video", path, err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	size := fmt.Sprintf("%d:%d", width, height)
	cmd := exec.CommandContext(ctx, program, "-v", "error", "-nostdin", "-i", "file:"+path,
		"-map", "0:v:0", "-sws_flags", "bicubic+accurate_rnd+bitexact",
		"-vf", fmt.Sprintf("fps=%d,scale=%s:force_original_aspect_ratio=decrease,pad=%s:-1:-1", rate, size, size),
		"-frames:v", fmt.Sprint(frames), "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	n, err := encodeAll(w, out, frames)
	// It may have more to say, and be waiting for a reader.
	err = errors.Join(err, out.Close())
	if err != nil {
		cancel()
	}
	failed := cmd.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("decode %s: %w", path, err)
	case failed != nil && n < frames:
		return fmt.Errorf("decode %s: ffmpeg: %w: %s", path, failed, strings.TrimSpace(said.String()))
	case n == 0:
		return fmt.Errorf("decode %s: ffmpeg finds no frame in it", path)
	}
	return nil
}

// encodeAll takes raw frames up to the end.
func encodeAll(w *filmWriter, r io.Reader, most int) (n int, err error) {
	c := newCoder(w.Width)
	frame, reference := make([]byte, w.frameBytes()), make([]byte, w.frameBytes())
	var encoded []byte
	for ; n < most; n++ {
		if _, err := io.ReadFull(r, frame); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, fmt.Errorf("frame %d: %w", n, err)
		}
		before := reference
		if n%w.Group == 0 {
			before = nil
		}
		encoded = c.encode(encoded[:0], frame, before)
		if err := w.add(encoded); err != nil {
			return n, err
		}
		frame, reference = reference, frame
	}
	return n, nil
}
