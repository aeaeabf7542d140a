package calibrate

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// leastCovered is how many of the points an interval of 95 % has to hold for
// what it says of itself to be believed: what nine in ten of twenty points come
// to, chance allowed for.
const leastCovered = 85

// Validate tries a profile on points that were made on this host, beside the
// published models, and grades it. Nothing is fitted: what a calibration
// elsewhere, or some time ago, learnt is all there is. It says whether the
// profile holds: its best tier has a grade, and its intervals hold what they
// say.
func Validate(c *report.Calibration, f Facts, p *model.Profile) (holds bool) {
	if !tryPublished(c, f) {
		return false
	}
	for i := range p.Package.Tiers {
		t := &p.Package.Tiers[i]
		q := report.ModelQuality{Name: t.Name, Kind: report.ModelProfile, Description: "the profile's: " + descriptions[t.Name]}
		q = quality(q, c.Points, ofTier(t), uint64(c.Plan.Seed))
		if t.Name == p.Package.Best {
			c.Best, c.Grade = t.Name, grade(q.Holdout, c.Verdicts)
			holds = c.Grade != failed
			holds = judgeIntervals(c, &q) && holds
		}
		c.Models = append(c.Models, q)
	}
	return holds
}

// judgeIntervals looks at whether the profile's intervals hold the points of
// this host.
func judgeIntervals(c *report.Calibration, q *report.ModelQuality) bool {
	covered, n := 0.0, 0
	for _, e := range []*report.ModelErrors{q.Training, q.Holdout} {
		if e != nil && e.CoveredPct != nil {
			covered, n = covered+*e.CoveredPct*float64(e.Points), n+e.Points
		}
	}
	if n == 0 {
		return true // nothing was tried: the grade says so
	}
	covered /= float64(n)
	if covered >= leastCovered || math.IsNaN(covered) {
		return true
	}
	c.Verdicts = append(c.Verdicts, report.Verdict{
		Code: "intervals", Action: report.VerdictDegrade,
		Message: fmt.Sprintf("the profile's intervals hold %.0f %% of %d points; they say 95 %%", covered, n),
		Advice:  "calibrate this host: energyprobe calibrate",
	})
	return false
}
