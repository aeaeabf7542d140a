package history

import (
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Filter selects entries. The zero value selects all.
type Filter struct {
	Since   time.Time // began then or later
	Until   time.Time // began before
	Command string    // part of the command, its arguments joined by blanks, or of what else was measured
	Host    string    // name of the machine
	Schema  string    // energyprobe.run/v1, energyprobe.run or run
	Source  string    // perf, powercap, msr or model
	Last    int       // only so many, the newest of those that the rest selects; 0 means all
}

// Match reports whether e is selected, Last aside.
func (f Filter) Match(e *report.HistoryEntry) bool {
	switch {
	case !f.Since.IsZero() && e.StartedAt.Before(f.Since),
		!f.Until.IsZero() && !e.StartedAt.Before(f.Until),
		f.Host != "" && f.Host != e.Hostname,
		f.Source != "" && f.Source != e.Source,
		f.Schema != "" && !schemaIs(e.Schema, f.Schema),
		f.Command != "" && !strings.Contains(Subject(e), f.Command):
		return false
	}
	return true
}

// Subject is what an entry is about, in words: its command or what else was
// measured.
func Subject(e *report.HistoryEntry) string {
	if len(e.Argv) > 0 {
		return strings.Join(e.Argv, " ")
	}
	return e.Subject
}

func schemaIs(schema, want string) bool {
	name, _, _ := strings.Cut(schema, "/")
	return want == schema || want == name || want == strings.TrimPrefix(name, "energyprobe.")
}
