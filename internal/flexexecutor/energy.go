package flexexecutor

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// energies estimates a cell's joules by both methods.
func (im *importer) energies(c *report.BenchCell, all []work) {
	share := im.vcpuShare(c, all)
	whole := im.wholeSocket(c, all)
	for _, e := range []*report.MethodEnergy{&share, &whole} {
		if c.Status != report.CellOK && e.EnergyJ != nil {
			e.EnergyJ, e.LowJ, e.HighJ = nil, nil, nil
			e.Reason = c.Reason
		}
		if e.EnergyJ != nil && c.DurationS != nil && *c.DurationS > 0 {
			w := *e.EnergyJ / *c.DurationS
			e.PowerW = &w
		}
	}
	c.Energy = append(c.Energy, share, whole)
}

func unknown(method, format string, args ...any) report.MethodEnergy {
	return report.MethodEnergy{Method: method, Quality: energy.Estimated, Energy: report.Energy{Reason: fmt.Sprintf(format, args...)}}
}

// wholeSocket is what the first study did: the seconds times the mean fraction
// of the CPUs that a worker sees, times the watts of the whole socket below it.
func (im *importer) wholeSocket(c *report.BenchCell, all []work) report.MethodEnergy {
	watts, ok := im.o.SocketW.of(c.Arch)
	if !ok {
		return unknown(report.MethodWholeSocket, "the architecture is not known")
	}
	var sum float64
	for i := range all {
		if math.IsNaN(all[i].tdpS) {
			return unknown(report.MethodWholeSocket, "%s: worker %d of %s has no TDP", c.ID, all[i].Worker, all[i].Stage)
		}
		sum += all[i].tdpS
	}
	joules := sum * watts
	says := fmt.Sprintf("%g W of a whole socket, times %.6g s, the profile's TDP: seconds x mean fraction of the CPUs in sight", watts, sum)
	if name := im.o.SocketW.Name; name != "" {
		says += "; watts of the " + name
	}
	return report.MethodEnergy{
		Method: report.MethodWholeSocket, Quality: energy.Estimated, Energy: report.Energy{EnergyJ: &joules}, SocketW: &watts,
		Assumes: says + "; for reference only: a function is charged sockets that it shares with dozens of others",
	}
}

// vcpuShare charges a function for the vCPU seconds that it used, and for its
// part of the idle socket over the time that is billed.
func (im *importer) vcpuShare(c *report.BenchCell, all []work) report.MethodEnergy {
	if c.Arch == unknownArch {
		return unknown(report.MethodVCPUShare, "the architecture is not known")
	}
	if c.VCPU == nil {
		return unknown(report.MethodVCPUShare, "not on Lambda: workers share the CPUs that TDP is the mean of, so what each used is not known")
	}
	var sum model.Range
	var perWatt float64 // joules per watt of a socket, by all that is used and idle
	var watts float64   // of the last one's
	var says []string
	for i := range all {
		one := &all[i]
		switch {
		case !one.onLambda:
			return unknown(report.MethodVCPUShare, "worker %d of %s did not run on Lambda: what it used of its host's CPUs is not known", one.Worker, one.Stage)
		case one.CPUS == nil:
			return unknown(report.MethodVCPUShare, "worker %d of %s has no TDP, of which CPU seconds are made", one.Worker, one.Stage)
		case one.DurationS == nil:
			return unknown(report.MethodVCPUShare, "worker %d of %s has no duration", one.Worker, one.Stage)
		}
		p, err := im.cpus.of(one.CPUName, c.Arch)
		if err != nil {
			return unknown(report.MethodVCPUShare, "%v", err)
		}
		if !slices.Contains(says, p.says) {
			says = append(says, p.says)
		}
		idleS := *c.VCPU * im.prices.Billed(*one.DurationS)
		sum.Low += p.idleW.Low*idleS + p.busyW.Low**one.CPUS
		sum.Nominal += p.idleW.Nominal*idleS + p.busyW.Nominal**one.CPUS
		sum.High += p.idleW.High*idleS + p.busyW.High**one.CPUS
		perWatt += (p.idleW.Nominal*idleS + p.busyW.Nominal**one.CPUS) / p.socketW
		watts = p.socketW
	}
	var socketW *float64
	if perWatt > 0 {
		w := sum.Nominal / perWatt
		if len(says) == 1 {
			w = watts // and not what is left of it after a division
		}
		socketW = &w
	}
	slices.Sort(says)
	return report.MethodEnergy{
		Method: report.MethodVCPUShare, Quality: energy.Estimated,
		Energy: report.Energy{EnergyJ: &sum.Nominal, LowJ: &sum.Low, HighJ: &sum.High}, SocketW: socketW,
		Assumes: fmt.Sprintf("vCPU seconds used, TDP times the CPUs in sight, and the idle power of %.3g vCPU (%d of %d MB) over the billed time; %s",
			*c.VCPU, *c.MemoryMB, lambdaMB, strings.Join(says, "; ")),
	}
}

// cost asks the price list. A cell that is not whole has none: part of a run
// would look cheap.
func (im *importer) cost(c *report.BenchCell, g group, all []work) {
	if c.Status != report.CellOK || c.MemoryMB == nil || im.o.Prices == nil && !g.place.lambda() {
		return
	}
	durations := make([]float64, 0, len(all))
	for i := range all {
		one := &all[i]
		if one.DurationS == nil || im.o.Prices == nil && !one.onLambda {
			return
		}
		d := *one.DurationS
		if im.o.BillColdStart {
			if one.ColdStartS == nil {
				return
			}
			d += *one.ColdStartS
		}
		durations = append(durations, d)
	}
	cost, err := im.prices.Cost(c.Arch, *c.MemoryMB, durations, im.o.UsedGBS)
	if err != nil {
		im.warn("price-missing", "give a list that has it with --price", "%s: %v", g.dir, err)
		return
	}
	im.priced = true
	c.Cost = &report.Cost{Total: cost.Total, Compute: cost.Compute, Requests: cost.Requests, BilledGBS: cost.BilledGBS, BilledS: cost.BilledS}
}

// elsewhere warns of invocations that were not made where the directory says.
func (im *importer) elsewhere(g group, c *report.BenchCell, all []work) {
	if !g.place.lambda() {
		return
	}
	n := 0
	var name string
	for i := range all {
		if !all[i].onLambda {
			n++
			name = all[i].CPUName
		}
	}
	if n > 0 {
		w := report.Warning{
			Code:    "not-on-lambda",
			Message: fmt.Sprintf("%d of %d invocations did not run on Lambda, as the directory %s says, but on %s", n, len(all), g.place.name, name),
			Advice:  "the cell has neither cost nor energy by vCPU share; leave it out of comparisons",
		}
		c.Warnings = append(c.Warnings, w)
		im.warn(w.Code, w.Advice, "%s: %s", c.ID, w.Message)
	}
}
