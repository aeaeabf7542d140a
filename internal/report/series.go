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
// 1 kHz of five domains takes 173 MB, and with a split six times as much. Its
// JSON form is an array of Sample.
//
// It is not safe for concurrent use.
type Series struct {
	domains []string
	quoted  []string    // domains as JSON strings
	split   bool        // rows hold a split
	chunks  [][]float64 // rows: t, the joules of each domain; with a split, SplitLines of each domain
	n       int
}

// The lines of a sample's split, in the order of their values.
const (
	SplitTarget = iota
	SplitOthers
	SplitKernel
	SplitIdle
	SplitUnattributed
	SplitLines // how many
)

// splitQuoted are their names as JSON strings.
var splitQuoted = [SplitLines]string{`"target"`, `"others"`, `"kernel"`, `"idle"`, `"unattributed"`}

// chunkRows is how many samples are allocated at once. Chunks instead of one
// growing slice: growth would copy, and hold two copies while it does.
const chunkRows = 4096

// Sample is a point of a Series as JSON shows it. EnergyJ holds the joules
// since the last sample that has the domain, or since the start; a domain that
// could not be read is missing.
type Sample struct {
	TS      float64            `json:"t_s"`      // seconds since the start of the window
	EnergyJ map[string]float64 `json:"energy_j"` // joules by domain ID since the domain's last sample
	// SplitJ is how these joules fall to those that ran, by domain ID, with
	// attribution. Lines that are known add up to energy_j.
	SplitJ map[string]SplitSample `json:"split_j,omitempty"`
}

// SplitSample is the split of one domain's joules in a Sample. A line that is
// not known is missing.
type SplitSample struct {
	Target       *float64 `json:"target,omitempty"`       // joules, as target_j
	Others       *float64 `json:"others,omitempty"`       // joules, as others_j
	Kernel       *float64 `json:"kernel,omitempty"`       // joules, as kernel_j
	Idle         *float64 `json:"idle,omitempty"`         // joules, as idle_j
	Unattributed *float64 `json:"unattributed,omitempty"` // joules, as unattributed_j
}

