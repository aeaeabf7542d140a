package calibrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/report"
)

// journalSchema names the form of a journal. It is no result: it is read back
// by the version that wrote it.
const journalSchema = "energyprobe.calibration-journal/v1"

// Head is what the points of a journal have in common. A calibration goes on
// only where all of it is still so.
type Head struct {
	Schema string                 `json:"schema"`
	Plan   report.CalibrationPlan `json:"plan"`
	Host   report.Host            `json:"host"`
	Source string                 `json:"source"`
	Tool   report.Tool            `json:"tool"`
}

// entry is a line of a journal: the point that was made at a place of the plan.
type entry struct {
	Place int                     `json:"place"`
	Point report.CalibrationPoint `json:"point"`
}

// Journal keeps the points of a calibration as they are made, a line each, so
// that one that was interrupted, or killed, can go on where it was.
type Journal struct {
	file *os.File
	path string
}

// NewJournal begins a journal at path. It does not overwrite one.
func NewJournal(path string, head Head) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("begin the journal %q: there is one: go on with it (--resume), or remove it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("begin the journal: %w", err)
	}
	j := &Journal{file: f, path: path}
	head.Schema = journalSchema
	if err := errors.Join(j.lock(), j.append(head)); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

// OpenJournal goes on with a journal. It returns its head, and the points made
// so far by their place in the plan. A line that was never finished is removed;
// any other that does not belong there is an error.
func OpenJournal(path string) (j *Journal, head Head, made map[int]report.CalibrationPoint, err error) {
	// O_NONBLOCK: opening a FIFO must not wait for its other end.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, head, nil, fmt.Errorf("go on with a calibration: %w", err)
	}
	j = &Journal{file: f, path: path}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := j.lock(); err != nil {
		return nil, head, nil, err
	}
	data, err := j.read()
	if err != nil {
		return nil, head, nil, fmt.Errorf("go on with a calibration: %w", err)
	}
	end := bytes.LastIndexByte(data, '\n') + 1
	head, made, err = parseJournal(data[:end])
	if err != nil {
		return nil, head, nil, fmt.Errorf("journal %q: %w", path, err)
	}
	if end < len(data) { // not before it is known to be a journal
		if err := f.Truncate(int64(end)); err != nil {
			return nil, head, nil, fmt.Errorf("mend the journal %q: %w", path, err)
		}
	}
	return j, head, made, nil
}

// maxJournal is far beyond what the points of a calibration take.
const maxJournal = 64 << 20

// read returns what a journal holds, if it is a file that can be one: a device
// need not end.
func (j *Journal) read() ([]byte, error) {
	info, err := j.file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", j.path)
	case info.Size() > maxJournal:
		return nil, fmt.Errorf("%s is larger than %d bytes: this is no journal", j.path, maxJournal)
	}
	return io.ReadAll(j.file)
}

// parseJournal reads whole lines.
func parseJournal(data []byte) (head Head, made map[int]report.CalibrationPoint, err error) {
	made = map[int]report.CalibrationPoint{}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if n == 1 {
			if err := json.Unmarshal(line, &head); err != nil {
				return head, nil, fmt.Errorf("line 1: %w", err)
			}
			if head.Schema != journalSchema {
				return head, nil, fmt.Errorf("line 1: its schema is %q, want %s", head.Schema, journalSchema)
			}
			continue
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return head, nil, fmt.Errorf("line %d: %w", n, err)
		}
		if _, twice := made[e.Place]; twice || e.Place < 0 {
			return head, nil, fmt.Errorf("line %d: place %d is there twice, or none", n, e.Place)
		}
		made[e.Place] = e.Point
	}
	if n == 0 {
		return head, nil, errors.New("it is empty: remove it, and begin anew")
	}
	return head, made, nil
}

// Add keeps a point. When it returns, a kill can't take it any more.
func (j *Journal) Add(place int, p report.CalibrationPoint) error {
	return j.append(entry{place, p})
}

func (j *Journal) append(v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal %q: %w", j.path, err)
	}
	return nil
}

// lock keeps a second calibration from the same journal.
func (j *Journal) lock() error {
	if err := unix.Flock(int(j.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("lock the journal %q: %w: another calibration has it", j.path, err)
	}
	return nil
}

// Close leaves the journal where it is, to go on with.
func (j *Journal) Close() error { return j.file.Close() }

// Remove ends a journal whose calibration is complete.
func (j *Journal) Remove() error { return errors.Join(os.Remove(j.path), j.file.Close()) }
