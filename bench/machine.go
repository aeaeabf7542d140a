package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/sandbox"
	"github.com/energyprobe/energyprobe/bench/work"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/price"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
)

// Host makes cells on the machine that this program runs on.
type Host struct {
	// Session says how to measure; its command is the coordinator's.
	Session session.Options
	Apps    []app.App
	// Coordinator is the command that runs work.Coordinate.
	Coordinator []string
	// Dir is where workers find their input and leave their results.
	Dir  string
	Seed int64
	// Idle is for how long the idle machine is watched before a cell, so that its
	// power is not taken for the workers'. It ends with the first cell that shows
	// that there is no counter to watch.
	Idle time.Duration
	// Prices are what a platform would ask for functions of the cells' sizes.
	Prices *price.List
	// Measure makes one measurement: session.Run.
	Measure func(context.Context, session.Options) (*report.Run, error)

	limits   *sandbox.Parent
	prepared map[string]error // by directory of input
}

// Close removes the control groups that were made.
func (h *Host) Close() error {
	if h.limits == nil {
		return nil
	}
	return h.limits.Close()
}

// Make is Machine's.
func (h *Host) Make(ctx context.Context, c Cell) (Made, error) {
	if err := h.input(ctx, c); err != nil {
		if ctx.Err() != nil {
			return Made{}, ctx.Err()
		}
		// Without its input a cell fails; others have theirs.
		return Made{Cell: failedCell(c, err)}, nil
	}
	job, groups, err := h.job(c)
	if err != nil {
		return Made{}, err
	}
	defer func() {
		for _, g := range groups {
			_ = g.Remove() // what is left is removed with the parent
		}
		_ = os.RemoveAll(job.Setup.Dir)
	}()
	run, result, err := h.measure(ctx, job)
	if err != nil {
		return Made{}, err
	}
	m := Made{Cell: cellOf(c, run, result, eventsOf(groups)), Host: &run.Host, Source: &run.Source, Warnings: run.Warnings}
	if job.CPUs > 0 {
		m.Cell.VCPU = &job.CPUs
	}
	if m.Cell.Status == report.CellOK {
		if err := h.conclude(&m.Cell, c, job, result); err != nil {
			m.Cell.Status, m.Cell.Reason = report.CellFailed, err.Error()
		}
	}
	m.Cell.Cost = cost(h.Prices, &m.Cell)
	return m, nil
}

// setup is what all workers of a cell have in common.
func (h *Host) setup(c Cell) app.Setup {
	w := c.Workload
	return app.Setup{Dir: filepath.Join(h.Dir, "cell"), Size: w.Size, Seed: uint64(h.Seed), Data: w.Data, Workers: c.Workers}
}

// job makes the limits of a cell's workers.
func (h *Host) job(c Cell) (job work.Job, groups []*sandbox.Group, err error) {
	w, limits := c.Workload, sandbox.Lambda(c.MemoryMB)
	job = work.Job{Setup: h.setup(c), Commands: w.Stages, MemoryMB: limits.MemoryMB, CPUs: limits.CPUs, Timeout: w.Timeout}
	if len(w.Stages) == 0 {
		job.Application = w.Name
	}
	if c.MemoryMB == 0 {
		return job, nil, nil
	}
	if h.limits == nil {
		if h.limits, err = sandbox.Open(h.Session.Root); err != nil {
			return job, nil, err
		}
	}
	for i := range c.Workers {
		g, err := h.limits.Group("worker"+strconv.Itoa(i), limits)
		if err != nil {
			return job, nil, err
		}
		groups = append(groups, g)
		job.Groups = append(job.Groups, g.Dirs())
	}
	return job, groups, nil
}

// input lays a cell's input into its own directory: it is made once for all cells
// of an application, and linked.
func (h *Host) input(ctx context.Context, c Cell) error {
	if h.prepared == nil {
		h.prepared = map[string]error{}
	}
	cell, from := h.setup(c), filepath.Join(h.Dir, "input-"+c.Workload.Name)
	err, done := h.prepared[from]
	if !done {
		err = h.prepare(ctx, c.Workload, cell, from)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h.prepared[from] = err
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(cell.Dir); err != nil {
		return err
	}
	return linkTree(from, cell.Dir)
}

// prepare makes the input of an application.
func (h *Host) prepare(ctx context.Context, w *Workload, s app.Setup, dir string) error {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	s.Dir = dir
	if len(w.Stages) == 0 {
		a, err := work.Find(h.Apps, w.Name)
		if err != nil || a.Prepare == nil {
			return err
		}
		return a.Prepare(ctx, s)
	}
	if w.Prepare == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", w.Prepare)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // its output would be taken for the result
	cmd.Env = append(os.Environ(), "ENERGYPROBE_DIR="+dir, "ENERGYPROBE_SIZE="+strconv.Itoa(w.Size), "ENERGYPROBE_SEED="+strconv.FormatUint(s.Seed, 10))
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("prepare %s: %q: %w", w.Name, w.Prepare, err)
	}
	return nil
}

// linkTree makes a directory whose files are those of another one. Workers don't
// change their input, so it need not be copied.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return os.Link(path, filepath.Join(to, rel))
	})
}

