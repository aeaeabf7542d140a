package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

func TestFilters(t *testing.T) {
	s := newStore(t)
	for i, c := range []struct{ command, host, source string }{
		{"make -j8", "web-07", "perf"}, {"make test", "web-07", "perf"}, {"python3 app.py", "web-08", "powercap"},
		{"make -j8", "web-08", "perf"}, {"", "web-07", "model"},
	} {
		r := sampleRun(fmt.Sprint("id-", i))
		r.StartedAt = startOfTime.Add(time.Duration(i) * time.Hour)
		r.Host.Hostname, r.Source.Name, r.Command.Argv = c.host, c.source, strings.Fields(c.command)
		if c.command == "" {
			r.Command, r.Target.Kind = nil, "machine"
		}
		if err := s.Append(entryOf(r)); err != nil {
			t.Fatal(err)
		}
	}
	trials := &report.Trials{Schema: report.TrialsSchema, RunID: "id-5", StartedAt: startOfTime.Add(5 * time.Hour)}
	if err := s.Append(entryOf(trials)); err != nil {
		t.Fatal(err)
	}
	hour := func(h int) time.Time { return startOfTime.Add(time.Duration(h) * time.Hour) }
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "0 1 2 3 4 5"},
		{Filter{Since: hour(2)}, "2 3 4 5"},
		{Filter{Until: hour(2)}, "0 1"},
		{Filter{Since: hour(1), Until: hour(3)}, "1 2"},
		{Filter{Command: "make"}, "0 1 3"},
		{Filter{Command: "whole machine"}, "4"},
		{Filter{Host: "web-08"}, "2 3"},
		{Filter{Source: "perf"}, "0 1 3"},
		{Filter{Schema: "trials"}, "5"},
		{Filter{Schema: "energyprobe.run/v1", Host: "web-07"}, "0 1 4"},
		{Filter{Schema: "energyprobe.run/v2"}, ""},
		{Filter{Last: 2}, "4 5"},
		{Filter{Last: 99}, "0 1 2 3 4 5"},
		{Filter{Last: 2, Command: "make"}, "1 3"},
		{Filter{Last: 1, Host: "nowhere"}, ""},
	} {
		ids, _ := list(t, s, c.f)
		if got := strings.ReplaceAll(strings.Join(ids, " "), "id-", ""); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.f, got, c.want)
		}
	}
	stop := errors.New("enough")
	if _, err := s.Scan(Filter{}, func(report.HistoryEntry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the scan went on: %v", err)
	}
}

