package model

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Confidence says how well a row of the table is known.
type Confidence string

// The confidences, best first.
const (
	VendorData    Confidence = "vendor"   // the maker publishes it
	DerivedData   Confidence = "derived"  // computed from published facts, or reported by several parties
	EstimatedData Confidence = "estimate" // a guess from kindred parts
)

var confidences = []Confidence{VendorData, DerivedData, EstimatedData}

// CPU is a row of the table: one processor model, per socket.
type CPU struct {
	ID      string // stable key: "intel-xeon-platinum-8275cl"
	Vendor  string // intel, amd, ampere, aws, ...
	Name    string // as the maker writes it, without marks: "Xeon Platinum 8275CL"
	Aliases []string
	// Family, Model and Steppings are those of CPUID leaf 1 in decimal, as in
	// /proc/cpuinfo; 0 and empty where the part is identified by MIDR.
	// Steppings is empty where any fits.
	Family, Model int
	Steppings     []int
	// MIDR is the Arm Main ID Register (DDI 0487, MIDR_EL1) without variant
	// and revision: implementer<<24 | 0xf<<16 | part<<4. 0 on x86.
	MIDR uint32
	// BaseGHz is the clock that masked brand strings still show
	// ("@ 2.50GHz"); 0 where it is not known.
	BaseGHz float64
	Cores   int
	// Threads is the number of vCPUs a socket carries where the part is sold:
	// fewer than the silicon has where a provider keeps SMT off.
	Threads    int
	TDP        Range    // watts; Low = Nominal = High where the maker gives one value
	Clouds     []string // who sells time on it: aws, azure, gcp, ...
	Confidence Confidence
	Source     string // who says so, with the page's name
}

// Server reports whether the part is made for servers, whose idle power and
// power limits are unlike those of desktop and laptop parts.
func (c *CPU) Server() bool { return serverName(c.Name) || c.MIDR != 0 }

// Table is a set of processors. It does not change once made.
type Table struct {
	cpus   []CPU
	byName map[string]int // normalised names and aliases
}

//go:embed cpus.csv
var embedded string

// Embedded returns energyprobe's own table. It is parsed on first use, in
// a few milliseconds: a run asks after its window, if at all.
func Embedded() *Table { return parseEmbedded() }

var parseEmbedded = sync.OnceValue(func() *Table {
	t, err := ParseTable(strings.NewReader(embedded))
	if err != nil {
		panic("the embedded processor table: " + err.Error()) // a test reads it first
	}
	return t
})

// CPUs returns all rows in the table's order. The caller does not modify them.
func (t *Table) CPUs() []CPU { return t.cpus }

// Lookup finds a part by its name, one of its aliases or its brand string. A
// name must agree in full: 8275 does not find 8275CL.
func (t *Table) Lookup(name string) (*CPU, bool) {
	i, ok := t.byName[parseName(name).key]
	if !ok {
		return nil, false
	}
	return &t.cpus[i], true
}

// columns is the header of the table, in order.
var columns = []string{"id", "vendor", "name", "aliases", "family", "model", "stepping", "midr", "base_ghz",
	"cores", "threads", "tdp_w", "tdp_low", "tdp_high", "cloud", "confidence", "source"}

