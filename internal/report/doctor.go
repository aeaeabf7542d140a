package report

// DoctorSchema names the contract that Doctor fulfils.
const DoctorSchema = "energyprobe.doctor/v1"

// Doctor is what can be measured on a host, and how to measure more.
type Doctor struct {
	Schema string `json:"schema"` // the contract that this document fulfils
	Tool   Tool   `json:"tool"`
	Host   Host   `json:"host"`
	// Best is the source that a run would use: perf, powercap, msr or model.
	Best string `json:"best"`
	// CanMeasure is false when the best a run can do is an estimate.
	CanMeasure bool `json:"can_measure"`
	// Grant is the one line that gives this program every right that would
	// help on this host, "" when none is missing or none can be given.
	Grant  string  `json:"grant"`
	Checks []Check `json:"checks"` // the findings, grouped and ordered for reading
}

// CheckState is the outcome of a check.
type CheckState string

// The states. Note marks a fact that limits or colours a measurement without
// being a fault: SMT, the governor, a virtual machine.
const (
	Working   CheckState = "working"
	Absent    CheckState = "absent"
	Forbidden CheckState = "forbidden"
	Broken    CheckState = "broken"
	Note      CheckState = "note"
)

// Check is one line of the doctor's findings.
type Check struct {
	Group  string     `json:"group"`  // sources, zones, capabilities, attribution, host
	Name   string     `json:"name"`   // perf, powercap, package-0, CAP_PERFMON, smt
	State  CheckState `json:"state"`  // the outcome
	Detail string     `json:"detail"` // what was seen, and where
	Remedy string     `json:"remedy"` // lines that can be pasted, or ""; what takes the fewest rights
	// Alternatives are other remedies, each enough by itself, from fewer
	// rights to more.
	Alternatives []string `json:"alternatives,omitempty"`
}
