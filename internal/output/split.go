package output

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
)

// What the table and the Markdown say about whose the joules are.

// isSplit reports whether the joules were shared out.
func isSplit(r *report.Run) bool {
	m := r.Attribution.Method
	return m != "" && m != string(energy.NoMethod)
}

// attributionText says whose joules these are when nothing split them.
func attributionText(r *report.Run) string {
	switch {
	case isSplit(r):
		return ""
	case r.Attribution.Reason != "":
		return "Not attributed: " + r.Attribution.Reason
	case r.Command == nil || isEstimate(r):
		return ""
	}
	return "These are the whole machine's joules over this time, not the command's alone."
}

// spender is the target as the subject of a sentence.
func spender(r *report.Run) string {
	switch {
	case r.Command != nil:
		return brief(r.Command.Argv)
	case r.Target.Kind == "pid":
		return subject(r) + " and what it started"
	case r.Target.Kind == "cgroup":
		return subject(r)
	}
	return "All programs"
}

// briefWidth bounds a command within a sentence.
const briefWidth = 40

// brief is a command line of as many whole words as fit: "sh -c …".
func brief(argv []string) string {
	s := shell.Join(argv)
	if columns(s) <= briefWidth || len(argv) < 2 {
		return shorten(s, briefWidth)
	}
	n := 1
	for n+1 < len(argv) && columns(shell.Join(argv[:n+1])) <= briefWidth-2 {
		n++
	}
	return shorten(shell.Join(argv[:n]), briefWidth-2) + " …"
}

// spentText is the answer that people come for: "make -j8 spent 812 ± 9 J of
// the machine's 1204 J (67.4 %)".
func spentText(r *report.Run) string {
	a := r.Attribution
	if a.TargetJ == nil {
		return "What " + spender(r) + " spent is not known: " + reasonOf(a.Split, "target_j")
	}
	s := spender(r) + " spent " + about(r) + amount(*a.TargetJ, a.TargetUncertaintyJ)
	total := r.Total.EnergyJ
	if total == nil {
		return s
	}
	of := quantity(*total, "J", digitsOf(*total, r.Total.UncertaintyJ, 3, 5))
	if *total >= 1000 && *total < 99_999 {
		of = count(math.Round(*total)) + " J" // as one would say it
	}
	s += " of the machine's " + about(r) + of
	if *total > 0 {
		s += " (" + part(*a.TargetJ / *total) + ")"
	}
	if holdsIdle(a) {
		s += ", its part of the idle power included"
	}
	return s
}

// holdsIdle reports whether the target's joules hold idle power.
func holdsIdle(a report.Attribution) bool {
	return a.IdleJ == nil || a.IdlePolicy == "proportional" || a.IdlePolicy == "reserved"
}

// about marks what comes from an estimate.
func about(r *report.Run) string {
	if isEstimate(r) {
		return "≈ "
	}
	return ""
}

// amount prints joules with their uncertainty: "812 ± 9 J". No more than four
// digits: the uncertainty is not that of the weights, and they are not better.
// Of whole joules it rounds off none, so that the sentence says what the table
// says.
func amount(j float64, unc *float64) string {
	if unc == nil || !(*unc > 0) {
		p := columnPrefix(j)
		return significant(p.scale(j), valueDigits) + " " + p.symbol + "J"
	}
	p := columnPrefix(max(j, *unc))
	v, u := p.scale(j), p.scale(*unc)
	d := decimalsFor(u)
	plus := fixed(u, d)
	if most := lineDecimals(v); v != 0 && d > most {
		// What the digits left out may add belongs to the uncertainty.
		d, plus = most, roundTo(max(u, math.Pow10(-most)), most, math.Ceil)
	}
	return fixed(v, max(d, 0)) + " ± " + plus + " " + p.symbol + "J"
}

// lineDecimals is how many decimal places four digits of v have.
func lineDecimals(v float64) int { return min(max(valueDigits-1-exponent(v, valueDigits), 0), 6) }

// part prints a share of the total; of the smallest only that they are small.
func part(ratio float64) string {
	if ratio > 0 && ratio < 1e-5 {
		return "<0.001 %"
	}
	return percent(ratio)
}

func reasonOf(s report.Split, line string) string {
	return cmp.Or(s.Unknown[line], "no reason given")
}

// splitLine is one of the five lines.
type splitLine struct {
	name  string // as JSON spells it
	label string // "" for the target's
	of    func(report.Split) *float64
}

var splitLines = [...]splitLine{
	{"target_j", "", func(s report.Split) *float64 { return s.TargetJ }},
	{"others_j", "others", func(s report.Split) *float64 { return s.OthersJ }},
	{"kernel_j", "kernel", func(s report.Split) *float64 { return s.KernelJ }},
	{"idle_j", "idle", func(s report.Split) *float64 { return s.IdleJ }},
	{"unattributed_j", "unattributed", func(s report.Split) *float64 { return s.UnattributedJ }},
}

