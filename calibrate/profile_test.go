package calibrate

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

func concluded(t *testing.T, law func(model.SocketUse, string) float64, f Facts) (*report.Calibration, []model.Tier) {
	t.Helper()
	c := &report.Calibration{Points: experiment(hidden{law: law, noise: 0.003}, 2), Plan: report.CalibrationPlan{Seed: 2}, Source: report.Source{Name: "perf"}}
	c.Host.CPU = report.CPU{ModelName: "Example 9000", Vendor: "GenuineIntel", Family: 6, Model: 85, Sockets: 2, Cores: 16, Threads: 32, Governor: "performance"}
	for i := range c.Points {
		for k := range c.Points[i].Sockets {
			s := &c.Points[i].Sockets[k]
			s.DRAMW = ptr(5 + 0.3**s.Busy)
		}
	}
	return c, Conclude(c, f)
}

// What a profile says of the points that it was made from is what was measured;
// it comes back from its file as it was written.
func TestProfileOf(t *testing.T) {
	f := Facts{TDPW: 150}
	c, tiers := concluded(t, func(u model.SocketUse, _ string) float64 { return 33 + 4*u.Busy }, f)
	p, err := ProfileOf(c, tiers, f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	back, err := model.ParseProfile(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	if math.Abs(back.Idle.PowerW-33) > 0.3 || back.Grade != "A" || len(back.DataHash) != 64 || back.DRAM == nil {
		t.Errorf("%+v", back)
	}
	for i := range c.Points {
		var use []model.SocketUse
		memory := 0.0
		for k := range c.Points[i].Sockets {
			use, memory = append(use, useOf(&c.Points[i].Sockets[k])), memory+*c.Points[i].Sockets[k].DRAMW
		}
		truth, _ := c.Points[i].Power()
		said, tier, err := back.Package.Power(use)
		if err != nil || math.Abs(said.Nominal-truth) > 0.02*truth {
			t.Errorf("point %d: %s says %+v, truth %v (%v)", i, tier, said, truth, err)
		}
		if said, _, err := back.DRAM.Power(use); err != nil || math.Abs(said.Nominal-memory) > 0.02*memory {
			t.Errorf("point %d: memory %+v, truth %v (%v)", i, said, memory, err)
		}
	}
	again, err := ProfileOf(c, tiers, f)
	if err != nil || again.DataHash != p.DataHash {
		t.Errorf("the same points have another hash: %v", err)
	}
}

func TestNoProfile(t *testing.T) {
	f := Facts{TDPW: 150}
	// The holdout draws twice what anything else does.
	wild := func(u model.SocketUse, workload string) float64 {
		if workload == "hash-gzip" {
			return 30 + 9*u.Busy
		}
		return 30 + 4*u.Busy
	}
	c, tiers := concluded(t, wild, f)
	if c.Grade != failed {
		t.Fatalf("grade %s", c.Grade)
	}
	if _, err := ProfileOf(c, tiers, f); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("error %v", err)
	}
	c.Plan.Forced = true
	if p, err := ProfileOf(c, tiers, f); err != nil || !p.Forced || p.Grade != failed {
		t.Errorf("forced: %+v, %v", p, err)
	}
	if _, err := ProfileOf(c, nil, f); err == nil {
		t.Error("a profile without tiers")
	}
	if _, err := ProfileOf(c, tiers, Facts{}); err == nil || !strings.Contains(err.Error(), "--tdp") {
		t.Errorf("no TDP: %v", err)
	}
}
