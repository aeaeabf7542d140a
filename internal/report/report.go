// Package report holds the result of a measurement: versioned data with
// provenance, and no input or output. The JSON form is a contract
// (docs/schema/run.v1.json): fields are added, never renamed; names end in
// their SI unit.
package report

import (
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// RunSchema names the contract that Run fulfils.
const RunSchema = "energyprobe.run/v1"

// Run is the result of measuring one command, process, cgroup or machine.
type Run struct {
	Schema    string    `json:"schema"`     // the contract that this document fulfils
	RunID     string    `json:"run_id"`     // unique among runs
	StartedAt time.Time `json:"started_at"` // when the window opened
	DurationS float64   `json:"duration_s"` // length of the window
	Window    Window    `json:"window"`     // the same, on the kernel's clock

	Tool        Tool        `json:"tool"`
	Host        Host        `json:"host"`
	Target      Target      `json:"target"`
	Command     *Command    `json:"command"` // null unless a command was run
	Source      Source      `json:"source"`
	Domains     []Domain    `json:"domains"`     // every zone of the source
	Total       Energy      `json:"total"`       // of the domains with in_total
	Attribution Attribution `json:"attribution"` // how the joules were split
	// Phases is absent where none were marked.
	Phases     *Phases           `json:"phases,omitempty"`
	Models     map[string]Model  `json:"models"`  // by name: tdp-naive, tdp-share, ...
	Metrics    map[string]Metric `json:"metrics"` // by name, as in docs/metrics.md
	CrossCheck []CrossCheck      `json:"cross_check,omitempty"`
	Overhead   Overhead          `json:"overhead"`
	Warnings   []Warning         `json:"warnings"` // what a reader should know; empty when all went well
	// Samples is last: whoever opens a long result sees the summary first.
	Samples *Series `json:"samples,omitempty"` // the time series, with --interval
}

// Window is when the measurement began and ended, in nanoseconds of
// CLOCK_MONOTONIC: it lines up with kernel traces.
type Window struct {
	StartNS int64 `json:"start_ns"` // CLOCK_MONOTONIC when the window opened
	EndNS   int64 `json:"end_ns"`   // and when it closed
}

// Tool is the program that measured.
type Tool struct {
	Name    string `json:"name"`    // energyprobe
	Version string `json:"version"` // release, or "devel"
	Commit  string `json:"commit"`  // of the source it was built from, "" when not known
}

// Target is what the window was about.
type Target struct {
	Kind   string `json:"kind"`             // command, pid, cgroup or machine
	PID    int    `json:"pid,omitempty"`    // of the process, for kind pid
	Cgroup string `json:"cgroup,omitempty"` // path of the group, for kind cgroup
}

// Command is what was run and how it ended. ExitCode is nil when a signal
// ended it; Signal is then its name ("SIGKILL").
type Command struct {
	Argv     []string `json:"argv"`             // the command and its arguments
	PID      int      `json:"pid"`              // of the command's first process
	User     string   `json:"user,omitempty"`   // whom it ran as, with --user
	ExitCode *int     `json:"exit_code"`        // null when a signal ended it
	Signal   string   `json:"signal,omitempty"` // the signal that ended it: SIGKILL
}

// Host is the machine measured.
type Host struct {
	Hostname       string `json:"hostname"`       // as uname -n
	Kernel         string `json:"kernel"`         // release, as uname -r
	Arch           string `json:"arch"`           // as uname -m
	Virtualization string `json:"virtualization"` // none, kvm, firecracker, ... container runtimes included: "docker on kvm"
	CPU            CPU    `json:"cpu"`
	TDP            TDP    `json:"tdp_w"`
	// Profile is what a calibration learnt of this processor, where it was used.
	Profile *HostProfile `json:"profile,omitempty"`
}

// HostProfile says which calibration a result leans on.
type HostProfile struct {
	Path       string    `json:"path"`             // of the file
	CreatedAt  time.Time `json:"created_at"`       // when the calibration ended
	Grade      string    `json:"grade"`            // A, B, C or FAIL
	Tier       string    `json:"tier"`             // the fitted model that spoke: T0 to T3
	Source     string    `json:"source"`           // whose counters it was fitted to
	Forced     bool      `json:"forced,omitempty"` // whether a verdict against the host was overruled
	DataSHA256 string    `json:"data_sha256"`      // of the points it was fitted to
}

// CPU identifies the processor.
type CPU struct {
	ModelName string `json:"model_name"` // as the processor spells it
	Vendor    string `json:"vendor"`     // GenuineIntel, AuthenticAMD, ...
	Family    int    `json:"family"`     // CPUID family
	Model     int    `json:"model"`      // CPUID model
	Stepping  int    `json:"stepping"`   // CPUID stepping
	Microcode string `json:"microcode"`  // revision, hexadecimal
	Sockets   int    `json:"sockets"`    // physical packages
	Cores     int    `json:"cores"`      // physical cores, over all sockets
	Threads   int    `json:"threads"`    // logical CPUs, over all sockets
	SMT       bool   `json:"smt"`        // whether threads share cores
	Governor  string `json:"governor"`   // of cpufreq, "" where there is none
}

// TDP is the thermal design power of one socket, in watts, with the range the
// sources leave open. Value is nil when nothing is known.
type TDP struct {
	Value  *float64 `json:"value"`  // watts per socket, null when not known
	Source string   `json:"source"` // where it was found
	Low    *float64 `json:"low"`    // watts, the least it may be
	High   *float64 `json:"high"`   // watts, the most it may be
}

// Source says where the joules come from.
type Source struct {
	Name    string         `json:"name"` // perf, powercap, msr or model
	Quality energy.Quality `json:"quality"`
	// UpdateIntervalS is the counter's own refresh as seen in this run, null
	// when it was not seen.
	UpdateIntervalS *float64  `json:"update_interval_s"`
	Refused         []Refusal `json:"refused"` // the sources tried in vain
}

// Refusal is a source that could not be used.
type Refusal struct {
	Name   string `json:"name"`   // what was tried
	Kind   string `json:"kind"`   // absent, forbidden or broken
	Reason string `json:"reason"` // what was seen, and on which file
	Remedy string `json:"remedy"` // lines to paste, "" where there is nothing to do
}

// Energy is an amount of energy over the window. The values are nil when the
// amount is not known; Reason then says why.
type Energy struct {
	EnergyJ      *float64 `json:"energy_j"`         // null when not known, never 0 instead
	PowerW       *float64 `json:"power_w"`          // mean over the window
	UncertaintyJ *float64 `json:"uncertainty_j"`    // half-width of a 95 % interval
	LowJ         *float64 `json:"low_j,omitempty"`  // an estimate's range, which is rarely symmetric; alone, a lower bound
	HighJ        *float64 `json:"high_j,omitempty"` // the range's upper end
	Reason       string   `json:"reason,omitempty"` // why the energy is not known
}

// Domain is the energy of one zone.
type Domain struct {
	ID      string         `json:"id"`     // package-0, dram-1, core-0-7, psys
	Kind    string         `json:"kind"`   // package, core, uncore, dram or psys
	Socket  int            `json:"socket"` // -1 for the platform
	Die     int            `json:"die"`    // -1 where the counter spans the socket
	Parent  string         `json:"parent"` // ID of the zone around it, "" at the top
	Quality energy.Quality `json:"quality"`
	Origin  string         `json:"origin"`   // the counter: its zone, event or register
	InTotal bool           `json:"in_total"` // children would count twice in a total, and so would psys
	Energy
	Wraps   int `json:"wraps"`   // times the counter started again at 0
	Samples int `json:"samples"` // readings the energy is made of
}

// Model is what a power model says of the same window.
type Model struct {
	EnergyJ            *float64 `json:"energy_j"`              // null when the model has too little to go by
	LowJ               *float64 `json:"low_j"`                 // lower end of the model's range
	HighJ              *float64 `json:"high_j"`                // upper end of the model's range
	ErrorPctVsMeasured *float64 `json:"error_pct_vs_measured"` // (model - measured) / measured, null without a measurement
	Description        string   `json:"description"`           // the formula in words
}

// Metric is one value of the catalogue; its name is the key it stands under.
type Metric struct {
	Value   *float64       `json:"value"`             // in unit; null when not known
	Unit    string         `json:"unit"`              // UCUM: s, J, W, Hz, By, Cel, J.s, 1
	Source  string         `json:"source"`            // the file or interface it was read from
	Scope   energy.Scope   `json:"scope"`             // what it is about
	Quality energy.Quality `json:"quality,omitempty"` // absent when not known
	Reason  string         `json:"reason,omitempty"`  // why it is not known
}

// CrossCheck is one domain as several interfaces saw it over the same window.
type CrossCheck struct {
	Domain  string             `json:"domain"`   // ID of the domain
	EnergyJ map[string]float64 `json:"energy_j"` // by source
	// Ratio is each source's joules over those of the source in use.
	Ratio map[string]float64 `json:"ratio"`
	// ExpectedPct is the disagreement to expect, in percent, from units and
	// refresh; a ratio beyond it is a warning.
	ExpectedPct float64 `json:"expected_pct"`
	Agree       bool    `json:"agree"` // every ratio is within what is expected
}

// Overhead is what measuring cost.
type Overhead struct {
	CPUS float64 `json:"cpu_s"` // energyprobe's own CPU time, start-up included
	// WindowCPUS is the part of it that fell inside the measured window.
	WindowCPUS float64 `json:"window_cpu_s"`
	// EnergyJ is what that part took: what attribution gives it, or else so much
	// of the total as it had of all CPUs; null when not known.
	EnergyJ *float64 `json:"energy_j"`
	// LatenessP99S is how late the latest hundredth of the samples was, with
	// --interval; null when there was no series or it is beyond a millisecond.
	LatenessP99S *float64 `json:"lateness_p99_s,omitempty"`
	Samples      int      `json:"samples"` // readings of the source
	Missed       int      `json:"missed"`  // samples that came too late and were left out
}

// Warning is something a reader should know. It ends in advice.
type Warning struct {
	Code    string `json:"code"`    // stable name of the kind of warning
	Message string `json:"message"` // what happened
	Advice  string `json:"advice"`  // what to do about it
}

// Total adds the domains that belong in a machine's total. A domain that is
// not known makes the total not known: a sum without it would look complete.
func Total(domains []Domain, durationS float64) Energy {
	var sum, uncertainty float64
	n := 0
	for _, d := range domains {
		if !d.InTotal {
			continue
		}
		n++
		if d.EnergyJ == nil {
			return Energy{Reason: d.ID + " is not known: " + d.Reason}
		}
		sum += *d.EnergyJ
		if d.UncertaintyJ != nil {
			// Straight addition: the zones' errors share their cause, the
			// timing of the window, so they don't average out.
			uncertainty += *d.UncertaintyJ
		}
	}
	if n == 0 {
		return Energy{Reason: "no package or dram counter"}
	}
	e := Energy{EnergyJ: &sum, UncertaintyJ: &uncertainty}
	if durationS > 0 {
		w := sum / durationS
		e.PowerW = &w
	}
	return e
}
