package work

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/internal/energy"
)

// Serve is a worker: it waits for a Task on stdin, does it, and writes a
// Statement to stdout. It ends when stdin does: whoever asked is gone then. For a
// command of the user's it does not return, but becomes that command.
func Serve(apps []app.App, stdin *os.File, stdout io.Writer) error {
	t, err := readTask(stdin)
	if err != nil {
		return err
	}
	cold := float64(int64(energy.Now())-t.Asked) / 1e9
	if t.Job.Application == "" {
		return t.become(cold)
	}
	a, err := Find(apps, t.Job.Application)
	if err != nil {
		return err
	}
	if t.Stage < 0 || t.Stage >= len(a.Stages) {
		return fmt.Errorf("read a task: %s has no stage %d", a.Name, t.Stage)
	}
	keepWithin(&t.Job)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
		unix.Exit(1) // it works for nobody
	}()
	own := app.Task{Setup: t.Job.Setup, Worker: t.Worker, Of: t.Of}
	if err := a.Stages[t.Stage].Run(ctx, &own); err != nil {
		return err
	}
	times := own.Times()
	read, compute, write := times.Read.Seconds(), times.Compute.Seconds(), times.Write.Seconds()
	return json.NewEncoder(stdout).Encode(Statement{ColdStartS: &cold, ReadS: &read, ComputeS: &compute, WriteS: &write})
}

// keepWithin tells the Go runtime of its limits: it uses as many threads as a
// function has CPUs, one where there is no limit, so that the number of workers
// is what is done at once; and it gives memory back before the kernel has to ask.
func keepWithin(j *Job) {
	runtime.GOMAXPROCS(max(1, int(math.Ceil(j.CPUs))))
	if j.MemoryMB > 0 {
		debug.SetMemoryLimit(int64(j.MemoryMB) << 20 * 85 / 100)
	}
}

// maxTask bounds the line of a task: the names of some hundred control groups.
const maxTask = 4 << 20

// readTask reads a line, byte by byte: what comes after it belongs to others.
func readTask(r io.Reader) (*Task, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) < maxTask {
		if _, err := io.ReadFull(r, one); err != nil {
			return nil, fmt.Errorf("wait for a task: %w", err)
		}
		if one[0] == '\n' {
			break
		}
		line = append(line, one[0])
	}
	t := &Task{}
	if err := json.Unmarshal(line, t); err != nil {
		return nil, fmt.Errorf("read a task: %w", err)
	}
	stages := len(t.Job.Commands)
	if t.Job.Application == "" && (t.Stage < 0 || t.Stage >= stages) {
		return nil, fmt.Errorf("read a task: there is no stage %d of %d", t.Stage, stages)
	}
	return t, nil
}

// become turns this process into the task's command.
func (t *Task) become(cold float64) error {
	var argv []string
	for _, arg := range t.Job.Commands[t.Stage].Argv {
		argv = append(argv, t.fill(arg))
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	// The command knows nothing of its start: that is left for it to overwrite.
	b, err := json.Marshal(Statement{ColdStartS: &cold})
	if err != nil {
		return err
	}
	if err := os.WriteFile(coldFile(t.Job.Setup.Dir, t.Stage, t.Worker), b, 0o644); err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	if err := unix.Dup2(int(null.Fd()), 0); err != nil {
		return os.NewSyscallError("dup2", err)
	}
	err = unix.Exec(path, argv, append(os.Environ(), t.environment()...))
	return &os.PathError{Op: "execute", Path: path, Err: err}
}

// coldFile is where a worker that becomes a command leaves how long its start
// took.
func coldFile(dir string, stage, worker int) string {
	return statementFile(dir, stage, worker) + ".start"
}
