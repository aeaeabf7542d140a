package bpfprog

import (
	"fmt"
	"math"
	"time"

	"github.com/cilium/ebpf"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// kernelTick is what the kernel counts in where user space gives the joules:
// 2^-32 J, the power PMU's own unit.
const kernelTick = 1.0 / (1 << 32)

// Settle has every CPU account for what runs there up to now, and begin another
// slice: what runs on without a switch is in no account before.
func (t *Tracker) Settle() error {
	for _, p := range t.o.Places {
		for _, c := range p.CPUs {
			if _, err := t.runOn(t.objects.SettleCpu, c, nil); err != nil {
				return fmt.Errorf("settle the account of CPU %d: %w", c, err)
			}
		}
	}
	return nil
}

// anyCPU is the one that the caller is on: no other has to be interrupted.
const anyCPU = -1

// runOn runs a program once on a CPU and returns what it did.
func (t *Tracker) runOn(p *ebpf.Program, cpu int, ctx any) (uint32, error) {
	o := ebpf.RunOptions{Context: ctx}
	if cpu != anyCPU {
		o.Flags, o.CPU = 1, uint32(cpu) // BPF_F_TEST_RUN_ON_CPU
	}
	return p.Run(&o)
}

// Interval ends an interval on every place, as of an instant that has passed.
// Joules are ignored where the kernel reads the counters, and the instant too.
func (t *Tracker) Interval(at energy.Instant, joules [][energy.NumDomains]float64) error {
	for k := range t.o.Places {
		var j [energy.NumDomains]float64
		if t.power.Load() == nil {
			j = joules[k]
		}
		if _, err := t.IntervalOf(k, at, j); err != nil {
			return err
		}
	}
	return nil
}

// IntervalOf is Interval for one place. It reports false where the interval
// before ended later than that: the joules are the caller's to give again.
func (t *Tracker) IntervalOf(k int, at energy.Instant, joules [energy.NumDomains]float64) (ended bool, err error) {
	order := [7]uint64{uint64(k)}
	if p := t.power.Load(); p != nil {
		order[1] = 1
		return t.end(&order, p.Leaders[k]) // which alone can read them
	}
	// The kernel takes so many joules at a time: a machine that stood still for
	// a minute has more.
	pieces := 1
	for d := range domains {
		if j := joules[d]; j > most {
			pieces = max(pieces, int(math.Ceil(j/most)))
		}
	}
	from := t.at[k]
	if pieces > maxPieces || from == 0 {
		pieces = 1
	}
	for n := range pieces {
		for d := range domains {
			if j := joules[d]; j > 0 {
				order[2+d] = uint64(math.Round(j / float64(pieces) / kernelTick))
			}
		}
		order[6] = uint64(at)
		if n < pieces-1 {
			order[6] = uint64(from.Add(at.Sub(from) / time.Duration(pieces) * time.Duration(n+1)))
		}
		done, err := t.end(&order, anyCPU)
		if err != nil {
			return ended, err
		}
		ended = ended || done
	}
	if ended {
		t.at[k] = at
	}
	return ended, nil
}

// most is how many joules an interval takes, just below MOST of
// src/usage.bpf.c; what goes beyond falls to nobody.
const (
	most      = 2000.0
	maxPieces = 1000
)

func (t *Tracker) end(order *[7]uint64, cpu int) (bool, error) {
	done, err := t.runOn(t.objects.EndInterval, cpu, order)
	if err != nil {
		return false, fmt.Errorf("end an interval on package %d: %w", t.o.Places[order[0]].Socket, err)
	}
	return done == 1, nil
}
