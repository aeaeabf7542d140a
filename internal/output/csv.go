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

// runCSV writes one of two shapes (docs/output.md): with a time series one
// line per sample, without one a line per value.
func runCSV(w io.Writer, r *report.Run) error {
	if r.Samples != nil {
		return samplesCSV(w, r)
	}
	return valuesCSV(w, r)
}

// valueHeader names the columns of the long form. value is a number or a
// word; empty with a reason means that it is not known.
var valueHeader = []string{"kind", "id", "value", "unit", "quality", "source", "uncertainty", "low", "high", "reason"}

// valueRow is a line of the long form. Numbers are nil where unknown.
type valueRow struct {
	kind, id  string
	value     *float64
	text      string // instead of value, for what is not a number
	unit      string
	quality   energy.Quality
	source    string
	unc       *float64
	low, high *float64
	reason    string
}

func (v valueRow) fields() []string {
	value := v.text
	if v.value != nil {
		value = exact(v.value)
	}
	return []string{v.kind, v.id, value, v.unit, string(v.quality), v.source,
		exact(v.unc), exact(v.low), exact(v.high), v.reason}
}

// exact prints all digits of v, or nothing when it is unknown.
func exact(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

func valuesCSV(w io.Writer, r *report.Run) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180, 2.1
	rows := [][]string{valueHeader}
	for _, v := range valueRows(r) {
		rows = append(rows, v.fields())
	}
	return c.WriteAll(rows)
}

func valueRows(r *report.Run) []valueRow {
	rows := runRows(r)
	for _, d := range r.Domains {
		rows = append(rows, domainRows(d)...)
	}
	rows = append(rows, energyRows("total", "total", r.Total, totalQuality(r), r.Source.Name, "")...)
	rows = append(rows, attributionRows(r)...)
	rows = append(rows, phaseRowsCSV(r)...)
	for _, name := range sortedKeys(r.Models) {
		rows = append(rows, modelRows(name, r.Models[name])...)
	}
	for _, name := range metricNames(r.Metrics) {
		m := r.Metrics[name]
		rows = append(rows, valueRow{kind: "metric", id: name, value: m.Value, unit: m.Unit,
			quality: m.Quality, source: m.Source, reason: m.Reason})
	}
	for _, c := range r.CrossCheck {
		rows = append(rows, crossRows(c)...)
	}
	return append(rows, closingRows(r)...)
}

// runRows tells what was measured, on what and how it ended.
func runRows(r *report.Run) []valueRow {
	text := func(id, s string) valueRow { return valueRow{kind: "run", id: id, text: s} }
	num := func(id, unit string, v float64) valueRow {
		return valueRow{kind: "run", id: id, value: &v, unit: unit}
	}
	clock := func(id string, ns int64) valueRow { // no float64: it would round
		return valueRow{kind: "run", id: id, text: strconv.FormatInt(ns, 10), unit: "ns"}
	}
	rows := []valueRow{
		text("schema", r.Schema), text("run_id", r.RunID),
		text("started_at", r.StartedAt.Format(time.RFC3339Nano)),
		num("duration", "s", r.DurationS),
		clock("window.start", r.Window.StartNS), clock("window.end", r.Window.EndNS),
		text("tool", strings.TrimSpace(r.Tool.Name+" "+r.Tool.Version+" "+r.Tool.Commit)),
		text("target", r.Target.Kind),
	}
	if r.Target.PID != 0 {
		rows = append(rows, num("target.pid", "", float64(r.Target.PID)))
	}
	if r.Target.Cgroup != "" {
		rows = append(rows, text("target.cgroup", r.Target.Cgroup))
	}
	if c := r.Command; c != nil {
		rows = append(rows, text("command", shell.Join(c.Argv)), num("command.pid", "", float64(c.PID)))
		if c.User != "" {
			rows = append(rows, text("command.user", c.User))
		}
		if c.ExitCode != nil {
			rows = append(rows, num("command.exit_code", "", float64(*c.ExitCode)))
		}
		if c.Signal != "" {
			rows = append(rows, text("command.signal", c.Signal))
		}
	}
	rows = append(rows, text("source", r.Source.Name), text("quality", string(r.Source.Quality)))
	if h := r.Host.Profile; h != nil {
		rows = append(rows, text("profile", h.Path), text("profile.sha256", h.DataSHA256))
	}
	if r.Source.UpdateIntervalS != nil {
		rows = append(rows, num("source.update_interval", "s", *r.Source.UpdateIntervalS))
	}
	rows = append(rows, text("attribution", r.Attribution.Method))
	return append(rows, hostRows(r.Host)...)
}

