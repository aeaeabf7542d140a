// Package titanic predicts with a random forest who survived the Titanic's
// sinking. Passengers come in the form of the Titanic competition's train.csv.
//
// Workers train on a part of the lines each, as the data-parallel stage of the
// original does. So there is a forest for each worker, and the number of workers
// decides what is computed: with more of them forests learn from fewer
// passengers.
package titanic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/forest"
)

const trees = 100

// New returns the application.
func New() app.App {
	return app.App{
		Name: "titanic", Title: "random forest of 100 trees on Titanic passengers", Unit: "rows",
		Sizes:    app.Sizes{Tiny: 3000, Quick: 500_000, Standard: 891_000},
		Prepare:  prepare,
		Stages:   []app.Stage{{Name: "train", Run: train}},
		Conclude: conclude,
	}
}

func input(dir string) string { return filepath.Join(dir, "titanic.csv") }

func prepare(_ context.Context, s app.Setup) error {
	if s.Size < 1 {
		return fmt.Errorf("prepare titanic: %d rows: ask for at least 1", s.Size)
	}
	f, err := os.Create(input(s.Dir))
	if err != nil {
		return fmt.Errorf("prepare titanic: %w", err)
	}
	if s.Data == "" {
		err = generate(f, s.Size, s.Seed)
	} else {
		err = copyData(f, s.Data, s.Size)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("prepare titanic: %w", err)
	}
	return nil
}

func copyData(w io.Writer, path string, n int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := repeat(w, f, n); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// result is what a worker came to.
type result struct {
	Lines    int    `json:"lines"`
	Complete int    `json:"complete"` // lines of passengers of whom all is known
	Tested   int    `json:"tested"`
	Right    int    `json:"right"`
	Nodes    int    `json:"nodes"` // of the forest
	Checksum string `json:"checksum"`
}

func output(dir string, worker int) string {
	return filepath.Join(dir, fmt.Sprintf("result-%d.json", worker))
}

func train(_ context.Context, t *app.Task) error {
	var p *Passengers
	err := t.Read(func() (err error) {
		p, err = Part(input(t.Dir), t.Worker, t.Of)
		return err
	})
	if err != nil {
		return err
	}
	var r result
	if err := t.Compute(func() (err error) {
		r, err = judge(p, t.Seed)
		return err
	}); err != nil {
		return err
	}
	return t.Write(func() error {
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return os.WriteFile(output(t.Dir, t.Worker), b, 0o644)
	})
}

// judge learns from four passengers in five, and says what the forest knows of
// the fifth.
func judge(p *Passengers, seed uint64) (result, error) {
	sum := app.NewChecksum()
	r := result{Lines: p.Lines, Complete: len(p.Survived)}
	learn, test := Divide(r.Complete, seed)
	if len(learn) > 0 {
		t, err := forest.NewTable(p.Columns[:]...)
		if err != nil {
			return r, err
		}
		f, err := forest.Fit(t, p.Survived, learn, forest.Options{Trees: trees, Seed: seed})
		if err != nil {
			return r, err
		}
		r.Nodes = f.Nodes()
		sum.Int(int64(r.Nodes))
		for i, odds := range f.Odds(t, test) {
			sum.Float(odds)
			if (odds > .5) == (p.Survived[test[i]] == 1) {
				r.Right++
			}
		}
		r.Tested = len(test)
	}
	r.Checksum = sum.String()
	return r, nil
}

// Divide shuffles n rows and returns those to learn from and those to test
// with: a fifth of them, rounded up as scikit-learn's train_test_split does.
func Divide(n int, seed uint64) (learn, test []int) {
	rows := rand.New(rand.NewPCG(seed, 0x73_706c_6974)).Perm(n)
	fifth := (n + 4) / 5
	return rows[fifth:], rows[:fifth]
}

// conclude adds up the workers' results.
func conclude(s app.Setup) (app.Outcome, error) {
	sum := app.NewChecksum()
	var all result
	for worker := range s.Workers {
		var r result
		b, err := os.ReadFile(output(s.Dir, worker))
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			return app.Outcome{}, fmt.Errorf("conclude titanic: %s: %w", output(s.Dir, worker), err)
		}
		all.Lines += r.Lines
		all.Tested += r.Tested
		all.Right += r.Right
		for _, n := range []int{r.Lines, r.Complete, r.Tested, r.Right, r.Nodes} {
			sum.Int(int64(n))
		}
		sum.Bytes([]byte(r.Checksum))
	}
	if all.Lines != s.Size {
		return app.Outcome{}, fmt.Errorf("conclude titanic: %d workers read %d rows, not %d: run the stage anew", s.Workers, all.Lines, s.Size)
	}
	if all.Tested == 0 {
		return app.Outcome{}, fmt.Errorf("conclude titanic: %d rows for %d workers leave nobody to test with: ask for more rows", s.Size, s.Workers)
	}
	accuracy := app.Figure{Name: "accuracy", Value: float64(all.Right) / float64(all.Tested), High: 1}
	if s.Data == "" {
		accuracy.Low, accuracy.High = band(s.Size/s.Workers, all.Tested)
	}
	return app.Outcome{Units: float64(s.Size), Checksum: sum.String(), Quality: []app.Figure{accuracy}}, nil
}

// learnt is the accuracy of forests of generated passengers by how many rows
// there are of them, their fifth to test with included: means of many seeds.
var learnt = []struct {
	rows     int
	accuracy float64
}{
	{30, .670}, {60, .714}, {125, .728}, {250, .737}, {500, .746}, {1000, .754}, {3000, .773}, {10_000, .778},
	{31_000, .786}, {89_100, .795}, {300_000, .807}, {891_000, .825},
}

// best is the accuracy of who knows the odds that passengers are made with.
const best = .8545

// band bounds the accuracy of forests that have this many rows each. Below is
// what was learnt with fewer rows, less 0.01 for what seeds change; above is the
// best there is. Five standard deviations of the number of those who were tested
// are added.
func band(each, tested int) (low, high float64) {
	low = .5 // of few rows little can be said
	for _, l := range learnt {
		if l.rows <= each {
			low = l.accuracy - .01
		}
	}
	sigma := math.Sqrt(low * (1 - low) / float64(tested))
	return max(0, low-5*sigma), min(1, best+5*sigma)
}
