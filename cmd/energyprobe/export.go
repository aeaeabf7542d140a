package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/energyprobe/energyprobe/internal/output"
)

// exportFlags name files that a result is written to beside where it goes.
type exportFlags struct {
	json, markdown string
}

func (f *exportFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.json, "export-json", "", "also write the result to `FILE` as JSON, every run included")
	c.Flags().StringVar(&f.markdown, "export-markdown", "", "also write it to `FILE` as Markdown")
}

// files are those to be written, "" among them where one is not wanted.
func (f *exportFlags) files() []string { return []string{f.json, f.markdown} }

func (f *exportFlags) write(v any) error {
	one := func(file string, format output.Format) error {
		if file == "" {
			return nil
		}
		return output.ToFile(file, func(w io.Writer) error { return output.Write(w, format, v, output.Options{}) })
	}
	return errors.Join(one(f.json, output.JSON), one(f.markdown, output.Markdown))
}
