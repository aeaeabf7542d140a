package output

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
)

func processors() map[string]*report.Processor {
	return map[string]*report.Processor{"cpu-host": hostProcessor(), "cpu-guest": guestProcessor(), "cpu-search": foundProcessors(), "cpu-arm": armProcessors()}
}

func wattRange(low, nominal, high float64) report.WattRange {
	return report.WattRange{LowW: low, NominalW: nominal, HighW: high}
}

func epyc(name, match string, model, cores, threads int, tdp report.WattRange, source string, clouds ...string) report.Part {
	p := report.Part{ID: "amd-epyc-" + strings.ToLower(name), Vendor: "amd", Name: "EPYC " + name, Match: match, Family: ptr(25), Model: &model,
		Steppings: []int{1}, BaseHz: ptr(2.6e9), Cores: cores, Threads: threads, TDP: tdp, Clouds: clouds, Confidence: "estimate", Source: source}
	if clouds == nil {
		p.Confidence = "vendor"
	}
	return p
}

func baseProcessor() *report.Processor {
	return &report.Processor{Schema: report.ProcessorSchema, Tool: report.Tool{Name: "energyprobe", Version: "0.1.0", Commit: "9f6c0e4"}, TableRows: 500}
}

// hostProcessor states its own TDP, and is in the table.
func hostProcessor() *report.Processor {
	p := baseProcessor()
	host := server()
	p.Host = &host
	p.Identified = &report.Identified{Step: "hardware", Name: "Xeon Gold 6248", Confidence: "vendor", Source: "stated by the processor",
		TDP: wattRange(150, 150, 150), PerThread: wattRange(3.75, 3.75, 3.75),
		Tried: []report.Try{
			{Step: "user", Outcome: "nothing", Detail: "no --tdp was given"},
			{Step: "profile", Outcome: "nothing", Detail: "there is no host profile for this processor (energyprobe calibrate makes one)"},
			{Step: "hardware", Outcome: "used", Detail: "the processor states its own TDP: stated through powercap", TDP: ptr(wattRange(150, 150, 150))},
			{Step: "name", Outcome: "found", Detail: "Xeon Gold 6248", TDP: ptr(wattRange(150, 150, 150))},
			{Step: "alias", Outcome: "nothing", Detail: "not needed: the name is in the table"},
			{Step: "family-model", Outcome: "found", Detail: "56 parts have family 6, model 85; the stepping leaves 40; the socket's number of threads leaves 1: Xeon Gold 6248",
				TDP: ptr(wattRange(150, 150, 150))},
			{Step: "segment", Outcome: "found", Detail: "x86 servers: 4 (1.5 to 10) W per thread", TDP: ptr(wattRange(60, 160, 400))},
		}}
	p.Parts = []report.Part{{ID: "intel-xeon-gold-6248", Vendor: "intel", Name: "Xeon Gold 6248", Match: "name", Family: ptr(6), Model: ptr(85),
		Steppings: []int{5, 6, 7}, BaseHz: ptr(2.5e9), Cores: 20, Threads: 40, TDP: wattRange(150, 150, 150),
		Confidence: "vendor", Source: "Intel ARK: Xeon Gold 6248 Processor page"}}
	return p
}

// guestProcessor is hidden by its hypervisor.
func guestProcessor() *report.Processor {
	p := baseProcessor()
	host := estimate().Host
	p.Host = &host
	source := "processor table: same family and model as EPYC 9R14, EPYC 9B14 (estimate)"
	host.TDP = report.TDP{Value: ptr(340.0), Low: ptr(280.0), High: ptr(400.0), Source: source}
	p.Identified = &report.Identified{Step: "family-model", Name: "one of 2 parts like EPYC 9R14", Confidence: "estimate", Source: source,
		TDP: wattRange(280, 340, 400), PerThread: wattRange(280.0/192, 2.6, 3.75),
		Tried: []report.Try{
			{Step: "user", Outcome: "nothing", Detail: "no --tdp was given"},
			{Step: "profile", Outcome: "nothing", Detail: "there is no host profile for this processor (energyprobe calibrate makes one)"},
			{Step: "hardware", Outcome: "nothing", Detail: "the processor does not state its TDP: powercap is absent, msr is absent"},
			{Step: "name", Outcome: "nothing", Detail: `"AMD EPYC" names no part`},
			{Step: "alias", Outcome: "nothing", Detail: `"AMD EPYC" names no part`},
			{Step: "family-model", Outcome: "used", Detail: "26 parts have family 25, model 17; the stepping leaves 22; being sold by a cloud leaves 2",
				TDP: ptr(wattRange(280, 340, 400))},
			{Step: "segment", Outcome: "found", Detail: "x86 servers: 4 (1.5 to 10) W per thread", TDP: ptr(wattRange(80, 185, 400))},
		},
		Share: &report.GuestShare{VCPUs: 2, ThreadsLow: 96, Threads: 144, ThreadsHigh: 192,
			LowPct: 100 * 2.0 / 192, NominalPct: 100 * 2.0 / 144, HighPct: 100 * 2.0 / 96, TDP: wattRange(2*280.0/192, 5.2, 7.5)},
		Notes: []string{"the hypervisor hides which part this is, and may show an older one than the host has"}}
	p.Parts = []report.Part{
		epyc("9R14", "same-model", 17, 96, 96, wattRange(280, 320, 360), "AWS EC2 c7a, m7a part, not on AMD's pages; kin of EPYC 9654", "aws"),
		epyc("9B14", "same-model", 17, 96, 192, wattRange(320, 360, 400), "Google C3D part, not on AMD's pages; kin of EPYC 9654", "gcp"),
	}
	return p
}

