package output

import (
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// What other presentations say in the same words and digits.

// Quantity prints v with an SI prefix, its unit and so many significant
// digits: "38.21 GHz".
func Quantity(v float64, unit string, digits int) string { return quantity(v, unit, digits) }

// PlusMinus prints v with its uncertainty, nil where not known, and no digits
// beyond it: "1041.69 ± 0.17 J".
func PlusMinus(v float64, u *float64, unit string) string {
	p := columnPrefix(v)
	value, plus := plusMinus(v, u, p)
	if plus != "" {
		value += " ± " + plus
	}
	return value + " " + p.symbol + unit
}

// Between prints v with the ends of its interval, in as many digits as the
// interval allows: "5.214 J (5.190 to 5.231)".
func Between(v float64, low, high *float64, unit string) string {
	if low == nil || high == nil || !(*high > *low) {
		return quantity(v, unit, valueDigits)
	}
	p := prefixFor(v, valueDigits)
	d := 1 - exponent(p.scale(*high)-p.scale(*low), 2)
	if v != 0 {
		d = min(d, maxDigits-1-exponent(p.scale(v), maxDigits))
	}
	return fixed(p.scale(v), d) + " " + p.symbol + unit + " (" + fixed(p.scale(*low), d) + " to " + fixed(p.scale(*high), d) + ")"
}

// EnergyText prints an energy that is known, by its quality: "1041.69 ± 0.17 J",
// or "≈ 32 J (11 – 78 J)".
func EnergyText(e report.Energy, q energy.Quality) string {
	if q != energy.Estimated {
		return PlusMinus(*e.EnergyJ, e.UncertaintyJ, "J")
	}
	s := "≈ " + quantity(*e.EnergyJ, "J", digitsOf(*e.EnergyJ, halfRange(e.LowJ, e.HighJ), 2, 3))
	if e.LowJ != nil && e.HighJ != nil {
		if span := spanText(*e.LowJ, *e.HighJ, prefixFor(*e.EnergyJ, 3)); span != "" {
			s += " (" + span + ")"
		}
	}
	return s
}

// PowerText prints the mean power of an energy, in the digits that the energy
// is known by.
func PowerText(e report.Energy, q energy.Quality) string {
	if q == energy.Estimated {
		return "≈ " + quantity(*e.PowerW, "W", 2)
	}
	return quantity(*e.PowerW, "W", digitsOf(deref(e.EnergyJ), e.UncertaintyJ, 2, valueDigits))
}

// Amount prints joules that were attributed, with their uncertainty and no more
// digits than the split is good for: "818 ± 10 J".
func Amount(j float64, u *float64) string { return amount(j, u) }

// Change prints a change in percent with its sign: "-7.9 %".
func Change(pct float64) string {
	s := percent(pct / 100)
	if math.Abs(pct) >= 99.95 {
		s = significant(pct, 3) + " %"
	}
	if pct > 0 {
		s = "+" + s
	}
	return s
}

// Percent prints a ratio as percent: "42.1 %".
func Percent(ratio float64) string { return percent(ratio) }

// Seconds prints a duration, a long one also the way clocks do.
func Seconds(v float64) string { return seconds(v) }

// Count prints a number of things.
func Count(n int) string { return count(float64(n)) }

// Plain makes text from outside safe for one line.
func Plain(s string) string { return plain(s) }

// Subject is what was measured, as a title.
func Subject(r *report.Run) string { return subject(r) }

// Outcome says how long a run took and how it ended.
func Outcome(r *report.Run) string { return outcome(r) }

// Spent is the answer that people come for, as a sentence.
func Spent(r *report.Run) string { return spentText(r) }

// IsSplit reports whether the joules of r are told apart by whose they are.
func IsSplit(r *report.Run) bool { return isSplit(r) }

// TotalQuality is the worst quality that goes into the total.
func TotalQuality(r *report.Run) energy.Quality { return totalQuality(r) }

// EstimateNote is what stands over an estimate.
func EstimateNote(r *report.Run) string { return estimateNote(r) }

// SourceText says where the joules come from.
func SourceText(r *report.Run) string { return sourceText(r) }

// OverheadText says what measuring cost.
func OverheadText(r *report.Run) string { return overheadText(r) }

// HostText says on what machine.
func HostText(h report.Host) string { return hostText(h) }

// MetricText prints a value of the catalogue that is known.
func MetricText(name string, m report.Metric) string { return metricText(name, m) }

// MetricNames returns the names of m in the order of the catalogue.
func MetricNames(m map[string]report.Metric) []string { return metricNames(m) }

// CalibrationAnswer is what a calibration found, in a sentence.
func CalibrationAnswer(c *report.Calibration) string { return calibrationAnswer(c) }

// CalibrationOrigin says how a calibration was made.
func CalibrationOrigin(c *report.Calibration) string { return calibrationOrigin(c) }

// UsedText says how many points of a calibration are in use.
func UsedText(c *report.Calibration) string { return usedText(c) }

// PointText names a point of a calibration: "alu at 50 %".
func PointText(p *report.CalibrationPoint) string { return pointText(p) }

// BandText names a band of loads: "15–40 %".
func BandText(b report.LoadBand) string { return bandText(b) }

// SignedWatts prints a difference of power with its sign: "+1.20 W".
func SignedWatts(w float64) string { return signedWatts(w) }

// OffText says how far a ratio is off 1, with its uncertainty.
func OffText(f *report.Factor) string { return offText(f) }

// CorrectionText is a factor to multiply by.
func CorrectionText(f *report.Factor) string { return correctionText(f) }

// AgreementWord says whether two interfaces agree.
func AgreementWord(a report.Agreement) string { return agreementWord(a) }

// ClockText says how the clock ran.
func ClockText(c *report.ClockDrift) string { return clockText(c) }

// SocketText says what a calibration learnt of a socket beside its models.
func SocketText(c *report.Calibration) string { return socketText(c) }

// Exact prints all digits of a value, or nothing when it is unknown.
func Exact(v *float64) string { return exact(v) }

// CurrencySign is what stands for a currency in a table's head.
func CurrencySign(currency string) string { return currencySign(currency) }
