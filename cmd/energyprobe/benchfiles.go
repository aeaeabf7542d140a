package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/energyprobe/energyprobe/internal/flexexecutor"
	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
)

// indexFile holds a matrix's plan and its cells as far as they were written
// there; each cell has a file of its own beside it.
const indexFile = "index.json"

// benchSet reads the cells that files and directories hold.
func (a *app) benchSet(args []string) (matrix.Set, error) {
	in, err := a.benchInputs(args)
	if err != nil {
		return matrix.Set{}, err
	}
	return matrix.NewSet(in), nil
}

func (a *app) benchInputs(args []string) ([]matrix.Input, error) {
	line := a.statusLine()
	defer line.say("")
	var in []matrix.Input
	for i, name := range args {
		line.say(fmt.Sprintf("reading %s, %d of %d", name, i+1, len(args)))
		some, err := a.benchesIn(name)
		if err != nil {
			return nil, err
		}
		in = append(in, some...)
	}
	return in, nil
}

// benchesIn reads what a file or a directory holds.
func (a *app) benchesIn(name string) ([]matrix.Input, error) {
	if isDirectory(name) {
		in, err := a.benchDirectory(name)
		if (err != nil || len(in) == 0) && flexexecutor.Holds(name) {
			err = profilesError(name)
		} else if err == nil && len(in) == 0 {
			err = fmt.Errorf("%s holds no cells of a benchmark: want %s or files of cells, as energyprobe bench matrix writes them", name, indexFile)
		}
		return in, err
	}
	values, err := a.readResults(name)
	if err != nil {
		if name != "-" && flexexecutor.Holds(name) {
			err = profilesError(name)
		}
		return nil, err
	}
	var in []matrix.Input
	for _, v := range values {
		b, is := v.(*report.Bench)
		if !is {
			return nil, fmt.Errorf("%s holds a %s: want cells of a benchmark (%s)", name, resultName(v), report.BenchSchema)
		}
		in = append(in, matrix.Input{File: name, Bench: b})
	}
	return in, nil
}

// profilesError is for those who have not imported them yet.
func profilesError(name string) error {
	return fmt.Errorf("%s holds profiles of FlexExecutor and no cells yet\nTry: energyprobe import flexexecutor %s -o cells.json", name, shell.Quote(name))
}

func isDirectory(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// resultName is what people call a result.
func resultName(v any) string {
	switch v.(type) {
	case *report.Run:
		return "run"
	case *report.Trials:
		return "series of repeated runs"
	case *report.Comparison, *report.BenchComparison:
		return "comparison"
	case *report.Calibration:
		return "calibration"
	case *report.Bench:
		return "benchmark"
	}
	return "result of another kind"
}

// benchDirectory reads a directory and those in it, each of which stands for
// itself. Results of other kinds are passed over; a file that can't be read ends
// it, since a table without it would look complete.
func (a *app) benchDirectory(dir string) ([]matrix.Input, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read a benchmark: %w", err)
	}
	var own, below []matrix.Input
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case isDirectory(path):
			in, err := a.benchDirectory(path)
			if err != nil {
				return nil, err
			}
			below = append(below, in...)
		case filepath.Ext(e.Name()) == ".json":
			values, err := a.readResults(path)
			if err != nil {
				return nil, err
			}
			for _, v := range values {
				if b, is := v.(*report.Bench); is {
					own = append(own, matrix.Input{File: path, Bench: b})
				}
			}
		}
	}
	return append(oneMatrix(dir, own), below...), nil
}

// oneMatrix puts the index of a directory and the files of its cells together.
// The index goes before: a cell's file adds only what an index that was not
// finished lacks. Whole benchmarks beside them stand for themselves.
func oneMatrix(dir string, own []matrix.Input) []matrix.Input {
	at := slices.IndexFunc(own, func(in matrix.Input) bool { return filepath.Base(in.File) == indexFile })
	whole := matrix.Input{File: dir}
	if at >= 0 {
		copied := *own[at].Bench
		copied.Cells = slices.Clone(copied.Cells)
		whole = matrix.Input{File: own[at].File, Bench: &copied}
	}
	there := map[string]bool{}
	if whole.Bench != nil {
		for i := range whole.Bench.Cells {
			there[whole.Bench.Cells[i].ID] = true
		}
	}
	var out []matrix.Input
	for i, in := range own {
		switch {
		case i == at:
			continue
		case in.Bench.Kind != report.BenchCellOf:
			out = append(out, in)
			continue
		case whole.Bench == nil:
			copied := *in.Bench
			copied.Kind, copied.Cells = report.BenchMatrix, nil
			whole.Bench = &copied
		}
		for _, c := range in.Bench.Cells {
			if !there[c.ID] {
				there[c.ID] = true
				whole.Bench.Cells = append(whole.Bench.Cells, c)
			}
		}
	}
	if whole.Bench != nil {
		out = append([]matrix.Input{whole}, out...)
	}
	return out
}

// holdsBench tells a benchmark from other results without reading it: it is a
// directory, or the file names the contract early.
func holdsBench(name string) bool {
	if isDirectory(name) {
		return true
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := f.Read(head) // a file that can't be read is found out about later
	return bytes.Contains(head[:n], []byte(report.BenchSchema))
}
