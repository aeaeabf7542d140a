package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/work"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// Plan is what is to be run.
type Plan struct {
	Seed        int64 // of the order and of generated data; 1 to 2^53-1
	Repetitions int
	MemoryMB    []int // of a worker; 0 is no limit
	Workers     []int
	Workloads   []Workload
	SHA256      string // of the file, "" without one

	given bool // the seed is the user's
}

// Draw sets the seed: the user's, that of the file, or one that draw gives.
func (p *Plan) Draw(seed int64, draw func() int64) {
	if seed != 0 {
		p.Seed = seed
	}
	p.given = p.Seed != 0
	if !p.given {
		p.Seed = draw()
	}
}

// Workload is an application with its size, or a command of the user's.
type Workload struct {
	Name    string
	Size    int
	Unit    string
	Data    string         // the user's own input, for built-in applications
	Stages  []work.Command // none for a built-in application
	Prepare string         // shell line that makes the input, run once
	Timeout time.Duration  // of a cell
}

// Cell is one repetition of one configuration.
type Cell struct {
	Workload   *Workload
	MemoryMB   int
	Workers    int
	Repetition int // from 1
	Order      int // its place, from 0
}

// ID names a cell's file.
func (c Cell) ID() string {
	return fmt.Sprintf("%s-%d-%02d-r%d", c.Workload.Name, c.MemoryMB, c.Workers, c.Repetition)
}

// Cells are all of a plan in the order in which they are made: every combination
// once in each round, in an order drawn anew, so that what drifts is not taken for
// what a configuration does.
func (p *Plan) Cells() []Cell {
	var all []Cell
	for i := range p.Workloads {
		for _, mb := range p.MemoryMB {
			for _, n := range p.Workers {
				all = append(all, Cell{Workload: &p.Workloads[i], MemoryMB: mb, Workers: n})
			}
		}
	}
	var cells []Cell
	for round, order := range stats.Interleave(len(all), p.Repetitions, uint64(p.Seed)) {
		for _, i := range order {
			c := all[i]
			c.Repetition, c.Order = round+1, len(cells)
			cells = append(cells, c)
		}
	}
	return cells
}

// Report is the plan as results carry it.
func (p *Plan) Report(mode string) *report.BenchPlan {
	r := &report.BenchPlan{
		Mode: mode, Seed: p.Seed, MemoryMB: p.MemoryMB, Workers: p.Workers, Repetitions: p.Repetitions,
		Cells: len(p.Workloads) * len(p.MemoryMB) * len(p.Workers) * p.Repetitions, SHA256: p.SHA256,
	}
	for _, w := range p.Workloads {
		b := report.BenchWorkload{Name: w.Name, Size: float64(w.Size), Unit: w.Unit, Data: w.Data}
		for _, s := range w.Stages {
			b.Command = append(b.Command, s.Argv...)
		}
		r.Applications = append(r.Applications, b)
	}
	return r
}

// DefaultTimeout is the longest that AWS lets a function run.
const DefaultTimeout = 15 * time.Minute

// planFile is the form of a matrix's file.
type planFile struct {
	Seed         int64          `yaml:"seed"`
	Repetitions  *int           `yaml:"repetitions"`
	MemoryMB     []int          `yaml:"memory_mb"`
	Workers      []int          `yaml:"workers"`
	Timeout      time.Duration  `yaml:"timeout"`
	Applications []workloadFile `yaml:"applications"`
}

type workloadFile struct {
	Name    string        `yaml:"name"`
	Size    string        `yaml:"size"`
	Unit    string        `yaml:"unit"`
	Data    string        `yaml:"data"`
	Command []string      `yaml:"command"`
	Stages  []stageFile   `yaml:"stages"`
	Prepare string        `yaml:"prepare"`
	Timeout time.Duration `yaml:"timeout"`
}

type stageFile struct {
	Name    string   `yaml:"name"`
	Command []string `yaml:"command"`
	Workers int      `yaml:"workers"`
}

// UnmarshalYAML takes the name of an application for the application.
func (w *workloadFile) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		w.Name = n.Value
		return nil
	}
	// Unknown fields are an error here too: Node.Decode does not know that.
	known := map[string]bool{}
	for _, f := range []string{"name", "size", "unit", "data", "command", "stages", "prepare", "timeout"} {
		known[f] = true
	}
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if k := n.Content[i]; !known[k.Value] {
			return fmt.Errorf("line %d: there is no field %s in an application", k.Line, k.Value)
		}
	}
	type plain workloadFile
	return n.Decode((*plain)(w))
}

// Bounds of what makes sense: a typing error should not begin a year's work.
const (
	maxPlan        = 1 << 20 // bytes of a file
	mostWorkers    = 1000
	mostMemoryMB   = 1 << 20
	mostRepetition = 1000
	mostCells      = 100_000
)

