package page

import (
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
)

// brief is a text of at most n characters, for a place that holds no more.
func brief(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimRight(string(r[:n-1]), " ") + "…"
	}
	return s
}

func startedAt(v any) time.Time {
	switch v := v.(type) {
	case *report.Run:
		return v.StartedAt
	case *report.Trials:
		return v.StartedAt
	case *report.Comparison:
		return v.StartedAt
	case *report.Calibration:
		return v.StartedAt
	case *report.Bench:
		return v.StartedAt
	case *report.BenchComparison:
		return v.StartedAt
	}
	return time.Time{}
}

func date(t time.Time) string {
	if t.IsZero() {
		return "at a time that is not known"
	}
	return t.UTC().Format("2 January 2006, 15:04:05 UTC")
}

func toolText(t report.Tool) string {
	s := t.Name + " " + t.Version
	if t.Commit != "" {
		s += " (" + t.Commit + ")"
	}
	return output.Plain(s)
}

// hostFacts say on what machine a result was made, and by what.
func hostFacts(d Document, prefix string, h report.Host) []Fact {
	facts := []Fact{
		{Label: "host", Value: Value{Text: output.Plain(h.Hostname), Reason: "the result does not name it", Source: d.at("%shost.hostname", prefix)}},
		{Label: "machine", Value: Value{Text: output.HostText(h), Reason: "the result does not describe it", Source: d.at("%shost", prefix)}},
	}
	if h.CPU.Governor != "" {
		facts = append(facts, Fact{Label: "governor", Value: Value{Text: output.Plain(h.CPU.Governor), Source: d.at("%shost.cpu.governor", prefix)}})
	}
	if h.TDP.Value != nil {
		facts = append(facts, Fact{Label: "TDP of a socket", Value: Value{Text: output.Quantity(*h.TDP.Value, "W", 3), Source: d.at("%shost.tdp_w.value", prefix)},
			Note: output.Plain(h.TDP.Source)})
	}
	return facts
}