// measure has the coordinator do a job and measures it.
func (h *Host) measure(ctx context.Context, job work.Job) (*report.Run, work.Result, error) {
	var result work.Result
	// The coordinator ends when this pipe does, whatever becomes of this process.
	asked, ask, err := os.Pipe()
	if err != nil {
		return nil, result, err
	}
	defer asked.Close()
	defer ask.Close()
	answer, err := os.CreateTemp(h.Dir, "result-")
	if err != nil {
		return nil, result, err
	}
	defer answer.Close()
	defer os.Remove(answer.Name())
	said, err := os.CreateTemp(h.Dir, "said-")
	if err != nil {
		return nil, result, err
	}
	defer said.Close()
	defer os.Remove(said.Name())
	line, err := json.Marshal(job)
	if err != nil {
		return nil, result, err
	}
	go func() { _, _ = ask.Write(append(line, '\n')) }() // a coordinator that ended says why

	o := h.Session
	o.CPUBefore, o.Baseline = cpuTime(), h.Idle
	o.Command = &session.Command{Argv: h.Coordinator, Stdin: asked, Stdout: answer, Stderr: said}
	run, err := h.Measure(ctx, o)
	if err != nil {
		return nil, result, err
	}
	if run.Source.Quality == energy.Estimated {
		h.Idle = 0
	}
	run.Warnings = unasked(run)
	b, err := os.ReadFile(answer.Name())
	if err == nil {
		err = json.Unmarshal(b, &result)
	}
	if err != nil && ctx.Err() == nil {
		told, _ := os.ReadFile(said.Name())
		err = fmt.Errorf("the workers' coordinator did not say what became of them (%s): %s", status(run.Command), bytes.TrimSpace(told))
	}
	return run, result, err
}

// unasked are a measurement's warnings without the one that it was of no use to
// watch the idle machine: nobody asked for that, and where joules are estimates
// they say so themselves.
func unasked(run *report.Run) []report.Warning {
	return slices.DeleteFunc(slices.Clone(run.Warnings), func(w report.Warning) bool {
		return w.Code == "baseline" && run.Source.Quality == energy.Estimated
	})
}

func status(c *report.Command) string {
	switch {
	case c == nil:
		return "it was not run"
	case c.Signal != "":
		return "killed by " + c.Signal
	case c.ExitCode != nil:
		return fmt.Sprintf("exit status %d", *c.ExitCode)
	}
	return "it did not end"
}

// eventsOf is what the groups of a cell ran into, added up.
func eventsOf(groups []*sandbox.Group) (sum sandbox.Events) {
	for _, g := range groups {
		e := g.Events()
		sum.OOMKills += e.OOMKills
		sum.Throttled += e.Throttled
		sum.PeakBytes = max(sum.PeakBytes, e.PeakBytes)
	}
	return sum
}

// conclude says what a cell's work came to.
func (h *Host) conclude(cell *report.BenchCell, c Cell, job work.Job, r work.Result) error {
	out := app.Outcome{Units: float64(c.Workload.Size)}
	if job.Application == "" {
		if said := together(r.Workers); said != nil {
			out = *said
		}
	} else {
		a, err := work.Find(h.Apps, job.Application)
		if err != nil {
			return err
		}
		if out, err = a.Conclude(job.Setup); err != nil {
			return err
		}
	}
	if out.Units > 0 {
		cell.Work = &report.Work{Units: out.Units, Unit: c.Workload.Unit, Checksum: out.Checksum}
	}
	// What data of the user's give, nobody knows before.
	bounded := job.Application != "" && job.Setup.Data == ""
	for _, f := range out.Quality {
		q := report.WorkQuality{Name: f.Name, Value: f.Value, Unit: f.Unit, Low: f.Low, High: f.High, OK: true}
		if bounded {
			q.OK = f.Value >= f.Low && f.Value <= f.High
		}
		cell.Quality = append(cell.Quality, q)
	}
	var wrong []string
	for _, q := range cell.Quality {
		if !q.OK {
			wrong = append(wrong, fmt.Sprintf("%s is %g, not from %g to %g", q.Name, q.Value, q.Low, q.High))
		}
	}
	if wrong != nil {
		return fmt.Errorf("the work is not right: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// together is what the workers of a command say it came to, nil where none says
// anything: the units are of all of them, quality is what they have on average.
func together(workers []work.Worker) *app.Outcome {
	var out *app.Outcome
	n := map[string]int{}
	for _, w := range workers {
		if w.Outcome == nil {
			continue
		}
		if out == nil {
			out = &app.Outcome{Checksum: w.Outcome.Checksum}
		}
		out.Units = w.Outcome.Units
		for _, f := range w.Outcome.Quality {
			i := slices.IndexFunc(out.Quality, func(g app.Figure) bool { return g.Name == f.Name })
			if i < 0 {
				out.Quality, i = append(out.Quality, app.Figure{Name: f.Name, Unit: f.Unit}), len(out.Quality)
			}
			g := &out.Quality[i]
			n[f.Name]++
			g.Value += (f.Value - g.Value) / float64(n[f.Name])
		}
	}
	return out
}

// cpuTime is what this process has used.
func cpuTime() (d time.Duration) {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) == nil {
		d = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	return d
}
