package output

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// The reports that the golden files show. Their numbers are made up but
// consistent: energy over duration is power, children fit into parents.

func ptr[T any](v T) *T { return &v }

// joules is an amount of energy over a duration.
func joules(j, unc, durationS float64) report.Energy {
	return report.Energy{EnergyJ: &j, PowerW: ptr(j / durationS), UncertaintyJ: &unc}
}

func domain(id, parent, origin string, e report.Energy) report.Domain {
	kind, socket := "", 0
	for i := range energy.NumDomains {
		if k := energy.Domain(i).String(); len(id) >= len(k) && id[:len(k)] == k {
			kind = k
		}
	}
	if kind == "psys" {
		socket = -1
	} else if n, err := strconv.Atoi(id[len(kind)+1:]); err == nil {
		socket = n
	}
	return report.Domain{ID: id, Kind: kind, Socket: socket, Die: -1, Parent: parent, Quality: energy.Measured,
		Origin: origin, InTotal: parent == "" && (kind == "package" || kind == "dram"), Energy: e, Samples: 14}
}

func server() report.Host {
	return report.Host{
		Hostname: "web-07", Kernel: "6.12.9-amd64", Arch: "x86_64", Virtualization: "none",
		CPU: report.CPU{ModelName: "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", Vendor: "GenuineIntel", Family: 6,
			Model: 85, Stepping: 7, Microcode: "0x5003707", Sockets: 2, Cores: 40, Threads: 80, SMT: true, Governor: "performance"},
		TDP: report.TDP{Value: ptr(150.0), Source: "cpu database", Low: ptr(150.0), High: ptr(150.0)},
	}
}

func baseRun(durationS float64, argv ...string) *report.Run {
	return &report.Run{
		Schema: report.RunSchema, RunID: "01JH3Z6N8Q5W", DurationS: durationS,
		StartedAt:   time.Date(2026, 11, 3, 14, 21, 7, 123456789, time.UTC),
		Window:      report.Window{StartNS: 90_311_482_100_339, EndNS: 90_311_482_100_339 + int64(durationS*1e9)},
		Tool:        report.Tool{Name: "energyprobe", Version: "0.1.0", Commit: "9f6c0e4"},
		Host:        server(),
		Target:      report.Target{Kind: "command"},
		Command:     &report.Command{Argv: argv, PID: 41215, ExitCode: ptr(0)},
		Source:      report.Source{Name: "perf", Quality: energy.Measured, UpdateIntervalS: ptr(0.0010009)},
		Attribution: report.Attribution{Method: "none", Reason: "these are the whole machine's joules; splitting them needs eBPF, and the kernel has no BTF"},
		Overhead:    report.Overhead{CPUS: 0.01234, WindowCPUS: 0.00412, EnergyJ: ptr(0.31), Samples: 14},
	}
}

func addMetrics(r *report.Run, metrics ...energy.Metric) {
	if r.Metrics == nil {
		r.Metrics = map[string]report.Metric{}
	}
	for _, m := range metrics {
		r.Metrics[m.Name] = report.Metric{Value: m.Value, Unit: m.Unit, Source: m.Source, Scope: m.Scope,
			Quality: m.Quality, Reason: m.Reason}
	}
}

