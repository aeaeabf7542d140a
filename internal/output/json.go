package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"

	"github.com/energyprobe/energyprobe/internal/energy"
	"github.com/energyprobe/energyprobe/internal/report"
)

// runJSON writes the contract of docs/schema/run.v1.json. The samples, which
// may be millions, are streamed one a line; everything else is small.
func runJSON(w io.Writer, r *report.Run) error {
	head := contractual(r)
	head.Samples = nil // omitempty: the field is gone
	if r.Samples == nil {
		return writeJSON(w, head)
	}
	c := &closingBrace{w: w}
	if err := writeJSON(c, head); err != nil {
		return err
	}
	return streamSamples(w, r.Samples)
}

func writeJSON(w io.Writer, v any) error {
	if d, ok := v.(*report.Doctor); ok && d.Checks == nil {
		filled := *d
		filled.Checks = []report.Check{}
		v = &filled
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // a command line holds <, > and &
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// contractual returns a shallow copy of r in which lists and maps that the
// contract promises are empty instead of null.
func contractual(r *report.Run) *report.Run {
	c := *r
	if c.Domains == nil {
		c.Domains = []report.Domain{}
	}
	if c.Source.Refused == nil {
		c.Source.Refused = []report.Refusal{}
	}
	if c.Models == nil {
		c.Models = map[string]report.Model{}
	}
	if c.Attribution.Method == "" {
		c.Attribution.Method = string(energy.NoMethod)
	}
	c.Metrics = maps.Clone(r.Metrics)
	if c.Metrics == nil {
		c.Metrics = map[string]report.Metric{}
	}
	if c.Warnings == nil {
		c.Warnings = []report.Warning{}
	}
	return &c
}

// closingBrace passes on a JSON object without the "\n}\n" that closes it, so
// that a last field can follow. The encoder hands over a value in one Write.
type closingBrace struct{ w io.Writer }

func (c *closingBrace) Write(p []byte) (int, error) {
	const tail = "\n}\n"
	if !bytes.HasSuffix(p, []byte(tail)) {
		return 0, errors.New("write JSON: the encoder's output does not end an object")
	}
	n, err := c.w.Write(p[:len(p)-len(tail)])
	if err != nil {
		return n, err
	}
	return len(p), nil
}

func streamSamples(w io.Writer, s *report.Series) error {
	if _, err := io.WriteString(w, ",\n  \"samples\": ["); err != nil {
		return err
	}
	var line []byte
	for i := range s.Len() {
		line = line[:0]
		if i > 0 {
			line = append(line, ',')
		}
		line = s.AppendJSON(append(line, "\n    "...), i)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n  ]\n}\n")
	return err
}
