package flexexecutor

import (
	"slices"
	"strings"
)

// Metric describes a metric of a profile: what it is, which is often not what
// its name says.
type Metric struct {
	Name string
	Unit string // UCUM
	Kind MetricKind
	// Whole: written without a point, as Python writes an int.
	Whole bool
	Help  string
}

// MetricKind says how a metric is treated.
type MetricKind int

// The kinds of metrics.
const (
	Other   MetricKind = iota // a number that is kept as it is
	Time                      // seconds of an invocation
	Usage                     // TDP: seconds times mean CPU fraction
	Counter                   // joules of a counter, 0.0 where there was none
	Cores                     // a number of CPUs, 0 where not known
	Label                     // a text
)

// The metrics by name that the import computes with.
const (
	mRead      = "read"
	mCompute   = "compute"
	mWrite     = "write"
	mColdStart = "cold_start"
	mRounded   = "time_consumption"
	mDuration  = "worker_time_execution"
	mTDP       = "TDP"
	mMethods   = "measurement_energy"
	mVersion   = "RAPL_wrong"
	mPercent   = "psutil_cpu_percent"
	mCPUName   = "cpu_name"
	mArch      = "cpu_architecture"
	mPhysical  = "cpu_cores_physical"
	mLogical   = "cpu_cores_logical"
	mAWS       = "aws_cpu"
)

// metrics are those of the format in the order in which FlexExecutor writes them.
var metrics = []Metric{
	{mRead, "s", Time, false, "fetching input from the object store"},
	{mCompute, "s", Time, false, "computing"},
	{mWrite, "s", Time, false, "putting results into the object store"},
	{mColdStart, "s", Time, false, "from the call on the client's clock to the worker's first instruction on its own: the network, the queue and INIT; it lies before the execution"},
	{mRounded, "s", Time, false, "worker_time_execution rounded to 8 decimals"},
	{mDuration, "s", Time, false, "the worker from its start to its end on its own clock: read, compute, write, and the start and stop of the monitors"},
	{mMethods, "1", Label, false, "which of perf, RAPL, eBPF and psutil gave something"},
	{mVersion, "1", Other, true, "no measurement: a number by which its authors tell versions of the runtime image apart"},
	{mTDP, "s", Usage, false, "no watts: worker_time_execution times the mean fraction of the visible CPUs that was busy"},
	{"perf_energy_cores", "J", Counter, false, "perf's energy-cores, or package 0 where that was missing"},
	{"rapl_energy_cores", "J", Counter, false, "powercap's zones called core, or package 0"},
	{"ebpf_energy_pkg", "J", Counter, false, "no counter: cycles times 20 pJ"},
	{"ebpf_energy_cores", "J", Counter, false, "likewise"},
	{mPercent, "%", Other, false, "the larger of two looks at the CPU, at the start and at the end: no mean"},
	{mCPUName, "1", Label, false, "brand string, masked on Lambda"},
	{mArch, "1", Label, false, "as uname -m"},
	{mPhysical, "1", Cores, true, "physical cores visible; 0 where the kernel does not say, which on Arm is always"},
	{mLogical, "1", Cores, true, "logical CPUs visible: two on Lambda up to 3008 MB, whatever share of them the memory gives"},
	{mAWS, "1", Label, false, "instance type, architecture, whether it is Lambda, and memory in MB"},
}

// known finds a metric of the format.
func known(name string) (Metric, bool) {
	if i := slices.IndexFunc(metrics, func(m Metric) bool { return m.Name == name }); i >= 0 {
		return metrics[i], true
	}
	return Metric{Name: name, Unit: "1"}, false
}

// describe finds a metric, or guesses from the name of one that newer versions
// of the fork write: perf_energy_pkg, rapl_energy_total.
func describe(name string) Metric {
	m, ok := known(name)
	if ok {
		return m
	}
	for _, counter := range []string{"perf_energy_", "rapl_energy_", "ebpf_energy_"} {
		if strings.HasPrefix(name, counter) {
			m.Kind, m.Unit = Counter, "J"
		}
	}
	return m
}

// ownFields are the metrics that an invocation has a field for.
var ownFields = []string{mRead, mCompute, mWrite, mColdStart, mDuration, mTDP, mCPUName}
