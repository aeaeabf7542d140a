package calibrate

import (
	"fmt"
	"math"
	"slices"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// The limits of quality control. What is beyond them was not the load alone, or
// was not measured.
const (
	maxDrift          = 0.03  // of the power, first to last third of a dwell
	maxBackgroundIdle = 0.01  // of all CPU time, at idle
	maxBackgroundLoad = 0.02  // and under load
	grossBackground   = 0.25  // beyond which a point tells of other work, and not of its load
	mostDisturbed     = 0.2   // of the points in use, that are still disturbed at the second look
	leastSpan         = 0.5   // of the machine, from the least to the most utilisation
	maxSteal          = 0.005 // of all CPU time
	nearLimit         = 0.02  // of the power limit
	maxIdleSpread     = 0.05  // coefficient of variation of the idle power over the experiment
	maxSpread         = 0.03  // and of the visits of one load
	leastIdle         = 0.01  // of the TDP: no server's package idles below
	maxPlausible      = 2.0   // of the TDP: none draws more for seconds
	monotone          = 0.02  // of the power at the higher load that a lower one may draw more
)

// Facts are what quality control must know of the host beside the points.
type Facts struct {
	Virtual  string  // the hypervisor, "" on bare metal
	TDPW     float64 // of one socket, watts; 0 where it is not known
	LimitW   float64 // sustained power limit of one socket, watts; 0 where none is known
	Filtered bool    // the processor adds noise to its counters
}

// FactsOf returns what a calibration says of its host.
func FactsOf(c *report.Calibration) Facts {
	f := Facts{Virtual: c.Facts.Virtual, Filtered: c.Facts.Filtered}
	if c.Facts.LimitW != nil {
		f.LimitW = *c.Facts.LimitW
	}
	if c.Host.TDP.Value != nil {
		f.TDPW = *c.Host.TDP.Value
	}
	return f
}

// Judge puts the points through quality control. It writes the verdicts on each
// into it, and returns those on the whole. Points stay in use unless a verdict
// leaves them out.
func Judge(points []report.CalibrationPoint, f Facts) []report.Verdict {
	for i := range points {
		p := &points[i]
		p.Verdicts = judgePoint(p, f)
		p.Used = !slices.ContainsFunc(p.Verdicts, func(v report.Verdict) bool { return v.Action == report.VerdictLeave })
	}
	judgeVisits(points)
	judgeOrder(points)
	return judgeHost(points, f)
}

// judgePoint looks at one point by itself.
func judgePoint(p *report.CalibrationPoint, f Facts) []report.Verdict {
	out := []report.Verdict{}
	say := func(code, action, advice, format string, args ...any) {
		out = append(out, report.Verdict{Code: code, Action: action, Message: fmt.Sprintf(format, args...), Advice: advice})
	}
	watts, known := p.Power()
	if !known {
		reason := p.Reason
		if reason == "" {
			reason = "a package's counter could not be read"
		}
		say("no-power", report.VerdictLeave, "see energyprobe doctor", "the power is not known: %s", reason)
		return out
	}
	if n := p.Throttled; n != nil && *n > 0 {
		say("thermal-throttling", report.VerdictLeave, "improve the cooling, or lower the power limit, and calibrate again",
			"cores were slowed %.0f times because they were too hot", *n)
	}
	for _, s := range p.Sockets {
		if f.LimitW > 0 && *s.PowerW > (1-nearLimit)*f.LimitW {
			say("power-limit", report.VerdictLeave, "raise the power limit for the time of the calibration, or take its upper end as it is",
				"socket %d drew %.1f W of the %.1f W that its limit allows: the limit set its power, and not the load", s.Socket, *s.PowerW, f.LimitW)
		}
	}
	if d := drift(p.ThirdsW); p.Shape != report.ShapeTrace && d > maxDrift {
		say("drift", report.VerdictRepeat, "let the machine warm up longer", "its power changed by %.1f %% from the first third to the last", 100*d)
	}
	limit := maxBackgroundLoad
	if p.Shape == report.ShapeIdle {
		limit = maxBackgroundIdle
	}
	if b := p.Background; b != nil && *b > limit {
		action := report.VerdictRepeat
		if *b > grossBackground {
			action = report.VerdictLeave
		}
		say("background", action, "stop other work, and calibrate again", "other work had %.1f %% of the CPU time, %.0f %% are allowed", 100**b, 100*limit)
	}
	if s := p.Steal; s != nil && *s > maxSteal {
		say("steal", report.VerdictLeave, "calibrate on the host, not in a guest of a machine that is shared", "the hypervisor gave %.1f %% of the CPU time to others", 100**s)
	}
	if q := p.QuotaS; q != nil && *q > 0 {
		say("quota", report.VerdictLeave, "run without a CPU quota: systemd-run --scope -p CPUQuota= energyprobe calibrate", "the control group's quota kept the load waiting for %.3g s", *q)
	}
	if watts == 0 {
		say("zeros", report.VerdictLeave, "see energyprobe doctor", "the counters did not move in %.3g s", p.DurationS)
	}
	return out
}

// drift is how far the last third lies from the first, relative to their mean.
func drift(thirds []float64) float64 {
	if len(thirds) != 3 || thirds[0]+thirds[2] <= 0 {
		return 0
	}
	return 2 * math.Abs(thirds[2]-thirds[0]) / (thirds[0] + thirds[2])
}

// visit is what the repeats of a point have in common.
type visit struct {
	workload, shape, placement, cpus string
	load                             float64
}

func visitOf(p *report.CalibrationPoint) visit {
	return visit{p.Workload, p.Shape, p.Placement, p.CPUs, p.Load}
}

// judgeVisits looks at whether a load draws the same every time.
func judgeVisits(points []report.CalibrationPoint) {
	watts, members := map[visit][]float64{}, map[visit][]int{}
	for i := range points {
		p := &points[i]
		if w, known := p.Power(); known && p.Used && p.Shape != report.ShapeIdle && p.Shape != report.ShapeTrace {
			k := visitOf(p)
			watts[k], members[k] = append(watts[k], w), append(members[k], i)
		}
	}
	for k, w := range watts {
		cv := variation(w)
		if len(w) < 2 || cv <= maxSpread {
			continue
		}
		for _, i := range members[k] {
			points[i].Verdicts = append(points[i].Verdicts, report.Verdict{
				Code: "repeatability", Action: report.VerdictRepeat,
				Message: fmt.Sprintf("%d visits of this load vary by %.1f %%", len(w), 100*cv), Advice: "stop other work, let the machine warm up longer, and calibrate again",
			})
		}
	}
}

// variation is the standard deviation over the mean.
func variation(w []float64) float64 {
	s := stats.Describe(w)
	if len(w) < 2 || !(s.Mean > 0) {
		return 0
	}
	return s.StdDev / s.Mean
}

// judgeOrder notes where more load drew less power: of one workload, shape and
// placement.
func judgeOrder(points []report.CalibrationPoint) {
	type series struct{ workload, shape, placement string }
	levels := map[series]map[float64][]float64{}
	for i := range points {
		p := &points[i]
		if w, known := p.Power(); known && p.Used && p.Load > 0 && p.Shape != report.ShapeTrace {
			k := series{p.Workload, p.Shape, p.Placement}
			if levels[k] == nil {
				levels[k] = map[float64][]float64{}
			}
			levels[k][p.Load] = append(levels[k][p.Load], w)
		}
	}
	for i := range points {
		p := &points[i]
		own := levels[series{p.Workload, p.Shape, p.Placement}]
		if !p.Used || p.Load == 0 || own == nil {
			continue
		}
		here, most, at := median(own[p.Load]), 0.0, 0.0
		for load, w := range own {
			if below := median(w); load < p.Load && below > most {
				most, at = below, load
			}
		}
		if here < (1-monotone)*most {
			p.Verdicts = append(p.Verdicts, report.Verdict{
				Code: "non-monotone", Action: report.VerdictNote,
				Message: fmt.Sprintf("%.1f W, less than the %.1f W at %.0f %% load: clocks or limits changed in between", here, most, 100*at),
				Advice:  "fix the clock for the time of the calibration: cpupower frequency-set -g performance",
			})
		}
	}
}

func median(v []float64) float64 { return stats.Describe(v).Median.Value }

// Unfit is the verdict on a host whose counters are no truth whatever they show,
// nil for any other: to load it for minutes would be in vain.
func Unfit(f Facts) *report.Verdict {
	if f.Virtual == "" {
		return nil
	}
	return &report.Verdict{
		Code: "virtual", Action: report.VerdictRefuse,
		Message: fmt.Sprintf("this is a virtual machine (%s): its counters may be made up by the hypervisor", f.Virtual),
		Advice:  "calibrate on the host, and use its profile in the guest; --force overrules this and is noted in the profile",
	}
}

// judgeHost looks at the points together, and at what is known of the host.
func judgeHost(points []report.CalibrationPoint, f Facts) []report.Verdict {
	out := []report.Verdict{}
	say := func(code, action, advice, format string, args ...any) {
		out = append(out, report.Verdict{Code: code, Action: action, Message: fmt.Sprintf(format, args...), Advice: advice})
	}
	if v := Unfit(f); v != nil {
		out = append(out, *v)
	}
	if f.Filtered {
		say("filtered", report.VerdictDegrade, "disable SGX in the firmware's settings to have exact counters", "the processor adds noise to its counters")
	}
	refused := func(code string) (n int) {
		for i := range points {
			if slices.ContainsFunc(points[i].Verdicts, func(v report.Verdict) bool { return v.Code == code }) {
				n++
			}
		}
		return n
	}
	if n := refused("steal"); n > 0 {
		say("steal", report.VerdictRefuse, "calibrate on the host, not in a guest of a machine that is shared", "at %d of %d points a hypervisor gave CPU time to others", n, len(points))
	}
	if n := refused("quota"); n > 0 {
		say("quota", report.VerdictRefuse, "run without a CPU quota", "at %d of %d points a quota kept the load waiting", n, len(points))
	}
	if n := refused("zeros"); n > 0 && n == len(points) {
		say("zeros", report.VerdictRefuse, "see energyprobe doctor", "the counters never moved")
	}
	judgeIdle(points, f, say)
	judgeWhole(points, say)
	return out
}

// judgeWhole looks at whether the points in use are what was planned: undisturbed
// for the most part, and from little to all of the machine.
func judgeWhole(points []report.CalibrationPoint, say func(code, action, advice, format string, args ...any)) {
	used, disturbed, least, most := 0, 0, math.Inf(1), math.Inf(-1)
	for i := range points {
		p := &points[i]
		if !p.Used {
			continue
		}
		used++
		if slices.ContainsFunc(p.Verdicts, func(v report.Verdict) bool { return v.Action == report.VerdictRepeat }) {
			disturbed++
		}
		if u, known := p.Utilisation(); known {
			least, most = min(least, u), max(most, u)
		}
	}
	if float64(disturbed) > mostDisturbed*float64(used) {
		say("disturbed", report.VerdictDegrade, "stop other work, let the machine warm up longer, and calibrate again",
			"%d of %d points are disturbed: other work ran, or the power was not steady", disturbed, used)
	}
	if most-least < leastSpan && used > 0 && most >= least {
		say("narrow", report.VerdictDegrade, "stop other work, let it have all CPUs, and calibrate again",
			"the machine was between %.0f and %.0f %% busy at all points: of other loads nothing is known", 100*least, 100*most)
	}
}

// judgeIdle looks at the idle power over the experiment.
func judgeIdle(points []report.CalibrationPoint, f Facts, say func(code, action, advice, format string, args ...any)) {
	var idle []float64
	var sockets int
	for i := range points {
		p := &points[i]
		if w, known := p.Power(); known && p.Used && p.Shape == report.ShapeIdle {
			idle, sockets = append(idle, w), len(p.Sockets)
		}
	}
	if len(idle) == 0 {
		say("no-idle", report.VerdictRefuse, "stop other work, and calibrate again", "the power of the idle machine is not known: no point without load could be used")
		return
	}
	if cv := variation(idle); cv > maxIdleSpread {
		say("idle-drift", report.VerdictDegrade, "let the machine cool down and stop other work, then calibrate again", "the power of the idle machine varied by %.1f %% while it was calibrated", 100*cv)
	}
	if w := median(idle) / float64(sockets); f.TDPW > 0 && w < leastIdle*f.TDPW {
		say("implausible-idle", report.VerdictRefuse, "measure on the host to be sure; --force overrules this and is noted in the profile",
			"an idle socket draws %.3g W, less than %.0f %% of its %.0f W: no processor does", w, 100*leastIdle, f.TDPW)
	}
	for i := range points {
		if w, known := points[i].Power(); known && f.TDPW > 0 && w > maxPlausible*f.TDPW*float64(sockets) {
			say("implausible-power", report.VerdictRefuse, "see energyprobe doctor, and whether --tdp is right",
				"%.4g W at %.0f %% load, more than %.0f times what the sockets are made for", w, 100*points[i].Load, maxPlausible)
			return
		}
	}
}

// Refused reports whether a verdict says that the counters are no truth.
func Refused(verdicts []report.Verdict) bool {
	return slices.ContainsFunc(verdicts, func(v report.Verdict) bool { return v.Action == report.VerdictRefuse })
}
