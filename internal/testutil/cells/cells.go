// Package cells makes up a benchmark's cells for tests: plausible ones, the same
// every time, with what real ones have: repetitions that differ in number, cells
// that ran out of memory, estimates with ranges, unlike numbers of workers.
package cells

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// start is when the made-up experiments began.
var start = time.Date(2026, 11, 3, 14, 21, 7, 0, time.UTC)

// workload is how an application behaves.
type workload struct {
	name      string
	cpuS      float64 // of a vCPU of x86_64
	fixedS    float64 // of every worker, whatever it may use of a CPU
	armFactor float64 // CPU seconds of aarch64 to those of x86_64
	needsMB   int     // resident, of each worker
	units     float64
	unit      string
	reps      int
}

var workloads = []workload{
	{"titanic", 320, 1.5, 1.04, 240, 891000, "rows", 7},
	{"ml", 610, 4, 0.93, 430, 60000, "rows", 3},
	{"video", 480, 9, 0.88, 700, 1800, "frames", 3},
}

// prices of a GB-second and a request.
const (
	x86GBS  = 0.0000166667
	armGBS  = 0.0000133334
	request = 0.20 / 1e6
)

// Prices is the list that the costs are by.
func Prices() *report.PriceList {
	return &report.PriceList{Name: "aws-lambda us-east-1", Date: "2026-11-01", Currency: "USD", Source: "https://aws.amazon.com/lambda/pricing/"}
}

// Matrix is what an experiment on one architecture came to: x86_64 or aarch64.
func Matrix(arch string) *report.Bench {
	r := rand.New(rand.NewPCG(uint64(len(arch)), 7))
	b := &report.Bench{Schema: report.BenchSchema, RunID: "matrix-" + arch, StartedAt: start, DurationS: 7200, Kind: report.BenchMatrix,
		Tool: report.Tool{Name: "energyprobe", Version: "0.1.0"}, Prices: Prices(), Warnings: []report.Warning{},
		Plan: &report.BenchPlan{Mode: "matrix", Seed: 42, MemoryMB: []int{512, 1024, 2048}, Workers: []int{16, 8, 4}, Repetitions: 7}}
	for _, w := range workloads {
		b.Plan.Applications = append(b.Plan.Applications, report.BenchWorkload{Name: w.name, Size: w.units, Unit: w.unit})
		for _, mb := range b.Plan.MemoryMB {
			for _, n := range b.Plan.Workers {
				if w.name == "titanic" && arch == "x86_64" && mb == 512 && n == 4 {
					continue // somebody ended the experiment before
				}
				for rep := range w.reps {
					c := cell(r, w, arch, mb, n, rep+1)
					c.Order = len(b.Cells)
					b.Cells = append(b.Cells, c)
				}
			}
		}
	}
	b.Plan.Cells = len(b.Cells)
	return b
}

// Sockets are the watts that the whole-socket method takes.
func Sockets(arch string) float64 {
	if arch == "aarch64" {
		return 100
	}
	return 166
}

func cell(r *rand.Rand, w workload, arch string, mb, workers, rep int) report.BenchCell {
	vcpu := float64(mb) / 1769
	at := start
	c := report.BenchCell{ID: fmt.Sprintf("%s-%d-%02d-r%d", w.name, mb, workers, rep), Application: w.name, Arch: arch, MemoryMB: &mb, VCPU: &vcpu, Workers: workers,
		Repetition: rep, StartedAt: &at, Status: report.CellOK, Energy: []report.MethodEnergy{}, Invocations: []report.Invocation{}}
	if mb < w.needsMB && workers <= 8 { // with few workers each holds more
		c.Status, c.Reason = report.CellOOM, fmt.Sprintf("worker 0 was ended at its limit of %d MB", mb)
		return c
	}
	factor, rate, watts, perVCPU := 1.0, x86GBS, Sockets(arch), 4.1
	if arch == "aarch64" {
		factor, rate, perVCPU = w.armFactor, armGBS, 2.6
	}
	cpu := w.cpuS * factor * (1 + 0.02*r.NormFloat64())
	each := cpu / float64(workers)
	seconds := round(w.fixedS + each/math.Min(vcpu, 1) + 0.4*r.ExpFloat64())
	billed := seconds * float64(workers)
	cpu = round(cpu)
	c.DurationS, c.CPUS = &seconds, &cpu
	gbs := billed * float64(mb) / 1024
	c.Cost = &report.Cost{Compute: round(gbs*rate*1e6) / 1e6, Requests: float64(workers) * request, BilledGBS: round(gbs), BilledS: round(billed)}
	c.Cost.Total = c.Cost.Compute + c.Cost.Requests
	c.Work = &report.Work{Units: w.units, Unit: w.unit, Checksum: fmt.Sprintf("%08x", len(w.name)*0x1234567)}
	share := round(perVCPU * cpu)
	low, high := round(0.6*share), round(1.8*share)
	socket := round(cpu / 2 * watts)
	c.Energy = []report.MethodEnergy{
		{Method: report.MethodVCPUShare, Quality: energy.Estimated, Energy: report.Energy{EnergyJ: &share, LowJ: &low, HighJ: &high},
			Assumes: "a vCPU's share of a socket's power, idle power in proportion"},
		{Method: report.MethodWholeSocket, Quality: energy.Estimated, Energy: report.Energy{EnergyJ: &socket}, SocketW: &watts,
			Assumes: fmt.Sprintf("a socket of %g W", watts)},
	}
	c.CPUNames = []string{map[string]string{"x86_64": "Intel(R) Xeon(R) Processor @ 2.50GHz", "aarch64": "ARM 0xd0c"}[arch]}
	return c
}

