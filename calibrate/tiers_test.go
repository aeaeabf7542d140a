package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// hidden is a machine whose power follows a law that no tier has: a step at the
// first work, concave and then convex, more per cycle for some workloads.
type hidden struct {
	law   func(u model.SocketUse, workload string) float64
	noise float64
}

// experiment makes the points of a calibration on two sockets of eight cores.
func experiment(h hidden, seed uint64) []report.CalibrationPoint {
	rng := rand.New(rand.NewPCG(seed, 1))
	var points []report.CalibrationPoint
	add := func(workload, shape string, load float64, repeat int, holdout bool, busy [2]float64) {
		p := report.CalibrationPoint{Workload: workload, Shape: shape, Load: load, Repeat: repeat, Holdout: holdout, DurationS: 4, CPUs: fmt.Sprint(busy)}
		ghz := 3.4 - 0.9*load // more work, lower clocks
		for k := range 2 {
			u := model.SocketUse{CPUs: 16, Busy: busy[k], Hz: ghz * 1e9, Cycles: busy[k] * ghz * 1e9, Instructions: 1.5 * busy[k] * ghz * 1e9}
			d := busy[k] / 16
			u.OneThread, u.BothThreads = 8*2*d*(1-d), 8*d*d
			if u.Busy > 0 {
				u.Awake = 1
			}
			watts := h.law(u, workload) * (1 + h.noise*rng.NormFloat64())
			s := report.SocketLoad{Socket: k, CPUs: 16, PowerW: &watts, Busy: ptr(u.Busy), Awake: ptr(u.Awake), OneThread: ptr(u.OneThread), BothThreads: ptr(u.BothThreads)}
			if u.Busy > 0 {
				s.FrequencyHz, s.Instructions = ptr(u.Hz), ptr(u.Instructions)
			}
			p.Sockets = append(p.Sockets, s)
		}
		points = append(points, p)
	}
	for repeat := range 2 {
		add("idle", report.ShapeIdle, 0, repeat, false, [2]float64{})
		for _, w := range []string{"alu", "fma", "simd", "cache", "stream", "mixed"} {
			for _, load := range []float64{0.1, 0.25, 0.5, 0.75, 1} {
				add(w, report.ShapeDuty, load, repeat, false, [2]float64{16 * load, 16 * load})
			}
			add(w, report.ShapeCores, 0.5, repeat, false, [2]float64{16, 0})
		}
		for _, load := range []float64{0.1, 0.25, 0.5, 0.75, 1} {
			add("hash-gzip", report.ShapeDuty, load, repeat, true, [2]float64{16 * load, 16 * load})
		}
		for i := range 3 {
			add("hash-gzip", report.ShapeTrace, 0.3+0.2*float64(i), repeat, true, [2]float64{16 * (0.3 + 0.2*float64(i)), 16 * (0.3 + 0.2*float64(i))})
		}
	}
	return points
}

// Points made by T2's own law give its coefficients back, and they say what they
// are: within their intervals.
func TestKnownCoefficientsComeBack(t *testing.T) {
	want := []float64{30, 1.5, 2.2, 0.9, 0.12, 14}
	law := func(u model.SocketUse, _ string) float64 {
		_, x := u.Features(model.T2)
		w := 0.0
		for i, v := range x {
			w += want[i] * v
		}
		return w
	}
	for _, noise := range []float64{0, 0.005} {
		points := experiment(hidden{law: law, noise: noise}, 5)
		Judge(points, Facts{})
		tiers, best := fitAll(samples(points, packagePower), 150, 9)
		if best < 0 || tiers[2].why != nil {
			t.Fatalf("best %d, T2: %v", best, tiers[2].why)
		}
		outside := 0
		for i, c := range tiers[2].tier.Coefficients {
			if noise == 0 && math.Abs(c.Value-want[i]) > 1e-6 {
				t.Errorf("%s: %v, want %v", c.Name, c.Value, want[i])
			}
			if noise > 0 && (want[i] < c.Low-1e-9 || want[i] > c.High+1e-9) {
				outside++
				t.Logf("%s: %v (%v to %v), the truth is %v", c.Name, c.Value, c.Low, c.High, want[i])
			}
		}
		if outside > 1 {
			t.Errorf("%d of %d coefficients lie outside of their intervals", outside, len(want))
		}
		// What they say together is what counts: coefficients trade with each
		// other.
		for i := range points {
			e, err := ofTier(&tiers[2].tier)(&points[i])
			truth, _ := points[i].Power()
			if err != nil || math.Abs(e.watts-truth) > 4*noise*truth+1e-6 {
				t.Errorf("noise %v: %s at %v: %.2f W, want %.2f (%v)", noise, points[i].Workload, points[i].Load, e.watts, truth, err)
			}
		}
	}
}

