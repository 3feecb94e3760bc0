package stream

import (
	"fmt"
	"slices"
	"sync"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// corrections are what products add at the few places where an index's value is not the weight: δ = weight − value. Those
// of a sidecar are known once a block has been unpacked for the first time.
type corrections struct {
	sparse *kernel.Sparse

	// Of a sidecar.
	sidecar *cdna.Sidecar
	mu      sync.Mutex
	known   []bool // per block, guarded by mu

	// Of escapes, which are known from the start: those of a few columns only.
	columns []uint32  // that sparse has
	scale   []float32 // and x is multiplied by in them
	places  []uint32  // of them in a row of indices
}

func newSidecar(f *cdna.File, s *cdna.Sidecar) (*corrections, error) {
	if err := f.CheckSidecar(s); err != nil {
		return nil, err
	}
	sparse, err := kernel.NewSparse(f.Rows(), f.Cols(), s.Positions, nil)
	if err != nil {
		return nil, fmt.Errorf("sidecar of tensor %q: %w", s.Header.TensorName, err)
	}
	return &corrections{sparse: sparse, sidecar: s, known: make([]bool, f.NumBlocks())}, nil
}

// learn fills in the corrections of block i, whose indices, from position start on, are given. Several workers may have
// unpacked it, for products with rows that meet in it.
func (c *corrections) learn(i int, start uint64, indices []byte, t *kernel.Table) {
	if c.sidecar == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[i] {
		return
	}
	first, last := c.sidecar.Range(start, start+uint64(len(indices)))
	for k := first; k < last; k++ {
		delta := [1]float32{c.sidecar.Value(k) - t.Value(indices[c.sidecar.Positions[k]-start])}
		c.sparse.SetDelta(k, delta[:])
	}
	c.known[i] = true
}

// newEscapes returns the integers of a lattice matrix that its codes do not hold, nil if there are none.
func newEscapes(f *cdna.Lattice) (*corrections, error) {
	escapes := f.Escapes()
	if len(escapes) == 0 {
		return nil, nil
	}
	cols := uint64(f.Cols())
	c := &corrections{columns: escapedColumns(f)}
	scale, places := f.ColumnScale(), f.Places()
	for _, column := range c.columns {
		c.scale, c.places = append(c.scale, scale[column]), append(c.places, places[column])
	}
	positions, delta := make([]uint64, len(escapes)), make([]float32, len(escapes))
	for i, e := range escapes {
		k, _ := slices.BinarySearch(c.columns, uint32(e.Position%cols))
		positions[i], delta[i] = e.Position/cols*uint64(len(c.columns))+uint64(k), float32(e.Value)
	}
	var err error
	c.sparse, err = kernel.NewSparse(f.Rows(), len(c.columns), positions, delta)
	return c, err
}

// escapedColumns returns the columns that have escapes, ascending.
func escapedColumns(f *cdna.Lattice) []uint32 {
	there := make([]bool, f.Cols())
	n := 0
	for _, e := range f.Escapes() {
		if column := e.Position % uint64(len(there)); !there[column] {
			there[column] = true
			n++
		}
	}
	columns := make([]uint32, 0, n)
	for column, escaped := range there {
		if escaped {
			columns = append(columns, uint32(column))
		}
	}
	return columns
}

// dotInput returns what the corrections of X @ Wᵀ are multiplied by, vectors of as many values as sparse has columns: x,
// or some of it, scaled, in buf, which grows.
func (c *corrections) dotInput(buf *[]float32, x []float32, cols int) []float32 {
	if c.sidecar != nil {
		return x
	}
	if n := len(x) / cols * len(c.columns); cap(*buf) < n {
		*buf = make([]float32, 0, n)
	}
	some := (*buf)[:0]
	for ; len(x) > 0; x = x[cols:] {
		for i, column := range c.columns {
			some = append(some, x[column]*c.scale[i])
		}
	}
	return some
}

// addSums adds the sums z of the corrections of X @ W to y [batch, cols], whose columns are as in the indices.
func (c *corrections) addSums(k *kernel.Kernels, y, z []float32, cols, batch int) {
	if c.sidecar != nil {
		k.AddSparse(y, cols, z, cols, batch, c.sparse)
		return
	}
	n := len(c.places)
	for v := range batch {
		for i, place := range c.places {
			at := v*cols + int(place)
			y[at] = kernel.Add(y[at], z[v*n+i])
		}
	}
}