func hardwareMetrics(r *report.Run) {
	const cycles, instructions = 38_207_112_904.0, 61_430_998_210.0
	k := energy.KnownMetric
	addMetrics(r,
		k("cpu.time", 11.98, "wait4"), k("cpu.user", 11.43, "wait4"), k("cpu.system", 0.55, "wait4"),
		k("cpu.utilization", 11.98/r.DurationS, "wait4"), k("cpu.task_clock", 11.973, "perf"),
		k("cpu.cycles", cycles, "perf"), k("cpu.instructions", instructions, "perf"),
		k("cpu.ipc", instructions/cycles, "perf"), k("cpu.cache_references", 912_440_113, "perf"),
		k("cpu.cache_misses", 21_118_904, "perf"), k("cpu.cache_miss_ratio", 21_118_904.0/912_440_113, "perf"),
		k("cpu.branches", 11_204_331_870, "perf"), k("cpu.branch_misses", 61_004_112, "perf"),
		k("cpu.branch_miss_ratio", 61_004_112.0/11_204_331_870, "perf"),
		k("cpu.frequency", cycles/11.973, "perf"), k("cpu.context_switches", 1204, "perf"),
		k("cpu.migrations", 18, "perf"), k("memory.faults_minor", 38112, "perf"),
		k("memory.faults_major", 12, "perf"), k("memory.rss_peak", 432_013_312, "wait4"),
		k("io.written", 81_264_640, "/proc/PID/io"), k("processes.peak", 3, "/proc"),
		k("machine.load1", 1.73, "/proc/loadavg"), k("machine.temperature.max", 61, "hwmon coretemp"),
	)
	if j := r.Total.EnergyJ; j != nil {
		addMetrics(r, k("energy.per_instruction", *j/instructions, "perf"), k("energy.per_cycle", *j/cycles, "perf"),
			k("energy.per_cpu_second", *j/11.98, "perf"), k("energy.delay_product", *j*r.DurationS, "perf"))
	}
}

// twoSockets is a server measured by perf.
func twoSockets() *report.Run {
	const d = 12.346
	r := baseRun(d, "python3", "train.py", "--epochs", "3", "--data", "/srv/data/mini set")
	r.Domains = []report.Domain{
		domain("package-0", "", "power/energy-pkg/ on cpu 0", joules(1041.6893, 0.174, d)),
		domain("package-1", "", "power/energy-pkg/ on cpu 20", joules(612.4427, 0.103, d)),
		domain("dram-0", "", "power/energy-ram/ on cpu 0", joules(102.3311, 0.0171, d)),
		domain("dram-1", "", "power/energy-ram/ on cpu 20", joules(48.9012, 0.0082, d)),
	}
	r.Domains[0].Wraps = 1
	r.Total = report.Total(r.Domains, d)
	hardwareMetrics(r)
	r.Models = map[string]report.Model{
		"tdp-naive": {EnergyJ: ptr(3703.8), LowJ: ptr(3703.8), HighJ: ptr(3703.8), ErrorPctVsMeasured: ptr(105.1),
			Description: "TDP of both sockets times the duration"},
		"tdp-share": {EnergyJ: ptr(1492.2), LowJ: ptr(810.0), HighJ: ptr(2233.0), ErrorPctVsMeasured: ptr(-17.4),
			Description: "idle power plus the rest of the TDP times the machine's utilization"},
	}
	r.Source.Refused = []report.Refusal{}
	return r
}

