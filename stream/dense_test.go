package stream

import (
	"errors"
	"math"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
)

// TestDenseHasTheSameBits compares dense matrices of a codebook's values with the
// compressed matrix.
func TestDenseHasTheSameBits(t *testing.T) {
	m := newMatrix(57, 203, 0, 4) // its values are bfloat16
	weights := make([]float32, len(m.indices))
	for i, index := range m.indices {
		weights[i] = m.values[index]
	}
	x := vectors(7, m.cols, 1)
	want := m.oracleTransposed(x)
	for _, threads := range []int{1, 3} {
		b := memory.NewLedger(1 << 20)
		e, err := NewEngine(EngineOptions{Threads: threads, Budget: b})
		if err != nil {
			t.Fatal(err)
		}
		f32, err := e.NewDense(m.rows, m.cols, func(dst []float32, a, b int) error {
			copy(dst, weights[a*m.cols:b*m.cols])
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		bf16, err := e.NewDenseBF16(m.rows, m.cols, func(dst []uint16, a, b int) error {
			for i, w := range weights[a*m.cols : b*m.cols] {
				dst[i] = uint16(math.Float32bits(w) >> 16)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*Dense{f32, bf16} {
			y := make([]float32, 7*m.rows)
			if _, err := d.RowsDot(t.Context(), y, x.Data, 0, m.rows); err != nil {
				t.Fatal(err)
			}
			sameBits(t, "dense", y, want)
			one := make([]float32, 20)
			if _, err := d.RowsDot(t.Context(), one, x.Data[:m.cols], 13, 33); err != nil {
				t.Fatal(err)
			}
			sameBits(t, "dense rows", one, want[13:33])
			row := make([]float32, 2*m.cols)
			if err := d.Floats(t.Context(), row, 5, 7); err != nil {
				t.Fatal(err)
			}
			sameBits(t, "weights", row, weights[5*m.cols:7*m.cols])
			if _, err := d.RowsDot(t.Context(), y, x.Data, 0, m.rows+1); !errors.Is(err, ErrShape) {
				t.Errorf("a row too many: %v", err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		if b.Used() != 0 {
			t.Errorf("%d bytes are in use after Close", b.Used())
		}
		broken := errors.New("broken")
		if _, err := e.NewDense(4, 4, func([]float32, int, int) error { return broken }); !errors.Is(err, broken) || b.Used() != 0 {
			t.Errorf("%v, %d bytes in use", err, b.Used())
		}
		if _, err := e.NewDense(1024, 1024, nil); !errors.Is(err, ErrBudget) {
			t.Errorf("beyond the budget: %v", err)
		}
		e.Close()
	}
}
