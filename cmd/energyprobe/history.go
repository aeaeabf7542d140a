package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/history"
	"github.com/energyprobe/energyprobe/internal/output"
	"github.com/energyprobe/energyprobe/internal/report"
	"github.com/energyprobe/energyprobe/internal/source"
)

// selection are the flags that choose results.
type selection struct {
	since, until, command, host, schema string
	last                                int
}

func (s *selection) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.since, "since", "", "results from `TIME` on: 7d, 12h, 2026-11-03, \"2026-11-03 14:30\"")
	f.StringVar(&s.until, "until", "", "results up to `TIME`; a date counts as a whole day")
	f.StringVar(&s.command, "command", "", "results whose command contains `TEXT`")
	f.StringVar(&s.host, "host", "", "results of the machine `NAME`")
	f.StringVar(&s.schema, "schema", "", "results of one `KIND`: "+strings.Join(history.Kinds(), ", "))
	f.IntVarP(&s.last, "last", "n", 0, "the newest `N` of the results only")
	complete(c, "schema", history.Kinds())
	hideFlags(c, "host-root", "history") // they are about measuring
}

func (a *app) filter(s selection) (f history.Filter, err error) {
	f = history.Filter{Command: s.command, Host: s.host, Schema: s.schema, Last: s.last}
	if _, err := source.ParseName(a.source); err != nil {
		return f, err
	}
	if a.source != source.Auto {
		f.Source = a.source
	}
	if kind, _, _ := strings.Cut(strings.TrimPrefix(s.schema, "energyprobe."), "/"); kind != "" && !slices.Contains(history.Kinds(), kind) {
		return f, fmt.Errorf("--schema %s: want one of %s", s.schema, strings.Join(history.Kinds(), ", "))
	}
	if s.last < 0 {
		return f, fmt.Errorf("--last %d: want a number above 0", s.last)
	}
	now := time.Now()
	if s.since != "" {
		if f.Since, err = parseTime(s.since, now, false); err != nil {
			return f, fmt.Errorf("--since: %w", err)
		}
	}
	if s.until != "" {
		if f.Until, err = parseTime(s.until, now, true); err != nil {
			return f, fmt.Errorf("--until: %w", err)
		}
	}
	return f, nil
}

func (a *app) historyCommand() *cobra.Command {
	var s selection
	c := &cobra.Command{
		Use:     "history",
		GroupID: "results",
		Short:   "List, show and plot the results that were kept with --history",
		Long: `List the results that were kept: every verb keeps its result when it is given
--history. They are in one file, whose name is that in ENERGYPROBE_HISTORY, or else
energyprobe/history.jsonl in $XDG_STATE_HOME or ~/.local/state. Time series are not
kept.`,
		Example: `  energyprobe run --history -- make -j8
  energyprobe history --since 7d --command make
  energyprobe history show last --format json
  energyprobe history plot --command 'make -j8'
  energyprobe history prune --older-than 365d`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("unknown subcommand %q of history\nTry: energyprobe history --help, or energyprobe history --command %s", args[0], args[0])
		},
		RunE: func(*cobra.Command, []string) error { return a.listHistory(s) },
	}
	s.add(c)
	c.AddCommand(a.historyShow(), a.historyPlot(), a.historyPathCommand(), a.historyPrune())
	return c
}

// kept reads the selected results, in the local time.
func (a *app) kept(s selection) (store *history.Store, entries []report.HistoryEntry, warnings []report.Warning, err error) {
	f, err := a.filter(s)
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := output.ParseFormat(a.format); err != nil {
		return nil, nil, nil, err
	}
	if store, err = openHistory(); err != nil {
		return nil, nil, nil, err
	}
	if entries, warnings, err = store.List(f); err != nil {
		return nil, nil, nil, err
	}
	for i := range entries {
		entries[i].StartedAt = entries[i].StartedAt.Local()
	}
	a.warn(warnings)
	if f != (history.Filter{}) && len(entries) == 0 {
		if all, _, err := store.List(history.Filter{}); err == nil && len(all) > 0 && !a.quiet {
			fmt.Fprintf(a.stderr, "energyprobe: none of the %d results is what the flags ask for\n", len(all))
		}
	}
	return store, entries, warnings, nil
}

func (a *app) warn(warnings []report.Warning) {
	for _, w := range warnings {
		if !a.quiet {
			fmt.Fprintf(a.stderr, "energyprobe: warning: %s; %s\n", w.Message, w.Advice)
		}
	}
}