// client is a laptop with psys, core and uncore.
func client() *report.Run {
	const d = 0.0521
	r := baseRun(d, "sh", "-c", "zstd -19 < a.tar > a.tar.zst")
	r.Host = report.Host{Hostname: "nova", Kernel: "6.18.2", Arch: "x86_64", Virtualization: "none",
		CPU: report.CPU{ModelName: "12th Gen Intel(R) Core(TM) i7-1260P", Vendor: "GenuineIntel", Family: 6, Model: 154,
			Stepping: 3, Microcode: "0x437", Sockets: 1, Cores: 12, Threads: 16, SMT: true, Governor: "powersave"},
		TDP: report.TDP{Value: ptr(28.0), Source: "powercap constraint", Low: ptr(20.0), High: ptr(64.0)}}
	r.Source.Name, r.Source.UpdateIntervalS = "powercap", ptr(0.0009998)
	r.Domains = []report.Domain{
		domain("package-0", "", "intel-rapl:0", joules(1.38213, 0.0414, d)),
		domain("core-0", "package-0", "intel-rapl:0:0", joules(1.10204, 0.0331, d)),
		domain("uncore-0", "package-0", "intel-rapl:0:1", joules(0.00171, 0.00006, d)),
		domain("psys", "", "intel-rapl:1", joules(2.3012, 0.091, d)),
	}
	r.Total = report.Total(r.Domains, d)
	k := energy.KnownMetric
	addMetrics(r, k("cpu.time", 0.0498, "wait4"), k("cpu.user", 0.0471, "wait4"), k("cpu.system", 0.0027, "wait4"),
		k("memory.rss_peak", 9_437_184, "wait4"), k("energy.delay_product", 1.38213*d, "powercap"))
	for _, name := range []string{"cpu.cycles", "cpu.instructions", "cpu.ipc", "energy.per_instruction"} {
		addMetrics(r, energy.UnknownMetric(name, "perf", "/proc/sys/kernel/perf_event_paranoid is 4 and CAP_PERFMON is missing"))
	}
	r.Source.Refused = []report.Refusal{{Name: "perf", Kind: "forbidden",
		Reason: "perf_event_open: permission denied; /proc/sys/kernel/perf_event_paranoid is 4",
		Remedy: "sudo setcap cap_perfmon+ep /usr/local/bin/energyprobe"}}
	r.Warnings = []report.Warning{{Code: "short-run",
		Message: "The command ran for 52 updates of the counter only, so 3 % of its energy is uncertain",
		Advice:  "Repeat it a few dozen times and compare: energyprobe run --repeat 30 -- COMMAND"}}
	return r
}

// estimate is a virtual machine without counters.
func estimate() *report.Run {
	const d = 4.2107
	r := baseRun(d, "sha256sum", "big.iso")
	r.Host = report.Host{Hostname: "fn-3", Kernel: "6.18.0", Arch: "x86_64", Virtualization: "firecracker on kvm",
		CPU: report.CPU{ModelName: "AMD EPYC", Vendor: "AuthenticAMD", Family: 25, Model: 17, Stepping: 1,
			Microcode: "0x1000065", Sockets: 1, Cores: 1, Threads: 2, SMT: true},
		TDP: report.TDP{Value: ptr(360.0), Source: "cpu database: EPYC 9004 range", Low: ptr(200.0), High: ptr(400.0)}}
	r.Source = report.Source{Name: "model", Quality: energy.Estimated, Refused: []report.Refusal{
		{Name: "perf", Kind: "absent", Reason: "no power PMU: /sys/bus/event_source/devices/power does not exist"},
		{Name: "powercap", Kind: "absent", Reason: "/sys/class/powercap has no intel-rapl zone; the kernel module is not loaded",
			Remedy: "sudo modprobe intel_rapl_msr"},
		{Name: "msr", Kind: "forbidden", Reason: "open /dev/cpu/0/msr: permission denied",
			Remedy: "sudo setcap cap_sys_rawio+ep /usr/local/bin/energyprobe\nsudo chmod a+r /dev/cpu/*/msr"},
	}}
	e := report.Energy{EnergyJ: ptr(31.93), PowerW: ptr(31.93 / d), LowJ: ptr(11.4), HighJ: ptr(77.2)}
	m := domain("package-0", "", "tdp-share", e)
	m.Quality, m.Samples = energy.Estimated, 0
	r.Domains = []report.Domain{m}
	r.Total = e
	r.Attribution = report.Attribution{Method: "none", Reason: "an estimate has no counter to split"}
	r.Overhead = report.Overhead{CPUS: 0.0061, WindowCPUS: 0.0049, Samples: 44}
	k := energy.KnownMetric
	addMetrics(r, k("cpu.time", 4.18, "wait4"), k("cpu.user", 3.96, "wait4"), k("cpu.system", 0.22, "wait4"),
		k("memory.rss_peak", 2_105_344, "wait4"), k("cpu.context_switches", 52, "wait4"), k("memory.faults_major", 0, "wait4"))
	per := k("energy.per_cpu_second", 31.93/4.18, "tdp-share")
	per.Quality = energy.Estimated
	addMetrics(r, per)
	for _, name := range []string{"cpu.cycles", "cpu.instructions", "cpu.cache_miss_ratio"} {
		addMetrics(r, energy.UnknownMetric(name, "perf", "this virtual machine has no hardware PMU"))
	}
	addMetrics(r, energy.UnknownMetric("cpu.ipc", "perf", "cpu.instructions is not known"),
		energy.UnknownMetric("energy.per_instruction", "perf", "cpu.instructions is not known: this virtual machine has no hardware PMU"))
	r.Models = map[string]report.Model{
		"tdp-naive": {EnergyJ: ptr(1515.9), LowJ: ptr(842.1), HighJ: ptr(1684.3), Description: "TDP of a whole socket times the duration"},
		"tdp-share": {EnergyJ: ptr(31.93), LowJ: ptr(11.4), HighJ: ptr(77.2), Description: "this guest's share of a socket, idle and busy power apart"},
	}
	r.Warnings = []report.Warning{{Code: "virtual", Message: "The guest sees 1 of the socket's cores, and not how many it shares",
		Advice: "Measure on the host, or give the machine a --host-profile FILE"}}
	return r
}

