package boost

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The form of a model: magic, classes, trees; the start; then for every tree the
// numbers of its nodes and leaves, the nodes (feature, bin, children) and the
// leaves. Little endian, no padding.
const magic = "boost/1\n"

const nodeSize = 2 + 1 + 2 + 2

// Encode writes a model down, so that equal models are equal bytes.
func (m *Model) Encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(le.AppendUint32([]byte(magic), uint32(m.Classes)), uint32(len(m.Trees)))
	for _, s := range m.Start {
		b = le.AppendUint64(b, math.Float64bits(s))
	}
	for _, t := range m.Trees {
		b = le.AppendUint32(le.AppendUint32(b, uint32(len(t.Nodes))), uint32(len(t.Leaves)))
		for _, n := range t.Nodes {
			b = append(le.AppendUint16(b, n.Feature), n.Bin)
			b = le.AppendUint16(le.AppendUint16(b, uint16(n.Left)), uint16(n.Right))
		}
		for _, v := range t.Leaves {
			b = le.AppendUint64(b, math.Float64bits(v))
		}
	}
	return b
}

// Decode reads what Encode wrote, for rows of so many features. What comes out
// can be asked about any such row.
func Decode(b []byte, features int) (*Model, error) {
	d := decoder{b: b}
	if string(d.take(len(magic))) != magic {
		return nil, fmt.Errorf("read a model: it doesn't begin with %q", magic)
	}
	m := &Model{Classes: d.uint32()}
	trees := d.uint32()
	if m.Classes < 1 || m.Classes > 256 || trees%m.Classes != 0 {
		return nil, fmt.Errorf("read a model: %d trees for %d classes", trees, m.Classes)
	}
	m.Start = d.floats(m.Classes)
	for i := 0; i < trees && !d.short; i++ {
		nodes, leaves := d.uint32(), d.uint32()
		raw := d.take(nodes * nodeSize)
		t := Tree{Leaves: d.floats(leaves)}
		if d.short {
			break
		}
		le := binary.LittleEndian
		for ; len(raw) > 0; raw = raw[nodeSize:] {
			t.Nodes = append(t.Nodes, Node{Feature: le.Uint16(raw), Bin: raw[2], Left: int16(le.Uint16(raw[3:])), Right: int16(le.Uint16(raw[5:]))})
		}
		if err := t.check(features); err != nil {
			return nil, fmt.Errorf("read a model: tree %d: %w", i, err)
		}
		m.Trees = append(m.Trees, t)
	}
	if d.short || len(d.b) > 0 {
		return nil, fmt.Errorf("read a model of %d trees: %d bytes are not its length", trees, len(b))
	}
	return m, nil
}

// check sees that every way down the tree ends at a leaf: children come after
// their parents.
func (t *Tree) check(features int) error {
	if len(t.Leaves) != len(t.Nodes)+1 || len(t.Nodes) > math.MaxInt16 {
		return fmt.Errorf("%d nodes have %d leaves", len(t.Nodes), len(t.Leaves))
	}
	for i, n := range t.Nodes {
		for _, c := range [2]int{int(n.Left), int(n.Right)} {
			if c >= len(t.Nodes) || c >= 0 && c <= i || -1-c >= len(t.Leaves) {
				return fmt.Errorf("node %d of %d has the child %d", i, len(t.Nodes), c)
			}
		}
		if int(n.Feature) >= features {
			return fmt.Errorf("node %d asks for feature %d of %d", i, n.Feature, features)
		}
	}
	return nil
}

type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if d.short || n < 0 || n > len(d.b) {
		d.short = true
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) uint32() int {
	if b := d.take(4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) floats(n int) []float64 {
	b := d.take(8 * n)
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}
