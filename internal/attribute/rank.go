package attribute

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// Row is what a process or a thread spent over a window.
type Row struct {
	PID, PPID int
	TID       int // 0 for a process
	Start     energy.Instant
	Comm      string
	Party     energy.Party
	Cgroup    uint64
	Threads   int
	Ended     bool

	Joules       float64 // dynamic, or gross where idle power is not known, as in Lines
	Watts        float64 // mean over the window
	CPU          time.Duration
	Cycles       uint64
	Instructions uint64
	// PerInstruction is joules per instruction; not known where none was
	// counted.
	PerInstruction Amount
	Share          float64 // of the zones' joules
}

// Ranking is rows by energy, the largest first; ties by CPU time, then PID.
type Ranking struct {
	Rows []Row
	// Rest holds, by party, the joules that are in the party's lines and in no
	// row: rows beyond the limit, and processes that have none. Its CPU time
	// is the party's less the rows'.
	Rest [energy.Parties]Row
}

// Rank makes rows of a window's processes: the joules of all zones given, which
// are those of a total (packages and dram), after idle and scaling as in Split.
// A party's rows and its rest add up to its lines. Limit bounds the rows, 0
// means all; cgroup and party of a row are as the tracker tells them.
func Rank(zones []Zone, u energy.Usage, r Rule, limit int) Ranking {
	return rank(zones, u.Packages, members(u), r, limit)
}

// RankThreads is Rank for threads, where the tracker was asked for them.
func RankThreads(zones []Zone, u energy.Usage, r Rule, limit int) Ranking {
	return rank(zones, u.Packages, threadMembers(u), r, limit)
}

// member is a row to be and its accounts by package.
type member struct {
	row      Row
	accounts []energy.Account
}

func members(u energy.Usage) []member {
	all := make([]member, len(u.Processes))
	for i, p := range u.Processes {
		all[i] = member{Row{PID: p.PID, PPID: p.PPID, Start: p.Start, Comm: p.Comm, Party: p.Party, Cgroup: p.Cgroup, Threads: p.Threads, Ended: p.Ended}, p.Accounts}
	}
	return all
}

// threadMembers gives each thread what its process tells about it. Of two
// processes that had the PID in the window, the one alive counts.
func threadMembers(u energy.Usage) []member {
	owner := make(map[int]*energy.Process, len(u.Processes))
	for i := range u.Processes {
		p := &u.Processes[i]
		if o := owner[p.PID]; o == nil || o.Ended {
			owner[p.PID] = p
		}
	}
	all := make([]member, len(u.Threads))
	for i, t := range u.Threads {
		row := Row{PID: t.PID, TID: t.TID, Comm: t.Comm, Party: energy.Others, Threads: 1}
		if o := owner[t.PID]; o != nil {
			row.PPID, row.Start, row.Party, row.Cgroup, row.Ended = o.PPID, o.Start, o.Party, o.Cgroup, o.Ended
		}
		all[i] = member{row, t.Accounts}
	}
	return all
}

func rank(zones []Zone, packages []energy.PackageUsage, all []member, r Rule, limit int) Ranking {
	var out Ranking
	var lines [energy.Parties]float64 // what each party's rows may add up to
	var total, seconds float64
	for _, z := range zones {
		total += positive(z.Joules)
		seconds = max(seconds, z.Seconds)
		p, _ := newPlan(z, packages)
		if p == nil {
			continue // it has no lines by party either
		}
		line := lineOf(Split(z, packages, r))
		p.hand(all, z.Domain, line)
		for who, j := range line {
			lines[who] += j
		}
	}
	for i := range all {
		m := &all[i]
		for _, a := range m.accounts {
			m.row.CPU += a.CPU
			m.row.Cycles += a.Cycles
			m.row.Instructions += a.Instructions
		}
		m.row.finish(total, seconds)
		out.Rows = append(out.Rows, m.row)
	}
	slices.SortFunc(out.Rows, func(a, b Row) int {
		return cmp.Or(-cmp.Compare(a.Joules, b.Joules), -cmp.Compare(a.CPU, b.CPU), cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID), cmp.Compare(a.Start, b.Start))
	})
	if limit > 0 && len(out.Rows) > limit {
		out.Rows = out.Rows[:limit:limit]
	}
	out.rest(lines, packages)
	for who := range out.Rest {
		out.Rest[who].finish(total, seconds)
	}
	return out
}

// lineOf returns the lines by party, this program's apart from the others'.
func lineOf(l Lines) (by [energy.Parties]float64) {
	by[energy.Target], by[energy.Kernel], by[energy.Tool] = l.Target.J, l.Kernel.J, l.Tool.J
	by[energy.Others] = max(l.Others.J-l.Tool.J, 0)
	return by
}

// hand adds a zone's joules to the rows, given its lines by party. Members whose
// gross energy is below idle power spent nothing; what they fall short by is
// taken off the others of the party, so that these don't get more than the
// party has.
func (p *plan) hand(all []member, d energy.Domain, line [energy.Parties]float64) {
	var before [energy.Parties]float64
	for _, one := range p.parts {
		for who, j := range one.dynamic {
			before[who] += j
		}
	}
	for _, one := range p.parts {
		var sum [energy.Parties]float64
		for i := range all {
			sum[all[i].party()] += p.dynamicOf(&all[i], one, d)
		}
		var factor [energy.Parties]float64
		for who := range factor {
			if before[who] > 0 && sum[who] > 0 {
				// Idle handed to the party goes to its members alike.
				factor[who] = min(1, one.dynamic[who]/sum[who]) * (line[who] / before[who])
			}
		}
		for i := range all {
			m := &all[i]
			if f := factor[m.party()]; f > 0 && !math.IsInf(f, 1) {
				m.row.Joules += f * p.dynamicOf(m, one, d)
			}
		}
	}
}

func (m *member) party() energy.Party { return min(m.row.Party, energy.Parties-1) }

func (p *plan) dynamicOf(m *member, one part, d energy.Domain) float64 {
	if one.pkg >= len(m.accounts) {
		return 0
	}
	a := &m.accounts[one.pkg]
	return p.factor * positive(positive(a.Joules[d])-one.watts*positive(a.Seconds))
}

// finish computes what follows from a row's joules.
func (r *Row) finish(total, seconds float64) {
	if seconds > 0 {
		r.Watts = r.Joules / seconds
	}
	if total > 0 {
		r.Share = r.Joules / total
	}
	if r.Instructions > 0 {
		r.PerInstruction = Amount{r.Joules / float64(r.Instructions), true}
	}
}

// rest fills in what the rows don't hold of each party.
func (k *Ranking) rest(lines [energy.Parties]float64, packages []energy.PackageUsage) {
	for who := range k.Rest {
		rest := &k.Rest[who]
		rest.Party, rest.Joules = energy.Party(who), lines[who]
		for _, p := range packages {
			a := p.Parties[who]
			rest.CPU += a.CPU
			rest.Cycles += a.Cycles
			rest.Instructions += a.Instructions
		}
	}
	for _, row := range k.Rows {
		rest := &k.Rest[min(row.Party, energy.Parties-1)]
		rest.Joules = max(rest.Joules-row.Joules, 0)
		rest.CPU = max(rest.CPU-row.CPU, 0)
		rest.Cycles -= min(row.Cycles, rest.Cycles)
		rest.Instructions -= min(row.Instructions, rest.Instructions)
	}
}
