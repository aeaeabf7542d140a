package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/shell"
	"github.com/energyprobe/energyprobe/internal/trial"
)

// trialFlags say how runs are repeated.
type trialFlags struct {
	repeat        int
	warmup        int
	seed          int64
	params        []string
	prepare       []string
	cleanup       string
	shell         string
	ignoreFailure bool
	showOutput    bool
	baseline      time.Duration
}

var trialFlagNames = []string{"repeat", "warmup", "param", "prepare", "cleanup", "shell", "ignore-failure", "show-output", "seed"}

// Short forms are hyperfine's, where it has them.
func (f *trialFlags) add(c *cobra.Command, repeat int, several string) {
	fl := c.Flags()
	fl.IntVarP(&f.repeat, "repeat", "r", repeat, "measure each command `N` times")
	fl.IntVarP(&f.warmup, "warmup", "w", 0, "run each command `N` times before, which count for nothing")
	fl.StringArrayVarP(&f.prepare, "prepare", "p", nil, "run shell `COMMAND` before every run, outside of the measurement"+several)
	fl.StringVarP(&f.cleanup, "cleanup", "c", "", "run shell `COMMAND` after the last run of each command")
	fl.BoolVarP(&f.ignoreFailure, "ignore-failure", "i", false, "go on after a run that fails")
	fl.BoolVar(&f.showOutput, "show-output", false, "let the output of repeated runs through (to standard error)")
}

// addSweep adds what only commands given as text have.
func (f *trialFlags) addSweep(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVarP(&f.params, "param", "P", nil, "run with each value in place of {NAME}, as `NAME=V1,V2,...`; several times for all combinations")
	fl.StringVarP(&f.shell, "shell", "S", shellAuto, "what runs the commands: a `SHELL`; auto, which takes one where a command has quotes, pipes and the like; none, which splits at blanks")
	fl.Int64Var(&f.seed, "seed", 0, "seed of the order of runs, a `NUMBER`; 0 draws one (it is in the result), and where nothing is run it is 1")
	fl.DurationVar(&f.baseline, "baseline", 0, "watch the idle machine for `D` first, and give energy above it too")
}

const (
	shellAuto = "auto"
	shellNone = "none"
)

func (f *trialFlags) check() error {
	switch {
	case f.repeat < 1:
		return fmt.Errorf("--repeat %d: want 1 or more", f.repeat)
	case f.warmup < 0:
		return fmt.Errorf("--warmup %d: want 0 or more", f.warmup)
	case f.seed < 0 || f.seed > trial.MaxSeed:
		return fmt.Errorf("--seed %d: want a number from 1 to %d, or 0 to draw one", f.seed, int64(trial.MaxSeed))
	case f.baseline < 0 || f.baseline > 0 && f.baseline < minBaseline:
		return fmt.Errorf("--baseline %v: the shortest is %v", f.baseline, minBaseline)
	}
	if f.seed == 0 {
		f.seed = 1 + rand.Int64N(trial.MaxSeed)
	}
	return nil
}

// commands are the texts, with every combination of the parameters.
func (f *trialFlags) commands(texts []string) ([]trial.Command, error) {
	sweep, err := combinations(f.params)
	if err != nil {
		return nil, err
	}
	if n := len(f.prepare); n > 1 && n != len(texts) {
		return nil, fmt.Errorf("--prepare is given %d times for %d commands: give it once for all, or once for each", n, len(texts))
	}
	var out []trial.Command
	for i, text := range texts {
		if strings.TrimSpace(text) == "" {
			return nil, errors.New("a command is empty")
		}
		for _, p := range sweep {
			name := trial.Fill(text, p)
			c := trial.Command{Name: name, Argv: f.argv(name), Parameters: p}
			if len(f.prepare) > 1 {
				c.Prepare = f.prepare[i]
			}
			out = append(out, c)
		}
	}
	for name := range sweep[0] {
		if !slices.ContainsFunc(slices.Concat(texts, f.prepare, []string{f.cleanup}), func(s string) bool { return strings.Contains(s, "{"+name+"}") }) {
			return nil, fmt.Errorf("--param %s: no command has {%s} in it", name, name)
		}
	}
	return out, nil
}

