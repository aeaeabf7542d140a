package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/energyprobe/energyprobe/internal/compare"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/result"
)

// readResults reads the results that a file holds; "-" is standard input.
func (a *app) readResults(file string) ([]any, error) {
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(a.stdin)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read a result: %w", err)
	}
	docs, err := result.Decode(file, data)
	if err != nil {
		return nil, err
	}
	all := len(docs)
	docs = slices.DeleteFunc(docs, func(d any) bool { return d == any(result.Examination{}) })
	switch left := all - len(docs); {
	case len(docs) == 0:
		return nil, fmt.Errorf("%s: it holds what doctor wrote, and no measurement", file)
	case left > 0 && !a.quiet:
		fmt.Fprintf(a.stderr, "energyprobe: %s: %d of %d results are what doctor wrote and hold no measurement: left out\n", file, left, all)
	}
	return docs, nil
}

// sidesOf returns what a file of results has to compare: every command of
// repeated runs, and all single runs as one.
func (a *app) sidesOf(file string) ([]report.Side, error) {
	all, err := a.readResults(file)
	if err != nil {
		return nil, err
	}
	var sides []report.Side
	var runs []*report.Run
	for _, r := range all {
		switch r := r.(type) {
		case *report.Trials:
			sides = append(sides, compare.Sides(r, file)...)
		case *report.Comparison:
			sides = append(sides, r.Sides...)
		case *report.Run:
			runs = append(runs, r)
		default:
			return nil, fmt.Errorf("%s: a %s has nothing to compare", file, resultName(r))
		}
	}
	if len(runs) > 0 {
		sides = append(sides, compare.Single(runs, file))
	}
	return sides, nil
}
