package cdna

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// latticeSample is a matrix whose columns have spreads from below one to several hundred, so that it has escapes.
func latticeSample(rows, cols int, bf16 bool) *LatticeMatrix {
	r := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	m := &LatticeMatrix{Rows: rows, Cols: cols, Codes: make([]byte, rows*cols), ColumnScale: make([]float32, cols), RowScale: make([]float32, rows)}
	spread := make([]float64, cols)
	for j := range spread {
		spread[j] = math.Exp(r.NormFloat64()) * 2
		if j == cols/2 {
			spread[j] = 300
		}
	}
	for i := range m.Codes {
		switch z := int64(math.Round(r.NormFloat64() * spread[i%cols])); {
		case isCode(z):
			m.Codes[i] = byte(z + LatticeZero)
		default:
			m.Codes[i] = LatticeZero
			m.Escapes = append(m.Escapes, Escape{uint64(i), int32(z)})
		}
	}
	for _, scales := range [][]float32{m.ColumnScale, m.RowScale} {
		for i := range scales {
			scales[i] = float32(math.Exp(r.NormFloat64()))
			if bf16 {
				scales[i] = dtype.FromBF16(dtype.ToBF16(scales[i]))
			}
		}
	}
	return m
}

// weights are those of m, by their definition.
func (m *LatticeMatrix) weights() []float32 {
	z := make([]int32, len(m.Codes))
	for i, code := range m.Codes {
		z[i] = int32(code) - 128
	}
	for _, e := range m.Escapes {
		z[e.Position] = e.Value
	}
	w := make([]float32, len(z))
	for i := range w {
		step := float32(z[i]) * m.ColumnScale[i%m.Cols]
		w[i] = step
		if m.RowScale != nil {
			w[i] *= m.RowScale[i/m.Cols]
		}
	}
	return w
}

func writeLatticeFile(t testing.TB, m *LatticeMatrix, o LatticeOptions) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w"+LatticeSuffix)
	stats, err := CreateLattice(path, m, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || stats.TotalBytes != int64(len(b)) || stats.IndexBytes != int64(len(m.Codes)) {
		t.Fatalf("%+v, %d bytes, %v", stats, len(b), err)
	}
	return b
}

func openLatticeBytes(b []byte) (*Lattice, error) {
	return NewLattice(context.Background(), bytes.NewReader(b), int64(len(b)), "test")
}

// verifyLattice opens and verifies b, and reads all of it.
func verifyLattice(b []byte) ([]float32, error) {
	f, err := openLatticeBytes(b)
	if err != nil {
		return nil, err
	}
	if err := f.Verify(context.Background(), 1); err != nil {
		return nil, err
	}
	w := make([]float32, f.Rows()*f.Cols())
	return w, f.ReadFloat32(context.Background(), w, 0, nil)
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func TestLatticeRoundTrip(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {37, 23}, {5, 1}, {1, 40}, {64, 129}} {
		for _, codec := range []string{"", AliasCodec, "none", "huff0", "zstd", "lz4", "brotli", PackedCodec} {
			for _, classes := range []int{0, 1, 3, 16} {
				m := latticeSample(shape[0], shape[1], classes != 3)
				one := 1.0
				o := LatticeOptions{
					TensorName: "w.ü", BlockRows: 5, Codec: codec, Threads: 1, Classes: classes,
					Extra: map[string]any{"who": "test"}, Fidelity: &FidelityStats{CosineNoSidecar: &one},
				}
				b := writeLatticeFile(t, m, o)
				o.Threads = 3
				if again := writeLatticeFile(t, m, o); !bytes.Equal(b, again) {
					t.Fatalf("%v, %s: the bytes depend on the threads", shape, codec)
				}
				f, err := openLatticeBytes(b)
				if err != nil {
					t.Fatal(err)
				}
				h := f.Header()
				if h.TensorName != "w.ü" || f.Rows() != m.Rows || f.Cols() != m.Cols || string(h.Extra["who"]) != `"test"` || *h.Fidelity.CosineNoSidecar != 1 {
					t.Errorf("%+v", h)
				}
				if !sameBits(f.ColumnScale(), m.ColumnScale) || !sameBits(f.RowScale(), m.RowScale) || !slices.Equal(f.Escapes(), m.Escapes) {
					t.Error("other scales or escapes")
				}
				want := m.weights()
				if got, err := verifyLattice(b); err != nil || !sameBits(got, want) {
					t.Fatalf("%v, %s: %v", shape, codec, err)
				}
				for _, part := range [][2]int{{0, 0}, {len(want) / 3, len(want) / 2}, {len(want) - 1, len(want)}} {
					got := make([]float32, part[1]-part[0])
					if err := f.ReadFloat32(context.Background(), got, part[0], nil); err != nil || !sameBits(got, want[part[0]:part[1]]) {
						t.Errorf("%v: %v", part, err)
					}
				}
				if err := f.ReadFloat32(context.Background(), make([]float32, 2), len(want)-1, nil); !errors.Is(err, ErrShape) {
					t.Errorf("beyond the end: %v", err)
				}
				checkLatticeOrder(t, f, m)
				size, err := LatticeSize(m, o)
				if err != nil || size.File != int64(len(b)) || size.Codes != int64(len(b))-f.Block(0).Offset || size.Resident != f.ResidentBytes() {
					t.Errorf("%+v, %v", size, err)
				}
			}
		}
	}
}

// checkLatticeOrder compares the codes with m's by what f says of their places.
func checkLatticeOrder(t *testing.T, f *Lattice, m *LatticeMatrix) {
	t.Helper()
	codes := make([]byte, len(m.Codes))
	if err := f.ReadRows(context.Background(), codes, 0, m.Rows, nil); err != nil {
		t.Fatal(err)
	}
	order, places, classes := f.Order(), f.Places(), f.Classes()
	for k := range f.NumClasses() {
		for p := f.Starts()[k]; p < f.Starts()[k+1]; p++ {
			column := order[p]
			if int(classes[column]) != k || places[column] != uint32(p) {
				t.Fatalf("place %d, class %d, column %d", p, k, column)
			}
			for i := range m.Rows {
				code := codes[i*m.Cols+p]
				if code != m.Codes[i*m.Cols+int(column)] {
					t.Fatalf("row %d, place %d: other code", i, p)
				}
			}
		}
	}
	var size tiles.Size
	for i := range f.NumBlocks() {
		b := f.Block(i)
		for row := b.FirstRow; row < b.FirstRow+b.Rows; row += tiles.Rows {
			size.Add(tiles.Measure(codes[row*m.Cols:min(row+tiles.Rows, b.FirstRow+b.Rows)*m.Cols], m.Cols))
		}
	}
	if lines, exceptions := f.Packed(); size.Lines != lines || size.Exceptions != exceptions {
		t.Errorf("packed the codes take %+v, it says %d lines and %d bytes of exceptions", size, lines, exceptions)
	}
}
