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
		Quality: append(figures(s.Size, result),
			app.Figure{Name: "explained variance", Value: head[1], Low: .5, High: .99}),
	}, nil
}

func figures(size int, result []float64) []app.Figure {
	return []app.Figure{
		{Name: "accuracy", Value: result[0], Low: 0, High: 1},
		{Name: "mean accuracy of the models", Value: result[1], Low: 0, High: 1},
		{Name: "log loss", Value: result[2], Low: 0, High: 3},
	}
}
