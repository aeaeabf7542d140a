package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/calibrate/instrument"
	"github.com/energyprobe/energyprobe/calibrate/load"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/shell"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/internal/trial"
	"github.com/energyprobe/energyprobe/rapl"
)

// newCalibration looks at the host for a moment: whether it can be measured at
// all, by what, and what is known of its processor.
func (a *app) newCalibration(ctx context.Context, f calibrateFlags, top *topology.Topology) (*report.Calibration, calibrate.Facts, error) {
	if err := a.countersThere(top); err != nil {
		return nil, calibrate.Facts{}, err
	}
	// The loads run here, and what else runs is known of this host alone.
	if root := filepath.Clean("/" + a.hostRoot); root != "/" {
		return nil, calibrate.Facts{}, fmt.Errorf("not calibrated: what runs on the host under --host-root %s can't be told, and the loads would run here\nTry: energyprobe calibrate on that host, without --host-root", a.hostRoot)
	}
	r, err := session.Run(ctx, a.sessionOptions(f, func(o *session.Options) { o.Machine, o.Duration = true, 50*time.Millisecond }))
	if err != nil {
		return nil, calibrate.Facts{}, err
	}
	c := &report.Calibration{
		Schema: report.CalibrationSchema, RunID: report.NewID(), StartedAt: time.Now(), Tool: tool(), Warnings: []report.Warning{},
		Host: r.Host, Source: r.Source, Plan: report.CalibrationPlan{Mode: f.mode, Seed: f.seed, Forced: f.force, DwellS: f.dwell.Seconds(), SettleS: f.settle.Seconds()},
	}
	if top.Virt.IsVM() {
		c.Facts.Virtual = top.Virt.Kind
	}
	c.Facts.Filtered = slices.ContainsFunc(r.Warnings, func(w report.Warning) bool { return w.Code == "energy-filtering" })
	for _, w := range rapl.SustainedLimits(a.hostRoot) {
		if c.Facts.LimitW == nil || w < *c.Facts.LimitW {
			c.Facts.LimitW = &w
		}
	}
	if m, err := session.Identify(a.hostRoot, top, model.Given{}); err == nil {
		minW, maxW, arch := model.CCFCoefficients(m)
		c.Facts.CCF = &report.CCF{MinW: minW, MaxW: maxW, Arch: arch}
	}
	return c, calibrate.FactsOf(c), nil
}

// countersThere says what is missing where no counter can be read.
func (a *app) countersThere(top *topology.Topology) error {
	switch a.source {
	case source.Model:
		return errors.New("--source model: models are what is calibrated: leave it out, or name perf, powercap or msr")
	case source.Auto, "":
		if o, _ := (source.Host{Root: a.hostRoot, Topo: top}).Best(); o != nil {
			return o.Close()
		}
		return errors.New("there is nothing to calibrate against: no energy counter can be read here\nTry: energyprobe doctor")
	}
	return nil // opening it says why not
}

func (a *app) sessionOptions(f calibrateFlags, more func(*session.Options)) session.Options {
	o := session.Options{Root: a.hostRoot, Source: a.source, Tool: tool(), TDPW: f.tdpW}
	if more != nil {
		more(&o)
	}
	return o
}

// experiment makes the points, or those that a journal lacks.
func (a *app) experiment(ctx context.Context, f calibrateFlags, c *report.Calibration, facts calibrate.Facts, top *topology.Topology) error {
	j, made, path, err := openJournal(f, c)
	if err != nil {
		return err
	}
	mode, steps, err := planOf(c, top)
	if err == nil && j == nil {
		j, err = calibrate.NewJournal(path, headOf(c))
	}
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return errors.Join(err, j.Close())
	}
	if !a.quiet { // a kill says nothing any more
		fmt.Fprintf(a.stderr, "energyprobe: if this is cut short, go on with: energyprobe calibrate --resume %s\n", shell.Quote(path))
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	line := a.statusLine()
	line.say("how the counters are measured")
	clock := instrument.NewClock(a.hostRoot)
	e := &calibrate.Experiment{
		Mode: mode, Steps: steps, Facts: facts, Made: made, Keep: j.Add,
		Machine: &calibrate.Host{Topology: top, Load: []string{self, "load"}, Session: a.sessionOptions(f, nil)},
		Progress: func(p calibrate.Progress) {
			clock.Mark()
			line.trials(trial.Progress{What: p.What, Done: p.Done, Runs: p.Steps, Left: p.Left})
		},
	}
	if c.Instrument, err = a.instrument(ctx, top); err == nil {
		c.Points, err = e.Run(ctx)
		clock.Mark()
		c.Instrument.Clock = clock.Report()
	}
	line.say("")
	if err != nil {
		return errors.Join(fmt.Errorf("%w\nGo on: energyprobe calibrate --resume %s", err, shell.Quote(path)), j.Close())
	}
	return j.Remove()
}

