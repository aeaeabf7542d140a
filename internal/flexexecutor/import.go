package flexexecutor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/price"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Import reads the profiles under paths: files, directories of stages, trees of
// directories. The error names the file, and where in it the problem is.
func Import(paths []string, o Options) (*report.Bench, error) {
	if len(paths) == 0 {
		return nil, errors.New("find profiles: no file and no directory is named")
	}
	groups, err := find(paths)
	if err != nil {
		return nil, err
	}
	im := &importer{
		o: o, prices: o.Prices, ids: map[string]bool{}, told: map[string]int{}, repetitions: map[config]int{},
		bench: &report.Bench{
			Schema: report.BenchSchema, RunID: report.NewID(), StartedAt: time.Now(), Kind: report.BenchImport,
			Tool: o.Tool, Cells: []report.BenchCell{}, Warnings: []report.Warning{},
		},
	}
	if im.prices == nil {
		im.prices = price.Lambda()
	}
	if o.SocketW == (Watts{}) {
		im.o.SocketW = SeedWatts
	}
	for _, g := range groups {
		if err := im.group(g); err != nil {
			return nil, err
		}
	}
	im.finish()
	return im.bench, nil
}

// importer makes cells of profiles.
type importer struct {
	o           Options
	prices      *price.List
	cpus        processors
	bench       *report.Bench
	ids         map[string]bool
	repetitions map[config]int // so far: a configuration may lie in two directories
	priced      bool
	told        map[string]int // warnings by code
}

// maxTold is how many warnings of a kind are worth reading.
const maxTold = 20

// config is what the repetitions of one configuration have in common.
type config struct {
	app, backend, arch string
	key                Key
}

func (im *importer) warn(code, advice, format string, args ...any) {
	w := report.Warning{Code: code, Message: fmt.Sprintf(format, args...), Advice: advice}
	if slices.Contains(im.bench.Warnings, w) {
		return
	}
	if im.told[code]++; im.told[code] <= maxTold {
		im.bench.Warnings = append(im.bench.Warnings, w)
	}
}

// stage is a file that was read.
type stage struct {
	name, file string
	cells      map[Key]*profileCell
}

// group reads a directory: all stages of an application in one memory size and
// on one architecture.
func (im *importer) group(g group) error {
	var stages []stage
	var keys []Key
	for _, f := range g.stages {
		if im.o.Progress != nil {
			im.o.Progress(f.path)
		}
		p, err := readFile(f.path)
		if err != nil {
			return err
		}
		im.bench.Origin = append(im.bench.Origin, f.path)
		im.notes(f.path, p)
		s := stage{name: f.name, file: g.place.name + "/" + f.name, cells: map[Key]*profileCell{}}
		for i := range p.cells {
			c := &p.cells[i]
			s.cells[c.key] = c
			if !slices.Contains(keys, c.key) {
				keys = append(keys, c.key)
			}
		}
		stages = append(stages, s)
	}
	slices.SortStableFunc(stages, func(a, b stage) int { return compareNatural(a.name, b.name) })
	if g.place.backend == "" {
		g.place.backend = im.backend(g, stages)
	}
	for _, key := range keys {
		im.memory(g, stages, key)
		im.configuration(g, stages, key)
	}
	return nil
}

// compareNatural orders stage2 before stage10.
func compareNatural(a, b string) int {
	cut := func(s string) (string, int) {
		i := len(s)
		for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
			i--
		}
		n, err := strconv.Atoi(s[i:])
		if err != nil {
			n = -1
		}
		return s[:i], n
	}
	textA, nA := cut(a)
	textB, nB := cut(b)
	return cmp.Or(cmp.Compare(textA, textB), cmp.Compare(nA, nB), cmp.Compare(a, b))
}

