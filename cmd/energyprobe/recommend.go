package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/flexexecutor"
	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/report"
)

// exitNoneFits is recommend's status where no configuration of an application is
// within the bounds.
const exitNoneFits = 1

// objectives are the values of --objective and what they mean in a result.
var objectives = map[string]string{"energy": report.MeasureEnergy, "cost": report.MeasureCost, "time": report.MeasureDuration}

type recommendFlags struct {
	objective, deadline, budget, maxEnergy string
	method                                 string
	apps, archs                            []string
}

func (a *app) recommendCommand() *cobra.Command {
	var f recommendFlags
	c := &cobra.Command{
		Use:     "recommend [flags] FILE|DIR...",
		GroupID: "results",
		Short:   "The best configuration under a deadline, a budget or a limit of energy",
		Long: `Choose, for each application of a benchmark, the configuration (architecture,
memory, number of workers) that takes the least energy, cost or time, among those
that keep to what is allowed. The Pareto front and what speaks against the others
are shown with it. Configurations of which a repetition failed are not chosen.

The exit status is 1 when no configuration of some application can be taken; the
answer then says what is the fastest, the cheapest and the most frugal.`,
		Example: `  energyprobe recommend --deadline 30s --objective energy results/
  energyprobe recommend --objective time --budget 0.005 x86/ arm/
  energyprobe recommend --objective cost --max-energy 2kJ --app video --format json results/`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("nothing to choose from: give files or directories of a benchmark\nTry: energyprobe recommend --deadline 30s --objective energy DIR")
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		RunE:                  func(_ *cobra.Command, args []string) error { return a.recommend(f, args) },
	}
	fl := c.Flags()
	fl.StringVar(&f.objective, "objective", "energy", "what is to be little: energy, cost or time")
	fl.StringVar(&f.deadline, "deadline", "", "the time that an execution may take, as `D`: 30s, 5m")
	fl.StringVar(&f.budget, "budget", "", "what an execution may cost, an `AMOUNT` in the currency of the results' prices")
	fl.StringVar(&f.maxEnergy, "max-energy", "", "the `ENERGY` that an execution may use: 500J, 2kJ")
	fl.StringSliceVar(&f.apps, "app", nil, "only these `APPLICATIONS`, by name")
	fl.StringSliceVar(&f.archs, "arch", nil, "only these `ARCHITECTURES`: x86_64, aarch64, as people spell them")
	addMethod(c, &f.method)
	complete(c, "objective", []string{"energy", "cost", "time"})
	complete(c, "arch", []string{"x86_64", "aarch64"})
	groupUsage(c, []flagGroup{
		{"What is wanted", []string{"objective", "deadline", "budget", "max-energy"}},
		{"Among what", []string{"app", "arch", "method"}},
		{"The result", []string{"format", "output", "quiet", "help"}},
	})
	hideFlags(c, "source", "host-root", "history")
	return c
}

func (a *app) recommend(f recommendFlags, args []string) error {
	b, err := f.bounds()
	if err != nil {
		return err
	}
	if a.format == formatHTML {
		return fmt.Errorf("--format %s is not for recommend: use %s, or energyprobe report for a page of the cells", formatHTML, "table, json, csv, md")
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	set, err := a.benchSet(args)
	if err != nil {
		return err
	}
	if err := f.among(set); err != nil {
		return err
	}
	set = set.Only(func(c *report.BenchCell) bool {
		return (len(f.apps) == 0 || slices.Contains(f.apps, c.Application)) && (len(f.archs) == 0 || slices.Contains(f.archs, c.Arch))
	})
	r, err := matrix.Recommend(set, b, matrix.Options{Method: f.method, Tool: tool(), Now: time.Now().UTC()})
	if err != nil {
		return err
	}
	for i := range r.Applications {
		if r.Applications[i].Chosen == nil {
			a.status = exitNoneFits
		}
	}
	return a.write(r)
}

// among finds what was asked for and is not there.
func (f *recommendFlags) among(set matrix.Set) error {
	for i, arch := range f.archs {
		if known := flexexecutor.ParseArch(arch); known != "" {
			f.archs[i] = known // arm, amd64
		}
	}
	var apps, archs []string
	for i := range set.Cells {
		apps, archs = append(apps, set.Cells[i].Application), append(archs, set.Cells[i].Arch)
	}
	for _, one := range []struct {
		flag        string
		asked, have []string
	}{{"--app", f.apps, apps}, {"--arch", f.archs, archs}} {
		slices.Sort(one.have)
		one.have = slices.Compact(one.have)
		for i, name := range one.asked {
			// The table writes ML where the cells have ml.
			at := slices.IndexFunc(one.have, func(have string) bool { return strings.EqualFold(have, name) })
			if at >= 0 && !slices.Contains(one.have, name) {
				one.asked[i] = one.have[at]
			}
			if at < 0 && len(one.have) > 0 {
				return fmt.Errorf("%s %s: there are no cells of it, only of %s", one.flag, name, strings.Join(one.have, ", "))
			}
		}
	}
	return nil
}

// bounds reads the flags.
func (f *recommendFlags) bounds() (b matrix.Bounds, err error) {
	var known bool
	if b.Objective, known = objectives[f.objective]; !known {
		return b, fmt.Errorf("--objective %s: want energy, cost or time", f.objective)
	}
	if f.deadline != "" {
		d, err := time.ParseDuration(f.deadline)
		if err != nil || d <= 0 {
			return b, fmt.Errorf("--deadline %s: want a time above 0, such as 30s or 5m", f.deadline)
		}
		s := d.Seconds()
		b.DeadlineS = &s
	}
	if f.budget != "" {
		v, err := strconv.ParseFloat(strings.TrimPrefix(f.budget, "$"), 64)
		if err != nil || !(v > 0) || v > 1e9 {
			return b, fmt.Errorf("--budget %s: want an amount above 0, such as 0.005", f.budget)
		}
		b.Budget = &v
	}
	if f.maxEnergy != "" {
		v, err := parseJoules(f.maxEnergy)
		if err != nil {
			return b, err
		}
		b.MaxEnergyJ = &v
	}
	return b, nil
}

// parseJoules reads an energy: 500J, 2kJ, 500.
func parseJoules(s string) (float64, error) {
	text, factor := strings.TrimSpace(strings.TrimSuffix(s, "J")), 1.0
	for prefix, f := range map[string]float64{"m": 1e-3, "k": 1e3, "M": 1e6} {
		if rest, has := strings.CutSuffix(text, prefix); has && strings.HasSuffix(s, "J") {
			text, factor = strings.TrimSpace(rest), f
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0) || v > 1e15 {
		return 0, fmt.Errorf("--max-energy %s: want an energy above 0, such as 500J or 2kJ", s)
	}
	return v * factor, nil
}