// failedZone is a run in which one zone answered errors and another one has
// a gap.
func failedZone() *report.Run {
	const d = 3725.4
	r := baseRun(d, "make", "-j80")
	r.Command.ExitCode = ptr(2)
	r.Source.Name = "powercap"
	r.Domains = []report.Domain{
		domain("package-0", "", "intel-rapl:0", joules(371_208.1128, 0.062, d)),
		domain("package-1", "", "intel-rapl:1", report.Energy{
			Reason: "read /sys/class/powercap/intel-rapl:1/energy_uj: input/output error (4 times from 312.4 s on)"}),
		domain("dram-0", "", "intel-rapl:0:0", joules(30_144.91, 0.005, d)),
		domain("dram-1", "", "intel-rapl:1:0", report.Energy{LowJ: ptr(18_204.2),
			Reason: "not read between 1200.1 s and 1904.9 s: the counter may have wrapped more than once"}),
	}
	for i, wraps := range []int{5, 0, 0, 0} {
		r.Domains[i].Wraps, r.Domains[i].Samples = wraps, 931
	}
	r.Total = report.Total(r.Domains, d)
	r.Source.Refused = []report.Refusal{{Name: "perf", Kind: "absent",
		Reason: "the power PMU of this kernel does not know family 6 model 85"}}
	hardwareMetrics(r)
	addMetrics(r, energy.UnknownMetric("energy.per_instruction", "powercap", "the total is not known"))
	r.Overhead = report.Overhead{CPUS: 0.41, WindowCPUS: 0.408, Samples: 931, Missed: 3}
	r.Warnings = []report.Warning{
		{Code: "zone-failed", Message: "package-1 stopped answering 312.4 s into the run: input/output error",
			Advice: "Look for messages of intel_rapl in dmesg, and read another interface: --source msr"},
		{Code: "suspended", Message: "The machine slept for 704.8 s", Advice: "Repeat the run with systemd-inhibit energyprobe run -- COMMAND"},
	}
	return r
}

