package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

func writeCalibration(w io.Writer, f Format, c *report.Calibration, o Options) error {
	switch f {
	case Table:
		return calibrationTable(w, c, o)
	case JSON:
		return writeJSON(w, c)
	case CSV:
		return calibrationCSV(w, c)
	case Markdown:
		return calibrationMarkdown(w, c)
	}
	_, err := ParseFormat(string(f))
	return err
}

// calibrationTable writes a calibration for people: the answer first.
func calibrationTable(w io.Writer, c *report.Calibration, o Options) error {
	p := newPage(o)
	p.text("", calibrationAnswer(c), p.gradeStyle(c.Grade))
	p.text("", calibrationOrigin(c), p.normal)
	if header, right, rows := qualityTable(c, qualityColumns(p.o.Width)); len(rows) > 0 {
		p.section("On work that no model was fitted to")
		p.grid(header, right, rows)
		p.reasons(c)
		p.section("The same, in watts")
		p.grid(wattsTable(c))
	} else if slices.ContainsFunc(c.Models, untried) {
		p.section("No model was tried on work that none was fitted to")
		p.reasons(c)
	}
	if header, right, rows := bandTable(c); len(rows) > 0 {
		p.section("Mean error by load of the machine, in watts")
		p.grid(header, right, rows)
	}
	p.section("Quality control")
	for _, v := range verdicts(c) {
		style := p.normal
		if v.Action == report.VerdictRefuse || v.Action == report.VerdictDegrade {
			style = p.yellow
		}
		p.text("  "+verdictSign(v.Action)+" ", v.Message, style)
		p.text("    → ", v.Advice, p.dim)
	}
	p.line("  " + usedText(c))
	p.instrument(c.Instrument)
	p.warningList(c.Warnings)
	p.blank()
	if h := hostText(c.Host); h != "" {
		p.text(p.dim("  host      "), h, p.normal)
	}
	if s := socketText(c); s != "" {
		p.text(p.dim("  socket    "), s, p.normal)
	}
	p.text(p.dim("  order     "), "drawn from seed "+strconv.FormatInt(c.Plan.Seed, 10), p.normal)
	p.text(p.dim("  more      "), "every point with --format json or csv", p.normal)
	return p.writeTo(w)
}

// untried is whether a model has a reason in place of errors.
func untried(m report.ModelQuality) bool { return m.Holdout == nil && m.Reason != "" }

// reasons are why models were not tried, each with the models that it stopped.
func (p *page) reasons(c *report.Calibration) {
	var order []string
	names := map[string][]string{}
	for _, m := range c.Models {
		if !untried(m) {
			continue
		}
		if names[m.Reason] == nil {
			order = append(order, m.Reason)
		}
		names[m.Reason] = append(names[m.Reason], plain(m.Name))
	}
	for _, why := range order {
		p.text("  ", strings.Join(names[why], ", ")+": "+plain(why), p.dim)
	}
}

// socketText is what was learnt of a socket beside its models, "" for nothing.
func socketText(c *report.Calibration) string {
	var parts []string
	if i := c.Idle; i != nil {
		s := "idle " + quantity(i.PowerW, "W", 4)
		if i.Points > 1 {
			s += fmt.Sprintf(", standard deviation %s in %s", quantity(i.SpreadW, "W", 2), plural(i.Points, "look"))
		}
		parts = append(parts, s)
	}
	if f := c.SMT; f != nil {
		parts = append(parts, fmt.Sprintf("both threads of a core draw %.3g times what one draws (%.3g to %.3g)", f.Rho, f.Low, f.High))
	}
	return strings.Join(parts, "; ")
}

// verdictSign is what stands before a verdict.
func verdictSign(action string) string {
	if action == report.VerdictNote {
		return "-"
	}
	return "!"
}

func (p *page) gradeStyle(grade string) func(string) string {
	switch grade {
	case "A":
		return p.green
	case "B", "C":
		return p.yellow
	}
	return p.red
}

