package report

// ProcessorSchema names the contract that Processor fulfils.
const ProcessorSchema = "energyprobe.cpu/v1"

// Processor is what the table of processors knows: of the one in a host, or of
// the parts that were asked for.
type Processor struct {
	Schema string `json:"schema"` // the contract that this document fulfils
	Tool   Tool   `json:"tool"`
	// Query is what was searched for, "" where it is a host's processor or the
	// whole table.
	Query     string `json:"query"`
	TableRows int    `json:"table_rows"` // how many parts the table has
	Host      *Host  `json:"host"`       // null where parts were asked for
	// Identified says how the host's processor was found; null where parts were
	// asked for.
	Identified *Identified `json:"identified"`
	// Parts are those that were found, best first; of a host, those that its
	// processor may be: one, several, or none that is known.
	Parts []Part `json:"parts"`
}

// Identified is how the processor of a host was found, and what that makes of
// its power.
type Identified struct {
	Step       string      `json:"step"`         // the step that gave the thermal design power
	Name       string      `json:"name"`         // the part, or what the candidates have in common
	Confidence string      `json:"confidence"`   // of the power: the weakest row in use
	Source     string      `json:"source"`       // where the power comes from
	TDP        WattRange   `json:"tdp_w"`        // thermal design power of a socket
	PerThread  WattRange   `json:"per_thread_w"` // the same over the threads of the part
	MIDR       string      `json:"midr"`         // Arm's identity register without variant and revision, "" elsewhere
	Tried      []Try       `json:"tried"`        // every step, in their order
	Share      *GuestShare `json:"share"`        // a guest's part of a socket, null on bare metal
	Notes      []string    `json:"notes"`        // what a reader should know of it
}

// WattRange is a power in watts with the least and the most it may be.
type WattRange struct {
	LowW     float64 `json:"low_w"`     // the least it may be
	NominalW float64 `json:"nominal_w"` // what is taken for it
	HighW    float64 `json:"high_w"`    // the most it may be
}

// Try is a step of the identification, and what it gave.
type Try struct {
	Step    string     `json:"step"`    // user, hardware, name, ...
	Outcome string     `json:"outcome"` // used, found (a better step goes before it) or nothing
	Detail  string     `json:"detail"`  // what was looked at, and what it gave
	TDP     *WattRange `json:"tdp_w"`   // the thermal design power by this step, null where it gave none
}

// GuestShare is the part of a socket that a virtual machine has.
type GuestShare struct {
	VCPUs int `json:"vcpus"` // logical CPUs of the guest
	// ThreadsLow is the least threads a socket of the part may have; a range,
	// where it is not known which part it is or whether SMT is on.
	ThreadsLow  float64   `json:"threads_low"`
	Threads     float64   `json:"threads"`      // what is taken for them
	ThreadsHigh float64   `json:"threads_high"` // the most it may have
	LowPct      float64   `json:"low_pct"`      // of a socket, the least it may be
	NominalPct  float64   `json:"nominal_pct"`  // of a socket
	HighPct     float64   `json:"high_pct"`     // of a socket, the most it may be
	TDP         WattRange `json:"tdp_w"`        // that part of the thermal design power
}

// Part is a row of the table: one processor model, per socket.
type Part struct {
	ID     string `json:"id"`     // stable key: intel-xeon-platinum-8275cl
	Vendor string `json:"vendor"` // intel, amd, ampere, aws, ...
	Name   string `json:"name"`   // as the maker writes it, without marks
	// Match says how the part was found: name and alias are identifications,
	// words has all the words of the query, other is another part whose name
	// contains them (8275CL for 8275), same-model shares the host's identity,
	// row is of the whole table.
	Match      string    `json:"match"`
	Aliases    []string  `json:"aliases"`    // other names of the part
	Family     *int      `json:"family"`     // CPUID family, null on Arm
	Model      *int      `json:"model"`      // CPUID model, null on Arm
	Steppings  []int     `json:"steppings"`  // CPUID steppings, empty where any fits
	MIDR       string    `json:"midr"`       // Arm's identity register without variant and revision, "" on x86
	BaseHz     *float64  `json:"base_hz"`    // base clock, null where it is not known
	Cores      int       `json:"cores"`      // of a socket
	Threads    int       `json:"threads"`    // of a socket, as it is sold
	TDP        WattRange `json:"tdp_w"`      // thermal design power of a socket
	Clouds     []string  `json:"clouds"`     // who sells time on it: aws, azure, gcp, ...
	Confidence string    `json:"confidence"` // vendor, derived or estimate
	Source     string    `json:"source"`     // who says so, with the page's name
}