// overTime is a run with --interval whose second package missed samples.
func overTime() *report.Run {
	const d = 10.0
	r := baseRun(d, "./solve", "--grid=4096")
	s := report.NewSeries([]string{"package-0", "package-1", "dram-0"})
	rnd := rand.New(rand.NewPCG(1, 2))
	sum := [3]float64{}
	const n = 1000
	for i := 1; i <= n; i++ {
		x := float64(i) / n
		w := [3]float64{60 + 50*math.Sin(math.Pi*x)*math.Sin(math.Pi*x) + 4*rnd.Float64(), 41 + rnd.Float64(), 8 + 6*x}
		row := []float64{w[0] * d / n, w[1] * d / n, w[2] * d / n}
		if i > 400 && i <= 480 {
			row[1] = math.NaN()
		} else if i == 481 {
			row[1] *= 81
		}
		for k := range sum {
			sum[k] += w[k] * d / n
		}
		s.Append(float64(i)*d/n, row)
	}
	r.Samples = s
	r.Domains = []report.Domain{
		domain("package-0", "", "power/energy-pkg/ on cpu 0", joules(sum[0], 0.2, d)),
		domain("package-1", "", "power/energy-pkg/ on cpu 20", joules(sum[1], 0.09, d)),
		domain("dram-0", "", "power/energy-ram/ on cpu 0", joules(sum[2], 0.03, d)),
	}
	r.Total = report.Total(r.Domains, d)
	r.Overhead = report.Overhead{CPUS: 0.0512, WindowCPUS: 0.0447, LatenessP99S: ptr(31e-6), EnergyJ: ptr(0.6), Samples: 1003, Missed: 2}
	return r
}

// crossCheck is a run whose interfaces disagree about one domain.
func crossCheck() *report.Run {
	r := twoSockets()
	r.Command = &report.Command{Argv: []string{"stress-ng", "--cpu", "40", "-t", "12"}, PID: 41301, User: "build", ExitCode: ptr(0)}
	r.Models, r.Metrics = nil, nil
	r.CrossCheck = []report.CrossCheck{
		{Domain: "package-0", EnergyJ: map[string]float64{"perf": 1041.6893, "powercap": 1041.6270, "msr": 1041.6893},
			Ratio: map[string]float64{"perf": 1, "powercap": 0.99994, "msr": 1}, ExpectedPct: 0.1, Agree: true},
		{Domain: "package-1", EnergyJ: map[string]float64{"perf": 612.4427, "powercap": 612.4059},
			Ratio: map[string]float64{"perf": 1, "powercap": 0.99994}, ExpectedPct: 0.1, Agree: true},
		{Domain: "dram-0", EnergyJ: map[string]float64{"perf": 102.3311, "powercap": 409.3244, "msr": 102.6},
			Ratio: map[string]float64{"perf": 1, "powercap": 4, "msr": 1.0026277}, ExpectedPct: 0.37, Agree: false},
	}
	r.Warnings = []report.Warning{{Code: "cross-check", Message: "powercap says 4.0 times as much as perf for dram-0",
		Advice: "Trust perf here: this kernel's powercap driver misses the fixed DRAM unit of the model"}}
	return r
}

// killed is a command that a signal ended, on a machine that meters cores.
func killed() *report.Run {
	const d = 1.502
	r := baseRun(d, "./leak", "\x1b[31mred", "it's", "")
	r.Command.ExitCode, r.Command.Signal = nil, "SIGKILL"
	r.Host.CPU.ModelName, r.Host.CPU.Vendor = "AMD EPYC 7713 64-Core Processor", "AuthenticAMD"
	r.Source.Name = "msr"
	r.Domains = []report.Domain{domain("package-0", "", "msr 0xc001029b on cpu 0", joules(141.2207, 0.31, d))}
	for i := range 64 {
		c := domain("core-0-"+strconv.Itoa(i), "package-0", "msr 0xc001029a on cpu "+strconv.Itoa(i), joules(1.1+float64(i)/1e3, 0.0024, d))
		c.Kind, c.Socket = "core", 0
		r.Domains = append(r.Domains, c)
	}
	r.Total = report.Total(r.Domains, d)
	return r
}

func check(group, name string, state report.CheckState, detail, remedy string) report.Check {
	return report.Check{Group: group, Name: name, State: state, Detail: detail, Remedy: remedy}
}

