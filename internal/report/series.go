package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Series is the time series of a run: joules per domain and sample. It holds
// 8 bytes per value (a map per sample would hold some sixty), so an hour at
// 1 kHz of five domains takes 173 MB. Its JSON form is an array of Sample.
//
// It is not safe for concurrent use.
type Series struct {
	domains []string
	quoted  []string    // domains as JSON strings
	chunks  [][]float64 // rows of 1+len(domains) values: t, joules...
	n       int
}

// chunkRows is how many samples are allocated at once. Chunks instead of one
// growing slice: growth would copy, and hold two copies while it does.
const chunkRows = 4096

// Sample is a point of a Series as JSON shows it. EnergyJ holds the joules
// since the last sample that has the domain, or since the start; a domain that
// could not be read is missing.
type Sample struct {
	TS      float64            `json:"t_s"`      // seconds since the start of the window
	EnergyJ map[string]float64 `json:"energy_j"` // joules by domain ID since the domain's last sample
}

// NewSeries returns an empty series for the domains with these IDs.
func NewSeries(domains []string) *Series {
	s := &Series{domains: slices.Clone(domains)}
	for _, id := range domains {
		q, _ := json.Marshal(id) // a string always has a JSON form
		s.quoted = append(s.quoted, string(q))
	}
	return s
}

// Domains returns the IDs of the domains, in the order of the values. The
// caller does not modify it. It is safe on a nil receiver, as Len is.
func (s *Series) Domains() []string {
	if s == nil {
		return nil
	}
	return s.domains
}

// Len returns the number of samples.
func (s *Series) Len() int {
	if s == nil {
		return 0
	}
	return s.n
}

// Append adds a sample taken t seconds after the start; energyJ holds the
// joules per domain since the domain's last sample, NaN where the domain could
// not be read. It keeps no reference to energyJ, and allocates once in 4096
// calls.
func (s *Series) Append(t float64, energyJ []float64) {
	if len(energyJ) != len(s.domains) {
		panic(fmt.Sprintf("report: a sample of %d values in a series of %d domains", len(energyJ), len(s.domains)))
	}
	width := 1 + len(s.domains)
	if s.n%chunkRows == 0 {
		s.chunks = append(s.chunks, make([]float64, 0, chunkRows*width))
	}
	c := &s.chunks[len(s.chunks)-1]
	*c = append(*c, t)
	*c = append(*c, energyJ...)
	s.n++
}

// At returns sample i: its time in seconds and the joules per domain, NaN
// where unknown. The caller does not modify energyJ.
func (s *Series) At(i int) (t float64, energyJ []float64) {
	width := 1 + len(s.domains)
	c := s.chunks[i/chunkRows]
	row := c[i%chunkRows*width:][:width:width]
	return row[0], row[1:]
}

// AppendJSON appends sample i as a JSON object to dst. The values must be
// finite or NaN.
func (s *Series) AppendJSON(dst []byte, i int) []byte {
	t, energyJ := s.At(i)
	dst = append(dst, `{"t_s":`...)
	dst = strconv.AppendFloat(dst, t, 'g', -1, 64)
	dst = append(dst, `,"energy_j":{`...)
	first := true
	for k, j := range energyJ {
		if math.IsNaN(j) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, s.quoted[k]...)
		dst = append(dst, ':')
		dst = strconv.AppendFloat(dst, j, 'g', -1, 64)
	}
	return append(dst, "}}"...)
}

// MarshalJSON returns the series as an array of samples. For a long one,
// output's JSON writer streams instead.
func (s *Series) MarshalJSON() ([]byte, error) {
	dst := []byte{'['}
	for i := range s.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.AppendJSON(dst, i)
	}
	return append(dst, ']'), nil
}

// UnmarshalJSON reads an array of samples. The domains are those of all
// samples together, in order of their names.
func (s *Series) UnmarshalJSON(data []byte) error {
	column := map[string]int{}
	err := eachSample(data, func(p *Sample) {
		for id := range p.EnergyJ {
			column[id] = 0
		}
	})
	if err != nil {
		return err
	}
	*s = *NewSeries(slices.Sorted(maps.Keys(column)))
	for i, id := range s.domains {
		column[id] = i
	}
	row := make([]float64, len(s.domains))
	return eachSample(data, func(p *Sample) {
		for i := range row {
			row[i] = math.NaN()
		}
		for id, j := range p.EnergyJ {
			row[column[id]] = j
		}
		s.Append(p.TS, row)
	})
}

// eachSample calls f with every sample of a JSON array, one at a time; f keeps
// no reference.
func eachSample(data []byte, f func(*Sample)) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	open, err := dec.Token()
	if err != nil {
		return fmt.Errorf("read samples: %w", err)
	}
	if open != json.Delim('[') {
		return fmt.Errorf("read samples: want an array, got %v", open)
	}
	var p Sample
	for i := 0; dec.More(); i++ {
		p.TS = 0
		clear(p.EnergyJ)
		if err := dec.Decode(&p); err != nil {
			return fmt.Errorf("read sample %d: %w", i, err)
		}
		f(&p)
	}
	return nil
}
