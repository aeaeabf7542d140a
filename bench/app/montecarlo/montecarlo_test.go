package montecarlo

import (
	"context"
	"errors"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/internal/testutil/apptest"
)

// The numbers are those of Vigna's splitmix64.c from 1234567 on, as published
// by Rosetta Code (Pseudo-random numbers/Splitmix64).
func TestSequence(t *testing.T) {
	state := uint64(1234567)
	for i, want := range []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
	} {
		state += gamma
		if got := mix(state); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}

// Counts agree with those of whole numbers of any size.
func TestInside(t *testing.T) {
	const n = 10_000
	want := 0
	radius2 := new(big.Int).Lsh(big.NewInt(1), 64)
	for i := range n {
		z := mix(7 + uint64(i+1)*gamma)
		x, y := big.NewInt(int64(z>>32)), big.NewInt(int64(z&math.MaxUint32))
		if x.Mul(x, x).Add(x, y.Mul(y, y)).Cmp(radius2) < 0 {
			want++
		}
	}
	if got := inside(7, n); got != want {
		t.Errorf("%d of %d points are inside, want %d", got, n, want)
	}
}

// Iterations go on in the sequence where the one before ended.
func TestStretchesJoin(t *testing.T) {
	state := stretch(3, 0)
	for range perIteration {
		state += gamma
	}
	if got := stretch(3, 1); got != state {
		t.Errorf("iteration 1 begins at %#x, iteration 0 ends at %#x", got, state)
	}
}

// The number of workers changes nothing, and the seed changes everything. The
// last iteration is not a whole one.
func TestAnyNumberOfWorkers(t *testing.T) {
	const size = 1_234_567
	one := apptest.Run(t, New(), app.Setup{Seed: 1, Workers: 1, Size: size})
	apptest.Good(t, one)
	if one.Units != size {
		t.Errorf("%v points, want %d", one.Units, size)
	}
	for _, workers := range []int{2, 3, 12, 13, 14, 28} {
		got := apptest.Run(t, New(), app.Setup{Seed: 1, Workers: workers, Size: size})
		if got.Checksum != one.Checksum || got.Units != one.Units || got.Quality[0] != one.Quality[0] {
			t.Errorf("%d workers come to %+v, one comes to %+v", workers, got, one)
		}
	}
	if other := apptest.Run(t, New(), app.Setup{Seed: 2, Workers: 1, Size: size}); other.Checksum == one.Checksum {
		t.Error("another seed does the same")
	}
}

func TestSameOnBoth(t *testing.T) { apptest.SameOnBoth(t, New(), 1, 3, 28) }

// Errors are as large as the bound says: it is five standard deviations, so a
// third of all seeds are beyond a fifth of it, and none of these beyond all.
func TestBound(t *testing.T) {
	const n, seeds = 20_000, 2000
	beyond := 0
	for seed := range uint64(seeds) {
		e := math.Abs(4*float64(inside(mix(seed), n))/n - math.Pi)
		if e > bound(n) {
			t.Errorf("seed %d: the error is %v, the bound %v", seed, e, bound(n))
		}
		if e > bound(n)/5 {
			beyond++
		}
	}
	// 31.7 %, and five standard deviations of that number.
	if share := float64(beyond) / seeds; share < .265 || share > .370 {
		t.Errorf("%v of the seeds are beyond one standard deviation", share)
	}
}

// The pause is per iteration and worker, and ends with the context.
func TestPaced(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		o := apptest.Run(t, NewPaced(), app.Setup{Dir: dir, Seed: 1, Workers: 2, Size: 500_000})
		if took := time.Since(began); took != 5*pause {
			t.Errorf("five iterations took %v", took)
		}
		if same := apptest.Run(t, New(), app.Setup{Dir: dir, Seed: 1, Workers: 2, Size: 500_000}); same.Checksum != o.Checksum {
			t.Errorf("the sum is %s with pauses and %s without", o.Checksum, same.Checksum)
		}
		ctx, cancel := context.WithTimeout(t.Context(), pause*5/2)
		defer cancel()
		err := NewPaced().Stages[0].Run(ctx, &app.Task{Setup: app.Setup{Dir: dir, Size: 1_000_000}, Of: 1})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the stage ends with %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	for want, s := range map[string]app.Setup{
		"ask for at least 1": {Size: 0},
		"takes no data":      {Size: 1, Data: "pi.csv"},
	} {
		if err := New().Prepare(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
}

// Counts that are missing, or of other iterations, are no result.
func TestConcludeLooks(t *testing.T) {
	for want, content := range map[string]string{
		"did 1 iterations, not 2":        "0 5\n",
		"where iteration 0 is due":       "1 5\n2 6\n",
		"line 2: expected integer":       "0 5\nx 6\n",
		"line 1: 100001 points":          "0 100001\n1 5\n",
		"line 1: unexpected newline":     "0\n1 5\n",
		"did 3 iterations, not 2":        "0 1\n1 1\n2 1\n",
		"no such file or directory":      "",
		"line 2: -1 points of iteration": "0 1\n1 -1\n",
	} {
		dir := t.TempDir()
		if content != "" {
			if err := os.WriteFile(path(dir, 0), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := New().Conclude(app.Setup{Dir: dir, Size: 150_000, Workers: 1})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}

func BenchmarkPoint(b *testing.B) {
	sum := 0
	for b.Loop() {
		sum += inside(1, perIteration)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perIteration, "ns/point")
	if sum == 0 {
		b.Error("no point is inside")
	}
}
