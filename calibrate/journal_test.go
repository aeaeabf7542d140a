package calibrate

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/report"
)

func headOf(seed int64) Head {
	return Head{Plan: report.CalibrationPlan{Mode: "quick", Seed: seed}, Host: report.Host{Hostname: "here"}, Source: "perf"}
}

// A journal cut anywhere, as by a kill or a full disk, gives back every point
// that was acknowledged before the cut, and goes on.
func TestJournalCutAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := NewJournal(path, headOf(7))
	if err != nil {
		t.Fatal(err)
	}
	points := clean()
	var ends []int64
	for i, p := range points[:4] {
		if err := j.Add(10+i, p); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, info.Size())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := int64(strings.IndexByte(string(whole), '\n') + 1)
	for cut := first; cut <= int64(len(whole)); cut++ {
		if edge := min(cut-first, int64(len(whole))-cut); edge > 2 && !slices.Contains(ends, cut-1) && !slices.Contains(ends, cut) && !slices.Contains(ends, cut+1) && cut%61 != 0 {
			continue // every cut costs two syncs: those at the ends of lines, and some of the others
		}
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, end := range ends {
			if end <= cut {
				want++
			}
		}
		j, head, made, err := OpenJournal(path)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if len(made) != want || head.Plan.Seed != 7 {
			t.Fatalf("cut at %d: %d points, want %d; head %+v", cut, len(made), want, head)
		}
		for i := range want {
			if diff := cmp.Diff(points[i], made[10+i]); diff != "" {
				t.Fatalf("cut at %d, point %d: %s", cut, i, diff)
			}
		}
		if err := j.Add(99, points[5]); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j, _, made, err = OpenJournal(path)
		if err != nil || len(made) != want+1 {
			t.Fatalf("cut at %d, gone on: %d points, %v", cut, len(made), err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(content string) string {
		f, err := os.CreateTemp(dir, "j")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	head := `{"schema":"energyprobe.calibration-journal/v1"}` + "\n"
	for _, c := range []struct{ name, content, want string }{
		{"empty", "", "empty"},
		{"only half a head", `{"schema":`, "empty"},
		{"a future one", `{"schema":"energyprobe.calibration-journal/v9"}` + "\n", "line 1: its schema"},
		{"another file", "hello\n", "line 1"},
		{"a broken line", head + "{\"place\":1}\nnonsense\n{\"place\":2}\n", "line 3"},
		{"a point twice", head + "{\"place\":1}\n{\"place\":1}\n", "line 3: place 1"},
		{"no place", head + "{\"place\":-1}\n", "line 2: place -1"},
	} {
		if _, _, _, err := OpenJournal(file(c.content)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	if _, _, _, err := OpenJournal(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no file: %v", err)
	}
	path := filepath.Join(dir, "one")
	j, err := NewJournal(path, headOf(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewJournal(path, headOf(1)); err == nil || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("a second one: %v", err)
	}
	if _, _, _, err := OpenJournal(path); err == nil || !strings.Contains(err.Error(), "another calibration") {
		t.Errorf("while it is in use: %v", err)
	}
	if err := j.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// What is no journal is refused at once, and is left as it was.
func TestOpenJournalOfNoJournal(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const notes = "notes of mine\nthat end without a newline"
	for _, err := range []error{
		unix.Mkfifo(at("fifo"), 0o600),
		os.WriteFile(at("notes"), []byte(notes), 0o600),
		os.WriteFile(at("huge"), nil, 0o600),
		os.Truncate(at("huge"), maxJournal+1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ path, want string }{
		{dir, "is a directory"},
		{at("fifo"), "is no file"},
		{"/dev/zero", "/dev/zero"}, // no file, and not to be written by all
		{at("huge"), "larger than 67108864 bytes"},
		{at("notes"), "line 1"},
	} {
		answer := make(chan error, 1)
		go func() {
			_, _, _, err := OpenJournal(c.path)
			answer <- err
		}()
		select {
		case err := <-answer:
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("%s: %v, want %q and the path", c.path, err, c.want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: no answer", c.path)
		}
	}
	if got, err := os.ReadFile(at("notes")); err != nil || string(got) != notes {
		t.Errorf("a file that is no journal became %q, %v", got, err)
	}
}

// Whatever a file holds, opening it as a journal says what is wrong and leaves
// it alone, or gives points that can be gone on with.
func FuzzOpenJournal(f *testing.F) {
	const head = `{"schema":"energyprobe.calibration-journal/v1","plan":{"seed":7},"source":"perf"}` + "\n"
	for _, s := range []string{
		"", "\n", head, head[:40], head + "{\"place\":1}\n", head + "{\"place\":1}\n{\"place\":1}\n", head + "{\"place\":2,\"point\":{\"power_w\"",
		head + "{\"place\":1e99}\n", head + "{\"place\":-1}\n", head + "null\n\n", "null\n", head + head, strings.Repeat("[", 20000) + "\n",
	} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "journal")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, head, made, err := OpenJournal(path)
		after, readErr := os.ReadFile(path)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if err != nil {
			if !bytes.Equal(after, data) || !strings.Contains(err.Error(), path) {
				t.Errorf("%q became %q: %v", data, after, err)
			}
			return
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if head.Schema != journalSchema || !bytes.HasPrefix(data, after) || !bytes.HasSuffix(after, []byte("\n")) || bytes.ContainsRune(data[len(after):], '\n') {
			t.Errorf("%q became %q with schema %q", data, after, head.Schema)
		}
		for place := range made {
			if place < 0 {
				t.Errorf("a point at place %d", place)
			}
		}
		again, readAgain, err := parseJournal(after)
		if err != nil || again.Plan.Seed != head.Plan.Seed || len(readAgain) != len(made) {
			t.Errorf("read twice: %v, %d points and %d", err, len(made), len(readAgain))
		}
	})
}
