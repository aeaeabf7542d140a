package output

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// The reports with attribution that the golden files show. The five lines add
// up to the counters, and the processes to their lines:
// TestSplitReportsAddUp checks it.

func splitRuns() map[string]*report.Run {
	return map[string]*report.Run{
		"run-split-cycles": splitCycles(), "run-split-time": splitTime(), "run-split-proc": splitProc(),
		"run-split-cgroup": splitCgroup(), "run-split-all": splitAll(), "run-split-samples": splitSamples(),
		"run-split-threads": splitThreads(),
	}
}

// lines makes a split; unc is the target's uncertainty. NaN is not known.
func lines(target, unc, others, kernel, idle, unattributed, tool float64) report.Split {
	known := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		return &v
	}
	return report.Split{TargetJ: known(target), TargetUncertaintyJ: known(unc), OthersJ: known(others), KernelJ: known(kernel),
		IdleJ: known(idle), UnattributedJ: known(unattributed), ToolJ: known(tool)}
}

// attribute gives r the splits of its domains, which become their energies,
// and sums them up.
func attribute(r *report.Run, method energy.Method, unc []float64, splits ...report.Split) {
	a := report.Attribution{Method: string(method), IdlePolicy: "none"}
	fields := func(s *report.Split) []**float64 {
		return []**float64{&s.TargetJ, &s.TargetUncertaintyJ, &s.OthersJ, &s.KernelJ, &s.IdleJ, &s.UnattributedJ, &s.ToolJ}
	}
	for i, s := range splits {
		sum := 0.0
		for _, l := range splitLines {
			sum += deref(l.of(s))
		}
		d := &r.Domains[i]
		d.Energy = joules(sum, unc[i], r.DurationS)
		a.PerDomain = append(a.PerDomain, report.DomainSplit{ID: d.ID, EnergyJ: d.EnergyJ, Split: s})
		if !d.InTotal {
			continue
		}
		total := fields(&a.Split)
		for k, v := range fields(&s) {
			if *v == nil {
				continue
			}
			if *total[k] == nil {
				*total[k] = ptr(0.0)
			}
			**total[k] += **v
		}
		a.Unknown = s.Unknown
	}
	r.Total = report.Total(r.Domains, r.DurationS)
	r.Attribution = a
}

// shareOf is what somebody spent, from joules, CPU seconds and work; 0 cycles
// are not known.
func shareOf(r *report.Run, j, cpuS float64, cycles, instructions int64) report.Share {
	s := report.Share{CPUS: cpuS, EnergyJ: &j, PowerW: ptr(j / r.DurationS), SharePct: ptr(100 * j / *r.Total.EnergyJ)}
	if cycles > 0 {
		s.Cycles, s.Instructions = &cycles, &instructions
		s.JPerInstruction = ptr(j / float64(instructions))
	}
	return s
}

var counted = "cycles, counted at every switch, set against the counters in the kernel, at their own refresh"

// splitCycles is a parallel build on two sockets, as well split as can be.
func splitCycles() *report.Run {
	const d = 12.346
	r := baseRun(d, "make", "-j8")
	r.Domains = []report.Domain{
		domain("package-0", "", "power/energy-pkg/ on cpu 0", report.Energy{}),
		domain("package-1", "", "power/energy-pkg/ on cpu 20", report.Energy{}),
		domain("dram-0", "", "power/energy-ram/ on cpu 0", report.Energy{}),
		domain("dram-1", "", "power/energy-ram/ on cpu 20", report.Energy{}),
	}
	attribute(r, energy.ByCycles, []float64{0.174, 0.103, 0.0171, 0.0082},
		lines(562.83, 5.2, 31.207, 12.844, 385.19, 0.412, 0.187),
		lines(203.41, 3.9, 18.664, 7.031, 371.62, 0.371, 0.094),
		lines(38.214, 0.46, 2.019, 0.803, 31.11, 0.021, 0.011),
		lines(13.607, 0.31, 1.140, 0.414, 29.87, 0.018, 0.005))
	a := &r.Attribution
	a.Weights = counted
	a.Idle = []report.IdlePower{
		{ID: "package-0", PowerW: ptr(31.2), UncertaintyW: ptr(0.42), How: "mean power of 0.812 s in which nobody ran"},
		{ID: "package-1", PowerW: ptr(30.1), UncertaintyW: ptr(0.31), How: "mean power of 0.812 s in which nobody ran"},
		{ID: "dram-0", PowerW: ptr(2.52), UncertaintyW: ptr(0.04), How: "mean power of 0.812 s in which nobody ran"},
		{ID: "dram-1", PowerW: ptr(2.419), UncertaintyW: ptr(0.03), How: "mean power of 0.812 s in which nobody ran"},
	}
	a.Intervals = &report.Intervals{N: 12_331, MeanLengthS: 0.0010012, ClosedIn: "kernel"}
	build(r, energy.ByCycles)
	hardwareMetrics(r)
	return r
}

