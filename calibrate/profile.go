package calibrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/stats"
)

// ProfileOf makes the profile of a host from its calibration, the tiers that
// Conclude fitted to it and the facts they rest on. The error says why there is
// none: a grade of FAIL needs --force as much as counters that were refused.
func ProfileOf(c *report.Calibration, tiers []model.Tier, f Facts) (*model.Profile, error) {
	switch {
	case len(tiers) == 0 || c.Best == "":
		return nil, errors.New("no profile is written: no model could be fitted")
	case c.Grade == failed && !c.Plan.Forced:
		return nil, errors.New("no profile is written: its best model is too far off to be of use (--force writes one, and notes it)")
	case !(f.TDPW > 0):
		return nil, errors.New("no profile is written: the TDP is not known: say it with --tdp")
	}
	hash, err := hashOf(c.Points)
	if err != nil {
		return nil, err
	}
	cpu := c.Host.CPU
	p := &model.Profile{
		Schema: model.ProfileSchema, CreatedAt: c.StartedAt.Add(time.Duration(c.DurationS * float64(time.Second))), Version: c.Tool.Version,
		CPU: model.ProfileCPU{
			ModelName: cpu.ModelName, Vendor: cpu.Vendor, Family: cpu.Family, Model: cpu.Model, Stepping: cpu.Stepping,
			Microcode: cpu.Microcode, Sockets: cpu.Sockets, Cores: cpu.Cores, Threads: cpu.Threads,
		},
		Kernel: c.Host.Kernel, Governor: cpu.Governor, Source: c.Source.Name, TDPW: f.TDPW, LimitW: f.LimitW,
		Package: model.Fitted{Best: c.Best, Tiers: tiers},
		Grade:   c.Grade, Forced: c.Plan.Forced, Verdicts: []string{}, Seed: c.Plan.Seed, DataHash: hash,
	}
	if i := idleOf(c.Points); i != nil {
		p.Idle = model.ProfileIdle{PowerW: i.PowerW, SpreadW: i.SpreadW}
	}
	if s := rhoOf(c.Points); s != nil {
		p.SMT = &model.ProfileSMT{Rho: s.Rho, Low: s.Low, High: s.High}
	}
	for _, v := range c.Verdicts {
		p.Verdicts = append(p.Verdicts, v.Code+": "+v.Message)
	}
	p.DRAM = fitMemory(c)
	return p, p.Check()
}

// fitMemory fits the power of memory, where there are counters for it.
func fitMemory(c *report.Calibration) *model.Fitted {
	some, best := fitAll(samples(c.Points, memoryPower), 0, uint64(c.Plan.Seed))
	if best < 0 {
		return nil
	}
	f := &model.Fitted{Best: some[best].tier.Name}
	for _, one := range some {
		if one.why == nil {
			f.Tiers = append(f.Tiers, one.tier)
		}
	}
	return f
}

// idleOf is what one socket of the idle machine draws, nil where it was never
// seen.
func idleOf(points []report.CalibrationPoint) *report.CalibratedIdle {
	var watts []float64
	for i := range points {
		p := &points[i]
		if w, known := p.Power(); known && p.Used && p.Shape == report.ShapeIdle {
			watts = append(watts, w/float64(len(p.Sockets)))
		}
	}
	if len(watts) == 0 {
		return nil
	}
	s := stats.Describe(watts)
	idle := &report.CalibratedIdle{PowerW: s.Median.Value, Points: len(watts)}
	if len(watts) > 1 {
		idle.SpreadW = s.StdDev
	}
	return idle
}

// hashOf tells the points that a profile was fitted to from any others.
func hashOf(points []report.CalibrationPoint) (string, error) {
	data, err := json.Marshal(points)
	if err != nil {
		return "", fmt.Errorf("hash the points: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
