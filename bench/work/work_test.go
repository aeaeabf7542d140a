package work_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/work"
	"github.com/energyprobe/energyprobe/internal/testutil"
)

// roleVar makes the test binary a worker or a coordinator.
const roleVar = "WORK_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVar) {
	case "":
		os.Exit(testutil.LeakCheck(m))
	case "worker":
		err = work.Serve([]app.App{counting()}, os.Stdin, os.Stdout)
	case "coordinator":
		_ = os.Setenv(roleVar, "worker")
		err = work.Coordinate(context.Background(), os.Stdin, os.Stdout, []string{os.Args[0]}, []app.App{counting()})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// counting has each worker count its part, and one add up.
func counting() app.App {
	one := func(int) int { return 1 }
	return app.App{
		Name: "counting", Unit: "numbers",
		Stages: []app.Stage{
			{Name: "count", Run: func(_ context.Context, t *app.Task) error {
				from, to := app.Share(t.Size, t.Worker, t.Of)
				switch t.Data {
				case "fail":
					if t.Worker == 1 {
						return errors.New("it does not count")
					}
					time.Sleep(time.Minute)
				case "sleep":
					time.Sleep(time.Minute)
				}
				_ = t.Compute(func() error { time.Sleep(20 * time.Millisecond); return nil })
				return t.Write(func() error {
					return os.WriteFile(filepath.Join(t.Dir, fmt.Sprint(t.Worker)), fmt.Append(nil, to-from), 0o644)
				})
			}},
			{Name: "add", Workers: one, Run: func(_ context.Context, t *app.Task) error {
				sum := 0
				for i := range t.Workers {
					b, err := os.ReadFile(filepath.Join(t.Dir, fmt.Sprint(i)))
					if err != nil {
						return err
					}
					var n int
					if _, err := fmt.Sscan(string(b), &n); err != nil {
						return err
					}
					sum += n
				}
				return os.WriteFile(filepath.Join(t.Dir, "sum"), fmt.Append(nil, sum), 0o644)
			}},
		},
	}
}

func job(t *testing.T, workers int) work.Job {
	t.Helper()
	return work.Job{Application: "counting", Setup: app.Setup{Dir: t.TempDir(), Size: 1000, Workers: workers, Seed: 7}}
}

