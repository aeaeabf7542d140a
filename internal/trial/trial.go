// Package trial repeats measurements: one command many times, or several in
// turns. Every run is a session of its own; what it gives is one value per
// measure.
//
//	watch the idle machine, when asked to
//	warm up: every command, with nothing kept
//	rounds: every command once, in an order drawn from the seed
//	    prepare ... measure ... say how far it is
//	clean up
//	describe the runs of each command
package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/compare"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/shell"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// MaxSeed bounds seeds: a JSON number holds them exactly.
const MaxSeed = 1<<53 - 1

// Command is one of the commands.
type Command struct {
	Name       string // as the user gave it
	Argv       []string
	Parameters map[string]string // of a sweep
	Prepare    string            // shell command before each of its runs, in the place of the common one
}

// Options says what to run and how often.
type Options struct {
	// Session is how a run is measured; its Command is a template that gets
	// the arguments.
	Session  session.Options
	Commands []Command
	Repeat   int // runs of each command
	Warmup   int // runs of each before, which count for nothing
	Seed     int64
	Shell    string        // that runs the commands, for the report; "" for none
	Prepare  string        // shell command before every run; "" for none
	Cleanup  string        // shell command after the last run of each command
	Baseline time.Duration // how long the idle machine is watched first; 0 for not at all
	// IgnoreFailure goes on after a run that failed.
	IgnoreFailure bool
	// Signals end the trials between runs, and within one what the session makes
	// of them.
	Signals <-chan os.Signal
	// Progress is told what comes next; never while a window is open.
	Progress func(Progress)
	// Measure makes one measurement: session.Run.
	Measure func(context.Context, session.Options) (*report.Run, error)
}

// Progress says what is about to run.
type Progress struct {
	What string        // the command, or what else is done
	Done int           // runs made, warm-ups included
	Runs int           // of so many; 0 before the first
	Left time.Duration // until the end, estimated; 0 while it is not known
	Over bool          // nothing comes any more
}

// FailedError is a run that failed and ended the trials.
type FailedError struct {
	Command string
	Run     int // from 1, warm-ups before
	Warmup  bool
	Status  string // "exit status 3", "killed by SIGKILL"
	Code    int    // exit status, or 128 plus the signal
}

func (e *FailedError) Error() string {
	kind := "run"
	if e.Warmup {
		kind = "warm-up run"
	}
	return fmt.Sprintf("%s: %s in %s %d; to go on after a failure give --ignore-failure", e.Command, e.Status, kind, e.Run)
}

// ErrInterrupted is a signal that ended the trials.
var ErrInterrupted = errors.New("interrupted")

// Run makes the trials. With an error it returns what was measured before it,
// nil if that is nothing.
func Run(ctx context.Context, o Options) (*report.Trials, error) {
	r := &runner{Options: o, ctx: ctx, runs: (o.Warmup + o.Repeat) * len(o.Commands)}
	r.t = &report.Trials{
		Schema: report.TrialsSchema, RunID: report.NewID(), StartedAt: time.Now(), Tool: o.Session.Tool,
		Plan: report.TrialPlan{
			Repeat: o.Repeat, Warmup: o.Warmup, Seed: o.Seed, Rounds: len(o.Commands) > 1,
			Shell: o.Shell, Prepare: preparation(o), Cleanup: o.Cleanup,
		},
		Warnings: []report.Warning{},
	}
	for _, c := range o.Commands {
		r.t.Series = append(r.t.Series, report.TrialSeries{Name: c.Name, Argv: c.Argv, Parameters: c.Parameters, Runs: []report.Trial{}})
	}
	stop := r.relay()
	err := r.all()
	stop()
	r.say(Progress{Over: true})
	if r.order == 0 {
		return nil, err
	}
	r.t.DurationS = time.Since(r.t.StartedAt).Seconds()
	compare.Describe(r.t)
	return r.t, err
}

// preparation is what ran before each run, for the report.
func preparation(o Options) string {
	var each []string
	own := false
	for i, c := range o.Commands {
		each = append(each, fmt.Sprintf("%d: %s", i+1, cmp.Or(c.Prepare, o.Prepare, "nothing")))
		own = own || c.Prepare != ""
	}
	if !own {
		return o.Prepare
	}
	return strings.Join(each, "; ")
}

// relay passes signals on to the sessions and notes those that ask for an end:
// one that comes when a command has just ended reaches nobody else. What it
// returns ends it.
func (r *runner) relay() (stop func()) {
	over := make(chan struct{})
	r.passed = make(chan os.Signal, 16)
	go func() {
		for {
			select {
			case <-over:
				return
			case s := <-r.Signals:
				switch s {
				case unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT:
					r.asked.CompareAndSwap(nil, &s)
				}
				select {
				case r.passed <- s:
				default: // nobody has read the last sixteen
				}
			}
		}
	}()
	return func() { close(over) }
}

