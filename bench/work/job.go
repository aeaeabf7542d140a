package work

import (
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
)

// Job is the work of one cell, as the coordinator is told it: one line of JSON
// on its standard input.
type Job struct {
	// Application is the name of a built-in one, and empty where Commands says
	// what to do.
	Application string        `json:"application,omitempty"`
	Commands    []Command     `json:"commands,omitempty"`
	Setup       app.Setup     `json:"setup"`
	Groups      [][]string    `json:"groups,omitempty"` // control groups of each worker
	MemoryMB    int           `json:"memory_mb"`        // of a worker, 0 for no limit
	CPUs        float64       `json:"cpus"`             // of a worker, 0 for no limit
	Timeout     time.Duration `json:"timeout"`          // 0 for none
}

// Command is a stage of a workload that is not built in.
type Command struct {
	Stage   string   `json:"stage"`
	Argv    []string `json:"argv"`    // {worker}, {workers}, {dir}, {size}, {seed} and {memory} stand for the task's
	Workers int      `json:"workers"` // how many take part, 0 for all
}

// Task is one worker's, as it is told it.
type Task struct {
	Job    Job   `json:"job"`
	Stage  int   `json:"stage"`
	Worker int   `json:"worker"`
	Of     int   `json:"of"`
	Asked  int64 `json:"asked_ns"` // CLOCK_MONOTONIC when the worker was asked for
}

// stages are the names of a job's stages with the workers that take part.
func (j *Job) stages(apps []app.App) (names []string, workers []int, err error) {
	n := j.Setup.Workers
	if j.Application == "" {
		for _, c := range j.Commands {
			k := n
			if c.Workers > 0 {
				k = min(c.Workers, n)
			}
			names, workers = append(names, c.Stage), append(workers, k)
		}
		return names, workers, nil
	}
	a, err := Find(apps, j.Application)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range a.Stages {
		k := n
		if s.Workers != nil {
			k = s.Workers(n)
		}
		names, workers = append(names, s.Name), append(workers, k)
	}
	return names, workers, nil
}

// fill puts what a task is about into an argument.
func (t *Task) fill(arg string) string {
	return strings.NewReplacer(
		"{worker}", strconv.Itoa(t.Worker),
		"{workers}", strconv.Itoa(t.Of),
		"{dir}", t.Job.Setup.Dir,
		"{size}", strconv.Itoa(t.Job.Setup.Size),
		"{seed}", strconv.FormatUint(t.Job.Setup.Seed, 10),
		"{memory}", strconv.Itoa(t.Job.MemoryMB),
	).Replace(arg)
}

// environment is what a command of the user's is told beside its arguments.
func (t *Task) environment() []string {
	return []string{
		"ENERGYPROBE_WORKER=" + t.fill("{worker}"),
		"ENERGYPROBE_WORKERS=" + t.fill("{workers}"),
		"ENERGYPROBE_DIR=" + t.fill("{dir}"),
		"ENERGYPROBE_SIZE=" + t.fill("{size}"),
		"ENERGYPROBE_SEED=" + t.fill("{seed}"),
		"ENERGYPROBE_MEMORY_MB=" + t.fill("{memory}"),
		"ENERGYPROBE_STAGE=" + t.Job.Commands[t.Stage].Stage,
		"ENERGYPROBE_RESULT=" + statementFile(t.Job.Setup.Dir, t.Stage, t.Worker),
	}
}
