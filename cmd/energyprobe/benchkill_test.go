package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// A matrix that is killed twenty times, whenever, has every cell exactly once in
// the end: what was made is not made again, and nothing is left behind.
func TestMatrixIsKilled(t *testing.T) {
	dir := t.TempDir()
	matrix, results := filepath.Join(dir, "m.yaml"), filepath.Join(dir, "results")
	memory := "[64, 0]"
	if os.Geteuid() != 0 {
		memory = "[0]" // limits need rights
	}
	plan := "repetitions: 3\nmemory_mb: " + memory + "\nworkers: [2, 1]\napplications:\n" +
		"  - {name: montecarlo, size: 200000}\n  - {name: fails, command: [sh, -c, 'sleep 0.05; exit 3']}\n"
	if err := os.WriteFile(matrix, []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"bench", "matrix", "-q", "--source", "model", "-f", matrix, "--dir", results, "--format", "json", "-o", filepath.Join(dir, "all.json")}
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	ids := map[string]string{} // run_id of each cell's file, once it is there
	for range 20 {
		cmd := exec.Command("energyprobe", args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- cmd.Wait() }()
		// Some cells on, at whatever point of the next one.
		awaitCells(results, len(ids)+rng.IntN(3), over)
		time.Sleep(time.Duration(rng.Int64N(int64(500 * time.Millisecond))))
		_ = cmd.Process.Kill() // it may be done
		<-over
		sameCells(t, results, ids)
	}
	if len(ids) == 0 {
		t.Error("no cell was made between kills")
	}
	t.Logf("%d cells after 20 kills", len(ids))
	out, err := exec.Command("energyprobe", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sameCells(t, results, ids)
	checkIndex(t, filepath.Join(results, "index.json"), strings.Count(memory, ",")+1, ids)
	if _, err := os.Stat(filepath.Join(results, ".work")); !os.IsNotExist(err) {
		t.Errorf("what workers shared is there: %v", err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left, _ := exec.Command("pgrep", "-f", results).Output()
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("processes are left: %s", left)
		}
	}
}

// awaitCells waits until there are so many cells, or the process is over.
func awaitCells(dir string, n int, over chan error) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(dir, "*-r*.json"))
		if len(files) >= n {
			return
		}
		select {
		case err := <-over:
			over <- err // for who waits for the end
			return
		default:
		}
	}
}

// sameCells reads the files of cells, which are whole and never change.
func sameCells(t *testing.T, dir string, ids map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*-r*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc report.Bench
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if before, there := ids[file]; there && before != doc.RunID {
			t.Errorf("%s was made again", file)
		}
		ids[file] = doc.RunID
	}
	if len(files) != len(ids) {
		t.Errorf("%d cells are there, %d have been", len(files), len(ids))
	}
}

func checkIndex(t *testing.T, file string, memories int, ids map[string]string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var index report.Bench
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	want := 2 * memories * 2 * 3
	if len(index.Cells) != want || len(ids) != want || index.Plan.Cells != want {
		t.Errorf("the index has %d cells, the plan %d, there are %d files; want %d", len(index.Cells), index.Plan.Cells, len(ids), want)
	}
	seen, sums := map[string]bool{}, map[string]bool{}
	for _, c := range index.Cells {
		if seen[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		seen[c.ID] = true
		switch {
		case c.Application == "fails" && (c.Status != report.CellFailed || !strings.Contains(c.Reason, "exit status 3")):
			t.Errorf("%s: %s: %s", c.ID, c.Status, c.Reason)
		case c.Application == "montecarlo" && (c.Status != report.CellOK || c.Work == nil):
			t.Errorf("%s: %s: %s", c.ID, c.Status, c.Reason)
		case c.Application == "montecarlo":
			sums[c.Work.Checksum] = true
		}
	}
	if len(sums) != 1 {
		t.Errorf("the same work came to %v", sums)
	}
}
