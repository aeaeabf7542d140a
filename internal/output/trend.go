package output

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
)

// trendRows is the height of a plot in lines; a line has four rows of dots.
const trendRows = 10

// The cells of a plot that are no dots.
const (
	outlierMark = '×'
	medianMark  = '·'
)

// plot is a canvas of braille characters, of two by four dots each.
type plot struct {
	width     int // in cells
	low, high float64
	from, to  time.Time
	dots      [][]rune // braille patterns by line and cell
	marked    [][]bool // cells of an outlier
}

func newPlot(t *report.Trend, width int) *plot {
	pl := &plot{width: width, low: math.Inf(1), high: math.Inf(-1)}
	for i, p := range t.Points {
		pl.low, pl.high = min(pl.low, p.Value), max(pl.high, p.Value)
		if i == 0 || p.StartedAt.Before(pl.from) {
			pl.from = p.StartedAt
		}
		if i == 0 || p.StartedAt.After(pl.to) {
			pl.to = p.StartedAt
		}
	}
	if pl.high-pl.low <= 1e-9*math.Abs(pl.high) { // a line in the middle
		pl.low, pl.high = pl.low-math.Abs(pl.low)/100-1e-12, pl.high+math.Abs(pl.high)/100+1e-12
	}
	for range trendRows {
		pl.dots, pl.marked = append(pl.dots, make([]rune, width)), append(pl.marked, make([]bool, width))
	}
	for _, p := range t.Points {
		pl.point(p)
	}
	return pl
}

// row returns how many rows of dots, of n, v lies below the top.
func (pl *plot) row(v float64, n int) int {
	// Halves: the span of two large numbers may be more than a number holds.
	part := (pl.high/2 - v/2) / (pl.high/2 - pl.low/2)
	return min(max(int(math.Round(part*float64(n-1))), 0), n-1)
}

func (pl *plot) point(p report.TrendPoint) {
	x := pl.width // of 2*width: a single moment stands in the middle
	if span := pl.to.Sub(pl.from); span > 0 {
		x = int(math.Round(float64(p.StartedAt.Sub(pl.from)) / float64(span) * float64(2*pl.width-1)))
	}
	y := pl.row(p.Value, 4*trendRows)
	pl.dots[y/4][x/2] |= brailleDot[y%4][x%2]
	pl.marked[y/4][x/2] = pl.marked[y/4][x/2] || p.Outlier
}

