package doctor

import (
	"fmt"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// limit is how long a check may take. A file of a driver in trouble can block
// for ever, and the doctor is called when something is in trouble.
const limit = 2 * time.Second

// isolate runs a check on a copy of what is known. One that panics or does not
// come back becomes a broken check; what it was doing is left behind in its
// goroutine, since nothing can end a thread that waits inside the kernel.
func isolate(group, name string, limit time.Duration, run func(examination) finding, e examination) finding {
	done := make(chan finding, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- one(check(group, name, report.Broken, "the check itself failed: %v; please report this", r))
			}
		}()
		done <- run(e)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case f := <-done:
		return f
	case <-timer.C:
		return one(check(group, name, report.Broken, "no answer within %v: the kernel holds this check up (dmesg may say why)", limit))
	}
}

func check(group, name string, state report.CheckState, format string, args ...any) report.Check {
	return report.Check{Group: group, Name: name, State: state, Detail: fmt.Sprintf(format, args...)}
}

func one(c report.Check) finding { return finding{checks: []report.Check{c}} }

// treat adds remedies to a check: the first is the least that helps, the
// others do as well. Empty ones and repetitions are left out.
func treat(c report.Check, remedies ...string) report.Check {
	seen := map[string]bool{"": true}
	for _, r := range remedies {
		switch {
		case seen[r]:
		case c.Remedy == "":
			c.Remedy = r
		default:
			c.Alternatives = append(c.Alternatives, r)
		}
		seen[r] = true
	}
	return c
}

// stateOf maps the kind of a refusal to the state of its check.
func stateOf(r *energy.Refusal) report.CheckState {
	switch r.Kind {
	case energy.ErrAbsent:
		return report.Absent
	case energy.ErrForbidden:
		return report.Forbidden
	}
	return report.Broken
}

// refused makes checks of an error.
func refused(group, name string, err error) []report.Check {
	r := energy.Refusals(name, err)[0]
	return []report.Check{treat(check(group, name, stateOf(r), "%s", r.Reason), r.Remedy)}
}