// build adds the processes of a parallel build: many more compilers than the
// table has rows.
func build(r *report.Run, m energy.Method) {
	a := &r.Attribution
	rnd := rand.New(rand.NewPCG(3, 4))
	cycles := func(s float64) (int64, int64) {
		if m != energy.ByCycles {
			return 0, 0
		}
		c := int64(s * 3.1e9)
		return c, int64(float64(c) * (0.9 + rnd.Float64()))
	}
	left, seconds := *a.TargetJ, 83.2
	const compilers = 48
	for i := range compilers {
		part := left / float64(compilers-i) * (0.3 + 1.4*rnd.Float64())
		cpu := seconds / float64(compilers-i) * (part * float64(compilers-i) / left)
		if i == compilers-1 {
			part, cpu = left, seconds
		}
		left, seconds = left-part, seconds-cpu
		comm := "cc1plus"
		switch i % 7 {
		case 3:
			comm = "as"
		case 5:
			comm = "ld"
		}
		c, n := cycles(cpu)
		a.Processes = append(a.Processes, report.Process{PID: 41216 + 2*i, PPID: 41215, Comm: comm, Party: "target", Threads: 1,
			Ended: true, Share: shareOf(r, part, cpu, c, n)})
	}
	beside(r, m, "postgres", 1204, *a.OthersJ*0.61)
	beside(r, m, "kworker/3:1-events", 97, *a.KernelJ*0.22)
	tool := report.Process{PID: 41214, PPID: 3301, Comm: "energyprobe", Party: "tool", Threads: 9, Share: shareOf(r, *a.ToolJ, 0.031, 0, 0)}
	a.Processes = append(a.Processes, tool)
	a.ProcessesRest = &report.Rest{N: 218, EnergyJ: ptr(*a.OthersJ*0.39 - *a.ToolJ + *a.KernelJ*0.78), CPUS: 2.31}
	rank(a.Processes)
}

func beside(r *report.Run, m energy.Method, comm string, pid int, j float64) {
	p := report.Process{PID: pid, PPID: 1, Comm: comm, Party: "others", Cgroup: "/system.slice/" + comm + ".service", Threads: 7}
	if comm[0] == 'k' {
		p.PPID, p.Party, p.Threads, p.Cgroup = 2, "kernel", 1, ""
	}
	var c, n int64
	if m == energy.ByCycles {
		c, n = int64(j*3e8), int64(j*2.7e8)
	}
	p.Share = shareOf(r, j, j/9.4, c, n)
	r.Attribution.Processes = append(r.Attribution.Processes, p)
}

func rank(all []report.Process) {
	slices.SortStableFunc(all, func(a, b report.Process) int {
		switch {
		case *a.EnergyJ > *b.EnergyJ:
			return -1
		case *a.EnergyJ < *b.EnergyJ:
			return 1
		}
		return a.PID - b.PID
	})
}

