package main

import (
	"github.com/spf13/cobra"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doctor",
		GroupID: "host",
		Short:   "Say what can be measured here, and the exact fix for what can't",
		Args:    cobra.NoArgs,
	}
}
