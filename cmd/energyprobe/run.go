package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/priv"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
)

// runFlags are the flags of run alone.
type runFlags struct {
	interval   time.Duration
	crossCheck bool
	perCore    bool
	user       string
	pid        int
	cgroup     string
	all        bool
	duration   time.Duration
	waitAll    bool
	tdpW       float64

	phasePattern string

	splitFlags
	trials trialFlags
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:     "run [flags] -- COMMAND [ARG...]",
		GroupID: "measure",
		Short:   "Measure the energy of a command, a process, a cgroup or the machine",
		Long: `Run a command and say what it spent of the machine's energy: per domain, with
uncertainty, and per process, beside processor time, hardware counters, memory,
disks and network. The exit status is the command's: 125 when energyprobe
itself failed, 126 when the command is not executable, 127 when it was not
found, 128+N when signal N ended it.

A command says what it is about by writing lines to the descriptor whose number
is in ENERGYPROBE_FD, and gets joules per phase:

  printf 'phase train\n' >&$ENERGYPROBE_FD   the present one ends, train begins
  printf 'end\n' >&$ENERGYPROBE_FD           the present one ends
  printf 'mark TEXT\n' >&$ENERGYPROBE_FD     an instant

With --phase-pattern a line of the command's output that matches begins a phase.
Its name is what the first group holds, or all that matched. The output passes
through unchanged, but the command sees a pipe and not the terminal: it may
leave out colours, and write less often. What processes that it leaves behind
write after its end is lost, unless --wait-all waits for them.`,
		Example: `  energyprobe run -- python3 app.py
  energyprobe run --format json -o result.json -- make -j8
  energyprobe run --repeat 20 --warmup 1 -- ./app
  energyprobe run --interval 100ms --format csv -- ./simulate
  sudo energyprobe run --user $USER --cross-check -- ./app
  sudo energyprobe run --baseline 5s --threads -- ./app
  energyprobe run --phase-pattern '^(epoch [0-9]+)' -- python3 train.py
  energyprobe run --pid 4242 --duration 10s
  energyprobe run --all --duration 1m`,
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.measure(cmd, f, args)
		},
	}
	fl := c.Flags()
	fl.SetInterspersed(false) // the command's own flags are its own, with or without --
	fl.DurationVar(&f.interval, "interval", 0, "also give a time series, a sample every `D` (100us and up)")
	fl.BoolVar(&f.crossCheck, "cross-check", false, "read every interface over the same window and compare them")
	fl.BoolVar(&f.perCore, "per-core", false, "also the counters of single cores, where the processor has them (AMD)")
	fl.StringVar(&f.user, "user", "", "run the command as `NAME` and measure as the present user")
	fl.IntVar(&f.pid, "pid", 0, "measure while process `PID` runs")
	fl.StringVar(&f.cgroup, "cgroup", "", "measure while cgroup `PATH` exists")
	fl.BoolVar(&f.all, "all", false, "measure the whole machine")
	fl.DurationVar(&f.duration, "duration", 0, "end after `D` (with --pid, --cgroup, --all)")
	fl.BoolVar(&f.waitAll, "wait-all", false, "measure until the last process the command started has ended")
	fl.StringVar(&f.phasePattern, "phase-pattern", "", "a line of the command's output that matches `REGEXP` begins a phase (the command then sees a pipe, not a terminal)")
	fl.Float64Var(&f.tdpW, "tdp", 0, "thermal design power of one socket in `WATTS`, for the models")
	a.addHostProfile(c)
	f.splitFlags.add(c)
	f.trials.add(c, 0, "")
	groupUsage(c, []flagGroup{
		{"What to measure", []string{"pid", "cgroup", "all", "duration", "wait-all", "user"}},
		{"Whose joules they are", splitFlagNames[:]},
		{"How often", []string{"repeat", "warmup", "prepare", "cleanup", "ignore-failure", "show-output"}},
		{"How to measure", []string{"source", "interval", "phase-pattern", "cross-check", "per-core", "tdp", "host-profile", "host-root"}},
		{"The result", []string{"format", "output", "history", "quiet", "help"}},
	})
	return c
}

