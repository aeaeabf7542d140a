package page

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/internal/report"
)

func calibrationPage(t *testing.T, c *report.Calibration) string {
	t.Helper()
	return render(t, []Document{{File: "c.json", Value: c}})
}

// text is what a page says, without its marks.
func text(page string) string {
	page = regexp.MustCompile(`(?s)<(style|script|svg).*?</(style|script|svg)>`).ReplaceAllString(page, " ")
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	page = strings.NewReplacer("&#39;", "'", "&#43;", "+", "\u00a0", " ").Replace(page)
	return strings.Join(strings.Fields(page), " ")
}

func TestGoldenCalibration(t *testing.T) {
	golden(t, "calibration-refused.html", []byte(calibrationPage(t, refused(t)))) // another is in mixed.html
	docs := []Document{{File: "c.json", Value: calibration(t)}}
	for _, kind := range []string{"errors", "parity", "utilisation", "residuals", "drift"} {
		s, err := Picture(docs, kind, options())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, "calibration-"+kind+".svg", b.Bytes())
	}
}

// The answer, every model, every verdict with its advice, and what was left out
// are on the page.
func TestCalibrationPage(t *testing.T) {
	c := calibration(t)
	page := calibrationPage(t, c)
	said := text(page)
	for _, want := range []string{
		"Calibration of web-07", "Grade " + c.Grade + ": " + c.Best + " is off by", "TDP x utilisation by", "49 loads in", "47 of 49 points are used",
		"Quick", "drawn from seed 42", "Intel(R) Xeon(R) Gold 6248", c.Best + " (chosen) fitted",
		"hash-gzip at 70 % in bursts left out cores were slowed 7 times because they were too hot improve the cooling, or lower the power limit, and calibrate again",
		"left out the power is not known: read package-1: input/output error see energyprobe doctor",
		"used all the same other work had 4.1 % of the CPU time",
		"Not in the chart, for their power is not known: 1 of 49 points",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	for _, m := range c.Models {
		if !strings.Contains(said, m.Name) || !strings.Contains(said, m.Description) {
			t.Errorf("%s is not on the page, or not what it is", m.Name)
		}
	}
	for _, want := range []string{"c.json: models[0].holdout.wmape_pct.value", "c.json: points[3].sockets[*].power_w", "c.json: models[0].predicted_w[3]", "c.json: grade", "c.json: points[11].verdicts[0]"} {
		if !strings.Contains(page, want) {
			t.Errorf("nothing names %s as its source", want)
		}
	}
}

// marks counts what a reader can ask about in the chart of a kind.
func marks(t *testing.T, page, kind string) int {
	t.Helper()
	_, chart, found := strings.Cut(page, `data-kind="`+kind+`"`)
	if !found {
		return -1
	}
	chart, _, _ = strings.Cut(chart, "</svg>")
	return strings.Count(chart, " pt\"")
}

// A mark for each point, cell and bar: none is lost, none is drawn that is not
// known.
func TestCalibrationMarks(t *testing.T) {
	c := calibration(t)
	used, known, cells, tried := 0, 0, 0, 0
	for i := range c.Points {
		if _, is := c.Points[i].Power(); is {
			known++
			if c.Points[i].Used {
				used++
			}
		}
	}
	for _, m := range c.Models {
		cells += len(m.Bands)
		if m.Holdout != nil {
			tried++
		}
	}
	if used != 47 || known != 48 || tried != 12 {
		t.Fatalf("%d used, %d known, %d models tried", used, known, tried)
	}
	page := calibrationPage(t, c)
	for kind, want := range map[string]int{"errors": tried, "parity": 2 * used, "utilisation": used, "residuals": cells, "drift": known} {
		if got := marks(t, page, kind); got != want {
			t.Errorf("%s: %d marks, want %d", kind, got, want)
		}
	}
}

// What is not there is not drawn, and the page says why.
func TestCalibrationOfLess(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*report.Calibration)
		want []string
		none []string // kinds of charts
	}{
		"refused": {func(c *report.Calibration) { *c = *refused(t) },
			[]string{"Not calibrated: this is a virtual machine (kvm)", "Refused: this is a virtual machine", "Calibrate on the host", "no model was fitted", "in kvm"}, []string{"errors", "parity", "residuals"}},
		"forced": {func(c *report.Calibration) {
			c.Facts.Virtual, c.Plan.Forced = "kvm", true
			calibrate.Conclude(c, calibrate.FactsOf(c))
		}, []string{"Overruled with --force: this is a virtual machine", "forced against the verdicts", "(chosen)"}, nil},
		"filtered": {func(c *report.Calibration) {
			c.Facts.Filtered = true
			calibrate.Conclude(c, calibrate.FactsOf(c))
		}, []string{"The grade is lowered: the processor adds noise"}, nil},
		"a host profile": {func(c *report.Calibration) {
			p, err := calibrate.ProfileOf(c, calibrate.Conclude(c, calibrate.FactsOf(c)), calibrate.FactsOf(c))
			if err != nil {
				t.Fatal(err)
			}
			c.Plan.Validates = &report.HostProfile{Path: "twin.json", CreatedAt: start, Grade: p.Grade, Tier: p.Package.Best, Source: p.Source}
			calibrate.Validate(c, calibrate.FactsOf(c), p)
		}, []string{"Host profile twin.json tried on web-07", "of the host profile twin.json is off by", ", which the profile uses", "(chosen) profile", "twin.json, made 3 November 2026", "its own grade was"}, nil},
		"no TDP": {func(c *report.Calibration) {
			c.Host.TDP = report.TDP{}
			calibrate.Conclude(c, calibrate.FactsOf(c))
		}, []string{"TDP x utilisation is off by not known", "the TDP is not known: say it with --tdp"}, nil},
		"no cycles": {func(c *report.Calibration) {
			for i := range c.Points {
				for k := range c.Points[i].Sockets {
					c.Points[i].Sockets[k].FrequencyHz = nil
				}
			}
			calibrate.Conclude(c, calibrate.FactsOf(c))
		}, []string{"T2: ", "is not known of every point"}, nil},
		"an old file": {func(c *report.Calibration) {
			for i := range c.Models {
				c.Models[i].PredictedW = nil
			}
		}, []string{"an older version wrote it"}, []string{"parity"}},
		"nothing held out": {func(c *report.Calibration) {
			for i := range c.Models {
				c.Models[i].Holdout = nil
			}
		}, []string{"no work was held out", "Not calibrated: no model could be fitted and tried"}, []string{"errors"}},
		"no points": {func(c *report.Calibration) {
			c.Points = nil
			calibrate.Conclude(c, calibrate.FactsOf(c))
		}, []string{"0 of 0 points are used; 49 were planned", "no point without load could be used"}, []string{"errors", "parity", "utilisation", "residuals", "drift"}},
		"nothing at all": {func(c *report.Calibration) { *c = report.Calibration{} }, []string{"Calibration of a host without a name", "it was not graded"}, []string{"errors", "parity", "utilisation", "residuals", "drift"}},
	} {
		all := calibration(t)
		c.edit(all)
		page := calibrationPage(t, all)
		said := text(page)
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is not on the page", name, want)
			}
		}
		for _, kind := range []string{"errors", "parity", "utilisation", "residuals", "drift"} {
			if drawn := marks(t, page, kind) >= 0; drawn == slices.Contains(c.none, kind) {
				t.Errorf("%s: the chart %s is there: %v", name, kind, drawn)
			}
		}
		for _, bad := range []string{"NaN", "%!", "+Inf", "(0x"} {
			if i := strings.Index(page, bad); i >= 0 {
				t.Errorf("%s: %s", name, page[max(0, i-80):i+20])
			}
		}
	}
}

