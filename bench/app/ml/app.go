package ml

import (
	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/boost"
)

// Models is how many the ensemble has, for any number of workers. Of the worker
// counts that the original was run with, 12, 6 and 4 divide it evenly; with more
// than 12, some have nothing to train.
const Models = 12

// components is how many principal components describe an image.
const components = 100

// New is the application.
func New() app.App {
	one := func(int) int { return 1 }
	return app.App{
		Name:    "ml",
		Title:   "principal components, then an ensemble of boosted trees",
		Unit:    "rows",
		Sizes:   app.Sizes{Tiny: 240, Quick: 2400, Standard: 60000},
		Prepare: prepare,
		Stages: []app.Stage{
			{Name: "pca", Workers: one, Run: reduce},
			{Name: "train", Run: train},
			{Name: "aggregate", Workers: one, Run: aggregate},
			{Name: "test", Workers: one, Run: test},
		},
		Conclude: conclude,
	}
}

// params are those of model i of the ensemble. The fractions differ from model to
// model, between a half and nearly all, and one doesn't follow the other.
func params(seed uint64, i int) boost.Params {
	const step = 4 // percent
	return boost.Params{
		Classes:   classes,
		Rounds:    30,
		Leaves:    50,
		Depth:     8,
		MinRows:   20,
		MinWeight: 1e-3,
		Rate:      .05,
		Features:  float64(50+step*i) / 100,
		Bagging:   float64(50+step*((5*i+3)%Models)) / 100,
		Seed:      seed + uint64(i),
	}
}
