package bpfprog

import (
	"errors"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// prepare fills the maps that describe the machine.
func (t *Tracker) prepare() error {
	n := uint32(len(t.o.Places))
	cpus := make([]usageCpu, t.o.CPUs)
	for i := range cpus {
		// Until something is known: time, or a cycle per ns.
		cpus[i] = usageCpu{Place: n, Party: uint32(energy.Parties), Sibling: -1, FreqAt: uint64(energy.Now()), Rate: 1 << 16}
		if i < len(t.o.Siblings) {
			cpus[i].Sibling = int32(t.o.Siblings[i])
		}
		if i < len(t.o.Frequencies) {
			cpus[i].Freq = t.o.Frequencies[i]
		}
	}
	for k, p := range t.o.Places {
		for _, c := range p.CPUs {
			cpus[c].Place = uint32(k)
		}
		if err := t.objects.Places.Put(uint32(k), usagePlace{Cpus: uint64(len(p.CPUs))}); err != nil {
			return err
		}
	}
	for i := range cpus {
		if err := t.objects.Cpus.Put(uint32(i), cpus[i]); err != nil {
			return err
		}
	}
	var errs []error
	for i := range t.o.Cycles {
		errs = append(errs, put(t.objects.Cycles, i, t.o.Cycles[i]), put(t.objects.Instructions, i, t.o.Instructions[i]))
	}
	return errors.Join(errs...)
}

func put(m *ebpf.Map, i int, fd int) error {
	if fd < 0 {
		return nil
	}
	return m.Put(uint32(i), uint32(fd))
}

// attach puts the programs where they belong. Those that only add to the
// result may be missing.
func (t *Tracker) attach() error {
	on := func(p *ebpf.Program) error {
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err == nil {
			t.links = append(t.links, l)
		}
		return err
	}
	o := &t.objects
	if err := errors.Join(on(o.OnNewtask), on(o.OnExit), t.Settle(), on(o.OnSwitch)); err != nil {
		return err
	}
	if err := t.iterate(o.Adopt, nil); err != nil {
		return err
	}
	type extra struct {
		what string
		p    *ebpf.Program
	}
	// The ends come first: a handler that is seen to begin is seen to end.
	extras := []extra{
		{"the ends of interrupts", o.OnIrqExit}, {"interrupts", o.OnIrq},
		{"the ends of softirqs", o.OnSoftirqExit}, {"softirqs", o.OnSoftirq},
		{Idle, o.OnIdle}, {Frequency, o.OnFrequency}, {Thermal, o.OnTrip},
	}
	if t.o.Cycles != nil || t.o.Frequencies != nil || t.o.Siblings != nil {
		extras = append(extras, extra{"what changes while a program runs on", o.OnTimer})
	}
	for _, x := range extras {
		if err := on(x.p); err != nil {
			t.refused = append(t.refused, refuse("account for "+x.what, err))
			continue
		}
		t.has[x.what] = true
	}
	return nil
}
