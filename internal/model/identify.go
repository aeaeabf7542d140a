package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Identity is what a machine says of its processor, as in /proc/cpuinfo. Zero
// values mean "not said".
type Identity struct {
	ModelName               string // the brand string
	Vendor                  string // GenuineIntel, AuthenticAMD, ARM, ... or intel, amd
	Family, Model, Stepping int    // CPUID leaf 1; on Arm Model may be the part number
	MIDR                    uint64 // Arm: MIDR_EL1 of the first CPU, 0 where Vendor and Model tell
	// Sockets, Cores and Threads count what is visible, over all sockets.
	Sockets, Cores, Threads int
	Virtual                 bool   // a guest: what is visible is part of a host
	Cloud                   string // aws, azure, gcp, ... where known
}

// Given is what is known of the thermal design power without the table.
type Given struct {
	UserW     float64 // the user says so; 0 when not
	ProfileW  float64 // a calibration of this processor model says so; 0 when there is none
	HardwareW float64 // powercap's long_term max_power_uw or MSR 0x614 (Intel SDM vol. 3, 15.10.3)
}

// Step is how a processor was identified, best first.
type Step string

// The steps, in the order they are tried.
const (
	ByUser     Step = "user"         // given on the command line
	ByProfile  Step = "profile"      // calibrated on this processor model
	ByHardware Step = "hardware"     // the processor states its own TDP
	ByName     Step = "name"         // the table's name, in full
	ByAlias    Step = "alias"        // another name of the same part
	ByModel    Step = "family-model" // parts that share CPUID or MIDR identity
	BySegment  Step = "segment"      // watts per thread of machines like this
)

// Match is the processor a machine was found to run on.
type Match struct {
	Step       Step
	Confidence Confidence // of the watts: the weakest row in use
	Name       string     // the part, or what the candidates have in common
	// TDP is per socket, in watts; PerThread is TDP over the threads of the
	// same part, which is narrower than the quotient of the two ranges.
	TDP, PerThread Range
	// Cores and Threads of a socket of the physical part; 0 where the
	// candidates disagree.
	Cores, Threads int
	// Candidates are the parts it may be: one for a name, several for a
	// family and model, none for a segment.
	Candidates []CPU
	// Server is false for desktop and laptop parts.
	Server bool
	// threads spans the threads of a socket over the candidates.
	threads Range
	// narrowed says how the candidates were come by, for those who ask.
	narrowed []narrowing
	// Notes say what a reader should know of this identification.
	Notes []string
}

// Source says in one line where the TDP comes from, for results.
func (m Match) Source() string {
	switch m.Step {
	case ByUser:
		return "given by the user"
	case ByProfile:
		return "as in the host profile"
	case ByHardware:
		return "stated by the processor"
	case ByName, ByAlias:
		return fmt.Sprintf("processor table: %s (%s; %s)", m.Name, m.Confidence, m.Candidates[0].Source)
	case ByModel:
		const shown = 3
		var names []string
		for i := range m.Candidates[:min(len(m.Candidates), shown)] {
			names = append(names, m.Candidates[i].Name)
		}
		text := strings.Join(names, ", ")
		if n := len(m.Candidates) - shown; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		return fmt.Sprintf("processor table: same family and model as %s (%s)", text, m.Confidence)
	}
	return fmt.Sprintf("%s watts per thread of %s (%s)", m.PerThread, m.Name, m.Confidence)
}

// Bounds on a TDP stated by hardware: what lies outside is a register that
// was never set (an unset powercap constraint reads as 0 or as gigawatts).
const (
	minHardwareW = 3
	maxHardwareW = 1000
)

// MaxTDPW is the most watts of a socket that a user is believed.
const MaxTDPW = 2000

// Identify finds the processor in the embedded table; see Table.Identify.
func Identify(id Identity, given Given) (Match, error) { return Embedded().Identify(id, given) }

// Identify says which processor a machine runs on and what that means in
// watts. It always has an answer; how good it is, Step, Confidence and the
// width of the ranges say. An error names a field of given or id that makes
// no sense.
func (t *Table) Identify(id Identity, given Given) (Match, error) {
	if err := checkGiven(id, given); err != nil {
		return Match{}, err
	}
	b := parseName(id.ModelName)
	m, ok := t.byExactName(b)
	if !ok {
		m, ok = t.byFamily(id, b)
	}
	if !ok {
		m = segment(id, b)
	}
	switch {
	case given.UserW > 0:
		m.state(ByUser, given.UserW, VendorData)
	case given.ProfileW > 0:
		m.state(ByProfile, given.ProfileW, VendorData)
	case given.HardwareW >= minHardwareW && given.HardwareW <= maxHardwareW:
		m.state(ByHardware, given.HardwareW, VendorData)
	case given.HardwareW > 0:
		m.Notes = append(m.Notes, fmt.Sprintf("the processor states a TDP of %.4g W, which is not believable (want %d to %d W): ignored", given.HardwareW, minHardwareW, maxHardwareW))
	}
	if id.Virtual && (m.Step == ByModel || m.Step == BySegment) {
		m.Notes = append(m.Notes, "the hypervisor hides which part this is, and may show an older one than the host has")
	}
	return m, nil
}

