package stream

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/memory"
)

// losslessKinds are all types that a lossless file holds.
var losslessKinds = []dtype.Type{dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2}

// losslessFile writes random finite elements of a type and returns the file's path
// and the weights.
func losslessFile(t *testing.T, kind dtype.Type, rows, cols, blockRows int, codec string) (string, []float32) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(cols)))
	raw := make([]byte, rows*cols*kind.Size())
	for i := range raw {
		raw[i] = byte(r.Uint32())
		if (i+1)%kind.Size() == 0 {
			raw[i] &= 0xbf // no exponent of all ones
		}
	}
	weights := make([]float32, rows*cols)
	dtype.Decode(weights, raw, kind)
	path := filepath.Join(t.TempDir(), "w"+cdna.LosslessSuffix)
	w, err := cdna.CreateLossless(path, cdna.LosslessOptions{TensorName: "w", Rows: rows, Cols: cols, DType: kind, BlockRows: blockRows, Codec: codec})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return path, weights
}

// TestLosslessHasTheBitsOfDense multiplies by lossless matrices, streamed and
// resident, and by the dense matrix of the same values.
func TestLosslessHasTheBitsOfDense(t *testing.T) {
	const rows, cols, batch = 57, 203, 5
	for _, kind := range losslessKinds {
		for _, codec := range []string{"zstd", "none"} {
			path, weights := losslessFile(t, kind, rows, cols, 8, codec)
			x := vectors(batch, cols, 1)
			for _, threads := range []int{1, 3} {
				b := memory.NewLedger(1 << 20)
				e, err := NewEngine(EngineOptions{Threads: threads, Budget: b})
				if err != nil {
					t.Fatal(err)
				}
				d, err := e.NewDense(rows, cols, func(dst []float32, a, b int) error {
					copy(dst, weights[a*cols:b*cols])
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				want := make([]float32, batch*rows)
				if _, err := d.RowsDot(t.Context(), want, x.Data, 0, rows); err != nil {
					t.Fatal(err)
				}
				m, err := e.OpenLossless(path, "")
				if err != nil {
					t.Fatal(err)
				}
				check := func(state string) {
					t.Helper()
					y := make([]float32, batch*rows)
					if _, err := m.RowsDot(t.Context(), y, x.Data, 0, rows); err != nil {
						t.Fatal(err)
					}
					sameBits(t, state+" "+string(kind), y, want)
					some := make([]float32, 20)
					if _, err := m.RowsDot(t.Context(), some, x.Data[:cols], 13, 33); err != nil {
						t.Fatal(err)
					}
					sameBits(t, state+" rows", some, want[13:33])
					part := make([]float32, 12*cols)
					if err := m.Floats(t.Context(), part, 5, 17); err != nil {
						t.Fatal(err)
					}
					sameBits(t, state+" weights", part, weights[5*cols:17*cols])
					if _, err := m.RowsDot(t.Context(), y, x.Data, 0, rows+1); !errors.Is(err, ErrShape) {
						t.Errorf("a row too many: %v", err)
					}
					if err := m.Floats(t.Context(), part, 50, 62); !errors.Is(err, ErrShape) {
						t.Errorf("rows too many: %v", err)
					}
				}
				check("streamed")
				before := b.Used()
				if err := m.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := b.Used() - before; got != m.layout.ResidentBytes {
					t.Errorf("%s: %d bytes resident, planned %d", kind, got, m.layout.ResidentBytes)
				}
				check("resident")
				if err := m.Unload(); err != nil {
					t.Error(err)
				}
				check("streamed again")
				if err := errors.Join(m.Close(), d.Close(), e.Close()); err != nil || b.Used() != 0 {
					t.Errorf("%v, %d bytes in use", err, b.Used())
				}
			}
		}
	}
}

// TestLosslessWithinTheBudget runs in the least that the plan names, and not below.
func TestLosslessWithinTheBudget(t *testing.T) {
	for _, kind := range losslessKinds {
		path, _ := losslessFile(t, kind, 40, 64, 8, "zstd")
		f, err := cdna.OpenLossless(path)
		if err != nil {
			t.Fatal(err)
		}
		layout := LosslessLayout(f)
		f.Close()
		p, err := PlanResidency(1<<30, 1, []Layout{layout})
		if err != nil || !p.Resident[0] {
			t.Fatalf("%+v, %v", p, err)
		}
		for _, less := range []int64{0, 1} {
			e, err := NewEngine(EngineOptions{Threads: 2, Budget: memory.NewLedger(p.Minimum - less)})
			if err != nil {
				t.Fatal(err)
			}
			m, err := e.OpenLossless(path, "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.RowsDot(t.Context(), make([]float32, 40), make([]float32, 64), 0, 40)
			if less == 0 && err != nil || less == 1 && !errors.Is(err, ErrBudget) {
				t.Errorf("%s, %d bytes less than the minimum: %v", kind, less, err)
			}
			if err := m.Load(t.Context()); !errors.Is(err, ErrBudget) {
				t.Errorf("loaded within the minimum: %v", err)
			}
			if err := errors.Join(m.Close(), e.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestLosslessDamage flips a bit of a mantissa, which decodes all the same.
func TestLosslessDamage(t *testing.T) {
	path, _ := losslessFile(t, dtype.BF16, 40, 64, 8, "none")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(b)
	b[len(b)-2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	m, err := e.OpenLossless(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x, y := make([]float32, 64), make([]float32, 40)
	if _, err := m.RowsDot(t.Context(), y[:32], x, 0, 32); err != nil {
		t.Errorf("the blocks before: %v", err)
	}
	if _, err := m.RowsDot(t.Context(), y, x, 0, 40); !errors.Is(err, cdna.ErrChecksum) {
		t.Errorf("product: %v", err)
	}
	if err := m.Floats(t.Context(), make([]float32, 64), 39, 40); !errors.Is(err, cdna.ErrChecksum) {
		t.Errorf("weights: %v", err)
	}
	if err := m.Load(t.Context()); !errors.Is(err, cdna.ErrChecksum) {
		t.Errorf("load: %v", err)
	}
}
