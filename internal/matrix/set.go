package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/energyprobe/energyprobe/internal/report"
)

// Input is a benchmark and the file that it was read from.
type Input struct {
	File  string
	Bench *report.Bench
}

// Set is the cells of one or more benchmarks.
type Set struct {
	Files    []string
	Cells    []report.BenchCell
	Prices   []report.PriceList
	Warnings []report.Warning
}

// NewSet puts together what was read from files. A cell that stands in two of
// them, as in an index and in a file of its own, counts once, as the first has
// it.
func NewSet(inputs []Input) Set {
	var s Set
	seen := map[string]string{}
	twice := map[[2]string]int{}
	for _, in := range inputs {
		if !slices.Contains(s.Files, in.File) {
			s.Files = append(s.Files, in.File)
		}
		if p := in.Bench.Prices; p != nil && !slices.Contains(s.Prices, *p) {
			s.Prices = append(s.Prices, *p)
		}
		s.Warnings = append(s.Warnings, in.Bench.Warnings...)
		for _, c := range in.Bench.Cells {
			id := in.Bench.RunID + "/" + c.ID
			if first, dup := seen[id]; dup {
				twice[[2]string{first, in.File}]++
				continue
			}
			seen[id] = in.File
			s.Cells = append(s.Cells, c)
		}
	}
	for files, n := range twice {
		s.Warnings = append(s.Warnings, report.Warning{Code: "cells-twice",
			Message: fmt.Sprintf("%d cells of %s stand in %s already, and count once", n, files[1], files[0]),
			Advice:  "give each file or directory once"})
	}
	return s
}

// Only keeps the cells that a function says yes to.
func (s Set) Only(keep func(*report.BenchCell) bool) Set {
	var cells []report.BenchCell
	for i := range s.Cells {
		if keep(&s.Cells[i]) {
			cells = append(cells, s.Cells[i])
		}
	}
	s.Cells = cells
	return s
}

// Archs are the architectures of the cells, in the order of the table.
func (s Set) Archs() []string {
	var all []string
	for i := range s.Cells {
		if a := s.Cells[i].Arch; !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(place(archOrder, a)-place(archOrder, b), strings.Compare(a, b)) })
	return all
}

// applications are those of the cells, in the order of the table.
func (s Set) applications() []string {
	var all []string
	for i := range s.Cells {
		if a := s.Cells[i].Application; !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, compareApps)
	return all
}

// The orders of the table: what is known by name first.
var (
	appOrder  = []string{"titanic", "ml", "video", "montecarlo"}
	archOrder = []string{"aarch64", "x86_64"}
)

func place(order []string, name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

func compareApps(a, b string) int {
	return cmp.Or(place(appOrder, strings.ToLower(a))-place(appOrder, strings.ToLower(b)), strings.Compare(a, b))
}

// currency is that of the prices, "" without any. Two can't be in one table.
func (s Set) currency() (string, error) {
	var all []string
	for _, p := range s.Prices {
		if !slices.Contains(all, p.Currency) {
			all = append(all, p.Currency)
		}
	}
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	}
	return "", fmt.Errorf("costs are in %s: give results by prices of one currency", strings.Join(all, " and "))
}

// method chooses the method of all energies: the one asked for, or else the
// one that most cells have, and of several such the one that comes first in
// most.
func (s Set) method(asked string) (string, error) {
	have, first := map[string]int{}, map[string]int{}
	for i := range s.Cells {
		for k, e := range s.Cells[i].Energy {
			if e.EnergyJ == nil {
				continue
			}
			have[e.Method]++
			if k == 0 {
				first[e.Method]++
			}
		}
	}
	names := make([]string, 0, len(have))
	for m := range have {
		names = append(names, m)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(have[b]-have[a], first[b]-first[a], strings.Compare(a, b)) })
	switch {
	case asked == "" && len(names) == 0:
		return "", nil
	case asked == "":
		return names[0], nil
	case slices.Contains(names, asked):
		return asked, nil
	case len(names) == 0:
		return "", fmt.Errorf("no cell has joules, by %s or otherwise", asked)
	}
	slices.Sort(names)
	return "", fmt.Errorf("no cell has joules by the method %s; there are %s", asked, strings.Join(names, ", "))
}

// distinct are the warnings of both sides, each once: the sides may be parts of
// one file.
func distinct(sides ...[]report.Warning) []report.Warning {
	out := []report.Warning{}
	for _, w := range slices.Concat(sides...) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
