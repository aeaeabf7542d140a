package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/topology"
)

type calibrateFlags struct {
	mode    string
	seed    int64
	resume  string
	journal string
	profile string
	data    string
	check   string // the profile to try
	force   bool
	tdpW    float64
	dwell   time.Duration
	settle  time.Duration
}

func (a *app) calibrateCommand() *cobra.Command {
	var f calibrateFlags
	c := &cobra.Command{
		Use:     "calibrate [flags]",
		GroupID: "host",
		Short:   "Say how far power models can be trusted on this host, and fit better ones",
		Long: `Load this host in steps, read its counters meanwhile, and say how far off power
models are: the published ones, which know the processor's TDP, and others that
are fitted to the readings. All are tried on work that none was fitted to.

What was fitted is kept in a host profile: run, compare and gate show how far off
it is beside what they measure, and estimate by it where there are no counters.

It takes the whole machine while it runs, and changes no setting of it. It can be
interrupted (^C), and goes on with --resume.`,
		Example: `  sudo energyprobe calibrate
  sudo energyprobe calibrate --mode full --format json -o calibration.json
  sudo energyprobe calibrate --validate profile.json
  energyprobe calibrate --data calibration.json --host-profile profile.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.checkIdle(cmd.Flags().Changed); err != nil {
				return err
			}
			return a.calibrate(cmd.Context(), f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.mode, "mode", "quick", "how thorough: quick (about 3 minutes), standard (12) or full (40)")
	fl.Int64Var(&f.seed, "seed", 0, "seed of the order of loads, a `NUMBER`; 0 draws one (it is in the result)")
	fl.StringVar(&f.journal, "journal", "", "keep the points in `FILE` while they are made (default: in the directory for temporary files)")
	fl.StringVar(&f.resume, "resume", "", "go on with the calibration whose journal is `FILE`")
	fl.StringVar(&f.data, "data", "", "fit to the points recorded in `FILE`, a calibration's result, and measure nothing")
	fl.StringVar(&f.check, "validate", "", "fit nothing, but try the host profile in `FILE` on this host (exit status 1: it does not hold)")
	fl.DurationVar(&f.dwell, "dwell", 0, "look at every load for `D`, instead of what the mode says")
	fl.DurationVar(&f.settle, "settle", 0, "let every load run for `D` before that")
	fl.StringVar(&f.profile, "host-profile", "", "write the profile of this host to `FILE` (none: nowhere; default: where run finds it, see docs/calibrate.md)")
	fl.BoolVar(&f.force, "force", false, "fit even where quality control says that the counters are no truth")
	fl.Float64Var(&f.tdpW, "tdp", 0, "thermal design power of one socket in `WATTS`")
	groupUsage(c, []flagGroup{
		{"How to calibrate", []string{"mode", "dwell", "settle", "seed", "resume", "journal", "force", "tdp"}},
		{"What else", []string{"validate", "data"}},
		{"How to measure", []string{"source", "host-root"}},
		{"The result", []string{"host-profile", "format", "output", "history", "quiet", "help"}},
	})
	return c
}

func (a *app) calibrate(ctx context.Context, f calibrateFlags) error {
	if err := f.checkFlags(); err != nil {
		return err
	}
	path, err := f.profilePath(os.Getenv)
	if err != nil {
		return err
	}
	if err := checkPlace(path); err != nil {
		return err
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	var profile *model.Profile
	if f.check != "" {
		if profile, err = model.ReadProfile(f.check); err != nil {
			return err
		}
		if err := a.checkProcessor(f, profile); err != nil {
			return err
		}
	}
	c, facts, err := a.calibration(ctx, f)
	if err != nil {
		return err
	}
	if profile != nil {
		return a.validate(f, c, facts, profile)
	}
	tiers := calibrate.Conclude(c, facts)
	err = a.deliver(c)
	if path == "" {
		if len(tiers) == 0 {
			a.status = exitFailed // the result says why nothing could be calibrated
		}
		return err
	}
	return errors.Join(err, a.writeProfile(path, c, tiers, facts))
}

// checkPlace finds out whether a file can be written whose directories may have
// to be made first: now, and not after minutes. It makes none.
func checkPlace(path string) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); err == nil {
		return output.CheckFile(path)
	}
	for errors.Is(unix.Access(dir, unix.F_OK), unix.ENOENT) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("the host profile can't go to %s: %s: %w; give another place with --host-profile FILE (none: nowhere)", path, dir, err)
	}
	return nil
}

// checkFlags finds what does not go together.
func (f calibrateFlags) checkFlags() error {
	if _, err := calibrate.ModeNamed(f.mode); err != nil {
		return fmt.Errorf("--mode: %w", err)
	}
	switch {
	case f.check != "" && f.profile != "":
		return errors.New("--validate tries a profile and makes none: leave out --host-profile")
	case f.dwell < 0 || f.dwell > 0 && f.dwell < leastDwell:
		return fmt.Errorf("--dwell %v: want %v or more: what the edges of a window blur has to be little of it", f.dwell, leastDwell)
	case f.settle < 0:
		return fmt.Errorf("--settle %v: want a time above 0", f.settle)
	}
	return checkTDP(f.tdpW)
}

// checkIdle finds flags that would do nothing: points that are there were made
// as they were made.
func (f calibrateFlags) checkIdle(given func(flag string) bool) error {
	for _, flag := range []string{"mode", "dwell", "settle", "seed", "journal", "resume", "source", "host-root"} {
		switch {
		case !given(flag):
		case f.data != "":
			return fmt.Errorf("--data measures nothing: leave out --%s", flag)
		case f.resume != "" && !slices.Contains([]string{"resume", "source", "host-root"}, flag):
			return fmt.Errorf("--resume goes on as the calibration was begun: leave out --%s", flag)
		}
	}
	return nil
}

// exitInvalid is --validate's: the profile does not hold on this host.
const exitInvalid = 1

// leastDwell is long enough for a few hundred refreshes of a counter.
const leastDwell = 250 * time.Millisecond

// profilePath is where the profile goes, "" for nowhere: points that others
// recorded say nothing of this host unless the user names the file.
func (f calibrateFlags) profilePath(getenv func(string) string) (string, error) {
	switch {
	case f.check != "" || f.profile == noProfile || f.profile == "" && f.data != "":
		return "", nil
	case f.profile != "":
		return f.profile, nil
	case os.Geteuid() == 0:
		return machineProfile, nil
	}
	own := profilePaths(getenv)[0]
	if own == machineProfile {
		return "", fmt.Errorf("neither XDG_CONFIG_HOME nor HOME says where the host profile goes: give --host-profile FILE")
	}
	return own, nil
}

// writeProfile writes the profile, and says so to who is there to read it.
func (a *app) writeProfile(path string, c *report.Calibration, tiers []model.Tier, facts calibrate.Facts) error {
	p, err := calibrate.ProfileOf(c, tiers, facts)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the host profile: %w", err)
	}
	err = output.ToFile(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(p)
	})
	if err == nil && !a.quiet {
		fmt.Fprintf(a.stderr, "energyprobe: the host profile is in %s\n", path)
	}
	return err
}

// checkProcessor refuses another processor's profile before anything is loaded;
// of points that were recorded, validate does.
func (a *app) checkProcessor(f calibrateFlags, p *model.Profile) error {
	if f.data != "" || f.force {
		return nil
	}
	top, err := topology.Read(a.hostRoot)
	if err != nil {
		return err
	}
	if _, err := p.Suits(session.ProfileCPU(top), ""); err != nil {
		return unsuited(f, err)
	}
	return nil
}

func unsuited(f calibrateFlags, err error) error {
	return fmt.Errorf("--validate %s: %w (--force tries it all the same)", f.check, err)
}

// validate tries a profile on the points. That it does not hold is the exit
// status.
func (a *app) validate(f calibrateFlags, c *report.Calibration, facts calibrate.Facts, p *model.Profile) error {
	cpu := c.Host.CPU
	warnings, err := p.Suits(model.ProfileCPU{ModelName: cpu.ModelName, Vendor: cpu.Vendor, Family: cpu.Family, Model: cpu.Model,
		Stepping: cpu.Stepping, Microcode: cpu.Microcode, Sockets: cpu.Sockets, Cores: cpu.Cores, Threads: cpu.Threads}, cpu.Governor)
	if err != nil && !f.force {
		return unsuited(f, err)
	}
	if err != nil {
		warnings = append(warnings, err.Error())
		c.Plan.Forced = true
	}
	for _, w := range warnings {
		c.Warnings = append(c.Warnings, report.Warning{Code: "profile-differs", Message: w, Advice: "calibrate here: energyprobe calibrate"})
	}
	c.Plan.Validates = &report.HostProfile{Path: f.check, CreatedAt: p.CreatedAt, Grade: p.Grade, Tier: p.Package.Best, Source: p.Source, Forced: p.Forced, DataSHA256: p.DataHash}
	if !calibrate.Validate(c, facts, p) {
		a.status = exitInvalid
	}
	return a.deliver(c)
}

// calibration makes the points, or reads those that were recorded.
func (a *app) calibration(ctx context.Context, f calibrateFlags) (*report.Calibration, calibrate.Facts, error) {
	if f.data != "" {
		return a.recorded(f)
	}
	top, err := topology.Read(a.hostRoot)
	if err != nil {
		return nil, calibrate.Facts{}, err
	}
	c, facts, err := a.newCalibration(ctx, f, top)
	if err != nil {
		return nil, facts, err
	}
	if v := calibrate.Unfit(facts); v != nil && !f.force {
		return nil, facts, fmt.Errorf("not calibrated: %s\nTry: %s", v.Message, v.Advice)
	}
	if err := a.experiment(ctx, f, c, facts, top); err != nil {
		return nil, facts, err
	}
	c.DurationS = time.Since(c.StartedAt).Seconds()
	return c, facts, nil
}

// recorded reads the points of another calibration, of this host or another.
func (a *app) recorded(f calibrateFlags) (*report.Calibration, calibrate.Facts, error) {
	docs, err := a.readResults(f.data)
	if err != nil {
		return nil, calibrate.Facts{}, err
	}
	c, is := docs[0].(*report.Calibration)
	if !is || len(docs) != 1 {
		return nil, calibrate.Facts{}, fmt.Errorf("--data %s: want the result of one calibration (energyprobe calibrate --format json)", f.data)
	}
	facts := calibrate.FactsOf(c)
	if f.tdpW > 0 {
		facts.TDPW = f.tdpW
	}
	c.Plan.Forced = c.Plan.Forced || f.force
	return c, facts, nil
}
