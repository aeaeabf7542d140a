package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/plot"
)

// Plots lists the kinds of plots, first what tells most.
func Plots() []string {
	return []string{"energy-cost", "energy-time", "comparison", "applications", "distribution", "power", "phases", "attribution", "processes", "scatter",
		"errors", "parity", "utilisation", "residuals", "drift", "sensitivity"}
}

// Picture returns one plot of the results: the first of its kind, or with kind
// "" of the kind that tells most of them.
func Picture(docs []Document, kind string, o Options) (*plot.Scene, error) {
	if kind != "" && !slices.Contains(Plots(), kind) {
		return nil, fmt.Errorf("unknown plot %q: use one of %s", kind, strings.Join(Plots(), ", "))
	}
	var cells []Figure
	if of, _ := cellsOf(docs); len(of) > 0 {
		cells = benchSection(docs, o).Figures
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
	picture := func(f Figure) *plot.Scene {
		if slices.ContainsFunc(tradeKinds[:], func(t tradeKind) bool { return t.kind == f.Kind }) {
			return stacked(cells, f.Kind)
		}
		return f.Scene.Titled(f.Title)
	}
	take(cells)
	for _, d := range shown {
		if !isCells(d) {
			take(section(d).Figures)
		}
		if f, found := first[kind]; found {
			return picture(f), nil
		}
	}
	take(overall(docs, o))
	var have []string
	for _, k := range Plots() {
		if f, found := first[k]; found && (kind == "" || kind == k) {
			return picture(f), nil
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

// stacked puts the plots of one kind below one another: there is one for each
// application.
func stacked(figures []Figure, kind string) *plot.Scene {
	var scenes []*plot.Scene
	name := ""
	for _, f := range figures {
		if f.Kind == kind {
			scenes = append(scenes, f.Scene.Titled(f.Title))
			name = cmp.Or(name, f.Title)
		}
	}
	if len(scenes) > 1 {
		name = "Energy and " + strings.TrimPrefix(kind, "energy-") + " of " + output.Count(len(scenes)) + " applications"
	}
	return plot.Stack(name, scenes...)
}
