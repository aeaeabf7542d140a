package labtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/testutil/lab"
)

// TestSoakCalibrate holds a calibration to a machine whose power follows a law
// that the tool is not told.
func TestSoakCalibrate(t *testing.T) {
	// A step at the first work, a cube of the clock, and kernels that draw unlike
	// amounts for the same cycles; sockets with a clock each, threads that share a
	// core.
	law := []string{"wake_mw=8000", "busy_mw=16000", "cubic_mw=2500",
		"hot=load-simd:106,load-stream:96,load-alu:98,load-hash:101"}
	clocks, threads := append(slices.Clone(law), "freq_mhz=1000,1600"), append(slices.Clone(law), "smt_pct=60")
	const long = 40 * time.Minute // an emulated machine's clock stands still while it is computed
	boot(t, "^TestSoakGuestCalibrate$", []lab.Options{
		{Kernel: "6.12", Machine: "skylake-server", Sockets: 2, Cores: 1, Sim: clocks, Timeout: long},
		{Kernel: "6.1", Machine: "skylake-server", Cores: 2, Sim: law, Timeout: long},
		{Kernel: "6.12", Machine: "icelake-server", Cores: 1, Threads: 2, Sim: threads, Timeout: long},
	})
}

// TestSoakCalibrateFaults holds quality control to what is wrong with a machine.
func TestSoakCalibrateFaults(t *testing.T) {
	boot(t, "^TestSoakGuestFault", []lab.Options{
		{Kernel: "6.12", Machine: "skylake-server", Cores: 2, Sim: []string{"busy_mw=16000"}, Timeout: 20 * time.Minute},
		{Kernel: "6.12", Machine: "kvm", Cores: 2, Sim: []string{"pkg=on", "dram=on", "unit=on"}, Timeout: 20 * time.Minute},
	})
}

// calibrated runs a quick calibration in the guest.
func calibrated(t *testing.T, args ...string) *report.Calibration {
	t.Helper()
	cmd := exec.Command(os.Getenv(probeVar), append([]string{"calibrate", "-q", "--format", "json"}, args...)...)
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

// stoppedAfter ends a calibration by a signal when its journal has so many
// points, and sees that no load is left behind.
func stoppedAfter(t *testing.T, signal unix.Signal, journal string, points int, args ...string) {
	t.Helper()
	cmd := exec.Command(os.Getenv(probeVar), append([]string{"calibrate", "-q"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	made := func() int {
		b, _ := os.ReadFile(journal)
		return bytes.Count(b, []byte("\n")) - 1
	}
	for end := time.Now().Add(3 * time.Minute); made() < points && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if signal == unix.SIGINT && (status.ExitStatus() == 0 || !strings.Contains(errs.String(), "--resume "+journal)) {
		t.Errorf("interrupted: %v: %s", status, errs.Bytes())
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		left := exec.Command("pgrep", "-f", "energyprobe load").Run() == nil
		if !left {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a load goes on after %v", signal)
		}
	}
	t.Logf("CALIBRATION %v after %d points: no load is left", signal, made())
}

// checkProfile leans on the profile that was written: run shows its model beside
// the measurement, within a few percent, and without counters estimates by it.
func checkProfile(t *testing.T, profile string) {
	t.Helper()
	for _, args := range [][]string{nil, {"--source", "model"}} {
		r := probe(t, with(append([]string{"--host-profile", profile}, args...), loaded("4s/40%")...)...)
		m, there := r.Models["profile"]
		if !there || r.Host.Profile == nil || m.EnergyJ == nil || m.LowJ == nil {
			t.Errorf("%v: no estimate by the profile: %+v", args, r.Models)
			continue
		}
		if args == nil {
			t.Logf("CALIBRATION run: profile (%s) is off by %+.2f %%, tdp-naive by %+.2f %%", r.Host.Profile.Tier, *m.ErrorPctVsMeasured, *r.Models["tdp-naive"].ErrorPctVsMeasured)
			if e := *m.ErrorPctVsMeasured; e < -10 || e > 10 {
				t.Errorf("the profile is off by %.2f %%", e)
			}
			continue
		}
		t.Logf("CALIBRATION estimate: %.2f J (%.2f to %.2f)", *r.Total.EnergyJ, *r.Total.LowJ, *r.Total.HighJ)
		a := accountOf(t, r)
		truth := 0.0
		for i := range a.dies {
			j, err := a.trace.between(i*domainsPerDie+column["package"], energy.Instant(r.Window.StartNS), energy.Instant(r.Window.EndNS))
			if err != nil {
				t.Fatal(err)
			}
			truth += j
		}
		t.Logf("CALIBRATION the truth: %.2f J", truth)
		if truth < *r.Total.LowJ || truth > *r.Total.HighJ {
			t.Errorf("estimated %.2f J (%.2f to %.2f), the truth is %.2f", *r.Total.EnergyJ, *r.Total.LowJ, *r.Total.HighJ, truth)
		}
	}
}

// checkRho knows what a core draws above idle: 8 W for being awake, and 16 W/GHz
// and 2.5 W/GHz^3 at 1 GHz for one thread, 60 % of it for each of two.
func checkRho(t *testing.T, profile string) {
	t.Helper()
	p, err := model.ReadProfile(profile)
	if err != nil {
		t.Fatal(err)
	}
	want := (8 + 2*0.6*18.5) / (8 + 18.5)
	if p.SMT == nil || math.Abs(p.SMT.Rho-want) > 0.05 {
		t.Fatalf("rho %+v, want %.3f", p.SMT, want)
	}
	t.Logf("CALIBRATION rho %.3f (%.3f to %.3f), the truth %.3f", p.SMT.Rho, p.SMT.Low, p.SMT.High, want)
}

// The best tier is within 3 % on work that it never saw, and a tenth of what TDP
// times utilisation is off; its intervals hold nine points in ten.
func TestSoakGuestCalibrate(t *testing.T) {
	guest(t, "skylake-server", "icelake-server")
	dir := t.TempDir()
	journal, profile := filepath.Join(dir, "journal.jsonl"), filepath.Join(dir, "profile.json")
	stoppedAfter(t, unix.SIGINT, journal, 3, "--seed", "7", "--journal", journal)
	stoppedAfter(t, unix.SIGKILL, journal, 6, "--resume", journal)
	c := calibrated(t, "--resume", journal, "--host-profile", profile)
	if c.Plan.Seed != 7 || len(c.Points) != c.Plan.Points {
		t.Errorf("seed %d, %d of %d points", c.Plan.Seed, len(c.Points), c.Plan.Points)
	}
	if _, err := os.Stat(journal); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal is left behind: %v", err)
	}
	checkProfile(t, profile)
	if os.Getenv("LAB_MACHINE") == "icelake-server" {
		checkRho(t, profile)
	}
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

// While a machine throttles, something else runs and its idle power climbs,
// every point says so, and nothing is fitted to them.
func TestSoakGuestFaults(t *testing.T) {
	guest(t, "skylake-server")
	throttled := throttles(t)
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), loadVar+"=1h/40%")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			throttled(n)
			// 20 to 60 W in a second and a half, and down again.
			up := n % 60
			if up > 30 {
				up = 60 - up
			}
			if err := lab.Control(fmt.Sprintf("idle_mw=%d", 20000+up*1333)); err != nil {
				t.Errorf("let the idle power climb: %v", err)
				return
			}
		}
	}()
	c := calibrated(t, "--dwell", "400ms", "--settle", "100ms", "--host-profile", "none")
	seen := map[string]int{}
	for i := range c.Points {
		for _, v := range c.Points[i].Verdicts {
			seen[v.Code]++
		}
	}
	t.Logf("CALIBRATION faults: verdicts on %d points: %v; grade %s", len(c.Points), seen, c.Grade)
	for _, code := range []string{"background", "drift", "thermal-throttling"} {
		if 10*seen[code] < 7*len(c.Points) {
			t.Errorf("%s is seen at %d of %d points", code, seen[code], len(c.Points))
		}
	}
	for i := range c.Points {
		if c.Points[i].Used {
			t.Errorf("%s at %v is used", c.Points[i].Workload, c.Points[i].Load)
		}
	}
	if c.Best != "" || c.Grade != "FAIL" {
		t.Errorf("fitted: %s, grade %s", c.Best, c.Grade)
	}
}

