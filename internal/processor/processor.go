// Package processor says what the table of processors knows: of the processor
// of a host, and how it was found there, or of the parts that a name may mean.
package processor

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/session"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// NotFoundError is a name that the table has no part for.
type NotFoundError struct {
	Query string
	Near  []string // names it may have been meant to be
	Rows  int      // parts that were looked at
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("none of the %d processors in the table is called %q", e.Rows, e.Query)
	if len(e.Near) > 0 {
		s += "; did you mean " + enumerate(e.Near) + "?"
	}
	return s + "\nTry: energyprobe cpu --all, or give the power yourself: energyprobe run --tdp WATTS"
}

// enumerate joins names: "a, b or c".
func enumerate(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Search returns the parts that text may mean, best first. The error is a
// *NotFoundError where there is none.
func Search(text string, tool report.Tool) (*report.Processor, error) {
	t := model.Embedded()
	r := newReport(t, tool)
	r.Query = text
	for _, h := range t.Search(text) {
		r.Parts = append(r.Parts, part(h.CPU, string(h.Likeness)))
	}
	if len(r.Parts) == 0 {
		const suggestions = 4
		return nil, &NotFoundError{Query: text, Near: t.Near(text, suggestions), Rows: r.TableRows}
	}
	return r, nil
}

// All returns the whole table.
func All(tool report.Tool) *report.Processor {
	t := model.Embedded()
	r := newReport(t, tool)
	for i := range t.CPUs() {
		r.Parts = append(r.Parts, part(&t.CPUs()[i], matchRow))
	}
	return r
}

// Words returns the words with which names go on, for a shell that completes
// them.
func Words(given []string, prefix string) []string { return model.Embedded().NextWords(given, prefix) }

// Options says which host, and what is known of it.
type Options struct {
	Root string  // prefixes /sys, /proc and /dev; "" is the live host
	TDPW float64 // the user's own word on the socket's power, 0 for none
	// Profile is what a calibration learnt; it counts where it suits the
	// processor. Nil for none.
	Profile *session.HostProfile
	Tool    report.Tool
}

// Of says what processor a host has, and how that was found.
func Of(o Options) (*report.Processor, error) {
	topo, err := topology.Read(o.Root)
	if err != nil {
		return nil, fmt.Errorf("find the host's processor: %w\nTry: energyprobe cpu NAME", err)
	}
	given := model.Given{UserW: o.TDPW}
	if given.ProfileW, err = o.Profile.TDPFor(topo); err != nil {
		return nil, err
	}
	var asked string
	given.HardwareW, asked = hardwareTDP(o.Root, topo)
	t, id := model.Embedded(), session.ModelIdentity(o.Root, topo)
	m, err := t.Identify(id, given)
	if err != nil {
		return nil, fmt.Errorf("find the host's processor: %w", err)
	}
	r := newReport(t, o.Tool)
	host := session.HostReport(o.Root, topo)
	host.TDP = session.TDPReport(m, nil)
	r.Host = &host
	r.Identified = identified(m, id)
	found := matchSameModel // whoever gave the watts
	for _, try := range t.Tried(id, given, m) {
		if (try.Step == model.ByName || try.Step == model.ByAlias) && try.Outcome != model.Nothing {
			found = string(try.Step)
		}
		r.Identified.Tried = append(r.Identified.Tried, tried(try, asked))
	}
	for i := range m.Candidates {
		r.Parts = append(r.Parts, part(&m.Candidates[i], found))
	}
	return r, nil
}

// How a part of a result was found, where it is no hit of a search.
const (
	matchRow       = "row"
	matchSameModel = "same-model"
)

// hardwareTDP asks the interfaces that know what the processor states of
// itself, and says what was asked.
func hardwareTDP(root string, topo *topology.Topology) (watts float64, asked string) {
	var answers []string
	for _, name := range []string{source.Powercap, source.MSR} {
		o, err := source.Host{Root: root, Topo: topo}.Open(name)
		if err != nil {
			answers = append(answers, name+" is "+kindOf(err))
			continue
		}
		for _, socket := range topo.Sockets() {
			if w, ok := o.TDPW(socket); ok && watts == 0 {
				watts = w
			}
		}
		o.Close()
		if watts > 0 {
			return watts, "stated through " + name
		}
		answers = append(answers, name+" has no such value")
	}
	return 0, strings.Join(answers, ", ")
}

// kindOf is the word for why a source can't be opened; energyprobe doctor
// gives the reason in full.
func kindOf(err error) string {
	var r *energy.Refusal
	if errors.As(err, &r) && r.Kind != nil {
		return r.Kind.Error()
	}
	return "refused"
}

func newReport(t *model.Table, tool report.Tool) *report.Processor {
	return &report.Processor{Schema: report.ProcessorSchema, Tool: tool, TableRows: len(t.CPUs()), Parts: []report.Part{}}
}

func identified(m model.Match, id model.Identity) *report.Identified {
	i := &report.Identified{
		Step: string(m.Step), Name: m.Name, Confidence: string(m.Confidence), Source: m.Source(),
		TDP: watts(m.TDP), PerThread: watts(m.PerThread), MIDR: midr(id.ArmRegister()),
		Notes: append([]string{}, m.Notes...),
	}
	if id.Virtual && id.Threads > 0 {
		threads, share := m.SocketThreads(), m.Share(id.Threads)
		i.Share = &report.GuestShare{VCPUs: id.Threads,
			ThreadsLow: threads.Low, Threads: threads.Nominal, ThreadsHigh: threads.High,
			LowPct: 100 * share.Low, NominalPct: 100 * share.Nominal, HighPct: 100 * share.High,
			TDP: watts(m.PerThread.Times(float64(id.Threads)))}
	}
	return i
}

func tried(t model.Try, asked string) report.Try {
	r := report.Try{Step: string(t.Step), Outcome: string(t.Outcome), Detail: t.Detail}
	if t.Step == model.ByHardware && asked != "" {
		r.Detail += ": " + asked
	}
	if t.Outcome != model.Nothing {
		w := watts(t.TDP)
		r.TDP = &w
	}
	return r
}

func watts(r model.Range) report.WattRange {
	return report.WattRange{LowW: r.Low, NominalW: r.Nominal, HighW: r.High}
}

func midr(register uint32) string {
	if register == 0 {
		return ""
	}
	return fmt.Sprintf("0x%08x", register)
}

func part(c *model.CPU, match string) report.Part {
	p := report.Part{
		ID: c.ID, Vendor: c.Vendor, Name: c.Name, Match: match,
		Aliases: append([]string{}, c.Aliases...), Steppings: append([]int{}, c.Steppings...), MIDR: midr(c.MIDR),
		Cores: c.Cores, Threads: c.Threads, TDP: watts(c.TDP),
		Clouds: append([]string{}, c.Clouds...), Confidence: string(c.Confidence), Source: c.Source,
	}
	if c.MIDR == 0 {
		family, m := c.Family, c.Model
		p.Family, p.Model = &family, &m
	}
	if c.BaseGHz > 0 {
		hz := math.Round(c.BaseGHz*1e3) * 1e6
		p.BaseHz = &hz
	}
	return p
}
