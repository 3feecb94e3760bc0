package kernel

import "math"

// Table is a codebook prepared for lookup. It always answers 256 indices: those
// beyond the codebook read as +0. Immutable, safe for concurrent use.
type Table struct {
	// The assembly relies on the place of these four (_gen/source.go).
	values [256]float32
	planes [4][256]byte   // planes[p][i] is byte p (0 = lowest) of values[i]
	words  [2][256]uint16 // words[h][i] is half h (0 = lower) of values[i]
	// chain is the first 64 entries of planes, those from 16 on xored with the
	// entry 16 before.
	chain   [4][64]byte
	entries int
	bf16    bool
}

// NewTable prepares up to 256 values; it panics if there are more. The values
// are copied.
func NewTable(values []float32) *Table {
	if len(values) > 256 {
		panicf("NewTable: %d values, at most 256", len(values))
	}
	t := &Table{entries: len(values), bf16: true}
	copy(t.values[:], values)
	for i, v := range t.values {
		bits := math.Float32bits(v)
		for p := range t.planes {
			t.planes[p][i] = byte(bits >> (8 * p))
			if i < 16 {
				t.chain[p][i] = t.planes[p][i]
			} else if i < 64 {
				t.chain[p][i] = t.planes[p][i] ^ t.planes[p][i-16]
			}
		}
		t.words[0][i], t.words[1][i] = uint16(bits), uint16(bits>>16)
		if bits&0xFFFF != 0 {
			t.bf16 = false
		}
	}
	return t
}

// Value returns the weight that index i stands for.
func (t *Table) Value(i byte) float32 { return t.values[i] }
