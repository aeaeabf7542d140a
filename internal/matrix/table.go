package matrix

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Options say how to look at cells.
type Options struct {
	Method string // of the energies; "" for the one that most cells have
	// CommonWorkers leaves out numbers of workers that not every row of an
	// application has, so that rows are means over the same ones.
	CommonWorkers bool
	Tool          report.Tool
	Now           time.Time
	Seed          int64 // of resampling
}

// Table makes the global table.
func Table(s Set, o Options) (*report.BenchTable, error) {
	if len(s.Cells) == 0 {
		return nil, errors.New("there are no cells to make a table of")
	}
	method, err := s.method(o.Method)
	if err != nil {
		return nil, err
	}
	currency, err := s.currency()
	if err != nil {
		return nil, err
	}
	t := &report.BenchTable{Schema: report.BenchTableSchema, RunID: report.NewID(), StartedAt: o.Now, Tool: o.Tool, Files: s.Files, Method: method,
		Currency: currency, Prices: append([]report.PriceList{}, s.Prices...), Applications: s.applications(), Cells: len(s.Cells), Notes: []string{},
		Warnings: append([]report.Warning{}, s.Warnings...)}
	t.Warnings = append(t.Warnings, s.unlikeWork()...)
	for _, g := range s.groups() {
		c := g.config(method)
		t.Configs = append(t.Configs, c)
		t.Failed += c.Failed()
		t.Quality = energy.Worse(t.Quality, c.Energy.Quality)
	}
	t.Fronts = fronts(t.Configs)
	fillRows(t, o.CommonWorkers)
	t.Notes = append(t.Notes, notes(t, o.CommonWorkers)...)
	return t, nil
}

// rowKey is an architecture at a memory.
type rowKey struct {
	arch   string
	memory int
}

func rowOf(c *report.BenchConfig) rowKey {
	k := rowKey{c.Arch, noLimit}
	if c.MemoryMB != nil {
		k.memory = *c.MemoryMB
	}
	return k
}

func fillRows(t *report.BenchTable, common bool) {
	byRow := map[rowKey]map[string][]*report.BenchConfig{}
	for i := range t.Configs {
		c := &t.Configs[i]
		k := rowOf(c)
		if byRow[k] == nil {
			byRow[k] = map[string][]*report.BenchConfig{}
		}
		byRow[k][c.Application] = append(byRow[k][c.Application], c)
	}
	rows := slices.SortedFunc(maps.Keys(byRow), func(a, b rowKey) int {
		return cmp.Or(place(archOrder, a.arch)-place(archOrder, b.arch), strings.Compare(a.arch, b.arch), cmp.Compare(a.memory, b.memory))
	})
	shared := map[string]map[int]bool{}
	if common {
		for _, app := range t.Applications {
			shared[app] = sharedWorkers(byRow, app)
		}
	}
	for _, k := range rows {
		row := report.BenchRow{Arch: k.arch}
		if k.memory != noLimit {
			row.MemoryMB = &k.memory
		}
		for _, app := range t.Applications {
			row.Entries = append(row.Entries, entry(app, byRow[k][app], shared[app]))
		}
		t.Rows = append(t.Rows, row)
	}
}

// sharedWorkers are the numbers of workers that every row of an application has
// a time for.
func sharedWorkers(byRow map[rowKey]map[string][]*report.BenchConfig, app string) map[int]bool {
	seen, rows := map[int]int{}, 0
	for _, apps := range byRow {
		any := false
		for _, c := range apps[app] {
			if c.Duration.Median != nil {
				seen[c.Workers]++
				any = true
			}
		}
		if any {
			rows++
		}
	}
	out := map[int]bool{}
	for w, n := range seen {
		if n == rows {
			out[w] = true
		}
	}
	return out
}

// entry is an application in a row: means over the numbers of workers. With
// only, no others than these.
func entry(app string, configs []*report.BenchConfig, only map[int]bool) report.BenchEntry {
	e := report.BenchEntry{Application: app, Workers: []int{}}
	var in []*report.BenchConfig
	for _, c := range configs {
		e.Cells += c.Repetitions
		for status, n := range c.Failures {
			if e.Failures == nil {
				e.Failures = map[string]int{}
			}
			e.Failures[status] += n
		}
		if c.Duration.Median == nil || only != nil && !only[c.Workers] {
			continue
		}
		in = append(in, c)
		e.Workers = append(e.Workers, c.Workers)
	}
	if len(in) == 0 {
		switch {
		case len(configs) == 0:
			e.Reason = "there are no cells of it"
		case only != nil:
			e.Reason = "it has no number of workers that all rows have"
		default:
			e.Reason = configs[0].Duration.Reason
		}
		return e
	}
	e.Cost, e.Reason = meanOf(in, func(c *report.BenchConfig) (*float64, string) { return c.Cost.Median, c.Cost.Reason })
	e.DurationS, _ = meanOf(in, func(c *report.BenchConfig) (*float64, string) { return c.Duration.Median, "" })
	energyJ, why := meanOf(in, func(c *report.BenchConfig) (*float64, string) { return c.Energy.Median, c.Energy.Reason })
	e.EnergyJ = energyJ
	e.Reason = cmp.Or(e.Reason, why)
	e.EnergyLowJ, _ = meanOf(in, func(c *report.BenchConfig) (*float64, string) { return c.Energy.RangeLowJ, "" })
	e.EnergyHighJ, _ = meanOf(in, func(c *report.BenchConfig) (*float64, string) { return c.Energy.RangeHighJ, "" })
	return e
}

