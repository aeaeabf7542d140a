package output

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// ranking is a table of those that spent most.
type ranking struct {
	title  string
	header []string
	right  []bool
	rows   [][]string
	faint  []bool   // by row: not the target's own
	rest   []string // stands for those without a row; nil when there are none
}

// spending is a row of a ranking before it is formatted.
type spending struct {
	names []string // the first columns
	faint bool
	report.Share
}

// manyBystanders is how many rows beside the target's are shown.
const manyBystanders = 3

// nameWidth bounds the names of processes: the kernel's own are up to 63 long.
const nameWidth = 16

// rankings returns the tables of a result: groups, programs, processes,
// threads.
func rankings(r *report.Run, top int) []ranking {
	var out []ranking
	for _, rank := range []func(*report.Run, int) ranking{groupRanking, programRanking, processRanking, threadRanking} {
		if t := rank(r, top); len(t.rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// limit is how many of n rows Options.Top lets through.
func limit(n, top int) int {
	switch {
	case top == 0:
		return min(n, DefaultTop)
	case top < 0:
		return n
	}
	return min(n, top)
}

func processRanking(r *report.Run, top int) ranking {
	shown, hidden := chosen(r.Attribution.Processes, top, func(p report.Process) bool { return p.Party == energy.Target.String() })
	rest := newRest(r.Attribution.ProcessesRest)
	for _, p := range hidden {
		rest.add(p.Share)
	}
	places := slices.ContainsFunc(shown, func(p report.Process) bool { return place(r, p) != "" })
	names := []string{"PID", "Process"}
	if places {
		names = append(names, "In")
	}
	var rows []spending
	for _, p := range shown {
		s := spending{[]string{strconv.Itoa(p.PID), shorten(plain(p.Comm), nameWidth)}, p.Party != energy.Target.String(), p.Share}
		if places {
			s.names = append(s.names, shorten(place(r, p), 16))
		}
		rows = append(rows, s)
	}
	return newRanking(r, "Processes that spent most", names, rows, rest)
}

// chosen parts rows into those shown and the others: however busy the machine
// is otherwise, the target's own come first.
func chosen[T any](all []T, top int, own func(T) bool) (shown, hidden []T) {
	var mine, beside []T
	for _, v := range all {
		if own(v) {
			mine = append(mine, v)
		} else {
			beside = append(beside, v)
		}
	}
	n, m := limit(len(mine), top), len(beside)
	if top >= 0 {
		m = min(m, manyBystanders)
	}
	return slices.Concat(mine[:n], beside[:m]), slices.Concat(mine[n:], beside[m:])
}

// programRanking adds up the target's processes of one name, where there are
// more than the table of processes shows: what a build of 400 compilers spent
// can't be seen from ten of them.
func programRanking(r *report.Run, top int) ranking {
	index := map[string]int{}
	var programs []spending
	var counts []int
	own := 0
	for _, p := range r.Attribution.Processes {
		if p.Party != energy.Target.String() {
			continue
		}
		own++
		i, seen := index[p.Comm]
		if !seen {
			index[p.Comm] = len(programs)
			programs, counts = append(programs, spending{names: []string{shorten(plain(p.Comm), nameWidth), ""}, Share: p.Share}), append(counts, 1)
			continue
		}
		programs[i].Share = plus(programs[i].Share, p.Share)
		counts[i]++
	}
	if own <= limit(own, top) || len(programs) == own {
		return ranking{}
	}
	for i, n := range counts {
		programs[i].names[1] = count(float64(n))
	}
	slices.SortStableFunc(programs, func(a, b spending) int { return cmp.Compare(deref(b.EnergyJ), deref(a.EnergyJ)) })
	n := limit(len(programs), top)
	rest := newRest(nil)
	for _, p := range programs[n:] {
		rest.add(p.Share)
	}
	return newRanking(r, "Programs that spent most", []string{"Program", "Proc."}, programs[:n], rest)
}

// plus adds up shares; what one of them does not know, the sum does not.
func plus(a, b report.Share) report.Share {
	sum := report.Share{CPUS: a.CPUS + b.CPUS, Cycles: addUp(a.Cycles, b.Cycles), Instructions: addUp(a.Instructions, b.Instructions),
		EnergyJ: addUp(a.EnergyJ, b.EnergyJ), PowerW: addUp(a.PowerW, b.PowerW), SharePct: addUp(a.SharePct, b.SharePct)}
	if sum.EnergyJ != nil && sum.Instructions != nil && *sum.Instructions > 0 {
		j := *sum.EnergyJ / float64(*sum.Instructions)
		sum.JPerInstruction = &j
	}
	return sum
}

func addUp[T int64 | float64](a, b *T) *T {
	if a == nil || b == nil {
		return nil
	}
	sum := *a + *b
	return &sum
}

// place says where a process belongs, where that is worth a column: in which
// container, or in which line when it is not the target's.
func place(r *report.Run, p report.Process) string {
	switch {
	case p.Party == energy.Tool.String():
		return "tool"
	case p.Party != energy.Target.String():
		return plain(p.Party)
	case r.Target.Kind == "machine":
		return plain(p.Container)
	}
	return ""
}

func threadRanking(r *report.Run, top int) ranking {
	party := map[int]string{}
	for _, p := range r.Attribution.Processes {
		party[p.PID] = p.Party
	}
	own := func(t report.Thread) bool {
		p, known := party[t.PID]
		return !known || p == energy.Target.String()
	}
	shown, hidden := chosen(r.Attribution.Threads, top, own)
	rest := newRest(r.Attribution.ThreadsRest)
	for _, t := range hidden {
		rest.add(t.Share)
	}
	var rows []spending
	for _, t := range shown {
		rows = append(rows, spending{[]string{strconv.Itoa(t.TID), strconv.Itoa(t.PID), shorten(plain(t.Comm), nameWidth)}, !own(t), t.Share})
	}
	return newRanking(r, "Threads that spent most", []string{"TID", "PID", "Thread"}, rows, rest)
}

// groupWidth bounds the names of groups, which are paths.
const groupWidth = 34

func groupRanking(r *report.Run, top int) ranking {
	groups := r.Attribution.Groups
	n := limit(len(groups), top)
	rest := newRest(r.Attribution.GroupsRest)
	for _, g := range groups[n:] {
		rest.add(g.Share)
	}
	var rows []spending
	for _, g := range groups[:n] {
		name := plain(g.Cgroup)
		if g.Container != "" {
			name = plain(g.Container)
			if g.Runtime != "" {
				name += " (" + plain(g.Runtime) + ")"
			}
		}
		rows = append(rows, spending{[]string{shortenFront(name, groupWidth), count(float64(g.Processes))}, false, g.Share})
	}
	return newRanking(r, "Containers and groups that spent most", []string{"Group", "Proc."}, rows, rest)
}

// restOf adds up those without a row.
type restOf struct {
	n       int
	energyJ float64
	unknown bool
	cpuS    float64
}

func newRest(r *report.Rest) restOf {
	if r == nil {
		return restOf{}
	}
	return restOf{n: r.N, energyJ: deref(r.EnergyJ), unknown: r.EnergyJ == nil, cpuS: r.CPUS}
}

func (r *restOf) add(s report.Share) {
	r.n++
	r.energyJ += deref(s.EnergyJ)
	r.unknown = r.unknown || s.EnergyJ == nil
	r.cpuS += s.CPUS
}

// label is the name of the rest's row. What belongs to nobody who could have a
// row, as interrupts do, has joules all the same.
func (r restOf) label() string {
	if r.n == 0 {
		return "the rest"
	}
	return count(float64(r.n)) + " more"
}

// share is the rest as one more row.
func (r restOf) share(run *report.Run) report.Share {
	s := report.Share{CPUS: r.cpuS}
	if r.unknown {
		return s
	}
	s.EnergyJ = &r.energyJ
	if run.DurationS > 0 {
		w := r.energyJ / run.DurationS
		s.PowerW = &w
	}
	if t := deref(run.Total.EnergyJ); t > 0 {
		pct := 100 * r.energyJ / t
		s.SharePct = &pct
	}
	return s
}

// newRanking formats the rows. The columns of names differ, those of a share
// are the same everywhere; energy per instruction is left out where none is
// known.
func newRanking(r *report.Run, title string, names []string, rows []spending, rest restOf) ranking {
	all := make([]spending, len(rows), len(rows)+1)
	copy(all, rows)
	hasRest := len(rows) > 0 && (rest.n > 0 || rest.energyJ > 0)
	if hasRest {
		s := spending{names: make([]string, len(names)), Share: rest.share(r)}
		s.names[restColumn(names)] = rest.label()
		all = append(all, s)
	}
	perInstruction := slices.ContainsFunc(rows, func(s spending) bool { return s.JPerInstruction != nil })
	t := ranking{title: title, header: append(slices.Clone(names), "Energy", "Power", "On CPU")}
	if perInstruction {
		t.header = append(t.header, "per instr.")
	}
	t.header = append(t.header, "Share")
	for _, name := range t.header {
		t.right = append(t.right, !slices.Contains([]string{"Process", "Program", "Thread", "Group", "In"}, name))
	}
	f := newShareFormat(rows, all)
	for _, s := range all {
		cells := append(slices.Clone(s.names), f.energy(s.EnergyJ), f.power(s.PowerW), secondsCell(s.CPUS))
		if perInstruction {
			cells = append(cells, perInstructionCell(s.JPerInstruction))
		}
		t.rows = append(t.rows, append(cells, shareCell(s.SharePct)))
		t.faint = append(t.faint, s.faint)
	}
	n := len(names)
	alignColumn(t.rows, n)
	alignColumn(t.rows, n+1)
	f.units(t.rows, n)
	if hasRest {
		t.rest = t.rows[len(rows)]
		t.rows, t.faint = t.rows[:len(rows)], t.faint[:len(rows)]
	}
	return t
}

// restColumn is where the row of the rest says how many it stands for: below
// the names that people read.
func restColumn(names []string) int {
	for i, name := range names {
		if slices.Contains([]string{"Process", "Program", "Thread", "Group"}, name) {
			return i
		}
	}
	return 0
}

// shareFormat formats energies and powers under common prefixes.
type shareFormat struct {
	joules, watts         prefix
	mostJoules, mostWatts float64
}

// newShareFormat chooses prefixes by all rows, and how small a digit is worth
// showing by those that are the subject.
func newShareFormat(rows, all []spending) shareFormat {
	var f shareFormat
	var joules, watts float64
	for _, s := range all {
		joules, watts = max(joules, deref(s.EnergyJ)), max(watts, deref(s.PowerW))
	}
	for _, s := range rows {
		if !s.faint {
			f.mostJoules = max(f.mostJoules, deref(s.EnergyJ))
			f.mostWatts = max(f.mostWatts, deref(s.PowerW))
		}
	}
	f.joules, f.watts = columnPrefix(joules), columnPrefix(watts)
	return f
}

func (f shareFormat) energy(j *float64) string { return threeDigits(j, f.joules, f.mostJoules) }
func (f shareFormat) power(w *float64) string  { return threeDigits(w, f.watts, f.mostWatts) }

// units adds the units to the cells of energy and power, from column c on.
func (f shareFormat) units(rows [][]string, c int) {
	for _, row := range rows {
		for i, unit := range []string{f.joules.symbol + "J", f.watts.symbol + "W"} {
			if row[c+i] != "-" {
				row[c+i] += " " + unit
			}
		}
	}
}

// threeDigits prints v with three significant digits, but no smaller ones than
// the largest value shows, or tenths.
func threeDigits(v *float64, p prefix, largest float64) string {
	if v == nil {
		return "-"
	}
	x := p.scale(*v)
	if x == 0 {
		return "0"
	}
	most := 0
	if largest > 0 {
		most = max(1, 2-exponent(p.scale(largest), 3))
	}
	return joulesCell(v, p, min(max(2-exponent(x, 3), 0), most))
}

func secondsCell(v float64) string {
	if math.Abs(v) >= 1000 {
		return fixed(v, 0) + " s"
	}
	return quantity(v, "s", 3)
}

func perInstructionCell(v *float64) string {
	if v == nil {
		return "-"
	}
	return quantity(*v, "J", 3)
}

func shareCell(pct *float64) string {
	if pct == nil {
		return "-"
	}
	return part(*pct / 100)
}
