package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// The tests are also the processes that they start: what one does is named in
// this variable.
const helperEnv = "HISTORY_TEST_HELPER"

func TestMain(m *testing.M) {
	if what := os.Getenv(helperEnv); what != "" {
		os.Exit(help(what, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func helper(what string, args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe", args...)
	c.Env = append(os.Environ(), helperEnv+"="+what, "GORACE=atexit_sleep_ms=0")
	c.Stderr = os.Stderr
	return c
}

// help appends results PREFIX-0, PREFIX-1, ... to a file, and says each on
// standard output when it has been stored.
func help(what string, args []string) int {
	s, prefix := New(args[0]), args[1]
	n, err := strconv.Atoi(args[2])
	switch what {
	case "limited": // a disk that is full after n bytes
		n, err = 1000, errFirst(err, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(n), Max: uint64(n)}))
	case "nobody":
		err = errFirst(err, syscall.Setuid(65534))
	}
	for i := 0; i < n && err == nil; i++ {
		id := fmt.Sprintf("%s-%d", prefix, i)
		if err = s.Append(entryOf(sampleRun(id))); err == nil {
			fmt.Println(id)
		}
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

func errFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

var startOfTime = time.Date(2026, 11, 3, 14, 21, 7, 0, time.UTC)

// sampleRun is a result with every metric of the catalogue: some 9 KiB.
func sampleRun(id string) *report.Run {
	r := &report.Run{
		Schema: report.RunSchema, RunID: id, StartedAt: startOfTime, DurationS: 12.346,
		Tool: report.Tool{Name: "energyprobe", Version: "0.1.0"}, Host: report.Host{Hostname: "web-07"},
		Target: report.Target{Kind: "command"}, Command: &report.Command{Argv: []string{"make", "-j8"}, PID: 7, ExitCode: ptr(0)},
		Source: report.Source{Name: "perf", Quality: energy.Measured, Refused: []report.Refusal{}},
		Total:  report.Energy{EnergyJ: ptr(1805.4), PowerW: ptr(146.2), UncertaintyJ: ptr(0.3)},
		Models: map[string]report.Model{}, Metrics: map[string]report.Metric{}, Warnings: []report.Warning{}, Domains: []report.Domain{},
	}
	r.Attribution.Method = "none"
	for _, d := range energy.Catalogue() {
		r.Metrics[d.Name] = report.Metric{Value: ptr(1.25), Unit: d.Unit, Source: "/proc", Scope: d.Scope}
	}
	return r
}

// entryOf is what a verb hands to Append.
func entryOf(v any) (report.HistoryEntry, []byte) {
	e, err := Describe(v)
	if err != nil {
		panic(err)
	}
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return e, doc
}

func newStore(t testing.TB) *Store {
	return New(filepath.Join(t.TempDir(), "history.jsonl"))
}

func appendRuns(t testing.TB, s *Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := s.Append(entryOf(sampleRun(id))); err != nil {
			t.Fatal(err)
		}
	}
}

// list returns the IDs of all entries and the codes of the warnings.
func list(t testing.TB, s *Store, f Filter) (ids, codes []string) {
	t.Helper()
	entries, warnings, err := s.List(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	for _, w := range warnings {
		if !strings.HasPrefix(w.Message, s.path+":") || w.Advice == "" {
			t.Errorf("a warning without its place or advice: %+v", w)
		}
		codes = append(codes, w.Code)
	}
	return ids, codes
}

func read(t testing.TB, s *Store) []byte {
	t.Helper()
	data, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, s *Store, data []byte) {
	t.Helper()
	if err := os.WriteFile(s.path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func indented(t testing.TB, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