// ParseTable reads a table of processors: CSV (RFC 4180) with the columns id,
// vendor, name, aliases, family, model, stepping, midr, base_ghz, cores,
// threads, tdp_w, tdp_low, tdp_high, cloud, confidence and source. Lines that
// start with # are comments. Aliases are separated by |, steppings and clouds
// by spaces. An empty tdp_low or tdp_high means tdp_w. Errors name the line
// and the column.
func ParseTable(r io.Reader) (*Table, error) {
	in := csv.NewReader(r)
	in.Comment = '#'
	in.FieldsPerRecord = len(columns)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	if !slices.Equal(head, columns) {
		return nil, fmt.Errorf("read header: got %q, want %q", strings.Join(head, ","), strings.Join(columns, ","))
	}
	const many = 1024 // rows to make room for
	t := &Table{cpus: make([]CPU, 0, many), byName: make(map[string]int, many)}
	ids := make(map[string]bool, many)
	for {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		c, err := parseRow(rec)
		if err == nil && ids[c.ID] {
			err = fmt.Errorf("id: %s is there twice", c.ID)
		}
		if err == nil {
			ids[c.ID] = true
			t.cpus = append(t.cpus, c)
			err = t.index(len(t.cpus) - 1)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// index makes row i findable under its name and aliases.
func (t *Table) index(i int) error {
	for _, name := range append([]string{t.cpus[i].Name}, t.cpus[i].Aliases...) {
		key := parseName(name).key
		if key == "" {
			return fmt.Errorf("name: %q says nothing", name)
		}
		if j, taken := t.byName[key]; taken {
			return fmt.Errorf("name: %q already means %s", name, t.cpus[j].ID)
		}
		t.byName[key] = i
	}
	return nil
}

func parseRow(rec []string) (CPU, error) {
	p := rowParser{rec: rec}
	c := CPU{
		ID: p.text(0), Vendor: p.text(1), Name: p.text(2),
		Aliases: split(rec[3], "|"),
		Family:  p.number(4, 0, 255), Model: p.number(5, 0, 255),
		MIDR:    uint32(p.hex(7)),
		BaseGHz: p.watts(8, 0, 10),
		Cores:   p.number(9, 1, 1024), Threads: p.number(10, 1, 4096),
		Clouds:     split(rec[14], " "),
		Confidence: Confidence(p.text(15)), Source: p.text(16),
	}
	for _, s := range split(rec[6], " ") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 255 {
			p.fail(6, "is not a list of steppings")
		}
		c.Steppings = append(c.Steppings, n)
	}
	tdp := p.watts(11, 0.1, 2000)
	c.TDP = Exactly(tdp)
	if rec[12] != "" {
		c.TDP.Low = p.watts(12, 0.1, tdp)
	}
	if rec[13] != "" {
		c.TDP.High = p.watts(13, tdp, 2000)
	}
	if c.Threads < c.Cores {
		p.fail(10, "is less than the cores")
	}
	if !slices.Contains(confidences, c.Confidence) {
		p.fail(15, "is not vendor, derived or estimate")
	}
	if (c.Family == 0) == (c.MIDR == 0) {
		p.fail(4, "with midr: want exactly one of the two identities")
	}
	return c, p.err
}

// rowParser keeps the first error of a row, so that fields read in a line.
type rowParser struct {
	rec []string
	err error
}

func (p *rowParser) fail(col int, why string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s: %q %s", columns[col], p.rec[col], why)
	}
}

func (p *rowParser) text(col int) string {
	s := p.rec[col]
	if s == "" || strings.TrimSpace(s) != s {
		p.fail(col, "is empty or padded")
	}
	// The record is reused; the table keeps its own copy.
	return strings.Clone(s)
}

func (p *rowParser) number(col, low, high int) int {
	if p.rec[col] == "" && low == 0 {
		return 0
	}
	n, err := strconv.Atoi(p.rec[col])
	if err != nil || n < low || n > high {
		p.fail(col, fmt.Sprintf("is not a number from %d to %d", low, high))
		return 0
	}
	return n
}

func (p *rowParser) watts(col int, low, high float64) float64 {
	if p.rec[col] == "" && low == 0 {
		return 0
	}
	v, err := strconv.ParseFloat(p.rec[col], 64)
	if err != nil || !(v >= low && v <= high) {
		p.fail(col, fmt.Sprintf("is not a number from %g to %g", low, high))
		return 0
	}
	return v
}

func (p *rowParser) hex(col int) uint64 {
	if p.rec[col] == "" {
		return 0
	}
	v, err := strconv.ParseUint(p.rec[col], 0, 32)
	if err != nil || uint32(v)&midrMask != uint32(v) {
		p.fail(col, "is not a MIDR without variant and revision, like 0x410fd0c0")
		return 0
	}
	return v
}

// split cuts s at sep and drops empty parts; the parts are copies.
func split(s, sep string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, sep) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, strings.Clone(part))
		}
	}
	return parts
}