type runner struct {
	Options
	passed  chan os.Signal // to the sessions
	asked   atomic.Pointer[os.Signal]
	ctx     context.Context
	t       *report.Trials
	runs    int // in all
	done    int
	order   int // of the next run that counts
	began   time.Time
	learned bool // host and source are known
}

func (r *runner) say(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

// left estimates the time until the end.
func (r *runner) left() time.Duration {
	if r.done == 0 {
		return 0
	}
	return time.Since(r.began) / time.Duration(r.done) * time.Duration(r.runs-r.done)
}

func (r *runner) all() error {
	if r.Baseline > 0 {
		r.say(Progress{What: fmt.Sprintf("watching the idle machine for %v, then %d runs", r.Baseline, r.runs)})
		if err := r.watchIdle(); err != nil {
			return err
		}
	}
	r.began = time.Now()
	for n := range r.Warmup {
		for i := range r.Commands {
			if _, err := r.one(i, n, true); err != nil {
				return err
			}
		}
	}
	for n, round := range stats.Interleave(len(r.Commands), r.Repeat, uint64(r.Seed)) {
		for _, i := range round {
			run, err := r.one(i, n, false)
			if run != nil {
				r.keep(i, n, run)
			}
			if err != nil {
				return err
			}
		}
	}
	for i := range r.Commands {
		if err := r.aside("clean-up", r.Cleanup, i); err != nil {
			return err
		}
	}
	return nil
}

// one makes run n of command i. The error is what ends the trials; a run that
// failed is returned with it.
func (r *runner) one(i, n int, warmup bool) (*report.Run, error) {
	if err := r.pause(); err != nil {
		return nil, err
	}
	r.say(Progress{What: r.Commands[i].Name, Done: r.done, Runs: r.runs, Left: r.left()})
	if err := r.aside("preparation", cmp.Or(r.Commands[i].Prepare, r.Prepare), i); err != nil {
		return nil, err
	}
	o := r.Session
	c := *o.Command
	c.Argv = r.Commands[i].Argv
	o.Command, o.Signals = &c, r.passed
	run, err := r.Measure(r.ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Commands[i].Name, err)
	}
	code, status := outcome(run.Command)
	if s := r.asked.Load(); s != nil && code != 0 {
		// It was ended, and is no run of the command.
		return nil, fmt.Errorf("%w by %s in run %d of %s", ErrInterrupted, signalName(*s), n+1, r.Commands[i].Name)
	}
	r.done++
	if code != 0 && !r.IgnoreFailure {
		return run, &FailedError{Command: r.Commands[i].Name, Run: n + 1, Warmup: warmup, Status: status, Code: code}
	}
	return run, nil
}

// outcome is 0 for success.
func outcome(c *report.Command) (code int, status string) {
	switch {
	case c == nil:
		return 0, ""
	case c.Signal != "":
		return 128 + int(unix.SignalNum(c.Signal)), "killed by " + c.Signal
	case c.ExitCode != nil:
		return *c.ExitCode, fmt.Sprintf("exit status %d", *c.ExitCode)
	}
	return 0, ""
}

// pause looks between runs whether to go on.
func (r *runner) pause() error {
	if s := r.asked.Load(); s != nil {
		return fmt.Errorf("%w by %s after %d of %d runs", ErrInterrupted, signalName(*s), r.done, r.runs)
	}
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("%w after %d of %d runs: %w", ErrInterrupted, r.done, r.runs, err)
	}
	return nil
}

// signalName is "SIGINT".
func signalName(s os.Signal) string {
	if n, is := s.(syscall.Signal); is {
		return unix.SignalName(n)
	}
	return s.String()
}

// aside runs a shell command outside of any window.
func (r *runner) aside(what, line string, i int) error {
	if line == "" {
		return nil
	}
	line = Fill(line, r.Commands[i].Parameters)
	c := exec.CommandContext(r.ctx, "/bin/sh", "-c", line)
	// Its output would be taken for the result's.
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if o := r.Session.Command; o != nil {
		c.Env = o.Env
		if o.Credential != nil {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: o.Credential}
		}
	}
	if err := c.Run(); err != nil {
		return fmt.Errorf("the %s %q failed: %w; try it by hand: sh -c %s", what, line, err, shell.Quote(line))
	}
	return nil
}

// Fill puts parameters in the place of their names in braces. Braces in a value
// stay what they are.
func Fill(text string, parameters map[string]string) string {
	var pairs []string
	for name, value := range parameters {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// keep takes a run into the result.
func (r *runner) keep(i, round int, run *report.Run) {
	t := compare.Trial(run)
	t.Order, t.Round = r.order, round
	r.order++
	s := &r.t.Series[i]
	s.Runs = append(s.Runs, t)
	if !r.learned {
		r.learned, r.t.Host, r.t.Source = true, run.Host, run.Source
	}
	for _, w := range run.Warnings {
		r.warn(w)
	}
}

// warn takes a warning in once for each kind.
func (r *runner) warn(w report.Warning) {
	for _, old := range r.t.Warnings {
		if old.Code == w.Code {
			return
		}
	}
	r.t.Warnings = append(r.t.Warnings, w)
}