func checkGiven(id Identity, given Given) error {
	if err := checkNotNegative("tdp given by the user", given.UserW); err != nil {
		return err
	}
	if err := checkNotNegative("tdp of the profile", given.ProfileW); err != nil {
		return err
	}
	if given.UserW > MaxTDPW {
		return fmt.Errorf("tdp given by the user: %g W is more than any processor's", given.UserW)
	}
	if math.IsNaN(given.HardwareW) {
		return fmt.Errorf("tdp stated by the hardware: not a number")
	}
	for _, f := range []struct {
		name string
		n    int
	}{{"sockets", id.Sockets}, {"cores", id.Cores}, {"threads", id.Threads}} {
		if f.n < 0 {
			return fmt.Errorf("%s: %d is negative", f.name, f.n)
		}
	}
	return nil
}

// state replaces the table's watts by stated ones; the part stays, and
// with it what is uncertain about its threads.
func (m *Match) state(step Step, tdpW float64, c Confidence) {
	m.Step, m.Confidence, m.TDP = step, c, Exactly(tdpW)
	m.PerThread = Range{tdpW / m.threads.High, tdpW / m.threads.Nominal, tdpW / m.threads.Low}
}

// SocketThreads returns the threads of a socket of the physical part: a range
// where it is not known which part it is, or whether SMT is on.
func (m Match) SocketThreads() Range { return m.threads }

// Share returns the part of a socket that so many vCPUs stand for.
func (m Match) Share(vCPUs int) Range {
	n := float64(vCPUs)
	return Range{n / m.threads.High, n / m.threads.Nominal, n / m.threads.Low}
}

func (t *Table) byExactName(b brand) (Match, bool) {
	i, ok := t.byName[b.key]
	if !ok {
		return Match{}, false
	}
	step := ByAlias
	if parseName(t.cpus[i].Name).key == b.key {
		step = ByName
	}
	return matchOf(step, t.cpus[i].Name, t.cpus[i:i+1], false), true
}

// byFamily gathers the parts that share the machine's identity registers and
// narrows them down by whatever else is known. A narrowing that would leave
// nothing is not made: the table is not complete.
func (t *Table) byFamily(id Identity, b brand) (Match, bool) {
	midr := id.midr(b)
	var rows []CPU
	for i := range t.cpus {
		if sameIdentity(&t.cpus[i], id, midr) {
			rows = append(rows, t.cpus[i])
		}
	}
	if len(rows) == 0 {
		return Match{}, false
	}
	if midr != 0 {
		b = brand{masked: true} // the name is a core's, not a part's
	}
	n := narrower{rows: rows, steps: []narrowing{{"same", len(rows)}}}
	n.keep("the stepping", func(c *CPU) bool { return len(c.Steppings) == 0 || slices.Contains(c.Steppings, id.Stepping) })
	n.keep("the family's name", func(c *CPU) bool { return hasWords(parseName(c.Name).words, b.words) })
	if id.Virtual {
		if b.masked {
			n.keep("being sold by a cloud", hidesName)
		}
		if id.Cloud != "" {
			n.keep("being sold by this cloud", func(c *CPU) bool { return slices.Contains(c.Clouds, id.Cloud) })
		}
	} else if id.Threads > 0 {
		perSocket := id.Threads / max(id.Sockets, 1)
		smt := id.Threads > id.Cores && id.Cores > 0
		n.keep("the socket's number of threads", func(c *CPU) bool { return c.Threads == perSocket || !smt && c.Cores == perSocket })
	}
	if b.masked && b.clockGHz > 0 {
		n.keep("the clock in the name", func(c *CPU) bool { return math.Abs(c.BaseGHz-b.clockGHz) < 0.05 })
	}
	rows = n.rows
	name := rows[0].Name
	if len(rows) > 1 {
		name = fmt.Sprintf("one of %d parts like %s", len(rows), name)
	}
	m := matchOf(ByModel, name, rows, id.Virtual)
	m.narrowed = n.steps
	return m, true
}

// narrower holds the parts that a machine may be.
type narrower struct {
	rows  []CPU
	steps []narrowing
}

// narrowing is a fact that left fewer parts, and how many.
type narrowing struct {
	by   string
	left int
}

// keep keeps the rows that fit, or all of them when none does.
func (n *narrower) keep(by string, fits func(*CPU) bool) {
	var kept []CPU
	for i := range n.rows {
		if fits(&n.rows[i]) {
			kept = append(kept, n.rows[i])
		}
	}
	if len(kept) > 0 && len(kept) < len(n.rows) {
		n.rows = kept
		n.steps = append(n.steps, narrowing{by, len(kept)})
	}
}