func (s *SplitSample) lines() [SplitLines]*float64 {
	return [SplitLines]*float64{s.Target, s.Others, s.Kernel, s.Idle, s.Unattributed}
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

// NewSplitSeries returns an empty series whose samples also hold a split of
// each domain's joules.
func NewSplitSeries(domains []string) *Series {
	s := NewSeries(domains)
	s.split = true
	return s
}

// HasSplit reports whether samples hold a split. It is safe on a nil receiver.
func (s *Series) HasSplit() bool { return s != nil && s.split }

// width is the number of values of a sample.
func (s *Series) width() int {
	if s.split {
		return 1 + (1+SplitLines)*len(s.domains)
	}
	return 1 + len(s.domains)
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
// not be read. In a series with a split, the split of this sample is not
// known. It keeps no reference to energyJ, and allocates once in 4096 calls.
func (s *Series) Append(t float64, energyJ []float64) {
	c := s.extend(t, energyJ)
	if s.split {
		for range SplitLines * len(s.domains) {
			*c = append(*c, math.NaN())
		}
	}
}

// AppendSplit is Append with the split of the joules: for each domain in turn
// SplitLines values, NaN where a line is not known. It panics when the series
// has no split.
func (s *Series) AppendSplit(t float64, energyJ, splitJ []float64) {
	if !s.split || len(splitJ) != SplitLines*len(s.domains) {
		panic(fmt.Sprintf("report: a split of %d values in a series of %d domains, with splits %v", len(splitJ), len(s.domains), s.split))
	}
	c := s.extend(t, energyJ)
	*c = append(*c, splitJ...)
}

// AddToLast adds to the last sample what followed it until t, where that is too
// near for a sample of its own. splitJ is as in AppendSplit, nil without a
// split. It panics when there is no sample.
func (s *Series) AddToLast(t float64, energyJ, splitJ []float64) {
	row := s.row(s.n - 1)
	row[0] = t
	for i, v := range energyJ {
		row[1+i] += v
	}
	for i, v := range splitJ {
		if math.IsNaN(v) && energyJ[i/SplitLines] == 0 {
			continue // of nothing, no line is missing
		}
		row[1+len(s.domains)+i] += v
	}
}

// extend starts a row and returns the chunk it is in, which has room for the
// rest of it.
func (s *Series) extend(t float64, energyJ []float64) *[]float64 {
	if len(energyJ) != len(s.domains) {
		panic(fmt.Sprintf("report: a sample of %d values in a series of %d domains", len(energyJ), len(s.domains)))
	}
	if s.n%chunkRows == 0 {
		s.chunks = append(s.chunks, make([]float64, 0, chunkRows*s.width()))
	}
	s.n++
	c := &s.chunks[len(s.chunks)-1]
	*c = append(*c, t)
	*c = append(*c, energyJ...)
	return c
}

// At returns sample i: its time in seconds and the joules per domain, NaN
// where unknown. The caller does not modify energyJ.
func (s *Series) At(i int) (t float64, energyJ []float64) {
	row := s.row(i)
	n := 1 + len(s.domains)
	return row[0], row[1:n:n]
}

// SplitAt returns the split of sample i as AppendSplit takes it, or nil in a
// series without. Samples are read and corrected through it alike: the values
// are the series' own.
func (s *Series) SplitAt(i int) []float64 {
	if !s.split {
		return nil
	}
	return s.row(i)[1+len(s.domains):]
}

// TakeBack takes joules off domain d, from its last sample back as far as it
// has to, and leaves none below 0. The lines of a sample's split shrink with it.
func (s *Series) TakeBack(d int, joules float64) {
	for i := s.n - 1; i >= 0 && joules > 0; i-- {
		row := s.row(i)
		had := row[1+d]
		if !(had > 0) {
			continue // nothing, or not known
		}
		left := max(had-joules, 0)
		joules -= had - left
		row[1+d] = left
		if s.split {
			lines := s.SplitAt(i)[d*SplitLines:][:SplitLines]
			for n := range lines {
				lines[n] *= left / had
			}
		}
	}
}

func (s *Series) row(i int) []float64 {
	width := s.width()
	return s.chunks[i/chunkRows][i%chunkRows*width:][:width:width]
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
		if !math.IsNaN(j) {
			dst = appendMember(dst, &first, s.quoted[k], j)
		}
	}
	dst = append(dst, '}')
	if s.split {
		dst = s.appendSplit(dst, s.SplitAt(i))
	}
	return append(dst, '}')
}

// appendSplit appends the split_j of a sample, nothing when nothing of it is
// known.
func (s *Series) appendSplit(dst []byte, split []float64) []byte {
	lead := `,"split_j":{`
	start := len(dst)
	for k, id := range s.quoted {
		first := true
		for i, j := range split[k*SplitLines:][:SplitLines] {
			if math.IsNaN(j) {
				continue
			}
			if first {
				dst = append(dst, lead...)
				dst = append(append(dst, id...), ":{"...)
				lead = ","
			}
			dst = appendMember(dst, &first, splitQuoted[i], j)
		}
		if !first {
			dst = append(dst, '}')
		}
	}
	if len(dst) > start {
		dst = append(dst, '}')
	}
	return dst
}

func appendMember(dst []byte, first *bool, name string, v float64) []byte {
	if !*first {
		dst = append(dst, ',')
	}
	*first = false
	dst = append(append(dst, name...), ':')
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
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
	split := false
	err := eachSample(data, func(p *Sample) {
		for id := range p.EnergyJ {
			column[id] = 0
		}
		for id := range p.SplitJ {
			column[id], split = 0, true
		}
	})
	if err != nil {
		return err
	}
	*s = *NewSeries(slices.Sorted(maps.Keys(column)))
	s.split = split
	for i, id := range s.domains {
		column[id] = i
	}
	row := make([]float64, s.width())[1:]
	return eachSample(data, func(p *Sample) {
		for i := range row {
			row[i] = math.NaN()
		}
		for id, j := range p.EnergyJ {
			row[column[id]] = j
		}
		if !split {
			s.Append(p.TS, row)
			return
		}
		energyJ, splitJ := row[:len(s.domains)], row[len(s.domains):]
		for id, lines := range p.SplitJ {
			for i, j := range lines.lines() {
				if j != nil {
					splitJ[column[id]*SplitLines+i] = *j
				}
			}
		}
		s.AppendSplit(p.TS, energyJ, splitJ)
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
		clear(p.SplitJ)
		if err := dec.Decode(&p); err != nil {
			return fmt.Errorf("read sample %d: %w", i, err)
		}
		f(&p)
	}
	return nil
}
