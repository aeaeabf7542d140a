package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Files of a store, beside those of the cells.
const (
	planName  = "plan.json"  // the plan, from the beginning
	indexName = "index.json" // the plan and all cells, when they are made
	lockName  = ".lock"
	workName  = ".work" // what workers share; removed at the end
)

// Store is a directory with the results of a plan: a file for each cell, written
// whole or not at all. What is there is not made again, whatever ended the
// program that made it.
type Store struct {
	dir   string
	lock  *os.File
	write func(path string, write func(io.Writer) error) error
}

// OpenStore opens a directory for a plan, or begins it. It returns the cells that
// are there, by ID, and takes the plan's seed from there. write writes a file
// whole or not at all.
func OpenStore(dir string, p *Plan, head report.Bench, write func(string, func(io.Writer) error) error) (*Store, map[string]report.BenchCell, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("open the results: %w", err)
	}
	s := &Store{dir: dir, write: write}
	if err := s.take(); err != nil {
		return nil, nil, err
	}
	made, err := s.begin(p, head)
	if err != nil {
		return nil, nil, errors.Join(err, s.lock.Close())
	}
	return s, made, nil
}

// take locks the directory, so that no two programs make the same cells.
func (s *Store) take() error {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("open the results: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("another process works on %s: wait for it, or give another directory (--dir)", s.dir)
	}
	s.lock = f
	return nil
}

// begin compares the plan with the one that is there, or leaves it there.
func (s *Store) begin(p *Plan, head report.Bench) (map[string]report.BenchCell, error) {
	made := map[string]report.BenchCell{}
	old, err := s.read(planName)
	if errors.Is(err, fs.ErrNotExist) {
		head.Plan = p.Report(Matrix)
		head.Cells = []report.BenchCell{}
		return made, s.put(planName, head)
	}
	if err != nil {
		return nil, err
	}
	if old.Plan == nil || old.Plan.SHA256 != p.SHA256 {
		return nil, fmt.Errorf("%s has the results of another matrix: give another directory (--dir), or remove it", s.dir)
	}
	if p.given && old.Plan.Seed != p.Seed {
		return nil, fmt.Errorf("%s was begun with seed %d: leave out --seed, or give another directory (--dir)", s.dir, old.Plan.Seed)
	}
	p.Seed = old.Plan.Seed
	for _, c := range p.Cells() {
		b, err := s.read(c.ID() + ".json")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && (len(b.Cells) != 1 || b.Cells[0].ID != c.ID()) {
			err = fmt.Errorf("it is not cell %s", c.ID())
		}
		if err != nil {
			return nil, fmt.Errorf("%w; remove the file, and the cell is made again", err)
		}
		made[c.ID()] = b.Cells[0]
	}
	return made, nil
}

// read reads one of the store's files.
func (s *Store) read(name string) (*report.Bench, error) {
	path := filepath.Join(s.dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b := &report.Bench{}
	if err := json.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if b.Schema != report.BenchSchema {
		return nil, fmt.Errorf("%s: schema %q: want %s", path, b.Schema, report.BenchSchema)
	}
	return b, nil
}

func (s *Store) put(name string, b report.Bench) error {
	return s.write(filepath.Join(s.dir, name), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(b)
	})
}

// Keep stores a cell. b is what its file says beside it.
func (s *Store) Keep(b report.Bench, c report.BenchCell) error {
	b.Kind, b.Cells = report.BenchCellOf, []report.BenchCell{c}
	return s.put(c.ID+".json", b)
}

// Finish stores the index, which has all cells, and removes what workers shared.
func (s *Store) Finish(b report.Bench) error {
	return errors.Join(s.put(indexName, b), os.RemoveAll(s.Work()))
}

// Work is the directory that workers share.
func (s *Store) Work() string { return filepath.Join(s.dir, workName) }

// Close lets others have the directory.
func (s *Store) Close() error { return s.lock.Close() }
