package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/calibrate"
	"github.com/energyprobe/energyprobe/calibrate/load"
)

// loadCommand makes one of calibrate's loads. It is started by calibrate, and
// ends when its standard input does.
func (a *app) loadCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "load KERNEL cpus=LIST [duty=PART]...",
		Hidden: true,
		Short:  "Make a load, until standard input ends",
		Args:   cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := load.Parse(strings.Join(args, " "))
			if err != nil {
				return err
			}
			// A terminal's ^C is for calibrate, which ends the load.
			signal.Ignore(unix.SIGINT, unix.SIGQUIT)
			if err := load.Confine(spec.CPUs); err != nil {
				return err
			}
			l, err := load.Start(cmd.Context(), spec)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, calibrate.Ready)
			if err == nil {
				_, err = io.Copy(io.Discard, a.stdin)
			}
			uses := l.Stop()
			if err != nil {
				return err
			}
			return json.NewEncoder(a.stdout).Encode(uses)
		},
	}
}
