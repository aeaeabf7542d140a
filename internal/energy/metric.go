package energy

// Quality says how a value came to be.
type Quality string

// The qualities, best first.
const (
	Measured   Quality = "measured"   // read from a counter
	Attributed Quality = "attributed" // a measured value, split by usage
	Estimated  Quality = "estimated"  // computed by a model
)

// Worse returns the quality that two values have together: the worse of both,
// "" counting for none.
func Worse(a, b Quality) Quality {
	for _, q := range [...]Quality{Estimated, Attributed, Measured} {
		if a == q || b == q {
			return q
		}
	}
	return ""
}

// Scope says what a value is about.
type Scope string

// The scopes.
const (
	ScopeProcess Scope = "process" // the command and everything it started
	ScopeCgroup  Scope = "cgroup"
	ScopePackage Scope = "package"
	ScopeMachine Scope = "machine"
)

// Metric is one value beside the joules. Its name, unit and scope come from
// the catalogue.
type Metric struct {
	Name    string
	Value   *float64 // nil when unknown; Reason then says why
	Unit    string
	Source  string // the file or interface: "perf", "/proc/stat", "wait4"
	Scope   Scope
	Quality Quality
	Reason  string
}

// KnownMetric returns the catalogue's metric name with a measured value.
// It panics on a name that is not in the catalogue: that is a slip of the
// programmer, caught by any test that reaches the line.
func KnownMetric(name string, value float64, source string) Metric {
	m := blankMetric(name)
	m.Value, m.Source, m.Quality = &value, source, Measured
	return m
}

// UnknownMetric returns the catalogue's metric name without a value.
func UnknownMetric(name, source, reason string) Metric {
	m := blankMetric(name)
	m.Source, m.Reason = source, reason
	return m
}

func blankMetric(name string) Metric {
	for _, d := range Catalogue() {
		if d.Name == name {
			return Metric{Name: name, Unit: d.Unit, Scope: d.Scope}
		}
	}
	panic("metric " + name + " is not in the catalogue")
}
