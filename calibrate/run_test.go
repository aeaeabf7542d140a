package calibrate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/report"
)

// scripted is a machine whose points are made up: by place and try.
type scripted struct {
	held  []string
	tries map[string]int
	spoil func(s Step, try int, p *report.CalibrationPoint)
	stop  func(n int) // before the n-th load
	fail  int         // at which load to fail, -1 for none
}

func (m *scripted) Hold(ctx context.Context, s Step, _ time.Duration) (report.CalibrationPoint, error) {
	if m.stop != nil {
		m.stop(len(m.held))
	}
	if ctx.Err() != nil {
		return report.CalibrationPoint{}, ctx.Err()
	}
	if m.fail == len(m.held) {
		return report.CalibrationPoint{}, errors.New("no such CPU")
	}
	key := fmt.Sprint(s.Spec, s.Shape, s.Repeat)
	if m.tries == nil {
		m.tries = map[string]int{}
	}
	p := s.Point()
	watts := 40 + 100*s.Load
	p.StartedAt, p.DurationS = time.Unix(int64(len(m.held)), 0).UTC(), s.Dwell.Seconds()
	p.Sockets = []report.SocketLoad{{PowerW: &watts, CPUs: 8, Busy: ptr(8 * s.Load)}}
	if m.spoil != nil {
		m.spoil(s, m.tries[key], &p)
	}
	m.tries[key]++
	m.held = append(m.held, key)
	return p, nil
}

func planned(t *testing.T) (Mode, []Step) {
	t.Helper()
	m, err := ModeNamed("quick")
	if err != nil {
		t.Fatal(err)
	}
	host := machine(1, 4, 2)
	steps, err := Plan(m, Site{Topology: host, Allowed: host.Online}, 3)
	if err != nil {
		t.Fatal(err)
	}
	return m, steps
}

func TestExperiment(t *testing.T) {
	mode, steps := planned(t)
	var said []Progress
	m := &scripted{fail: -1}
	e := &Experiment{Mode: mode, Steps: steps, Machine: m, Progress: func(p Progress) { said = append(said, p) }}
	points, err := e.Run(context.Background())
	if err != nil || len(points) != len(steps) || len(m.held) != len(steps) {
		t.Fatalf("%d points of %d steps, %d held: %v", len(points), len(steps), len(m.held), err)
	}
	if first := said[0]; first.What != "the idle machine" || first.Steps != len(steps) || first.Left != mode.Takes(steps) {
		t.Errorf("at first %+v", first)
	}
	if last := said[len(said)-1]; last.Done != len(steps)-1 {
		t.Errorf("at last %+v", last)
	}
}

// What quality control wants repeated is made once more, and the second try
// stands.
func TestExperimentRepeats(t *testing.T) {
	mode, steps := planned(t)
	m := &scripted{fail: -1, spoil: func(s Step, try int, p *report.CalibrationPoint) {
		if s.Spec.Kernel == "simd" && s.Load == 1 && try == 0 {
			p.Background = ptr(0.3)
		}
	}}
	points, err := (&Experiment{Mode: mode, Steps: steps, Machine: m}).Run(context.Background())
	if err != nil || len(m.held) != len(steps)+1 || len(points) != len(steps) {
		t.Fatalf("%d held, %d points, %d steps: %v", len(m.held), len(points), len(steps), err)
	}
	if v := Judge(points, Facts{}); len(v) > 0 {
		t.Errorf("verdicts %s", codes(v))
	}
	for _, p := range points {
		if len(p.Verdicts) > 0 {
			t.Errorf("%s at %v: %s", p.Workload, p.Load, codes(p.Verdicts))
		}
	}
	// Where everything is wrong, repeating has an end.
	m = &scripted{fail: -1, spoil: func(_ Step, _ int, p *report.CalibrationPoint) { p.Background = ptr(0.3) }}
	if _, err := (&Experiment{Mode: mode, Steps: steps, Machine: m}).Run(context.Background()); err != nil || len(m.held) > len(steps)+len(steps)/5 {
		t.Errorf("%d held for %d steps: %v", len(m.held), len(steps), err)
	}
}

// A calibration that is interrupted at any load goes on from its journal, makes
// every load exactly once, and ends with the points that it would have had.
func TestExperimentGoesOn(t *testing.T) {
	mode, steps := planned(t)
	spoil := func(s Step, try int, p *report.CalibrationPoint) {
		if s.Spec.Kernel == "alu" && s.Load == 0.5 && try == 0 {
			p.ThirdsW = []float64{10, 20, 30}
		}
	}
	whole, err := (&Experiment{Mode: mode, Steps: steps, Machine: &scripted{fail: -1, spoil: spoil}}).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal")
	j, err := NewJournal(path, headOf(3))
	if err != nil {
		t.Fatal(err)
	}
	made := map[int]report.CalibrationPoint{}
	m := &scripted{fail: -1, spoil: spoil}
	var points []report.CalibrationPoint
	for range len(steps) {
		ctx, cancel := context.WithCancel(context.Background())
		until := len(m.held) + 3
		m.stop = func(n int) {
			if n == until {
				cancel()
			}
		}
		e := &Experiment{Mode: mode, Steps: steps, Machine: m, Made: made, Keep: j.Add}
		points, err = e.Run(ctx)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if j, _, made, err = OpenJournal(path); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, points); diff != "" {
		t.Errorf("points: %s", diff)
	}
	spoilt := 0
	for _, s := range steps {
		if s.Spec.Kernel == "alu" && s.Load == 0.5 {
			spoilt++
		}
	}
	if len(m.held) != len(steps)+spoilt {
		t.Errorf("%d loads were held for %d steps", len(m.held), len(steps))
	}
}

func TestExperimentFails(t *testing.T) {
	mode, steps := planned(t)
	m := &scripted{fail: 4}
	points, err := (&Experiment{Mode: mode, Steps: steps, Machine: m}).Run(context.Background())
	if err == nil || errors.Is(err, ErrInterrupted) || len(points) != 4 {
		t.Errorf("%d points, %v", len(points), err)
	}
	m = &scripted{fail: -1}
	e := &Experiment{Mode: mode, Steps: steps, Machine: m, Keep: func(int, report.CalibrationPoint) error { return errors.New("disk full") }}
	if points, err := e.Run(context.Background()); err == nil || len(points) != 1 {
		t.Errorf("%d points, %v", len(points), err)
	}
}
