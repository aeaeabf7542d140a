package output

import (
	"io"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// verdict is the first thing the doctor says.
func verdict(d *report.Doctor) string {
	if !d.CanMeasure {
		return "Nothing can be measured here: energyprobe run will estimate."
	}
	names := []string{d.Best + " (best)"}
	for _, c := range d.Checks {
		if c.Group == "sources" && c.State == report.Working && c.Name != d.Best && c.Name != "model" {
			names = append(names, c.Name)
		}
	}
	return "Energy can be measured here through " + enumerate(names) + ". Nothing more is needed."
}

func enumerate(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// firstAid returns the check whose remedy helps most towards measuring: what
// is forbidden can be allowed, what is broken perhaps repaired, what is absent
// rarely added.
func firstAid(d *report.Doctor) *report.Check {
	for _, state := range []report.CheckState{report.Forbidden, report.Broken, report.Absent} {
		for _, group := range []string{"sources", "zones"} {
			for i, c := range d.Checks {
				if c.Group == group && c.State == state && c.Remedy != "" {
					return &d.Checks[i]
				}
			}
		}
	}
	return nil
}

// advice is something to do, in words and as lines to paste; or to know, with
// no lines.
type advice struct{ text, lines string }

// whatToDo returns what a reader can do now: the one remedy that makes energy
// measurable, the ways around it, and the line that gives everything.
func whatToDo(d *report.Doctor) []advice {
	var todo []advice
	aid := firstAid(d)
	switch {
	case d.CanMeasure:
	case aid == nil:
		todo = append(todo, advice{text: "Nothing that could be done on this machine is known to change that."})
	default:
		todo = append(todo, advice{"What helps most (" + aid.Name + " is " + stateMark(aid.State) + "):", aid.Remedy})
		for _, r := range aid.Alternatives {
			todo = append(todo, advice{"or", r})
		}
	}
	if d.Grant != "" && (aid == nil || len(todo) != 1 || d.Grant != aid.Remedy) {
		todo = append(todo, advice{"Every right that energyprobe could use here, for cross-checks, hardware counters and attribution too:", d.Grant})
	}
	return todo
}

// stateMark is the word for a check's outcome.
func stateMark(s report.CheckState) string {
	if s == report.Working {
		return "ok"
	}
	return string(s)
}

// groups returns the groups of checks in order of appearance.
func groups(d *report.Doctor) []string {
	var names []string
	for _, c := range d.Checks {
		if !slices.Contains(names, c.Group) {
			names = append(names, c.Group)
		}
	}
	return names
}

// doctorTable writes the doctor's findings for people: the verdict, what to
// do, and then what was found.
func doctorTable(w io.Writer, d *report.Doctor, o Options) error {
	p := newPage(o)
	style := p.green
	if !d.CanMeasure {
		style = p.yellow
	}
	p.text("", verdict(d), func(s string) string { return p.bold(style(s)) })
	for _, a := range whatToDo(d) {
		p.text("", a.text, p.normal)
		p.remedy("    ", a.lines)
	}
	if h := hostText(d.Host); h != "" {
		p.blank()
		p.text(p.dim("Host: "), h, p.normal)
	}
	for _, group := range groups(d) {
		p.section(title(plain(group)))
		width := 0
		for _, c := range d.Checks {
			if c.Group == group {
				width = max(width, min(columns(plain(c.Name)), 24))
			}
		}
		for _, c := range d.Checks {
			if c.Group == group {
				p.finding(c, width)
			}
		}
	}
	return p.writeTo(w)
}

// finding adds a check: its state, its name and what was seen, with the
// remedies on lines of their own, from fewer rights to more.
func (p *page) finding(c report.Check, nameWidth int) {
	mark, name := plain(stateMark(c.State)), plain(c.Name)
	lead := "  " + p.stateStyle(c.State)(pad(mark, 9)) + "  " + p.bold(pad(name, nameWidth)) + "  "
	p.text(lead, c.Detail, p.normal)
	p.remedy("      ", c.Remedy)
	for _, alternative := range c.Alternatives {
		p.line("      " + p.dim("# or")) // a comment: pasting it along does no harm
		p.remedy("      ", alternative)
	}
}

func (p *page) stateStyle(s report.CheckState) func(string) string {
	switch s {
	case report.Working:
		return p.green
	case report.Forbidden:
		return p.yellow
	case report.Broken:
		return p.red
	}
	return p.dim
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-columns(s), 0))
}

func title(s string) string {
	if s == "" {
		return "Other"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