// targetWord names the target in one word.
func targetWord(r *report.Run) string {
	switch r.Target.Kind {
	case "command", "":
		return "command"
	case "pid":
		return "process"
	case "machine":
		return "programs"
	}
	return plain(r.Target.Kind)
}

// splitTable is how the joules of each domain fall to those that ran: a
// column for each of the five lines.
type splitTable struct {
	header []string    // with the unit of all cells
	rows   [][]string  // the last is the total, where there are several domains
	parts  []splitPart // what they are of
	shares []string    // of the total
	notes  []splitNote
}

// splitNote says why lines are not known, and of which domains.
type splitNote struct {
	labels, domains []string
	reason          string
}

// splitPart is the split of a domain in the tree of domains, or of the total.
type splitPart struct {
	report.DomainSplit
	branch  string // as domainRow's
	counted bool   // in the total
}

// splitParts puts the splits in the order of the table of domains.
func splitParts(r *report.Run) []splitPart {
	splits := map[string]report.DomainSplit{}
	var domains []report.Domain
	for _, d := range r.Attribution.PerDomain {
		splits[d.ID] = d
		whole, known := domainOf(r, d.ID)
		domains = append(domains, report.Domain{ID: d.ID, Parent: whole.Parent, InTotal: whole.InTotal || !known})
	}
	var out []splitPart
	for _, n := range tree(domains) {
		out = append(out, splitPart{splits[n.ID], n.branch, n.InTotal})
	}
	return out
}

// domainOf finds a domain by its ID.
func domainOf(r *report.Run, id string) (d report.Domain, known bool) {
	i := slices.IndexFunc(r.Domains, func(d report.Domain) bool { return d.ID == id })
	if i < 0 {
		return d, false
	}
	return r.Domains[i], true
}

func newSplitTable(r *report.Run) splitTable {
	a := r.Attribution
	parts := splitParts(r)
	if len(parts) != 1 {
		parts = append(parts, splitPart{report.DomainSplit{ID: "total", EnergyJ: r.Total.EnergyJ, Split: a.Split}, "", true})
	}
	largest := 0.0
	for _, d := range parts {
		largest = max(largest, deref(d.EnergyJ))
	}
	p := columnPrefix(largest)
	t := splitTable{header: []string{"Domain, " + p.symbol + "J", targetWord(r)}, parts: parts}
	for _, l := range splitLines[1:] {
		t.header = append(t.header, l.label)
	}
	for _, d := range parts {
		row := []string{plain(d.ID)}
		decimals := splitDecimals(d.DomainSplit, p)
		for _, l := range splitLines {
			row = append(row, joulesCell(l.of(d.Split), p, decimals))
		}
		t.rows = append(t.rows, row)
		t.note(d.DomainSplit)
	}
	for c := 1; c < len(t.header); c++ {
		alignColumn(t.rows, c)
	}
	t.share(r)
	return t
}

// splitDecimals is how many decimal places the lines of a domain support: what
// the target's uncertainty says holds for the others as well, which are the
// other side of the same split.
func splitDecimals(d report.DomainSplit, p prefix) int {
	v := p.scale(max(deref(d.EnergyJ), deref(d.TargetJ)))
	if v == 0 {
		return 0
	}
	most := lineDecimals(v)
	if u := d.TargetUncertaintyJ; u != nil && *u > 0 {
		return min(max(decimalsFor(p.scale(*u)), 0), most)
	}
	return most
}

// joulesCell prints the digits of an energy; what rounds to nothing without
// being nothing is less than the last digit.
func joulesCell(j *float64, p prefix, decimals int) string {
	if j == nil {
		return "-"
	}
	v := p.scale(*j)
	if v == 0 {
		return "0"
	}
	s := fixed(v, decimals)
	if strings.Trim(s, "0.") == "" {
		return "<" + fixed(math.Pow10(-decimals), decimals)
	}
	return s
}

// share adds the lines' parts of the total.
func (t *splitTable) share(r *report.Run) {
	if deref(r.Total.EnergyJ) <= 0 {
		return
	}
	t.shares = []string{"share"}
	for _, l := range splitLines {
		s := "-"
		if v := l.of(r.Attribution.Split); v != nil {
			s = part(*v / *r.Total.EnergyJ)
		}
		t.shares = append(t.shares, s)
	}
}

