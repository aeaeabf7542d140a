package session

import (
	"fmt"
	"strings"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// HostProfile is what a calibration learnt, and where it lies.
type HostProfile struct {
	*model.Profile
	Path string
	// Asked is whether the user named it: one that was merely found where
	// profiles lie, and is of another processor, is left alone.
	Asked bool
	// Unreadable is why there is no Profile, for one that was found.
	Unreadable error
}

// takeProfile makes use of the profile where it suits this processor.
func (s *session) takeProfile() error {
	p := s.Profile
	if p == nil {
		return nil
	}
	if p.Unreadable != nil {
		s.warn("profile-unreadable", p.Unreadable.Error()+": it is not used", "make it again (energyprobe calibrate), or remove it")
		return nil
	}
	warnings, err := p.Suits(ProfileCPU(s.topo), strings.Join(s.topo.Freq.Governors, ","))
	switch {
	case err != nil && p.Asked:
		return fmt.Errorf("host profile %q: %w", p.Path, err)
	case err != nil:
		s.warn("profile-unsuited", fmt.Sprintf("the host profile %s is not used: %v", p.Path, err), "remove it, or give another with --host-profile FILE (none: --host-profile none)")
		return nil
	}
	advice := "its estimates may be off by more than they say; calibrate here: energyprobe calibrate"
	if s.topo.Virt.IsVM() {
		advice = "its estimates may be off by more than they say; calibrate a host like the one under this guest: energyprobe calibrate"
	}
	for _, w := range warnings {
		s.warn("profile-differs", w, advice)
	}
	if p.Forced {
		s.warn("profile-forced", fmt.Sprintf("the host profile %s was made although quality control was against it (grade %s)", p.Path, p.Grade), "calibrate again: energyprobe calibrate")
	}
	s.profile = p
	return nil
}

// TDPFor is what the profile says of the thermal design power of a socket, in
// watts, 0 where there is none for this processor. The error is that of a profile
// the user named for a processor that it does not suit.
func (p *HostProfile) TDPFor(t *topology.Topology) (float64, error) {
	if p == nil || p.Unreadable != nil {
		return 0, nil
	}
	_, err := p.Suits(ProfileCPU(t), "")
	switch {
	case err == nil:
		return p.TDPW, nil
	case p.Asked:
		return 0, fmt.Errorf("host profile %q: %w", p.Path, err)
	}
	return 0, nil
}

// ProfileCPU is the processor that a profile has to be for.
func ProfileCPU(t *topology.Topology) model.ProfileCPU {
	id := t.Identity
	return model.ProfileCPU{
		ModelName: id.Name, Vendor: id.Vendor, Family: id.Family, Model: id.Model, Stepping: id.Stepping, Microcode: id.Microcode,
		Sockets: len(t.Sockets()), Cores: t.Cores(), Threads: t.Threads(),
	}
}

// model is the profile for those who estimate, nil where there is none.
func (p *HostProfile) model() *model.Profile {
	if p == nil {
		return nil
	}
	return p.Profile
}

// rho is what the profile says of a core whose threads both work, 0 where it
// says nothing.
func (p *HostProfile) rho() float64 {
	if p == nil || p.SMT == nil {
		return 0
	}
	return p.SMT.Rho
}

// profileReport says which profile was used.
func (s *session) profileReport(tier string) *report.HostProfile {
	p := s.profile
	if p == nil {
		return nil
	}
	return &report.HostProfile{Path: p.Path, CreatedAt: p.CreatedAt, Grade: p.Grade, Tier: tier, Source: p.Source, Forced: p.Forced, DataSHA256: p.DataHash}
}

// socketUse is what each socket did in the window, nil where nobody accounted
// for all that ran. Which cores had both threads at work is known where a core
// has one.
func (s *session) socketUse(seconds float64) []model.SocketUse {
	if s.attr == nil || s.attr.tracker == nil || !(seconds > 0) || s.topo.Virt.IsVM() {
		return nil
	}
	return socketsOf(s.attr.delta().Packages, s.topo, seconds)
}

func socketsOf(usage []energy.PackageUsage, t *topology.Topology, seconds float64) []model.SocketUse {
	var out []model.SocketUse
	for _, id := range t.Sockets() {
		u := model.UnknownUse()
		var all energy.Account
		n, awake, covered := 0, 0.0, 0.0
		for _, p := range usage {
			if p.Socket == id {
				n, awake, covered = n+1, awake+p.AwakeSeconds(), covered+p.Seconds
				for _, party := range p.Parties {
					all.Add(party)
				}
			}
		}
		if n == 0 {
			return nil // without one of them nothing is known of all
		}
		for _, c := range t.CPUs {
			if c.Socket == id && c.Online {
				u.CPUs++
			}
		}
		u.Busy = all.CPU.Seconds() / seconds
		if covered > 0 {
			u.Awake = min(awake/covered, 1)
		}
		if t.Threads() == t.Cores() {
			u.OneThread, u.BothThreads = u.Busy, 0
		}
		if all.Cycles > 0 && all.CPU > 0 {
			u.Hz, u.Cycles = float64(all.Cycles)/all.CPU.Seconds(), float64(all.Cycles)/seconds
			if all.Instructions > 0 {
				u.Instructions = float64(all.Instructions) / seconds
			}
		}
		out = append(out, u)
	}
	return out
}
