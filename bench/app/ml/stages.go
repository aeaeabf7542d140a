package ml

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/app/boost"
	"github.com/energyprobe/energyprobe/bench/app/pca"
)

// testEvery is which rows are kept for testing.
const testEvery = 6

// split keeps every sixth row, so that a file that is sorted by label is divided
// as well as any.
func (m images) split() (train, test images) {
	train.pixels.Cols, test.pixels.Cols = columns, columns
	train.pixels.V = make([]uint8, 0, len(m.pixels.V))
	test.pixels.V = make([]uint8, 0, len(m.pixels.V)/testEvery+columns)
	for r, label := range m.labels {
		to := &train
		if r%testEvery == testEvery-1 {
			to = &test
		}
		to.labels = append(to.labels, label)
		to.pixels.V = append(to.pixels.V, m.pixels.V[r*columns:(r+1)*columns]...)
		to.pixels.Rows++
	}
	return train, test
}

// reduce finds the components of the rows for training, and describes all rows by
// them. Trees want bins, which are the same for all models, so they are made here.
func reduce(_ context.Context, t *app.Task) error {
	var rows images
	err := t.Read(func() (err error) {
		rows, err = load(filepath.Join(t.Dir, inputFile), t.Size)
		return err
	})
	if err != nil {
		return err
	}
	var basis pca.Basis
	var trainRows, testRows record
	err = t.Compute(func() (err error) {
		train, test := rows.split()
		rows = images{}
		basis, err = pca.Fit(train.pixels, min(components, train.pixels.Rows-1))
		if err != nil {
			return err
		}
		k := len(basis.Values)
		z := basis.Project(train.pixels)
		bins, err := boost.FindBins(z, train.pixels.Rows, k)
		if err != nil {
			return err
		}
		trainRows = tableRecord(bins.Apply(z), train.labels)
		testRows = tableRecord(bins.Apply(basis.Project(test.pixels)), test.labels)
		return nil
	})
	if err != nil {
		return err
	}
	return t.Write(func() error {
		var b record
		b.floats([]float64{basis.Total, basis.Explained()})
		b.floats(basis.Mean)
		b.floats(basis.Values)
		b.floats(basis.Vectors)
		if err := b.write(t.Dir, basisFile); err != nil {
			return err
		}
		if err := trainRows.write(t.Dir, trainFile); err != nil {
			return err
		}
		return testRows.write(t.Dir, testFile)
	})
}

func load(path string, rows int) (images, error) {
	in, err := os.Open(path)
	if err != nil {
		return images{}, fmt.Errorf("read rows: %w", err)
	}
	defer in.Close()
	m, err := parse(in, rows)
	if err != nil {
		return images{}, fmt.Errorf("read rows of %s: %w", path, err)
	}
	if m.pixels.Rows < leastRows {
		return images{}, fmt.Errorf("read rows of %s: there are %d, it is cut short; prepare it anew", path, m.pixels.Rows)
	}
	return m, nil
}

func tableRecord(t boost.Table, labels []uint8) record {
	var r record
	r.bytes(labels)
	r.bytes(t.V)
	return r
}

func readTable(dir, name string) (t boost.Table, labels []uint8, err error) {
	r, err := open(dir, name)
	if err != nil {
		return boost.Table{}, nil, err
	}
	labels = r.bytes()
	t = boost.Table{Rows: len(labels), V: r.bytes()}
	if t.Rows > 0 {
		t.Cols = len(t.V) / t.Rows
	}
	return t, labels, r.done(t.Rows > 0 && t.Cols > 0 && len(t.V) == t.Rows*t.Cols)
}

// train trains the worker's part of the models.
func train(ctx context.Context, t *app.Task) error {
	var table boost.Table
	var labels []uint8
	err := t.Read(func() (err error) {
		table, labels, err = readTable(t.Dir, trainFile)
		return err
	})
	if err != nil {
		return err
	}
	from, to := app.Share(Models, t.Worker, t.Of)
	for i := from; i < to; i++ {
		var m *boost.Model
		err := t.Compute(func() (err error) {
			m, err = boost.Train(ctx, params(t.Seed, i), table, labels, nil)
			return err
		})
		if err != nil {
			return err
		}
		if err := t.Write(func() error { return record(m.Encode()).write(t.Dir, modelFile(i)) }); err != nil {
			return err
		}
	}
	return nil
}

