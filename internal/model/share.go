package model

import "fmt"

// The numbers of energyprobe's own model. Fractions are of the TDP of one
// socket.
//
// idleFraction: package power at rest. Teads measured 0.12 on Intel servers
// under RAPL (Davy, "Building an AWS EC2 Carbon Emissions Dataset", 2021);
// CodeCarbon assumes 0.10; the ratio of Cloud Carbon Footprint's least to
// most watts per vCPU, from SPECpower, is 0.16 for Cascade Lake, 0.22 for
// Milan and 0.28 for Rome, whose I/O die never sleeps. Desktop and laptop
// parts reach deeper states.
//
// fullFraction: package power with all threads busy. Long all-core loads are
// held at the power limit, which is the TDP as a rule; light integer code
// stays under it; turbo, and AMD's package limit of 1.35 TDP on desktops,
// exceed it for a while or for good.
var (
	serverIdle, clientIdle = Range{0.10, 0.20, 0.35}, Range{0.02, 0.08, 0.20}
	serverFull, clientFull = Range{0.75, 1.00, 1.10}, Range{0.70, 1.00, 1.40}
)

// shape is the dynamic power at the utilisations of loads, as a part of that
// at full load. The nominal one is the Teads curve less its idle power:
// (.32-.12)/.9, (.75-.12)/.9, 1. The bounds are assumptions: a straight line
// below, and above it half as much again in the first tenth, where published
// curves differ most.
var (
	loads     = [...]float64{0, 0.1, 0.5, 1}
	lowShape  = [...]float64{0, 0.1, 0.5, 1}
	shape     = [...]float64{0, 0.20 / 0.90, 0.63 / 0.90, 1}
	highShape = [...]float64{0, 0.35, 0.85, 1}
)

// What a busy thread stands for on a host that is full, half busy and a tenth
// busy: shape(u)/u, in units of 1/threads of the socket's dynamic power.
const (
	packedHost = 1.0
	meanHost   = 0.63 / 0.90 / 0.5
	emptyHost  = 0.20 / 0.90 / 0.1
)

func fractions(server bool) (idle, full Range) {
	if server {
		return serverIdle, serverFull
	}
	return clientIdle, clientFull
}

// NewMachine returns the model of a machine without counters. An error names
// the field of h that makes no sense.
func NewMachine(h Host) (*Machine, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if h.Virtual {
		return newGuest(h), nil
	}
	return newBareMetal(h), nil
}

// newGuest models a guest's share of a socket:
//
//	P = vCPUs/threads * P_idle + (P_full - P_idle) * k/threads * busy vCPUs
//
// A socket is never charged whole to a guest. k says how much more than
// 1/threads of the host's dynamic power a busy thread stands for: dynamic
// power is shared by CPU time among all guests, and since the curve is
// concave, k(u) = shape(u)/u falls from 2.2 on a host that is a tenth busy to
// 1 on a full one. The host's utilisation can't be seen from inside, so k is
// a constant with a range, and the model is linear: energies of consecutive
// windows add up.
func newGuest(h Host) *Machine {
	idle, full := fractions(h.CPU.Server)
	perThread := h.CPU.PerThread
	tdp := spreadOf(perThread.Nominal, perThread.Low, perThread.High)

	restW := around(perThread.Nominal*idle.Nominal, tdp, spreadOf(idle.Nominal, idle.Low, idle.High))
	room := full.Nominal - idle.Nominal
	busyW := around(perThread.Nominal*room*meanHost, tdp,
		spreadOf(room, full.Nominal-idle.High, full.Nominal-idle.Low),
		spreadOf(room, full.Low-idle.Nominal, full.High-idle.Nominal),
		spreadOf(meanHost, packedHost, emptyHost))

	n := float64(h.CPUs)
	line := func(at0, rise float64) Curve { return Curve{{0, n * at0}, {1, n * (at0 + rise)}} }
	return &Machine{
		CPUs:    h.CPUs,
		Total:   Band{line(restW.Low, busyW.Low), line(restW.Nominal, busyW.Nominal), line(restW.High, busyW.High)},
		Dynamic: Band{line(0, busyW.Low), line(0, busyW.Nominal), line(0, busyW.High)},
		Assumptions: append(assume(h, idle, full),
			fmt.Sprintf("each of the %d vCPUs is charged its part of an idle socket: %s W at TDP per vCPU", h.CPUs, perThread),
			"the host's other guests can't be seen: it is believed half busy, between a tenth and wholly"),
	}
}

// newBareMetal models all sockets of a machine whose utilisation is known:
// sockets * TDP * (idle + (full - idle) * shape(u)).
func newBareMetal(h Host) *Machine {
	idle, full := fractions(h.CPU.Server)
	perSocket := h.CPU.TDP
	tdp := spreadOf(perSocket.Nominal, perSocket.Low, perSocket.High)
	n := float64(h.Sockets)
	var total, dyn Band
	for i, u := range loads {
		at := func(idle, full, g float64) float64 { return idle + (full-idle)*g }
		p := at(idle.Nominal, full.Nominal, shape[i])
		all := around(p, tdp,
			spreadOf(p, at(idle.Low, full.Nominal, shape[i]), at(idle.High, full.Nominal, shape[i])),
			spreadOf(p, at(idle.Nominal, full.Low, shape[i]), at(idle.Nominal, full.High, shape[i])),
			spreadOf(p, at(idle.Nominal, full.Nominal, lowShape[i]), at(idle.Nominal, full.Nominal, highShape[i])))
		total.add(u, all.Times(n*perSocket.Nominal))
		above := Range{}
		if i > 0 {
			room := full.Nominal - idle.Nominal
			above = around(room*shape[i], tdp,
				spreadOf(room, full.Nominal-idle.High, full.Nominal-idle.Low),
				spreadOf(room, full.Low-idle.Nominal, full.High-idle.Nominal),
				spreadOf(shape[i], lowShape[i], highShape[i]))
		}
		dyn.add(u, above.Times(n*perSocket.Nominal))
	}
	return &Machine{
		CPUs: h.CPUs, Total: total, Dynamic: dyn,
		Assumptions: append(assume(h, idle, full),
			fmt.Sprintf("the whole machine: %d x %s W TDP, on a concave curve over utilisation", h.Sockets, perSocket)),
	}
}

func (b *Band) add(u float64, w Range) {
	b.Low = append(b.Low, Point{u, w.Low})
	b.Nominal = append(b.Nominal, Point{u, w.Nominal})
	b.High = append(b.High, Point{u, w.High})
}

// assume lists what guests and bare metal take for granted alike.
func assume(h Host, idle, full Range) []string {
	return append([]string{
		"TDP: " + h.CPU.Source(),
		fmt.Sprintf("idle power is %s of TDP; with all threads busy %s of TDP, turbo and power limits included", idle, full),
		"the processor's package alone: memory, disks, fans and power supplies are not in it",
	}, h.CPU.Notes...)
}