// planOf lays out the loads, and completes what the result says of them.
func planOf(c *report.Calibration, top *topology.Topology) (calibrate.Mode, []calibrate.Step, error) {
	mode, err := calibrate.ModeNamed(c.Plan.Mode)
	if err != nil {
		return mode, nil, fmt.Errorf("--mode: %w", err)
	}
	if c.Plan.Seed == 0 {
		c.Plan.Seed = 1 + rand.Int64N(trial.MaxSeed)
	}
	allowed, err := load.Allowed()
	if err != nil {
		return mode, nil, err
	}
	site := calibrate.Site{Topology: top, Allowed: allowed, Memory: memory()}
	if len(allowed) > 0 {
		site.Caches = topology.Caches("", allowed[0]) // loads run here, whatever host root is read
	}
	if c.Plan.DwellS > 0 {
		mode.Dwell = time.Duration(c.Plan.DwellS * float64(time.Second))
	}
	if c.Plan.SettleS > 0 {
		mode.Settle = time.Duration(c.Plan.SettleS * float64(time.Second))
	}
	steps, err := calibrate.Plan(mode, site, c.Plan.Seed)
	c.Plan.SettleS, c.Plan.DwellS, c.Plan.Repeats, c.Plan.Points = mode.Settle.Seconds(), mode.Dwell.Seconds(), mode.Repeats, len(steps)
	return mode, steps, err
}

// memory is what this machine has, in bytes, 0 where the kernel does not say.
func memory() int64 {
	var i unix.Sysinfo_t
	if unix.Sysinfo(&i) != nil {
		return 0
	}
	return int64(uint64(i.Totalram) * uint64(i.Unit))
}

func headOf(c *report.Calibration) calibrate.Head {
	return calibrate.Head{Plan: c.Plan, Host: c.Host, Source: c.Source.Name, Tool: c.Tool}
}

// openJournal opens the one to go on with, nil for a new one at path. What it was
// begun with has to be so still.
func openJournal(f calibrateFlags, c *report.Calibration) (j *calibrate.Journal, made map[int]report.CalibrationPoint, path string, err error) {
	if f.resume == "" {
		if path = f.journal; path == "" {
			path = filepath.Join(os.TempDir(), "energyprobe-calibration-"+c.RunID+".jsonl")
		}
		return nil, nil, path, nil
	}
	j, head, made, err := calibrate.OpenJournal(f.resume)
	if err != nil {
		return nil, nil, f.resume, err
	}
	was, is := head.Host, c.Host
	switch {
	case was.Hostname != is.Hostname || was.CPU != is.CPU || was.Kernel != is.Kernel:
		err = fmt.Errorf("%s is of %s (%s, Linux %s), this is %s (%s, Linux %s): begin anew", f.resume, was.Hostname, was.CPU.ModelName, was.Kernel, is.Hostname, is.CPU.ModelName, is.Kernel)
	case head.Source != c.Source.Name:
		err = fmt.Errorf("%s was measured by %s, this would be by %s: give --source %s", f.resume, head.Source, c.Source.Name, head.Source)
	case head.Tool != c.Tool:
		err = fmt.Errorf("%s is of another version of energyprobe (%s %s): begin anew", f.resume, head.Tool.Version, head.Tool.Commit)
	}
	if err != nil {
		return nil, nil, f.resume, errors.Join(err, j.Close())
	}
	forced := c.Plan.Forced
	c.Plan = head.Plan
	c.Plan.Forced = c.Plan.Forced || forced
	return j, made, f.resume, nil
}
