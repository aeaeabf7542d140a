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

// Provider is the part of energyprobe that gives a metric its value.
type Provider string

// The providers.
const (
	ByHost    Provider = "host"    // internal/host: /proc, sysfs, cgroupfs, wait4
	ByPerf    Provider = "perf"    // perfevent: hardware and software events
	ByTracker Provider = "tracker" // bpfprog: kernel tracepoints, while joules are split by eBPF
	ByEnergy  Provider = "energy"  // derived from joules once these are known
)

// MetricDef defines a metric: docs/metrics.md is generated from these.
type MetricDef struct {
	Name  string
	Unit  string // UCUM: s, J, W, Hz, By, Cel, J.s, 1
	Scope Scope
	How   Integration
	By    Provider
	Help  string // what the number means
	From  string // the files and calls it comes from
	Null  string // when it has no value, beside a file that is missing or forbidden
}

// Catalogue returns every metric in the order results show them. The caller
// does not modify it.
func Catalogue() []MetricDef { return catalogue[:] }

// What many metrics share.
const (
	fromTree    = "wait4 for what has ended, /proc/PID/stat and the process CPU clock for what lives"
	fromIO      = "/proc/PID/io"
	fromRusage  = "wait4; /proc/PID/task/TID/status for what lives"
	fromSamples = "/proc/PID/stat, sampled"
	fromStat    = "/proc/stat"
	fromVmstat  = "/proc/vmstat"
	fromMeminfo = "/proc/meminfo, sampled"
	fromDisk    = "/proc/diskstats, disks with hardware behind them"
	fromNet     = "/proc/net/dev, interfaces with hardware behind them, or all but loopback where there are none (a container)"
	fromFreq    = "cpufreq scaling_cur_freq, sampled at most twice a second; else the MHz of /proc/cpuinfo every 10 s"
	fromTemp    = "hwmon coretemp, k10temp, zenpower and their like; else thermal zones of a processor"
	fromPerf    = "perf_event_open, inherited by children"

	nullChars    = "a process of the tree belongs to another user; one ended before a sample saw it, and energyprobe is not root"
	nullTree     = "no process is the target"
	nullSamples  = "no process is the target; the command ended before the first sample"
	nullCgroup   = "no cgroup is the target; its controller is not on"
	nullBack     = "the counter went backwards"
	nullDisk     = "no disk is visible"
	nullNet      = "no interface is visible"
	nullPSI      = "the kernel was built or booted without PSI"
	nullFreq     = "a virtual machine without cpufreq, whose /proc/cpuinfo repeats the nominal clock"
	nullTemp     = "no processor sensor: most virtual machines"
	nullThrottle = "not an Intel processor; a virtual machine"
	nullTracker  = "joules are not split by eBPF; the kernel lacks the tracepoint"
	nullPerf     = "the event is not there or not allowed"
	nullEnergy   = "the joules or the other factor are not known"
)

