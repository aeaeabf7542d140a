package labtest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// TestSoakCalibrate holds a calibration to a machine whose power follows a law
// that the tool is not told.
func TestSoakCalibrate(t *testing.T) {
	// A step at the first work, a cube of the clock, another clock on each
	// socket, and kernels that draw unlike amounts for the same cycles.
	law := []string{"wake_mw=8000", "busy_mw=16000", "cubic_mw=2500", "freq_mhz=1000,1000,1600,1600",
		"hot=load-simd:106,load-stream:96,load-alu:98,load-hash:101"}
	boot(t, "^TestSoakGuestCalibrate$", []lab.Options{
		{Kernel: "6.12", Machine: "skylake-server", Sockets: 2, Cores: 2, Sim: law},
		{Kernel: "6.1", Machine: "skylake-server", Sockets: 2, Cores: 2, Sim: law},
	})
}

// calibrated runs a quick calibration in the guest.
func calibrated(t *testing.T, args ...string) *report.Calibration {
	t.Helper()
	cmd := exec.Command(os.Getenv(probeVar), append([]string{"calibrate", "-q", "--format", "json", "--seed", "7"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	c := &report.Calibration{}
	if err := json.Unmarshal(out.Bytes(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// The best tier is within 3 % on work that it never saw, and a tenth of what TDP
// times utilisation is off; its intervals hold nine points in ten.
func TestSoakGuestCalibrate(t *testing.T) {
	guest(t, "skylake-server")
	c := calibrated(t)
	for _, v := range c.Verdicts {
		t.Logf("CALIBRATION %s (%s): %s", v.Code, v.Action, v.Message)
	}
	used := 0
	for i := range c.Points {
		if p := &c.Points[i]; p.Used {
			used++
		} else {
			t.Logf("CALIBRATION %s at %v is not used: %+v", p.Workload, p.Load, p.Verdicts)
		}
	}
	var best, linear *report.ModelErrors
	for _, m := range c.Models {
		e := m.Holdout
		if e == nil || e.WMAPE.Value == nil {
			t.Logf("CALIBRATION %-20s %s", m.Name, m.Reason)
			continue
		}
		t.Logf("CALIBRATION %-20s wMAPE %6.2f %%, energy %+6.2f %%, covered %v", m.Name, *e.WMAPE.Value, *e.Energy.Value, orZero(e.CoveredPct))
		if m.Name == c.Best {
			best = e
		}
		if m.Name == "tdp-naive" {
			linear = e
		}
	}
	t.Logf("CALIBRATION best %s, grade %s, %d of %d points used", c.Best, c.Grade, used, len(c.Points))
	if best == nil || linear == nil {
		t.Fatal("nothing was fitted")
	}
	if *best.WMAPE.Value > 3 || *best.WMAPE.Value > *linear.WMAPE.Value/10 || orZero(best.CoveredPct) < 90 {
		t.Errorf("%s is off by %.2f %% and covers %.0f %%; TDP x utilisation is off by %.2f %%", c.Best, *best.WMAPE.Value, orZero(best.CoveredPct), *linear.WMAPE.Value)
	}
}

func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
