package report

// Attribution splits the counters' joules among those that ran. With method
// none there is no split, and Reason says why.
//
// The five lines of Split here are those of the total; they add up to
// total.energy_j, as those of a domain add up to the domain's energy_j.
type Attribution struct {
	Method string `json:"method"`           // none, proc, cgroup, ebpf-time or ebpf-cycles
	Reason string `json:"reason,omitempty"` // why this method and no better one
	// Refused are the methods that would have been better, best first.
	Refused []Refusal `json:"refused,omitempty"`
	Weights string    `json:"weights,omitempty"` // in words: by what the joules are shared out, and where that was counted

	IdlePolicy string `json:"idle_policy,omitempty"` // who gets the energy of the idle machine: none, proportional or reserved
	// IdleSharePct is the part of it that the target has reserved, with policy
	// reserved.
	IdleSharePct *float64    `json:"idle_share_pct,omitempty"`
	Idle         []IdlePower `json:"idle,omitempty"`      // what each domain draws when nobody runs
	Intervals    *Intervals  `json:"intervals,omitempty"` // the pieces into which the window was cut

	Split
	PerDomain []DomainSplit `json:"per_domain,omitempty"` // the domains that were split; those with in_total among domains add up to the lines above

	// Processes are those that spent most, first the most. What they don't
	// list is in ProcessesRest.
	Processes     []Process `json:"processes,omitempty"`
	ProcessesRest *Rest     `json:"processes_rest,omitempty"` // the processes that have no line
	Threads       []Thread  `json:"threads,omitempty"`        // with --threads, first the one that spent most
	ThreadsRest   *Rest     `json:"threads_rest,omitempty"`   // the threads that have no line
	Groups        []Group   `json:"groups,omitempty"`         // containers and other groups, first the one that spent most
	GroupsRest    *Rest     `json:"groups_rest,omitempty"`    // the groups that have no line, and what programs in none spent
	Lost          *Lost     `json:"lost,omitempty"`           // what the tracker missed
}

// Split is how an energy falls to those that ran and to nobody. The lines that
// are known add up to the energy. One that is null is named in Unknown.
type Split struct {
	TargetJ *float64 `json:"target_j"` // what was measured for: the command's tree, the process, the group; every program with target machine
	// TargetUncertaintyJ is the half-width of a 95 % interval, as far as it is
	// known: what the counter and the idle power leave open.
	TargetUncertaintyJ *float64 `json:"target_uncertainty_j"`
	OthersJ            *float64 `json:"others_j"`       // all other programs, this one included
	KernelJ            *float64 `json:"kernel_j"`       // kernel threads and interrupts
	IdleJ              *float64 `json:"idle_j"`         // what the idle machine takes anyway, as far as the policy hands it to nobody
	UnattributedJ      *float64 `json:"unattributed_j"` // spent while nobody could be seen to run
	ToolJ              *float64 `json:"tool_j"`         // this program's part of others_j
	// Unknown says why a line is null, by its name.
	Unknown map[string]string `json:"unknown,omitempty"`
}

// DomainSplit is the split of one domain's energy.
type DomainSplit struct {
	ID      string   `json:"id"`       // of the domain: package-0
	EnergyJ *float64 `json:"energy_j"` // as in domains; null when not known
	Split
}

// IdlePower is what a domain draws when nobody runs on its package.
type IdlePower struct {
	ID           string   `json:"id"`               // of the domain: package-0
	PowerW       *float64 `json:"power_w"`          // null when it could not be learnt
	UncertaintyW *float64 `json:"uncertainty_w"`    // half-width of a 95 % interval
	How          string   `json:"how,omitempty"`    // how it was learnt: given, before the command started, while nobody ran
	Reason       string   `json:"reason,omitempty"` // why it is not known
}

// Intervals are the pieces of the window in which energy is set against what
// ran: the shorter, the less is blurred.
type Intervals struct {
	N           int     `json:"n"`             // how many
	MeanLengthS float64 `json:"mean_length_s"` // on average
	ClosedIn    string  `json:"closed_in"`     // kernel: at the counter's own refresh; user: when this program read the counter
}

// Share is what was spent, and on how much work. Its energy is free of idle
// power, unless the policy hands that out or it is not known.
type Share struct {
	CPUS            float64  `json:"cpu_s"`             // time on a processor
	Cycles          *int64   `json:"cycles"`            // null where they were not counted
	Instructions    *int64   `json:"instructions"`      // null where they were not counted
	EnergyJ         *float64 `json:"energy_j"`          // over the domains of the total; null when not known
	PowerW          *float64 `json:"power_w"`           // energy_j over the length of the window
	JPerInstruction *float64 `json:"j_per_instruction"` // energy_j over instructions
	SharePct        *float64 `json:"share_pct"`         // energy_j of the total's
}

// Process is what one process spent.
type Process struct {
	PID       int    `json:"pid"`                 // in the namespace of energyprobe
	PPID      int    `json:"ppid"`                // its parent when it was last seen
	Comm      string `json:"comm"`                // its name, as in /proc/PID/comm
	Party     string `json:"party"`               // the line it is in: target, others, kernel; tool is this program, in others
	Cgroup    string `json:"cgroup,omitempty"`    // path of its control group, where known
	Container string `json:"container,omitempty"` // name or ID of its container
	Threads   int    `json:"threads"`             // that it ever had in the window; 0 where they were not counted
	Ended     bool   `json:"ended"`               // it ended within the window
	Share
}

// Thread is what one thread spent.
type Thread struct {
	TID  int    `json:"tid"`  // in the namespace of energyprobe
	PID  int    `json:"pid"`  // of its process
	Comm string `json:"comm"` // its own name
	Share
}

// Group is what the processes of a container or another control group spent.
type Group struct {
	Cgroup    string `json:"cgroup"`              // path of the control group
	Container string `json:"container,omitempty"` // name or ID of the container, where it is one
	Runtime   string `json:"runtime,omitempty"`   // docker, kubernetes, podman, ...
	Processes int    `json:"processes"`           // seen in it
	Share
}

// Rest stands for those that have no line of their own.
type Rest struct {
	N       int      `json:"n"`        // how many
	EnergyJ *float64 `json:"energy_j"` // of all of them; null when not known
	CPUS    float64  `json:"cpu_s"`    // time on a processor
}

// Lost is what the tracker missed. The five lines hold all joules
// nevertheless.
type Lost struct {
	Events    int64 `json:"events"`    // that found no room on their way out of the kernel
	Tasks     int64 `json:"tasks"`     // that found no room in the kernel's tables: their joules are in the others'
	Processes int64 `json:"processes"` // that have no line of their own, for either reason
}