// aggregate merges the models into one ensemble and averages what they say of the
// rows for testing.
func aggregate(ctx context.Context, t *app.Task) error {
	var table boost.Table
	models := make([]*boost.Model, Models)
	var ensemble record
	err := t.Read(func() (err error) {
		if table, _, err = readTable(t.Dir, testFile); err != nil {
			return err
		}
		for i := range models {
			r, err := open(t.Dir, modelFile(i))
			if err != nil {
				return err
			}
			if models[i], err = boost.Decode(r.b, table.Cols); err != nil {
				return fmt.Errorf("%s: %w", r.path, err)
			}
			ensemble.bytes(r.b)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var predictions record
	err = t.Compute(func() error {
		mean := make([]float64, table.Rows*classes)
		for _, m := range models {
			if err := ctx.Err(); err != nil {
				return err
			}
			predictions.bytes(predict(m, table, mean))
		}
		for i := range mean {
			mean[i] /= Models
		}
		predictions.floats(mean)
		return nil
	})
	if err != nil {
		return err
	}
	return t.Write(func() error {
		if err := ensemble.write(t.Dir, ensembleFile); err != nil {
			return err
		}
		return predictions.write(t.Dir, predictionsFile)
	})
}

// predict adds a model's probabilities to sum, and returns which class it finds
// likeliest.
func predict(m *boost.Model, t boost.Table, sum []float64) []uint8 {
	likeliest := make([]uint8, t.Rows)
	var p [classes]float64
	for r := range t.Rows {
		m.Score(t.Row(r), p[:])
		boost.Softmax(p[:])
		likeliest[r] = greatest(p[:])
		for c, v := range p {
			sum[r*classes+c] += v
		}
	}
	return likeliest
}

// greatest is the first of the greatest numbers.
func greatest(v []float64) uint8 {
	at := 0
	for i := range v {
		if v[i] > v[at] {
			at = i
		}
	}
	return uint8(at)
}

// result is what the predictions are worth.
type result struct {
	accuracy, mean, loss float64
	confusion            [classes * classes]float64 // rows by label, columns by prediction
}

// test compares the predictions with the labels.
func test(_ context.Context, t *app.Task) error {
	var labels []uint8
	var each [Models][]uint8
	var mean []float64
	err := t.Read(func() (err error) {
		if _, labels, err = readTable(t.Dir, testFile); err != nil {
			return err
		}
		r, err := open(t.Dir, predictionsFile)
		if err != nil {
			return err
		}
		fits := true
		for i := range each {
			each[i] = r.bytes()
			fits = fits && len(each[i]) == len(labels)
		}
		mean = r.floats()
		return r.done(fits && len(mean) == classes*len(labels))
	})
	if err != nil {
		return err
	}
	var out result
	err = t.Compute(func() error {
		out = judge(labels, each[:], mean)
		return nil
	})
	if err != nil {
		return err
	}
	return t.Write(func() error {
		var r record
		r.floats([]float64{out.accuracy, out.mean, out.loss})
		r.floats(out.confusion[:])
		return r.write(t.Dir, resultFile)
	})
}

// judge takes each model's predictions, and the ensemble's probabilities.
func judge(labels []uint8, each [][]uint8, mean []float64) result {
	var r result
	n := float64(len(labels))
	right := 0
	for _, predicted := range each {
		for i, p := range predicted {
			if p == labels[i] {
				right++
			}
		}
	}
	r.mean = float64(right) / (n * float64(len(each)))
	right = 0
	for i, l := range labels {
		p := mean[i*classes : (i+1)*classes]
		c := greatest(p)
		if c == l {
			right++
		}
		r.confusion[int(l)*classes+int(c)]++
		r.loss -= boost.Log(p[l])
	}
	r.accuracy = float64(right) / n
	r.loss /= n
	return r
}