// A law that none of the tiers has: the best of them is within 3 % on what it
// never saw, a tenth of what TDP times utilisation is off, and its intervals
// hold nine in ten points.
func TestHiddenLaw(t *testing.T) {
	extra := map[string]float64{"alu": 0.98, "fma": 1.01, "simd": 1.05, "cache": 1, "stream": 0.96, "mixed": 1.0, "hash-gzip": 1.01}
	law := func(u model.SocketUse, workload string) float64 {
		v := min(u.Busy/16, 1)
		if v == 0 {
			return 34
		}
		dynamic := 12 + 60*math.Sqrt(v) - 20*v + 30*v*v
		return 34 + dynamic*extra[workload]*math.Pow(u.Hz/2.5e9, 1.2)
	}
	covered, of := 0.0, 0.0
	for seed := range uint64(8) {
		c := &report.Calibration{Points: experiment(hidden{law: law, noise: 0.004}, seed), Plan: report.CalibrationPlan{Seed: int64(seed)}}
		if tiers := Conclude(c, Facts{TDPW: 165}); len(tiers) != 4 {
			t.Fatalf("%d tiers: %+v", len(tiers), c.Models)
		}
		byName := map[string]*report.ModelQuality{}
		for i := range c.Models {
			byName[c.Models[i].Name] = &c.Models[i]
		}
		best, linear := byName[c.Best].Holdout, byName[model.T0].Holdout
		t.Logf("seed %d: best %s, grade %s, holdout wMAPE %.2f %% (%.2f to %.2f), energy %+.2f %%, covered %.0f %%; TDP x u %.1f %%", seed, c.Best, c.Grade,
			*best.WMAPE.Value, *best.WMAPE.Low, *best.WMAPE.High, *best.Energy.Value, *best.CoveredPct, *linear.WMAPE.Value)
		if *best.WMAPE.Value > 3 || *best.WMAPE.Value > *linear.WMAPE.Value/10 || c.Grade != "A" {
			t.Errorf("seed %d: %s is off by %.2f %%, TDP x u by %.1f %%; grade %s", seed, c.Best, *best.WMAPE.Value, *linear.WMAPE.Value, c.Grade)
		}
		covered, of = covered+*best.CoveredPct/100*float64(best.Points), of+float64(best.Points)
		if naive := byName[model.NaiveName].Holdout; math.Abs(*naive.WMAPE.Value-*linear.WMAPE.Value) > 1e-9 {
			t.Errorf("TDP x u by two names: %v and %v", *naive.WMAPE.Value, *linear.WMAPE.Value)
		}
	}
	if covered < 0.9*of {
		t.Errorf("the intervals hold %.0f of %.0f", covered, of)
	}
}

// What a model says of every point is kept, and is what its errors are of.
func TestPredictions(t *testing.T) {
	points := experiment(hidden{law: func(u model.SocketUse, _ string) float64 { return 30 + 5*u.Busy }, noise: 0.01}, 3)
	points[4].Throttled = ptr(3)      // left out
	points[9].Sockets[1].PowerW = nil // not measured
	points[11].Sockets[0].Busy = nil  // of no known load
	points[11].Throttled = ptr(1)     // else no model could be tried
	c := &report.Calibration{Points: points}
	Conclude(c, Facts{TDPW: 150})
	for _, m := range c.Models {
		if m.Holdout == nil || len(m.PredictedW) != len(points) {
			t.Errorf("%s: %d predictions of %d points; %s", m.Name, len(m.PredictedW), len(points), m.Reason)
			continue
		}
		off, n := 0.0, 0
		for i, p := range m.PredictedW {
			if (p == nil) != (i == 11) {
				t.Errorf("%s at point %d: %v", m.Name, i, p)
			}
			if truth, known := points[i].Power(); known && points[i].Used && points[i].Holdout {
				off, n = off+math.Abs(*p-truth), n+1
			}
		}
		if n != m.Holdout.Points || math.Abs(off/float64(n)-m.Holdout.MAEW) > 1e-9 {
			t.Errorf("%s: the predictions are off by %v W at %d points, its errors say %v W at %d", m.Name, off/float64(n), n, m.Holdout.MAEW, m.Holdout.Points)
		}
	}
	Conclude(c, Facts{})
	if q := c.Models[0]; q.Reason == "" || q.PredictedW == nil || len(q.PredictedW) > 0 {
		t.Errorf("without a TDP %s says %v (%s)", q.Name, q.PredictedW, q.Reason)
	}
}