// foundProcessors has a part by its name and one of a longer name.
func foundProcessors() *report.Processor {
	p := baseProcessor()
	p.Query = "epyc 7551"
	p.Parts = []report.Part{
		epyc("7551", "name", 1, 32, 64, wattRange(180, 180, 180), "AMD product page: EPYC 7551"),
		epyc("7551P", "other", 1, 32, 64, wattRange(180, 180, 180), "AMD product page: EPYC 7551P"),
	}
	for i := range p.Parts {
		p.Parts[i].Family, p.Parts[i].Steppings, p.Parts[i].BaseHz = ptr(23), []int{2}, ptr(2e9)
	}
	return p
}

// armProcessors have neither family nor model, and one has no known clock.
func armProcessors() *report.Processor {
	p := baseProcessor()
	p.Query = "aws graviton"
	for i, hz := range []*float64{ptr(2.6e9), nil} {
		n := strconv.Itoa(3 + i)
		p.Parts = append(p.Parts, report.Part{ID: "aws-graviton" + n, Vendor: "aws", Name: "Graviton" + n, Match: "words", Aliases: []string{"AWS Graviton" + n},
			MIDR: "0x410fd400", BaseHz: hz, Cores: 64, Threads: 64, TDP: wattRange(100, 150, 220), Clouds: []string{"aws"}, Confidence: "estimate",
			Source: "AWS publishes no TDP; published estimates say 100 to 220 W"})
	}
	return p
}

// A part that is not the one asked for is told from it in every format.
func TestOtherPartsAreMarked(t *testing.T) {
	found := foundProcessors()
	for _, f := range []Format{Table, Markdown} {
		text := string(render(t, f, found, Options{}))
		marked := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, "EPYC 7551") && strings.Contains(line, "*") && strings.Contains(line, "64") {
				marked++
				if !strings.Contains(line, "7551P") {
					t.Errorf("%s marks what was asked for: %s", f, line)
				}
			}
		}
		if marked != 1 {
			t.Errorf("%s has %d marked parts, want 1:\n%s", f, marked, text)
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(render(t, CSV, found, Options{}))).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][0] != "name" || rows[2][0] != "other" {
		t.Errorf("csv: %q, %v", rows, err)
	}
}

func TestSearchVerdict(t *testing.T) {
	part := func(match string) report.Part { return report.Part{Name: "P", Match: match} }
	for want, parts := range map[string][]report.Part{
		`"q" is the name of P`: {part("name")},
		`"q" is another name of P; 1 more part with it in the name`:  {part("alias"), part("words")},
		`"q" is the name of P; 2 other parts of longer names`:        {part("name"), part("other"), part("other")},
		`2 parts with "q" in the name; 1 other part of longer names`: {part("words"), part("words"), part("other")},
		`No part is called "q"; 1 other part of longer names`:        {part("other")},
	} {
		if got := searchVerdict(&report.Processor{Query: "q", Parts: parts}); got != want {
			t.Errorf("%d parts: %s, want %s", len(parts), got, want)
		}
	}
	if got := searchVerdict(&report.Processor{Parts: []report.Part{part("row"), part("row")}}); got != "The table of processors: 2 parts" {
		t.Error(got)
	}
}
