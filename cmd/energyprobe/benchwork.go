package main

import (
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/energyprobe/energyprobe/bench/work"
)

// The names of bench's own processes.
const (
	coordinatorVerb = "coordinate"
	workerVerb      = "work"
)

// coordinateCommand has a cell's work done. It is started by bench, and ends when
// its standard input does.
func (a *app) coordinateCommand() *cobra.Command {
	return &cobra.Command{
		Use: coordinatorVerb, Hidden: true, Short: "Have the work of a benchmark done, until standard input ends", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A terminal's ^C is for bench, which ends this process.
			signal.Ignore(unix.SIGINT, unix.SIGQUIT)
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return work.Coordinate(cmd.Context(), a.stdin, a.stdout, []string{self, "bench", workerVerb}, work.Apps())
		},
	}
}

// workCommand is one of the processes that do it.
func (a *app) workCommand() *cobra.Command {
	return &cobra.Command{
		Use: workerVerb, Hidden: true, Short: "Do one part of a benchmark's work, until standard input ends", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return work.Serve(work.Apps(), os.Stdin, a.stdout) },
	}
}
