package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

func writeProcessor(w io.Writer, f Format, r *report.Processor, o Options) error {
	switch f {
	case Table:
		return processorTable(w, r, o)
	case JSON:
		return writeJSON(w, completeProcessor(r))
	case CSV:
		return processorCSV(w, r)
	case Markdown:
		return processorMarkdown(w, r)
	}
	_, err := ParseFormat(string(f))
	return err
}

// completeProcessor returns a copy in which lists that the contract promises
// are empty instead of null.
func completeProcessor(r *report.Processor) *report.Processor {
	c := *r
	c.Parts = append([]report.Part{}, r.Parts...)
	for i := range c.Parts {
		p := &c.Parts[i]
		p.Aliases, p.Clouds = append([]string{}, p.Aliases...), append([]string{}, p.Clouds...)
		p.Steppings = append([]int{}, p.Steppings...)
	}
	if r.Identified != nil {
		id := *r.Identified
		id.Tried, id.Notes = append([]report.Try{}, id.Tried...), append([]string{}, id.Notes...)
		c.Identified = &id
	}
	return &c
}

// wattSpan is a published power with its range: "280 W (225 to 280 W)".
func wattSpan(r report.WattRange) string { return wattDigits(r, publishedDigits) }

// wattDigits is a power with its range. The digits are those of a range: a
// power without one is known as it is published.
func wattDigits(r report.WattRange, digits int) string {
	if r.LowW == r.HighW {
		digits = publishedDigits
	}
	s := bareWatts(r.NominalW, digits) + " W"
	if r.LowW < r.HighW {
		s += " (" + bareWatts(r.LowW, digits) + " to " + bareWatts(r.HighW, digits) + " W)"
	}
	return s
}

// Digits of a thermal design power as it is published, and of what is computed
// from several that disagree.
const (
	publishedDigits = 3
	computedDigits  = 2
)

