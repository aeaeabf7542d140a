package flexexecutor

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// defaultLogical is how many CPUs a function sees up to 3008 MB.
const defaultLogical = 2

// work is an invocation, and what has no place in the result.
type work struct {
	report.Invocation
	tdpS     float64 // the metric TDP, NaN where missing
	onLambda bool
}

// fill makes a cell of what all stages say of one repetition.
func (im *importer) fill(c *report.BenchCell, g group, stages []stage, key Key, rep int) {
	var all []work
	var missing []string
	sum, known := 0.0, true
	for _, s := range stages {
		pc := s.cells[key]
		n := 0
		if pc != nil && rep < pc.repetitions() {
			n = pc.workers(rep)
		}
		if n == 0 {
			missing = append(missing, s.name)
			continue
		}
		slowest := math.Inf(-1)
		for w := range n {
			one := im.invocation(g, pc, s.name, rep, w)
			if one.DurationS == nil {
				known = false
			} else {
				slowest = max(slowest, *one.DurationS)
			}
			all = append(all, one)
		}
		sum += slowest
		im.idle(c, s.name, all[len(all)-n:])
	}
	for i := range all {
		c.Invocations = append(c.Invocations, all[i].Invocation)
	}
	im.extras(c, g, stages, key, rep)
	switch {
	case len(all) == 0:
		c.Status, c.Reason = report.CellEmpty, fmt.Sprintf("the profile has a repetition %d, and no worker in it", rep+1)
		return
	case len(missing) > 0:
		c.Status = report.CellFailed
		c.Reason = fmt.Sprintf("there is nothing of %s in this repetition: the application did not end, or that was not kept", strings.Join(missing, ", "))
	case known:
		c.DurationS = &sum
	}
	for i := range all {
		if name := all[i].CPUName; name != "" && !slices.Contains(c.CPUNames, name) {
			c.CPUNames = append(c.CPUNames, name)
		}
	}
	slices.Sort(c.CPUNames)
	im.usage(c, all)
	im.energies(c, all)
	im.cost(c, g, all)
	im.elsewhere(g, c, all)
}

// noWorkS is less than any work takes: a call and a return.
const noWorkS = 1e-3

// idle warns of a stage in which nobody had anything to do: what was before it
// left nothing behind, and the repetition is not like the others.
func (im *importer) idle(c *report.BenchCell, stage string, workers []work) {
	for i := range workers {
		if s := workers[i].ComputeS; s == nil || *s >= noWorkS {
			return
		}
	}
	w := report.Warning{
		Code:    "no-work",
		Message: fmt.Sprintf("no worker of %s, of %d, computed for a millisecond: there was nothing to do", stage, len(workers)),
		Advice:  "leave the repetition out of comparisons: it did less than the others",
	}
	c.Warnings = append(c.Warnings, w)
	im.warn(w.Code, w.Advice, "%s: %s", c.ID, w.Message)
}

// invocation reads one worker.
func (im *importer) invocation(g group, pc *profileCell, stageName string, rep, w int) work {
	num := func(name string) float64 {
		if col := pc.column(name); col != nil {
			return col.number(rep, w)
		}
		return math.NaN()
	}
	text := func(name string) string {
		if col := pc.column(name); col != nil {
			return col.text(rep, w)
		}
		return ""
	}
	one := work{tdpS: num(mTDP), onLambda: onLambda(text(mAWS), g.place)}
	v := &one.Invocation
	v.Stage, v.Worker = stageName, w
	v.DurationS = report.Known(num(mDuration))
	if v.DurationS == nil {
		v.DurationS = report.Known(num(mRounded)) // the same, to 8 decimals
	}
	v.ReadS, v.ComputeS, v.WriteS, v.ColdStartS = report.Known(num(mRead)), report.Known(num(mCompute)), report.Known(num(mWrite)), report.Known(num(mColdStart))
	v.CPUName = text(mCPUName)
	if one.onLambda && !math.IsNaN(one.tdpS) {
		// A function has its CPUs to itself: what was busy was busy for it.
		cpuS := one.tdpS * logical(num(mLogical))
		v.CPUS = &cpuS
	}
	return one
}

// logical is the number of CPUs that the mean of TDP is over.
func logical(n float64) float64 {
	if n >= 1 && n <= maxCPU {
		return n
	}
	return defaultLogical
}

// onLambda goes by what the worker said, or else by the directory.
func onLambda(aws string, p place) bool {
	switch {
	case strings.Contains(aws, "lambda:True"):
		return true
	case strings.Contains(aws, "lambda:False"):
		return false
	}
	return p.lambda()
}

// usage adds up the CPU seconds where all are known.
func (im *importer) usage(c *report.BenchCell, all []work) {
	var sum float64
	for i := range all {
		if all[i].CPUS == nil {
			return
		}
		sum += *all[i].CPUS
	}
	c.CPUS = &sum
}

