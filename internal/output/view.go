package output

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/shell"
)

// The table and the Markdown say the same; this file holds what they say.

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// metricNames returns the names of m in the order of the catalogue; what the
// catalogue does not know comes last.
func metricNames(m map[string]report.Metric) []string {
	rank := make(map[string]int, 128)
	for i, d := range energy.Catalogue() {
		rank[d.Name] = i + 1
	}
	names := sortedKeys(m)
	slices.SortStableFunc(names, func(a, b string) int {
		ra, rb := rank[a], rank[b]
		if ra == 0 {
			ra = len(rank) + 1
		}
		if rb == 0 {
			rb = len(rank) + 1
		}
		return cmp.Compare(ra, rb)
	})
	return names
}

// totalQuality is the worst quality that goes into the total.
func totalQuality(r *report.Run) energy.Quality {
	q := r.Source.Quality
	for _, d := range r.Domains {
		if d.InTotal && d.Quality == energy.Estimated {
			q = energy.Estimated
		}
	}
	return q
}

// isEstimate reports whether the result's total was computed, not measured.
func isEstimate(r *report.Run) bool { return totalQuality(r) == energy.Estimated }

// subject is what was measured, as a title.
func subject(r *report.Run) string {
	switch {
	case r.Command != nil:
		return shell.Join(r.Command.Argv)
	case r.Target.Kind == "pid":
		return "process " + strconv.Itoa(r.Target.PID)
	case r.Target.Kind == "cgroup":
		return "cgroup " + plain(r.Target.Cgroup)
	}
	return "the whole machine"
}

// outcome says how long it took and how it ended.
func outcome(r *report.Run) string {
	s := seconds(r.DurationS)
	c := r.Command
	switch {
	case c == nil:
		return s + " observed"
	case c.Signal != "":
		return s + ", killed by " + plain(c.Signal)
	case c.ExitCode != nil:
		return s + ", exit status " + strconv.Itoa(*c.ExitCode)
	}
	return s + ", exit status unknown"
}

// origin says in two words where the joules come from.
func origin(r *report.Run) string {
	if isEstimate(r) {
		return "estimated by " + plain(r.Source.Name)
	}
	return "measured by " + plain(r.Source.Name)
}

// domainRow is a line of the table of domains. Texts are empty where there is
// nothing to say.
type domainRow struct {
	id      string
	branch  string // "├─ " and the like, one per level
	value   string // digits of the energy, decimal points aligned
	plus    string // "± 0.9", aligned
	unit    string // "J"; empty when the energy is not known
	span    string // "42 – 260 J": an estimate's range
	power   string
	share   string // of the total, or why there is none
	counted bool   // in the total
	unknown string // why the energy is not known
}

// domainTable is the energy of every domain and of all together.
type domainTable struct {
	rows     []domainRow
	total    domainRow
	hasRange bool
}

// newDomainTable formats the energies of r under one common prefix, so that
// rows compare at a glance.
func newDomainTable(r *report.Run) domainTable {
	nodes := tree(foldCores(r.Domains))
	f := newEnergyFormat(nodes, r.Total, leastFor(totalQuality(r)))
	var t domainTable
	for _, n := range nodes {
		row := f.row(n.Energy, n.Quality)
		row.id, row.branch, row.counted = n.ID, n.branch, n.InTotal
		row.share = share(n.Domain, r.Total)
		t.rows = append(t.rows, row)
	}
	t.total = f.row(r.Total, totalQuality(r))
	t.total.id, t.total.counted, t.total.share = "total", true, "-"
	if r.Total.EnergyJ != nil {
		t.total.share = "100 %"
	}
	if isEstimate(r) {
		t.total.id = "total (estimate)"
	}
	for _, d := range r.Domains { // its reason has just been given
		if d.Reason != "" {
			t.total.unknown = strings.TrimSuffix(t.total.unknown, ": "+d.Reason)
		}
	}
	for _, row := range append(slices.Clone(t.rows), t.total) {
		t.hasRange = t.hasRange || row.span != ""
	}
	t.align()
	return t
}