// TestCalibrationRows: the short forms say the answer once, and of every model
// how far it is off or why that is not known.
func TestCalibrationRows(t *testing.T) {
	c := calibration(t)
	c.Models[3].Holdout, c.Models[3].Reason = nil, "it has too little to go by"
	rows := calibrationRows(Document{File: "c.json"}, c)
	if want := len(c.Models) + 2; len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	verdicts := 0
	for _, r := range rows {
		if r.verdict != "" {
			verdicts++
		}
		switch {
		case r.source == "c.json: models[3].holdout.wmape_pct.value":
			if r.value != nil || r.reason != "it has too little to go by" {
				t.Errorf("%+v", r)
			}
		case r.value == nil || r.low == nil || *r.low > *r.value || *r.high < *r.value || r.reason != "" || r.unit != "%" || !strings.HasSuffix(r.subject, " on web-07"):
			t.Errorf("%+v", r)
		}
	}
	if verdicts != 1 || !strings.Contains(rows[0].verdict, "Grade "+c.Grade) {
		t.Errorf("%d verdicts, first %q", verdicts, rows[0].verdict)
	}
	if rows := calibrationRows(Document{File: "c.json"}, refused(t)); len(rows) != 1 || rows[0].reason == "" || !strings.Contains(rows[0].verdict, "Not calibrated") {
		t.Errorf("refused: %+v", rows)
	}
}

