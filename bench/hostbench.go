package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/energyprobe/energyprobe/bench/app"
	"github.com/energyprobe/energyprobe/internal/matrix"
	"github.com/energyprobe/energyprobe/internal/report"
)

// HostMode is how thoroughly a host is looked at.
type HostMode struct {
	Name        string
	Idle        time.Duration // for which the idle machine is watched
	Steady      time.Duration // for which all CPUs are kept busy
	Repetitions int
	Single      bool // also one worker alone
}

// HostModes are quick, which takes less than a minute, and standard.
func HostModes() []HostMode {
	return []HostMode{
		{Name: Quick, Idle: 3 * time.Second, Steady: 5 * time.Second, Repetitions: 1},
		{Name: Standard, Idle: 10 * time.Second, Steady: 30 * time.Second, Repetitions: 5, Single: true},
	}
}

// HostPlan has every application run with as many workers as there are CPUs. The
// sizes are the same on every host, so that results can be compared.
func HostPlan(m HostMode, apps []app.App, cpus int, seed int64) *Plan {
	p := &Plan{Seed: seed, Repetitions: m.Repetitions, MemoryMB: []int{0}, Workers: []int{cpus}}
	if m.Single && cpus > 1 {
		p.Workers = append(p.Workers, 1)
	}
	for _, a := range apps {
		p.Workloads = append(p.Workloads, Workload{Name: a.Name, Size: a.Sizes.Quick, Unit: a.Unit, Timeout: DefaultTimeout})
	}
	return p
}

// Look watches the host before its work: idle, and with all CPUs busy.
func (h *Host) Look(ctx context.Context, m HostMode, cpus []int, say func(string)) (Seen, error) {
	var s Seen
	say(fmt.Sprintf("watching the idle machine for %v", m.Idle))
	o := h.Session
	o.Command, o.Machine, o.Duration = nil, true, m.Idle
	idle, err := h.Measure(ctx, o)
	if err != nil {
		return s, err
	}
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	s.Idle, s.Host = idle, idle.Host
	say(fmt.Sprintf("keeping all CPUs busy for %v", m.Steady))
	s.Steady, err = WatchSteady(ctx, cpus, m.Steady)
	return s, err
}

// Judge completes a host's benchmark: what the applications took, checks and
// verdict.
func Judge(b *report.Bench, s Seen) {
	s.Cells = b.Cells
	b.Applications = matrix.Applications(b)
	b.Checks = Examine(s)
	b.Fit, b.Verdict = Fit(b.Checks)
}