// minInterval is the shortest interval of a time series: a tenth of the
// counters' own refresh, below which samples repeat each other.
const minInterval = 100 * time.Microsecond

func (f runFlags) check(args []string) error {
	targets := 0
	for _, given := range []bool{len(args) > 0, f.pid != 0, f.cgroup != "", f.all} {
		if given {
			targets++
		}
	}
	switch {
	case targets == 0:
		return errors.New("nothing to measure: give a command after --, or --pid, --cgroup or --all\nTry: energyprobe run -- COMMAND")
	case targets > 1:
		return errors.New("give one of: a command, --pid, --cgroup, --all")
	case len(args) > 0 && args[0] == "":
		return errors.New("the command is empty")
	case f.duration < 0:
		return fmt.Errorf("--duration %v: want a time above 0", f.duration)
	case f.duration > 0 && len(args) > 0:
		return errors.New("--duration goes with --pid, --cgroup and --all; to end a command after a time use: timeout 10s COMMAND")
	case f.interval != 0 && f.interval < minInterval:
		return fmt.Errorf("--interval %v: the shortest is %v; counters refresh about every 1ms", f.interval, minInterval)
	case f.user != "" && len(args) == 0:
		return errors.New("--user goes with a command")
	case f.waitAll && len(args) == 0:
		return errors.New("--wait-all goes with a command")
	case f.phasePattern != "" && len(args) == 0:
		return errors.New("--phase-pattern goes with a command: it looks at the command's output")
	case f.pid < 0:
		return fmt.Errorf("--pid %d: want a process number", f.pid)
	}
	if err := checkTDP(f.tdpW); err != nil {
		return err
	}
	if err := f.checkRepeat(len(args) > 0); err != nil {
		return err
	}
	return f.splitFlags.check(len(args) > 0)
}

// checkRepeat looks at what repeated runs can't have.
func (f runFlags) checkRepeat(command bool) error {
	t := f.trials
	if t.repeat < 0 {
		return fmt.Errorf("--repeat %d: want 1 or more", t.repeat)
	}
	if t.repeat == 0 {
		if t.warmup != 0 || len(t.prepare) > 0 || t.cleanup != "" || t.ignoreFailure || t.showOutput {
			return errors.New("--warmup, --prepare, --cleanup, --ignore-failure and --show-output go with --repeat N")
		}
		return nil
	}
	switch {
	case !command:
		return errors.New("--repeat goes with a command")
	case f.interval > 0:
		return errors.New("--interval gives the time series of one run: leave out --repeat, or --interval")
	case f.phasePattern != "":
		return errors.New("--phase-pattern tells the phases of one run: leave out --repeat")
	case f.threads || f.crossCheck || f.perCore:
		return errors.New("--threads, --cross-check and --per-core are about one run: leave out --repeat")
	}
	return nil
}

// pattern is what --phase-pattern says, nil for nothing.
func (f runFlags) pattern() (*regexp.Regexp, error) {
	if f.phasePattern == "" {
		return nil, nil
	}
	re, err := regexp.Compile(f.phasePattern)
	if err != nil {
		return nil, fmt.Errorf("--phase-pattern %q: %w; the syntax is that of https://golang.org/s/re2syntax", f.phasePattern, err)
	}
	return re, nil
}

