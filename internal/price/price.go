// Package price says what a platform asks for work: for memory over time, in
// tiers by what a month has had, and for every invocation.
//
// The list of AWS Lambda is part of the program (lambda.yaml); others are read
// from files of the same form. A list is data and Cost is arithmetic: no clock,
// no network.
//
// # Glossary
//
//	GB-second  1024 MB of configured memory for a second, used or not.
//	billed     a duration rounded up to the platform's step, at least one step.
//	tier       a rate that holds up to so many GB-seconds of a calendar month,
//	           counted apart for each architecture.
//	INIT       a platform's start of a worker, before the handler is called.
package price

import (
	_ "embed"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// List is the prices of one platform in one place.
type List struct {
	Name     string // aws-lambda us-east-1
	Date     string // from which they have been so: 2025-08-01
	Currency string // USD
	Source   string // page or file
	// Request is the price of one invocation.
	Request float64
	// StepS is what durations are rounded up to, in seconds; 0 bills them as
	// they are.
	StepS float64
	// BillInit says that the start of a worker is billed as execution is.
	BillInit bool
	// Compute holds the tiers by architecture, x86_64 and aarch64, each with
	// a higher UpTo than the one before. The last has none: math.Inf(1).
	Compute map[string][]Tier
}

// Tier is a rate that holds up to so many GB-seconds of a month.
type Tier struct {
	GBS  float64 // price of a GB-second
	UpTo float64 // GB-seconds of the month at which the tier ends
}

// Cost is what a list asks for some invocations, in its currency.
type Cost struct {
	Total     float64
	Compute   float64 // for memory times time
	Requests  float64 // for the number of invocations
	BilledS   float64 // seconds, rounded up one by one
	BilledGBS float64 // GB-seconds
}

//go:embed lambda.yaml
var lambda string

// Lambda returns the prices of AWS Lambda that energyprobe comes with. The
// caller does not modify them.
func Lambda() *List { return parseLambda() }

var parseLambda = sync.OnceValue(func() *List {
	l, err := Parse(strings.NewReader(lambda))
	if err != nil {
		panic("the embedded prices: " + err.Error()) // a test reads them first
	}
	return l
})

// mbPerGB: AWS's examples take 512 MB for half a GB.
const mbPerGB = 1024

// Cost returns what the list asks for invocations of the given durations, each
// with memoryMB, on an architecture (x86_64 or aarch64), in a month that has
// had usedGBS GB-seconds of that architecture before. The error names what
// makes no sense, or the architecture that the list has no price for.
func (l *List) Cost(arch string, memoryMB int, durationsS []float64, usedGBS float64) (Cost, error) {
	tiers, ok := l.Compute[arch]
	switch {
	case !ok:
		return Cost{}, fmt.Errorf("%s has no price for %s, only for %s", l.Name, arch, strings.Join(slices.Sorted(maps.Keys(l.Compute)), ", "))
	case memoryMB <= 0:
		return Cost{}, fmt.Errorf("memory: %d MB: want more than 0", memoryMB)
	case !(usedGBS >= 0):
		return Cost{}, fmt.Errorf("GB-seconds used before: %g: want 0 or more", usedGBS)
	}
	var c Cost
	var steps float64 // whole numbers add up exactly, milliseconds don't
	for i, d := range durationsS {
		if !(d >= 0) || math.IsInf(d, 0) {
			return Cost{}, fmt.Errorf("duration %d: %g s: want 0 or more", i, d)
		}
		steps += l.steps(d)
	}
	c.BilledS = steps
	if l.StepS > 0 {
		c.BilledS = times(steps, l.StepS)
	}
	c.BilledGBS = c.BilledS * float64(memoryMB) / mbPerGB
	c.Compute = charge(tiers, usedGBS, c.BilledGBS)
	c.Requests = float64(len(durationsS)) * l.Request
	c.Total = c.Compute + c.Requests
	return c, nil
}

// Billed returns the seconds that the list bills for a duration.
func (l *List) Billed(durationS float64) float64 {
	if l.StepS <= 0 {
		return durationS
	}
	return times(l.steps(durationS), l.StepS)
}

// steps returns the steps billed, or the seconds where there is no step. What
// is a whole number of steps but for the last bits of the division (0.12 s of
// 1 ms) is not rounded up.
func (l *List) steps(durationS float64) float64 {
	if l.StepS <= 0 {
		return durationS
	}
	n := durationS / l.StepS
	if whole := math.Round(n); math.Abs(n-whole) <= 1e-12*whole {
		n = whole
	}
	return max(math.Ceil(n), 1)
}

// times returns n steps in seconds: 3 ms are 0.003 s, where 3 x 0.001 is not.
func times(n, stepS float64) float64 {
	if perSecond := math.Round(1 / stepS); perSecond >= 1 && math.Abs(1/stepS-perSecond) <= 1e-9*perSecond {
		return n / perSecond
	}
	return n * stepS
}

// charge adds up what gbs more GB-seconds cost after used ones. It takes from
// gbs what each tier has room for: used may be so much larger that a sum of the
// two would round gbs away.
func charge(tiers []Tier, used, gbs float64) float64 {
	var sum float64
	for _, t := range tiers {
		part := min(t.UpTo-used, gbs)
		if part <= 0 {
			continue
		}
		sum += part * t.GBS
		gbs -= part
		used = t.UpTo
	}
	return sum
}