// splitTime is a machine that was busy all the time, without a PMU: no cycles,
// and nothing to learn its idle power from.
func splitTime() *report.Run {
	const d = 5.013
	r := baseRun(d, "./simulate", "--steps", "200000")
	r.Host.CPU.Sockets, r.Host.CPU.Cores, r.Host.CPU.Threads = 1, 20, 40
	r.Domains = []report.Domain{domain("package-0", "", "intel-rapl:0", report.Energy{})}
	r.Source.Name = "powercap"
	s := lines(402.18, math.NaN(), 188.44, 9.71, math.NaN(), 0.88, 0.402)
	s.Unknown = map[string]string{"idle_j": "never idle: the lightest load was 91 % of 40 CPUs; the other lines hold the idle power"}
	attribute(r, energy.ByTime, []float64{0.41}, s)
	a := &r.Attribution
	a.Unknown = map[string]string{"idle_j": "package-0: " + s.Unknown["idle_j"]}
	a.Weights = "time on a processor, taken at every switch, set against the counter's readings by this program"
	a.Intervals = &report.Intervals{N: 1253, MeanLengthS: 0.004, ClosedIn: "user"}
	a.Idle = []report.IdlePower{{ID: "package-0", Reason: "never idle: the lightest load was 91 % of 40 CPUs"}}
	a.Refused = []report.Refusal{{Name: "ebpf-cycles", Kind: "absent",
		Reason: "/sys/bus/event_source/devices/cpu does not exist: the hypervisor passes no performance counters to this guest"}}
	own := func(pid, ppid int, comm string, j, cpu float64, threads int) {
		a.Processes = append(a.Processes, report.Process{PID: pid, PPID: ppid, Comm: comm, Party: "target", Threads: threads, Ended: true, Share: shareOf(r, j, cpu, 0, 0)})
	}
	own(41215, 41214, "simulate", 398.02, 78.1, 16)
	own(41233, 41215, "gzip", 4.16, 0.82, 1)
	beside(r, energy.ByTime, "java", 2207, 161.2)
	a.ProcessesRest = &report.Rest{N: 92, EnergyJ: ptr(188.44 + 9.71 - 161.2), CPUS: 7.31}
	rank(a.Processes)
	return r
}

// splitProc is what is left to somebody without any rights.
func splitProc() *report.Run {
	const d = 2.2081
	r := client()
	r.DurationS, r.Warnings = d, nil
	r.Command = &report.Command{Argv: []string{"npm", "run", "build"}, PID: 8123, ExitCode: ptr(0)}
	r.Domains = []report.Domain{
		domain("package-0", "", "intel-rapl:0", report.Energy{}), domain("core-0", "package-0", "intel-rapl:0:0", report.Energy{}),
		domain("uncore-0", "package-0", "intel-rapl:0:1", report.Energy{}), domain("dram-0", "", "intel-rapl:0:2", report.Energy{}),
	}
	attribute(r, energy.ByProc, []float64{0.021, 0.019, 0.0003, 0.004},
		lines(21.207, 1.31, 4.022, 0.611, 7.31, 0.204, 0.118), lines(18.913, 1.12, 3.571, 0.542, 2.92, 0.171, 0.105),
		lines(0.112, 0.031, 0.024, 0.004, 0.31, 0.002, 0.001), lines(1.804, 0.13, 0.402, 0.061, 0.9, 0.013, 0.009))
	a := &r.Attribution
	a.Weights = "CPU time of every process as in /proc, set against the counter's readings by this program"
	a.Intervals = &report.Intervals{N: 22, MeanLengthS: 0.1004, ClosedIn: "user"}
	a.Idle = []report.IdlePower{{ID: "package-0", PowerW: ptr(3.31), UncertaintyW: ptr(0.4), How: "extrapolated from loads of 0.4 to 3.1 CPUs of 16; what waking the package costs may be in it"},
		{ID: "core-0", PowerW: ptr(1.322), UncertaintyW: ptr(0.31), How: "extrapolated from loads of 0.4 to 3.1 CPUs of 16; what waking the package costs may be in it"},
		{ID: "uncore-0", PowerW: ptr(0.1404), UncertaintyW: ptr(0.01), How: "extrapolated from loads of 0.4 to 3.1 CPUs of 16; what waking the package costs may be in it"},
		{ID: "dram-0", PowerW: ptr(0.4076), UncertaintyW: ptr(0.05), How: "extrapolated from loads of 0.4 to 3.1 CPUs of 16; what waking the package costs may be in it"}}
	a.Refused = []report.Refusal{
		{Name: "ebpf-cycles", Kind: "forbidden", Reason: "bpf(BPF_PROG_LOAD): operation not permitted; /proc/sys/kernel/unprivileged_bpf_disabled is 2",
			Remedy: "sudo setcap cap_bpf,cap_perfmon+ep /usr/local/bin/energyprobe"},
		{Name: "ebpf-time", Kind: "forbidden", Reason: "the same rights are missing"},
		{Name: "cgroup", Kind: "forbidden", Reason: "mkdir /sys/fs/cgroup/energyprobe: permission denied",
			Remedy: "systemd-run --user --scope energyprobe run -- COMMAND"},
	}
	for i, p := range []struct {
		comm   string
		j, cpu float64
	}{{"node", 15.207, 2.84}, {"esbuild", 6.9, 1.71}, {"sh", 0.61, 0.12}} {
		a.Processes = append(a.Processes, report.Process{PID: 8123 + i, PPID: 8122 + i, Comm: p.comm, Party: "target", Threads: 1, Ended: true, Share: shareOf(r, p.j, p.cpu, 0, 0)})
	}
	a.ProcessesRest = &report.Rest{N: 3, EnergyJ: ptr(*a.TargetJ - 15.207 - 6.9 - 0.61 + *a.OthersJ + *a.KernelJ), CPUS: 1.02}
	a.Lost = &report.Lost{Processes: 3}
	return r
}

