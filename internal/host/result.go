package host

import (
	"fmt"
	"math"

	"github.com/energyprobe/energyprobe/internal/energy"
)

// results collects metrics by name.
type results struct{ byName map[string]energy.Metric }

func newResults() *results {
	return &results{byName: make(map[string]energy.Metric, 96)}
}

// known adds a value. One that makes no sense becomes unknown: no file of the
// host can put a negative amount into a result.
func (r *results) known(name string, v float64, source string) {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		r.unknown(name, source, fmt.Sprintf("%s gave %v, which can't be", source, v))
		return
	}
	r.byName[name] = energy.KnownMetric(name, v, source)
}

func (r *results) unknown(name, source, reason string) {
	r.byName[name] = energy.UnknownMetric(name, source, reason)
}

// temperature is known for a value that may be below zero.
func (r *results) temperature(name string, v float64, source string) {
	r.byName[name] = energy.KnownMetric(name, v, source)
}

// counter is a reading of a counter, or why there is none.
type counter struct {
	v   uint64
	bad string
}

// delta adds the growth of a counter, in units of scale.
func (r *results) delta(name, source string, before, after counter, scale float64) {
	switch {
	case before.bad != "":
		r.unknown(name, source, before.bad)
	case after.bad != "":
		r.unknown(name, source, after.bad)
	case after.v < before.v:
		r.unknown(name, source, fmt.Sprintf("the counter went backwards, from %d to %d", before.v, after.v))
	default:
		r.known(name, float64(after.v-before.v)*scale, source)
	}
}

// list returns the metrics in the catalogue's order.
func (r *results) list() []energy.Metric {
	all := make([]energy.Metric, 0, len(r.byName))
	for _, d := range energy.Catalogue() {
		if d.By != energy.ByHost {
			continue
		}
		m, ok := r.byName[d.Name]
		if !ok {
			m = energy.UnknownMetric(d.Name, "", "nothing measures it here")
		}
		all = append(all, m)
	}
	return all
}
