package app_test

import (
	"math"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
)

// Parts make up the whole, in order, and are as equal as can be.
func TestShare(t *testing.T) {
	for n := range 60 {
		for k := 1; k < 30; k++ {
			next, least, most := 0, n, 0
			for i := range k {
				from, to := app.Share(n, i, k)
				if from != next {
					t.Fatalf("part %d of %d of %d begins at %d, the one before ends at %d", i, k, n, from, next)
				}
				next, least, most = to, min(least, to-from), max(most, to-from)
			}
			if next != n || most-least > 1 {
				t.Fatalf("%d parts of %d end at %d and have %d to %d units", k, n, next, least, most)
			}
		}
	}
}

// The sum of "foobar" is that of the function's authors (Fowler, Noll, Vo: FNV
// test vectors).
func TestChecksum(t *testing.T) {
	c := app.NewChecksum()
	c.Bytes([]byte("foobar"))
	if got, want := c.String(), "85944171f73967e8"; got != want {
		t.Errorf("the sum is %s, want %s", got, want)
	}
	a, b := app.NewChecksum(), app.NewChecksum()
	a.Float(0)
	b.Float(math.Copysign(0, -1))
	if a.String() == b.String() {
		t.Error("a bit is lost")
	}
}

func TestTimes(t *testing.T) {
	var task app.Task
	sleep := func() error { time.Sleep(2 * time.Millisecond); return nil }
	for range 2 {
		if err := task.Read(sleep); err != nil {
			t.Fatal(err)
		}
	}
	if err := task.Compute(sleep); err != nil {
		t.Fatal(err)
	}
	got := task.Times()
	if got.Read < 4*time.Millisecond || got.Compute < 2*time.Millisecond || got.Write != 0 {
		t.Errorf("times %+v", got)
	}
}
