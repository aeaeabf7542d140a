package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/bench"
	apps "github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/work"
	"github.com/energyprobe/energyprobe/calibrate/load"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/trial"
)

// What bench says of a host by its exit status, 0 being fit.
const (
	exitUnfit       = 1
	exitFitnessOpen = 2 // it can't be told
)

// benchSeed is that of the data that applications work on, so that all hosts do
// the same work.
const benchSeed = 42

type benchFlags struct {
	quick       bool
	reference   string
	seed        int64
	repetitions int
	only        []string
	data        map[string]string
	tdpW        float64
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:     "bench [flags]",
		GroupID: "host",
		Short:   "Benchmark this host: joules and seconds per unit of work, and whether it is fit",
		Long: `Benchmark a host before it joins a cluster: four applications that are built in
(Monte Carlo pi, a random forest on passengers of the Titanic, principal components
and boosted trees, video frames) do fixed work with all CPUs, while joules and
seconds are measured. Every result is checked: the same work has the same checksum
on every machine.

Says whether the host is fit: steady clock, no throttling, no noisy neighbours,
counters that can be believed. Exit status 0: fit, 1: not fit, 2: it can't be told,
125: energyprobe failed.

bench matrix runs applications, your own too, over memory sizes and numbers of
workers, as a serverless platform would.`,
		Example: `  sudo energyprobe bench
  sudo energyprobe bench --quick
  sudo energyprobe bench --reference node1.json
  sudo energyprobe bench --format json -o node2.json
  sudo energyprobe bench matrix -f matrix.yaml
  energyprobe bench doctor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), f) },
	}
	fl := c.Flags()
	fl.BoolVar(&f.quick, "quick", false, "less than a minute: every application once")
	fl.StringVar(&f.reference, "reference", "", "score this host against the one in `FILE`, a result of bench: 100 is as good")
	fl.Int64Var(&f.seed, "seed", benchSeed, "seed of the order and of the data, a `NUMBER`: hosts are compared with the same one")
	fl.IntVar(&f.repetitions, "repetitions", 0, "run every application `N` times (default 5; 1 with --quick)")
	fl.StringSliceVar(&f.only, "only", nil, "only these `APPLICATIONS`: "+strings.Join(appNames(), ","))
	fl.StringToStringVar(&f.data, "data", nil, "work on your own data, `APPLICATION=FILE`: the Titanic competition's CSV, a table of images with the label first, a video (by ffmpeg)")
	fl.Float64Var(&f.tdpW, "tdp", 0, "thermal design power of one socket in `WATTS`, for the models")
	a.addHostProfile(c)
	groupUsage(c, []flagGroup{
		{"How to benchmark", []string{"quick", "repetitions", "only", "data", "seed", "reference"}},
		{"How to measure", []string{"source", "tdp", "host-profile", "host-root"}},
		{"The result", []string{"format", "output", "history", "quiet", "help"}},
	})
	c.AddCommand(a.benchMatrixCommand(), a.benchDoctorCommand(), a.benchOriginalsCommand(), a.coordinateCommand(), a.workCommand())
	return c
}

func appNames() (names []string) {
	for _, one := range work.Apps() {
		names = append(names, one.Name)
	}
	return names
}

func (f benchFlags) check() error {
	switch {
	case f.repetitions < 0:
		return fmt.Errorf("--repetitions %d: want 1 or more", f.repetitions)
	case f.seed < 1 || f.seed > trial.MaxSeed:
		return fmt.Errorf("--seed %d: want a number from 1 to %d", f.seed, int64(trial.MaxSeed))
	}
	if err := checkTDP(f.tdpW); err != nil {
		return err
	}
	for _, name := range f.only {
		if _, err := work.Find(work.Apps(), name); err != nil {
			return fmt.Errorf("--only: %w", err)
		}
	}
	for name, file := range f.data {
		if _, err := work.Find(work.Apps(), name); err != nil {
			return fmt.Errorf("--data %s=%s: %w", name, file, err)
		}
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("--data %s: %w", name, err)
		}
	}
	return nil
}

// mode is the one asked for.
func (f benchFlags) mode() bench.HostMode {
	name := bench.Standard
	if f.quick {
		name = bench.Quick
	}
	modes := bench.HostModes()
	m := modes[slices.IndexFunc(modes, func(m bench.HostMode) bool { return m.Name == name })]
	if f.repetitions > 0 {
		m.Repetitions = f.repetitions
	}
	return m
}

func (a *app) bench(ctx context.Context, f benchFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	var reference *report.Bench
	if f.reference != "" {
		var err error
		if reference, err = a.reference(f.reference); err != nil {
			return err
		}
	}
	cpus, err := load.Allowed()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "energyprobe-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h, err := a.benchHost(dir, f.seed, f.tdpW)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	b, err := a.benchmark(ctx, f, h, cpus)
	if b == nil || len(b.Cells) == 0 {
		return errors.Join(benchEnd(err), h.Close())
	}
	if reference != nil {
		b.Score = bench.Score(b, reference, f.reference)
	}
	if err == nil {
		a.status = fitStatus(b.Fit)
	}
	return errors.Join(benchEnd(err), h.Close(), a.deliver(b))
}

// benchEnd makes an interrupt of bench one of the trials: they have the same exit
// status.
func benchEnd(err error) error {
	switch {
	case errors.Is(err, bench.ErrInterrupted):
		return interrupted{err}
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: nothing has been run yet", trial.ErrInterrupted)
	}
	return err
}

// interrupted is an error that is an interrupt too, and reads as it did.
type interrupted struct{ error }

func (e interrupted) Unwrap() []error { return []error{e.error, trial.ErrInterrupted} }

func fitStatus(fit *bool) int {
	switch {
	case fit == nil:
		return exitFitnessOpen
	case *fit:
		return 0
	}
	return exitUnfit
}

// benchmark looks at the host, makes the cells and judges.
func (a *app) benchmark(ctx context.Context, f benchFlags, h *bench.Host, cpus []int) (*report.Bench, error) {
	line := a.statusLine()
	defer line.say("")
	mode := f.mode()
	seen, err := h.Look(ctx, mode, cpus, line.say)
	if err != nil {
		return nil, err
	}
	built := slices.DeleteFunc(work.Apps(), func(one apps.App) bool {
		if len(f.only) > 0 {
			return !slices.Contains(f.only, one.Name)
		}
		return one.Variant
	})
	p := bench.HostPlan(mode, built, len(cpus), f.seed)
	for i := range p.Workloads {
		p.Workloads[i].Data = f.data[p.Workloads[i].Name]
	}
	head := a.benchHead(report.BenchHost)
	head.Plan = p.Report(mode.Name)
	r := &bench.Runner{Plan: p, Machine: h, Head: head, Progress: benchProgress(line)}
	b, err := r.Run(ctx)
	if err == nil {
		bench.Judge(b, seen)
	}
	return b, err
}

func benchProgress(line *statusLine) func(bench.Progress) {
	return func(p bench.Progress) {
		line.trials(trial.Progress{What: p.What, Done: p.Done, Runs: p.Of, Left: p.Left, Over: p.Over})
	}
}

// benchHead is what all results of bench begin with.
func (a *app) benchHead(kind string) report.Bench {
	return report.Bench{
		Schema: report.BenchSchema, RunID: report.NewID(), StartedAt: time.Now(), Kind: kind, Tool: tool(),
		Cells: []report.BenchCell{}, Warnings: []report.Warning{},
	}
}

// benchHost is this machine as the one that makes cells.
func (a *app) benchHost(dir string, seed int64, tdpW float64) (*bench.Host, error) {
	profile, err := a.profileOf()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	idle := time.Second
	if a.source == source.Model {
		idle = 0 // a model knows the idle machine's power
	}
	return &bench.Host{
		Idle: idle, Session: session.Options{Root: a.hostRoot, Source: a.source, Tool: tool(), TDPW: tdpW, Profile: profile},
		Apps: work.Apps(), Coordinator: []string{self, "bench", coordinatorVerb}, Dir: dir, Seed: seed, Measure: session.Run,
	}, nil
}

// reference reads the host that this one is held against.
func (a *app) reference(file string) (*report.Bench, error) {
	docs, err := a.readResults(file)
	if err != nil {
		return nil, err
	}
	if len(docs) == 1 {
		if b, is := docs[0].(*report.Bench); is && b.Kind == report.BenchHost {
			return b, nil
		}
	}
	return nil, fmt.Errorf("--reference %s: want the result of one host (energyprobe bench --format json -o %s)", file, file)
}

// seedOf draws one.
func seedOf() int64 { return 1 + rand.Int64N(trial.MaxSeed) }
