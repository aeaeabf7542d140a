package history

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestAppendMakesPrivateFiles(t *testing.T) {
	dir := t.TempDir()
	s := New(filepath.Join(dir, "state", "energyprobe", "history.jsonl"))
	appendRuns(t, s, "one-1", "two-2")
	for path, want := range map[string]os.FileMode{s.path: 0o600, filepath.Dir(s.path): 0o700, filepath.Join(dir, "state"): 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	ids, warnings := list(t, s, Filter{})
	if !slices.Equal(ids, []string{"one-1", "two-2"}) || warnings != nil {
		t.Errorf("listed %v, warnings %v", ids, warnings)
	}
}

func TestNoFileIsEmpty(t *testing.T) {
	s := newStore(t)
	if ids, warnings := list(t, s, Filter{}); ids != nil || warnings != nil {
		t.Errorf("listed %v, warnings %v", ids, warnings)
	}
	if removed, kept, err := s.Prune(Retention{Keep: 1}); removed != 0 || kept != 0 || err != nil {
		t.Errorf("prune: %d, %d, %v", removed, kept, err)
	}
	if _, err := os.Stat(s.path); err == nil {
		t.Error("looking made a file")
	}
}

// TestTornAnywhere cuts the file all along its last line, as a crash could, and
// stores on.
func TestTornAnywhere(t *testing.T) {
	s := newStore(t)
	for _, id := range []string{"one-1", "two-2", "three-3"} {
		r := sampleRun(id)
		clear(r.Metrics) // a short line: there are many places to cut it
		if err := s.Append(entryOf(r)); err != nil {
			t.Fatal(err)
		}
	}
	whole := read(t, s)
	before := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := before; cut < len(whole); cut++ {
		if cut > before+40 && cut < len(whole)-40 {
			cut += 4 // within a value one place is like another
		}
		complete := []string{"one-1", "two-2"}
		if cut == len(whole)-1 {
			complete = append(complete, "three-3") // all but the line end
		}
		write(t, s, whole[:cut])
		ids, codes := list(t, s, Filter{})
		if !slices.Equal(ids, complete) {
			t.Fatalf("cut at %d: listed %v", cut, ids)
		}
		if tornNow := cut > before && cut < len(whole)-1; tornNow != slices.Contains(codes, "history-torn") {
			t.Fatalf("cut at %d: warnings %v", cut, codes)
		}
		appendRuns(t, s, "four-4")
		ids, codes = list(t, s, Filter{})
		if !slices.Equal(ids, append(complete, "four-4")) || codes != nil {
			t.Fatalf("cut at %d, stored on: listed %v, warnings %v", cut, ids, codes)
		}
	}
}

// TestTailsOfOthers stores behind what is no torn line of ours.
func TestTailsOfOthers(t *testing.T) {
	line, err := encode(entryOf(sampleRun("one-1")))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tail    string
		removed bool
	}{
		"zeros after a power cut": {"\x00\x00\x00\x00", true},
		"zeros, then the rest":    {"\x00\x00" + string(line[2:40]), true},
		"text":                    {"export PATH=/bin", false},
		"another document":        {`{"name": "x"`, false},
		"a result":                {`{"schema":"energyprobe.run/v1","run_id":"own"}`, false},
		"longer than a block":     {strings.Repeat("x", 200_000), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			start := string(line)
			write(t, s, []byte(start+c.tail))
			appendRuns(t, s, "two-2")
			want := start
			if !c.removed {
				want += c.tail + "\n"
			}
			got := string(read(t, s))
			if !strings.HasPrefix(got, want+beforeEntry) {
				t.Errorf("the file begins %.80q", got[len(start):])
			}
		})
	}
}

// TestManyProcesses has 8 processes append to a file that none of them made.
func TestManyProcesses(t *testing.T) {
	const processes, each = 8, 25
	s := New(filepath.Join(t.TempDir(), "new", "history.jsonl"))
	var running []*exec.Cmd
	var want []string
	for p := range processes {
		c := helper("append", s.path, fmt.Sprint("p", p), fmt.Sprint(each))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, c)
		for i := range each {
			want = append(want, fmt.Sprintf("p%d-%d", p, i))
		}
	}
	// Pruning at the same time replaces the file under them.
	for range 10 {
		if _, _, err := s.Prune(Retention{Before: startOfTime}); err != nil {
			t.Error(err)
		}
		if err := rewrite(s); err != nil {
			t.Error(err)
		}
	}
	for _, c := range running {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	ids, warnings := list(t, s, Filter{})
	slices.Sort(ids)
	slices.Sort(want)
	if diff := cmp.Diff(want, ids); diff != "" || warnings != nil {
		t.Errorf("warnings %v, stored (-want +got):\n%s", warnings, diff)
	}
}

