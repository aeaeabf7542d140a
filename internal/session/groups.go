package session

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/container"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// groupPaths finds the paths of control groups by their IDs, which are the
// inodes of their directories in the cgroup2 hierarchy.
func groupPaths(root string, ids map[uint64]bool) map[uint64]string {
	out := map[uint64]string{}
	for _, mount := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
		top := filepath.Join("/", root, mount)
		if cgroupInode([]string{top}) == 0 {
			continue
		}
		_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil // gone meanwhile, or a file
			}
			if info, err := d.Info(); err == nil {
				if st, ok := info.Sys().(*syscall.Stat_t); ok && ids[st.Ino] {
					out[st.Ino] = "/" + strings.TrimPrefix(strings.TrimPrefix(path, top), "/")
				}
			}
			if len(out) == len(ids) {
				return fs.SkipAll
			}
			return nil
		})
	}
	return out
}

// putGroups names the processes' control groups and containers, and adds up
// what each group spent.
func (s *session) putGroups(out *report.Attribution, ranking attribute.Ranking) {
	ids := map[uint64]bool{}
	for _, row := range ranking.Rows {
		if row.Cgroup != 0 && row.Party != energy.Kernel {
			ids[row.Cgroup] = true
		}
	}
	if len(ids) == 0 {
		return
	}
	paths := groupPaths(s.Root, ids)
	nameGroups(out, ranking.Rows, paths)
	if s.Machine {
		addGroups(out, ranking, paths)
	}
}

// nameGroups puts the paths of their groups to the processes that are listed,
// which are the first rows.
func nameGroups(out *report.Attribution, rows []attribute.Row, paths map[uint64]string) {
	for i := range out.Processes {
		if path, ok := paths[rows[i].Cgroup]; ok && rows[i].Party != energy.Kernel {
			p := &out.Processes[i]
			p.Cgroup = path
			_, p.Container = containerIn(path)
		}
	}
}

// addGroups lists the groups, with what all of their processes spent whether
// those are listed or not. Groups and their rest hold what all programs spent:
// the rest is groups beyond the limit, those that have gone before they could be
// named, and what no process is known to have spent.
func addGroups(out *report.Attribution, ranking attribute.Ranking, paths map[uint64]string) {
	groups, nameless := map[string]*report.Group{}, map[uint64]bool{}
	var rest report.Share
	for _, row := range ranking.Rows {
		if row.Party == energy.Kernel {
			continue
		}
		path, ok := paths[row.Cgroup]
		if !ok {
			if row.Cgroup != 0 {
				nameless[row.Cgroup] = true
			}
			addShare(&rest, shareReport(row))
			continue
		}
		g := groups[path]
		if g == nil {
			g = &report.Group{Cgroup: path}
			g.Runtime, g.Container = containerIn(path)
			groups[path] = g
		}
		g.Processes++
		addShare(&g.Share, shareReport(row))
	}
	if len(groups) == 0 || len(groups)+len(nameless) < 2 {
		return
	}
	for _, row := range ranking.Rest {
		if row.Party != energy.Kernel {
			addShare(&rest, shareReport(row))
		}
	}
	for _, g := range groups {
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(a, b report.Group) int {
		return cmp.Or(cmp.Compare(*b.EnergyJ, *a.EnergyJ), strings.Compare(a.Cgroup, b.Cgroup))
	})
	n := min(len(out.Groups), maxRows)
	for _, g := range out.Groups[n:] {
		addShare(&rest, g.Share)
	}
	out.GroupsRest = &report.Rest{N: len(nameless) + len(out.Groups) - n, EnergyJ: rest.EnergyJ, CPUS: rest.CPUS}
	out.Groups = out.Groups[:n:n]
}

// containerIn returns the innermost container that a group's path names.
func containerIn(path string) (runtime, name string) {
	refs := container.ParsePath(path)
	if len(refs) == 0 {
		return "", ""
	}
	r := refs[len(refs)-1]
	return r.Runtime, r.ID
}

// addShare adds what o spent.
func addShare(s *report.Share, o report.Share) {
	add := func(to **float64, v *float64) {
		if v == nil {
			return
		}
		sum := *v
		if *to != nil {
			sum += **to
		}
		*to = &sum
	}
	count := func(to **int64, v *int64) {
		if v == nil {
			return
		}
		sum := *v
		if *to != nil {
			sum += **to
		}
		*to = &sum
	}
	s.CPUS += o.CPUS
	add(&s.EnergyJ, o.EnergyJ)
	add(&s.PowerW, o.PowerW)
	add(&s.SharePct, o.SharePct)
	count(&s.Cycles, o.Cycles)
	count(&s.Instructions, o.Instructions)
	if s.EnergyJ != nil && s.Instructions != nil && *s.Instructions > 0 {
		per := *s.EnergyJ / float64(*s.Instructions)
		s.JPerInstruction = &per
	}
}

// reserve notes what the target has reserved, while it is there to be asked:
// samples are split long before the report.
func (s *session) reserve() {
	if s.attr != nil && s.attr.rule.Policy == attribute.Reserved {
		s.attr.rule.Share = s.reservedShare()
	}
}

// quotaPID is the process whose control groups limit the target. A command
// begins in those of this program; the machine's limits, as those of a
// container, are the first process's.
func (s *session) quotaPID() int {
	switch t := s.target.(type) {
	case *pidTarget:
		return t.pid
	case *machineTarget:
		return 1
	}
	return os.Getpid()
}

// reservedShare is the part of the machine's CPUs that the target's control
// group may use at most (cpu.max of cgroup2, cpu.cfs_quota_us of version 1), of
// it and the groups around it; 1 where nothing limits it.
func (s *session) reservedShare() float64 {
	var dirs []string
	if t, ok := s.target.(*cgroupTarget); ok {
		dirs = container.FindCgroup(s.Root, t.name)
	} else if c, err := container.CgroupOf(s.Root, s.quotaPID()); err == nil {
		for _, name := range []string{"", "cpu"} {
			path, ok := c.V2()
			if name != "" {
				path, ok = c.Controller(name)
			}
			if ok {
				dirs = append(dirs, container.FindCgroup(s.Root, path)...)
			}
		}
	}
	share, top := 1.0, filepath.Join("/", s.Root, "sys/fs/cgroup")
	for _, dir := range dirs {
		for ; strings.HasPrefix(dir, top); dir = filepath.Dir(dir) {
			if cpus, ok := quota(dir); ok {
				share = min(share, cpus/float64(len(s.topo.Online)))
			}
		}
	}
	return share
}

// quota returns how many CPUs a group may use, if it is limited.
func quota(dir string) (cpus float64, ok bool) {
	if b, err := os.ReadFile(filepath.Join(dir, "cpu.max")); err == nil {
		return parseQuota(strings.Fields(string(b)))
	}
	var fields []string
	for _, name := range []string{"cpu.cfs_quota_us", "cpu.cfs_period_us"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, false
		}
		fields = append(fields, strings.TrimSpace(string(b)))
	}
	return parseQuota(fields)
}

// parseQuota reads a quota and its period, both in microseconds; "max" and -1
// mean no limit.
func parseQuota(fields []string) (cpus float64, ok bool) {
	if len(fields) != 2 {
		return 0, false
	}
	q, err := strconv.ParseFloat(fields[0], 64)
	p, err2 := strconv.ParseFloat(fields[1], 64)
	if err != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0, false
	}
	return q / p, true
}
