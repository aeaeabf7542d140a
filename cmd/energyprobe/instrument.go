package main

import (
	"context"
	"fmt"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/calibrate/instrument"
	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/source"
	"github.com/energyprobe/energyprobe/internal/topology"
)

// instrument calibrates the measuring, through every interface that can be
// opened here. It is done before the loads, on a machine that does nothing else,
// and again by a calibration that is resumed: the journal may be of another boot.
func (a *app) instrument(ctx context.Context, top *topology.Topology) (*report.Instrument, error) {
	opened, refused := source.Host{Root: a.hostRoot, Topo: top}.Others("")
	var sources []energy.Source
	for _, o := range opened {
		defer o.Close()
		sources = append(sources, o)
	}
	i, err := instrument.Measure(ctx, sources, instrument.Standard())
	if err != nil {
		return nil, fmt.Errorf("%w before the first load", calibrate.ErrInterrupted)
	}
	for _, r := range refused {
		i.Refused = append(i.Refused, report.Refusal{Name: r.Name, Kind: r.KindName(), Reason: r.Reason, Remedy: r.Remedy})
	}
	return i, nil
}