func (a *app) measure(cmd *cobra.Command, f runFlags, args []string) error {
	f.idleWGiven = cmd.Flags().Changed("idle-power")
	if err := f.check(args); err != nil {
		return err
	}
	if err := a.checkFlags(); err != nil {
		return err
	}
	profile, err := a.profileOf()
	if err != nil {
		return err
	}
	o := session.Options{
		Root: a.hostRoot, Source: a.source, PerCore: f.perCore, Interval: f.interval, CrossCheck: f.crossCheck,
		TDPW: f.tdpW, Tool: tool(), PID: f.pid, Cgroup: f.cgroup, Machine: f.all, Duration: f.duration, WaitAll: f.waitAll,
		Attribution: f.attribution, IdlePolicy: f.idle, IdleW: f.idleW, Baseline: f.baseline, Threads: f.threads,
		Profile: profile,
	}
	a.top = f.rows()
	if len(args) > 0 {
		c, err := command(f.user, args)
		if err != nil {
			return err
		}
		if c.PhasePattern, err = f.pattern(); err != nil {
			return err
		}
		o.Command = c
	}
	if f.trials.repeat > 0 {
		return a.repeat(cmd, f, o, args)
	}
	if f.interval > 0 {
		// A long series makes garbage collections, which are work that need not
		// be inside the window.
		debug.SetGCPercent(400)
	}
	signals := catchSignals()
	defer signal.Stop(signals)
	o.Signals = signals
	line := a.statusLine()
	until := f.waitsFor()
	line.say(until)
	o.Preparing = func(what string) {
		if what == "" {
			what = until
		}
		line.say(what)
	}
	r, err := session.Run(cmd.Context(), o)
	line.say("")
	if err != nil {
		return err
	}
	if r.Command != nil {
		a.status = commandStatus(r.Command)
	}
	a.hint(r)
	return a.deliver(r)
}

// waitsFor says what ends a window in which nothing else is to be seen; "" for
// a command, which has the terminal.
func (f runFlags) waitsFor() string {
	what := ""
	switch {
	case f.pid != 0:
		what = fmt.Sprintf("measuring process %d", f.pid)
	case f.cgroup != "":
		what = "measuring cgroup " + f.cgroup
	case f.all:
		what = "measuring the machine"
	default:
		return ""
	}
	if f.duration > 0 {
		return fmt.Sprintf("%s until %s; ^C ends it sooner", what, time.Now().Add(f.baseline+f.duration).Format(time.TimeOnly))
	}
	return what + "; ^C ends it"
}

// repeat measures the command several times. The idle machine is watched once,
// before the first.
func (a *app) repeat(cmd *cobra.Command, f runFlags, o session.Options, args []string) error {
	if err := f.trials.check(); err != nil {
		return err
	}
	f.trials.baseline, o.Baseline = o.Baseline, 0
	commands, err := f.trials.single(args)
	if err != nil {
		return err
	}
	t, err := a.try(cmd.Context(), &f.trials, o, commands)
	if t == nil {
		return err
	}
	return errors.Join(err, a.deliver(t))
}

func command(user string, args []string) (*session.Command, error) {
	c := &session.Command{Argv: args, PassInterrupt: func() bool { return !inForeground() }}
	if user == "" {
		return c, nil
	}
	u, err := priv.LookupUser(user)
	if err != nil {
		return nil, err
	}
	c.User = user
	c.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	c.Env = userEnvironment(os.Environ(), u)
	return c, nil
}

// userEnvironment is the environment with the variables that say who one is.
func userEnvironment(env []string, u *priv.User) []string {
	set := map[string]string{"HOME": u.Home, "SHELL": u.Shell, "USER": u.Name, "LOGNAME": u.Name}
	var out []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if _, ours := set[name]; !ours {
			out = append(out, kv)
		}
	}
	for _, name := range []string{"HOME", "SHELL", "USER", "LOGNAME"} {
		if set[name] != "" {
			out = append(out, name+"="+set[name])
		}
	}
	return out
}

func commandStatus(c *report.Command) int {
	if c.ExitCode != nil {
		return *c.ExitCode
	}
	return exitSignal + int(unix.SignalNum(c.Signal))
}

// hint repeats warnings on standard error when the result goes elsewhere: who
// reads a file later has them in it, who watches the terminal sees them now.
func (a *app) hint(r *report.Run) {
	if a.quiet || a.out == "" && a.format == string(output.Table) {
		return
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(a.stderr, "energyprobe: warning: %s; %s\n", w.Message, w.Advice)
	}
}