func run(ctx context.Context, t *testing.T, j work.Job) work.Result {
	t.Helper()
	t.Setenv(roleVar, "worker")
	r, err := work.Run(ctx, j, []string{os.Args[0]}, []app.App{counting()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Stages are done in order, each by its workers, and what each took is known.
func TestStages(t *testing.T) {
	j := job(t, 3)
	r := run(context.Background(), t, j)
	if r.Status != work.OK || len(r.Workers) != 4 {
		t.Fatalf("%+v", r)
	}
	if b, err := os.ReadFile(filepath.Join(j.Setup.Dir, "sum")); err != nil || string(b) != "1000" {
		t.Errorf("the sum is %s, %v", b, err)
	}
	for i, w := range r.Workers {
		if wantStage, wantWorker := []string{"count", "count", "count", "add"}[i], i%3; w.Stage != wantStage || w.Worker != wantWorker {
			t.Errorf("worker %d is %s %d", i, w.Stage, w.Worker)
		}
		if w.CPUS <= 0 || w.PeakMemoryBytes < 1<<20 || w.ColdStartS == nil || *w.ColdStartS <= 0 || *w.ColdStartS > w.DurationS || w.Failure != "" {
			t.Errorf("worker %d: %+v", i, w)
		}
		if i < 3 && (*w.ComputeS < 0.02 || *w.WriteS <= 0 || *w.ReadS != 0) {
			t.Errorf("worker %d spent %g, %g, %g s", i, *w.ReadS, *w.ComputeS, *w.WriteS)
		}
	}
	if add := r.Workers[3]; add.StartS < r.Workers[0].DurationS {
		t.Errorf("the sum was asked for after %g s, before the counts were there", add.StartS)
	}
}

// The first worker that fails ends the job, and is the one that is told of.
func TestFailure(t *testing.T) {
	j := job(t, 3)
	j.Setup.Data = "fail"
	began := time.Now()
	r := run(context.Background(), t, j)
	if r.Status != work.Failed || !strings.Contains(r.Reason, "worker 1 of count") || !strings.Contains(r.Reason, "it does not count") {
		t.Errorf("%+v", r)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestTimeout(t *testing.T) {
	j := job(t, 2)
	j.Setup.Data, j.Timeout = "sleep", 300*time.Millisecond
	if r := run(context.Background(), t, j); r.Status != work.Timeout || !strings.Contains(r.Reason, "300ms") {
		t.Errorf("%+v", r)
	}
	j.Timeout = 0
	ended, stop := context.WithCancel(context.Background())
	time.AfterFunc(300*time.Millisecond, stop)
	if r := run(ended, t, j); r.Status != work.Ended {
		t.Errorf("%+v", r)
	}
}

// A command knows its task by its arguments and its environment, and may say what
// it came to.
func TestCommands(t *testing.T) {
	dir := t.TempDir()
	j := work.Job{
		Commands: []work.Command{
			{Stage: "each", Argv: []string{"/bin/sh", "-c", `echo $ENERGYPROBE_STAGE $ENERGYPROBE_SEED >$0/each-$1 && printf '{"compute_s": 1.5}' >$ENERGYPROBE_RESULT`, "{dir}", "{worker}of{workers}"}},
			{Stage: "all", Argv: []string{"sh", "-c", `cat $ENERGYPROBE_DIR/each-* && printf '{"outcome": {"Units": 12, "Checksum": "ab"}}' >$ENERGYPROBE_RESULT`}, Workers: 1},
		},
		Setup: app.Setup{Dir: dir, Workers: 2, Seed: 9},
	}
	r := run(context.Background(), t, j)
	if r.Status != work.OK || len(r.Workers) != 3 {
		t.Fatalf("%+v", r)
	}
	for _, name := range []string{"each-0of2", "each-1of2"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "each 9\n" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if w := r.Workers[0]; w.ComputeS == nil || *w.ComputeS != 1.5 || w.ColdStartS == nil || w.ReadS != nil {
		t.Errorf("%+v", w)
	}
	if o := r.Workers[2].Outcome; o == nil || o.Units != 12 || o.Checksum != "ab" {
		t.Errorf("%+v", o)
	}
	j.Commands = []work.Command{{Stage: "none", Argv: []string{"no-such-program"}}}
	if r := run(context.Background(), t, j); r.Status != work.Failed || !strings.Contains(r.Reason, "no-such-program") {
		t.Errorf("%+v", r)
	}
	j.Commands = []work.Command{{Stage: "one", Argv: []string{"sh", "-c", "echo no luck >&2; exit 3"}}}
	if r := run(context.Background(), t, j); r.Status != work.Failed || !strings.Contains(r.Reason, "exit status 3: no luck") {
		t.Errorf("%+v", r)
	}
}

// When who runs the coordinator dies, the coordinator and its workers are gone.
func TestOrphans(t *testing.T) {
	j := job(t, 2)
	j.Setup.Data = "sleep"
	line, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"=coordinator")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(in, bytes.NewReader(line)); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for end := time.Now().Add(10 * time.Second); len(pids) < 2 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		pids = childrenOf(t, cmd.Process.Pid)
	}
	if len(pids) != 2 {
		t.Fatalf("there are %d workers", len(pids))
	}
	in.Close() // as when the process that holds it dies
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	var r work.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Status != work.Ended {
		t.Errorf("%v: %s", err, out.Bytes())
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("worker %d is there: %v", pid, err)
		}
	}
}

// childrenOf are the processes that all threads of a process have started.
func childrenOf(t *testing.T, pid int) (pids []int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, s := range strings.Fields(string(b)) {
			var n int
			if _, err := fmt.Sscan(s, &n); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}
