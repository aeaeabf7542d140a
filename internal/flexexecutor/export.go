package flexexecutor

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/energyprobe/energyprobe/internal/report"
)

// ExportOptions say how profiles are written.
type ExportOptions struct {
	Gzip bool
	// Aliases adds what is known under the names of the fork's statistics
	// (alias.go).
	Aliases bool
}

// File is a profile to be written: a stage in a directory.
type File struct {
	dir, stage string
	gzip       bool
	configs    []*exportConfig
	o          ExportOptions
}

// exportConfig is a key with its repetitions.
type exportConfig struct {
	key  Key
	reps []exportRep
}

type exportRep struct {
	cell    *report.BenchCell
	host    *report.Host
	workers []*report.Invocation
}

// imported reports whether the cell was read from a profile, and is to come out
// as that was.
func (r exportRep) imported() bool { _, ok := r.cell.Metrics[keyCPU]; return ok }

// Place is where a file goes.
type Place struct{ Dir, File string }

// A directory's or file's name that is one on every system, and no way out of
// the directory that was asked for.
var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._+@-]*$`) })

// Path is where the file goes under root. The error is for names of
// applications and stages that are none of a file.
func (f *File) Path(root string) (Place, error) {
	for _, name := range []string{f.dir, f.stage} {
		if !plainName().MatchString(name) || len(name) > 200 {
			return Place{}, fmt.Errorf("write profiles: %.80q is no name for a file or directory: use letters, digits, . _ + - and no more than 200", name)
		}
	}
	dir := filepath.Join(root, f.dir)
	file := f.stage + ".json"
	if f.gzip {
		file += ".gz"
	}
	return Place{dir, filepath.Join(dir, file)}, nil
}

// Export makes profiles of results, in the order in which their cells ran.
func Export(all []*report.Bench, o ExportOptions) ([]*File, error) {
	x := &exporter{o: o, at: map[[2]string]*File{}}
	for _, b := range all {
		cells := make([]*report.BenchCell, len(b.Cells))
		for i := range b.Cells {
			cells[i] = &b.Cells[i]
		}
		slices.SortStableFunc(cells, func(p, q *report.BenchCell) int { return cmp.Compare(p.Order, q.Order) })
		for _, c := range cells {
			if err := x.cell(c, b.Host); err != nil {
				return nil, err
			}
		}
	}
	if len(x.files) == 0 {
		return nil, errors.New("there is nothing to export: the result has no cells")
	}
	return x.files, nil
}

type exporter struct {
	o     ExportOptions
	files []*File
	at    map[[2]string]*File
}

// cell adds a repetition to the files of its stages.
func (x *exporter) cell(c *report.BenchCell, host *report.Host) error {
	key := Key{CPU: 1, Workers: c.Workers}
	if c.MemoryMB != nil {
		key.MemoryMB = *c.MemoryMB
	}
	dir := directory(c)
	if m, ok := c.Metrics[keyCPU]; ok && m.Value != nil {
		key.CPU = *m.Value
		dir = cmp.Or(m.Source, dir)
	} else if c.VCPU != nil {
		key.CPU = max(math.Ceil(*c.VCPU), 1)
	}
	if _, ok := parseKey(key.String()); !ok {
		return fmt.Errorf("%s: %s is no configuration that the format can hold", c.ID, key)
	}
	byStage := map[string][]*report.Invocation{}
	var names []string
	for i := range c.Invocations {
		name := cmp.Or(c.Invocations[i].Stage, "stage")
		if byStage[name] == nil {
			names = append(names, name)
		}
		byStage[name] = append(byStage[name], &c.Invocations[i])
	}
	if len(names) == 0 {
		names = []string{"stage"}
		if c.Status != report.CellEmpty {
			return nil // it failed before any worker: the format has no place for that
		}
	}
	for _, name := range names {
		f := x.at[[2]string{dir, name}]
		if f == nil {
			f = &File{dir: dir, stage: name, gzip: x.o.Gzip, o: x.o}
			x.at[[2]string{dir, name}] = f
			x.files = append(x.files, f)
		}
		f.add(key, exportRep{c, host, byStage[name]})
	}
	return nil
}

func (f *File) add(key Key, rep exportRep) {
	for _, c := range f.configs {
		if c.key == key {
			c.reps = append(c.reps, rep)
			return
		}
	}
	f.configs = append(f.configs, &exportConfig{key, []exportRep{rep}})
}

// directory names one as FlexExecutor does, for a cell that comes from none.
func directory(c *report.BenchCell) string {
	mb := 0
	if c.MemoryMB != nil {
		mb = *c.MemoryMB
	}
	arch := map[string]string{"x86_64": "x86", "aarch64": "arm"}[c.Arch]
	return fmt.Sprintf("%s_local_%dMb_%s", c.Application, mb, cmp.Or(arch, c.Arch))
}

// Write writes the profile as Python's json.dump(..., indent=4) does.
func (f *File) Write(w io.Writer) error {
	if f.gzip {
		z := gzip.NewWriter(w)
		if err := f.write(z); err != nil {
			return err
		}
		return z.Close()
	}
	return f.write(w)
}

func (f *File) write(w io.Writer) error {
	p := &printer{w: bufio.NewWriterSize(w, 1<<16)}
	p.open('{')
	for _, c := range f.configs {
		p.item()
		p.name(c.key.String())
		p.open('{')
		for _, m := range c.metrics(f.o) {
			p.item()
			p.name(m.Name)
			p.open('[')
			for _, rep := range c.trimmed(m) {
				p.item()
				p.open('[')
				for i := range rep.workers {
					p.item()
					p.value(rep.value(m, i), m.Whole)
				}
				p.close(']')
			}
			p.close(']')
		}
		p.close('}')
	}
	p.close('}')
	return p.w.Flush()
}

// metrics lists what a configuration has: for an import what it had, in the
// format's order with unknown ones behind; for our own results all of the format.
func (c *exportConfig) metrics(o ExportOptions) []Metric {
	has := map[string]bool{}
	for _, rep := range c.reps {
		if !rep.imported() && len(rep.workers) > 0 {
			for _, m := range metrics {
				has[m.Name] = true
			}
		}
		rep.names(has)
	}
	var all []Metric
	for _, m := range metrics {
		if has[m.Name] {
			all = append(all, m)
		}
		delete(has, m.Name)
	}
	for _, name := range sortedKeys(has) {
		all = append(all, describe(name))
	}
	if o.Aliases && len(all) > 0 {
		all = append(all, aliases...)
	}
	return all
}

// names collects the metrics that an imported repetition had.
func (r exportRep) names(has map[string]bool) {
	if !r.imported() {
		return
	}
	for name := range r.cell.Metrics {
		has[name] = true
	}
	delete(has, keyCPU)
	for name := range r.cell.Labels {
		has[name] = true
	}
	for _, v := range r.workers {
		for name := range v.Metrics {
			has[name] = true
		}
		for name := range v.Labels {
			has[name] = true
		}
		for name, field := range map[string]*float64{mRead: v.ReadS, mCompute: v.ComputeS, mWrite: v.WriteS, mColdStart: v.ColdStartS, mTDP: v.CPUS} {
			if field != nil {
				has[name] = true
			}
		}
		if v.CPUName != "" {
			has[mCPUName] = true
		}
	}
}

// trimmed leaves repetitions at the end out that have nothing of a metric, which
// is how the format has a metric with fewer of them.
func (c *exportConfig) trimmed(m Metric) []exportRep {
	reps := c.reps
	if strings.HasPrefix(m.Name, aliasPrefix) {
		return reps // all names stand there, whether anything is known or not
	}
	for len(reps) > 0 {
		last := reps[len(reps)-1]
		if len(last.workers) == 0 {
			reps = reps[:len(reps)-1]
			continue
		}
		for i := range last.workers {
			if last.value(m, i) != nil {
				return reps
			}
		}
		if !last.imported() {
			return reps
		}
		reps = reps[:len(reps)-1]
	}
	return reps
}
