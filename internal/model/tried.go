package model

import (
	"fmt"
	"strings"
)

// Outcome says what became of a step of the identification.
type Outcome string

// The outcomes.
const (
	Used    Outcome = "used"    // the thermal design power in use is this step's
	Found   Outcome = "found"   // it has an answer, and a better step goes before it
	Nothing Outcome = "nothing" // it has none
)

// Try is one step of an identification.
type Try struct {
	Step    Step
	Outcome Outcome
	TDP     Range  // watts per socket; zero where there is nothing
	Detail  string // what was looked at, and what it gave
}

// Tried says what each step of Identify has to say of a machine, in their
// order. m is what Identify answered to the same arguments.
func (t *Table) Tried(id Identity, given Given, m Match) []Try {
	b := parseName(id.ModelName)
	all := []Try{triedUser(given), triedProfile(given), triedHardware(given)}
	all = append(all, t.triedNames(id, b)...)
	all = append(all, t.triedFamily(id, b))
	s := segment(id, b)
	all = append(all, Try{BySegment, Found, s.TDP, fmt.Sprintf("%s: %s W per thread", s.Name, s.PerThread)})
	for i := range all {
		if all[i].Step == m.Step {
			all[i].Outcome = Used
		}
	}
	return all
}

func triedUser(given Given) Try {
	if given.UserW > 0 {
		return Try{ByUser, Found, Exactly(given.UserW), "given with --tdp"}
	}
	return Try{Step: ByUser, Outcome: Nothing, Detail: "no --tdp was given"}
}

func triedProfile(given Given) Try {
	if given.ProfileW > 0 {
		return Try{ByProfile, Found, Exactly(given.ProfileW), "the host profile's"}
	}
	return Try{Step: ByProfile, Outcome: Nothing, Detail: "there is no host profile for this processor (energyprobe calibrate makes one)"}
}

func triedHardware(given Given) Try {
	w := given.HardwareW
	switch {
	case w >= minHardwareW && w <= maxHardwareW:
		return Try{ByHardware, Found, Exactly(w), "the processor states its own TDP"}
	case w > 0:
		return Try{Step: ByHardware, Outcome: Nothing, Detail: fmt.Sprintf("the processor states %.4g W, which is not believable (want %d to %d W)", w, minHardwareW, maxHardwareW)}
	}
	return Try{Step: ByHardware, Outcome: Nothing, Detail: "the processor does not state its TDP"}
}

// triedNames has a line for names and one for aliases.
func (t *Table) triedNames(id Identity, b brand) []Try {
	why := fmt.Sprintf("%q is not in the table", id.ModelName)
	switch {
	case id.ModelName == "":
		why = "the host gives no name"
	case b.masked:
		why = fmt.Sprintf("%q names no part", id.ModelName)
	}
	all := []Try{{Step: ByName, Outcome: Nothing, Detail: why}, {Step: ByAlias, Outcome: Nothing, Detail: why}}
	if m, ok := t.byExactName(b); ok {
		hit := Try{m.Step, Found, m.TDP, m.Name}
		if m.Step == ByName {
			return []Try{hit, {Step: ByAlias, Outcome: Nothing, Detail: "not needed: the name is in the table"}}
		}
		all[1] = hit
	}
	return all
}

func (t *Table) triedFamily(id Identity, b brand) Try {
	key := fmt.Sprintf("family %d, model %d", id.Family, id.Model)
	if midr := id.midr(b); midr != 0 {
		key = fmt.Sprintf("MIDR %#x", midr)
	} else if id.Family <= 0 {
		return Try{Step: ByModel, Outcome: Nothing, Detail: "the host gives neither family and model nor a MIDR"}
	}
	m, ok := t.byFamily(id, b)
	if !ok {
		return Try{Step: ByModel, Outcome: Nothing, Detail: "no part in the table has " + key}
	}
	return Try{ByModel, Found, m.TDP, m.narrowing(key)}
}

// narrowing tells how many parts share the identity, and what left fewer.
func (m Match) narrowing(key string) string {
	var b strings.Builder
	for i, n := range m.narrowed {
		switch {
		case i == 0 && n.left == 1:
			fmt.Fprintf(&b, "1 part has %s", key)
		case i == 0:
			fmt.Fprintf(&b, "%d parts have %s", n.left, key)
		default:
			fmt.Fprintf(&b, "; %s leaves %d", n.by, n.left)
		}
	}
	if len(m.Candidates) == 1 {
		b.WriteString(": " + m.Candidates[0].Name)
	}
	return b.String()
}

// ArmRegister returns the machine's MIDR_EL1 without variant and revision,
// however it is known, and 0 on other processors.
func (id Identity) ArmRegister() uint32 { return id.midr(parseName(id.ModelName)) }
