package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/energyprobe/energyprobe/bench/app"
)

// The states of a Result.
const (
	OK      = "ok"
	Failed  = "failed"
	Timeout = "timeout"
	Ended   = "ended" // by who asked for it
)

// Result is what became of a job.
type Result struct {
	Status  string   `json:"status"`
	Reason  string   `json:"reason,omitempty"` // of the first worker that failed
	Workers []Worker `json:"workers"`          // in the order of stages, then of their numbers
}

// Worker is what one process did in one stage. Times are seconds.
type Worker struct {
	Stage  string `json:"stage"`
	Worker int    `json:"worker"`
	// StartS is when it was asked for, since the job began.
	StartS          float64 `json:"start_s"`
	DurationS       float64 `json:"duration_s"` // until it had ended
	CPUS            float64 `json:"cpu_s"`
	PeakMemoryBytes int64   `json:"peak_memory_bytes"`
	Failure         string  `json:"failure,omitempty"` // how it ended, unless well
	Killed          bool    `json:"killed,omitempty"`  // by SIGKILL, which is what the kernel does for want of memory

	Statement
}

// Statement is what a worker says of itself. Null is what it does not know.
type Statement struct {
	ColdStartS *float64 `json:"cold_start_s,omitempty"` // from being asked for to having its task
	ReadS      *float64 `json:"read_s,omitempty"`
	ComputeS   *float64 `json:"compute_s,omitempty"`
	WriteS     *float64 `json:"write_s,omitempty"`
	// Outcome is what a command of the user's came to, where it says so.
	Outcome *app.Outcome `json:"outcome,omitempty"`
}

// statementFile is where a command may leave a Statement.
func statementFile(dir string, stage, worker int) string {
	return filepath.Join(dir, fmt.Sprintf("energyprobe-result-%d-%d.json", stage, worker))
}

// readStatement reads what a command has left.
func readStatement(path string) (Statement, error) {
	var s Statement
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return Statement{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
