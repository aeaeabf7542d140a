package output

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/energyprobe/energyprobe/internal/report"
)

// labelled is a command's runs with the label that a comparison gave it.
type labelled struct {
	label  string
	series *report.TrialSeries
}

// trialsCSV writes a line per run.
func trialsCSV(w io.Writer, all []labelled) error {
	var domains, parameters []string
	for _, l := range all {
		for _, r := range l.series.Runs {
			domains = append(domains, slices.Collect(maps.Keys(r.DomainsJ))...)
		}
		parameters = append(parameters, slices.Collect(maps.Keys(l.series.Parameters))...)
	}
	slices.Sort(domains)
	slices.Sort(parameters)
	domains, parameters = slices.Compact(domains), slices.Compact(parameters)

	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180, 2.1
	header := []string{"label", "command", "order", "round", "started_at"}
	for _, p := range parameters {
		header = append(header, "param_"+p)
	}
	header = append(header, report.Measures()...)
	header = append(header, "uncertainty_j", "exit_code", "signal", "outlier", "reason")
	for _, d := range domains {
		header = append(header, d+"_j")
	}
	if err := c.Write(header); err != nil {
		return err
	}
	for _, l := range all {
		for i := range l.series.Runs {
			if err := c.Write(trialFields(l, i, parameters, domains)); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

func trialFields(l labelled, i int, parameters, domains []string) []string {
	r := &l.series.Runs[i]
	f := []string{l.label, l.series.Name, strconv.Itoa(r.Order), strconv.Itoa(r.Round), r.StartedAt.Format(time.RFC3339Nano)}
	for _, p := range parameters {
		f = append(f, l.series.Parameters[p])
	}
	for _, m := range report.Measures() {
		f = append(f, exact(r.Value(m)))
	}
	code := ""
	if r.ExitCode != nil {
		code = strconv.Itoa(*r.ExitCode)
	}
	outlier := slices.Contains(l.series.Summary[report.MeasureEnergy].Outliers, i)
	f = append(f, exact(r.UncertaintyJ), code, r.Signal, strconv.FormatBool(outlier), r.Reason)
	for _, d := range domains {
		v, known := r.DomainsJ[d]
		if !known {
			f = append(f, "")
			continue
		}
		f = append(f, exact(&v))
	}
	return f
}
