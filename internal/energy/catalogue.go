package energy

// Integration says how a metric stands for the whole window and not just for
// its ends.
type Integration string

// The ways of integration.
const (
	Delta   Integration = "delta"   // a counter's growth over the window
	Mean    Integration = "mean"    // averaged over time
	Max     Integration = "max"     // the largest value in the window
	Min     Integration = "min"     // the smallest value in the window
	Last    Integration = "last"    // the value at the end; it hardly moves
	Ratio   Integration = "ratio"   // of two values integrated over the window
	Product Integration = "product" // likewise
)

// MetricDef defines a metric: docs/metrics.md is generated from these.
type MetricDef struct {
	Name  string
	Unit  string // UCUM: s, J, W, Hz, By, Cel, J.s, 1
	Scope Scope
	How   Integration
	Help  string
}

// Catalogue returns every metric in the order results show them. The caller
// does not modify it.
func Catalogue() []MetricDef { return catalogue[:] }

var catalogue = [...]MetricDef{
	// The command and everything it started: processor.
	{"cpu.time", "s", ScopeProcess, Delta, "CPU time, user and system, of every process and thread of the tree, those that ended included"},
	{"cpu.user", "s", ScopeProcess, Delta, "CPU time in user mode"},
	{"cpu.system", "s", ScopeProcess, Delta, "CPU time in the kernel on behalf of the tree"},
	{"cpu.utilization", "1", ScopeProcess, Ratio, "CPU seconds per second: 1.0 is one logical CPU kept busy"},
	{"cpu.task_clock", "s", ScopeProcess, Delta, "CPU time as perf counts it (software event task-clock), inherited by children"},
	{"cpu.run_wait", "s", ScopeProcess, Delta, "time the command's main process was runnable but waited for a CPU"},
	{"cpu.cycles", "1", ScopeProcess, Delta, "CPU cycles"},
	{"cpu.instructions", "1", ScopeProcess, Delta, "instructions retired"},
	{"cpu.ipc", "1", ScopeProcess, Ratio, "instructions per cycle"},
	{"cpu.cache_references", "1", ScopeProcess, Delta, "last-level cache references"},
	{"cpu.cache_misses", "1", ScopeProcess, Delta, "last-level cache misses"},
	{"cpu.cache_miss_ratio", "1", ScopeProcess, Ratio, "cache misses per cache reference"},
	{"cpu.branches", "1", ScopeProcess, Delta, "branch instructions retired"},
	{"cpu.branch_misses", "1", ScopeProcess, Delta, "branches predicted wrongly"},
	{"cpu.branch_miss_ratio", "1", ScopeProcess, Ratio, "mispredicted branches per branch"},
	{"cpu.frequency", "Hz", ScopeProcess, Mean, "cycles per second of CPU time: the mean clock while the tree ran"},
	{"cpu.context_switches", "1", ScopeProcess, Delta, "context switches"},
	{"cpu.context_switches_voluntary", "1", ScopeProcess, Delta, "switches because a thread waited"},
	{"cpu.context_switches_involuntary", "1", ScopeProcess, Delta, "switches because another thread was put in its place"},
	{"cpu.migrations", "1", ScopeProcess, Delta, "moves of a thread to another CPU"},

	// The command and everything it started: memory, files, processes.
	{"memory.rss_peak", "By", ScopeProcess, Max, "largest resident set of any one process of the tree"},
	{"memory.rss_mean", "By", ScopeProcess, Mean, "resident set of the whole tree, averaged over time"},
	{"memory.tree_rss_peak", "By", ScopeProcess, Max, "largest resident set of the whole tree seen in a sample"},
	{"memory.faults_minor", "1", ScopeProcess, Delta, "page faults served without reading from disk"},
	{"memory.faults_major", "1", ScopeProcess, Delta, "page faults that waited for a disk"},
	{"io.read", "By", ScopeProcess, Delta, "bytes the tree had fetched from storage"},
	{"io.written", "By", ScopeProcess, Delta, "bytes the tree sent to storage"},
	{"io.read_chars", "By", ScopeProcess, Delta, "bytes the tree read by system calls, caches included"},
	{"io.written_chars", "By", ScopeProcess, Delta, "bytes the tree wrote by system calls, caches included"},
	{"processes.peak", "1", ScopeProcess, Max, "most processes of the tree alive in one sample"},
	{"threads.peak", "1", ScopeProcess, Max, "most threads of the tree alive in one sample"},

	// Energy put against work. Energy of the whole machine unless attributed.
	{"energy.per_instruction", "J", ScopeProcess, Ratio, "joules per instruction"},
	{"energy.per_cycle", "J", ScopeProcess, Ratio, "joules per CPU cycle"},
	{"energy.per_cpu_second", "W", ScopeProcess, Ratio, "joules per second of CPU time"},
	{"energy.delay_product", "J.s", ScopeProcess, Product, "energy times duration"},
	{"energy.delay2_product", "J.s2", ScopeProcess, Product, "energy times duration squared"},

	// A cgroup, with --cgroup.
	{"cgroup.cpu.time", "s", ScopeCgroup, Delta, "CPU time of the group"},
	{"cgroup.cpu.user", "s", ScopeCgroup, Delta, "CPU time in user mode"},
	{"cgroup.cpu.system", "s", ScopeCgroup, Delta, "CPU time in the kernel"},
	{"cgroup.cpu.throttled", "s", ScopeCgroup, Delta, "time the group was kept from running by its quota"},
	{"cgroup.cpu.throttled_periods", "1", ScopeCgroup, Delta, "quota periods in which the group was throttled"},
	{"cgroup.memory.peak", "By", ScopeCgroup, Max, "largest memory use of the group"},
	{"cgroup.memory.mean", "By", ScopeCgroup, Mean, "memory use of the group, averaged over time"},
	{"cgroup.io.read", "By", ScopeCgroup, Delta, "bytes read from block devices"},
	{"cgroup.io.written", "By", ScopeCgroup, Delta, "bytes written to block devices"},
	{"cgroup.processes.peak", "1", ScopeCgroup, Max, "most tasks in the group seen in a sample"},

	// The machine: processor.
	{"machine.cpu.user", "s", ScopeMachine, Delta, "CPU time in user mode, nice included"},
	{"machine.cpu.system", "s", ScopeMachine, Delta, "CPU time in the kernel"},
	{"machine.cpu.idle", "s", ScopeMachine, Delta, "idle CPU time"},
	{"machine.cpu.iowait", "s", ScopeMachine, Delta, "idle CPU time with a disk request outstanding"},
	{"machine.cpu.irq", "s", ScopeMachine, Delta, "CPU time in hardware interrupts"},
	{"machine.cpu.softirq", "s", ScopeMachine, Delta, "CPU time in soft interrupts"},
	{"machine.cpu.steal", "s", ScopeMachine, Delta, "CPU time the hypervisor gave to others"},
	{"machine.cpu.utilization", "1", ScopeMachine, Ratio, "share of all CPU time that was not idle, 0 to 1"},
	{"machine.cpu.online", "1", ScopeMachine, Last, "logical CPUs online"},
	{"machine.cpu.frequency_mean", "Hz", ScopeMachine, Mean, "clock of the online CPUs, averaged over CPUs and time"},
	{"machine.cpu.frequency_min", "Hz", ScopeMachine, Min, "lowest clock of any CPU seen in a sample"},
	{"machine.cpu.frequency_max", "Hz", ScopeMachine, Max, "highest clock of any CPU seen in a sample"},
	{"machine.run_queue.mean", "1", ScopeMachine, Mean, "runnable threads, averaged over time"},
	{"machine.run_queue.max", "1", ScopeMachine, Max, "most runnable threads seen in a sample"},
	{"machine.run_wait", "s", ScopeMachine, Delta, "time threads were runnable but waited for a CPU"},
	{"machine.load1", "1", ScopeMachine, Last, "the kernel's one-minute load average at the end"},
	{"machine.context_switches", "1", ScopeMachine, Delta, "context switches"},
	{"machine.interrupts", "1", ScopeMachine, Delta, "interrupts served"},
	{"machine.forks", "1", ScopeMachine, Delta, "processes and threads created"},
	{"machine.pressure.cpu", "s", ScopeMachine, Delta, "time in which some task waited for a CPU (PSI)"},
	{"machine.pressure.memory", "s", ScopeMachine, Delta, "time in which some task waited for memory (PSI)"},
	{"machine.pressure.io", "s", ScopeMachine, Delta, "time in which some task waited for a disk (PSI)"},

	// The machine: memory, disks, network.
	{"machine.memory.total", "By", ScopeMachine, Last, "memory installed"},
	{"machine.memory.used_mean", "By", ScopeMachine, Mean, "memory not available for new work, averaged over time"},
	{"machine.memory.used_peak", "By", ScopeMachine, Max, "most memory not available for new work seen in a sample"},
	{"machine.memory.available_min", "By", ScopeMachine, Min, "least memory available for new work seen in a sample"},
	{"machine.memory.swap_in", "By", ScopeMachine, Delta, "bytes read back from swap"},
	{"machine.memory.swap_out", "By", ScopeMachine, Delta, "bytes written to swap"},
	{"machine.memory.faults_major", "1", ScopeMachine, Delta, "page faults that waited for a disk"},
	{"machine.disk.read", "By", ScopeMachine, Delta, "bytes read from disks"},
	{"machine.disk.written", "By", ScopeMachine, Delta, "bytes written to disks"},
	{"machine.disk.reads", "1", ScopeMachine, Delta, "read requests completed"},
	{"machine.disk.writes", "1", ScopeMachine, Delta, "write requests completed"},
	{"machine.disk.busy", "s", ScopeMachine, Delta, "time disks had requests in progress, added over disks"},
	{"machine.net.received", "By", ScopeMachine, Delta, "bytes received on all interfaces but loopback"},
	{"machine.net.sent", "By", ScopeMachine, Delta, "bytes sent on all interfaces but loopback"},
	{"machine.net.packets_received", "1", ScopeMachine, Delta, "packets received on all interfaces but loopback"},
	{"machine.net.packets_sent", "1", ScopeMachine, Delta, "packets sent on all interfaces but loopback"},
	{"machine.net.errors", "1", ScopeMachine, Delta, "packets dropped or damaged, both ways"},

	// The machine: heat.
	{"machine.temperature.mean", "Cel", ScopeMachine, Mean, "hottest processor sensor, averaged over time"},
	{"machine.temperature.max", "Cel", ScopeMachine, Max, "highest reading of any processor sensor"},
	{"machine.throttle.core", "1", ScopeMachine, Delta, "times a core was slowed because it was too hot"},
	{"machine.throttle.package", "1", ScopeMachine, Delta, "times a package was slowed because it was too hot"},
}
