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
	Schema    string    `json:"schema"`
	RunID     string    `json:"run_id"`
	StartedAt time.Time `json:"started_at"`
	DurationS float64   `json:"duration_s"`

	Tool        Tool              `json:"tool"`
	Host        Host              `json:"host"`
	Target      Target            `json:"target"`
	Command     *Command          `json:"command"`
	Source      Source            `json:"source"`
	Domains     []Domain          `json:"domains"`
	Total       Energy            `json:"total"`
	Attribution Attribution       `json:"attribution"`
	Models      map[string]Model  `json:"models"`
	Metrics     map[string]Metric `json:"metrics"`
	CrossCheck  []CrossCheck      `json:"cross_check,omitempty"`
	Overhead    Overhead          `json:"overhead"`
	Warnings    []Warning         `json:"warnings"`
	// Samples is last: whoever opens a long result sees the summary first.
	Samples *Series `json:"samples,omitempty"` // the time series, with --interval
}

// Tool is the program that measured.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Target is what the window was about.
type Target struct {
	Kind   string `json:"kind"` // command, pid, cgroup or machine
	PID    int    `json:"pid,omitempty"`
	Cgroup string `json:"cgroup,omitempty"`
}

// Command is what was run and how it ended. ExitCode is nil when a signal
// ended it; Signal is then its name ("SIGKILL").
type Command struct {
	Argv     []string `json:"argv"`
	PID      int      `json:"pid"`
	User     string   `json:"user,omitempty"`
	ExitCode *int     `json:"exit_code"`
	Signal   string   `json:"signal,omitempty"`
}

// Host is the machine measured.
type Host struct {
	Hostname       string `json:"hostname"`
	Kernel         string `json:"kernel"`
	Arch           string `json:"arch"`
	Virtualization string `json:"virtualization"` // none, kvm, firecracker, ... container runtimes included: "docker on kvm"
	CPU            CPU    `json:"cpu"`
	TDP            TDP    `json:"tdp_w"`
}

// CPU identifies the processor.
type CPU struct {
	ModelName string `json:"model_name"`
	Vendor    string `json:"vendor"`
	Family    int    `json:"family"`
	Model     int    `json:"model"`
	Stepping  int    `json:"stepping"`
	Microcode string `json:"microcode"`
	Sockets   int    `json:"sockets"`
	Cores     int    `json:"cores"`
	Threads   int    `json:"threads"`
	SMT       bool   `json:"smt"`
	Governor  string `json:"governor"` // "" where there is no cpufreq
}

// TDP is the thermal design power of one socket, in watts, with the range the
// sources leave open. Value is nil when nothing is known.
type TDP struct {
	Value  *float64 `json:"value"`
	Source string   `json:"source"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
}

// Source says where the joules come from.
type Source struct {
	Name    string         `json:"name"` // perf, powercap, msr or model
	Quality energy.Quality `json:"quality"`
	// UpdateIntervalS is the counter's own refresh as seen in this run.
	UpdateIntervalS *float64  `json:"update_interval_s"`
	Refused         []Refusal `json:"refused"`
}

// Refusal is a source that could not be used.
type Refusal struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // absent, forbidden or broken
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// Energy is an amount of energy over the window. The values are nil when the
// amount is not known; Reason then says why.
type Energy struct {
	EnergyJ      *float64 `json:"energy_j"`
	PowerW       *float64 `json:"power_w"`
	UncertaintyJ *float64 `json:"uncertainty_j"` // half-width of a 95 % interval
	LowJ         *float64 `json:"low_j,omitempty"`
	HighJ        *float64 `json:"high_j,omitempty"` // an estimate's range, which is rarely symmetric
	Reason       string   `json:"reason,omitempty"`
}

// Domain is the energy of one zone.
type Domain struct {
	ID      string         `json:"id"`
	Kind    string         `json:"kind"`
	Socket  int            `json:"socket"`
	Die     int            `json:"die"`
	Parent  string         `json:"parent"` // ID of the zone around it, "" at the top
	Quality energy.Quality `json:"quality"`
	Origin  string         `json:"origin"`
	InTotal bool           `json:"in_total"`
	Energy
	Wraps   int `json:"wraps"`
	Samples int `json:"samples"` // readings the energy is made of
}

// Attribution splits the counters' joules. With method none there is no
// split and Reason says why.
type Attribution struct {
	Method string `json:"method"`
	Reason string `json:"reason,omitempty"`
}

// Model is what a power model says of the same window.
type Model struct {
	EnergyJ            *float64 `json:"energy_j"`
	LowJ               *float64 `json:"low_j"`
	HighJ              *float64 `json:"high_j"`
	ErrorPctVsMeasured *float64 `json:"error_pct_vs_measured"`
	Description        string   `json:"description"`
}

// Metric is one value of the catalogue; its name is the key it stands under.
type Metric struct {
	Value   *float64       `json:"value"`
	Unit    string         `json:"unit"`
	Source  string         `json:"source"`
	Scope   energy.Scope   `json:"scope"`
	Quality energy.Quality `json:"quality,omitempty"`
	Reason  string         `json:"reason,omitempty"`
}

// CrossCheck is one domain as several interfaces saw it over the same window.
type CrossCheck struct {
	Domain  string             `json:"domain"`
	EnergyJ map[string]float64 `json:"energy_j"` // by source
	// Ratio is each source's joules over those of the source in use.
	Ratio map[string]float64 `json:"ratio"`
	// ExpectedPct is the disagreement to expect, in percent, from units and
	// refresh; a ratio beyond it is a warning.
	ExpectedPct float64 `json:"expected_pct"`
	Agree       bool    `json:"agree"`
}

// Overhead is what measuring cost.
type Overhead struct {
	CPUS    float64  `json:"cpu_s"` // energyprobe's own CPU time, start-up included
	EnergyJ *float64 `json:"energy_j"`
	Samples int      `json:"samples"`
	Missed  int      `json:"missed"` // samples that came too late and were left out
}

// Warning is something a reader should know. It ends in advice.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Advice  string `json:"advice"`
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
