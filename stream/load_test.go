package stream

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/memory"
)

// TestLoadTogether loads matrices of every kind at once, some twice, with and without a budget, and multiplies by them.
func TestLoadTogether(t *testing.T) {
	const cols = 300
	for _, threads := range []int{1, 3} {
		for _, budget := range []*memory.Ledger{nil, memory.NewLedger(1 << 24)} {
			e, err := NewEngine(EngineOptions{Threads: threads, Budget: budget})
			if err != nil {
				t.Fatal(err)
			}
			var matrices []Matrix
			var want [][]float32
			x := vectors(2, cols, 1).Data
			for i, o := range []cdna.LatticeOptions{{BlockRows: 16}, {Codec: cdna.PackedCodec, BlockRows: 16}, {Codec: cdna.PackedCodec, BlockRows: 5}, {Codec: "none", BlockRows: 7}, {Codec: "zstd"}, {Codec: cdna.AliasCodec}} {
				m, err := e.OpenLattice(writeLattice(t, latticeMatrix(33+17*i, cols, uint64(i)), o), MatrixOptions{})
				if err != nil {
					t.Fatal(err)
				}
				matrices = append(matrices, m)
			}
			dense, err := e.NewDense(3, cols, func(dst []float32, _, _ int) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			matrices = append(matrices, dense)
			product := func(m Matrix) []float32 {
				y := make([]float32, 2*m.Rows())
				if _, err := m.RowsDot(t.Context(), y, x, 0, m.Rows()); err != nil {
					t.Fatal(err)
				}
				return y
			}
			for _, m := range matrices {
				want = append(want, product(m))
			}
			if err := e.Load(t.Context(), append(slices.Clone(matrices), matrices[1], matrices[0])); err != nil {
				t.Fatal(err)
			}
			for i, m := range matrices {
				if l, ok := m.(*Lattice); ok && m.ResidentBytes() != l.layout.ResidentBytes {
					t.Errorf("matrix %d holds %d bytes, want %d", i, m.ResidentBytes(), l.layout.ResidentBytes)
				}
				sameBits(t, "resident", product(m), want[i])
			}
			for _, m := range matrices {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := e.Close(); err != nil || budget != nil && budget.Used() != 0 {
				t.Errorf("%v, or the budget is in use", err)
			}
		}
	}
}

// TestLoadTogetherFails: one that is damaged leaves all as they were, and names itself; so does the end of the context, and
// a budget for all but the last.
func TestLoadTogetherFails(t *testing.T) {
	for _, codec := range []string{"", cdna.PackedCodec} {
		good := writeLattice(t, latticeMatrix(40, 64, 1), cdna.LatticeOptions{BlockRows: 8, Codec: codec})
		bad := writeLattice(t, latticeMatrix(40, 64, 2), cdna.LatticeOptions{BlockRows: 8, Codec: codec})
		b, err := os.ReadFile(bad)
		if err != nil {
			t.Fatal(err)
		}
		f, err := cdna.OpenLattice(bad)
		if err != nil {
			t.Fatal(err)
		}
		size := f.PackedBytes()
		b[f.Block(3).Offset+9] ^= 4
		f.Close()
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		budget := memory.NewLedger(1 << 20)
		e, err := NewEngine(EngineOptions{Threads: 2, Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		x, err := e.OpenLattice(good, MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		y, err := e.OpenLattice(bad, MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		err = e.Load(t.Context(), []Matrix{x, y})
		if !errors.Is(err, cdna.ErrChecksum) && !errors.Is(err, cdna.ErrCorrupt) || x.ResidentBytes() != 0 || y.ResidentBytes() != 0 {
			t.Errorf("%q: %v, %d and %d bytes resident", codec, err, x.ResidentBytes(), y.ResidentBytes())
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Load(ended, []Matrix{x}); !errors.Is(err, context.Canceled) || x.ResidentBytes() != 0 {
			t.Errorf("%v, %d bytes resident", err, x.ResidentBytes())
		}
		if err := budget.Reserve("the rest", 1<<20-budget.Used()-size); err != nil {
			t.Fatal(err)
		}
		if err := e.Load(t.Context(), []Matrix{x, y}); !errors.Is(err, ErrBudget) || x.ResidentBytes() != 0 {
			t.Errorf("%v, %d bytes resident", err, x.ResidentBytes())
		}
		if err := errors.Join(x.Close(), y.Close(), e.Close()); err != nil {
			t.Error(err)
		}
	}
}