// meanOf is the mean of the configurations' values. Where one is not known the
// mean is not: without it, it would look complete.
func meanOf(in []*report.BenchConfig, value func(*report.BenchConfig) (*float64, string)) (*float64, string) {
	sum := 0.0
	for _, c := range in {
		v, why := value(c)
		if v == nil {
			return nil, fmt.Sprintf("at %s: %s", report.Plural(c.Workers, "worker"), why)
		}
		sum += *v
	}
	mean := sum / float64(len(in))
	return &mean, ""
}

// notes say how the numbers came about.
func notes(t *report.BenchTable, common bool) []string {
	n := []string{"Each number is the median over the repetitions of a configuration, and of these the mean over the numbers of workers, each with equal weight."}
	if common {
		n[0] += " Numbers of workers that not every row of the application has are left out."
	} else if uneven := unevenWorkers(t); uneven != "" {
		n = append(n, uneven)
	}
	if t.Failed > 0 {
		n = append(n, fmt.Sprintf("%d of %s did not end well (%s): counted behind a dagger, and in no number.", t.Failed, report.Plural(t.Cells, "cell"), statusText(allFailures(t))))
	}
	if t.Quality == energy.Estimated {
		n = append(n, fmt.Sprintf("e is an estimate by the method %s, not a measurement%s. The range is one error in all cells of an architecture: it moves them together.",
			t.Method, rangeText(t)))
	}
	single := 0
	for i := range t.Configs {
		if t.Configs[i].Repetitions == 1 {
			single++
		}
	}
	if single > 0 {
		n = append(n, fmt.Sprintf("%s of %d have one repetition: nothing is known of how much it would differ the next time.", report.Plural(single, "configuration"), len(t.Configs)))
	}
	return n
}

// rangeText is ", from 0.6 to 1.8 times as much".
func rangeText(t *report.BenchTable) string {
	low, high := 0.0, 0.0
	n := 0
	for i := range t.Configs {
		e := &t.Configs[i].Energy
		if e.Median != nil && *e.Median > 0 && e.RangeLowJ != nil && e.RangeHighJ != nil {
			l, h := *e.RangeLowJ / *e.Median, *e.RangeHighJ / *e.Median
			if n == 0 || l < low {
				low = l
			}
			if n == 0 || h > high {
				high = h
			}
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; it may be %.2g to %.2g times as much", low, high)
}

func allFailures(t *report.BenchTable) map[string]int {
	all := map[string]int{}
	for i := range t.Configs {
		for s, n := range t.Configs[i].Failures {
			all[s] += n
		}
	}
	return all
}

// statusText is "3 oom, 1 timeout".
func statusText(failures map[string]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(failures)) {
		parts = append(parts, fmt.Sprintf("%d %s", failures[s], s))
	}
	return strings.Join(parts, ", ")
}

// unevenWorkers says which rows of an application are means over other numbers
// of workers than the rest: they can't be read against one another.
func unevenWorkers(t *report.BenchTable) string {
	var apps []string
	for i, app := range t.Applications {
		sets := map[string][]string{}
		for _, row := range t.Rows {
			if w := row.Entries[i].Workers; len(w) > 0 {
				k := workerList(w)
				sets[k] = append(sets[k], rowName(row))
			}
		}
		if len(sets) < 2 {
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(sets)) {
			parts = append(parts, strings.Join(sets[k], ", ")+" over "+k)
		}
		apps = append(apps, report.AppName(app)+": "+strings.Join(parts, "; "))
	}
	if len(apps) == 0 {
		return ""
	}
	return "Rows are means over different numbers of workers and can't be read against one another (" + strings.Join(apps, " / ") +
		"): --common-workers takes those that all have, and compare pairs them."
}

func workerList(w []int) string {
	s := slices.Clone(w)
	slices.SortFunc(s, func(a, b int) int { return b - a })
	parts := make([]string, len(s))
	for i, n := range s {
		parts[i] = fmt.Sprint(n)
	}
	return strings.Join(parts, " ")
}

func rowName(r report.BenchRow) string {
	if r.MemoryMB == nil {
		return report.ArchName(r.Arch)
	}
	return fmt.Sprintf("%s %d", report.ArchName(r.Arch), *r.MemoryMB)
}

// unlikeWork warns of an application whose cells did different amounts of work,
// or came to different results.
func (s Set) unlikeWork() []report.Warning {
	type done struct {
		units float64
		unit  string
	}
	amounts, sums := map[string]map[done]bool{}, map[string]map[string]bool{}
	for i := range s.Cells {
		c := &s.Cells[i]
		if c.Status != report.CellOK || c.Work == nil {
			continue
		}
		if amounts[c.Application] == nil {
			amounts[c.Application], sums[c.Application] = map[done]bool{}, map[string]bool{}
		}
		amounts[c.Application][done{c.Work.Units, c.Work.Unit}] = true
		if c.Work.Checksum != "" {
			sums[c.Application][c.Work.Checksum] = true
		}
	}
	var out []report.Warning
	for _, app := range slices.SortedFunc(maps.Keys(amounts), compareApps) {
		if n := len(amounts[app]); n > 1 {
			out = append(out, report.Warning{Code: "unlike-work", Message: fmt.Sprintf("cells of %s did %d different amounts of work, so their joules and seconds can't be read against one another", report.AppName(app), n),
				Advice: "give results of one plan"})
		} else if n := len(sums[app]); n > 1 {
			out = append(out, report.Warning{Code: "unlike-results", Message: fmt.Sprintf("cells of %s did the same work and came to %d different checksums", report.AppName(app), n),
				Advice: "see the checksums with --format json: a machine that computes wrongly is not fit, whatever it uses"})
		}
	}
	return out
}
