package labtest

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// TestLabPhases holds the joules of phases to the truth, on a counter with
// regular refreshes and on one with irregular ones.
func TestLabPhases(t *testing.T) {
	boot(t, "^TestGuestPhases", []lab.Options{
		{Kernel: "6.12", Machine: "skylake-server", Sockets: 1, Cores: 2, Sim: []string{"jitter_us=42"}},
		{Kernel: "6.1", Machine: "icelake-server", Sockets: 1, Cores: 2, Sim: []string{"jitter_us=270"}},
	})
}

// phasesLoad is what the load "phases:N*BUSY/IDLE" does: N times a busy phase
// and an idle one.
func phasesLoad(spec string) error {
	times, lengths, _ := strings.Cut(spec, "*")
	busy, idle, _ := strings.Cut(lengths, "/")
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	busyD, err := time.ParseDuration(busy)
	if err != nil {
		return err
	}
	idleD, err := time.ParseDuration(idle)
	if err != nil {
		return err
	}
	fd, err := strconv.Atoi(os.Getenv("ENERGYPROBE_FD"))
	if err != nil {
		return fmt.Errorf("ENERGYPROBE_FD: %w", err)
	}
	marks := os.NewFile(uintptr(fd), "marks")
	for range n {
		fmt.Fprintln(marks, "phase busy")
		spin(time.Now().Add(busyD))
		fmt.Fprintln(marks, "phase idle")
		time.Sleep(idleD)
	}
	_, err = fmt.Fprintln(marks, "end")
	time.Sleep(idleD)
	return err
}

// trueIn returns the energy of a domain in the stretches of a phase.
func (a account) trueIn(t *testing.T, d report.Domain, p report.Phase) (joules float64) {
	t.Helper()
	first := dieOf(t, a.dies, d)
	for _, x := range p.Stretches {
		from := energy.Instant(a.Window.StartNS).Add(time.Duration(x.StartS * 1e9))
		to := energy.Instant(a.Window.StartNS).Add(time.Duration(x.EndS * 1e9))
		j, err := a.trace.between(first*domainsPerDie+column[d.Kind], from, min(to, energy.Instant(a.Window.EndNS)))
		if err != nil {
			t.Fatal(err)
		}
		joules += j
	}
	return joules
}

// A command that alternates: what each phase spent is within the stated
// uncertainty of the truth, on every interface.
func TestGuestPhases(t *testing.T) {
	guest(t, "skylake-server", "icelake-server", "skylake-client", "epyc")
	held, all := 0, 0
	for _, source := range []string{"perf", "powercap"} {
		for _, spec := range []string{"6*120ms/80ms", "25*20ms/15ms", "40*7ms/5ms"} {
			r := probe(t, with([]string{"--source", source, idlePower}, loaded("phases:"+spec)...)...)
			if r.Phases == nil || len(r.Phases.List) != 2 || r.Phases.Outside == nil {
				t.Fatalf("%s, %s: phases %+v", source, spec, r.Phases)
			}
			a := accountOf(t, r)
			sum := *r.Phases.Outside.EnergyJ
			for _, p := range r.Phases.List {
				for i, d := range p.Domains {
					if r.Domains[i].Kind != "package" && r.Domains[i].Kind != "dram" {
						continue
					}
					if d.EnergyJ == nil {
						t.Errorf("%s, %s: %s of %s: %s", source, spec, p.Name, d.ID, d.Reason)
						continue
					}
					truth := a.trueIn(t, r.Domains[i], p)
					off := *d.EnergyJ - truth
					t.Logf("PHASES %-8s %-13s %-5s %-10s %8.4f J ± %.4f, truth %8.4f: off by %+.4f (%+.2f %%)", source, spec, p.Name, d.ID, *d.EnergyJ, *d.UncertaintyJ, truth, off, 100*off/truth)
					all++
					if math.Abs(off) <= *d.UncertaintyJ+unitError(source, r.Domains[i].Kind)*truth {
						held++
					}
				}
				sum += *p.EnergyJ
			}
			if math.Abs(sum-*r.Total.EnergyJ) > 1e-9**r.Total.EnergyJ {
				t.Errorf("%s, %s: phases come to %v J, the total is %v J", source, spec, sum, *r.Total.EnergyJ)
			}
			checkPhaseTargets(t, r)
		}
	}
	t.Logf("PHASES the truth is within the stated uncertainty in %d of %d", held, all)
	if fewer(held, all, 0.95) {
		t.Errorf("the truth is within the stated uncertainty in %d of %d, want 95 %%", held, all)
	}
}

// accountLag is how old the account of who ran may be at a mark: it reaches to
// the end of the last interval, which is a look or a reading at a counter that
// is itself a refresh old.
const accountLag = 0.003

// The command's own joules are in the phase in which it worked, but for what
// the account's age puts into the next one.
func checkPhaseTargets(t *testing.T, r *report.Run) {
	t.Helper()
	if r.Attribution.TargetJ == nil {
		t.Errorf("nothing was split: %s", r.Attribution.Reason)
		return
	}
	busy, idle := r.Phases.List[0], r.Phases.List[1]
	worked, slept := packageTarget(busy), packageTarget(idle)
	if worked == nil || slept == nil || busy.TargetJ == nil || idle.TargetJ == nil {
		t.Errorf("busy %+v, idle %+v", busy, idle)
		return
	}
	t.Logf("PHASES the command %.3f J of the packages: busy %.3f J, idle %.3f J", packageJoules(r), *worked, *slept)
	late := accountLag * float64(len(busy.Stretches)) * *worked / busy.DurationS
	if *slept > 0.05**worked+late {
		t.Errorf("the command has %.3f J of the phase in which it worked and %.3f J of that in which it slept, want at most 5 %% and %.3f J", *worked, *slept, late)
	}
}

// packageTarget adds up what a phase's command has of the packages, on any of
// which it may have run; their idle power is given. It is nil where one is not
// known.
func packageTarget(p report.Phase) *float64 {
	sum := 0.0
	for _, d := range p.Domains {
		if !strings.HasPrefix(d.ID, "package") {
			continue
		}
		if d.TargetJ == nil {
			return nil
		}
		sum += *d.TargetJ
	}
	return &sum
}