func hostRows(h report.Host) []valueRow {
	text := func(id, s string) valueRow { return valueRow{kind: "host", id: id, text: s} }
	num := func(id string, n int) valueRow {
		v := float64(n)
		return valueRow{kind: "host", id: id, value: &v, unit: "1"}
	}
	smt := "off"
	if h.CPU.SMT {
		smt = "on"
	}
	return []valueRow{
		text("hostname", h.Hostname), text("kernel", h.Kernel), text("arch", h.Arch),
		text("virtualization", h.Virtualization),
		text("cpu.model_name", h.CPU.ModelName), text("cpu.vendor", h.CPU.Vendor),
		num("cpu.family", h.CPU.Family), num("cpu.model", h.CPU.Model), num("cpu.stepping", h.CPU.Stepping),
		text("cpu.microcode", h.CPU.Microcode), num("cpu.sockets", h.CPU.Sockets),
		num("cpu.cores", h.CPU.Cores), num("cpu.threads", h.CPU.Threads), text("cpu.smt", smt),
		text("cpu.governor", h.CPU.Governor),
		{kind: "host", id: "tdp", value: h.TDP.Value, unit: "W", source: h.TDP.Source, low: h.TDP.Low, high: h.TDP.High},
	}
}

func domainRows(d report.Domain) []valueRow {
	rows := energyRows("domain", d.ID, d.Energy, d.Quality, d.Origin, notInTotal(d))
	wraps, samples := float64(d.Wraps), float64(d.Samples)
	return append(rows,
		valueRow{kind: "domain.wraps", id: d.ID, value: &wraps, unit: "1", source: d.Origin},
		valueRow{kind: "domain.samples", id: d.ID, value: &samples, unit: "1", source: d.Origin})
}

// notInTotal says why a known domain is not part of the total: for the reason
// column, so that nobody adds up the column as it stands.
func notInTotal(d report.Domain) string {
	switch {
	case d.InTotal:
		return ""
	case d.Parent != "":
		return "not in the total: part of " + d.Parent
	}
	return "not in the total"
}

// energyRows holds the joules and the watts of an amount of energy; note goes
// into the reason column of a value that is known.
func energyRows(kind, id string, e report.Energy, q energy.Quality, source, note string) []valueRow {
	reason := e.Reason
	if e.EnergyJ != nil && reason == "" {
		reason = note
	}
	return []valueRow{
		{kind: kind, id: id, value: e.EnergyJ, unit: "J", quality: q, source: source,
			unc: e.UncertaintyJ, low: e.LowJ, high: e.HighJ, reason: reason},
		{kind: kind, id: id, value: e.PowerW, unit: "W", quality: q, source: source, reason: reason},
	}
}

func modelRows(name string, m report.Model) []valueRow {
	rows := []valueRow{{kind: "model", id: name, value: m.EnergyJ, unit: "J", quality: energy.Estimated,
		source: m.Description, low: m.LowJ, high: m.HighJ}}
	if m.ErrorPctVsMeasured != nil {
		rows = append(rows, valueRow{kind: "model.error_vs_measured", id: name, value: m.ErrorPctVsMeasured, unit: "%"})
	}
	return rows
}

