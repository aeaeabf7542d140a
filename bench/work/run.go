package work

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/bench/sandbox"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// Run is the coordinator: it has a job's stages done by processes of argv, each
// of which runs Serve. When ctx ends, so do all of them. A worker that fails ends
// the job: its Result says why.
func Run(ctx context.Context, job Job, argv []string, apps []app.App) (Result, error) {
	names, workers, err := job.stages(apps)
	if err != nil {
		return Result{}, err
	}
	if job.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, job.Timeout)
		defer cancel()
	}
	r := Result{Status: OK, Workers: []Worker{}}
	began := energy.Now()
	for stage, name := range names {
		s := stageRun{job: &job, argv: argv, began: began}
		done := s.all(ctx, stage, name, workers[stage])
		r.Workers = append(r.Workers, done...)
		if s.failure != "" {
			r.Status, r.Reason = Failed, s.failure
		}
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			r.Status, r.Reason = Timeout, fmt.Sprintf("%s was not over after %v", name, job.Timeout)
		case ctx.Err() != nil:
			r.Status, r.Reason = Ended, "it was ended"
		}
		if r.Status != OK {
			break
		}
	}
	return r, nil
}

// stageRun is one stage while it runs.
type stageRun struct {
	job   *Job
	argv  []string
	began energy.Instant

	mu      sync.Mutex
	failure string // of the first worker that failed
}

// all starts the workers of a stage and waits for them.
func (s *stageRun) all(ctx context.Context, stage int, name string, n int) []Worker {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := make([]Worker, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			w, err := s.one(ctx, Task{Job: *s.job, Stage: stage, Worker: i, Of: n})
			w.Stage, w.Worker = name, i
			if err != nil {
				w.Failure = err.Error()
				s.fail(fmt.Sprintf("worker %d of %s: %v", i, name, err))
				cancel() // the others work for nothing
			}
			out[i] = w
		})
	}
	wg.Wait()
	return out
}

// fail keeps the first failure: those after it are of workers that were ended
// because of it.
func (s *stageRun) fail(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == "" {
		s.failure = text
	}
}

// grace is how long the pipes of a worker that was ended may stay open.
const grace = 2 * time.Second

// one runs a worker.
func (s *stageRun) one(ctx context.Context, t Task) (Worker, error) {
	t.Asked = int64(energy.Now())
	var w Worker
	w.StartS = float64(t.Asked-int64(s.began)) / 1e9
	line, err := json.Marshal(t)
	if err != nil {
		return w, err
	}
	cmd := exec.CommandContext(ctx, s.argv[0], s.argv[1:]...)
	// A group of its own: what it starts is ended with it, and a terminal's ^C
	// reaches who asked for the work alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = grace
	var stdout bytes.Buffer
	stderr := tail{room: 2000}
	cmd.Stderr = &stderr
	if t.Job.Application != "" {
		cmd.Stdout = &stdout
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return w, err
	}
	if err := cmd.Start(); err != nil {
		return w, fmt.Errorf("start a worker: %w", err)
	}
	err = s.hand(stdin, cmd.Process.Pid, t.Worker, append(line, '\n'))
	if err != nil {
		_ = cmd.Cancel() // Wait says how that went
	}
	waitErr := cmd.Wait()
	w.DurationS = float64(int64(energy.Now())-t.Asked) / 1e9
	w.account(cmd.ProcessState)
	if err == nil && waitErr != nil {
		err = failure(waitErr, stderr.String())
	}
	if err != nil {
		return w, err
	}
	w.Statement, err = t.statement(stdout.Bytes())
	return w, err
}

// hand puts a worker into its groups and tells it its task. Its standard input
// stays open: it ends when that does.
func (s *stageRun) hand(stdin io.Writer, pid, worker int, line []byte) error {
	if worker < len(s.job.Groups) {
		if err := sandbox.Enter(s.job.Groups[worker], pid); err != nil {
			return err
		}
	}
	if _, err := stdin.Write(line); err != nil && !errors.Is(err, syscall.EPIPE) { // a worker that ended says why
		return err
	}
	return nil
}

// statement is what a worker said: on its standard output, or in the files of a
// command.
func (t *Task) statement(stdout []byte) (Statement, error) {
	if t.Job.Application != "" {
		var s Statement
		if err := json.Unmarshal(stdout, &s); err != nil {
			return s, fmt.Errorf("it did not say what it did: %w", err)
		}
		return s, nil
	}
	s, err := readStatement(statementFile(t.Job.Setup.Dir, t.Stage, t.Worker))
	if err != nil {
		return s, err
	}
	start, err := readStatement(coldFile(t.Job.Setup.Dir, t.Stage, t.Worker))
	s.ColdStartS = start.ColdStartS
	return s, err
}

// account takes what the kernel says of an ended process and its children.
func (w *Worker) account(p *os.ProcessState) {
	if p == nil {
		return
	}
	w.CPUS = (p.UserTime() + p.SystemTime()).Seconds()
	if ru, ok := p.SysUsage().(*syscall.Rusage); ok {
		w.PeakMemoryBytes = ru.Maxrss << 10
	}
	status, ok := p.Sys().(syscall.WaitStatus)
	w.Killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// failure says how a worker ended, and what it said last.
func failure(err error, said string) error {
	said = strings.TrimSpace(said)
	if said == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, said)
}

// tail keeps the end of what is written to it.
type tail struct {
	room int
	b    []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if extra := len(t.b) - t.room; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
