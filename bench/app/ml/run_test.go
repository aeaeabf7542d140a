package ml

import (
	"context"
	"os"
	"strconv"
	"testing"
	"syscall"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
)

// run runs all stages in this process, as the given number of workers would.
func run(t testing.TB, s app.Setup) app.Outcome {
	t.Helper()
	a := New()
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	began := cpu()
	if err := a.Prepare(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	t.Logf("prepare: %v", cpu()-began)
	for _, stage := range a.Stages {
		of := s.Workers
		if stage.Workers != nil {
			of = stage.Workers(of)
		}
		began := cpu()
		for w := range of {
			task := app.Task{Setup: s, Worker: w, Of: of}
			if err := stage.Run(context.Background(), &task); err != nil {
				t.Fatalf("%s, worker %d of %d: %v", stage.Name, w, of, err)
			}
			if w==0 {t.Logf("%s: %+v", stage.Name, task.Times())}
		}
		t.Logf("%s: %v", stage.Name, cpu()-began)
	}
	out, err := a.Conclude(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(0,&u)
	return time.Duration(u.Utime.Nano()+u.Stime.Nano())
}
func TestSize(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	t.Logf("%+v", run(t, app.Setup{Size: n, Seed: 42, Workers: 1, Dir: os.Getenv("D")}))
}
