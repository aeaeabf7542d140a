package model

import "math"

// Formula is a published power model of one socket that knows its TDP only.
type Formula struct {
	Name string
	// Watts of a socket of tdpW watts at utilisation u, 0 to 1: beyond that it
	// means nothing, and who measures more takes it for 1. It never falls as
	// u or tdpW grow.
	Watts func(tdpW, u float64) float64
	// PerShare: a guest is charged vCPUs/threads of the socket. The others
	// charge the whole socket as they were published.
	PerShare bool
	// ByName: the TDP is looked up by brand string alone; where that names no
	// part, CodeCarbonUnknown stands in.
	ByName      bool
	Description string
	Known       string // its error, as far as it is known
}

// Names of results; that of a host profile is ProfileName.
const (
	NaiveName = "tdp-naive"
	ShareName = "tdp-share" // energyprobe's own: the principal estimate
)

// Formulas returns the published models, in the order results show them.
func Formulas() []Formula {
	return []Formula{
		{NaiveName, TDPLinear, false, false, "TDP x utilisation of the whole socket: the baseline; for a guest many times too high", "wMAPE 22-51 % against RAPL on four bare-metal hosts"},
		{"teads", Teads, true, false, "TDP x the curve 0.12, 0.32, 0.75, 1.02 at 0, 10, 50, 100 % load, share of vCPUs", "wMAPE 13-101 % against RAPL on four bare-metal hosts"},
		{"codecarbon-cubic", CodeCarbonCubic, false, true, "TDP x (0.1 + 0.9 u^3) of the whole socket", "wMAPE 38-55 % against RAPL on four bare-metal hosts"},
		{"codecarbon-constant", CodeCarbonConstant, false, true, "half the TDP of the whole socket, whatever the load", "its authors' fallback; no error is published"},
		{"fan", Fan, true, false, "idle + (full - idle)(2u - u^1.4), with 0.12 and 1.02 TDP, share of vCPUs", "9.9 % median on 619 SPECpower systems whose idle and full power are known"},
		{"boavizta-form", BoaviztaForm, true, false, "a ln(u + c) + d, through the Teads points, share of vCPUs", "that of the points it goes through"},
	}
}

// TDPLinear is TDP*u: no idle power, full power at the TDP. It is the
// estimate most tools begin with and the baseline all others are held to.
func TDPLinear(tdpW, u float64) float64 { return tdpW * u }

// teadsCurve are the ratios of package power to TDP that Teads measured with
// turbostat on AWS's bare-metal Intel hosts (B. Davy, "Building an AWS EC2
// Carbon Emissions Dataset", Teads Engineering, 2021).
var teadsCurve = Curve{{0, 0.12}, {0.1, 0.32}, {0.5, 0.75}, {1, 1.02}}

// Teads is TDP times the Teads curve, linear between its four points.
func Teads(tdpW, u float64) float64 { return tdpW * teadsCurve.At(u) }

// CodeCarbonCubic is TDP*(0.1 + 0.9u^3), CodeCarbon's mode cpu_load where it
// tracks a machine (codecarbon/external/hardware.py, _get_power_from_cpu_load;
// of a process it takes TDP*u).
func CodeCarbonCubic(tdpW, u float64) float64 { return tdpW * (0.1 + 0.9*u*u*u) }

// CodeCarbonConstant is TDP/2 at any load: CodeCarbon's mode constant
// (codecarbon/external/hardware.py, CONSUMPTION_PERCENTAGE_CONSTANT).
func CodeCarbonConstant(tdpW, _ float64) float64 { return tdpW * 0.5 }

// CodeCarbonUnknown is what CodeCarbon takes for the TDP of a processor it
// does not know: 4 W a thread, or 85 W where it can't count them
// (codecarbon/core/cpu.py; hardware.py, POWER_CONSTANT).
func CodeCarbonUnknown(threads int) float64 {
	if threads < 1 {
		return 85
	}
	return 4 * float64(threads)
}

// FanPower is idle + (full-idle)*(2u - u^1.4), fitted on servers at Google
// (Fan, Weber, Barroso, "Power Provisioning for a Warehouse-sized Computer",
// ISCA 2007, section 3). It is full power at 1, and still rising there: its
// slope is 2 - 1.4 = 0.6 of the span.
func FanPower(idleW, fullW, u float64) float64 {
	return idleW + (fullW-idleW)*(2*u-math.Pow(u, 1.4))
}

// Fan is FanPower between the idle and full power of the Teads curve.
func Fan(tdpW, u float64) float64 { return FanPower(0.12*tdpW, 1.02*tdpW, u) }

// LogPower is a*ln(b*(u+c)) + d, the form of Boavizta's consumption profiles
// (boaviztapi/model/consumption_profile; its documentation, Explanations, CPU,
// prints b+u*c, with which its own parameters give powers below 0). Only the
// form is theirs: parameters have to come from points of the machine in
// question.
func LogPower(a, b, c, d, u float64) float64 { return a*math.Log(b*(u+c)) + d }

// BoaviztaForm is LogPower through the Teads points at 0, 10 and 100 % load:
// with b = 1, c solves ln(1+1/c) = 4.5 ln(1+0.1/c). At 50 % it gives 0.746,
// where Teads has 0.75.
func BoaviztaForm(tdpW, u float64) float64 {
	const a, c, d = 0.51442783, 0.21044563, 0.92175016
	return tdpW * LogPower(a, 1, c, d, u)
}
