package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/energyprobe/energyprobe/internal/history"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// historyEnv names the file of the history.
const historyEnv = "ENERGYPROBE_HISTORY"

// historyPath is where results are kept: what the user says, else the place
// for a program's state (XDG Base Directory Specification), which under sudo is
// that of the user whom energyprobe runs as.
func historyPath(getenv func(string) string) (string, error) {
	if path := getenv(historyEnv); path != "" {
		return filepath.Abs(path)
	}
	// The specification wants relative paths ignored.
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return "", fmt.Errorf("find the history: neither %s nor HOME says where: set %s to a file", historyEnv, historyEnv)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "energyprobe", "history.jsonl"), nil
}

func openHistory() (*history.Store, error) {
	path, err := historyPath(os.Getenv)
	if err != nil {
		return nil, err
	}
	return history.New(path), nil
}

// deliver hands a result to the user, and with --history keeps it. The history
// comes last: whatever becomes of it, the user has the result.
func (a *app) deliver(v any) error {
	err := a.write(v)
	if a.history {
		err = errors.Join(err, a.keep(v))
	}
	return err
}

// keep adds a result to the history.
func (a *app) keep(v any) error {
	store, err := openHistory()
	if err != nil {
		return err
	}
	e, err := history.Describe(v)
	if err != nil {
		return err
	}
	var doc bytes.Buffer
	if err := output.Write(&doc, output.JSON, withoutSeries(v), output.Options{}); err != nil {
		return fmt.Errorf("add the result to the history: %w", err)
	}
	return store.Append(history.Complete(e, time.Now()), doc.Bytes())
}

// withoutSeries is a result without its time series, which may have millions
// of samples. The entry says how many there were.
func withoutSeries(v any) any {
	if r, ok := v.(*report.Run); ok && r.Samples != nil {
		short := *r
		short.Samples = nil
		return &short
	}
	return v
}
