// Package latticetest makes model directories of lattice matrices for tests of what runs them, not of how good they are.
package latticetest

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/model"
)

// Convert puts lattice files in the place of the matrices of the model directory dir that are lossless: steps of so much of
// the columns' spread, rounded to the nearest, and row scales that are near one. It changes the manifest accordingly.
func Convert(t testing.TB, dir string, step float64) {
	t.Helper()
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Tensors() {
		if e.Format != model.FormatLossless || e.SameAs != "" {
			continue
		}
		f, err := m.OpenLossless(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		rows, cols, block := f.Rows(), f.Cols(), f.Block(0).Rows
		w := make([]float32, rows*cols)
		err = f.ReadFloat32(t.Context(), w, 0, nil)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		replace(t, m, e, Round(w, rows, cols, step), block)
	}
	m.Manifest.RootSHA256 = ""
	m.Manifest.RootScheme = 0
	if err := m.Manifest.Write(dir); err != nil {
		t.Fatal(err)
	}
}

// Round returns the lattice matrix nearest to w [rows, cols] with steps of so much of the columns' spread.
func Round(w []float32, rows, cols int, step float64) *cdna.LatticeMatrix {
	z := &cdna.LatticeMatrix{
		Rows: rows, Cols: cols, Codes: make([]byte, rows*cols), ColumnScale: make([]float32, cols), RowScale: make([]float32, rows),
	}
	r := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	for i := range z.RowScale {
		z.RowScale[i] = bf16(0.9 + 0.2*r.Float64())
	}
	for j := range cols {
		sum := 0.0
		for i := range rows {
			v := float64(w[i*cols+j])
			sum += v * v
		}
		spread := math.Sqrt(sum/float64(rows)) * math.Exp(0.4*r.NormFloat64()) // classes of several widths
		z.ColumnScale[j] = bf16(max(1e-6, step*spread))
	}
	for i, v := range w {
		k := math.Round(float64(v) / (float64(z.ColumnScale[i%cols]) * float64(z.RowScale[i/cols])))
		if z.Codes[i] = byte(k + cdna.LatticeZero); k < -128 || k > 127 {
			z.Codes[i] = cdna.LatticeZero
			z.Escapes = append(z.Escapes, cdna.Escape{Position: uint64(i), Value: int32(k)})
		}
	}
	return z
}

func bf16(v float64) float32 { return dtype.FromBF16(dtype.ToBF16(float32(v))) }

// replace writes the file of tensor e anew and says so of all that share it.
func replace(t testing.TB, m *model.Model, e model.Tensor, z *cdna.LatticeMatrix, blockRows int) {
	t.Helper()
	path := m.Path(e.File)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := cdna.CreateLattice(path, z, cdna.LatticeOptions{TensorName: e.Name, BlockRows: blockRows}); err != nil {
		t.Fatal(err)
	}
	f, err := cdna.OpenLattice(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, size, err := model.HashFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := f.PackedSums(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range m.Manifest.Tensors {
		if other.File != e.File {
			continue
		}
		other.Format, other.DType, other.Fidelity = model.FormatLattice, "", nil
		other.SHA256, other.HeadSHA256, other.BlockCRC32C, other.CompressedBytes = sum, f.HeadSHA256(), sums, size
		m.Manifest.Tensors[name] = other
	}
	i := slices.IndexFunc(m.Manifest.Files, func(f model.File) bool { return f.File == e.File })
	if i >= 0 {
		m.Manifest.Files[i].SHA256, m.Manifest.Files[i].Bytes = sum, size
	}
}
