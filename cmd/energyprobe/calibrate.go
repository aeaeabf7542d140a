package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/calibrate/instrument"
	"github.com/energyprobe/energyprobe/calibrate/load"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/shell"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
	"github.com/energyprobe/energyprobe/internal/trial"
	"github.com/energyprobe/energyprobe/rapl"
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
