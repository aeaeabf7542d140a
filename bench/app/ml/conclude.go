package ml

import (
	"os"
	"path/filepath"

	"github.com/energyprobe/energyprobe/bench/app"
)

// computed are the files that the checksum is of, in this order. The input is one
// of them by what was made of it.
var computed = []string{basisFile, trainFile, testFile, ensembleFile, predictionsFile, resultFile}

func conclude(s app.Setup) (app.Outcome, error) {
	sum := app.NewChecksum()
	for _, name := range computed {
		b, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil {
			return app.Outcome{}, err
		}
		sum.Bytes(b)
	}
	_, trained, err := readTable(s.Dir, trainFile)
	if err != nil {
		return app.Outcome{}, err
	}
	r, err := open(s.Dir, resultFile)
	if err != nil {
		return app.Outcome{}, err
	}
	result, confusion := r.floats(), r.floats()
	if err := r.done(len(result) == 3 && len(confusion) == classes*classes); err != nil {
		return app.Outcome{}, err
	}
	tested := 0.0
	for _, n := range confusion {
		tested += n
	}
	b, err := open(s.Dir, basisFile)
	if err != nil {
		return app.Outcome{}, err
	}
	head := b.floats()
	if len(head) != 2 {
		return app.Outcome{}, b.done(false)
	}
	return app.Outcome{
		Units:    float64(len(trained)) + tested,
		Checksum: sum.String(),
		Quality:  figures(s.Size, result[0], result[1], result[2], head[1]),
	}, nil
}

// bands are what the figures are with generated rows, from so many rows on. They
// are those seen with 5 to 30 seeds and about as much again: at Tiny's size there
// are 40 rows to test with, so that one more right is 2.5 %.
var bands = []struct {
	from                            int
	accuracy, mean, loss, explained [2]float64
}{
	{30000, [2]float64{.85, .95}, [2]float64{.84, .94}, [2]float64{.5, .75}, [2]float64{.85, .88}},
	{2000, [2]float64{.66, .95}, [2]float64{.68, .94}, [2]float64{.5, 1.15}, [2]float64{.85, .89}},
	{0, [2]float64{.1, .98}, [2]float64{.1, .96}, [2]float64{.8, 2.4}, [2]float64{.86, 1}},
}

func figures(size int, accuracy, mean, loss, explained float64) []app.Figure {
	i := 0
	for bands[i].from > size {
		i++
	}
	b := bands[i]
	figure := func(name string, v float64, band [2]float64) app.Figure {
		return app.Figure{Name: name, Value: v, Low: band[0], High: band[1]}
	}
	return []app.Figure{
		figure("accuracy", accuracy, b.accuracy),
		figure("mean accuracy of the models", mean, b.mean),
		figure("log loss", loss, b.loss),
		figure("explained variance", explained, b.explained),
	}
}
