package session

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/energyprobe/energyprobe/internal/attribute"
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