func deref(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p
}

// share says what part of the total a domain is, or why it is no part.
func share(d report.Domain, total report.Energy) string {
	switch {
	case !d.InTotal && d.Parent != "":
		return "in " + plain(d.Parent)
	case !d.InTotal:
		return "not in total"
	case d.EnergyJ == nil || deref(total.EnergyJ) <= 0:
		return "-"
	}
	return percent(*d.EnergyJ / *total.EnergyJ)
}

// energyFormat formats energies under common prefixes.
type energyFormat struct{ energy, power prefix }

// newEnergyFormat chooses the prefixes by what counts: a child's microjoules
// shall not turn the total into millions of them.
func newEnergyFormat(nodes []node, total report.Energy, least float64) energyFormat {
	amounts := []float64{deref(total.EnergyJ)}
	watts := []float64{deref(total.PowerW)}
	for _, n := range nodes {
		if n.InTotal || len(nodes) == 1 {
			amounts = append(amounts, deref(n.EnergyJ), deref(n.LowJ))
			watts = append(watts, deref(n.PowerW))
		}
	}
	return energyFormat{commonPrefix(amounts, least), commonPrefix(watts, least)}
}

// leastFor is the argument of commonPrefix for values of a quality.
func leastFor(q energy.Quality) float64 {
	if q == energy.Estimated {
		return 0.1
	}
	return 1
}

func (f energyFormat) row(e report.Energy, q energy.Quality) domainRow {
	row := domainRow{unit: f.energy.symbol + "J", power: "-"}
	switch {
	case e.EnergyJ == nil && deref(e.LowJ) > 0:
		// Some of it was seen: that much it was at least.
		low := f.energy.scale(*e.LowJ)
		row.value, row.unknown = "≥ "+roundTo(low, 2-exponent(low, 3), math.Floor), e.Reason
		return row
	case e.EnergyJ == nil:
		row.value, row.unit, row.unknown = "unknown", "", e.Reason
		if e.Reason == "" {
			row.unknown = "no reason given"
		}
		return row
	}
	unc := e.UncertaintyJ
	if q == energy.Estimated {
		if e.LowJ != nil && e.HighJ != nil {
			row.span = spanText(*e.LowJ, *e.HighJ, f.energy)
			unc = halfRange(e.LowJ, e.HighJ)
		}
		row.value = "≈ " + significant(f.energy.scale(*e.EnergyJ), digitsOf(*e.EnergyJ, unc, 2, 3))
	} else {
		row.value, row.plus = plusMinus(*e.EnergyJ, unc, f.energy)
		if row.plus != "" {
			row.plus = "± " + row.plus
		}
	}
	if e.PowerW != nil {
		most := 4
		if q == energy.Estimated {
			most = 2
		}
		digits := digitsOf(*e.EnergyJ, unc, 2, most)
		row.power = significant(f.power.scale(*e.PowerW), digits) + " " + f.power.symbol + "W"
	}
	return row
}

// halfRange is half the width of a range: what stands for the uncertainty of
// an estimate.
func halfRange(low, high *float64) *float64 {
	if low == nil || high == nil {
		return nil
	}
	half := (*high - *low) / 2
	return &half
}

// spanText prints a range with its unit, or nothing when it has no width.
func spanText(low, high float64, p prefix) string {
	s := interval(low, high, p)
	if s == "" {
		return ""
	}
	return s + " " + p.symbol + "J"
}

// align pads values and uncertainties so that the decimal points stand in
// one column each.
func (t *domainTable) align() {
	rows := make([]*domainRow, 0, len(t.rows)+1)
	for i := range t.rows {
		rows = append(rows, &t.rows[i])
	}
	rows = append(rows, &t.total)
	alignPoints(rows, func(r *domainRow) *string { return &r.value })
	alignPoints(rows, func(r *domainRow) *string { return &r.plus })
}

