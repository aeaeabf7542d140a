package calibrate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/energyprobe/energyprobe/internal/model"
	"github.com/energyprobe/energyprobe/internal/report"
)

// Conclude puts the points of a calibration through quality control, tries the
// published models on them, fits tiers and grades the best. What was fitted is
// returned for a profile; it is empty where quality control refuses the host's
// counters as truth and nobody forced it.
func Conclude(c *report.Calibration, f Facts) []model.Tier {
	if !tryPublished(c, f) {
		return nil
	}
	return fitTiers(c, f)
}

// tryPublished puts the points through quality control and tries the published
// models on them; false where the host's counters are no truth.
func tryPublished(c *report.Calibration, f Facts) bool {
	c.Verdicts = append(Judge(c.Points, f), JudgeInstrument(c.Instrument)...)
	c.Models, c.Best, c.Grade = []report.ModelQuality{}, "", failed
	c.Idle, c.SMT = idleOf(c.Points), rhoOf(c.Points)
	if Refused(c.Verdicts) && !c.Plan.Forced {
		return false
	}
	publish := func(name, description string, of estimator, why error) {
		q := report.ModelQuality{Name: name, Kind: report.ModelPublished, Description: description}
		if why != nil {
			q.Reason, q.Bands, q.PredictedW = why.Error(), []report.LoadBand{}, []*float64{}
		} else {
			q = quality(q, c.Points, of, uint64(c.Plan.Seed))
		}
		c.Models = append(c.Models, q)
	}
	var noTDP error
	if !(f.TDPW > 0) {
		noTDP = errors.New("the TDP is not known: say it with --tdp")
	}
	for _, p := range model.Formulas() {
		publish(p.Name, p.Description, ofFormula(p, f.TDPW), noTDP)
	}
	share, why := ofShare(c.Host.CPU, f.TDPW)
	if noTDP != nil {
		why = noTDP
	}
	publish(model.ShareName, "what run estimates by without counters: a part of the TDP at rest, and from there to full load on a concave curve", share, why)
	if k := c.Facts.CCF; k != nil {
		publish(model.CCFName, fmt.Sprintf("(min + u (max - min)) per vCPU, of %s; at the wall, not at the package", k.Arch), ofCCF(k), nil)
	}
	return true
}

// fitTiers fits to the power of packages.
func fitTiers(c *report.Calibration, f Facts) (tiers []model.Tier) {
	all := samples(c.Points, packagePower)
	train := training(all)
	some, best := fitAll(all, f.TDPW, uint64(c.Plan.Seed))
	for i := range some {
		one := &some[i]
		q := report.ModelQuality{Name: one.tier.Name, Kind: report.ModelFitted, Description: descriptions[one.tier.Name], Bands: []report.LoadBand{}, PredictedW: []*float64{}}
		if one.why != nil {
			q.Reason = one.why.Error()
		} else {
			tiers = append(tiers, one.tier)
			q = quality(q, c.Points, ofTier(&one.tier), uint64(c.Plan.Seed))
			unseen, err := one.unseen(c.Points, train).errors(uint64(c.Plan.Seed))
			if q.Training = unseen; err != nil {
				q.Reason = err.Error()
			}
		}
		if i == best {
			c.Best, c.Grade = one.tier.Name, grade(q.Holdout, c.Verdicts)
		}
		c.Models = append(c.Models, q)
	}
	// Recorded points may bring the warning along.
	c.Warnings = slices.DeleteFunc(c.Warnings, func(w report.Warning) bool { return w.Code == "nothing-fitted" })
	if best < 0 {
		c.Warnings = append(c.Warnings, report.Warning{
			Code: "nothing-fitted", Message: fmt.Sprintf("no model could be fitted to the %d points", len(c.Points)), Advice: "see the reasons beside the tiers",
		})
	}
	return tiers
}

var descriptions = map[string]string{
	model.T0: "TDP x utilisation of every socket",
	model.T1: "power over utilisation, rising, through this host's own points",
	model.T2: "idle power, cores at work with one and both threads, their clock and its cube, sockets at work",
	model.T3: "idle power, cycles, instructions, sockets at work",
}