// ReadPlan reads a matrix. An error names the line or the field.
func ReadPlan(r io.Reader, apps []app.App) (*Plan, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxPlan {
		return nil, fmt.Errorf("it is larger than %d bytes: that is no matrix", maxPlan)
	}
	var f planFile
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, plainError(err)
	}
	sum := sha256.Sum256(b)
	p := &Plan{Seed: f.Seed, Repetitions: 1, MemoryMB: f.MemoryMB, Workers: f.Workers, SHA256: hex.EncodeToString(sum[:])}
	if f.Repetitions != nil {
		p.Repetitions = *f.Repetitions
	}
	if len(f.MemoryMB) == 0 {
		p.MemoryMB = []int{0}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(f.Applications) == 0 {
		return nil, errors.New("applications: there are none: give what is to be run, such as [montecarlo, titanic]")
	}
	seen := map[string]bool{}
	for i, a := range f.Applications {
		w, err := a.workload(apps, f.Timeout)
		if err != nil {
			return nil, fmt.Errorf("applications[%d]: %w", i, err)
		}
		if seen[w.Name] {
			return nil, fmt.Errorf("applications[%d]: the name %s is there twice", i, w.Name)
		}
		seen[w.Name] = true
		p.Workloads = append(p.Workloads, w)
	}
	if n := len(p.Workloads) * len(p.MemoryMB) * len(p.Workers) * p.Repetitions; n > mostCells {
		return nil, fmt.Errorf("these are %d cells, %d are the most", n, mostCells)
	}
	return p, nil
}

// check finds what makes no sense.
func (p *Plan) check() error {
	switch {
	case p.Seed < 0 || p.Seed >= 1<<53:
		return fmt.Errorf("seed: %d: want a number from 1 to 2^53-1, or 0 to draw one", p.Seed)
	case p.Repetitions < 1 || p.Repetitions > mostRepetition:
		return fmt.Errorf("repetitions: %d: want 1 to %d", p.Repetitions, mostRepetition)
	case len(p.Workers) == 0:
		return errors.New("workers: there are none: give how many there are to be, such as [8, 4, 2, 1]")
	}
	for i, n := range p.Workers {
		if n < 1 || n > mostWorkers || slices.Contains(p.Workers[:i], n) {
			return fmt.Errorf("workers[%d]: %d: want different numbers from 1 to %d", i, n, mostWorkers)
		}
	}
	for i, mb := range p.MemoryMB {
		if mb != 0 && mb < 16 || mb > mostMemoryMB || slices.Contains(p.MemoryMB[:i], mb) {
			return fmt.Errorf("memory_mb[%d]: %d: want different numbers from 16 to %d, or 0 for no limit", i, mb, mostMemoryMB)
		}
	}
	return nil
}

// namePattern is of names that can be part of a file's.
var namePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$`) })

// workload checks one application.
func (f *workloadFile) workload(apps []app.App, timeout time.Duration) (Workload, error) {
	w := Workload{Name: f.Name, Unit: f.Unit, Data: f.Data, Prepare: f.Prepare, Timeout: DefaultTimeout}
	for _, d := range []time.Duration{timeout, f.Timeout} {
		if d < 0 {
			return w, fmt.Errorf("timeout: %v: want a time above 0", d)
		}
		if d > 0 {
			w.Timeout = d
		}
	}
	if !namePattern().MatchString(f.Name) {
		return w, fmt.Errorf("name: %q: want letters, digits, dashes and dots, 64 at most", f.Name)
	}
	if len(f.Command) == 0 && len(f.Stages) == 0 {
		a, err := work.Find(apps, f.Name)
		if err != nil {
			return w, fmt.Errorf("name: %w; or say what to run: command: [PROGRAM, ARGUMENT, ...]", err)
		}
		if f.Prepare != "" || f.Unit != "" {
			return w, fmt.Errorf("prepare and unit go with a command: %s has its own", f.Name)
		}
		w.Unit = a.Unit
		w.Size, err = sizeOf(f.Size, a.Sizes)
		return w, err
	}
	return w, f.commands(&w)
}

// commands takes what is to be run where it is no built-in application.
func (f *workloadFile) commands(w *Workload) error {
	switch {
	case len(f.Command) > 0 && len(f.Stages) > 0:
		return errors.New("command and stages: give one of them")
	case f.Data != "":
		return errors.New("data goes with built-in applications: a command gets it as an argument")
	}
	if f.Size != "" {
		var err error
		if w.Size, err = strconv.Atoi(strings.ReplaceAll(f.Size, "_", "")); err != nil || w.Size < 0 {
			return fmt.Errorf("size: %q: want how many units a run works on", f.Size)
		}
	}
	if len(f.Command) > 0 {
		f.Stages = []stageFile{{Name: "run", Command: f.Command}}
	}
	for i, s := range f.Stages {
		if len(s.Command) == 0 || s.Command[0] == "" {
			return fmt.Errorf("stages[%d].command: it is empty", i)
		}
		if s.Workers < 0 {
			return fmt.Errorf("stages[%d].workers: %d: want 1 or more, or 0 for all", i, s.Workers)
		}
		if s.Name == "" {
			s.Name = "stage" + strconv.Itoa(i)
		}
		w.Stages = append(w.Stages, work.Command{Stage: s.Name, Argv: s.Command, Workers: s.Workers})
	}
	return nil
}

// sizeOf is the size that a text means: quick, standard or a number of units.
func sizeOf(text string, sizes app.Sizes) (size int, err error) {
	switch text {
	case "", Standard:
		return sizes.Standard, nil
	case Quick:
		return sizes.Quick, nil
	}
	if size, err = strconv.Atoi(strings.ReplaceAll(text, "_", "")); err != nil || size < 1 {
		return 0, fmt.Errorf("size: %q: want %s, %s or a number of units", text, Quick, Standard)
	}
	return size, nil
}

// The modes of a host's benchmark, and the sizes that go with them.
const (
	Quick    = "quick"
	Standard = "standard"
	Matrix   = "matrix" // of a plan's own sizes
)
