package calibrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Machine is the host that is calibrated.
type Machine interface {
	// Hold lets a step's load run, waits for it to settle, looks at the machine
	// for the step's dwell and ends the load. The error is of what keeps loads
	// from running at all; power that is not known is the point's Reason.
	Hold(ctx context.Context, s Step, settle time.Duration) (report.CalibrationPoint, error)
}

// Progress says how far a calibration is.
type Progress struct {
	What  string        // the load that comes next
	Done  int           // steps made
	Steps int           // of so many; more where some have to be repeated
	Left  time.Duration // until the end, estimated
}

// ErrInterrupted is a calibration that was ended before its plan was.
var ErrInterrupted = errors.New("interrupted")

// Experiment makes the points of a plan.
type Experiment struct {
	Mode    Mode
	Steps   []Step
	Facts   Facts
	Machine Machine
	// Made are the points there are already, by place; those made are added.
	Made map[int]report.CalibrationPoint
	// Keep is told every point as it is made: a Journal's Add.
	Keep func(place int, p report.CalibrationPoint) error
	// Progress is told what comes next, never while a load is looked at; nil
	// for nobody.
	Progress func(Progress)
	began    time.Time
	fresh    int // points made by this run
}

// Run makes what is missing, then once more what quality control wants
// repeated, and returns all points in the order of time. With an error it
// returns those there are.
func (e *Experiment) Run(ctx context.Context) ([]report.CalibrationPoint, error) {
	e.began = time.Now()
	if e.Made == nil {
		e.Made = map[int]report.CalibrationPoint{}
	}
	for place, s := range e.Steps {
		if err := e.hold(ctx, place, s, len(e.Steps)); err != nil {
			return e.points(), err
		}
	}
	again := e.again()
	for k, place := range again {
		if err := e.hold(ctx, len(e.Steps)+place, e.Steps[place], len(e.Steps)+len(again)-k); err != nil {
			return e.points(), err
		}
	}
	return e.points(), nil
}

// hold makes the point of a place, unless it is there.
func (e *Experiment) hold(ctx context.Context, place int, s Step, steps int) error {
	if _, there := e.Made[place]; there {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w after %d of %d loads", ErrInterrupted, len(e.Made), len(e.Steps))
	}
	if e.Progress != nil {
		e.Progress(Progress{What: describe(s), Done: len(e.Made), Steps: max(steps, len(e.Made)+1), Left: e.left()})
	}
	p, err := e.Machine.Hold(ctx, s, e.Mode.Settle)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w after %d of %d loads", ErrInterrupted, len(e.Made), len(e.Steps))
	case err != nil:
		return fmt.Errorf("%s: %w", describe(s), err)
	}
	e.Made[place] = p
	e.fresh++
	if e.Keep == nil {
		return nil
	}
	return e.Keep(place, p)
}

// describe is a step for who waits: "alu, 50 % of every CPU".
func describe(s Step) string {
	switch s.Shape {
	case report.ShapeIdle:
		return "the idle machine"
	case report.ShapeCores:
		return fmt.Sprintf("%s, %d CPUs (%s)", s.Spec.Kernel, len(s.Spec.CPUs), s.Placement)
	case report.ShapeTogether:
		return fmt.Sprintf("%s, %.0f %% of every CPU at once", s.Spec.Kernel, 100*s.Load)
	case report.ShapeTrace:
		return fmt.Sprintf("%s, bursts, %.0f %% on average", s.Spec.Kernel, 100*s.Load)
	}
	return fmt.Sprintf("%s, %.0f %% of every CPU", s.Spec.Kernel, 100*s.Load)
}

// left is estimated by what steps have taken so far, at first by what they take
// at least.
func (e *Experiment) left() time.Duration {
	var missing []Step
	for place, s := range e.Steps {
		if _, there := e.Made[place]; !there {
			missing = append(missing, s)
		}
	}
	if e.fresh == 0 {
		return e.Mode.Takes(missing)
	}
	return time.Since(e.began) / time.Duration(e.fresh) * time.Duration(len(missing))
}

// mostAgain is the part of the steps that may be repeated: where more is wrong,
// repeating does not help.
const mostAgain = 0.2

// again returns the places whose points are to be made once more. The same
// points give the same places, so that an interrupted calibration goes on with
// them.
func (e *Experiment) again() []int {
	points := make([]report.CalibrationPoint, len(e.Steps))
	for place := range e.Steps {
		points[place] = e.Made[place]
	}
	Judge(points, e.Facts)
	var places []int
	for place, p := range points {
		if slices.ContainsFunc(p.Verdicts, func(v report.Verdict) bool { return v.Action == report.VerdictRepeat || v.Code == "background" }) {
			places = append(places, place)
		}
	}
	return places[:min(len(places), int(mostAgain*float64(len(e.Steps))))]
}

// points are all that were made, in the order of time, those that were made once
// more in the place of the first try.
func (e *Experiment) points() []report.CalibrationPoint {
	out := []report.CalibrationPoint{}
	for place := range e.Steps {
		p, there := e.Made[place]
		if again, twice := e.Made[len(e.Steps)+place]; twice {
			p = again
		}
		if there {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b report.CalibrationPoint) int { return a.StartedAt.Compare(b.StartedAt) })
	return out
}