// Without cycles the tiers that need them say so, and the others stand.
func TestNoCycles(t *testing.T) {
	points := experiment(hidden{law: func(u model.SocketUse, _ string) float64 { return 30 + 5*u.Busy }}, 1)
	for i := range points {
		for k := range points[i].Sockets {
			points[i].Sockets[k].FrequencyHz, points[i].Sockets[k].Instructions = nil, nil
		}
	}
	c := &report.Calibration{Points: points}
	if tiers := Conclude(c, Facts{TDPW: 150}); len(tiers) != 2 || c.Best != model.T1 {
		t.Errorf("%d tiers, best %q", len(tiers), c.Best)
	}
	for _, m := range c.Models {
		if (m.Name == model.T2 || m.Name == model.T3) && (m.Reason == "" || m.Holdout != nil) {
			t.Errorf("%s: reason %q", m.Name, m.Reason)
		}
	}
}

// What quality control refuses is fitted only by force.
func TestRefusedIsNotFitted(t *testing.T) {
	law := func(u model.SocketUse, _ string) float64 { return 30 + 5*u.Busy }
	c := &report.Calibration{Points: experiment(hidden{law: law}, 1)}
	if tiers := Conclude(c, Facts{TDPW: 150, Virtual: "kvm"}); tiers != nil || c.Grade != failed || len(c.Models) > 0 {
		t.Errorf("%d tiers, grade %s, %d models", len(tiers), c.Grade, len(c.Models))
	}
	c.Plan.Forced = true
	if tiers := Conclude(c, Facts{TDPW: 150, Virtual: "kvm"}); len(tiers) == 0 || c.Best == "" {
		t.Errorf("forced: %d tiers, best %q", len(tiers), c.Best)
	}
}

func TestGrade(t *testing.T) {
	errs := func(wmape, energy float64) *report.ModelErrors {
		return &report.ModelErrors{WMAPE: report.WithRange{Value: &wmape}, Energy: report.WithRange{Value: &energy}}
	}
	degrade, forced := []report.Verdict{{Action: report.VerdictDegrade}}, []report.Verdict{{Action: report.VerdictRefuse}}
	for _, c := range []struct {
		e    *report.ModelErrors
		v    []report.Verdict
		want string
	}{
		{errs(5, -3), nil, "A"}, {errs(5.1, 0), nil, "B"}, {errs(1, 3.1), nil, "B"}, {errs(10, 5), nil, "B"},
		{errs(10.1, 0), nil, "C"}, {errs(20, -10), nil, "C"}, {errs(20.1, 0), nil, "FAIL"}, {errs(1, 11), nil, "FAIL"},
		{errs(1, 0), degrade, "B"}, {errs(1, 0), forced, "B"}, {errs(15, 0), degrade, "C"}, {nil, nil, "FAIL"}, {&report.ModelErrors{}, nil, "FAIL"},
	} {
		if got := grade(c.e, c.v); got != c.want {
			t.Errorf("%+v: %s, want %s", c.e, got, c.want)
		}
	}
}

// What a tier does not see of a load is in its interval: a socket that half of
// its cores keep awake draws more than one whose cores work half of the time, at
// the same utilisation, and only T2 knows.
func TestIntervalsHoldOtherShapes(t *testing.T) {
	law := func(u model.SocketUse, _ string) float64 { return 30 + 3*u.Busy + 40*u.Awake }
	points := experiment(hidden{law: law, noise: 0.002}, 11)
	for i := range points { // all CPUs work at the same times: the socket sleeps for the rest
		p := &points[i]
		for k := range p.Sockets {
			if s := &p.Sockets[k]; p.Shape == report.ShapeDuty {
				awake := *s.Busy / 16
				u := useOf(s)
				u.Awake = awake
				watts := law(u, p.Workload)
				s.Awake, s.PowerW = &awake, &watts
			}
		}
	}
	// Some CPUs of each socket, all the time.
	for _, w := range []string{"alu", "simd", "stream", "mixed"} {
		p := report.CalibrationPoint{Workload: w, Shape: report.ShapeCores, Load: 0.25, CPUs: "0-7", DurationS: 4}
		for k := range 2 {
			u := model.SocketUse{CPUs: 16, Busy: 4, Awake: 1, OneThread: 4, Hz: 3e9, Instructions: 18e9}
			watts := law(u, w)
			p.Sockets = append(p.Sockets, report.SocketLoad{Socket: k, CPUs: 16, PowerW: &watts, Busy: ptr(u.Busy), Awake: ptr(1), OneThread: ptr(4), BothThreads: ptr(0), FrequencyHz: ptr(u.Hz), Instructions: ptr(u.Instructions)})
		}
		points = append(points, p)
	}
	Judge(points, Facts{})
	all := samples(points, packagePower)
	tiers, _ := fitAll(all, 150, 3)
	lone := model.SocketUse{CPUs: 16, Busy: 8, Awake: 1, OneThread: 8, Hz: 3e9, Cycles: 24e9, Instructions: 36e9}
	truth := law(lone, "")
	for i, name := range []string{model.T1, model.T2} {
		p, err := tiers[i+1].tier.Power(lone)
		if err != nil || truth < p.Low || truth > p.High {
			t.Errorf("%s says %.1f to %.1f W of one thread on half of the cores, the truth is %.1f (%v)", name, p.Low, p.High, truth, err)
		}
	}
	if wide, narrow := tiers[1].tier.ErrorPct, tiers[2].tier.ErrorPct; wide < 2*narrow {
		t.Errorf("T1 is sure to %.1f %%, T2 to %.1f %%", wide, narrow)
	}
}

