package flexexecutor

import (
	"slices"
	"strings"
)

// aliasPrefix is that of the statistics which the fork of Lithops puts beside a
// function's result.
const aliasPrefix = "worker_func_"

// aliases are the names that people of the fork know, as metrics of a profile.
// What an invocation does not have under them is null.
var aliases = func() []Metric {
	names := []string{"energy_consumption", "energy_duration"}
	for _, method := range []string{"perf", "rapl", "ebpf"} {
		for _, what := range []string{"energy_pkg", "energy_cores", "energy_total", "source", "available"} {
			names = append(names, method+"_"+what)
		}
	}
	names = append(names, "ebpf_cpu_cycles")
	for _, what := range []string{
		"cpu_percent", "memory_percent", "memory_used_mb", "disk_io_read_mb", "disk_io_write_mb", "network_sent_mb", "network_recv_mb",
		"process_cpu_percent", "process_memory_mb", "cpu_freq_current", "cpu_temp_celsius", "cpu_name", "cpu_cores_physical", "cpu_cores_logical",
	} {
		names = append(names, "psutil_"+what)
	}
	for _, what := range []string{"instance_type", "is_lambda", "memory_size", "architecture"} {
		names = append(names, "aws_"+what)
	}
	all := make([]Metric, len(names))
	for i, name := range names {
		all[i] = Metric{Name: aliasPrefix + name, Unit: "1", Whole: slices.Contains([]string{"psutil_cpu_cores_physical", "psutil_cpu_cores_logical", "aws_memory_size"}, name)}
	}
	return all
}()

// alias is what an invocation has under one of the names. Joules are the cell's
// by its first method that knows them, in proportion to CPU seconds.
func (r exportRep) alias(name string, i int) any {
	v := r.workers[i]
	short := strings.TrimPrefix(name, aliasPrefix)
	switch short {
	case "energy_consumption":
		return r.joules(i)
	case "energy_duration":
		return number(v.DurationS)
	case "psutil_cpu_percent":
		if v.CPUS != nil && v.DurationS != nil && *v.DurationS > 0 {
			return 100 * *v.CPUS / (*v.DurationS * r.logical(v))
		}
	case "psutil_process_cpu_percent":
		if v.CPUS != nil && v.DurationS != nil && *v.DurationS > 0 {
			return 100 * *v.CPUS / *v.DurationS
		}
	case "psutil_process_memory_mb":
		if v.PeakMemoryBytes != nil {
			return *v.PeakMemoryBytes / (1 << 20)
		}
	case "psutil_cpu_name":
		return r.value(Metric{Name: mCPUName}, i)
	case "psutil_cpu_cores_physical":
		return positive(r.value(metricOf(mPhysical), i))
	case "psutil_cpu_cores_logical":
		return positive(r.value(metricOf(mLogical), i))
	case "aws_instance_type":
		return part(r.value(metricOf(mAWS), i), "type")
	case "aws_is_lambda":
		switch part(r.value(metricOf(mAWS), i), "lambda") {
		case "True":
			return 1.0
		case "False":
			return 0.0
		}
	case "aws_memory_size":
		if r.cell.MemoryMB != nil {
			return float64(*r.cell.MemoryMB)
		}
	case "aws_architecture":
		return r.cell.Arch
	default:
		// perf_energy_pkg and its like, where an import had them.
		if _, ok := r.cell.Metrics[short]; ok {
			return positive(r.extra(describe(short), v))
		}
	}
	return nil
}

func metricOf(name string) Metric { m, _ := known(name); return m }

// positive makes null of the 0 that stands for a number not known.
func positive(v any) any {
	if n, ok := v.(float64); ok && n <= 0 {
		return nil
	}
	return v
}

// part takes a value out of type:x|arch:y|lambda:z|mem:n.
func part(v any, name string) any {
	text, _ := v.(string)
	for field := range strings.SplitSeq(text, "|") {
		if value, ok := strings.CutPrefix(field, name+":"); ok {
			return value
		}
	}
	return nil
}

// joules is an invocation's part of the cell's.
func (r exportRep) joules(i int) any {
	for _, e := range r.cell.Energy {
		if e.EnergyJ == nil {
			continue
		}
		var sum float64
		for k := range r.cell.Invocations {
			if r.cell.Invocations[k].CPUS == nil {
				return nil
			}
			sum += *r.cell.Invocations[k].CPUS
		}
		if sum > 0 {
			return *e.EnergyJ * *r.workers[i].CPUS / sum
		}
	}
	return nil
}
