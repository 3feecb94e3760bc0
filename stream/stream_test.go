package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

func newTestEngine(t testing.TB, threads int) *Engine {
	t.Helper()
	e, err := NewEngine(EngineOptions{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// matrix is test data: indices, codebook and outliers of a matrix.
type matrix struct {
	rows, cols int
	values     []float32
	indices    []byte
	sidecar    *cdna.Sidecar
}

func newMatrix(rows, cols, outliers int, seed uint64) *matrix {
	return newMatrixOf(256, rows, cols, outliers, seed)
}

// newMatrixOf has a codebook of the given number of entries.
func newMatrixOf(entries, rows, cols, outliers int, seed uint64) *matrix {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &matrix{rows: rows, cols: cols, values: make([]float32, entries), indices: make([]byte, rows*cols)}
	for i := range m.values {
		m.values[i] = float32(2*i-entries+1) / 512
	}
	for i := range m.indices {
		m.indices[i] = byte(max(0, min(entries-1, int(float64(entries)*(0.5+0.15*r.NormFloat64())))))
	}
	if outliers > 0 {
		m.sidecar = &cdna.Sidecar{Header: cdna.SidecarHeader{TensorName: "t", Rows: rows, Cols: cols}}
		step := rows * cols / outliers
		for p := r.IntN(step); p < rows*cols; p += step {
			m.sidecar.Positions = append(m.sidecar.Positions, uint64(p))
			m.sidecar.Values = append(m.sidecar.Values, uint16(0x4400+r.IntN(512))) // 4 … 6
		}
	}
	return m
}

func (m *matrix) write(t testing.TB, codec string, blockRows int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("%s-%d.cdna2.hxz", codec, blockRows))
	w, err := cdna.Create(path, cdna.WriterOptions{
		TensorName: "t", Rows: m.rows, Cols: m.cols, BlockRows: blockRows, Codebook: m.values, Codec: codec,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(m.indices); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func vectors(batch, n int, seed uint64) Tensor {
	r := rand.New(rand.NewPCG(seed, 2))
	x := Tensor{Shape: []int{batch, n}, Data: make([]float32, batch*n)}
	for i := range x.Data {
		x.Data[i] = float32(r.NormFloat64())
	}
	return x
}

// oracleTransposed is X @ Wᵀ by the canon's words, a weight at a time.
func (m *matrix) oracleTransposed(x Tensor) []float32 {
	batch := len(x.Data) / m.cols
	y := make([]float32, batch*m.rows)
	for v := range batch {
		xv := x.Data[v*m.cols:][:m.cols]
		for r := range m.rows {
			var lanes [16]float32
			for j := range (m.cols + 63) / 64 * 64 {
				var a, b float32
				if j < m.cols {
					a, b = xv[j], m.values[m.indices[r*m.cols+j]]
				}
				g := j % 64
				lane := 4*(g/16) + g%8/2
				lanes[lane] = kernel.FMA32(a, b, lanes[lane])
			}
			for n := 8; n > 0; n /= 2 {
				for i := range n {
					lanes[i] += lanes[i+n]
				}
			}
			y[v*m.rows+r] = lanes[0]
		}
	}
	m.eachOutlierOutput(batch, func(v, row, col int) (x64 float32, out int) {
		return x.Data[v*m.cols+col], v*m.rows + row
	}, y)
	return y
}

// oracle is X @ W: one chain over rows per output.
func (m *matrix) oracle(x Tensor) []float32 {
	batch := len(x.Data) / m.rows
	y := make([]float32, batch*m.cols)
	for v := range batch {
		for r := range m.rows {
			for j := range m.cols {
				y[v*m.cols+j] = kernel.FMA32(x.Data[v*m.rows+r], m.values[m.indices[r*m.cols+j]], y[v*m.cols+j])
			}
		}
	}
	m.eachOutlierOutput(batch, func(v, row, col int) (float32, int) {
		return x.Data[v*m.rows+row], v*m.cols + col
	}, y)
	return y
}

// eachOutlierOutput adds to y the chains of corrections, one per output.
func (m *matrix) eachOutlierOutput(batch int, at func(v, row, col int) (x float32, out int), y []float32) {
	if m.sidecar == nil {
		return
	}
	z := map[int]float32{}
	for i, p := range m.sidecar.Positions {
		for v := range batch {
			x, out := at(v, int(p)/m.cols, int(p)%m.cols)
			z[out] = kernel.FMA32(x, m.sidecar.Value(i)-m.values[m.indices[p]], z[out])
		}
	}
	for out, c := range z {
		y[out] += c
	}
}

func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestProductsHaveTheCanonsBits checks both products against the oracle for every
// codec, several block sizes and thread counts, with and without a sidecar.
func TestProductsHaveTheCanonsBits(t *testing.T) {
	for _, outliers := range []int{0, 60} {
		m := newMatrix(57, 203, outliers, 5)
		xt, x := vectors(3, m.cols, 1), vectors(3, m.rows, 2)
		wantT, want := m.oracleTransposed(xt), m.oracle(x)
		for _, codec := range []string{"none", "huff0", "zstd", "lz4", "brotli"} {
			for _, blockRows := range []int{1, 8, 57, 100} {
				path := m.write(t, codec, blockRows)
				for _, threads := range []int{1, 2, 5} {
					name := fmt.Sprintf("%s, %d rows, %d threads, %d outliers", codec, blockRows, threads, outliers)
					w, err := newTestEngine(t, threads).Open(path, MatrixOptions{Sidecar: m.sidecar})
					if err != nil {
						t.Fatal(err)
					}
					both := func(name string) {
						yt, _, err := w.MatMulTransposed(t.Context(), xt)
						if err != nil {
							t.Fatal(name, err)
						}
						sameBits(t, name+", X @ Wᵀ", yt.Data, wantT)
						y, _, err := w.MatMul(t.Context(), x)
						if err != nil {
							t.Fatal(name, err)
						}
						sameBits(t, name+", X @ W", y.Data, want)
					}
					both(name)
					if err := w.Load(t.Context()); err != nil {
						t.Fatal(name, err)
					}
					both(name + ", resident")
					if err := w.Close(); err != nil {
						t.Error(name, err)
					}
				}
			}
		}
	}
}

// TestResidentWidths checks that 4, 6 and 8 bits are chosen and multiply alike.
func TestResidentWidths(t *testing.T) {
	for _, c := range []struct{ entries, bits int }{{2, 4}, {16, 4}, {17, 6}, {64, 6}, {65, 8}, {256, 8}} {
		for _, shape := range [][2]int{{1, 1}, {3, 64}, {57, 203}, {130, 257}} {
			m := newMatrixOf(c.entries, shape[0], shape[1], min(20, shape[0]*shape[1]/2), uint64(c.entries))
			xt, x := vectors(9, m.cols, 1), vectors(9, m.rows, 2)
			for _, threads := range []int{1, 3} {
				name := fmt.Sprintf("%d entries, %v, %d threads", c.entries, shape, threads)
				w, err := newTestEngine(t, threads).Open(m.write(t, "zstd", 5), MatrixOptions{Sidecar: m.sidecar})
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				if w.ResidentBits() != c.bits {
					t.Errorf("%s: %d bits, want %d", name, w.ResidentBits(), c.bits)
				}
				yt, s, err := w.MatMulTransposed(t.Context(), xt)
				if err != nil {
					t.Fatal(err)
				}
				sameBits(t, name+", X @ Wᵀ", yt.Data, m.oracleTransposed(xt))
				if s.BlocksVerified != 0 || s.Read != 0 {
					t.Errorf("%s: a resident product read the file", name)
				}
				y, _, err := w.MatMul(t.Context(), x)
				if err != nil {
					t.Fatal(err)
				}
				sameBits(t, name+", X @ W", y.Data, m.oracle(x))
				part := make([]float32, 9*(shape[0]-shape[0]/3))
				if _, err := w.RowsDot(t.Context(), part, xt.Data, shape[0]/3, shape[0]); err != nil {
					t.Fatal(err)
				}
				sameBits(t, name+", rows", part[:shape[0]-shape[0]/3], m.oracleTransposed(xt)[shape[0]/3:shape[0]])
				w.Close()
			}
		}
	}
	// Indices into the padding of a codebook that looks small read as zero.
	m := newMatrixOf(10, 8, 64, 0, 1)
	for i := range m.values {
		m.values[i] = float32(i+1) / 16
	}
	m.indices[100] = 200
	m.values = append(m.values, make([]float32, 246)...)
	w, err := newTestEngine(t, 1).Open(m.write(t, "none", 5), MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Load(t.Context()); err != nil || w.ResidentBits() != 8 {
		t.Errorf("%d bits, %v; want 8", w.ResidentBits(), err)
	}
}

func TestRows(t *testing.T) {
	m := newMatrix(40, 70, 30, 6)
	w, err := newTestEngine(t, 3).Open(m.write(t, "zstd", 7), MatrixOptions{Sidecar: m.sidecar})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	x := vectors(1, m.cols, 3)
	all := m.oracleTransposed(x)
	whole := make([]float32, len(m.indices))
	for i, index := range m.indices {
		whole[i] = m.values[index]
	}
	for i, p := range m.sidecar.Positions {
		whole[p] = m.sidecar.Value(i)
	}
	for i, r := range [][2]int{{0, 40}, {0, 0}, {6, 8}, {13, 14}, {39, 40}, {40, 40}, {5, 33}, {0, 40}, {6, 8}, {5, 33}} {
		a, b := r[0], r[1]
		if i == 7 { // once more from memory
			if err := w.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		y := make([]float32, b-a)
		if _, err := w.RowsDot(t.Context(), y, x.Data, a, b); err != nil {
			t.Fatal(err)
		}
		sameBits(t, fmt.Sprint("RowsDot", r), y, all[a:b])
		f := make([]float32, (b-a)*m.cols)
		if err := w.Floats(t.Context(), f, a, b); err != nil {
			t.Fatal(err)
		}
		sameBits(t, fmt.Sprint("Floats", r), f, whole[a*m.cols:b*m.cols])
	}
	for _, r := range [][2]int{{-1, 3}, {3, 2}, {0, 41}} {
		if err := w.Floats(t.Context(), nil, r[0], r[1]); !errors.Is(err, ErrShape) {
			t.Errorf("rows %v: %v, want ErrShape", r, err)
		}
	}
	if err := w.Floats(t.Context(), make([]float32, 3), 0, 1); !errors.Is(err, ErrShape) {
		t.Errorf("short dst: %v, want ErrShape", err)
	}
}

func TestVersion1IsLoadedWhole(t *testing.T) {
	m := newMatrix(33, 65, 0, 7)
	path := filepath.Join(t.TempDir(), "w.cdna")
	if err := cdna.CreateV1(path, m.rows, m.cols, m.values, m.indices); err != nil {
		t.Fatal(err)
	}
	w, err := newTestEngine(t, 2).Open(path, MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	x := vectors(2, m.cols, 4)
	y, _ := multiply(t, w, x, true)
	sameBits(t, "v1", y.Data, m.oracleTransposed(x))
	if d := w.Describe(); d.Format != FormatV1 {
		t.Errorf("it says %+v", d)
	}
}

func TestDamagedBlock(t *testing.T) {
	m := newMatrix(64, 64, 0, 8)
	path := m.write(t, "none", 8)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1 // an index of the last block
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 4} {
		w, err := newTestEngine(t, threads).Open(path, MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.MatMul(t.Context(), vectors(1, 64, 1)); !errors.Is(err, cdna.ErrChecksum) {
			t.Errorf("X @ W: %v, want ErrChecksum", err)
		}
		if _, _, err := w.MatMulTransposed(t.Context(), vectors(1, 64, 1)); !errors.Is(err, cdna.ErrChecksum) {
			t.Errorf("X @ Wᵀ: %v, want ErrChecksum", err)
		}
		y := make([]float32, 8)
		if _, err := w.RowsDot(t.Context(), y, vectors(1, 64, 1).Data, 0, 8); err != nil {
			t.Errorf("undamaged rows: %v", err)
		}
		w.Close()
	}
}

func TestVerifyPolicies(t *testing.T) {
	m := newMatrix(200, 64, 0, 9)
	path := m.write(t, "zstd", 2)
	x := vectors(1, 64, 1)
	for _, c := range []struct {
		policy        cdna.Policy
		first, second func(n int) bool
	}{
		{cdna.Always, is(100), is(100)},
		{cdna.TrustCached, is(100), is(0)},
		{cdna.Sampled, func(n int) bool { return n >= 1 && n <= 30 }, func(n int) bool { return n >= 1 && n <= 30 }},
	} {
		w, err := newTestEngine(t, 2).Open(path, MatrixOptions{Verify: c.policy, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		for run, want := range []func(int) bool{c.first, c.second} {
			_, s, err := w.MatMulTransposed(t.Context(), x)
			if err != nil {
				t.Fatal(err)
			}
			if !want(s.BlocksVerified) {
				t.Errorf("%s, run %d: %d blocks verified", c.policy, run+1, s.BlocksVerified)
			}
		}
		w.Close()
	}
}

func is(want int) func(int) bool { return func(n int) bool { return n == want } }

func TestShapes(t *testing.T) {
	m := newMatrix(4, 6, 0, 10)
	w, err := newTestEngine(t, 1).Open(m.write(t, "none", 2), MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, x := range []Tensor{
		{},
		{Shape: []int{5}, Data: make([]float32, 5)},
		{Shape: []int{2, 5}, Data: make([]float32, 10)},
		{Shape: []int{1, 1, 1, 6}, Data: make([]float32, 6)},
		{Shape: []int{2, 6}, Data: make([]float32, 6)},
		{Shape: []int{-1, 6}, Data: make([]float32, 6)},
		{Shape: []int{math.MaxInt, 6}, Data: make([]float32, 6)},
	} {
		if _, _, err := w.MatMulTransposed(t.Context(), x); !errors.Is(err, ErrShape) {
			t.Errorf("x %v: %v, want ErrShape", x.Shape, err)
		}
	}
	empty, _, err := w.MatMulTransposed(t.Context(), Tensor{Shape: []int{0, 6}})
	if err != nil || len(empty.Data) != 0 || !equalShape(empty.Shape, []int{0, 4}) {
		t.Errorf("no vectors: %v %v", empty, err)
	}
	other := newMatrix(3, 6, 5, 1)
	if _, err := w.engine.New(w.cdna, MatrixOptions{Sidecar: other.sidecar}); !errors.Is(err, cdna.ErrSidecar) {
		t.Errorf("sidecar of another shape: %v, want ErrSidecar", err)
	}
}

func TestOptionsRefused(t *testing.T) {
	m := newMatrix(4, 6, 0, 10)
	e := newTestEngine(t, 1)
	for _, o := range []MatrixOptions{{Verify: "bogus"}, {Quality: Quality{Mode: "acurate"}}, {Quality: Quality{MinCosine: 2}}} {
		if _, err := e.Open(m.write(t, "none", 2), o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v, want ErrOption", o, err)
		}
	}
	if _, err := NewEngine(EngineOptions{Threads: -1}); !errors.Is(err, ErrOption) {
		t.Errorf("threads -1: %v", err)
	}
	if _, err := NewEngine(EngineOptions{CPU: "z80"}); !errors.Is(err, kernel.ErrLevel) {
		t.Errorf("z80: %v", err)
	}
}

// TestBuffersDoNotGrowWithIdleWorkers: memory follows the work, not the cores.
func TestBuffersDoNotGrowWithIdleWorkers(t *testing.T) {
	m := newMatrix(96, 64, 0, 13)
	path := m.write(t, "zstd", 96)
	for _, threads := range []int{1, 64} {
		w, err := newTestEngine(t, threads).Open(path, MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, s, err := w.MatMul(t.Context(), vectors(1, 96, 1))
		if err != nil {
			t.Fatal(err)
		}
		if most := int64(2 * 96 * 64); s.BufferBytes > most {
			t.Errorf("%d threads: %d bytes for one block of %d", threads, s.BufferBytes, 96*64)
		}
		w.Close()
	}
}

func TestResidentStats(t *testing.T) {
	m := newMatrix(40, 64, 0, 14)
	w, err := newTestEngine(t, 2).Open(m.write(t, "zstd", 8), MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, s := multiply(t, w, vectors(1, 64, 1), true)
	if s.ResidentBytes != 40*64 || s.LastBlock != s.FirstBlock {
		t.Errorf("resident: %+v", s)
	}
	w.Unload()
	_, s = multiply(t, w, vectors(1, 64, 1), true)
	if s.ResidentBytes != 0 || s.LastBlock != 5 || s.Decompress <= 0 {
		t.Errorf("streamed: %+v", s)
	}
}

func TestCancel(t *testing.T) {
	m := newMatrix(64, 64, 0, 11)
	w, err := newTestEngine(t, 2).Open(m.write(t, "zstd", 1), MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := w.MatMul(ctx, vectors(1, 64, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("X @ W: %v", err)
	}
	if _, _, err := w.MatMulTransposed(ctx, vectors(1, 64, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("X @ Wᵀ: %v", err)
	}
}

func TestConcurrentProducts(t *testing.T) {
	m := newMatrix(48, 80, 20, 12)
	w, err := newTestEngine(t, 2).Open(m.write(t, "huff0", 5), MatrixOptions{Sidecar: m.sidecar})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			x, xt := vectors(2, m.rows, uint64(g)), vectors(2, m.cols, uint64(g))
			want, wantT := m.oracle(x), m.oracleTransposed(xt)
			for range 5 {
				y, _, err := w.MatMul(context.Background(), x)
				if err != nil {
					t.Error(err)
					return
				}
				sameBits(t, "concurrent X @ W", y.Data, want)
				y, _, err = w.MatMulTransposed(context.Background(), xt)
				if err != nil {
					t.Error(err)
					return
				}
				sameBits(t, "concurrent X @ Wᵀ", y.Data, wantT)
			}
		})
	}
	wg.Wait()
}

func TestQualityContract(t *testing.T) {
	number := func(x float64) *float64 { return &x }
	boolean := func(b bool) *bool { return &b }
	truth := &cdna.FidelityStats{CosineNoSidecar: number(0.9985)}
	for _, c := range []struct {
		name     string
		q        Quality
		fidelity *cdna.FidelityStats
		given    bool
		want     Decision
	}{
		{"no sidecar", Quality{Mode: "accurate"}, truth, false, Decision{Basis: "none"}},
		{"no contract", Quality{}, truth, true, Decision{Apply: true, Basis: "given"}},
		{"accurate, truth below", Quality{Mode: "accurate"}, truth, true, Decision{Apply: true, Basis: "truth", MinCosine: 0.999}},
		{"fast, truth above", Quality{Mode: "fast"}, truth, true, Decision{Basis: "truth", SkipReason: "meets_min_cosine", MinCosine: 0.998}},
		{"equal is enough", Quality{MinCosine: 0.9985}, truth, true, Decision{Basis: "truth", SkipReason: "meets_min_cosine", MinCosine: 0.9985}},
		{"accurate, unknown", Quality{Mode: "accurate"}, nil, true, Decision{Apply: true, Basis: "legacy_heuristic", MinCosine: 0.999}},
		{"fast, unknown", Quality{Mode: "fast"}, nil, true, Decision{Basis: "legacy_heuristic", SkipReason: "legacy_heuristic_no", MinCosine: 0.998}},
		{"fast, 0.999 asked", Quality{Mode: "fast", MinCosine: 0.999}, nil, true, Decision{Apply: true, Basis: "legacy_heuristic", MinCosine: 0.999}},
		{"fast, required", Quality{Mode: "fast"}, &cdna.FidelityStats{SidecarRequired: boolean(true)}, true, Decision{Apply: true, Basis: "legacy_heuristic", MinCosine: 0.998}},
	} {
		if got := c.q.decide(&cdna.Header{Fidelity: c.fidelity}, c.given); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
