package flexexecutor

import "slices"

// Metrics are the metrics of the format, for the tests of the package from outside.
func Metrics() []Metric { return slices.Clone(metrics) }

// Aliases are the names that mean one of them.
func Aliases() []string {
	var names []string
	for _, m := range aliases {
		names = append(names, m.Name)
	}
	return names
}