// extras keeps what has no field of its own: once for the cell where it is the
// same for all, or else with each invocation.
func (im *importer) extras(c *report.BenchCell, g group, stages []stage, key Key, rep int) {
	var names []string
	for _, s := range stages {
		if pc := s.cells[key]; pc != nil {
			for i := range pc.columns {
				if name := pc.columns[i].name; !slices.Contains(names, name) && !strings.HasPrefix(name, aliasPrefix) {
					names = append(names, name)
				}
			}
		}
	}
	// TDP leans on the number of CPUs.
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(isFirst(a), isFirst(b)) })
	for _, name := range names {
		var cols []value
		texts := false
		at := 0
		for _, s := range stages {
			pc := s.cells[key]
			if pc == nil || rep >= pc.repetitions() {
				continue
			}
			col := pc.column(name)
			for w := range pc.workers(rep) {
				v := value{at: at, num: math.NaN()}
				if col != nil {
					v.num, v.text = col.number(rep, w), col.text(rep, w)
					texts = texts || col.texts != nil
				}
				cols = append(cols, v)
				at++
			}
		}
		if texts {
			im.keepTexts(c, name, cols)
		} else {
			im.keepNumbers(c, g, name, cols)
		}
	}
}

func isFirst(name string) int {
	if name == mLogical {
		return 0
	}
	return 1
}

// value is what a metric says of the invocation at an index.
type value struct {
	at   int
	num  float64
	text string
}

func (im *importer) keepTexts(c *report.BenchCell, name string, values []value) {
	if name == mCPUName || len(values) == 0 {
		return
	}
	same := !slices.ContainsFunc(values, func(v value) bool { return v.text != values[0].text })
	if same {
		if values[0].text != "" {
			if c.Labels == nil {
				c.Labels = map[string]string{}
			}
			c.Labels[name] = values[0].text
		}
		return
	}
	for _, v := range values {
		if v.text == "" {
			continue
		}
		one := &c.Invocations[v.at]
		if one.Labels == nil {
			one.Labels = map[string]string{}
		}
		one.Labels[name] = v.text
	}
}

// keepNumbers puts a metric's mean with the cell, and what can't be made of that
// and of the invocation's own fields with the invocations.
func (im *importer) keepNumbers(c *report.BenchCell, g group, name string, values []value) {
	m := describe(name)
	sum, n, constant := 0.0, 0, true
	for _, v := range values {
		if math.IsNaN(v.num) {
			constant = false
			continue
		}
		sum += v.num
		n++
		constant = constant && v.num == values[0].num
	}
	own := slices.Contains(ownFields, name)
	if !own || name == mDuration {
		c.Metrics[name] = im.cellMetric(g, c, m, sum, n, values)
	}
	if constant && !own && name != mRounded {
		if v := c.Metrics[name].Value; v != nil && *v == values[0].num || n > 0 && values[0].num == 0 && (m.Kind == Counter || m.Kind == Cores) {
			return
		}
	}
	for _, v := range values {
		if math.IsNaN(v.num) || m.Kind == Counter && v.num == 0 || kept(&c.Invocations[v.at], c, name, v.num) {
			continue
		}
		one := &c.Invocations[v.at]
		if one.Metrics == nil {
			one.Metrics = map[string]float64{}
		}
		one.Metrics[name] = v.num
	}
}

// kept reports whether a value can be had from the invocation's own fields.
func kept(one *report.Invocation, c *report.BenchCell, name string, v float64) bool {
	switch name {
	case mRead, mCompute, mWrite, mColdStart, mDuration:
		return true
	case mRounded:
		return one.DurationS != nil && rounded(*one.DurationS) == v
	case mTDP:
		return one.CPUS != nil && *one.CPUS/cellLogical(c, one) == v
	}
	return false
}

// cellLogical is the number of CPUs as the result has it.
func cellLogical(c *report.BenchCell, one *report.Invocation) float64 {
	if n, ok := one.Metrics[mLogical]; ok {
		return logical(n)
	}
	if n := c.Metrics[mLogical].Value; n != nil {
		return logical(*n)
	}
	return defaultLogical
}

// rounded is Python's round(x, 8), by which Lithops has worker_exec_time.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', 8, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// reasonNoNumber is told from others by the export.
const reasonNoNumber = "the profile has no number for it"

// cellMetric is the mean over the cell's invocations, or why there is none.
func (im *importer) cellMetric(g group, c *report.BenchCell, m Metric, sum float64, n int, values []value) report.Metric {
	out := report.Metric{Unit: m.Unit, Source: g.place.name, Scope: energy.ScopeProcess}
	if m.Name == mPercent || m.Kind == Counter || m.Kind == Cores {
		out.Scope = energy.ScopeMachine
	}
	low := math.Inf(1)
	for _, v := range values {
		if !math.IsNaN(v.num) {
			low = min(low, v.num)
		}
	}
	switch {
	case n == 0:
		out.Reason = reasonNoNumber
	case m.Kind == Counter && low < 0:
		out.Reason = "it is negative: the counter started again at 0 and the original did not see that"
		im.warn("counter-negative", "the joules of these invocations are not known", "%s: %s is negative, %g at least: a counter that started again at 0", g.dir, m.Name, low)
	case m.Kind == Counter && slices.ContainsFunc(values, func(v value) bool { return v.num == 0 }):
		out.Reason = "0.0 is what the original writes where there is no counter"
	case m.Kind == Cores && low == 0:
		out.Reason = "0 is what the original writes where the kernel does not say"
	default:
		mean := sum / float64(n)
		if !slices.ContainsFunc(values, func(v value) bool { return v.num != values[0].num }) {
			mean = values[0].num // a sum of many rounds
		}
		if math.IsInf(mean, 0) {
			out.Reason = "its values are beyond all range"
			break
		}
		out.Value, out.Quality = &mean, energy.Measured
		if m.Kind == Counter {
			// Every worker saw the whole package, whoever ran on it.
			out.Reason = "of the whole package while a worker ran: the workers' must not be added"
		}
	}
	return out
}