// single is a command that was given as arguments, alone.
func (f *trialFlags) single(args []string) ([]trial.Command, error) {
	if n := len(f.prepare); n > 1 {
		return nil, fmt.Errorf("--prepare is given %d times for one command: join them with &&", n)
	}
	return []trial.Command{{Name: shell.Join(args), Argv: args}}, nil
}

// common is what is prepared before every run of all commands.
func (f *trialFlags) common() string {
	if len(f.prepare) == 1 {
		return f.prepare[0]
	}
	return ""
}

// combinations returns the sets of values of NAME=V1,V2,... flags, one empty
// set for none.
func combinations(params []string) ([]map[string]string, error) {
	all := []map[string]string{nil}
	for _, p := range params {
		name, values, ok := strings.Cut(p, "=")
		if !ok || name == "" || values == "" || strings.ContainsAny(name, "{} ") {
			return nil, fmt.Errorf("--param %s: want NAME=VALUE,VALUE,...", p)
		}
		var next []map[string]string
		for _, old := range all {
			if _, twice := old[name]; twice {
				return nil, fmt.Errorf("--param %s: %s is given twice", p, name)
			}
			for v := range strings.SplitSeq(values, ",") {
				m := maps.Clone(old)
				if m == nil {
					m = map[string]string{}
				}
				m[name] = v
				next = append(next, m)
			}
		}
		all = next
	}
	return all, nil
}

// special are the characters that mean something to a shell.
const special = "|&;<>()$`\\\"'*?[]#~=%{}!\n"

// builtins are commands that only a shell has.
var builtins = strings.Fields(". : alias break case cd command continue eval exec exit export for if readonly return set shift source times trap ulimit umask unset until wait while")

// argv is how a command is executed.
func (f *trialFlags) argv(text string) []string {
	switch {
	case f.shell == shellNone, f.shell == shellAuto && !strings.ContainsAny(text, special) && !slices.Contains(builtins, strings.Fields(text)[0]):
		return strings.Fields(text)
	case f.shell == shellAuto:
		return []string{"/bin/sh", "-c", text}
	}
	return append(strings.Fields(f.shell), "-c", text)
}

// shellOf is the shell for the result, "" where no command has one.
func (f *trialFlags) shellOf(commands []trial.Command) string {
	for _, c := range commands {
		if len(c.Argv) > 2 && c.Argv[len(c.Argv)-2] == "-c" && c.Argv[len(c.Argv)-1] == c.Name {
			return strings.Join(c.Argv[:len(c.Argv)-2], " ")
		}
	}
	return ""
}

// try runs trials of commands, measured as o says. The error is of the trials;
// what was measured before it is returned with it.
func (a *app) try(ctx context.Context, f *trialFlags, o session.Options, commands []trial.Command) (*report.Trials, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	o.Command.Stdin, o.Command.Stdout, o.Command.Stderr = null, null, null
	if f.showOutput {
		// The result has standard output to itself.
		o.Command.Stdout, o.Command.Stderr = os.Stderr, os.Stderr
	}
	signals := catchSignals()
	defer signal.Stop(signals)
	return trial.Run(ctx, trial.Options{
		Session: o, Commands: commands, Repeat: f.repeat, Warmup: f.warmup, Seed: f.seed, Shell: f.shellOf(commands),
		Prepare: f.common(), Cleanup: f.cleanup, Baseline: f.baseline, IgnoreFailure: f.ignoreFailure,
		Signals: signals, Progress: a.statusLine().trials, Measure: session.Run,
	})
}

// parsePercent reads "3%" or "3" as 0.03.
func parsePercent(flag, text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s %s: want a percentage such as 3%%", flag, text)
	}
	return v / 100, nil
}
