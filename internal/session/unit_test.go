package session

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
)

func TestLookPath(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/tool": 0o755, "b/tool": 0o755, "plain/tool": 0o644, "plain/only": 0o644} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "dirs/tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "a"))
	path := func(names ...string) string {
		for i, n := range names {
			if n != "" {
				names[i] = filepath.Join(dir, n)
			}
		}
		return strings.Join(names, ":")
	}
	var missing *NotFoundError
	var denied *NotExecutableError
	for _, c := range []struct {
		name, cmd, path string
		want            string // below dir, or as it is
		wantErr         any
	}{
		{"the first of two", "tool", path("a", "b"), "a/tool", nil},
		{"order counts", "tool", path("b", "a"), "b/tool", nil},
		{"past a folder that is missing", "tool", path("none", "b"), "b/tool", nil},
		{"past a file that can't be executed", "tool", path("plain", "b"), "b/tool", nil},
		{"past a folder of that name", "tool", path("dirs", "b"), "b/tool", nil},
		{"found, but not executable", "only", path("plain", "a"), "", &denied},
		{"nowhere", "nothing", path("a", "b"), "", &missing},
		{"an empty PATH", "tool", "", "", &missing},
		{"an empty part is the present folder", "tool", path("", "b"), "./tool", nil},
		{"with a slash PATH does not matter", "./tool", "", "./tool", nil},
		{"absolute", filepath.Join(dir, "b/tool"), "", "b/tool", nil},
		{"below a file", filepath.Join(dir, "a/tool/x"), "", "", &missing},
		{"empty", "", path("a"), "", &missing},
		{"a folder by name", dir, "", "", &denied},
	} {
		got, err := lookPath(c.cmd, c.path)
		if c.wantErr != nil {
			if !errors.As(err, c.wantErr) {
				t.Errorf("%s: %q, %v", c.name, got, err)
			}
			continue
		}
		want := c.want
		if !strings.HasPrefix(want, ".") {
			want = filepath.Join(dir, want)
		}
		if err != nil || filepath.Clean(got) != filepath.Clean(want) {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, want)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&NotFoundError{Name: "foo"}, "foo: not found in PATH"},
		{&NotFoundError{Name: "./foo"}, "./foo: no such file"},
		{&NotExecutableError{"x", unix.ENOEXEC}, "#!/bin/sh"},
		{&NotExecutableError{"x", unix.EACCES}, "chmod +x x"},
		{&NotExecutableError{"x", unix.ENOENT}, "interpreter or loader"},
		{&NotExecutableError{"x", unix.E2BIG}, "argument list too long"},
	} {
		if !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v does not say %q", c.err, c.want)
		}
	}
}

func TestAlarm(t *testing.T) {
	for _, far := range []time.Duration{5 * time.Millisecond, time.Minute} { // both ways to sleep
		var a alarm
		a.ring()
		began := time.Now()
		if !a.sleepUntil(energy.Now().Add(far)) || time.Since(began) > time.Second {
			t.Errorf("%v: slept through an alarm that had rung", far)
		}
	}
	var a alarm
	time.AfterFunc(50*time.Millisecond, a.ring)
	began := time.Now()
	for !a.sleepUntil(energy.Now().Add(time.Minute)) {
	}
	if d := time.Since(began); d < 40*time.Millisecond || d > 5*time.Second {
		t.Errorf("woken after %v", d)
	}
	var b alarm
	if b.sleepUntil(energy.Now().Add(-time.Second)) {
		t.Error("an alarm that never rang")
	}
	if b.sleepUntil(energy.Now().Add(3 * time.Millisecond)) {
		t.Error("an alarm that never rang")
	}
	b.ring() // nobody sleeps
	if !b.sleepUntil(noDeadline) {
		t.Error("the alarm was lost")
	}
}

// An absolute deadline is kept, and being late once does not delay the next.
func TestDeadlines(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sharpTimer()
	defer dullTimer()
	var a alarm
	var late []time.Duration
	first := energy.Now().Add(time.Millisecond)
	for i := range 200 {
		due := first.Add(time.Duration(i) * time.Millisecond)
		for energy.Now() < due {
			a.sleepUntil(due)
		}
		late = append(late, energy.Now().Sub(due))
	}
	slices.Sort(late)
	if late[0] < 0 {
		t.Errorf("woken %v early", -late[0])
	}
	// Others use this machine too: the median is what the code is good for.
	if m := late[len(late)/2]; m > 500*time.Microsecond {
		t.Errorf("the median lateness is %v", m)
	}
}

func TestLateness(t *testing.T) {
	var l lateness
	if _, ok := l.quantile(0.99); ok {
		t.Error("a quantile of nothing")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 5000 {
		d := time.Duration(rng.ExpFloat64() * float64(60*time.Microsecond))
		all = append(all, d)
		l.add(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99} {
		got, ok := l.quantile(q)
		want := all[int(q*float64(len(all)))-1]
		if !ok || got < want || got > want+time.Microsecond {
			t.Errorf("quantile %v is %v, %v, want %v", q, got, ok, want)
		}
	}
	l.add(-time.Microsecond) // before its time: not late
	for range 100 {
		l.add(time.Second)
	}
	if d, ok := l.quantile(0.999); ok {
		t.Errorf("a lateness beyond the histogram is %v", d)
	}
	if d, ok := l.quantile(0.5); !ok || d > 100*time.Microsecond {
		t.Errorf("median %v, %v", d, ok)
	}
}
