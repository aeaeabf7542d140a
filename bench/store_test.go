package bench_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/bench"
	"github.com/energyprobe/energyprobe/internal/report"
)

func put(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// machine makes cells out of nothing, until it is to stop.
type machine struct {
	made []string
	stop int // after so many, 0 for never
	end  context.CancelFunc
	err  error
}

func (m *machine) Make(_ context.Context, c bench.Cell) (bench.Made, error) {
	if m.err != nil {
		return bench.Made{}, m.err
	}
	if m.stop > 0 && len(m.made) == m.stop {
		m.end()
	}
	m.made = append(m.made, c.ID())
	joules := float64(c.Workers)
	return bench.Made{
		Host: &report.Host{Hostname: "here"}, Source: &report.Source{Name: "perf"},
		Cell: report.BenchCell{
			ID: c.ID(), Application: c.Workload.Name, Workers: c.Workers, Repetition: c.Repetition, Order: c.Order, Status: report.CellOK,
			Energy: []report.MethodEnergy{{Method: report.MethodMachine, Energy: report.Energy{EnergyJ: &joules}}},
		},
	}, nil
}

func head() report.Bench {
	return report.Bench{Schema: report.BenchSchema, Kind: report.BenchMatrix, StartedAt: time.Now(), Warnings: []report.Warning{}}
}

func session(t *testing.T, dir string, p *bench.Plan, m *machine) (*report.Bench, error) {
	t.Helper()
	s, made, err := bench.OpenStore(dir, p, head(), put)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m.end = cancel
	r := &bench.Runner{Plan: p, Machine: m, Head: head(), Made: made, Keep: s.Keep}
	b, err := r.Run(ctx)
	if err == nil {
		err = s.Finish(*b)
	}
	return b, err
}

// A plan goes on where it was interrupted, and every cell is made once.
func TestResume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	made := map[string]int{}
	var b *report.Bench
	for round := 0; ; round++ {
		p := read(t, strings.Replace(goodPlan, "seed: 42\n", "", 1))
		p.Draw(0, func() int64 { return int64(100 + round) }) // drawn anew, and not used
		m := &machine{stop: 7}
		var err error
		b, err = session(t, dir, p, m)
		for i, id := range m.made {
			if err == nil || i < len(m.made)-1 { // the last one was interrupted
				made[id]++
			}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bench.ErrInterrupted) || round > 20 {
			t.Fatal(err)
		}
	}
	if len(b.Cells) != 48 || len(made) != 48 {
		t.Errorf("%d cells, %d made", len(b.Cells), len(made))
	}
	for id, n := range made {
		if n != 1 {
			t.Errorf("%s was made %d times", id, n)
		}
	}
	if b.Host == nil || b.Host.Hostname != "here" {
		t.Errorf("host %+v", b.Host)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
		t.Error(err)
	}
	// Nothing is left to do.
	p := read(t, strings.Replace(goodPlan, "seed: 42\n", "", 1))
	m := &machine{}
	if b, err := session(t, dir, p, m); err != nil || len(m.made) != 0 || len(b.Cells) != 48 {
		t.Errorf("%d cells were made again: %v", len(m.made), err)
	}
}

func TestStoreRefuses(t *testing.T) {
	dir := t.TempDir()
	p := read(t, goodPlan)
	s, _, err := bench.OpenStore(dir, p, head(), put)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(p *bench.Plan, want string) {
		t.Helper()
		if _, _, err := bench.OpenStore(dir, p, head(), put); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refused(p, "another process works on")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	refused(read(t, strings.Replace(goodPlan, "1000", "2000", 1)), "another matrix")
	other := read(t, goodPlan)
	other.Draw(7, nil)
	refused(other, "was begun with seed 42")
	id := p.Cells()[3].ID() + ".json"
	for text, want := range map[string]string{
		`{"schema": "energyprobe.be`:                           "unexpected end",
		`{"schema": "energyprobe.run/v1"}`:                     `schema "energyprobe.run/v1"`,
		`{"schema": "energyprobe.bench/v1", "cells": []}`:      "it is not cell",
		`{"schema": "energyprobe.bench/v1", "cells": [{}]}`:    "it is not cell",
		`{"schema": "energyprobe.bench/v1", "duration_s": ""}`: "duration_s",
	} {
		if err := os.WriteFile(filepath.Join(dir, id), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		refused(p, want)
		refused(p, "remove the file")
	}
}

// What keeps cells from being made ends the plan, and says at which cell.
func TestMachineFails(t *testing.T) {
	p := read(t, goodPlan)
	m := &machine{err: errors.New("no limits to be had")}
	b, err := session(t, t.TempDir(), p, m)
	if err == nil || !strings.Contains(err.Error(), "no limits to be had") || len(b.Cells) != 0 {
		t.Errorf("%v, %d cells", err, len(b.Cells))
	}
}

// Progress counts cells, and knows the time left once one has been made.
func TestProgress(t *testing.T) {
	p := read(t, goodPlan)
	var seen []bench.Progress
	r := &bench.Runner{Plan: p, Machine: &machine{}, Head: head(), Progress: func(p bench.Progress) { seen = append(seen, p) }}
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 49 || seen[0].Left != 0 || seen[20].Left <= 0 || seen[20].Done != 20 || seen[20].Of != 48 || !seen[48].Over {
		t.Errorf("%d: %+v", len(seen), seen)
	}
}
