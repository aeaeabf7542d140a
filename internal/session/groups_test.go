package session

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/attribute"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// fakeFiles is a root with these files.
func fakeFiles(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// Whatever the number of processes that are listed, groups hold all of theirs,
// and with their rest all that programs spent.
func TestGroupsLoseNothing(t *testing.T) {
	const each = maxRows // of the first two groups
	u := energy.Usage{Packages: make([]energy.PackageUsage, 1)}
	p := &u.Packages[0]
	p.Seconds, p.CPUs = 1, 4
	add := func(n int, party energy.Party, cgroup uint64, joules float64, rows bool) {
		for range n {
			var a energy.Account
			a.Joules[energy.Package], a.Seconds, a.CPU = joules, 1e-6, time.Millisecond
			p.Parties[party].Add(a)
			if rows {
				u.Processes = append(u.Processes, energy.Process{PID: len(u.Processes) + 1, Party: party, Cgroup: cgroup, Accounts: []energy.Account{a}})
			}
		}
	}
	add(each, energy.Target, 7, 0.003, true)
	add(each, energy.Target, 8, 0.001, true)
	add(1, energy.Tool, 7, 0.25, true)
	add(3, energy.Target, 9, 0.125, true)    // their group is no more
	add(2, energy.Target, 0, 0.0625, true)   // in no group
	add(5, energy.Target, 0, 0.03125, false) // nobody saw them
	add(4, energy.Kernel, 0, 0.5, true)
	sum := 0.0
	for who := range p.Parties {
		sum += p.Parties[who].Joules[energy.Package]
	}
	a := &attribution{}
	zones := []attribute.Zone{{Domain: energy.Package, Joules: sum, Seconds: 1, Packages: []int{0}, Idle: []attribute.Idle{{Known: true}}}}
	out := report.Attribution{}
	ranking := a.putRows(&out, zones, u)
	paths := map[uint64]string{7: "/first", 8: "/second"}
	nameGroups(&out, ranking.Rows, paths)
	addGroups(&out, ranking, paths)
	if len(out.Processes) != maxRows || out.ProcessesRest.N != len(u.Processes)-maxRows {
		t.Errorf("%d processes and %d more of %d", len(out.Processes), out.ProcessesRest.N, len(u.Processes))
	}
	rows := *out.ProcessesRest.EnergyJ
	for _, one := range out.Processes {
		rows += *one.EnergyJ
	}
	if math.Abs(rows-sum) > 1e-9 {
		t.Errorf("processes hold %v J of %v", rows, sum)
	}
	if len(out.Groups) != 2 || out.Groups[0].Cgroup != "/first" || out.Groups[0].Processes != each+1 || out.Groups[1].Processes != each {
		t.Fatalf("groups %+v", out.Groups)
	}
	for i, want := range []float64{0.003*each + 0.25, 0.001 * each} {
		if got := *out.Groups[i].EnergyJ; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v J, want %v", out.Groups[i].Cgroup, got, want)
		}
	}
	if r := out.GroupsRest; r == nil || r.N != 1 || math.Abs(*r.EnergyJ-(3*0.125+2*0.0625+5*0.03125)) > 1e-9 || math.Abs(r.CPUS-0.010) > 1e-9 {
		t.Errorf("rest of the groups %+v", r)
	}
}

// The quota that counts is the target's: this program's own is that of a
// command alone, which starts in its group.
func TestReservedShareIsTheTargets(t *testing.T) {
	const top = "sys/fs/cgroup/"
	root := fakeFiles(t, map[string]string{
		fmt.Sprintf("proc/%d/cgroup", os.Getpid()): "0::/shell\n",
		"proc/1/cgroup":                     "0::/init\n",
		"proc/4711/cgroup":                  "0::/service/worker\n",
		top + "cgroup.procs":                "",
		top + "shell/cgroup.procs":          "",
		top + "shell/cpu.max":               "50000 100000\n",
		top + "init/cgroup.procs":           "",
		top + "init/cpu.max":                "max 100000\n",
		top + "service/cgroup.procs":        "",
		top + "service/cpu.max":             "200000 100000\n",
		top + "service/worker/cpu.max":      "max 100000\n",
		top + "service/worker/cgroup.procs": "",
		top + "job/cgroup.procs":            "",
		top + "job/cpu.max":                 "100000 100000\n",
	})
	for _, c := range []struct {
		name   string
		target target
		want   float64
	}{
		{"a command", &commandTarget{}, 0.5 / 8},
		{"a process", &pidTarget{pid: 4711}, 2.0 / 8},
		{"the machine", &machineTarget{}, 1},
		{"a group", &cgroupTarget{name: "/job"}, 1.0 / 8},
	} {
		s := &session{Options: Options{Root: root}, topo: &topology.Topology{Online: make([]int, 8)}, target: c.target}
		s.attr = &attribution{rule: attribute.Rule{Policy: attribute.Reserved}}
		// It is known before the first sample is split.
		if s.reserve(); math.Abs(s.attr.rule.Share-c.want) > 1e-12 {
			t.Errorf("%s has %v of the machine reserved, want %v", c.name, s.attr.rule.Share, c.want)
		}
	}
}