// round keeps three decimal places, so that files are short.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// Host is a host's own benchmark with joules that were measured.
func Host(repetitions int) *report.Bench {
	b := Matrix("x86_64")
	out := &report.Bench{Schema: report.BenchSchema, RunID: "host", StartedAt: start, DurationS: 42, Kind: report.BenchHost, Tool: b.Tool, Warnings: []report.Warning{},
		Host: &report.Host{Hostname: "node-3", Kernel: "6.12.9-amd64", Arch: "x86_64", Virtualization: "none",
			CPU: report.CPU{ModelName: "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 7, Sockets: 2, Cores: 40, Threads: 80, SMT: true, Governor: "performance"}},
		Source: &report.Source{Name: "perf", Quality: energy.Measured, Refused: []report.Refusal{}},
		Plan:   &report.BenchPlan{Mode: "quick", Seed: 42, MemoryMB: []int{0}, Workers: []int{1}, Repetitions: repetitions},
		Checks: []report.HostCheck{
			{Name: "steady-clock", Outcome: report.CheckPass, Message: "the clock stayed within 0.4 % of 3.1 GHz"},
			{Name: "neighbours", Outcome: report.CheckWarn, Message: "others took 3.2 % of the CPUs meanwhile", Advice: "stop what else runs, and bench again"},
			{Name: "counters", Outcome: report.CheckPass, Message: "package and core counters agree with perf within 0.01 %"},
		},
		Verdict: "fit, with a remark: others took 3.2 % of the CPUs meanwhile",
	}
	yes := true
	out.Fit = &yes
	score := func(v float64) *float64 { return &v }
	out.Score = &report.BenchScore{Reference: "built in", Host: "m5.metal", Energy: score(104.2), Time: score(97.8), ByApp: map[string]report.AppScore{}}
	for i, w := range append(workloads, workload{name: "montecarlo", units: 1e8, unit: "points"}) {
		out.Plan.Applications = append(out.Plan.Applications, report.BenchWorkload{Name: w.name, Size: w.units, Unit: w.unit})
		out.Score.ByApp[w.name] = report.AppScore{Energy: score(100 + float64(i)), Time: score(99 - float64(i))}
	}
	for r := range repetitions {
		out.Cells = append(out.Cells, hostCells(r)...)
	}
	out.Plan.Cells = len(out.Cells)
	return out
}

// hostCells are the applications run once; repetition r from 0.
func hostCells(r int) (out []report.BenchCell) {
	for i, w := range append(workloads, workload{name: "montecarlo", units: 1e8, unit: "points"}) {
		vary := 1 + float64((r*(i+3))%5)/200
		seconds, joules, u := vary*(4.25+float64(i)), vary*(310.5+20*float64(i)), 0.6
		power, whole := joules/seconds, 1.4*joules
		out = append(out, report.BenchCell{ID: fmt.Sprintf("%s-r%d", w.name, r+1), Application: w.name, Arch: "x86_64", Workers: 1, Repetition: r + 1, Order: r*(len(workloads)+1) + i,
			Status: report.CellOK, DurationS: &seconds, CPUS: &seconds,
			Work: &report.Work{Units: w.units, Unit: w.unit, Checksum: "5eed5eed"}, Invocations: []report.Invocation{},
			Quality: []report.WorkQuality{{Name: "accuracy", Value: 0.81, Low: 0.78, High: 0.84, OK: true}},
			Energy: []report.MethodEnergy{{Method: report.MethodTarget, Quality: energy.Attributed, Energy: report.Energy{EnergyJ: &joules, PowerW: &power, UncertaintyJ: &u}},
				{Method: report.MethodMachine, Quality: energy.Measured, Energy: report.Energy{EnergyJ: &whole, UncertaintyJ: &u}}}})
	}
	return out
}