// notes turns what was odd in a file into warnings.
func (im *importer) notes(file string, p *profile) {
	for _, n := range p.notes {
		im.warn("duplicate", "look into the file: two runs may have been merged by hand", "%s: %s", file, n)
	}
	for _, name := range p.unknown {
		if strings.HasPrefix(name, aliasPrefix) {
			continue // the same again, by the names of the fork's statistics
		}
		if slices.Contains(p.dropped, name) {
			im.warn("metric-shape", "nothing is needed: it is left out", "%s is no metric of the format, and not made of one number or text for each worker: it is left out", plain(name))
			continue
		}
		im.warn("metric-unknown", "nothing is needed: it is kept as it is", "%s is no metric of the format: it is kept beside the others", plain(name))
	}
	if len(p.cells) == 0 {
		im.warn("profile-empty", "leave the file out, or run the profile", "%s: it holds no configuration", file)
	}
	for _, m := range sortedKeys(p.odd) {
		o := p.odd[m]
		if strings.HasPrefix(m, aliasPrefix) {
			continue
		}
		if o.null+o.nan+o.text+o.beyond == 0 {
			continue
		}
		var parts []string
		for _, k := range []struct {
			n    int
			what string
		}{{o.null, "null"}, {o.nan, "NaN or infinite"}, {o.text, "no number"}, {o.beyond, "negative or beyond all time"}} {
			if k.n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", k.n, k.what))
			}
		}
		im.warn("value-missing", "these invocations have no "+plain(m)+"; what is made of it is null where it takes all of them",
			"%s: of %s, values are missing: %s, the first at %s", file, plain(m), strings.Join(parts, ", "), o.first)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// configuration makes the cells of one key: one for each repetition.
func (im *importer) configuration(g group, stages []stage, key Key) {
	arch := im.arch(g, stages, key)
	cfg := config{g.place.app, g.place.backend, arch, key}
	if cfg.backend == "lambda" {
		cfg.backend = "aws"
	}
	im.ragged(g, stages, key)
	n := 0
	for _, s := range stages {
		if c := s.cells[key]; c != nil {
			n = max(n, c.repetitions())
		}
	}
	before := im.repetitions[cfg]
	im.repetitions[cfg] += max(n, 1)
	if n == 0 {
		c := im.newCell(g, cfg, before+1)
		c.Status, c.Reason = report.CellEmpty, "the profile has the configuration, and no repetition of it"
		im.add(c)
		return
	}
	for rep := range n {
		c := im.newCell(g, cfg, before+rep+1)
		im.fill(&c, g, stages, key, rep)
		im.add(c)
	}
}

func (im *importer) add(c report.BenchCell) {
	c.Order = len(im.bench.Cells)
	im.bench.Cells = append(im.bench.Cells, c)
}

// ragged warns of metrics with fewer or more repetitions than there are times:
// which belong together is not known.
func (im *importer) ragged(g group, stages []stage, key Key) {
	counts := map[int][]string{}
	for _, s := range stages {
		c := s.cells[key]
		if c == nil {
			im.warn("stage-missing", "the application's repetitions in this configuration have no duration", "%s: stage %s has no %q", g.dir, s.name, key)
			continue
		}
		n := c.repetitions()
		counts[n] = append(counts[n], s.name)
		var odd []string
		for i := range c.columns {
			if k := len(c.columns[i].reps); k != n && !strings.HasPrefix(c.columns[i].name, aliasPrefix) {
				odd = append(odd, fmt.Sprintf("%s %d", plain(c.columns[i].name), k))
			}
		}
		if len(odd) > 0 {
			im.warn("repetitions-ragged", "they are taken in their order; what is missing is taken for the last, and what is beyond is left out",
				"%s, %q: there are times of %d repetitions, and others of %s", s.file, key, n, strings.Join(odd, ", "))
		}
		for rep := range n {
			if w := c.workers(rep); w != key.Workers && w > 1 {
				im.warn("workers-disagree", "the workers that are there are taken", "%s, %q: repetition %d has %d workers", s.file, key, rep+1, w)
			}
		}
	}
	if len(counts) > 1 {
		var parts []string
		for _, n := range slices.Sorted(mapKeys(counts)) {
			parts = append(parts, fmt.Sprintf("%d of %s", n, strings.Join(counts[n], ", ")))
		}
		im.warn("stages-ragged", "repetitions are put together in their order; where a stage has no more, the application did not end",
			"%s, %q: the stages have different numbers of repetitions: %s", g.dir, key, strings.Join(parts, "; "))
	}
}

func mapKeys[K comparable, V any](m map[K]V) func(yield func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// lambdaMB is the memory that has one vCPU on Lambda, and maxLambdaVCPU what
// the largest function has.
const (
	lambdaMB      = 1769
	maxLambdaVCPU = 6
)

func (im *importer) newCell(g group, cfg config, rep int) report.BenchCell {
	c := report.BenchCell{
		Application: cfg.app, Arch: cfg.arch, Workers: cfg.key.Workers, Repetition: rep, Status: report.CellOK,
		Energy: []report.MethodEnergy{}, Invocations: []report.Invocation{},
		Metrics: map[string]report.Metric{keyCPU: {Value: &cfg.key.CPU, Unit: "1", Source: g.place.name, Scope: energy.ScopeProcess}},
	}
	if !g.place.lambda() && cfg.backend != "" {
		// Not to be mistaken for the same application on Lambda.
		c.Application += "-" + cfg.backend
	}
	if mb := cfg.key.MemoryMB; mb > 0 {
		c.MemoryMB = &mb
		if g.place.lambda() {
			share := min(float64(mb)/lambdaMB, maxLambdaVCPU)
			c.VCPU = &share
		}
	}
	c.ID = im.id(c, cfg.key)
	return c
}

// keyCPU is the name of the cell's metric that holds the first number of the
// key; its source is the directory.
const keyCPU = "key_cpu"

// id makes a name that no other cell has.
func (im *importer) id(c report.BenchCell, key Key) string {
	id := fmt.Sprintf("%s-%s-%d-%02d-r%d", c.Application, c.Arch, key.MemoryMB, c.Workers, c.Repetition)
	if im.ids[id] {
		id += fmt.Sprintf("-cpu%g", key.CPU)
	}
	for base, n := id, 2; im.ids[id]; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	im.ids[id] = true
	return id
}

// finish says once what holds for all.
func (im *importer) finish() {
	for _, code := range sortedKeys(im.told) {
		if n := im.told[code] - maxTold; n > 0 {
			im.bench.Warnings = append(im.bench.Warnings, report.Warning{Code: code, Message: fmt.Sprintf("%d more of this kind", n), Advice: "import fewer directories at a time to see them"})
		}
	}
	if im.priced {
		l := im.prices
		im.bench.Prices = &report.PriceList{Name: l.Name, Date: l.Date, Currency: l.Currency, Source: l.Source, Note: im.priceNote()}
	}
	im.bench.DurationS = time.Since(im.bench.StartedAt).Seconds()
}

func (im *importer) priceNote() string {
	note := "billed is worker_time_execution, rounded up"
	if im.prices.StepS > 0 {
		note = fmt.Sprintf("billed is worker_time_execution, rounded up to %g s", im.prices.StepS)
	}
	switch {
	case im.o.BillColdStart:
		note += ", and the cold start as if all of it were INIT: it holds the network and the queue too, so this is an upper bound"
	case im.prices.BillInit:
		note += "; INIT, which is billed as well, is not in the profiles, so this is a lower bound (--bill-cold-start gives an upper one)"
	}
	note += fmt.Sprintf("; memory as configured; one request for each worker and stage; the month had used %g GB-s before; no free allowance, object store or network", im.o.UsedGBS)
	return note
}
