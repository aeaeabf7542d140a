package model_test

import (
	"testing"

	"github.com/energyprobe/energyprobe/internal/model"
)

func TestAmong(t *testing.T) {
	m, err := model.Embedded().Among("Xeon Platinum 8259CL", "Xeon Platinum 8175M")
	if err != nil {
		t.Fatal(err)
	}
	// 200 to 240 W, of which 210 and 240 are nominal, on 48 threads each.
	if m.TDP != (model.Range{Low: 200, Nominal: 225, High: 240}) || m.PerThread.Nominal != 225.0/48 || m.Threads != 48 || len(m.Candidates) != 2 {
		t.Errorf("%+v", m)
	}
	// The registers of the same machines say the same.
	same, err := model.Identify(model.Identity{
		ModelName: "Intel(R) Xeon(R) Processor @ 2.50GHz", Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 7,
		Threads: 2, Virtual: true, Cloud: "aws",
	}, model.Given{})
	one, err2 := model.Embedded().Among("Xeon Platinum 8259CL")
	if err != nil || err2 != nil || same.TDP != one.TDP || same.PerThread != one.PerThread {
		t.Errorf("%+v and %+v (%v, %v)", same.TDP, one.TDP, err, err2)
	}
	if _, err := model.Embedded().Among("Xeon Platinum 8275"); err == nil {
		t.Error("8275 is not 8275CL")
	}
	if _, err := model.Embedded().Among(); err == nil {
		t.Error("no candidates")
	}
}