// calibrationAnswer is the result in a sentence or two.
func calibrationAnswer(c *report.Calibration) string {
	best, naive := modelNamed(c, c.Best), modelNamed(c, "tdp-naive")
	if best == nil || best.Holdout == nil || best.Holdout.WMAPE.Value == nil {
		for _, v := range c.Verdicts {
			if v.Action == report.VerdictRefuse && !c.Plan.Forced { // else it was overruled
				return "Not calibrated: " + v.Message + "."
			}
		}
		return "Not calibrated: no model could be fitted and tried."
	}
	s := fmt.Sprintf("Grade %s: %s is off by %s of the power on work that it had not seen", c.Grade, best.Name, percent(*best.Holdout.WMAPE.Value/100))
	if v := c.Plan.Validates; v != nil {
		s = fmt.Sprintf("Grade %s: %s of the host profile %s is off by %s of the power here", c.Grade, best.Name, plain(v.Path), percent(*best.Holdout.WMAPE.Value/100))
	}
	if naive != nil && naive.Holdout != nil && naive.Holdout.WMAPE.Value != nil {
		s += ", TDP x utilisation by " + percent(*naive.Holdout.WMAPE.Value/100)
	}
	return s + "."
}

func modelNamed(c *report.Calibration, name string) *report.ModelQuality {
	for i := range c.Models {
		if c.Models[i].Name == name {
			return &c.Models[i]
		}
	}
	return nil
}

func calibrationOrigin(c *report.Calibration) string {
	s := fmt.Sprintf("%s, %s in %s", plain(c.Plan.Mode), plural(len(c.Points), "load"), seconds(c.DurationS))
	if c.Source.Name != "" {
		s += ", measured by " + plain(c.Source.Name)
	}
	if c.Plan.Forced {
		s += ", forced"
	}
	return s
}

// allQualityColumns are those of qualityTable.
const allQualityColumns = 6

// qualityColumns is how many of them a terminal holds.
func qualityColumns(width int) int {
	if width < 76 {
		return 4
	}
	return allQualityColumns
}

// qualityTable has a row for each model that was tried, and that many columns.
func qualityTable(c *report.Calibration, columns int) (header []string, right []bool, rows [][]string) {
	header = []string{"", "Off by", "95 % interval", "Energy", "95 % below", "Covered"}[:columns]
	right = []bool{false, true, true, true, true, true}[:columns]
	for _, m := range c.Models {
		e := m.Holdout
		if e == nil || e.WMAPE.Value == nil {
			continue
		}
		row := []string{plain(m.Name), percent(*e.WMAPE.Value / 100), spanCell(e.WMAPE, percentCell), changeCell(e.Energy.Value), percentCell(e.P95Pct), percentCell(e.CoveredPct)}
		rows = append(rows, row[:len(header)])
	}
	return header, right, rows
}

// wattsTable is the rest of what is known of how far off each model is.
func wattsTable(c *report.Calibration) (header []string, right []bool, rows [][]string) {
	header = []string{"", "MAE", "RMSE", "Bias", "R²", "Energy, 95 % interval"}
	right = []bool{false, true, true, true, true, true}
	for _, m := range c.Models {
		e := m.Holdout
		if e == nil || e.WMAPE.Value == nil {
			continue
		}
		fit := "-"
		if e.R2 != nil {
			fit = fmt.Sprintf("%.3f", *e.R2)
		}
		rows = append(rows, []string{plain(m.Name), quantity(e.MAEW, "W", 3), quantity(e.RMSEW, "W", 3), signedWatts(e.BiasW), fit, spanCell(e.Energy, changeCell)})
	}
	return header, right, rows
}

func spanCell(r report.WithRange, cell func(*float64) string) string {
	if r.Low == nil || r.High == nil {
		return "-"
	}
	return cell(r.Low) + " – " + cell(r.High)
}

func percentCell(pct *float64) string {
	if pct == nil {
		return "-"
	}
	return percent(*pct / 100)
}

func signedWatts(w float64) string {
	s := significant(w, 3) + " W"
	if w > 0 {
		s = "+" + s
	}
	return s
}

