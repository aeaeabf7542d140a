package priv

import "strings"

// lowerParanoia brings kernel.perf_event_paranoid to the kernel's own default.
const lowerParanoia = "sudo sysctl kernel.perf_event_paranoid=2"

// PerfmonCounts reports whether CAP_PERFMON opens perf events here. Kernels of
// Debian and Ubuntu know values of kernel.perf_event_paranoid above 2, which
// forbid perf_event_open to all but CAP_SYS_ADMIN (their patch "Allow further
// restriction of perf_event_open").
func (s *State) PerfmonCounts() bool {
	return s.PerfEventParanoid == nil || *s.PerfEventParanoid <= 2
}

// PerfRemedy says how this process can come by perf events of the whole
// machine, "" when it has all the right there is.
func (s *State) PerfRemedy(exe string) string {
	line := s.Remedy(exe, Perfmon)
	switch {
	case s.PerfmonCounts() || s.Has(SysAdmin):
		return line
	case line == "":
		return lowerParanoia
	case strings.HasPrefix(line, "sudo "):
		return lowerParanoia + " && " + line
	}
	return "on the host: " + lowerParanoia + "; then " + line
}
