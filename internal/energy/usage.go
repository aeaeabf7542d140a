package energy

import "time"

// Party says in whose name a task runs.
type Party uint8

// The parties among which energy is split. Every task belongs to one of them.
const (
	Target Party = iota // the command, process tree, group or, with the whole machine, every program
	Others              // all other programs
	Kernel              // kernel threads and interrupts
	Tool                // this program
	Parties
)

func (p Party) String() string {
	return [...]string{"target", "others", "kernel", "tool", "?"}[min(p, Parties)]
}

// Method is how a split was made, from the best to the poorest.
type Method string

// Methods, best first.
const (
	ByCycles Method = "ebpf-cycles" // weights are cycles, taken in the kernel at every switch
	ByTime   Method = "ebpf-time"   // weights are time on a CPU, taken there too
	ByCgroup Method = "cgroup"      // weights are the CPU time in a group's cpu.stat
	ByProc   Method = "proc"        // weights are the CPU time in /proc/PID/stat
	NoMethod Method = "none"
)

// Account is what some tasks did on one package, since a tracker started.
//
// Joules and Seconds join it with the package's counters: of every interval
// between two readings they hold the part that falls to these tasks by weight.
// What idle power takes of that is Seconds times watts, so it can be taken off
// whenever it becomes known: the energy that the tasks added to an idle
// package is Joules[d] - watts*Seconds.
type Account struct {
	CPU          time.Duration // time on a CPU
	Open         time.Duration // the part of CPU in an interval that has not ended yet: its joules are still to come
	Weight       float64       // in the method's unit
	Cycles       uint64        // 0 where no PMU counts them
	Instructions uint64
	Joules       [NumDomains]float64 // by Domain: gross energy, by weight; nothing for PSys, which no package has
	Seconds      float64             // the package's time, by weight
}

// Add adds what o holds.
func (a *Account) Add(o Account) {
	a.CPU += o.CPU
	a.Open += o.Open
	a.Weight += o.Weight
	a.Cycles += o.Cycles
	a.Instructions += o.Instructions
	a.Seconds += o.Seconds
	for d := range a.Joules {
		a.Joules[d] += o.Joules[d]
	}
}

// Sub takes away what o holds: an account at the end of a window less the one
// at its start. Time goes where its joules go: what was open at the start is the
// window's, and what is open at the end is not.
func (a *Account) Sub(o Account) {
	a.CPU = max(0, a.CPU-o.CPU+o.Open-a.Open)
	a.Open = 0
	a.Weight -= o.Weight
	a.Cycles -= o.Cycles
	a.Instructions -= o.Instructions
	a.Seconds -= o.Seconds
	for d := range a.Joules {
		a.Joules[d] -= o.Joules[d]
	}
}

// LoadBins is the number of load classes in which a package's time is sorted.
const LoadBins = 8

// LoadEdges are the classes' upper bounds in busy CPUs per CPU of the package:
// the first class is nobody at all.
var LoadEdges = [LoadBins]float64{0, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1.01}

// LoadBin is a package's time at one class of load. With the energy of the
// least loaded of them, the power of an idle package can be told.
type LoadBin struct {
	Seconds float64
	Busy    float64 // CPU seconds in it
	Joules  [NumDomains]float64
}

// PackageUsage is what happened on one package since a tracker started.
type PackageUsage struct {
	Socket, Die int // Die is -1 where counters span the socket
	CPUs        int
	Parties     [Parties]Account
	Nobody      Account // intervals in which nobody ran: Joules and Seconds only
	Loads       [LoadBins]LoadBin
	Seconds     float64 // covered by intervals, of all of the above
	// Unknown is the part of Seconds in which a domain's joules were not known
	// and so are in no account.
	Unknown [NumDomains]float64
}

// AwakeSeconds is how long anything ran on the package: of an interval at most
// all of it, and as much as its CPUs were busy together. It is sharp where
// intervals are as short as the counters' refresh, and too much where CPUs take
// turns within long ones.
func (p *PackageUsage) AwakeSeconds() float64 {
	sum := 0.0
	for _, b := range p.Loads {
		sum += min(b.Busy, b.Seconds)
	}
	return sum
}

// Process is what one process did, on all packages.
type Process struct {
	PID, PPID int
	Start     Instant // with PID, its identity
	Comm      string
	Party     Party
	Cgroup    uint64 // inode of its cgroup2 directory, 0 where there is none
	Threads   int    // ever started
	Ended     bool
	Accounts  []Account // by package, as in Usage.Packages
}

// Thread is what one thread did, on all packages.
type Thread struct {
	TID, PID int
	Comm     string
	Accounts []Account
}

// Usage is a tracker's account of everything that ran, cumulative. It is one
// consistent view, made at At.
type Usage struct {
	At        Instant
	Packages  []PackageUsage
	Processes []Process // those that have a line
	Threads   []Thread  // where they are asked for
	Lost      Lost
}

// Lost counts what a tracker could not keep. The parties' accounts hold it all
// the same.
type Lost struct {
	Events    uint64 // ends of processes and threads that found no room on their way out of the kernel
	Tasks     uint64 // without a record in the kernel: their joules are the others'
	Processes uint64 // without a line of their own
}

// Place is a package whose counters are split, and the CPUs on it.
type Place struct {
	Socket, Die int // Die is -1 where counters span the socket
	CPUs        []int
}

// Tracker accounts for all that runs from its start to its Close.
type Tracker interface {
	Method() Method
	// Interval ends an interval on every package: joules holds what each
	// package's counters moved by since the last call, by Domain, NaN where it
	// is not known. A tracker that reads the counters itself, nearer to what it
	// counts, ignores them.
	Interval(at Instant, joules [][NumDomains]float64) error
	// Usage returns the account so far, up to the last interval.
	Usage(threads bool) (Usage, error)
	Close() error
}
