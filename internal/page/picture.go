package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/plot"
)

// Plots lists the kinds of plots, first what tells most.
func Plots() []string {
	return []string{"comparison", "distribution", "power", "phases", "attribution", "processes", "scatter",
		"errors", "parity", "utilisation", "residuals", "drift"}
}

// Picture returns one plot of the results: the first of its kind, or with kind
// "" of the kind that tells most of them.
func Picture(docs []Document, kind string, o Options) (*plot.Scene, error) {
	if kind != "" && !slices.Contains(Plots(), kind) {
		return nil, fmt.Errorf("unknown plot %q: use one of %s", kind, strings.Join(Plots(), ", "))
	}
	shown := docs
	if kind == "" {
		shown = latest(docs) // as the page has them
	}
	first := map[string]Figure{}
	take := func(figures []Figure) {
		for _, f := range figures {
			if _, taken := first[f.Kind]; !taken {
				first[f.Kind] = f
			}
		}
	}
	for _, d := range shown {
		take(section(d).Figures)
		if f, found := first[kind]; found {
			return f.Scene.Titled(f.Title), nil
		}
	}
	take(overall(docs, o))
	var have []string
	for _, k := range Plots() {
		if f, found := first[k]; found && (kind == "" || kind == k) {
			return f.Scene.Titled(f.Title), nil
		} else if found {
			have = append(have, k)
		}
	}
	switch {
	case len(have) > 0:
		return nil, fmt.Errorf("these results have no data for the plot %s; they have for %s", kind, strings.Join(have, ", "))
	case kind == "power" || kind == "":
		return nil, fmt.Errorf("these results have no data for a plot; energyprobe run --interval 10ms records power over time")
	}
	return nil, fmt.Errorf("these results have no data for the plot %s", kind)
}