// Points of the holdout try models, and nothing else: whatever they say, what is
// fitted, and which tier is chosen, is the same to the last bit.
func TestHoldoutIsNotFittedTo(t *testing.T) {
	law := func(u model.SocketUse, _ string) float64 { return 30 + 5*u.Busy + 20*u.Awake }
	calibrate := func(twist float64) (*report.Calibration, []model.Tier) {
		c := &report.Calibration{Points: experiment(hidden{law: law, noise: 0.01}, 4)}
		for i := range c.Points {
			if p := &c.Points[i]; p.Holdout {
				for k := range p.Sockets {
					*p.Sockets[k].PowerW *= twist
				}
			}
		}
		return c, Conclude(c, Facts{TDPW: 150})
	}
	plain, tiers := calibrate(1)
	twisted, others := calibrate(1.5)
	if diff := cmp.Diff(tiers, others); diff != "" || plain.Best != twisted.Best {
		t.Errorf("the holdout changed what was fitted (%s, %s):\n%s", plain.Best, twisted.Best, diff)
	}
	if *modelOf(plain, plain.Best).Holdout.WMAPE.Value > 5 || *modelOf(twisted, plain.Best).Holdout.WMAPE.Value < 25 {
		t.Error("the holdout did not try it")
	}
}

func modelOf(c *report.Calibration, name string) *report.ModelQuality {
	for i := range c.Models {
		if c.Models[i].Name == name {
			return &c.Models[i]
		}
	}
	return nil
}

// Every published model stands in the table, each with what it says worked out by
// hand: two sockets of 200 W, half of whose 16 CPUs are busy.
func TestEveryPublishedModelIsTried(t *testing.T) {
	c := &report.Calibration{Points: experiment(hidden{law: func(u model.SocketUse, _ string) float64 { return 30 + 5*u.Busy }}, 2)}
	c.Host.CPU = report.CPU{ModelName: "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", Vendor: "GenuineIntel", Family: 6, Model: 85, Stepping: 4, Sockets: 2, Cores: 16, Threads: 32}
	c.Facts.CCF = &report.CCF{MinW: 0.65, MaxW: 4.26, Arch: "Skylake"}
	Conclude(c, Facts{TDPW: 200})
	half := slices.IndexFunc(c.Points, func(p report.CalibrationPoint) bool {
		return p.Shape == report.ShapeDuty && p.Load == 0.5
	})
	for name, want := range map[string]float64{
		"tdp-naive":           200,      // 2 x 200 x 0.5
		"teads":               300,      // 2 x 200 x 0.75
		"codecarbon-cubic":    85,       // 2 x 200 x (0.1 + 0.9 x 0.125)
		"codecarbon-constant": 200,      // 2 x 200 x 0.5
		"fan":                 271.5857, // 2 x (24 + 180 x 0.621071)
		"boavizta-form":       298.3544, // 2 x 200 x 0.745886
		"tdp-share":           304,      // 2 x 200 x (0.2 + 0.8 x 0.63/0.90)
		"ccf":                 78.56,    // 2 x 16 x (0.65 + 0.5 x 3.61)
		"T0":                  200,
	} {
		m := modelOf(c, name)
		if m == nil || m.Holdout == nil || m.Holdout.R2 == nil || math.Abs(*m.PredictedW[half]-want) > 1e-3 {
			t.Errorf("%s: %+v, want %v W at one half", name, m, want)
		}
	}
	// The only published one that says how sure it is.
	if m := modelOf(c, "tdp-share"); m.Holdout.CoveredPct == nil {
		t.Error("tdp-share gives no interval")
	}
}