var catalogue = [...]MetricDef{
	// The command and everything it started: processor.
	{"cpu.time", "s", ScopeProcess, Delta, ByHost, "CPU time, user and system, of every process and thread of the tree, those that ended included", fromTree, nullTree},
	{"cpu.user", "s", ScopeProcess, Delta, ByHost, "the part of cpu.time spent in user mode", fromTree, nullTree},
	{"cpu.system", "s", ScopeProcess, Delta, ByHost, "the part of cpu.time spent in the kernel on behalf of the tree", fromTree, nullTree},
	{"cpu.utilization", "1", ScopeProcess, Ratio, ByHost, "CPU seconds per second of the window: 1.0 is one logical CPU kept busy", fromTree, nullTree},
	{"cpu.task_clock", "s", ScopeProcess, Delta, ByPerf, "CPU time as perf counts it (software event task-clock)", fromPerf, nullPerf},
	{"cpu.run_wait", "s", ScopeProcess, Delta, ByHost, "time the main thread of the command's first process was runnable but waited for a CPU", "/proc/PID/schedstat", "the kernel does not time the run queue (neither CONFIG_SCHEDSTATS nor delay accounting)"},
	{"cpu.cycles", "1", ScopeProcess, Delta, ByPerf, "CPU cycles", fromPerf, nullPerf},
	{"cpu.instructions", "1", ScopeProcess, Delta, ByPerf, "instructions retired", fromPerf, nullPerf},
	{"cpu.ipc", "1", ScopeProcess, Ratio, ByPerf, "instructions per cycle", fromPerf, nullPerf},
	{"cpu.cache_references", "1", ScopeProcess, Delta, ByPerf, "last-level cache references", fromPerf, nullPerf},
	{"cpu.cache_misses", "1", ScopeProcess, Delta, ByPerf, "last-level cache misses", fromPerf, nullPerf},
	{"cpu.cache_miss_ratio", "1", ScopeProcess, Ratio, ByPerf, "cache misses per cache reference", fromPerf, nullPerf},
	{"cpu.branches", "1", ScopeProcess, Delta, ByPerf, "branch instructions retired", fromPerf, nullPerf},
	{"cpu.branch_misses", "1", ScopeProcess, Delta, ByPerf, "branches predicted wrongly", fromPerf, nullPerf},
	{"cpu.branch_miss_ratio", "1", ScopeProcess, Ratio, ByPerf, "mispredicted branches per branch", fromPerf, nullPerf},
	{"cpu.frequency", "Hz", ScopeProcess, Mean, ByPerf, "cycles per second of CPU time: the mean clock while the tree ran", fromPerf, nullPerf},
	{"cpu.context_switches", "1", ScopeProcess, Delta, ByPerf, "context switches", fromPerf, nullPerf},
	{"cpu.context_switches_voluntary", "1", ScopeProcess, Delta, ByHost, "switches because a thread waited; with --pid those of the threads alive at the end", fromRusage, "with --pid, when a thread of the tree ended and took its count along"},
	{"cpu.context_switches_involuntary", "1", ScopeProcess, Delta, ByHost, "switches because another thread was put in its place; with --pid those of the threads alive at the end", fromRusage, "with --pid, when a thread of the tree ended and took its count along"},
	{"cpu.migrations", "1", ScopeProcess, Delta, ByPerf, "moves of a thread to another CPU", fromPerf, nullPerf},

	// The command and everything it started: memory, files, processes.
	{"memory.rss_peak", "By", ScopeProcess, Max, ByHost, "largest resident set of any one process of the tree", "wait4; VmHWM of /proc/PID/status and samples for what lives", "the command stayed below what its launcher had resident before it"},
	{"memory.rss_mean", "By", ScopeProcess, Mean, ByHost, "resident sets of the tree's processes added up, averaged over time; shared pages count in each process", fromSamples, nullSamples},
	{"memory.tree_rss_peak", "By", ScopeProcess, Max, ByHost, "largest sum of the tree's resident sets seen in a sample, and no less than memory.rss_peak", fromSamples, nullSamples},
	{"memory.faults_minor", "1", ScopeProcess, Delta, ByHost, "page faults served without reading from disk", fromTree, nullTree},
	{"memory.faults_major", "1", ScopeProcess, Delta, ByHost, "page faults that waited for a disk", fromTree, nullTree},
	{"io.read", "By", ScopeProcess, Delta, ByHost, "bytes the tree had fetched from storage", "wait4 (blocks of 512 bytes) for what has ended, " + fromIO + " (read_bytes) for what lives", nullTree},
	{"io.written", "By", ScopeProcess, Delta, ByHost, "bytes the tree sent to storage, or would have, had they not been deleted first", "wait4 (blocks of 512 bytes) for what has ended, " + fromIO + " (write_bytes) for what lives", nullTree},
	{"io.read_chars", "By", ScopeProcess, Delta, ByHost, "bytes the tree read by system calls, pipes and caches included", fromIO + " (rchar)", nullChars},
	{"io.written_chars", "By", ScopeProcess, Delta, ByHost, "bytes the tree wrote by system calls, pipes and caches included", fromIO + " (wchar)", nullChars},
	{"processes.peak", "1", ScopeProcess, Max, ByHost, "most processes of the tree alive in one sample", fromSamples, nullSamples},
	{"threads.peak", "1", ScopeProcess, Max, ByHost, "most threads of the tree alive in one sample", fromSamples, nullSamples},

	// Energy put against work. Energy of the whole machine unless attributed.
	{"energy.per_instruction", "J", ScopeProcess, Ratio, ByEnergy, "joules per instruction", "energy, cpu.instructions", nullEnergy},
	{"energy.per_cycle", "J", ScopeProcess, Ratio, ByEnergy, "joules per CPU cycle", "energy, cpu.cycles", nullEnergy},
	{"energy.per_cpu_second", "W", ScopeProcess, Ratio, ByEnergy, "joules per second of CPU time", "energy, cpu.time", nullEnergy},
	{"energy.delay_product", "J.s", ScopeProcess, Product, ByEnergy, "energy times duration", "energy, duration", nullEnergy},
	{"energy.delay2_product", "J.s2", ScopeProcess, Product, ByEnergy, "energy times duration squared", "energy, duration", nullEnergy},

	// A cgroup, with --cgroup.
	{"cgroup.cpu.time", "s", ScopeCgroup, Delta, ByHost, "CPU time of the group", "cpu.stat (v2), cpuacct.usage (v1)", nullCgroup},
	{"cgroup.cpu.user", "s", ScopeCgroup, Delta, ByHost, "CPU time in user mode", "cpu.stat (v2), cpuacct.usage_user or cpuacct.stat (v1)", nullCgroup},
	{"cgroup.cpu.system", "s", ScopeCgroup, Delta, ByHost, "CPU time in the kernel", "cpu.stat (v2), cpuacct.usage_sys or cpuacct.stat (v1)", nullCgroup},
	{"cgroup.cpu.throttled", "s", ScopeCgroup, Delta, ByHost, "time the group's CPUs were kept from running by its quota, added over CPUs", "cpu.stat", nullCgroup},
	{"cgroup.cpu.throttled_periods", "1", ScopeCgroup, Delta, ByHost, "quota periods in which the group was throttled", "cpu.stat", nullCgroup},
	{"cgroup.memory.peak", "By", ScopeCgroup, Max, ByHost, "largest memory use of the group, caches included: the kernel's own mark when it rose in the window, else the largest sample", "memory.peak and memory.current (v2), memory.max_usage_in_bytes and memory.usage_in_bytes (v1)", nullCgroup},
	{"cgroup.memory.mean", "By", ScopeCgroup, Mean, ByHost, "memory use of the group, caches included, averaged over time", "memory.current (v2), memory.usage_in_bytes (v1), sampled", nullCgroup},
	{"cgroup.io.read", "By", ScopeCgroup, Delta, ByHost, "bytes read from disks with hardware behind them", "io.stat (v2), blkio.throttle.io_service_bytes_recursive or blkio.throttle.io_service_bytes (v1)", nullCgroup},
	{"cgroup.io.written", "By", ScopeCgroup, Delta, ByHost, "bytes written to disks with hardware behind them", "io.stat (v2), blkio.throttle.io_service_bytes_recursive or blkio.throttle.io_service_bytes (v1)", nullCgroup},
	{"cgroup.processes.peak", "1", ScopeCgroup, Max, ByHost, "most tasks, threads included, in the group and the groups below it seen in a sample", "pids.current, sampled", nullCgroup + "; the group is the root"},

	// The machine: processor.
	{"machine.cpu.user", "s", ScopeMachine, Delta, ByHost, "CPU time in user mode, nice and guests included, in ticks of 10 ms", fromStat, nullBack},
	{"machine.cpu.system", "s", ScopeMachine, Delta, ByHost, "CPU time in the kernel, in ticks of 10 ms", fromStat, nullBack},
	{"machine.cpu.idle", "s", ScopeMachine, Delta, ByHost, "idle CPU time", fromStat, nullBack},
	{"machine.cpu.iowait", "s", ScopeMachine, Delta, ByHost, "idle CPU time with a disk request outstanding", fromStat, "the kernel's counter went backwards, as it may"},
	{"machine.cpu.irq", "s", ScopeMachine, Delta, ByHost, "CPU time in hardware interrupts", fromStat, nullBack},
	{"machine.cpu.softirq", "s", ScopeMachine, Delta, ByHost, "CPU time in soft interrupts", fromStat, nullBack},
	{"machine.cpu.steal", "s", ScopeMachine, Delta, ByHost, "CPU time the hypervisor gave to others", fromStat, nullBack},
	{"machine.cpu.utilization", "1", ScopeMachine, Ratio, ByHost, "share of all CPU time that was spent working: neither idle, waiting for a disk, nor stolen; 0 to 1", fromStat, "the window is shorter than the kernel's tick of 10 ms"},
	{"machine.cpu.online", "1", ScopeMachine, Last, ByHost, "logical CPUs online", "/sys/devices/system/cpu/online, else /proc/stat", ""},
	{"machine.cpu.frequency_mean", "Hz", ScopeMachine, Mean, ByHost, "clock of the online CPUs, averaged over CPUs and time", fromFreq, nullFreq},
	{"machine.cpu.frequency_min", "Hz", ScopeMachine, Min, ByHost, "lowest clock of any CPU seen in a sample", fromFreq, nullFreq},
	{"machine.cpu.frequency_max", "Hz", ScopeMachine, Max, ByHost, "highest clock of any CPU seen in a sample", fromFreq, nullFreq},
	{"machine.run_queue.mean", "1", ScopeMachine, Mean, ByHost, "runnable threads, running ones included and energyprobe's own not, averaged over time", "/proc/loadavg, sampled", ""},
	{"machine.run_queue.max", "1", ScopeMachine, Max, ByHost, "most runnable threads seen in a sample", "/proc/loadavg, sampled", ""},
	{"machine.run_wait", "s", ScopeMachine, Delta, ByHost, "time threads were runnable but waited for a CPU, added over CPUs", "/proc/schedstat", "the kernel was built without CONFIG_SCHEDSTATS"},
	{"machine.load1", "1", ScopeMachine, Last, ByHost, "the kernel's one-minute load average at the end", "/proc/loadavg", ""},
	{"machine.context_switches", "1", ScopeMachine, Delta, ByHost, "context switches", fromStat, nullBack},
	{"machine.interrupts", "1", ScopeMachine, Delta, ByHost, "interrupts served", fromStat, nullBack},
	{"machine.forks", "1", ScopeMachine, Delta, ByHost, "processes and threads created", fromStat, nullBack},
	{"machine.pressure.cpu", "s", ScopeMachine, Delta, ByHost, "time in which some task waited for a CPU (PSI, some)", "/proc/pressure/cpu", nullPSI},
	{"machine.pressure.memory", "s", ScopeMachine, Delta, ByHost, "time in which some task waited for memory (PSI, some)", "/proc/pressure/memory", nullPSI},
	{"machine.pressure.io", "s", ScopeMachine, Delta, ByHost, "time in which some task waited for a disk (PSI, some)", "/proc/pressure/io", nullPSI},

	// The machine: memory, disks, network.
	{"machine.memory.total", "By", ScopeMachine, Last, ByHost, "memory the kernel manages: what is installed, less what firmware and kernel keep for themselves", "/proc/meminfo (MemTotal)", ""},
	{"machine.memory.used_mean", "By", ScopeMachine, Mean, ByHost, "memory not available for new work, averaged over time", fromMeminfo + " (MemTotal less MemAvailable)", ""},
	{"machine.memory.used_peak", "By", ScopeMachine, Max, ByHost, "most memory not available for new work seen in a sample", fromMeminfo + " (MemTotal less MemAvailable)", ""},
	{"machine.memory.available_min", "By", ScopeMachine, Min, ByHost, "least memory available for new work seen in a sample", fromMeminfo + " (MemAvailable)", ""},
	{"machine.memory.swap_in", "By", ScopeMachine, Delta, ByHost, "bytes read back from swap", fromVmstat + " (pswpin)", "the kernel was built without swap"},
	{"machine.memory.swap_out", "By", ScopeMachine, Delta, ByHost, "bytes written to swap", fromVmstat + " (pswpout)", "the kernel was built without swap"},
	{"machine.memory.faults_major", "1", ScopeMachine, Delta, ByHost, "page faults that waited for a disk", fromVmstat + " (pgmajfault)", nullBack},
	{"machine.disk.read", "By", ScopeMachine, Delta, ByHost, "bytes read from disks; partitions and stacked devices (dm, md, loop) are not counted again", fromDisk, nullDisk},
	{"machine.disk.written", "By", ScopeMachine, Delta, ByHost, "bytes written to disks", fromDisk, nullDisk},
	{"machine.disk.reads", "1", ScopeMachine, Delta, ByHost, "read requests completed", fromDisk, nullDisk},
	{"machine.disk.writes", "1", ScopeMachine, Delta, ByHost, "write requests completed", fromDisk, nullDisk},
	{"machine.disk.busy", "s", ScopeMachine, Delta, ByHost, "time disks had requests in progress, added over disks", fromDisk, nullDisk},
	{"machine.net.received", "By", ScopeMachine, Delta, ByHost, "bytes received", fromNet, nullNet},
	{"machine.net.sent", "By", ScopeMachine, Delta, ByHost, "bytes sent", fromNet, nullNet},
	{"machine.net.packets_received", "1", ScopeMachine, Delta, ByHost, "packets received", fromNet, nullNet},
	{"machine.net.packets_sent", "1", ScopeMachine, Delta, ByHost, "packets sent", fromNet, nullNet},
	{"machine.net.errors", "1", ScopeMachine, Delta, ByHost, "packets dropped or damaged, both ways", fromNet, nullNet},

	// The machine: heat.
	{"machine.temperature.mean", "Cel", ScopeMachine, Mean, ByHost, "hottest processor sensor, averaged over time", fromTemp, nullTemp},
	{"machine.temperature.max", "Cel", ScopeMachine, Max, ByHost, "highest reading of any processor sensor", fromTemp, nullTemp},
	{"machine.throttle.core", "1", ScopeMachine, Delta, ByHost, "times a core was slowed because it was too hot, each core counted by its first thread", "thermal_throttle/core_throttle_count", nullThrottle},
	{"machine.cpu.switches", "1", ScopeMachine, Delta, ByTracker, "task switches, idle ones included, on all CPUs", "tracepoint sched:sched_switch", nullTracker},
	{"machine.cpu.frequency_changes", "1", ScopeMachine, Delta, ByTracker, "changes of frequency that the kernel announced, on all CPUs", "tracepoint power:cpu_frequency", nullTracker},
	{"machine.cpu.interrupt_time", "s", ScopeMachine, Delta, ByTracker, "time in interrupt and softirq handlers, added over CPUs", "tracepoints irq:*", nullTracker},
	{"machine.idle.entries", "1", ScopeMachine, Delta, ByTracker, "times a CPU went idle", "tracepoint power:cpu_idle", nullTracker},
	{"machine.idle.shallow", "s", ScopeMachine, Delta, ByTracker, "residency in idle states 0 and 1 (polling, C1), added over CPUs", "tracepoint power:cpu_idle", nullTracker},
	{"machine.idle.deep", "s", ScopeMachine, Delta, ByTracker, "residency in deeper idle states (C1E, C6, ...), added over CPUs", "tracepoint power:cpu_idle", nullTracker},
	{"machine.thermal_trips", "1", ScopeMachine, Delta, ByTracker, "times a thermal zone reached a trip point", "tracepoint thermal:thermal_zone_trip", nullTracker},
	{"machine.throttle.package", "1", ScopeMachine, Delta, ByHost, "times a package was slowed because it was too hot, each package counted by its first CPU", "thermal_throttle/package_throttle_count", nullThrottle},
}
