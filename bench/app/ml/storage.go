package ml

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// What the stages leave in the storage for each other.
const (
	inputFile       = "input.tsv"
	basisFile       = "basis.bin"
	trainFile       = "train.bin"
	testFile        = "test.bin"
	ensembleFile    = "ensemble.bin"
	predictionsFile = "predictions.bin"
	resultFile      = "result.bin"
)

func modelFile(i int) string { return fmt.Sprintf("model-%02d.bin", i) }

// record is a file of parts: each has its length before it.
type record []byte

func (r *record) bytes(b []byte) {
	*r = append(binary.LittleEndian.AppendUint32(*r, uint32(len(b))), b...)
}

func (r *record) floats(v []float64) {
	*r = binary.LittleEndian.AppendUint32(*r, uint32(8*len(v)))
	for _, f := range v {
		*r = binary.LittleEndian.AppendUint64(*r, math.Float64bits(f))
	}
}

func (r record) write(dir, name string) error {
	if err := os.WriteFile(filepath.Join(dir, name), r, 0o666); err != nil {
		return fmt.Errorf("store a stage's results: %w", err)
	}
	return nil
}

// reader takes a record apart.
type reader struct {
	path string
	b    []byte
	bad  bool
}

func open(dir, name string) (*reader, error) {
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("get the results of the stage before: %w", err)
	}
	return &reader{path: path, b: b}, nil
}

func (r *reader) bytes() []byte {
	if r.bad || len(r.b) < 4 {
		r.bad = true
		return nil
	}
	n := int(binary.LittleEndian.Uint32(r.b))
	if n > len(r.b)-4 {
		r.bad = true
		return nil
	}
	out := r.b[4 : 4+n]
	r.b = r.b[4+n:]
	return out
}

func (r *reader) floats() []float64 {
	b := r.bytes()
	r.bad = r.bad || len(b)%8 != 0
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}

// done says whether the record was what it was taken for.
func (r *reader) done(fits bool) error {
	if r.bad || len(r.b) > 0 || !fits {
		return fmt.Errorf("read %s: it is cut short or of another run; begin again with an empty directory", r.path)
	}
	return nil
}