// throttles gives the machine counters of throttling, which the emulated
// processor lacks, and returns what sets them.
func throttles(t *testing.T) func(n int) {
	t.Helper()
	dirs, err := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("there are no CPUs", err)
	}
	var files []string
	for _, dir := range dirs {
		// The real files stay as they are: a copy with the counters beside them
		// takes their place.
		copied := t.TempDir()
		if err := copyTree(dir, copied); err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(copied, "thermal_throttle")
		if err := os.MkdirAll(own, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"core_throttle_count", "package_throttle_count"} {
			files = append(files, filepath.Join(own, name))
		}
		if err := unix.Mount(copied, dir, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	set := func(n int) {
		for _, f := range files {
			if err := os.WriteFile(f, fmt.Appendln(nil, n), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	set(0)
	return set
}

// copyTree copies regular files that can be read; links and what can't be read
// stay behind.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o644)
	})
}

// The counters of a virtual machine are no truth, however well they count, and
// those that stand at 0 are none. Both are said before anything is loaded.
func TestSoakGuestFaultVirtual(t *testing.T) {
	guest(t, "kvm")
	refused := func(want string, args ...string) {
		t.Helper()
		began := time.Now()
		out, err := exec.Command(os.Getenv(probeVar), append([]string{"calibrate", "-q", "--host-profile", "none"}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, want %q:\n%s", args, err, want, out)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%v: it took %v", args, took)
		}
	}
	refused("this is a virtual machine (qemu)")
	c := calibrated(t, "--dwell", "300ms", "--settle", "50ms", "--host-profile", "none", "--force")
	t.Logf("CALIBRATION virtual, forced: %s, grade %s", c.Best, c.Grade)
	if !c.Plan.Forced || c.Best == "" || c.Grade == "A" || !slices.ContainsFunc(c.Verdicts, func(v report.Verdict) bool { return v.Code == "virtual" }) {
		t.Errorf("forced %v, best %q, verdicts %+v", c.Plan.Forced, c.Best, c.Verdicts)
	}
	if err := lab.Reload("pkg=zero", "dram=zero"); err != nil {
		t.Fatal(err)
	}
	refused("nothing to calibrate against")
}