func doctorBest() *report.Doctor {
	return &report.Doctor{Schema: report.DoctorSchema, Tool: report.Tool{Name: "energyprobe", Version: "0.1.0", Commit: "9f6c0e4"},
		Host: server(), Best: "perf", CanMeasure: true, Checks: []report.Check{
			check("sources", "perf", report.Working, "4 energy events of the power PMU on CPUs 0 and 20", ""),
			check("sources", "powercap", report.Working, "4 zones in /sys/class/powercap", ""),
			check("sources", "msr", report.Absent, "/dev/cpu/0/msr does not exist", "sudo modprobe msr"),
			check("zones", "package-0", report.Working, "power/energy-pkg/, 61.0 µJ per count, wraps every 437 s at 150 W", ""),
			check("zones", "package-1", report.Working, "power/energy-pkg/, 61.0 µJ per count, wraps every 437 s at 150 W", ""),
			check("zones", "dram-0", report.Working, "power/energy-ram/, 15.3 µJ per count (fixed unit of this model)", ""),
			check("zones", "dram-1", report.Working, "power/energy-ram/, 15.3 µJ per count (fixed unit of this model)", ""),
			check("capabilities", "CAP_PERFMON", report.Working, "effective", ""),
			check("capabilities", "CAP_SYS_RAWIO", report.Absent, "not in the effective set; only msr needs it", ""),
			check("attribution", "ebpf", report.Forbidden, "bpf(BPF_PROG_LOAD): operation not permitted", "sudo setcap cap_perfmon,cap_bpf+ep /usr/local/bin/energyprobe"),
			check("host", "energy filtering", report.Working, "off (MSR 0xbc bit 0)", ""),
			check("host", "smt", report.Note, "on: two threads share a core, and its joules", ""),
			check("host", "governor", report.Note, "performance", ""),
		}}
}

func doctorForbidden() *report.Doctor {
	d := doctorBest()
	d.Host, d.Best, d.CanMeasure = client().Host, "model", false
	d.Checks = []report.Check{
		check("sources", "perf", report.Forbidden, "perf_event_open: permission denied; /proc/sys/kernel/perf_event_paranoid is 4",
			"sudo setcap cap_perfmon+ep /usr/local/bin/energyprobe"),
		check("sources", "powercap", report.Forbidden, "/sys/class/powercap/intel-rapl:0/energy_uj has mode 0400 and belongs to root (since Linux 5.10, for CVE-2020-8694)",
			"sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj /sys/class/powercap/intel-rapl:*:*/energy_uj"),
		check("sources", "msr", report.Absent, "/dev/cpu/0/msr does not exist", "sudo modprobe msr"),
		check("sources", "model", report.Working, "TDP 28 W (20 to 64 W) from the powercap constraint", ""),
		check("zones", "uncore-0", report.Broken, "intel-rapl:0:1/energy_uj stands at 0 under load", ""),
		check("host", "governor", report.Note, "powersave: the clock follows the load, so repeat short runs", ""),
	}
	d.Grant = "sudo setcap cap_perfmon,cap_dac_read_search,cap_bpf+ep /usr/local/bin/energyprobe"
	d.Checks[0].Alternatives = []string{"sudo sysctl -w kernel.perf_event_paranoid=0", "sudo energyprobe run -- COMMAND"}
	return d
}

func doctorNothing() *report.Doctor {
	d := doctorBest()
	d.Host, d.Best, d.CanMeasure = estimate().Host, "model", false
	d.Checks = []report.Check{
		check("sources", "perf", report.Absent, "no power PMU: /sys/bus/event_source/devices/power does not exist", ""),
		check("sources", "powercap", report.Absent, "/sys/class/powercap has no intel-rapl zone", ""),
		check("sources", "msr", report.Broken, "MSR 0xc0010299 reads 0: the hypervisor answers for the counters", ""),
		check("sources", "model", report.Working, "TDP 360 W (200 to 400 W) from the CPU database", ""),
		check("host", "virtualization", report.Note, "Firecracker on KVM passes no energy counter to guests; measure on the host", ""),
	}
	return d
}
