package ml

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/internal/testutil/apptest"
)

// run runs all stages in this process, as the given number of workers would.
func run(t testing.TB, s app.Setup) app.Outcome {
	t.Helper()
	a := New()
	s.Dir = t.TempDir()
	if err := a.Prepare(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	for _, stage := range a.Stages {
		of := s.Workers
		if stage.Workers != nil {
			of = stage.Workers(of)
		}
		for w := range of {
			task := app.Task{Setup: s, Worker: w, Of: of}
			if err := stage.Run(context.Background(), &task); err != nil {
				t.Fatalf("%s, worker %d of %d: %v", stage.Name, w, of, err)
			}
		}
	}
	out, err := a.Conclude(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func inBands(t *testing.T, out app.Outcome) {
	t.Helper()
	if len(out.Quality) != 4 {
		t.Fatalf("%d figures", len(out.Quality))
	}
	for _, f := range out.Quality {
		if !(f.Low < f.High) || f.Value < f.Low || f.Value > f.High {
			t.Errorf("%s is %v, its band %v to %v", f.Name, f.Value, f.Low, f.High)
		}
	}
}

// The work is the same on every architecture and for any number of workers: this
// test runs on each with the same sum.
func TestChecksum(t *testing.T) {
	const want = "cc17ffbe14f9f405"
	for _, workers := range []int{1, 5, 28} {
		out := run(t, app.Setup{Size: New().Sizes.Tiny, Seed: 42, Workers: workers})
		if out.Checksum != want {
			t.Errorf("%d workers have the checksum %s, want %s", workers, out.Checksum, want)
		}
		if out.Units != float64(New().Sizes.Tiny) {
			t.Errorf("%d workers did %v rows", workers, out.Units)
		}
		inBands(t, out)
	}
}

func TestSameOnBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("make unit runs it without the race detector")
	}
	apptest.SameOnBoth(t, New(), 1)
}

// There is a band for any size.
func TestBands(t *testing.T) {
	for _, size := range []int{leastRows, 240, 1999, 2000, 29999, 30000, 1 << 20} {
		for _, f := range figures(size, .9, .9, .8, .87) {
			if f.Low >= f.High || f.Low < 0 || f.High > 1 && f.Name != "log loss" {
				t.Errorf("%d rows: %s is %v to %v", size, f.Name, f.Low, f.High)
			}
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	sums := map[string]bool{}
	for seed := range uint64(4) {
		out := run(t, app.Setup{Size: New().Sizes.Tiny, Seed: seed, Workers: 1})
		inBands(t, out)
		sums[out.Checksum] = true
	}
	if len(sums) != 4 {
		t.Errorf("4 seeds have %d checksums", len(sums))
	}
}

// An ensemble is better than its models: that is what it is for. The sum is that
// of every architecture here too, with more bins and deeper trees.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of CPU time")
	}
	out := run(t, app.Setup{Size: New().Sizes.Quick, Seed: 7, Workers: 4})
	inBands(t, out)
	if want := "93222f5e9445d6bc"; out.Checksum != want {
		t.Errorf("the checksum is %s, want %s", out.Checksum, want)
	}
	if out.Quality[0].Value <= out.Quality[1].Value {
		t.Errorf("the ensemble's accuracy is %v, that of its models %v", out.Quality[0].Value, out.Quality[1].Value)
	}
}

// No two models see the same fractions of features, or of rows.
func TestFractionsDiffer(t *testing.T) {
	features, rows, seeds := map[float64]bool{}, map[float64]bool{}, map[uint64]bool{}
	for i := range Models {
		p := params(9, i)
		features[p.Features], rows[p.Bagging], seeds[p.Seed] = true, true, true
		if p.Features < .5 || p.Features > .95 || p.Bagging < .5 || p.Bagging > .95 {
			t.Errorf("model %d sees %v of the features and %v of the rows", i, p.Features, p.Bagging)
		}
	}
	if len(features) != Models || len(rows) != Models || len(seeds) != Models {
		t.Errorf("%d models have %d fractions of features, %d of rows and %d seeds", Models, len(features), len(rows), len(seeds))
	}
}

// A user's file is taken as far as the size goes, and gives the result of the
// same rows generated.
func TestData(t *testing.T) {
	file := generated(t, 400)
	want := run(t, app.Setup{Size: 240, Seed: 42, Workers: 2})
	got := run(t, app.Setup{Size: 240, Seed: 42, Workers: 2, Data: file})
	if got.Checksum != want.Checksum {
		t.Errorf("checksum %s, want %s", got.Checksum, want.Checksum)
	}
	if out := run(t, app.Setup{Size: 60000, Seed: 42, Workers: 2, Data: file}); out.Units != 400 {
		t.Errorf("%v rows of 400 were worked on", out.Units)
	}
}

func TestPrepareRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "few.tsv")
	row := string(appendRow(nil, 1, make([]uint8, columns)))
	if err := os.WriteFile(file, []byte(strings.Repeat(row, 10)), 0o666); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "titanic.csv")
	if err := os.WriteFile(other, []byte("PassengerId,Survived\n1,0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s    app.Setup
		want []string
	}{
		{app.Setup{Size: 10}, []string{"10 rows", "60"}},
		{app.Setup{Size: 100, Data: file}, []string{file, "there are 10"}},
		{app.Setup{Size: 100, Data: other}, []string{other, "line 1", "PassengerId"}},
		{app.Setup{Size: 100, Data: "/none.tsv"}, []string{"/none.tsv"}},
	} {
		c.s.Dir = t.TempDir()
		err := prepare(context.Background(), c.s)
		if err == nil {
			t.Errorf("%+v is prepared", c.s)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q doesn't say %q", err, w)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := prepare(ctx, app.Setup{Dir: t.TempDir(), Size: 100}); err == nil {
		t.Error("preparation goes on when it is to end")
	}
}

// A stage without what the one before leaves says what it wanted.
func TestStagesWantTheirInput(t *testing.T) {
	for _, c := range []struct{ stage, file string }{{"pca", inputFile}, {"train", trainFile}, {"aggregate", testFile}, {"test", testFile}} {
		for _, content := range []string{"", "none", "\x05\x00\x00\x00ab"} {
			dir := t.TempDir()
			if content != "none" {
				if err := os.WriteFile(filepath.Join(dir, c.file), []byte(content), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			for _, stage := range New().Stages {
				if stage.Name != c.stage {
					continue
				}
				err := stage.Run(context.Background(), &app.Task{Setup: app.Setup{Dir: dir, Size: 100}, Of: 1})
				if err == nil || !strings.Contains(err.Error(), c.file) {
					t.Errorf("%s with %q in %s: %v", c.stage, content, c.file, err)
				}
			}
		}
	}
	if _, err := conclude(app.Setup{Dir: t.TempDir()}); err == nil {
		t.Error("an empty directory has an outcome")
	}
}

// Four rows by hand: two models are right on 3 and 2 of them, and the mean of
// probabilities on 3.
func TestJudgeByHand(t *testing.T) {
	mean := make([]float64, 4*classes)
	for i, p := range []struct {
		first, second uint8
		of            float64
	}{{0, 1, .5}, {3, 1, .25}, {9, 2, .75}, {2, 9, .5}} {
		mean[i*classes+int(p.first)] = p.of
		mean[i*classes+int(p.second)] = p.of / 2
	}
	r := judge([]uint8{0, 3, 9, 9}, [][]uint8{{0, 3, 9, 2}, {0, 3, 1, 1}}, mean)
	if r.accuracy != .75 || r.mean != 5./8 {
		t.Errorf("accuracies %v and %v", r.accuracy, r.mean)
	}
	// The own classes have 1/2, 1/4, 3/4 and 1/4: their product is 3/128.
	if want := math.Log(128./3) / 4; math.Abs(r.loss-want) > 1e-14 {
		t.Errorf("loss %v, want %v", r.loss, want)
	}
	if r.confusion[0] != 1 || r.confusion[9*classes+2] != 1 || r.confusion[9*classes+9] != 1 {
		t.Errorf("confusion %v", r.confusion)
	}
}