func crossRows(c report.CrossCheck) []valueRow {
	verdict := "agrees"
	if !c.Agree {
		verdict = "disagrees"
	}
	var rows []valueRow
	for _, source := range sortedKeys(c.EnergyJ) {
		j := c.EnergyJ[source]
		rows = append(rows, valueRow{kind: "cross_check", id: c.Domain, value: &j, unit: "J",
			quality: energy.Measured, source: source})
		if ratio, ok := c.Ratio[source]; ok {
			rows = append(rows, valueRow{kind: "cross_check.ratio", id: c.Domain, value: &ratio, unit: "1", source: source})
		}
	}
	return append(rows, valueRow{kind: "cross_check.expected", id: c.Domain, value: &c.ExpectedPct, unit: "%"},
		valueRow{kind: "cross_check.verdict", id: c.Domain, text: verdict})
}

// closingRows holds the cost of measuring, the sources refused and the
// warnings.
func closingRows(r *report.Run) []valueRow {
	samples, missed := float64(r.Overhead.Samples), float64(r.Overhead.Missed)
	rows := []valueRow{
		{kind: "overhead", id: "cpu", value: &r.Overhead.CPUS, unit: "s"},
		{kind: "overhead", id: "window_cpu", value: &r.Overhead.WindowCPUS, unit: "s"},
		{kind: "overhead", id: "lateness_p99", value: r.Overhead.LatenessP99S, unit: "s"},
		{kind: "overhead", id: "energy", value: r.Overhead.EnergyJ, unit: "J", quality: energy.Estimated},
		{kind: "overhead", id: "samples", value: &samples, unit: "1"},
		{kind: "overhead", id: "missed", value: &missed, unit: "1"},
	}
	for _, f := range r.Source.Refused {
		rows = append(rows, valueRow{kind: "refused", id: f.Name, text: f.Kind, reason: withRemedy(f.Reason, f.Remedy)})
	}
	for _, g := range r.Warnings {
		rows = append(rows, valueRow{kind: "warning", id: g.Code, reason: withAdvice(g.Message, g.Advice)})
	}
	return rows
}

// samplesCSV writes the time series: t_s, the joules of each domain since its
// last sample, the watts that makes and, with attribution, whose they are; and
// the quality.
func samplesCSV(w io.Writer, r *report.Run) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	header := []string{"t_s"}
	for _, id := range r.Samples.Domains() {
		header = append(header, id+"_energy_j", id+"_power_w")
		if r.Samples.HasSplit() {
			for _, line := range [...]string{"target", "others", "kernel", "idle", "unattributed"} {
				header = append(header, id+"_"+line+"_j")
			}
		}
	}
	if err := c.Write(append(header, "quality")); err != nil {
		return err
	}
	// Numbers and names need no quotes: the rest is written as it stands,
	// four times as fast as through the csv package.
	c.Flush()
	var line []byte
	err := eachPower(r.Samples, func(t float64, energyJ, powerW, splitJ []float64) error {
		line = strconv.AppendFloat(line[:0], t, 'g', -1, 64)
		for k := range energyJ {
			line = appendKnown(append(line, ','), energyJ[k])
			line = appendKnown(append(line, ','), powerW[k])
			if splitJ != nil {
				for _, j := range splitJ[k*report.SplitLines:][:report.SplitLines] {
					line = appendKnown(append(line, ','), j)
				}
			}
		}
		line = append(line, ',')
		line = append(line, r.Source.Quality...)
		line = append(line, '\r', '\n')
		_, err := w.Write(line)
		return err
	})
	if err != nil {
		return err
	}
	return c.Error()
}

func appendKnown(dst []byte, v float64) []byte {
	if math.IsNaN(v) {
		return dst
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

// doctorCSV writes a line per check.
func doctorCSV(w io.Writer, d *report.Doctor) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	rows := [][]string{{"group", "name", "state", "detail", "remedy", "alternatives"}}
	rows = append(rows, []string{"verdict", "can_measure", strconv.FormatBool(d.CanMeasure), verdict(d), d.Grant, ""})
	for _, k := range d.Checks {
		rows = append(rows, []string{k.Group, k.Name, string(k.State), k.Detail, k.Remedy, strings.Join(k.Alternatives, "\n")})
	}
	return c.WriteAll(rows)
}