func alignPoints(rows []*domainRow, field func(*domainRow) *string) {
	behind := 0
	for _, r := range rows {
		behind = max(behind, fraction(*field(r)))
	}
	widest := 0
	for _, r := range rows {
		if s := field(r); r.unit != "" && *s != "" {
			*s += strings.Repeat(" ", behind-fraction(*s))
		}
		widest = max(widest, columns(*field(r)))
	}
	for _, r := range rows {
		s := field(r)
		*s = strings.Repeat(" ", widest-columns(*s)) + *s
	}
}

// fraction returns the columns from the decimal point on.
func fraction(s string) int {
	if i := strings.IndexByte(s, '.'); i >= 0 {
		return len(s) - i
	}
	return 0
}

// node is a domain in tree order.
type node struct {
	report.Domain
	branch string
}

// tree orders domains so that children follow their parent.
func tree(domains []report.Domain) []node {
	known := map[string]bool{}
	children := map[string][]report.Domain{}
	for _, d := range domains {
		known[d.ID] = true
	}
	for _, d := range domains {
		parent := d.Parent
		if !known[parent] || parent == d.ID {
			parent = ""
		}
		children[parent] = append(children[parent], d)
	}
	var nodes []node
	var walk func(parent, indent string)
	walk = func(parent, indent string) {
		list := children[parent]
		delete(children, parent) // a circle of parents ends here
		for i, d := range list {
			branch, deeper := "├─ ", "│  "
			if i == len(list)-1 {
				branch, deeper = "└─ ", "   "
			}
			if parent == "" {
				nodes = append(nodes, node{d, ""})
				walk(d.ID, "")
				continue
			}
			nodes = append(nodes, node{d, indent + branch})
			walk(d.ID, indent+deeper)
		}
	}
	walk("", "")
	for len(children) > 0 { // only circles are left; nothing may get lost
		walk(sortedKeys(children)[0], "")
	}
	return nodes
}

// manyChildren is how many counters of one kind under one parent are shown
// one by one. AMD meters every core: 128 lines would bury the result.
const manyChildren = 4

// foldCores replaces many children of one kind by their sum. JSON and CSV
// have each.
func foldCores(domains []report.Domain) []report.Domain {
	type family struct{ parent, kind string }
	members := map[family][]report.Domain{}
	for _, d := range domains {
		if d.Parent != "" {
			f := family{d.Parent, d.Kind}
			members[f] = append(members[f], d)
		}
	}
	var out []report.Domain
	for _, d := range domains {
		f := family{d.Parent, d.Kind}
		list := members[f]
		switch {
		case len(list) <= manyChildren:
			out = append(out, d)
		case list[0].ID == d.ID:
			out = append(out, sumOf(list))
		}
	}
	return out
}

func sumOf(list []report.Domain) report.Domain {
	sum := list[0]
	sum.ID = sum.Kind + "s (" + strconv.Itoa(len(list)) + ")"
	var j, w, u float64
	for _, d := range list {
		if d.EnergyJ == nil {
			sum.Energy = report.Energy{Reason: d.ID + " is not known: " + d.Reason}
			return sum
		}
		j, w, u = j+*d.EnergyJ, w+deref(d.PowerW), u+deref(d.UncertaintyJ)
	}
	sum.Energy = report.Energy{EnergyJ: &j, PowerW: &w, UncertaintyJ: &u}
	return sum
}

// fact is a labelled value of the compact blocks.
type fact struct{ label, value string }

// errorPct prints a model's error against the measurement: "+4.6 %".
func errorPct(pct *float64) string {
	if pct == nil {
		return "-"
	}
	s := fixed(*pct, 1) + " %"
	if math.Abs(*pct) >= 100 {
		s = fixed(*pct, 0) + " %"
	}
	if *pct > 0 {
		s = "+" + s
	}
	return s
}