// splitCgroup is a control group watched for a while; what is outside of it is
// not told apart.
func splitCgroup() *report.Run {
	const d = 30.002
	r := baseRun(d)
	r.Command, r.Target = nil, report.Target{Kind: "cgroup", Cgroup: "/system.slice/docker-4f1c9a.scope"}
	r.Domains = []report.Domain{domain("package-0", "", "power/energy-pkg/ on cpu 0", report.Energy{}), domain("package-1", "", "power/energy-pkg/ on cpu 20", report.Energy{})}
	s0, s1 := lines(311.9, 22, 204.7, math.NaN(), 936.1, 3.1, math.NaN()), lines(121.4, 18, 98.2, math.NaN(), 903.0, 2.8, math.NaN())
	s0.Unknown = map[string]string{"kernel_j": "a group's cpu.stat does not tell the kernel from other programs: it is in others",
		"tool_j": "a group's cpu.stat does not tell programs apart"}
	s1.Unknown = s0.Unknown
	attribute(r, energy.ByCgroup, []float64{0.5, 0.4}, s0, s1)
	a := &r.Attribution
	a.Weights = "CPU time of the group and of the machine, set against the counter's readings by this program"
	a.IdlePolicy, a.IdleSharePct = "reserved", ptr(12.5)
	a.Intervals = &report.Intervals{N: 300, MeanLengthS: 0.1, ClosedIn: "user"}
	a.Idle = []report.IdlePower{{ID: "package-0", PowerW: ptr(35.66), UncertaintyW: ptr(1.0), How: "given with --idle-power"}, {ID: "package-1", PowerW: ptr(34.4), UncertaintyW: ptr(1.0), How: "given with --idle-power"}}
	a.Refused = []report.Refusal{
		{Name: "ebpf-cycles", Kind: "absent", Reason: "this kernel was built without BTF: /sys/kernel/btf/vmlinux does not exist",
			Remedy: "# needs a kernel with CONFIG_DEBUG_INFO_BTF=y"},
		{Name: "ebpf-time", Kind: "absent", Reason: "the same is missing"},
	}
	a.Groups = []report.Group{{Cgroup: r.Target.Cgroup, Container: "shop-web", Runtime: "docker", Processes: 14, Share: shareOf(r, *a.TargetJ, 51.2, 0, 0)}}
	return r
}

