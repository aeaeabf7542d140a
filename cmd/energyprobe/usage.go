package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagGroup is a part of a verb's list of flags.
type flagGroup struct {
	title string
	names []string
}

// usageWidth is that of help: a terminal's usual.
const usageWidth = 80

// groupUsage lists the flags of c, and those it shares with other verbs, under
// titles. A flag that no group names stands under the last.
func groupUsage(c *cobra.Command, groups []flagGroup) {
	c.SetUsageFunc(func(c *cobra.Command) error {
		var b strings.Builder
		fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
		if c.HasExample() {
			fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
		}
		named := map[string]bool{}
		sets := make([]*pflag.FlagSet, len(groups))
		for i, g := range groups {
			sets[i] = pflag.NewFlagSet(g.title, pflag.ContinueOnError)
			sets[i].SortFlags = false
			for _, name := range g.names {
				if f := c.Flag(name); f != nil && !f.Hidden {
					sets[i].AddFlag(f)
					named[name] = true
				}
			}
		}
		rest := func(f *pflag.Flag) {
			if !named[f.Name] && !f.Hidden {
				sets[len(sets)-1].AddFlag(f)
			}
		}
		c.LocalFlags().VisitAll(rest)
		c.InheritedFlags().VisitAll(rest)
		for i, g := range groups {
			fmt.Fprintf(&b, "\n%s:\n%s", g.title, sets[i].FlagUsagesWrapped(usageWidth))
		}
		_, err := io.WriteString(c.OutOrStderr(), b.String())
		return err
	})
}

// hideFlags leaves shared flags that mean nothing to c out of its help.
func hideFlags(c *cobra.Command, names ...string) {
	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		for _, name := range names {
			if flag := c.InheritedFlags().Lookup(name); flag != nil {
				flag.Hidden = true
			}
		}
		c.Root().HelpFunc()(c, args)
	})
}