// bareWatts is a power without its unit. A published one has no zeros that
// nobody published: 65, 7.5.
func bareWatts(w float64, digits int) string {
	s := significant(w, digits)
	if digits == publishedDigits && strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// partMark is that of a part that is not the one asked for.
const partMark = " *"

// otherParts says what the mark means.
const otherParts = "another part than the one asked for: its name is longer, and its TDP its own."

// partColumns are those of a list of parts.
var partColumns = []struct {
	title string
	right bool
	cell  func(p *report.Part) string
}{
	{"Name", false, func(p *report.Part) string {
		if p.Match == "other" {
			return plain(p.Name) + partMark
		}
		return plain(p.Name)
	}},
	{"Cores", true, func(p *report.Part) string { return strconv.Itoa(p.Cores) }},
	{"Threads", true, func(p *report.Part) string { return strconv.Itoa(p.Threads) }},
	{"GHz", true, partClock},
	{"TDP", true, func(p *report.Part) string { return bareWatts(p.TDP.NominalW, publishedDigits) + " W" }},
	{"Low", true, func(p *report.Part) string { return bareWatts(p.TDP.LowW, publishedDigits) }},
	{"High", true, func(p *report.Part) string { return bareWatts(p.TDP.HighW, publishedDigits) }},
	{"Known", false, func(p *report.Part) string { return plain(p.Confidence) }},
	{"Cloud", false, func(p *report.Part) string { return orDash(plain(strings.Join(p.Clouds, " "))) }},
	{"Source", false, func(p *report.Part) string { return plain(p.Source) }},
}

// spareColumns is how many columns at the end go below the row where the room
// is short.
const spareColumns = 2

func partClock(p *report.Part) string {
	if p.BaseHz == nil {
		return "-"
	}
	return fixed(*p.BaseHz/1e9, 2)
}

// partCells returns the header, the alignment and the rows of a list of parts.
func partCells(parts []report.Part) (header []string, right []bool, rows [][]string) {
	for _, c := range partColumns {
		header, right = append(header, c.title), append(right, c.right)
	}
	for i := range parts {
		var row []string
		for _, c := range partColumns {
			row = append(row, c.cell(&parts[i]))
		}
		rows = append(rows, row)
	}
	return header, right, rows
}

// parts adds a list of parts, a line each. Where the room is short, who sells
// it and the source stand on a line below.
func (p *page) parts(parts []report.Part) {
	header, right, rows := partCells(parts)
	width := make([]int, len(header))
	for k := range header {
		width[k] = columns(header[k])
		for _, row := range rows {
			width[k] = max(width[k], columns(row[k]))
		}
	}
	const rule = 2 // lines before the first row: the header and its rule
	if lineWidth(width) <= p.o.Width {
		p.table(&grid{header: header, right: right, rows: rows})
		return
	}
	n := len(header) - spareColumns
	g := &grid{header: header[:n], right: right[:n], ascii: p.o.ASCII}
	for _, row := range rows {
		g.rows = append(g.rows, row[:n])
	}
	lines, err := g.lines()
	if err != nil && p.err == nil {
		p.err = err
	}
	for i, l := range lines {
		p.line("  " + l)
		if k := i - rule; k >= 0 && k < len(parts) {
			below := rows[k][n+1]
			if len(parts[k].Clouds) > 0 {
				below += "; sold by " + strings.Join(parts[k].Clouds, ", ")
			}
			p.text("      ", below, p.dim)
		}
	}
}

// hasOthers reports whether a list has parts that are marked.
func hasOthers(parts []report.Part) bool {
	for i := range parts {
		if parts[i].Match == "other" {
			return true
		}
	}
	return false
}

// searchVerdict is the first thing said of a search.
func searchVerdict(r *report.Processor) string {
	if r.Query == "" {
		return "The table of processors: " + plural(len(r.Parts), "part")
	}
	q, first := `"`+plain(r.Query)+`"`, &r.Parts[0]
	var same, others int
	for i := range r.Parts {
		if r.Parts[i].Match == "other" {
			others++
		} else {
			same++
		}
	}
	s := ""
	switch {
	case first.Match == "name":
		s = q + " is the name of " + plain(first.Name)
		same--
	case first.Match == "alias":
		s = q + " is another name of " + plain(first.Name)
		same--
	case same == 0:
		return "No part is called " + q + "; " + plural(others, "other part") + " of longer names"
	}
	switch {
	case s == "":
		s = plural(same, "part") + " with " + q + " in the name"
	case same > 0:
		s += "; " + plural(same, "more part") + " with it in the name"
	}
	if others > 0 {
		s += "; " + plural(others, "other part") + " of longer names"
	}
	return s
}

// tdpNote says how the columns are meant.
const tdpNote = "TDP is a socket's; low and high are what makers allow or sources disagree on. " +
	"Known from the vendor, derived from published facts, or an estimate by kindred parts."

func processorTable(w io.Writer, r *report.Processor, o Options) error {
	p := newPage(o)
	if r.Identified == nil {
		p.text("", searchVerdict(r), p.bold)
		p.blank()
		p.parts(r.Parts)
		p.blank()
		if hasOthers(r.Parts) {
			p.text("  * ", otherParts, p.normal)
		}
		p.text("  ", tdpNote, p.dim)
		return p.writeTo(w)
	}
	id := r.Identified
	p.text("", hostVerdict(id), p.bold)
	p.text("", basisText(id), p.normal)
	p.identity(r)
	p.section("How it was found")
	for i := range id.Tried {
		p.try(&id.Tried[i])
	}
	if s := id.Share; s != nil {
		p.section("This guest's share of a socket")
		p.text("  ", shareText(s), p.normal)
	}
	if len(r.Parts) > 0 {
		p.section(candidatesTitle(r))
		p.parts(r.Parts)
	}
	p.blank()
	for _, note := range id.Notes {
		p.text("  "+p.yellow("!")+" ", note, p.normal)
	}
	p.text("  ", overrideNote, p.dim)
	return p.writeTo(w)
}

// overrideNote says what to do about a wrong answer.
const overrideNote = "You know better? energyprobe run --tdp WATTS; energyprobe cpu --tdp WATTS shows what that makes of it."

// hostVerdict is the first thing said of a host's processor.
func hostVerdict(id *report.Identified) string {
	return "TDP " + wattSpan(id.TDP) + " a socket: " + plain(id.Name)
}

// stepWords say how a step found what it did.
var stepWords = map[string]string{
	"user":         "The watts were given with --tdp",
	"hardware":     "The processor states its TDP itself",
	"profile":      "The watts are the host profile's",
	"name":         "Found by its name in full",
	"alias":        "Found by another name of the same part",
	"family-model": "Found by what parts of its family and model have in common",
	"segment":      "Not in the table: taken for what processors of its kind draw per thread",
}

func basisText(id *report.Identified) string {
	words, ok := stepWords[id.Step]
	if !ok {
		words = plain(id.Step)
	}
	perThread := wattDigits(id.PerThread, computedDigits) + " per thread."
	switch id.Step {
	case "user": // how sure that is the user knows
		return words + ": " + perThread
	case "name", "alias":
		return words + ". Confidence: " + plain(id.Confidence) + "."
	}
	return words + ". Confidence: " + plain(id.Confidence) + "; " + perThread
}

// identity is what a host says of its processor: its name, its numbers, and the
// machine around it.
func (p *page) identity(r *report.Processor) {
	p.section("What the host says")
	for _, f := range identityFacts(r) {
		p.text("  "+p.dim(pad(f.label, 9))+"  ", f.value, p.normal)
	}
}

func identityFacts(r *report.Processor) []fact {
	c := &r.Host.CPU
	numbers := []string{orDash(c.Vendor)}
	if r.Identified.MIDR != "" {
		numbers = append(numbers, "MIDR "+r.Identified.MIDR)
	} else if c.Family >= 0 && c.Model >= 0 {
		numbers = append(numbers, fmt.Sprintf("family %d, model %d, stepping %d", c.Family, c.Model, c.Stepping))
	}
	machine := *r.Host
	machine.CPU.ModelName = ""
	return []fact{{"name", orDash(c.ModelName)}, {"processor", strings.Join(numbers, ", ")}, {"machine", orDash(hostText(machine))}}
}

func tryText(t *report.Try) string {
	if t.TDP == nil {
		return t.Detail
	}
	return wattSpan(*t.TDP) + ": " + t.Detail
}

func (p *page) try(t *report.Try) {
	style := p.dim
	switch t.Outcome {
	case "used":
		style = p.green
	case "found":
		style = p.normal
	}
	p.text("  "+style(pad(plain(t.Outcome), 7))+"  "+p.bold(pad(plain(t.Step), 12))+"  ", tryText(t), p.normal)
}

func shareText(s *report.GuestShare) string {
	of := fixed(s.Threads, 0)
	if s.ThreadsLow < s.ThreadsHigh {
		of = fixed(s.ThreadsLow, 0) + " to " + fixed(s.ThreadsHigh, 0)
	}
	share := percent(s.NominalPct / 100)
	if s.LowPct < s.HighPct {
		share += " (" + percent(s.LowPct/100) + " to " + percent(s.HighPct/100) + ")"
	}
	return fmt.Sprintf("%s of %s threads: %s of it, %s of its TDP", plural(s.VCPUs, "vCPU"), of, share, wattDigits(s.TDP, computedDigits))
}

func candidatesTitle(r *report.Processor) string {
	if len(r.Parts) == 1 {
		return "In the table"
	}
	return "It may be one of " + count(float64(len(r.Parts)))
}

func processorMarkdown(w io.Writer, r *report.Processor) error {
	m := &markdown{}
	if r.Identified == nil {
		m.para("### %s", md(searchVerdict(r)))
	} else {
		m.hostProcessor(r)
	}
	if len(r.Parts) > 0 {
		header, right, rows := partCells(r.Parts)
		for _, row := range rows {
			for k := range row {
				row[k] = md(row[k])
			}
		}
		m.table(header, right, rows)
	}
	if hasOthers(r.Parts) {
		m.para(`\* %s`, md(otherParts))
	}
	m.para("%s", md(tdpNote))
	m.Truncate(m.Len() - 1)
	_, err := w.Write(m.Bytes())
	return err
}

func (m *markdown) hostProcessor(r *report.Processor) {
	id := r.Identified
	m.para("### %s", md(hostVerdict(id)))
	m.para("%s", md(basisText(id)))
	for _, f := range identityFacts(r) {
		m.item(md(f.label+": "+f.value), "")
	}
	m.WriteByte('\n')
	var rows [][]string
	for i := range id.Tried {
		t := &id.Tried[i]
		rows = append(rows, []string{md(t.Outcome), md(t.Step), md(tryText(t))})
	}
	m.table([]string{"Outcome", "Step", "What it gave"}, make([]bool, 3), rows)
	if id.Share != nil {
		m.para("This guest's share of a socket: %s.", md(shareText(id.Share)))
	}
	for _, note := range id.Notes {
		m.item(md(note), "")
	}
	if len(id.Notes) > 0 {
		m.WriteByte('\n')
	}
}

// processorCSV writes one of two shapes: a line per part, or of a host a line
// per value, as of a run.
func processorCSV(w io.Writer, r *report.Processor) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180, 2.1
	if r.Identified == nil {
		return c.WriteAll(partRows(r.Parts))
	}
	rows := [][]string{valueHeader}
	for _, v := range identifiedRows(r) {
		rows = append(rows, v.fields())
	}
	return c.WriteAll(rows)
}