func TestFind(t *testing.T) {
	s := newStore(t)
	appendRuns(t, s, "aaaa1111", "aaaa2222", "bbbb3333")
	newer := sampleRun("bbbb3333")
	newer.DurationS = 99
	if err := s.Append(entryOf(newer)); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"aaaa1": "aaaa1111", "bbbb": "bbbb3333", Last: "bbbb3333", "aaaa2222": "aaaa2222"} {
		e, result, err := s.Find(id)
		if err != nil || e.ID != want || !bytes.Contains(result, []byte(`"run_id":"`+want+`"`)) {
			t.Errorf("%s: found %s: %v", id, e.ID, err)
		}
		if want == "bbbb3333" && *e.DurationS != 99 {
			t.Error("not the newest of one ID")
		}
	}
	for id, want := range map[string]string{"aaaa": "aaaa1111, aaaa2222", "cccc": "no such result", "b": "at least 4"} {
		if _, _, err := s.Find(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// TestDamagedLines also keeps a file that is no history at all from flooding
// the terminal.
func TestDamagedLines(t *testing.T) {
	s := newStore(t)
	appendRuns(t, s, "one-1")
	whole := read(t, s)
	write(t, s, slices.Concat(whole, []byte("oops\n\n  \n"), whole))
	ids, codes := list(t, s, Filter{})
	if len(ids) != 2 || !slices.Equal(codes, []string{"history-line"}) {
		t.Errorf("listed %v, warnings %v", ids, codes)
	}
	_, warnings, err := s.List(Filter{})
	if err != nil || !strings.Contains(warnings[0].Message, "history.jsonl:2: ") {
		t.Errorf("%v: %+v", err, warnings)
	}
	write(t, s, bytes.Repeat([]byte("text\n"), 500))
	if _, codes = list(t, s, Filter{}); len(codes) != maxTrouble+1 {
		t.Errorf("%d warnings", len(codes))
	}
}

// TestLongLines has one line that is beyond what is held.
func TestLongLines(t *testing.T) {
	s := newStore(t)
	s.limit = 1 << 20
	appendRuns(t, s, "one-1")
	whole := read(t, s)
	write(t, s, slices.Concat(whole, bytes.Repeat([]byte("x"), s.limit+10), []byte("\n"), whole))
	ids, codes := list(t, s, Filter{})
	if len(ids) != 2 || !slices.Equal(codes, []string{"history-line"}) {
		t.Errorf("listed %v, warnings %v", ids, codes)
	}
	if _, _, err := s.Prune(Retention{Keep: 1}); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("pruned what it could not hold: %v", err)
	}
	if info, err := os.Stat(s.path); err != nil || info.Size() < int64(s.limit) {
		t.Error("the long line is gone")
	}
	r := sampleRun("long")
	r.Command.User = strings.Repeat("y", s.limit)
	if err := s.Append(entryOf(r)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("stored a result of a MiB: %v", err)
	}
}

// randomText has what could confuse whoever takes lines apart.
func randomText(r *rand.Rand) string {
	pieces := []string{"a", `"`, `\`, "{", "}", "\n", "\x00", "é", "\u2028", `"result":`, ",", beforeEntry, "<&>", "\xff", " "}
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func randomNumber(r *rand.Rand) *float64 {
	switch r.IntN(4) {
	case 0:
		return nil
	case 1:
		return ptr(0.0)
	}
	return ptr(r.NormFloat64() * 1e6)
}

func randomRun(r *rand.Rand) *report.Run {
	run := sampleRun(fmt.Sprintf("%032x", r.Uint64()))
	for name := range run.Metrics {
		if r.IntN(3) > 0 {
			delete(run.Metrics, name)
		}
	}
	run.StartedAt = startOfTime.Add(time.Duration(r.Int64N(1e18)))
	run.DurationS, run.Host.Hostname = r.ExpFloat64(), randomText(r)
	run.Total = report.Energy{EnergyJ: randomNumber(r), PowerW: randomNumber(r), LowJ: randomNumber(r), Reason: randomText(r)}
	run.Attribution.TargetJ = randomNumber(r)
	run.Warnings = append(run.Warnings, report.Warning{Code: "x", Message: randomText(r), Advice: randomText(r)})
	run.Domains = append(run.Domains, report.Domain{ID: randomText(r), InTotal: true, Quality: energy.Estimated})
	run.Command.Argv = nil
	for range 1 + r.IntN(4) {
		run.Command.Argv = append(run.Command.Argv, randomText(r))
	}
	return run
}

// TestRoundTrip stores random results and reads them back.
func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	s := newStore(t)
	var want []report.HistoryEntry
	docs := map[string]string{}
	for range 150 {
		e, doc := entryOf(randomRun(r))
		if err := s.Append(e, doc); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want = append(want, asJSON(t, e))
		docs[e.ID] = indented(t, doc)
	}
	got, warnings, err := s.List(Filter{})
	if err != nil || warnings != nil {
		t.Fatalf("seed %d: %v, %v", seed, err, warnings)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seed %d: listed (-want +got):\n%s", seed, diff)
	}
	for id, doc := range docs {
		e, result, err := s.Find(id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(doc, indented(t, result)); diff != "" {
			t.Errorf("seed %d: the result changed:\n%s", seed, diff)
		}
		if v, err := Decode(e.Schema, result); err != nil {
			t.Error(err)
		} else if again, _ := Describe(v); cmp.Diff(asJSON(t, again), e) != "" {
			t.Errorf("seed %d: the stored result is described otherwise", seed)
		}
	}
}

// asJSON is an entry after a journey through JSON, which replaces bytes that
// are no UTF-8.
func asJSON(t *testing.T, e report.HistoryEntry) (back report.HistoryEntry) {
	t.Helper()
	data, err := json.Marshal(e)
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestLongCommandsAreCut(t *testing.T) {
	r := sampleRun("one-1")
	r.Command.Argv = []string{"cat", strings.Repeat("é", maxCommand), "never", "shown"}
	e, doc := entryOf(r)
	if n := len(strings.Join(e.Argv, " ")); len(e.Argv) != 2 || n > maxCommand+8 || !strings.HasSuffix(e.Argv[1], "é…") {
		t.Errorf("%d words of %d bytes", len(e.Argv), n)
	}
	if len(r.Command.Argv) != 4 || !bytes.Contains(doc, []byte("never")) {
		t.Error("the result lost its command")
	}
}

func TestPrune(t *testing.T) {
	for name, c := range map[string]struct {
		r          Retention
		want       string
		gone, stay int
	}{
		"keep":               {Retention{Keep: 2}, "2 3", 2, 2},
		"keep more":          {Retention{Keep: 9}, "0 1 2 3", 0, 4},
		"older than":         {Retention{Before: startOfTime.Add(90 * time.Minute)}, "2 3", 2, 2},
		"one is enough":      {Retention{Keep: 3, Before: startOfTime.Add(3 * time.Hour)}, "3", 3, 1},
		"nothing asked for":  {Retention{}, "0 1 2 3", 0, 4},
		"all are older":      {Retention{Before: startOfTime.AddDate(1, 0, 0)}, "", 4, 0},
		"a rule that is met": {Retention{Keep: 4, Before: startOfTime}, "0 1 2 3", 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			for i := range 4 {
				r := sampleRun(fmt.Sprint("id-", i))
				r.StartedAt = startOfTime.Add(time.Duration(i) * time.Hour)
				if err := s.Append(entryOf(r)); err != nil {
					t.Fatal(err)
				}
			}
			const foreign, unfinished = "a line of another's\n", `{"entry":{"id`
			write(t, s, slices.Concat([]byte(foreign), read(t, s), []byte(unfinished)))
			if err := os.Chmod(s.path, 0o640); err != nil {
				t.Fatal(err)
			}
			gone, stay, err := s.Prune(c.r)
			if err != nil || gone != c.gone || stay != c.stay {
				t.Errorf("%d went, %d stayed: %v", gone, stay, err)
			}
			ids, _ := list(t, s, Filter{})
			if got := strings.ReplaceAll(strings.Join(ids, " "), "id-", ""); got != c.want {
				t.Errorf("%s stayed, want %s", got, c.want)
			}
			if data := string(read(t, s)); !strings.HasPrefix(data, foreign) || strings.HasSuffix(data, unfinished) {
				t.Error("a line of another's went, or an unfinished one stayed")
			}
			checkAlone(t, s)
		})
	}
}

// checkAlone wants nothing beside the store, and its mode as it was.
func checkAlone(t *testing.T, s *Store) {
	t.Helper()
	files, err := os.ReadDir(strings.TrimSuffix(s.path, "/history.jsonl"))
	if err != nil || len(files) != 1 {
		t.Errorf("%v: %v", err, files)
	}
	if info, err := os.Stat(s.path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v: mode %v", err, info.Mode())
	}
}

// TestPruneThroughALink replaces the file, not the link to it.
func TestPruneThroughALink(t *testing.T) {
	s := newStore(t)
	link := New(t.TempDir() + "/link")
	if err := os.Symlink(s.path, link.path); err != nil {
		t.Fatal(err)
	}
	appendRuns(t, s, "one-1")
	appendRuns(t, link, "two-2")
	if gone, _, err := link.Prune(Retention{Keep: 1}); err != nil || gone != 1 {
		t.Fatalf("%d went: %v", gone, err)
	}
	if ids, _ := list(t, s, Filter{}); !slices.Equal(ids, []string{"two-2"}) {
		t.Errorf("the file holds %v", ids)
	}
	if _, err := os.Readlink(link.path); err != nil {
		t.Error(err)
	}
}

// TestScanHoldsLittle: what a scan allocates is a matter of entries, not of
// results.
func TestScanHoldsLittle(t *testing.T) {
	const n = 500
	s := newStore(t)
	one, err := encode(entryOf(sampleRun("one-1")))
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, bytes.Repeat(one, n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	seen := 0
	if _, err := s.Scan(Filter{}, func(report.HistoryEntry) error { seen++; return nil }); err != nil || seen != n {
		t.Fatalf("%d seen: %v", seen, err)
	}
	runtime.ReadMemStats(&after)
	const buffer = 300 << 10
	if each := (after.TotalAlloc - before.TotalAlloc - buffer) / n; each > 2000 || len(one) < 9_000 {
		t.Errorf("%d bytes allocated for each line of %d", each, len(one))
	}
}

func BenchmarkScan10000(b *testing.B) {
	s := newStore(b)
	one, err := encode(entryOf(sampleRun("4ae1c0ffee")))
	if err != nil {
		b.Fatal(err)
	}
	write(b, s, bytes.Repeat(one, 10_000))
	b.SetBytes(int64(len(one)) * 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if entries, _, err := s.List(Filter{}); err != nil || len(entries) != 10_000 {
			b.Fatal(len(entries), err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	s := newStore(b)
	e, doc := entryOf(sampleRun("4ae1c0ffee"))
	for b.Loop() {
		if err := s.Append(e, doc); err != nil {
			b.Fatal(err)
		}
	}
}