// splitAll is the whole machine, with containers.
func splitAll() *report.Run {
	const d = 60.001
	r := baseRun(d)
	r.Command, r.Target = nil, report.Target{Kind: "machine"}
	r.Domains = []report.Domain{domain("package-0", "", "power/energy-pkg/ on cpu 0", report.Energy{}), domain("dram-0", "", "power/energy-ram/ on cpu 0", report.Energy{})}
	attribute(r, energy.ByCycles, []float64{0.4, 0.03}, lines(1204.8, 21, 1.204, 88.21, 1873.4, 2.04, 1.204), lines(101.33, 2.2, 0.061, 6.22, 151.9, 0.11, 0.061))
	a := &r.Attribution
	a.Weights = counted
	a.Intervals = &report.Intervals{N: 59_871, MeanLengthS: 0.0010022, ClosedIn: "kernel"}
	a.Idle = []report.IdlePower{{ID: "package-0", PowerW: ptr(31.22), UncertaintyW: ptr(0.3), How: "mean power of 0.812 s in which nobody ran"}, {ID: "dram-0", PowerW: ptr(2.53), UncertaintyW: ptr(0.02), How: "mean power of 0.812 s in which nobody ran"}}
	for i, g := range []struct {
		cgroup, name, runtime string
		j, cpu                float64
		n                     int
	}{
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod77.slice/cri-containerd-e1.scope", "checkout-7c9d", "kubernetes", 611.2, 70.9, 22},
		{"/system.slice/docker-4f1c9a.scope", "shop-web", "docker", 402.7, 51.2, 14},
		{"/system.slice/postgresql.service", "", "", 203.1, 24.4, 31},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice", "", "", 51.9, 6.1, 12},
	} {
		c := int64(g.cpu * 2.9e9)
		a.Groups = append(a.Groups, report.Group{Cgroup: g.cgroup, Container: g.name, Runtime: g.runtime, Processes: g.n, Share: shareOf(r, g.j, g.cpu, c, c*13/10)})
		a.Processes = append(a.Processes, report.Process{PID: 2000 + 31*i, PPID: 1, Comm: []string{"java", "nginx", "postgres", "cargo"}[i], Party: "target", Cgroup: g.cgroup, Container: g.name,
			Threads: 8, Share: shareOf(r, g.j*0.7, g.cpu*0.7, c*7/10, c*91/100)})
	}
	a.GroupsRest = &report.Rest{N: 41, EnergyJ: ptr(*a.TargetJ - 611.2 - 402.7 - 203.1 - 51.9), CPUS: 4.4}
	beside(r, energy.ByCycles, "ksoftirqd/4", 34, 11.8)
	a.ProcessesRest = &report.Rest{N: 1412, EnergyJ: ptr(*a.TargetJ + *a.OthersJ + *a.KernelJ - 0.7*(611.2+402.7+203.1+51.9) - 11.8), CPUS: 49.6}
	a.Lost = &report.Lost{Events: 12, Tasks: 3, Processes: 3}
	rank(a.Processes)
	return r
}

