package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/calibrate/load"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/internal/trial"
)

type calibrateFlags struct {
	mode   string
	seed   int64
	resume string
	force  bool
	tdpW   float64
}

func (a *app) calibrateCommand() *cobra.Command {
	var f calibrateFlags
	c := &cobra.Command{
		Use:     "calibrate [flags]",
		GroupID: "host",
		Hidden:  true, // until it writes profiles
		Short:   "Say how far power models can be trusted on this host, and fit better ones",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.calibrate(cmd.Context(), f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.mode, "mode", "quick", "how thorough: quick (about 3 minutes), standard (12) or full (40)")
	fl.Int64Var(&f.seed, "seed", 0, "seed of the order of loads, a `NUMBER`; 0 draws one (it is in the result)")
	fl.StringVar(&f.resume, "resume", "", "go on with the calibration whose journal is `FILE`")
	fl.BoolVar(&f.force, "force", false, "fit even where quality control says that the counters are no truth")
	fl.Float64Var(&f.tdpW, "tdp", 0, "thermal design power of one socket in `WATTS`")
	return c
}

func (a *app) calibrate(ctx context.Context, f calibrateFlags) error {
	if err := a.checkFlags(); err != nil {
		return err
	}
	mode, err := calibrate.ModeNamed(f.mode)
	if err != nil {
		return fmt.Errorf("--mode: %w", err)
	}
	if f.seed == 0 {
		f.seed = 1 + rand.Int64N(trial.MaxSeed)
	}
	top, err := topology.Read(a.hostRoot)
	if err != nil {
		return err
	}
	allowed, err := load.Allowed()
	if err != nil {
		return err
	}
	steps, err := calibrate.Plan(mode, top, allowed, f.seed)
	if err != nil {
		return err
	}
	c := &report.Calibration{
		Schema: report.CalibrationSchema, RunID: report.NewID(), StartedAt: time.Now(), Tool: tool(), Warnings: []report.Warning{},
		Plan: report.CalibrationPlan{Mode: mode.Name, Seed: f.seed, SettleS: mode.Settle.Seconds(), DwellS: mode.Dwell.Seconds(), Repeats: mode.Repeats, Points: len(steps), Forced: f.force},
	}
	facts, err := a.experiment(ctx, f, c, mode, steps, top)
	if err != nil {
		return err
	}
	c.DurationS = time.Since(c.StartedAt).Seconds()
	calibrate.Conclude(c, facts)
	return a.deliver(c)
}

// experiment makes the points.
func (a *app) experiment(ctx context.Context, f calibrateFlags, c *report.Calibration, mode calibrate.Mode, steps []calibrate.Step, top *topology.Topology) (facts calibrate.Facts, err error) {
	self, err := os.Executable()
	if err != nil {
		return facts, err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	host := &calibrate.Host{Topology: top, Load: []string{self, "load"}, Session: session.Options{Root: a.hostRoot, Source: a.source, Tool: tool(), TDPW: f.tdpW}}
	host.First = func(r *report.Run) {
		c.Host, c.Source = r.Host, r.Source
		if r.Host.TDP.Value != nil {
			facts.TDPW = *r.Host.TDP.Value
		}
	}
	if top.Virt.IsVM() {
		facts.Virtual = top.Virt.Kind
	}
	path := filepath.Join(os.TempDir(), "energyprobe-calibration-"+c.RunID+".jsonl")
	j, err := calibrate.NewJournal(path, calibrate.Head{Plan: c.Plan, Source: a.source, Tool: tool()})
	if err != nil {
		return facts, err
	}
	line := a.statusLine()
	e := &calibrate.Experiment{Mode: mode, Steps: steps, Facts: facts, Machine: host, Keep: j.Add, Progress: func(p calibrate.Progress) {
		line.trials(trial.Progress{What: p.What, Done: p.Done, Runs: p.Steps, Left: p.Left})
	}}
	c.Points, err = e.Run(ctx)
	line.say("")
	if err != nil {
		return facts, errors.Join(err, j.Close())
	}
	return facts, j.Remove()
}

// interruptible ends the context with the signals that ask for an end.
func interruptible(ctx context.Context) (context.Context, func()) {
	signals := catchSignals()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}
