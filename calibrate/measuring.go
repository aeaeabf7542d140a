package calibrate

import (
	"fmt"
	"math"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// The limits of what is usual of the measuring itself.
const (
	lateUpdate  = 2.0  // 99th percentile of the update interval over its mean; 1.65 on an Ice Lake server
	maxDriftPPM = 100  // of the clock; a quartz is off by some tens
	slowClock   = 1e-6 // what a time stamp takes at most, in seconds, where the processor has the clock
)

// JudgeInstrument looks at the measuring itself. All it says are notes: the
// loads were held nevertheless, and the results' uncertainties have most of it
// in them.
func JudgeInstrument(i *report.Instrument) []report.Verdict {
	out := []report.Verdict{}
	if i == nil {
		return out
	}
	say := func(code, advice, format string, args ...any) {
		out = append(out, report.Verdict{Code: code, Action: report.VerdictNote, Message: fmt.Sprintf(format, args...), Advice: advice})
	}
	judgeUpdates(i, say)
	for _, a := range i.Agreement {
		if a.Ratio == nil || a.Units || a.Correction == nil {
			continue
		}
		say("interfaces-disagree", fmt.Sprintf("multiply what %s says by %.5g to have %s's; which of them is right this machine can't tell: report the processor's model", a.Interface, a.Correction.Value, a.Reference),
			"%s: %s is off %s by %+.4g %% ± %.2g %%, more than their units explain", a.Domain, a.Interface, a.Reference, 100*(a.Ratio.Value-1), 100*a.Ratio.Uncertainty)
	}
	judgeClock(&i.Clock, say)
	return out
}

// judgeUpdates looks at each domain through the best interface that shows when
// it is updated.
func judgeUpdates(i *report.Instrument, say func(code, advice, format string, args ...any)) {
	best := map[string]*report.UpdateInterval{}
	reason := map[string]string{}
	var order []string
	for _, one := range i.Interfaces {
		for _, z := range one.Zones {
			if _, met := reason[z.Domain]; !met {
				order, reason[z.Domain] = append(order, z.Domain), z.UpdateReason
			}
			if best[z.Domain] == nil {
				best[z.Domain] = z.Update
			}
		}
	}
	for _, domain := range order {
		u := best[domain]
		switch {
		case u == nil && strings.HasPrefix(domain, "package"):
			say("updates-unseen", "measure work of a second and more: the ends of shorter windows are uncertain", "%s: when the counter is updated can't be seen: %s", domain, reason[domain])
		case u != nil && u.P99S > lateUpdate*u.MeanS:
			say("late-updates", "measure work that takes longer than that by far, or repeat it", "%s is updated every %.3g ms on average, but one time in a hundred after more than %.3g ms", domain, 1e3*u.MeanS, 1e3*u.P99S)
		}
	}
}

func judgeClock(c *report.ClockDrift, say func(code, advice, format string, args ...any)) {
	if c.DriftPPM != nil && c.UncertaintyPPM != nil && c.WorstPPM != nil {
		switch d, worst := *c.DriftPPM, *c.WorstPPM; {
		case math.Abs(d)-*c.UncertaintyPPM > maxDriftPPM:
			say("clock-drift", "let the time service settle (chronyc tracking, or timedatectl timesync-status), and calibrate again: watts are joules per second of this clock",
				"the clock was made to run %s by %.3g ppm", fasterOrSlower(d), math.Abs(d))
		case math.Abs(worst) > 2*maxDriftPPM:
			say("clock-drift", "let the time service settle (chronyc tracking, or timedatectl timesync-status), and calibrate again",
				"the clock was made to run %s by %.3g ppm for a while", fasterOrSlower(worst), math.Abs(worst))
		}
	}
	if c.ReadS != nil && *c.ReadS > slowClock {
		say("slow-clock", "see why the kernel does not use the processor's own: dmesg | grep -i clocksource", "a time stamp takes %.2g us: the clock's source is %s", 1e6**c.ReadS, orUnknown(c.Source))
	}
}

func fasterOrSlower(ppm float64) string {
	if ppm < 0 {
		return "slower"
	}
	return "faster"
}

func orUnknown(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}
