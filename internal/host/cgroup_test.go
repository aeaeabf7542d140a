package host

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// TestCgroup1 names a group of version 1 in every way people do.
func TestCgroup1(t *testing.T) {
	wants := map[string]float64{
		"cgroup.cpu.time": 0.25, "cgroup.cpu.user": 0.2, "cgroup.cpu.system": 0.05, "cgroup.cpu.throttled": 0.5,
		"cgroup.cpu.throttled_periods": 4, "cgroup.memory.peak": 5000, "cgroup.io.read": 1000, "cgroup.io.written": 50,
		"cgroup.processes.peak": 3,
	}
	for _, name := range []string{"app", "/app", "/app/", "/sys/fs/cgroup/memory/app", "/sys/fs/cgroup/cpuacct/app", "blkio/app"} {
		got := between(t, "cgroup1", "cgroup1-later", name)
		for metric, want := range wants {
			if v := value(t, got, metric); math.Abs(v-want) > 1e-9 {
				t.Errorf("%s: %s = %v, want %v", name, metric, v, want)
			}
		}
	}
}

func TestCgroupNames(t *testing.T) {
	root := t.TempDir()
	unpack(t, root, "server")
	for name, found := range map[string]bool{
		"app.slice/web": true, "/app.slice/web": true, "/sys/fs/cgroup/app.slice/web": true, "/": true,
		root + "/sys/fs/cgroup/app.slice/web": true, "app.slice/../app.slice/web": true,
		"app.slice/db": false, "/sys/fs/cgroup/nowhere": false, "../../../proc": false,
	} {
		s := New(root, Target{Cgroup: name})
		err := s.Start()
		if (err == nil) != found {
			t.Errorf("%s: %v", name, err)
		}
		got := byName(t, s.Stop(0))
		if found {
			continue
		}
		var r *energy.Refusal
		if !errors.As(err, &r) || r.Kind != energy.ErrAbsent || !strings.Contains(r.Reason, root+"/sys/fs/cgroup/") || r.Remedy == "" {
			t.Errorf("%s: %v does not say what was tried", name, err)
		}
		if m := got["cgroup.cpu.time"]; m.Value != nil || m.Reason != r.Reason {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// TestCgroupThatVanishes is removed within the window.
func TestCgroupThatVanishes(t *testing.T) {
	root := t.TempDir()
	unpack(t, root, "server")
	s := New(root, Target{Cgroup: "app.slice/web"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(root + "/sys/fs/cgroup/app.slice"); err != nil {
		t.Fatal(err)
	}
	got := byName(t, s.Stop(0))
	if m := got["cgroup.cpu.time"]; m.Value != nil {
		t.Errorf("%+v", m)
	}
}

// TestOwnCgroup measures the group this test runs in, on whatever system that
// is; where no cgroups are mounted, that has to be said.
func TestOwnCgroup(t *testing.T) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || parts[1] != "" && !strings.Contains(parts[1], "cpuacct") {
			continue
		}
		s := New("/", Target{Cgroup: parts[2]})
		if err := s.Start(); err != nil {
			if !errors.Is(err, energy.ErrAbsent) {
				t.Error(err)
			}
			s.Stop(0)
			continue
		}
		burn("60")
		got := byName(t, s.Stop(0))
		// Work of others in the group counts too.
		if m := got["cgroup.cpu.time"]; m.Value != nil && (*m.Value < 0.059 || *m.Value > 60) {
			t.Errorf("%s: cgroup.cpu.time = %v, burnt 0.06 s", line, *m.Value)
		}
	}
}
