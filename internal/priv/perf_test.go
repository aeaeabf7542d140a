package priv

import "testing"

func TestPerfRemedy(t *testing.T) {
	const exe = "/opt/energyprobe"
	for _, c := range []struct {
		paranoid int
		has      Set
		bounding Set
		counts   bool
		want     string
	}{
		{2, 0, ^Set(0), true, "sudo setcap cap_perfmon+ep /opt/energyprobe"},
		{3, 0, ^Set(0), false, "sudo sysctl kernel.perf_event_paranoid=2 && sudo setcap cap_perfmon+ep /opt/energyprobe"},
		{4, Of(Perfmon), ^Set(0), false, "sudo sysctl kernel.perf_event_paranoid=2"},
		{3, Of(SysAdmin), ^Set(0), false, ""},
		{2, Of(Perfmon), ^Set(0), true, ""},
		{4, 0, 0, false, "on the host: sudo sysctl kernel.perf_event_paranoid=2; then start the container as root (--user 0) with --cap-add=PERFMON: added capabilities do not reach another user without file capabilities"},
	} {
		s := &State{Kernel: Kernel{Major: 6, Minor: 1}, InitialUserNS: true, PerfEventParanoid: &c.paranoid}
		s.UID.Effective, s.Effective, s.Bounding = 1000, c.has, c.bounding
		if got := s.PerfRemedy(exe); got != c.want || s.PerfmonCounts() != c.counts {
			t.Errorf("paranoid %d with %v: %q, counts %v", c.paranoid, c.has.Caps(), got, s.PerfmonCounts())
		}
	}
}