// midrMask leaves implementer, architecture and part of a MIDR_EL1 value: the
// variant and revision say which mask set, not which product.
const midrMask = 0xff0ffff0

// implementers are the codes of MIDR_EL1, bits 31:24, by the name of the
// vendor (arch/arm64/include/asm/cputype.h), for callers that have split the
// register into vendor and part.
var implementers = map[string]uint32{"arm": 0x41, "broadcom": 0x42, "cavium": 0x43, "fujitsu": 0x46, "hisilicon": 0x48, "nvidia": 0x4e, "apm": 0x50, "qualcomm": 0x51, "marvell": 0x56, "apple": 0x61, "microsoft": 0x6d, "ampere": 0xc0}

// neoverse are the parts of Arm's own server cores by the name lscpu prints,
// for machines that give the name alone (Neoverse TRMs, MIDR_EL1).
var neoverse = map[string]uint32{"neoverse-n1": 0x410fd0c0, "neoverse-v1": 0x410fd400, "neoverse-n2": 0x410fd490, "neoverse-v2": 0x410fd4f0}

// midr returns the register without variant and revision, from whatever of
// it is known, or 0.
func (id Identity) midr(b brand) uint32 {
	if m := uint32(id.MIDR) & midrMask; m != 0 {
		return m
	}
	if code := implementers[strings.ToLower(id.Vendor)]; code != 0 && id.Model > 0 && id.Model <= 0xfff {
		return code<<24 | 0xf<<16 | uint32(id.Model)<<4
	}
	return neoverse[b.key]
}

// hidesName reports whether some cloud sells time on the part without telling
// its name: Alibaba and Tencent do tell.
func hidesName(c *CPU) bool {
	return slices.ContainsFunc(c.Clouds, func(cloud string) bool { return cloud != "alibaba" && cloud != "tencent" })
}

func sameIdentity(c *CPU, id Identity, midr uint32) bool {
	if c.MIDR != 0 || midr != 0 {
		// Of the cores of small boards only a cloud makes servers (Graviton).
		return c.MIDR == midr && (id.Cloud != "" || !smallArmParts[midr>>4&0xfff])
	}
	return id.Family > 0 && c.Family == id.Family && c.Model == id.Model && c.Vendor == vendorName(id.Vendor)
}

// vendorName turns a CPUID vendor string into the table's word for it.
func vendorName(s string) string {
	switch s {
	case "GenuineIntel":
		return "intel"
	case "AuthenticAMD":
		return "amd"
	}
	return strings.ToLower(s)
}

func hasWords(all, some []string) bool {
	for _, w := range some {
		if !slices.Contains(all, w) {
			return false
		}
	}
	return true
}

// matchOf spans the rows: the lowest low, the highest high, and the median
// of the nominal values, which no single odd part can pull away.
func matchOf(step Step, name string, rows []CPU, hidden bool) Match {
	m := Match{Step: step, Name: name, Candidates: rows, Cores: rows[0].Cores, Threads: rows[0].Threads, Confidence: VendorData, Server: rows[0].Server()}
	tdp, perThread, threads := make([]Range, len(rows)), make([]Range, len(rows)), make([]Range, len(rows))
	for i := range rows {
		c := &rows[i]
		tdp[i] = c.TDP
		threads[i] = Exactly(float64(c.Threads))
		if hidden && c.MIDR == 0 {
			// It is not known whether this guest's vCPU is a thread or, as
			// some providers sell them, a whole core.
			threads[i].High = max(threads[i].High, float64(2*c.Cores))
		}
		perThread[i] = Range{c.TDP.Low / threads[i].High, c.TDP.Nominal / threads[i].Nominal, c.TDP.High / threads[i].Low}
		if c.Threads != m.Threads {
			m.Threads = 0
		}
		if c.Cores != m.Cores {
			m.Cores = 0
		}
		if slices.Index(confidences, c.Confidence) > slices.Index(confidences, m.Confidence) {
			m.Confidence = c.Confidence
		}
	}
	if len(rows) > 1 && m.Confidence == VendorData {
		m.Confidence = DerivedData // each is known, but not which it is
	}
	m.TDP, m.PerThread, m.threads = span(tdp), span(perThread), span(threads)
	return m
}

func span(rs []Range) Range {
	nominal := make([]float64, len(rs))
	s := rs[0]
	for i, r := range rs {
		nominal[i] = r.Nominal
		s.Low, s.High = min(s.Low, r.Low), max(s.High, r.High)
	}
	slices.Sort(nominal)
	k := len(nominal) / 2
	s.Nominal = nominal[k]
	if len(nominal)%2 == 0 {
		s.Nominal = (nominal[k-1] + nominal[k]) / 2
	}
	return s
}
