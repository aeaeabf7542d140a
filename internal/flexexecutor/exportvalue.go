package flexexecutor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// value is what goes into the file: a float64, a string or nil.
func (r exportRep) value(m Metric, i int) any {
	v := r.workers[i]
	switch m.Name {
	case mRead:
		return number(v.ReadS)
	case mCompute:
		return number(v.ComputeS)
	case mWrite:
		return number(v.WriteS)
	case mColdStart:
		return number(v.ColdStartS)
	case mDuration:
		return number(v.DurationS)
	case mRounded:
		if n, ok := v.Metrics[mRounded]; ok {
			return n
		}
		if v.DurationS != nil {
			return rounded(*v.DurationS)
		}
		return nil
	case mTDP:
		if n, ok := v.Metrics[mTDP]; ok {
			return n
		}
		if v.CPUS != nil {
			return *v.CPUS / r.logical(v)
		}
		return nil
	case mCPUName:
		if v.CPUName != "" {
			return v.CPUName
		}
		if !r.imported() && len(r.cell.CPUNames) > 0 {
			return r.cell.CPUNames[0]
		}
		return nil
	}
	if strings.HasPrefix(m.Name, aliasPrefix) {
		return r.alias(m.Name, i)
	}
	if r.imported() {
		return r.extra(m, v)
	}
	return r.own(m)
}

func number(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// extra is a metric that an import kept with the invocation, or with the cell
// where it is the same for all.
func (r exportRep) extra(m Metric, v *report.Invocation) any {
	if n, ok := v.Metrics[m.Name]; ok {
		return n
	}
	if text, ok := v.Labels[m.Name]; ok {
		return text
	}
	if text, ok := r.cell.Labels[m.Name]; ok {
		return text
	}
	have, ok := r.cell.Metrics[m.Name]
	switch {
	case !ok || have.Reason == reasonNoNumber:
		return nil
	case m.Kind == Counter && (have.Value == nil || r.single(m.Name)):
		return 0.0 // as the original writes what is not there
	case r.single(m.Name):
		return nil // others have it, this one has not
	case have.Value == nil && m.Kind == Cores:
		return 0.0
	}
	return number(have.Value)
}

// single reports whether the invocations have the metric one by one.
func (r exportRep) single(name string) bool {
	for i := range r.cell.Invocations {
		if _, ok := r.cell.Invocations[i].Metrics[name]; ok {
			return true
		}
	}
	return false
}

// logical is the number of CPUs that TDP is a mean over.
func (r exportRep) logical(v *report.Invocation) float64 {
	if !r.imported() && r.host != nil && r.host.CPU.Threads > 0 {
		return float64(r.host.CPU.Threads)
	}
	return cellLogical(r.cell, v)
}

// own is a metric of a result of energyprobe's own. What the format would have
// as 0.0 because it is not known is null.
func (r exportRep) own(m Metric) any {
	switch m.Name {
	case mMethods:
		for _, e := range r.cell.Energy {
			if e.EnergyJ != nil {
				return "energyprobe, " + e.Method
			}
		}
		return "energyprobe"
	case mArch:
		return r.cell.Arch
	case mPhysical:
		if r.host != nil && r.host.CPU.Cores > 0 {
			return float64(r.host.CPU.Cores)
		}
	case mLogical:
		if r.host != nil && r.host.CPU.Threads > 0 {
			return float64(r.host.CPU.Threads)
		}
	case mAWS:
		mem := "unknown"
		if r.cell.MemoryMB != nil {
			mem = strconv.Itoa(*r.cell.MemoryMB)
		}
		return fmt.Sprintf("type:unknown|arch:%s|lambda:False|mem:%s", r.cell.Arch, mem)
	}
	return nil
}