// splitSamples is a run with --interval: a load that comes and goes beside a
// steady neighbour.
func splitSamples() *report.Run {
	const d, n = 10.0, 200
	r := baseRun(d, "./pulse")
	r.Domains = []report.Domain{domain("package-0", "", "power/energy-pkg/ on cpu 0", report.Energy{}), domain("dram-0", "", "power/energy-ram/ on cpu 0", report.Energy{})}
	s := report.NewSplitSeries([]string{"package-0", "dram-0"})
	var sum [2][report.SplitLines]float64
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := 1; i <= n; i++ {
		var energyJ, splitJ []float64
		load := math.Pow(math.Sin(3*math.Pi*float64(i)/n), 2)
		for k, scale := range []float64{1, 0.1} {
			w := [report.SplitLines]float64{52 * load, 11 + rnd.Float64(), 1 + 0.2*rnd.Float64(), 31, 0.1 * rnd.Float64()}
			all := 0.0
			for l := range w {
				w[l] *= scale * d / n
				all += w[l]
				sum[k][l] += w[l]
			}
			energyJ, splitJ = append(energyJ, all), append(splitJ, w[:]...)
		}
		s.AppendSplit(float64(i)*d/n, energyJ, splitJ)
	}
	r.Samples = s
	attribute(r, energy.ByCycles, []float64{0.2, 0.03},
		lines(sum[0][0], 2.9, sum[0][1], sum[0][2], sum[0][3], sum[0][4], 0.21), lines(sum[1][0], 0.3, sum[1][1], sum[1][2], sum[1][3], sum[1][4], 0.02))
	a := &r.Attribution
	a.Weights = counted
	a.Idle = []report.IdlePower{{ID: "package-0", PowerW: ptr(31.0), UncertaintyW: ptr(0.3), How: "before the window: mean power of 4.71 s in which nobody ran"}, {ID: "dram-0", PowerW: ptr(3.1), UncertaintyW: ptr(0.04), How: "before the window: mean power of 4.71 s in which nobody ran"}}
	a.Intervals = &report.Intervals{N: 9990, MeanLengthS: 0.001001, ClosedIn: "kernel"}
	c := int64(41_223_118_004)
	a.Processes = []report.Process{{PID: 41215, PPID: 41214, Comm: "pulse", Party: "target", Threads: 4, Ended: true, Share: shareOf(r, *a.TargetJ, 14.9, c, c*2)}}
	a.ProcessesRest = &report.Rest{N: 77, EnergyJ: ptr(*a.OthersJ + *a.KernelJ), CPUS: 6.1}
	r.Overhead = report.Overhead{CPUS: 0.0512, WindowCPUS: 0.0447, LatenessP99S: ptr(31e-6), EnergyJ: ptr(0.6), Samples: 203}
	return r
}

// splitThreads is one process whose threads are told apart.
func splitThreads() *report.Run {
	const d = 8.204
	r := baseRun(d)
	r.Command, r.Target = nil, report.Target{Kind: "pid", PID: 2207}
	r.Domains = []report.Domain{domain("package-0", "", "power/energy-pkg/ on cpu 0", report.Energy{})}
	attribute(r, energy.ByCycles, []float64{0.12}, lines(188.21, 2.4, 12.04, 4.41, 255.93, 0.33, 0.14))
	a := &r.Attribution
	a.Weights = counted
	a.IdlePolicy = "proportional"
	// The idle line's joules have gone to the others.
	for _, s := range []*report.Split{&a.Split, &a.PerDomain[0].Split} {
		busy := *s.TargetJ + *s.OthersJ + *s.KernelJ
		factor := (busy + *s.IdleJ) / busy
		*s = lines(*s.TargetJ*factor, *s.TargetUncertaintyJ*factor, *s.OthersJ*factor, *s.KernelJ*factor, 0, *s.UnattributedJ, *s.ToolJ*factor)
	}
	a.Idle = []report.IdlePower{{ID: "package-0", PowerW: ptr(31.2), UncertaintyW: ptr(0.4), How: "mean power of 0.812 s in which nobody ran"}}
	a.Intervals = &report.Intervals{N: 8190, MeanLengthS: 0.0010017, ClosedIn: "kernel"}
	left := *a.TargetJ
	for i := range 14 {
		j := left * 0.31
		left -= j
		c := int64(j * 1.1e9)
		name := fmt.Sprintf("http-exec-%d", i)
		switch i {
		case 1:
			name = "C2 CompilerThre"
		case 3:
			name = "G1 Conc#0"
		}
		a.Threads = append(a.Threads, report.Thread{TID: 2208 + i, PID: 2207, Comm: name, Share: shareOf(r, j, j/9.2, c, int64(float64(c)*(0.6+0.15*float64(i%5))))})
	}
	a.ThreadsRest = &report.Rest{N: 23, EnergyJ: &left, CPUS: 0.11}
	a.Processes = []report.Process{{PID: 2207, PPID: 1, Comm: "java", Party: "target", Threads: 37, Share: shareOf(r, *a.TargetJ, 48.8, 210_004_118_022, 199_120_003_114)}}
	a.ProcessesRest = &report.Rest{N: 211, EnergyJ: ptr(*a.OthersJ + *a.KernelJ), CPUS: 4.2}
	return r
}