// Beside other results a calibration leaves them room at the top, and says of
// which host it is.
func TestCalibrationHeadline(t *testing.T) {
	run := Document{File: "r.json", Value: stored(t, "run-server")}
	for name, c := range map[string]struct {
		docs []Document
		want []string
	}{
		"alone":   {[]Document{{File: "c.json", Value: calibration(t)}}, []string{"grade", calibration(t).Best + " is off by", "TDP x utilisation is off by", "its error in energy"}},
		"a run":   {[]Document{run, {File: "c.json", Value: calibration(t)}}, []string{"web-07: " + calibration(t).Best + " is off by", "web-07: TDP x utilisation is off by", "machine, ", "mean power"}},
		"refused": {[]Document{run, {File: "c.json", Value: refused(t)}}, []string{"web-07: grade", "machine, ", "mean power", "time"}},
	} {
		facts := headline(c.docs, options())
		if len(facts) != len(c.want) {
			t.Errorf("%s: %d facts, want %d", name, len(facts), len(c.want))
			continue
		}
		for i, f := range facts {
			if !strings.HasPrefix(f.Label, c.want[i]) || f.Text == "" {
				t.Errorf("%s: fact %d is %q, %q; want %s", name, i, f.Label, f.Text, c.want[i])
			}
		}
	}
}

// Text from a result stays text, in charts as well.
func TestHostileCalibration(t *testing.T) {
	evil := `</svg></script><script>alert(1)</script><img src=x onerror=alert(1)>"'`
	c := calibration(t)
	c.Host.Hostname, c.Best, c.Grade, c.Plan.Mode, c.Source.Name = evil, evil, evil, evil, evil
	for i := range c.Models {
		c.Models[i].Name, c.Models[i].Description, c.Models[i].Kind = evil, evil, evil
	}
	for i := range c.Points {
		c.Points[i].Workload, c.Points[i].CPUs, c.Points[i].Verdicts = evil, evil, []report.Verdict{{Code: evil, Action: evil, Message: evil, Advice: evil}}
	}
	page := calibrationPage(t, c)
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") || strings.Count(page, "<script>") != 1 {
		t.Error("text from a result became part of the page")
	}
}

// TestCalibrationInChromium: as on every page, with each chart of a calibration.
func TestCalibrationInChromium(t *testing.T) {
	for name, c := range map[string]*report.Calibration{"fitted": calibration(t), "refused": refused(t)} {
		found, console := browse(t, []Document{{File: "c.json", Value: c}}, "")
		if console != "" {
			t.Errorf("%s: the console says\n%s", name, console)
		}
		for _, what := range []string{"charts", "hover", "hidden", "focus", "keyboard", "home", "escape", "sources", "fits"} {
			if found[what] != true {
				t.Errorf("%s: %s: %v", name, what, found[what])
			}
		}
	}
}
