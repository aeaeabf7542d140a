package ml

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/energyprobe/energyprobe/bench/app"
)

// leastRows is how many rows there must be: fewer leave no trees to train.
const leastRows = 60

// prepare writes the rows, generated or those of the user's file, of which it
// takes Size at most.
func prepare(ctx context.Context, s app.Setup) (err error) {
	if s.Size < leastRows {
		return fmt.Errorf("prepare %d rows: an ensemble takes %d at least", s.Size, leastRows)
	}
	out, err := os.Create(filepath.Join(s.Dir, inputFile))
	if err != nil {
		return fmt.Errorf("prepare rows: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(out, 1<<20)
	if s.Data == "" {
		err = generate(ctx, w, s.Seed, s.Size)
	} else {
		err = take(w, s)
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

func generate(ctx context.Context, w io.Writer, seed uint64, rows int) error {
	var image [columns]uint8
	var line []byte
	for r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		label := draw(seed, r, &image)
		line = appendRow(line[:0], label, image[:])
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("prepare rows: %w", err)
		}
	}
	return nil
}

// take reads the whole of what it takes before it writes: a file that turns out
// to be another kind is refused before anything is measured.
func take(w io.Writer, s app.Setup) error {
	in, err := os.Open(s.Data)
	if err != nil {
		return fmt.Errorf("take rows from a file: %w", err)
	}
	defer in.Close()
	m, err := parse(in, s.Size)
	if err != nil {
		return fmt.Errorf("take rows from %s: %w", s.Data, err)
	}
	if m.pixels.Rows < leastRows {
		return fmt.Errorf("take rows from %s: there are %d, an ensemble takes %d at least", s.Data, m.pixels.Rows, leastRows)
	}
	var line []byte
	for r, label := range m.labels {
		line = appendRow(line[:0], label, m.pixels.V[r*columns:(r+1)*columns])
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("prepare rows: %w", err)
		}
	}
	return nil
}