// rewrite has Prune replace the file although every line stays: it stores a
// result of long ago and has it removed.
func rewrite(s *Store) error {
	r := sampleRun("old-0")
	r.StartedAt = startOfTime.AddDate(-1, 0, 0)
	if err := s.Append(entryOf(r)); err != nil {
		return err
	}
	_, _, err := s.Prune(Retention{Before: startOfTime})
	return err
}

// TestKilledWriters kills a process in the middle of storing, again and again.
// What it had said to be stored is there; the next writer goes on.
func TestKilledWriters(t *testing.T) {
	s := newStore(t)
	var said []string
	for i := range 12 {
		c := helper("append", s.path, fmt.Sprint("k", i), "1000000")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		killAt := 1 + rand.IntN(20)
		for n := 0; in.Scan(); n++ {
			said = append(said, in.Text())
			if n == killAt {
				time.Sleep(time.Duration(rand.IntN(3_000)) * time.Microsecond)
				_ = c.Process.Kill() // it may write on until it arrives
			}
		}
		_ = c.Wait() // killed
	}
	ids, warnings := list(t, s, Filter{})
	if slices.Contains(warnings, "history-line") {
		t.Errorf("a line in the middle is damaged: %v", warnings)
	}
	stored := map[string]bool{}
	for _, id := range ids {
		if stored[id] {
			t.Errorf("%s is stored twice", id)
		}
		stored[id] = true
	}
	for _, id := range said {
		if !stored[id] {
			t.Errorf("%s was stored, and is lost", id)
		}
	}
	// One line more for each kill: stored, and killed before it was said.
	if len(ids) > len(said)+12 {
		t.Errorf("%d results were said to be stored, %d are", len(said), len(ids))
	}
}

// TestFullDisk writes into a file that may not grow any further: the part of a
// line that still fitted is taken back.
func TestFullDisk(t *testing.T) {
	s := newStore(t)
	out, err := helper("limited", s.path, "full", "100000").Output()
	if err == nil || !strings.Contains(string(out), "error: ") {
		t.Fatalf("100 kB held a thousand results: %v\n%s", err, out)
	}
	for _, want := range []string{s.path, "file too large", "history prune", "ENERGYPROBE_HISTORY"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the error does not say %q:\n%s", want, out)
		}
	}
	said := strings.Count(string(out), "full-")
	ids, warnings := list(t, s, Filter{})
	if len(ids) != said || warnings != nil || said < 2 {
		t.Errorf("%d stored, %d listed, warnings %v", said, len(ids), warnings)
	}
}

func TestWhereNothingCanBeStored(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file + "/history.jsonl", t.TempDir(), "/proc/no/history.jsonl", "/dev/full", fifo} {
		for what, err := range map[string]error{"Append": New(path).Append(entryOf(sampleRun("one-1"))), "CheckWritable": New(path).CheckWritable()} {
			if err == nil {
				t.Errorf("%s: %s found nothing wrong", path, what)
				continue
			}
			for _, want := range []string{path, "ENERGYPROBE_HISTORY"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: the error of %s does not say %q: %v", path, what, want, err)
				}
			}
		}
	}
}

func TestForbiddenDirectory(t *testing.T) {
	dir := t.TempDir()
	what := "append"
	if os.Geteuid() == 0 {
		what = "nobody" // rights don't stop root
	}
	// The directories above are the test's own: nobody would not get that far.
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	out, err := helper(what, filepath.Join(dir, "history.jsonl"), "x", "1").Output()
	if err == nil || !strings.Contains(string(out), "permission denied: the file and its directory must belong to the user; name another file") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestLockedAllTheWhile(t *testing.T) {
	s := newStore(t)
	appendRuns(t, s, "one-1")
	f, err := s.locked(unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	other := New(s.path)
	other.wait = 20 * time.Millisecond
	err = other.Append(entryOf(sampleRun("two-2")))
	if err == nil || !strings.Contains(err.Error(), "fuser") {
		t.Errorf("stored under another's lock, or said nothing about it: %v", err)
	}
	f.Close()
	if err := other.Append(entryOf(sampleRun("two-2"))); err != nil {
		t.Error(err)
	}
}

func TestAppendTakesResultsOnly(t *testing.T) {
	s := newStore(t)
	e, _ := entryOf(sampleRun("one-1"))
	for _, doc := range []string{"", "{", "[]", "null", `{"a":1}{"b":2}`} {
		if err := s.Append(e, []byte(doc)); err == nil {
			t.Errorf("stored %q", doc)
		}
	}
	if _, err := os.Stat(s.path); err == nil {
		t.Error("a file was made for nothing")
	}
}