// bandTable has a column for each band of load, and a row for each model.
func bandTable(c *report.Calibration) (header []string, right []bool, rows [][]string) {
	var bands []report.LoadBand
	for _, m := range c.Models {
		if len(m.Bands) > len(bands) {
			bands = m.Bands
		}
	}
	header, right = []string{""}, []bool{false}
	for _, b := range bands {
		header, right = append(header, bandText(b)), append(right, true)
	}
	for _, m := range c.Models {
		if len(m.Bands) == 0 {
			continue
		}
		row := []string{plain(m.Name)}
		for _, b := range bands {
			cell := "-"
			if i := slices.IndexFunc(m.Bands, func(o report.LoadBand) bool { return o.From == b.From }); i >= 0 {
				cell = strings.Replace(fmt.Sprintf("%+.1f", m.Bands[i].BiasW), "-0.0", "+0.0", 1)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return header, right, rows
}

func bandText(b report.LoadBand) string {
	if b.From == 0 {
		return "idle"
	}
	return fmt.Sprintf("%.0f–%.0f %%", 100*b.From, 100*b.To)
}

// verdicts are those on the whole, and those on points, one for each kind.
func verdicts(c *report.Calibration) []report.Verdict {
	out := slices.Clone(c.Verdicts)
	count, first := map[string]int{}, map[string]string{}
	var order []report.Verdict
	for i := range c.Points {
		for _, v := range c.Points[i].Verdicts {
			if count[v.Code]++; count[v.Code] == 1 {
				order, first[v.Code] = append(order, v), pointText(&c.Points[i])
			}
		}
	}
	for _, v := range order {
		text := first[v.Code] + ": " + v.Message
		if n := count[v.Code] - 1; n > 0 {
			text += fmt.Sprintf(" (and at %s more)", plural(n, "point"))
		}
		v.Message = text
		out = append(out, v)
	}
	return out
}

func pointText(p *report.CalibrationPoint) string {
	if p.Shape == report.ShapeIdle {
		return "idle"
	}
	return fmt.Sprintf("%s at %.0f %%", plain(p.Workload), 100*p.Load)
}

func usedText(c *report.Calibration) string {
	used := 0
	for i := range c.Points {
		if c.Points[i].Used {
			used++
		}
	}
	s := fmt.Sprintf("%d of %d points are used", used, len(c.Points))
	if c.Plan.Points > len(c.Points) {
		s += fmt.Sprintf("; %d were planned", c.Plan.Points)
	}
	return s
}

// calibrationMarkdown writes a calibration for issues and papers.
func calibrationMarkdown(w io.Writer, c *report.Calibration) error {
	m := &markdown{}
	m.para("**%s**", md(calibrationAnswer(c)))
	if header, right, rows := qualityTable(c, allQualityColumns); len(rows) > 0 {
		m.table(header, right, escaped(rows))
		header, right, rows = wattsTable(c)
		m.para("The same, in watts:")
		m.table(header, right, escaped(rows))
	}
	if header, right, rows := bandTable(c); len(rows) > 0 {
		m.para("Mean error by load of the machine, in watts:")
		m.table(header, right, escaped(rows))
	}
	for _, v := range verdicts(c) {
		m.para("- %s. %s.", md(v.Message), md(v.Advice))
	}
	m.para("%s.", md(usedText(c)))
	if s := socketText(c); s != "" {
		m.para("A socket: %s.", md(s))
	}
	m.instrument(c.Instrument)
	m.notes(c.Warnings)
	m.para("%s. %s", md(calibrationOrigin(c)), md(hostText(c.Host)))
	_, err := w.Write(m.Bytes())
	return err
}

// calibrationCSV writes a line per socket and point, and behind them, in columns
// of their own, what is known of the measuring.
func calibrationCSV(w io.Writer, c *report.Calibration) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180, 2.1
	header := []string{"workload", "shape", "load", "placement", "cpus", "repeat", "holdout", "used", "started_at", "duration_s",
		"socket", "power_w", "uncertainty_w", "dram_w", "busy", "awake", "one_thread", "both_threads", "frequency_hz", "instructions", "background", "steal", "verdicts"}
	if err := out.Write(append(header, instrumentHeader...)); err != nil {
		return err
	}
	ofPoint := append([]string{"point"}, make([]string, len(instrumentHeader)-1)...)
	for i := range c.Points {
		p := &c.Points[i]
		codes := ""
		for _, v := range p.Verdicts {
			codes += v.Code + " "
		}
		for _, s := range p.Sockets {
			row := []string{p.Workload, p.Shape, exact(&p.Load), p.Placement, p.CPUs, strconv.Itoa(p.Repeat), strconv.FormatBool(p.Holdout), strconv.FormatBool(p.Used),
				p.StartedAt.Format(time.RFC3339Nano), exact(&p.DurationS), strconv.Itoa(s.Socket), exact(s.PowerW), exact(s.UncertaintyW), exact(s.DRAMW), exact(s.Busy), exact(s.Awake),
				exact(s.OneThread), exact(s.BothThreads), exact(s.FrequencyHz), exact(s.Instructions), exact(p.Background), exact(p.Steal), codes}
			if err := out.Write(append(row, ofPoint...)); err != nil {
				return err
			}
		}
	}
	if err := instrumentCSV(out, c.Instrument, len(header)); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
