package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/bench"
	"github.com/energyprobe/energyprobe/bench/work"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/price"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
	"github.com/energyprobe/energyprobe/internal/trial"
)

type matrixFlags struct {
	file  string
	dir   string
	seed  int64
	tdpW  float64
	price string
}

func (a *app) benchMatrixCommand() *cobra.Command {
	var f matrixFlags
	c := &cobra.Command{
		Use:   "matrix -f FILE [flags]",
		Short: "Run applications over memory sizes and numbers of workers",
		Long: `Run every combination of applications, memory sizes and numbers of workers, so
many times, in an order drawn at random. A worker has the memory and the CPU share
of a serverless function (1769 MB are one CPU), kept by control groups.

Results go to a directory, a file for each cell, whole or not at all. Whatever ends
this command, the same command line goes on where it was. A cell that runs out of
memory or time, or fails, is a result too.

  # matrix.yaml
  repetitions: 5
  memory_mb: [512, 1024, 2048]      # 0 is no limit
  workers: [16, 8, 4]
  timeout: 10m                      # of a cell; 15m where it is left out
  applications:
    - montecarlo                    # built in
    - {name: titanic, size: quick}  # quick, standard or a number of units
    - name: sort                    # a command, run by every worker
      prepare: seq 1000000 | shuf > $ENERGYPROBE_DIR/numbers
      command: [sort, -n, "{dir}/numbers"]
      size: 1000000
      unit: lines

Each worker knows its place: {worker}, {workers}, {memory}, {size}, {seed} and {dir}
in a command's arguments, and the same in ENERGYPROBE_WORKER and so on.`,
		Example: `  sudo energyprobe bench matrix -f matrix.yaml
  sudo energyprobe bench matrix -f matrix.yaml --dir results-x86 --format json -o all.json
  energyprobe report table results-x86
  energyprobe compare results-x86 results-arm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.benchMatrix(cmd.Context(), f) },
	}
	fl := c.Flags()
	fl.StringVarP(&f.file, "file", "f", "", "the matrix, in YAML")
	fl.StringVar(&f.dir, "dir", "", "keep results in `DIR` (default: the file's name with -results)")
	fl.Int64Var(&f.seed, "seed", 0, "seed of the order and of the data, a `NUMBER`; 0 takes the file's, or draws one (it is in the result)")
	fl.Float64Var(&f.tdpW, "tdp", 0, "thermal design power of one socket in `WATTS`, for the models")
	fl.StringVar(&f.price, "price", "", "cost by the price list in `FILE`; default: AWS Lambda's that come with energyprobe")
	a.addHostProfile(c)
	groupUsage(c, []flagGroup{
		{"What to run", []string{"file", "dir", "seed"}},
		{"How to measure", []string{"source", "tdp", "price", "host-profile", "host-root"}},
		{"The result", []string{"format", "output", "history", "quiet", "help"}},
	})
	return c
}

// plan reads the matrix and says where its results go.
func (f *matrixFlags) plan() (*bench.Plan, error) {
	switch {
	case f.file == "":
		return nil, errors.New("which matrix? give its file: -f matrix.yaml\nTry: energyprobe bench matrix --help")
	case f.seed < 0 || f.seed > trial.MaxSeed:
		return nil, fmt.Errorf("--seed %d: want a number from 1 to %d, or 0", f.seed, int64(trial.MaxSeed))
	}
	if err := checkTDP(f.tdpW); err != nil {
		return nil, err
	}
	in, err := os.Open(f.file)
	if err != nil {
		return nil, fmt.Errorf("read the matrix: %w", err)
	}
	defer in.Close()
	p, err := bench.ReadPlan(in, work.Apps())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.file, err)
	}
	if f.dir == "" {
		f.dir = strings.TrimSuffix(f.file, filepath.Ext(f.file)) + "-results"
	}
	p.Draw(f.seed, seedOf)
	return p, nil
}

func (a *app) benchMatrix(ctx context.Context, f matrixFlags) error {
	p, err := f.plan()
	if err != nil {
		return err
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	prices := price.Lambda()
	if f.price != "" {
		if prices, err = price.Load(f.price); err != nil {
			return err
		}
	}
	head := a.benchHead(report.BenchMatrix)
	head.Prices = &report.PriceList{Name: prices.Name, Date: prices.Date, Currency: prices.Currency, Source: prices.Source}
	store, made, err := bench.OpenStore(f.dir, p, head, output.ToFile)
	if err != nil {
		return err
	}
	defer store.Close()
	head.Plan = p.Report(bench.Matrix)
	if err := os.MkdirAll(store.Work(), 0o755); err != nil {
		return err
	}
	dir, err := filepath.Abs(store.Work()) // workers have a directory of their own to be in
	if err != nil {
		return err
	}
	h, err := a.benchHost(dir, p.Seed, f.tdpW)
	if err != nil {
		return err
	}
	h.Prices = prices
	if n := len(made); n > 0 && !a.quiet {
		fmt.Fprintf(a.stderr, "energyprobe: %d of %d cells are in %s\n", n, head.Plan.Cells, f.dir)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	line := a.statusLine()
	r := &bench.Runner{Plan: p, Machine: h, Head: head, Made: made, Keep: store.Keep, Progress: benchProgress(line)}
	b, err := r.Run(ctx)
	line.say("")
	err = errors.Join(err, h.Close())
	if err != nil {
		again := fmt.Sprintf("energyprobe bench matrix -f %s --dir %s", shell.Quote(f.file), shell.Quote(f.dir))
		return fmt.Errorf("%w\nGo on: %s", benchEnd(err), again)
	}
	if err := store.Finish(*b); err != nil {
		return err
	}
	return a.deliver(b)
}
