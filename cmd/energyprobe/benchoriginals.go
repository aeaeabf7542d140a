package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/bench"
	"github.com/energyprobe/energyprobe/internal/shell"
)

func (a *app) benchOriginalsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "originals DIR",
		Short: "Write the applications as they were first written, in Python, and a matrix of them",
		Long: `Write four Python programs (scikit-learn, LightGBM or what stands in for it, OpenCV,
ffmpeg) and a matrix that runs them into DIR. What they need, and the line that
installs it: energyprobe bench doctor.`,
		Example: `  energyprobe bench originals originals
  sudo energyprobe bench matrix -f originals/matrix.yaml --dir results`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			matrix, err := bench.WriteOriginals(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "energyprobe bench matrix -f %s\n", shell.Quote(matrix))
			return err
		},
	}
	hideFlags(c, "source", "format", "output", "host-root", "history")
	return c
}
