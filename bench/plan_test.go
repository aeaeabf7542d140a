package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/bench"
	"github.com/energyprobe/energyprobe/bench/app"
)

var someApps = []app.App{
	{Name: "count", Unit: "numbers", Sizes: app.Sizes{Tiny: 1, Quick: 10, Standard: 100}},
	{Name: "add", Unit: "sums", Sizes: app.Sizes{Tiny: 2, Quick: 20, Standard: 200}},
}

const goodPlan = `
seed: 42
repetitions: 3
memory_mb: [512, 0]
workers: [4, 1]
timeout: 2m
applications:
  - count
  - {name: add, size: quick, timeout: 30s}
  - name: sort
    command: [sort, -n, "{dir}/numbers"]
    prepare: seq 1000 >$ENERGYPROBE_DIR/numbers
    size: 1000
    unit: lines
  - name: pipeline
    stages:
      - {name: split, command: [split, "{dir}/in"], workers: 1}
      - {name: work, command: [./work, "{worker}"]}
`

func read(t *testing.T, text string) *bench.Plan {
	t.Helper()
	p, err := bench.ReadPlan(strings.NewReader(text), someApps)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReadPlan(t *testing.T) {
	p := read(t, goodPlan)
	if p.Seed != 42 || p.Repetitions != 3 || len(p.Workloads) != 4 || len(p.SHA256) != 64 {
		t.Fatalf("%+v", p)
	}
	w := p.Workloads
	if w[0].Size != 100 || w[0].Unit != "numbers" || w[0].Timeout != 2*time.Minute || w[1].Size != 20 || w[1].Timeout != 30*time.Second {
		t.Errorf("built in: %+v", w[:2])
	}
	if w[2].Size != 1000 || w[2].Unit != "lines" || len(w[2].Stages) != 1 || w[2].Stages[0].Argv[2] != "{dir}/numbers" || len(w[3].Stages) != 2 || w[3].Stages[0].Workers != 1 {
		t.Errorf("commands: %+v", w[2:])
	}
}

// Every combination is there once in each round, and a seed gives the order back.
func TestCells(t *testing.T) {
	p := read(t, goodPlan)
	cells := p.Cells()
	const round = 4 * 2 * 2
	if len(cells) != 3*round {
		t.Fatalf("%d cells", len(cells))
	}
	seen := map[string]bool{}
	for i, c := range cells {
		if seen[c.ID()] || c.Order != i || c.Repetition != i/round+1 {
			t.Errorf("cell %d is %s, order %d, repetition %d", i, c.ID(), c.Order, c.Repetition)
		}
		seen[c.ID()] = true
	}
	if again := read(t, goodPlan).Cells(); again[5].ID() != cells[5].ID() || again[40].ID() != cells[40].ID() {
		t.Error("the order is another one the second time")
	}
	other := read(t, strings.Replace(goodPlan, "42", "43", 1)).Cells()
	same := 0
	for i := range cells {
		if cells[i].ID() == other[i].ID() {
			same++
		}
	}
	if same > len(cells)/2 {
		t.Errorf("%d of %d cells are in the same place with another seed", same, len(cells))
	}
}

func TestReadPlanRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "empty",
		"workers: [1":                            "line 1",
		"workrs: [1]\n":                          "workrs",
		"applications: [count]":                  "workers: there are none",
		"workers: [0]\napplications: [count]":    "workers[0]: 0",
		"workers: [2, 2]\napplications: [count]": "workers[1]: 2",
		"workers: [1]\nmemory_mb: [8]\napplications: [count]":                                "memory_mb[0]: 8",
		"workers: [1]\nmemory_mb: [-1]\napplications: [count]":                               "memory_mb[0]: -1",
		"workers: [1]\nrepetitions: -2\napplications: [count]":                               "repetitions: -2",
		"workers: [1]\nrepetitions: 1000\nseed: 1\nmemory_mb: [16,17,18]\napplications: [x]": `no application "x": use one of count, add`,
		"workers: [1]\nseed: -1\napplications: [count]":                                      "seed: -1",
		"workers: [1]\napplications: [count, count]":                                         "applications[1]: the name count is there twice",
		"workers: [1]\napplications: [{name: ../up, command: [x]}]":                          "applications[0]: name",
		"workers: [1]\napplications: [{name: count, sise: 3}]":                               "sise",
		"workers: [1]\napplications: [{name: count, size: lots}]":                            `size: "lots"`,
		"workers: [1]\napplications: [{name: count, size: -3}]":                              `size: "-3"`,
		"workers: [1]\napplications: [{name: count, prepare: x}]":                            "prepare",
		"workers: [1]\napplications: [{name: x, command: [a], stages: [{command: [b]}]}]":    "give one of them",
		"workers: [1]\napplications: [{name: x, stages: [{command: []}]}]":                   "stages[0].command",
		"workers: [1]\napplications: [{name: x, command: [a], data: d}]":                     "data",
		"workers: [1]\ntimeout: -3s\napplications: [count]":                                  "timeout",
		"workers: [one]\napplications: [count]":                                              "line 1",
		"workers: [1]\napplications: [count]\nworkers: [2]\n":                                "already",
		"workers: [1]\nrepetitions: 0\napplications: [count]":                                "repetitions: 0: want 1 to 1000",
		"workers: [1]\napplications: []":                                                     "applications: there are none",
		"workers: [1]":                                                                       "applications: there are none",
		"workers: [1]\ncolour: red\napplications: [count]":                                   "line 2: there is no field colour",
		"workers: [1]\nrepetitions: many\napplications: [count]":                             `line 2: want a whole number, got "many"`,
		"workers: 4\napplications: [count]":                                                  `line 1: want a list of whole numbers, such as [512, 1024], got "4"`,
		"workers: [1]\nmemory_mb: [512MB]\napplications: [count]":                            `line 2: want a whole number, got "512MB"`,
		"workers: [1]\ntimeout: 3\napplications: [count]":                                    `line 2: want a time with its unit, such as 90s or 10m, got "3"`,
		"workers: [1]\napplications: [{name: x, command: ls}]":                               "line 2: want a list: [PROGRAM, ARGUMENT, ...]",
		"[1]": "line 1: want the fields of a matrix",
		"workers: [1]\napplications: [{name: count, size: 12abc}]":          `size: "12abc"`,
		"workers: [1]\napplications: [{name: count, size: 1e6}]":            `size: "1e6"`,
		"workers: [1]\napplications: [{name: x, command: [a], size: 2.5M}]": `size: "2.5M"`,
		strings.Repeat("#", 2<<20):                                          "larger",
	} {
		if _, err := bench.ReadPlan(strings.NewReader(text), someApps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	many := "workers: [1,2,3,4,5,6,7,8,9,10,11,12]\nrepetitions: 1000\nmemory_mb: [16,17,18,19,20]\napplications: [count, add]"
	if _, err := bench.ReadPlan(strings.NewReader(many), someApps); err == nil || !strings.Contains(err.Error(), "120000 cells") {
		t.Errorf("too many cells: %v", err)
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add(goodPlan)
	f.Add("workers: [1]\napplications: [count]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := bench.ReadPlan(strings.NewReader(text), someApps)
		if err != nil {
			return
		}
		n := len(p.Workloads) * len(p.MemoryMB) * len(p.Workers) * p.Repetitions
		if n > 5000 {
			return
		}
		ids := map[string]bool{}
		for _, c := range p.Cells() {
			ids[c.ID()] = true
		}
		if len(ids) != n {
			t.Errorf("%d cells have %d names", n, len(ids))
		}
	})
}