func partRows(parts []report.Part) [][]string {
	rows := [][]string{{"match", "id", "vendor", "name", "aliases", "family", "model", "steppings", "midr", "base_hz", "cores", "threads",
		"tdp_w", "tdp_low_w", "tdp_high_w", "clouds", "confidence", "source"}}
	number := func(n *int) string {
		if n == nil {
			return ""
		}
		return strconv.Itoa(*n)
	}
	for i := range parts {
		p := &parts[i]
		var steppings []string
		for _, s := range p.Steppings {
			steppings = append(steppings, strconv.Itoa(s))
		}
		rows = append(rows, []string{p.Match, p.ID, p.Vendor, p.Name, strings.Join(p.Aliases, "|"), number(p.Family), number(p.Model),
			strings.Join(steppings, " "), p.MIDR, exact(p.BaseHz), strconv.Itoa(p.Cores), strconv.Itoa(p.Threads),
			exact(&p.TDP.NominalW), exact(&p.TDP.LowW), exact(&p.TDP.HighW), strings.Join(p.Clouds, " "), p.Confidence, p.Source})
	}
	return rows
}

func identifiedRows(r *report.Processor) []valueRow {
	id := r.Identified
	span := func(kind, name string, v *report.WattRange, source string) valueRow {
		return valueRow{kind: kind, id: name, value: &v.NominalW, unit: "W", source: source, low: &v.LowW, high: &v.HighW}
	}
	text := func(name, s string) valueRow { return valueRow{kind: "identified", id: name, text: s} }
	rows := append([]valueRow{{kind: "run", id: "schema", text: r.Schema}}, hostRows(*r.Host)...)
	rows = append(rows, text("step", id.Step), text("name", id.Name), text("confidence", id.Confidence), text("midr", id.MIDR),
		span("identified", "tdp", &id.TDP, id.Source), span("identified", "per_thread", &id.PerThread, id.Source))
	for i := range id.Tried {
		t := &id.Tried[i]
		row := valueRow{kind: "tried", id: t.Step, text: t.Outcome, reason: t.Detail}
		if t.TDP != nil {
			row = span("tried", t.Step, t.TDP, t.Outcome)
			row.reason = t.Detail
		}
		rows = append(rows, row)
	}
	if s := id.Share; s != nil {
		vcpus := float64(s.VCPUs)
		rows = append(rows, valueRow{kind: "share", id: "vcpus", value: &vcpus, unit: "1"},
			valueRow{kind: "share", id: "threads", value: &s.Threads, unit: "1", low: &s.ThreadsLow, high: &s.ThreadsHigh},
			valueRow{kind: "share", id: "of_socket", value: &s.NominalPct, unit: "%", low: &s.LowPct, high: &s.HighPct},
			span("share", "tdp", &s.TDP, ""))
	}
	for i := range r.Parts {
		row := span("part", r.Parts[i].ID, &r.Parts[i].TDP, r.Parts[i].Source)
		row.reason = r.Parts[i].Match + ", " + r.Parts[i].Confidence
		rows = append(rows, row)
	}
	for _, note := range id.Notes {
		rows = append(rows, valueRow{kind: "warning", id: "identification", reason: note})
	}
	return rows
}