// note says why lines of d are not known. Those that share a reason share a
// note, and the total, which lacks what a domain lacks, repeats none.
func (t *splitTable) note(d report.DomainSplit) {
	for i, l := range splitLines {
		if l.of(d.Split) != nil {
			continue
		}
		label, reason := t.header[1+i], reasonOf(d.Split, l.name)
		k := slices.IndexFunc(t.notes, func(n splitNote) bool { return strings.HasSuffix(reason, n.reason) })
		if k < 0 {
			k, t.notes = len(t.notes), append(t.notes, splitNote{reason: reason})
		}
		n := &t.notes[k]
		if !slices.Contains(n.labels, label) {
			n.labels = append(n.labels, label)
		}
		if !slices.Contains(n.domains, d.ID) {
			n.domains = append(n.domains, d.ID)
		}
	}
}

// subject is what a note is about: "idle", or "idle of package-1" where only
// some domains lack it.
func (n splitNote) subject(t splitTable) string {
	s := strings.Join(n.labels, ", ")
	domains := slices.DeleteFunc(slices.Clone(n.domains), func(id string) bool { return id == "total" })
	if of := len(t.rows) - 1; len(domains) > 0 && len(domains) < of {
		s += " of " + plain(strings.Join(domains, ", "))
	}
	return s
}

// alignColumn pads the cells of a column so that their decimal points stand
// below each other once they are aligned to the right.
func alignColumn(rows [][]string, c int) {
	behind := 0
	for _, row := range rows {
		behind = max(behind, fraction(row[c]))
	}
	for _, row := range rows {
		if row[c] != "" && row[c] != "-" {
			row[c] += strings.Repeat(" ", behind-fraction(row[c]))
		}
	}
}

// splitText says how the joules were split.
func splitText(r *report.Run) string {
	a := r.Attribution
	s := plain(a.Method)
	if a.Weights != "" {
		s += ": " + plain(a.Weights)
	}
	if i := a.Intervals; i != nil {
		s += "; " + plural(i.N, "interval")
		if i.N > 0 {
			s += " of " + quantity(i.MeanLengthS, "s", 3)
		}
	}
	return s + lostText(a.Lost)
}

func lostText(l *report.Lost) string {
	if l == nil {
		return ""
	}
	s := ""
	if l.Tasks > 0 {
		s += "; " + plural(int(l.Tasks), "task") + " found no room in the kernel's tables"
	}
	if l.Events > 0 {
		s += "; " + plural(int(l.Events), "event") + " lost"
	}
	if l.Processes > 0 {
		s += "; " + plural(int(l.Processes), "process", "es") + " without a line"
	}
	return s
}

// idleText says what the idle machine draws, how that is known, and who gets
// it; "" when there is nothing to say.
func idleText(r *report.Run) string {
	var order []string // of the ways it was learnt
	by := map[string][]string{}
	for _, i := range r.Attribution.Idle {
		if d, known := domainOf(r, i.ID); known && !d.InTotal {
			continue // it is part of what its parent draws
		}
		s, how := idleWatts(r, i)
		if by[how] == nil {
			order = append(order, how)
		}
		by[how] = append(by[how], s)
	}
	var parts []string
	for _, how := range order {
		s := strings.Join(by[how], ", ")
		if how != "" {
			s += ": " + how
		}
		parts = append(parts, s)
	}
	if parts == nil {
		return ""
	}
	return strings.Join(parts, "; ") + policyText(r)
}

// idleWatts is the power of one idle domain, and how that is known. Why it is
// not stands below the lines; how to learn it stands here.
func idleWatts(r *report.Run, i report.IdlePower) (text, how string) {
	if i.PowerW == nil {
		how = "--idle-power WATTS gives it"
		if r.Command != nil {
			how = "--baseline 5s learns it, " + how
		}
		if r.Attribution.IdleJ != nil { // no line is missing, so nothing has said it yet
			how = plain(cmp.Or(i.Reason, "no reason given")) + "; " + how
		}
		return plain(i.ID) + " not known", how
	}
	value, plus := plusMinus(*i.PowerW, i.UncertaintyW, noPrefix)
	if plus != "" {
		value += " ± " + plus
	}
	return plain(i.ID) + " " + value + " W", plain(i.How)
}

func policyText(r *report.Run) string {
	a := r.Attribution
	switch {
	case a.IdlePolicy == "proportional":
		return "; shared out in proportion to what each spent"
	case a.IdlePolicy == "reserved" && a.IdleSharePct != nil:
		return "; " + percent(*a.IdleSharePct/100) + " of it charged to the " + targetWord(r) + ", which has reserved as much"
	case a.IdleJ == nil:
		return ""
	}
	return "; kept apart (--idle none)"
}

// refusalReason is why no better method was used, unless a refusal says it.
func refusalReason(a report.Attribution) string {
	if slices.ContainsFunc(a.Refused, func(f report.Refusal) bool { return f.Reason == a.Reason }) {
		return ""
	}
	return strings.TrimSpace(a.Reason)
}