func (a *app) listHistory(s selection) error {
	store, entries, warnings, err := a.kept(s)
	if err != nil {
		return err
	}
	return a.write(&report.History{Schema: report.HistorySchema, Path: store.Path(), Entries: entries, Warnings: warnings})
}

func (a *app) historyShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID|last",
		Short: "Print a kept result in any format",
		Long: `Print the result whose ID is, or begins with, ID: the list shows the first eight
characters. last is the newest. With --format json it is the document as it was kept.`,
		Example: `  energyprobe history show 9f3a1c00
  energyprobe history show last --format json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("give the ID of one result, or last; energyprobe history lists the IDs")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.showKept(args[0]) },
	}
}

func (a *app) showKept(id string) error {
	format, err := output.ParseFormat(a.format)
	if err != nil {
		return err
	}
	store, err := openHistory()
	if err != nil {
		return err
	}
	e, doc, err := store.Find(id)
	if err != nil {
		return err
	}
	if e.Samples > 0 && !a.quiet {
		fmt.Fprintf(a.stderr, "energyprobe: the time series of %d samples was not kept\n", e.Samples)
	}
	if format == output.JSON { // with what a newer version may have added
		if !json.Valid(doc) {
			return fmt.Errorf("show %s of the history %q: its line is damaged: remove it", e.ID, store.Path())
		}
		return a.write(json.RawMessage(doc))
	}
	v, err := history.Decode(e.Schema, doc)
	if err != nil {
		return fmt.Errorf("show %s of the history %q: %w", e.ID, store.Path(), err)
	}
	return a.write(v)
}

func (a *app) historyPlot() *cobra.Command {
	var s selection
	measure := report.MeasureEnergy
	c := &cobra.Command{
		Use:   "plot",
		Short: "Plot the results of one command over time",
		Long: `Plot a measure of one command over time: of the newest one that the flags select.
Only results of the same host, of the same quality and with the same exit status are
drawn. A point beyond 1.5 interquartile ranges of the quartiles is marked and named.`,
		Example: `  energyprobe history plot --command 'make -j8' --since 30d
  energyprobe history plot --measure duration_s
  energyprobe history plot --format csv -o trend.csv`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, entries, warnings, err := a.kept(s)
			if err != nil {
				return err
			}
			t, err := history.Trend(entries, measure)
			if err != nil {
				return fmt.Errorf("--measure: %w", err)
			}
			t.Warnings = warnings
			return a.write(t)
		},
	}
	s.add(c)
	c.Flags().StringVar(&measure, "measure", measure, "what to plot: "+strings.Join(history.Measures(), ", "))
	complete(c, "measure", history.Measures())
	return c
}

func (a *app) historyPathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print the name of the file that results are kept in",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := historyPath(os.Getenv)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, path)
			return err
		},
	}
}

func (a *app) historyPrune() *cobra.Command {
	var keep int
	var olderThan string
	c := &cobra.Command{
		Use:   "prune --keep N | --older-than AGE",
		Short: "Remove old results",
		Example: `  energyprobe history prune --keep 1000
  energyprobe history prune --older-than 365d`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := history.Retention{Keep: keep}
			switch {
			case !c.Flags().Changed("keep") && olderThan == "":
				return errors.New("say what may go: --keep N keeps the newest N, --older-than AGE removes what is older")
			case c.Flags().Changed("keep") && keep < 1:
				return fmt.Errorf("--keep %d: want 1 or more; to remove everything, remove the file that energyprobe history path names", keep)
			}
			if olderThan != "" {
				now := time.Now()
				var err error
				if r.Before, err = parseTime(olderThan, now, false); err != nil {
					return fmt.Errorf("--older-than: %w", err)
				}
			}
			return a.prune(r)
		},
	}
	c.Flags().IntVar(&keep, "keep", 0, "keep the newest `N` results")
	c.Flags().StringVar(&olderThan, "older-than", "", "remove results older than `AGE`: 365d, or from before a date")
	return c
}

func (a *app) prune(r history.Retention) error {
	store, err := openHistory()
	if err != nil {
		return err
	}
	removed, kept, err := store.Prune(r)
	if err == nil && !a.quiet {
		fmt.Fprintf(a.stderr, "energyprobe: %d results removed, %d kept\n", removed, kept)
	}
	return err
}