// brailleDot are the bits of a pattern by row and column (Unicode chapter
// 21.1: dots 1 to 3 and 7 at the left, 4 to 6 and 8 at the right).
var brailleDot = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// line returns a line of the plot. Dots can't be told in ASCII.
func (pl *plot) line(y, median int, ascii bool) string {
	var b strings.Builder
	for x, dots := range pl.dots[y] {
		switch {
		case pl.marked[y][x] && ascii:
			b.WriteByte('x')
		case pl.marked[y][x]:
			b.WriteRune(outlierMark)
		case dots != 0 && ascii:
			b.WriteByte('o')
		case dots != 0:
			b.WriteRune(0x2800 + dots)
		case y == median:
			b.WriteRune(medianMark)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.TrimRight(b.String(), " ")
}

var trendTitles = map[string]string{report.MeasureEnergy: "Energy", report.MeasureTarget: "The target's energy",
	report.MeasurePower: "Power", report.MeasureDuration: "Duration"}

func trendUnit(measure string) string {
	switch measure {
	case report.MeasurePower:
		return "W"
	case report.MeasureDuration:
		return "s"
	}
	return "J"
}

func trendSubject(t *report.Trend) string {
	if len(t.Argv) > 0 {
		return shell.Join(t.Argv)
	}
	return plain(t.Subject)
}

// axis labels the top, the median's line and the bottom under one prefix, with
// the digits that tell them apart.
func (pl *plot) axis(t *report.Trend) (labels [trendRows]string, median int) {
	p := prefixFor(max(math.Abs(pl.low), math.Abs(pl.high)), valueDigits)
	decimals := min(max(decimalsFor(p.scale(pl.high)/50-p.scale(pl.low)/50), 0), 9)
	text := func(v float64) string { return fixed(p.scale(v), decimals) + " " + p.symbol + trendUnit(t.Measure) }
	median = -1
	labels[0], labels[trendRows-1] = text(pl.high), text(pl.low)
	if t.Median != nil {
		median = pl.row(*t.Median, trendRows)
		if labels[median] == "" {
			labels[median] = text(*t.Median)
		}
	}
	return labels, median
}

// drawing is the plot with its axes.
func (pl *plot) drawing(t *report.Trend, ascii bool) []string {
	labels, median := pl.axis(t)
	width := 0
	for _, l := range labels {
		width = max(width, columns(l))
	}
	var lines []string
	for y, l := range labels {
		edge := "│"
		if l != "" {
			edge = "┤"
		}
		lines = append(lines, strings.Repeat(" ", width-columns(l))+l+" "+edge+pl.line(y, median, ascii))
	}
	indent := strings.Repeat(" ", width+1)
	from, to := pl.from.Format("2006-01-02 15:04"), pl.to.Format("2006-01-02 15:04")
	if !pl.to.After(pl.from) {
		to = ""
	}
	return append(lines, indent+"└"+strings.Repeat("─", pl.width),
		strings.TrimRight(indent+" "+from+strings.Repeat(" ", max(pl.width-columns(from)-columns(to), 1))+to, " "))
}

// trendAxis is the room that labels and margins take at most.
const trendAxis = 16

// trendTable draws a trend for people.
func trendTable(w io.Writer, t *report.Trend, o Options) error {
	p := newPage(o)
	if len(t.Points) == 0 {
		p.text("", "No stored result of this selection has a value to plot. energyprobe history lists what there is.", p.normal)
		return p.writeTo(w)
	}
	p.line(p.bold(shorten(trendSubject(t), 2*p.o.Width)))
	p.text("", trendHead(t), p.normal)
	p.blank()
	for _, l := range newPlot(t, min(p.o.Width-trendAxis, 160)).drawing(t, p.o.ASCII) {
		if p.o.ASCII {
			l = strings.NewReplacer("┤", "+", "└", "+").Replace(l)
		}
		p.line("  " + l)
	}
	p.blank()
	for _, l := range trendNotes(t) {
		p.text("  ", l, p.normal)
	}
	return p.writeTo(w)
}

func trendHead(t *report.Trend) string {
	s := trendTitles[t.Measure] + " of " + plural(len(t.Points), "result")
	if t.Hostname != "" {
		s += " on " + plain(t.Hostname)
	}
	if t.Quality == energy.Estimated && t.Measure != report.MeasureDuration {
		s += ", ESTIMATES of a power model"
	}
	return s
}

// trendNotes says what the marks mean, and what was left out.
func trendNotes(t *report.Trend) []string {
	unit := trendUnit(t.Measure)
	show := func(v *float64) string { return knownQuantity(v, unit) }
	lines := []string{string(medianMark) + " median " + show(t.Median)}
	n := 0
	for _, p := range t.Points {
		if p.Outlier {
			n++
		}
	}
	if n > 0 {
		lines = append(lines, string(outlierMark)+" "+strconv.Itoa(n)+" beyond 1.5 interquartile ranges of the quartiles ("+show(t.FenceLow)+" to "+show(t.FenceHigh)+"):")
	}
	shown := 0
	for i := len(t.Points) - 1; i >= 0 && shown < maxOutliers; i-- {
		if p := t.Points[i]; p.Outlier {
			lines = append(lines, "  "+plain(shortID(p.ID))+", "+p.StartedAt.Format("2006-01-02 15:04")+": "+quantity(p.Value, unit, valueDigits))
			shown++
		}
	}
	if n > shown {
		lines = append(lines, "  and "+strconv.Itoa(n-shown)+" older ones")
	}
	if t.Missing > 0 {
		lines = append(lines, plural(t.Missing, "result")+" without this value left out")
	}
	if t.Others > 0 {
		lines = append(lines, plural(t.Others, "result")+" of another command, host, quality or exit status left out; choose with --command and --host")
	}
	return lines
}

// maxOutliers is how many points outside of the fence are named.
const maxOutliers = 5

func trendMarkdown(w io.Writer, t *report.Trend) error {
	m := &markdown{}
	name := md(trendSubject(t))
	if len(t.Argv) > 0 {
		name = code(trendSubject(t))
	}
	m.para("### %s", orDash(name))
	m.para("%s.", md(trendHead(t)))
	if len(t.Points) > 0 {
		m.para("```text\n%s\n```", strings.Join(newPlot(t, 64).drawing(t, false), "\n"))
		for _, l := range trendNotes(t) {
			m.WriteString("- " + md(strings.TrimSpace(l)) + "\n")
		}
		m.WriteByte('\n')
	}
	m.Truncate(m.Len() - 1)
	_, err := w.Write(m.Bytes())
	return err
}

func trendCSV(w io.Writer, t *report.Trend) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180, 2.1
	rows := [][]string{{"id", "started_at", t.Measure, "outlier"}}
	for _, p := range t.Points {
		rows = append(rows, []string{p.ID, p.StartedAt.Format(time.RFC3339Nano), exact(&p.Value), strconv.FormatBool(p.Outlier)})
	}
	return c.WriteAll(rows)
}

func writeTrend(w io.Writer, f Format, t *report.Trend, o Options) error {
	switch f {
	case Table:
		return trendTable(w, t, o)
	case JSON:
		filled := *t
		filled.Points = append([]report.TrendPoint{}, t.Points...)
		filled.Warnings = append([]report.Warning{}, t.Warnings...)
		return writeJSON(w, &filled)
	case CSV:
		return trendCSV(w, t)
	case Markdown:
		return trendMarkdown(w, t)
	}
	_, err := ParseFormat(string(f))
	return err
}
