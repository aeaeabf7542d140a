// Package montecarlo finds pi by sampling: of all points of a square, pi/4 are
// within the circle around one of its corners.
//
// Work comes in iterations of 100,000 points, and an iteration has its own
// stretch of the one sequence of random numbers. Which worker does it changes
// nothing, so neither does their number.
package montecarlo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
)

const perIteration = 100_000

// New returns the application.
func New() app.App {
	// Points are fast and the original has few: what takes five seconds is more.
	return with("montecarlo", "pi by sampling", 0, app.Sizes{Tiny: 2_000_000, Quick: 3_000_000_000, Standard: 100_000_000})
}

// NewPaced returns the application with the pause after each iteration that the
// original has: a worker computes for a thousandth of its time.
func NewPaced() app.App {
	a := with("montecarlo-paced", "pi by sampling, with the original's pause of 0.1 s per iteration", pause,
		app.Sizes{Tiny: 300_000, Quick: 5_000_000, Standard: 100_000_000})
	a.Variant = true
	return a
}

const pause = 100 * time.Millisecond

func with(name, title string, pause time.Duration, sizes app.Sizes) app.App {
	return app.App{
		Name: name, Title: title, Unit: "points", Sizes: sizes,
		Prepare:  prepare,
		Stages:   []app.Stage{{Name: "sample", Run: sample(pause)}},
		Conclude: conclude,
	}
}

func prepare(_ context.Context, s app.Setup) error {
	if s.Size < 1 {
		return fmt.Errorf("prepare montecarlo: %d points: ask for at least 1", s.Size)
	}
	if s.Data != "" {
		return fmt.Errorf("prepare montecarlo: it takes no data, so nothing can be done with %s", s.Data)
	}
	return nil
}

// iterations is how many there are of n points. The last may be a shorter one.
func iterations(n int) int { return (n + perIteration - 1) / perIteration }

// points is how many iteration i has of n in all.
func points(n, i int) int { return min(perIteration, n-i*perIteration) }

// sample counts the points within the circle, iteration by iteration.
func sample(pause time.Duration) func(context.Context, *app.Task) error {
	return func(ctx context.Context, t *app.Task) error {
		from, to := app.Share(iterations(t.Size), t.Worker, t.Of)
		counts := make([]int, 0, to-from)
		err := t.Compute(func() error {
			for i := from; i < to; i++ {
				counts = append(counts, inside(stretch(t.Seed, i), points(t.Size, i)))
				if err := sleep(ctx, pause); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return t.Write(func() error { return write(path(t.Dir, t.Worker), from, counts) })
	}
}

// sleep waits, and says when nobody wants the rest any more.
func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// path is the file of a worker's counts: an iteration and its count a line.
func path(dir string, worker int) string {
	return filepath.Join(dir, fmt.Sprintf("counts-%d.txt", worker))
}

func write(path string, first int, counts []int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i, n := range counts {
		fmt.Fprintln(w, first+i, n)
	}
	return errors.Join(w.Flush(), f.Close())
}

// conclude adds up what the workers counted.
func conclude(s app.Setup) (app.Outcome, error) {
	sum, in, next := app.NewChecksum(), 0, 0
	for worker := range s.Workers {
		counts, err := read(path(s.Dir, worker), next)
		if err != nil {
			return app.Outcome{}, fmt.Errorf("conclude montecarlo: %w", err)
		}
		for _, n := range counts {
			sum.Int(int64(n))
			in += n
		}
		next += len(counts)
	}
	if want := iterations(s.Size); next != want {
		return app.Outcome{}, fmt.Errorf("conclude montecarlo: %d workers did %d iterations, not %d: run the stage anew", s.Workers, next, want)
	}
	n := float64(s.Size)
	return app.Outcome{Units: n, Checksum: sum.String(), Quality: []app.Figure{{
		Name: "error of pi", Value: math.Abs(4*float64(in)/n - math.Pi), High: bound(n),
	}}}, nil
}

// bound is five standard deviations of the estimate of n points: the number
// within the circle is binomial. A seed in two million is beyond it.
func bound(n float64) float64 { return 5 * math.Sqrt(math.Pi*(4-math.Pi)/n) }

// read returns a worker's counts, of the iterations from first on.
func read(path string, first int) ([]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var counts []int
	r := bufio.NewReader(f)
	for {
		var i, n int
		if _, err := fmt.Fscanln(r, &i, &n); errors.Is(err, io.EOF) {
			return counts, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(counts)+1, err)
		}
		if i != first+len(counts) || n < 0 || n > perIteration {
			return nil, fmt.Errorf("%s, line %d: %d points of iteration %d, where iteration %d is due", path, len(counts)+1, n, i, first+len(counts))
		}
		counts = append(counts, n)
	}
}
