package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Machine makes cells.
type Machine interface {
	// Make makes one cell. What goes wrong with it is its Status: the error is of
	// what keeps cells from being made at all.
	Make(ctx context.Context, c Cell) (Made, error)
}

// Made is a cell, with what is known of the machine that made it.
type Made struct {
	Cell     report.BenchCell
	Host     *report.Host // nil where nothing was measured
	Source   *report.Source
	Warnings []report.Warning
}

// Progress says what is about to run.
type Progress struct {
	What string
	Done int           // cells made
	Of   int           // of so many
	Left time.Duration // until the end, estimated; 0 while it is not known
	Over bool          // nothing comes any more
}

// ErrInterrupted is a plan that was ended before all its cells were made.
var ErrInterrupted = errors.New("interrupted")

// Runner makes the cells of a plan.
type Runner struct {
	Plan    *Plan
	Machine Machine
	Head    report.Bench // what the result says beside cells
	// Made are the cells that there are, by ID.
	Made map[string]report.BenchCell
	// Keep is told every cell as it is made: a Store's Keep; nil for nobody.
	Keep func(report.Bench, report.BenchCell) error
	// Progress is told what comes next, never while a cell is measured; nil for
	// nobody.
	Progress func(Progress)

	cost  map[string]float64 // seconds that cells of an application took, of those made by this run
	spent map[string]int     // how many that were
}

// Run makes what is missing and returns all cells, in the order of the plan. With
// an error it returns those there are.
func (r *Runner) Run(ctx context.Context) (*report.Bench, error) {
	r.cost, r.spent = map[string]float64{}, map[string]int{}
	cells := r.Plan.Cells()
	if r.Made == nil {
		r.Made = map[string]report.BenchCell{}
	}
	var failed error
	for _, c := range cells {
		if _, there := r.Made[c.ID()]; there {
			continue
		}
		if failed = r.one(ctx, c, cells); failed != nil {
			break
		}
	}
	r.say(Progress{Over: true})
	out := r.Head
	out.DurationS = time.Since(out.StartedAt).Seconds()
	out.Cells = []report.BenchCell{}
	for _, c := range cells {
		if made, there := r.Made[c.ID()]; there {
			out.Cells = append(out.Cells, made)
		}
	}
	return &out, failed
}

func (r *Runner) say(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

// one makes a cell and keeps it.
func (r *Runner) one(ctx context.Context, c Cell, cells []Cell) error {
	if ctx.Err() != nil {
		return r.interrupted(len(cells))
	}
	r.say(Progress{What: describe(c), Done: len(r.Made), Of: len(cells), Left: r.left(cells)})
	began := time.Now()
	m, err := r.Machine.Make(ctx, c)
	switch {
	case ctx.Err() != nil:
		return r.interrupted(len(cells))
	case err != nil:
		return fmt.Errorf("%s: %w", describe(c), err)
	}
	r.cost[c.Workload.Name] += time.Since(began).Seconds()
	r.spent[c.Workload.Name]++
	if m.Host != nil {
		r.Head.Host, r.Head.Source = m.Host, m.Source
	}
	for _, w := range m.Warnings {
		r.warn(w)
	}
	r.Made[c.ID()] = m.Cell
	if r.Keep == nil {
		return nil
	}
	head := r.Head
	head.RunID, head.StartedAt, head.Warnings = report.NewID(), began, []report.Warning{}
	head.DurationS = time.Since(began).Seconds()
	return r.Keep(head, m.Cell)
}

func (r *Runner) interrupted(cells int) error {
	return fmt.Errorf("%w after %d of %d cells", ErrInterrupted, len(r.Made), cells)
}

// warn takes a warning in once for each kind.
func (r *Runner) warn(w report.Warning) {
	for _, old := range r.Head.Warnings {
		if old.Code == w.Code {
			return
		}
	}
	r.Head.Warnings = append(r.Head.Warnings, w)
}

// describe is a cell for who waits: "titanic, 1024 MB, 8 workers, repetition 2".
func describe(c Cell) string {
	text := c.Workload.Name
	if c.MemoryMB > 0 {
		text += fmt.Sprintf(", %d MB", c.MemoryMB)
	}
	if c.Workers == 1 {
		text += ", 1 worker"
	} else {
		text += fmt.Sprintf(", %d workers", c.Workers)
	}
	if c.Repetition > 1 {
		text += fmt.Sprintf(", repetition %d", c.Repetition)
	}
	return text
}

// left estimates the time until the end, by what cells of each application have
// taken so far; one that has not been run yet is taken for an average one.
func (r *Runner) left(cells []Cell) time.Duration {
	total, n := 0.0, 0
	for name, s := range r.cost {
		total, n = total+s, n+r.spent[name]
	}
	if n == 0 {
		return 0
	}
	left := 0.0
	for _, c := range cells {
		if _, there := r.Made[c.ID()]; there {
			continue
		}
		if k := r.spent[c.Workload.Name]; k > 0 {
			left += r.cost[c.Workload.Name] / float64(k)
		} else {
			left += total / float64(n)
		}
	}
	return time.Duration(left * float64(time.Second))
}
