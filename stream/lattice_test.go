package stream

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/memory"
)

// latticeMatrix has columns of spreads from below one to some hundred, so that classes have many widths, exceptions and,
// if there are columns enough, escapes.
func latticeMatrix(rows, cols int, seed uint64) *cdna.LatticeMatrix {
	r := rand.New(rand.NewPCG(seed, 9))
	m := &cdna.LatticeMatrix{
		Rows: rows, Cols: cols, Codes: make([]byte, rows*cols),
		ColumnScale: make([]float32, cols), RowScale: make([]float32, rows),
	}
	spread := make([]float64, cols)
	for j := range spread {
		spread[j] = 3 * math.Exp(1.2*r.NormFloat64())
		if j%50 == 7 {
			spread[j] = 400
		}
		m.ColumnScale[j] = float32(0.1 / spread[j])
	}
	for i := range m.Codes {
		z := math.Round(r.NormFloat64() * spread[i%cols])
		if m.Codes[i] = byte(z + cdna.LatticeZero); z < -128 || z > 127 {
			m.Codes[i] = cdna.LatticeZero
			m.Escapes = append(m.Escapes, cdna.Escape{Position: uint64(i), Value: int32(z)})
		}
	}
	for i := range m.RowScale {
		m.RowScale[i] = float32(0.8 + 0.4*r.Float64())
	}
	for _, scale := range [][]float32{m.ColumnScale, m.RowScale} {
		for i := range scale {
			scale[i] = dtype.FromBF16(dtype.ToBF16(scale[i]))
		}
	}
	return m
}

func writeLattice(t testing.TB, m *cdna.LatticeMatrix, o cdna.LatticeOptions) string {
	t.Helper()
	o.TensorName = "t"
	path := filepath.Join(t.TempDir(), "w"+cdna.LatticeSuffix)
	if _, err := cdna.CreateLattice(path, m, o); err != nil {
		t.Fatal(err)
	}
	return path
}

// latticeOracle is a matrix as the canon sees it, in plain words: integers in the order of the file's blocks, of which
// those that a code does not hold are zero, and these by themselves.
type latticeOracle struct {
	*cdna.LatticeMatrix
	order []uint32
}

func (m latticeOracle) code(row, place int) float32 {
	return float32(m.Codes[row*m.Cols+int(m.order[place])]) - cdna.LatticeZero
}

func (m latticeOracle) transposed(x []float32) []float32 {
	var y []float32
	for ; len(x) > 0; x = x[m.Cols:] {
		for row := range m.Rows {
			var lanes [16]float32
			for j := range (m.Cols + 63) / 64 * 64 {
				var a, z float32
				if j < m.Cols {
					a, z = x[m.order[j]]*m.ColumnScale[m.order[j]], m.code(row, j)
				}
				lane := 4*(j%64/16) + j%8/2
				lanes[lane] = kernel.FMA32(a, z, lanes[lane])
			}
			for n := 8; n > 0; n /= 2 {
				for i := range n {
					lanes[i] += lanes[i+n]
				}
			}
			y = append(y, m.complete(lanes[0], x, row))
		}
	}
	return y
}

// complete adds to a sum what the escapes of a row come to, and scales it.
func (m latticeOracle) complete(sum float32, x []float32, row int) float32 {
	escaped, there := float32(0), false
	for _, e := range m.Escapes {
		if int(e.Position)/m.Cols == row {
			column := int(e.Position) % m.Cols
			escaped, there = kernel.FMA32(x[column]*m.ColumnScale[column], float32(e.Value), escaped), true
		}
	}
	if there {
		sum += escaped
	}
	return sum * m.RowScale[row]
}

// transposedInteger is transposed in the integer canon.
func (m latticeOracle) transposedInteger(x []float32) []float32 {
	var y []float32
	for ; len(x) > 0; x = x[m.Cols:] {
		for row := range m.Rows {
			var acc float32
			for first := 0; first < m.Cols; first += kernel.RoundGroup {
				last := min(first+kernel.RoundGroup, m.Cols)
				var largest float32
				for _, column := range m.order[first:last] {
					largest = max(largest, float32(math.Abs(float64(x[column]*m.ColumnScale[column]))))
				}
				sum := 0
				for j := first; j < last; j++ {
					v := x[m.order[j]] * m.ColumnScale[m.order[j]]
					sum += int(m.code(row, j)) * int(math.RoundToEven(float64(v*(127/largest))))
				}
				acc = kernel.FMA32(float32(sum), largest/127, acc)
			}
			y = append(y, m.complete(acc, x, row))
		}
	}
	return y
}

// roundingError bounds what the integer canon's rounding makes of a row's product.
func (m latticeOracle) roundingError(x []float32, row int) (bound float64) {
	for first := 0; first < m.Cols; first += kernel.RoundGroup {
		var largest, sum float64
		for j := first; j < min(first+kernel.RoundGroup, m.Cols); j++ {
			column := m.order[j]
			largest = max(largest, math.Abs(float64(x[column]*m.ColumnScale[column])))
			sum += math.Abs(float64(m.code(row, j)))
		}
		bound += 0.501 * largest / 127 * sum
	}
	return bound * math.Abs(float64(m.RowScale[row]))
}

func (m latticeOracle) product(x []float32) []float32 {
	var y []float32
	for ; len(x) > 0; x = x[m.Rows:] {
		out := make([]float32, m.Cols)
		for place, column := range m.order {
			var sum, escaped float32
			there := false
			for row := range m.Rows {
				sum = kernel.FMA32(x[row]*m.RowScale[row], m.code(row, place), sum)
			}
			for _, e := range m.Escapes {
				if row := int(e.Position) / m.Cols; int(e.Position)%m.Cols == int(column) {
					escaped, there = kernel.FMA32(x[row]*m.RowScale[row], float32(e.Value), escaped), true
				}
			}
			if there {
				sum += escaped
			}
			out[column] = sum * m.ColumnScale[column]
		}
		y = append(y, out...)
	}
	return y
}

// weights are those of the matrix, by their definition.
func (m latticeOracle) weights() []float32 {
	w := make([]float32, m.Rows*m.Cols)
	for i, code := range m.Codes {
		w[i] = float32(code) - cdna.LatticeZero
	}
	for _, e := range m.Escapes {
		w[e.Position] = float32(e.Value)
	}
	for i := range w {
		w[i] *= m.ColumnScale[i%m.Cols]
		w[i] *= m.RowScale[i/m.Cols]
	}
	return w
}

// TestLatticeHasTheCanonsBits multiplies by lattice matrices of many shapes, streamed and resident, on every level.
func TestLatticeHasTheCanonsBits(t *testing.T) {
	for i, shape := range [][2]int{{1, 1}, {3, 64}, {57, 203}, {40, 130}, {33, 700}, {17, 5}} {
		rows, cols := shape[0], shape[1]
		m := latticeMatrix(rows, cols, uint64(i))
		for _, o := range []cdna.LatticeOptions{
			{}, {Codec: "none", BlockRows: 8, Classes: 1}, {BlockRows: 1, Classes: 16}, {Codec: "huff0", BlockRows: 13, Classes: 3}, {BlockRows: 16, Classes: 4},
			{Codec: cdna.AliasCodec, BlockRows: 16}, {Codec: cdna.PackedCodec, BlockRows: 16}, {Codec: cdna.PackedCodec, BlockRows: 7},
		} {
			path := writeLattice(t, m, o)
			f, err := cdna.OpenLattice(path)
			if err != nil {
				t.Fatal(err)
			}
			oracle := latticeOracle{m, slices.Clone(f.Order())}
			f.Close()
			const batch = 7
			xt, x := vectors(batch, cols, 1), vectors(batch, rows, 2)
			want, weights := oracle.product(x.Data), oracle.weights()
			for _, canon := range []Canon{CanonInteger, CanonFloat} {
				wantT := oracle.transposed(xt.Data)
				if canon == CanonInteger {
					wantT = oracle.transposedInteger(xt.Data)
				}
				nearDouble(t, oracle, canon, xt.Data, wantT)
				for _, level := range kernel.Levels() {
					for _, threads := range []int{1, 3} {
						latticeRun{t, path, canon, level, threads}.all(shape, xt, x, wantT, want, weights)
					}
				}
			}
		}
	}
}

// latticeRun is a way to multiply by a lattice matrix.
type latticeRun struct {
	*testing.T
	path    string
	canon   Canon
	level   kernel.Level
	threads int
}

// all compares all that a matrix computes, streamed and resident, with what it should be.
func (r latticeRun) all(shape [2]int, xt, x Tensor, wantT, want, weights []float32) {
	r.Helper()
	rows, cols := shape[0], shape[1]
	b := memory.NewLedger(1 << 22)
	e, err := NewEngine(EngineOptions{Threads: r.threads, CPU: string(r.level), Canon: r.canon, Budget: b})
	if err != nil {
		r.Fatal(err)
	}
	w, err := e.OpenLattice(r.path, MatrixOptions{})
	if err != nil {
		r.Fatal(err)
	}
	if got := w.Describe().Canon; got != r.canon {
		r.Errorf("canon %s, want %s", got, r.canon)
	}
	all := func(state string) {
		r.Helper()
		name := fmt.Sprintf("%v %s %s %d threads, %s: ", shape, r.canon, r.level, r.threads, state)
		y, _, err := w.MatMulTransposed(r.Context(), xt)
		if err != nil {
			r.Fatal(name, err)
		}
		sameBits(r.T, name+"X @ Wᵀ", y.Data, wantT)
		y, _, err = w.MatMul(r.Context(), x)
		if err != nil {
			r.Fatal(name, err)
		}
		sameBits(r.T, name+"X @ W", y.Data, want)
		from, to := rows/3, rows-rows/4
		for _, v := range []int{0, len(xt.Data)/cols - 1} {
			part := make([]float32, to-from)
			if _, err := w.RowsDot(r.Context(), part, xt.Data[v*cols:][:cols], from, to); err != nil {
				r.Fatal(name, err)
			}
			sameBits(r.T, name+"rows", part, wantT[v*rows+from:v*rows+to])
		}
		floats := make([]float32, (to-from)*cols)
		if err := w.Floats(r.Context(), floats, from, to); err != nil {
			r.Fatal(name, err)
		}
		sameBits(r.T, name+"weights", floats, weights[from*cols:to*cols])
	}
	all("streamed")
	before := b.Used() - e.buffers.bytes()
	if err := w.Load(r.Context()); err != nil {
		r.Fatal(err)
	}
	if got := b.Used() - e.buffers.bytes() - before; got != w.layout.ResidentBytes || got != w.ResidentBytes() {
		r.Errorf("%d bytes resident, planned %d", got, w.layout.ResidentBytes)
	}
	all("resident")
	if err := errors.Join(w.Close(), e.Close()); err != nil || b.Used() != 0 {
		r.Errorf("%v, %d bytes in use", err, b.Used())
	}
}

// nearDouble compares products with those of the weights in float64.
func nearDouble(t *testing.T, m latticeOracle, canon Canon, x, y []float32) {
	t.Helper()
	w := m.weights()
	for v := range len(x) / m.Cols {
		for row := range m.Rows {
			var sum, size float64
			for j := range m.Cols {
				term := float64(x[v*m.Cols+j]) * float64(w[row*m.Cols+j])
				sum, size = sum+term, size+math.Abs(term)
			}
			bound := 1e-5 * size
			if canon == CanonInteger {
				bound += m.roundingError(x[v*m.Cols:][:m.Cols], row)
			}
			if got := float64(y[v*m.Rows+row]); math.Abs(got-sum) > bound {
				t.Fatalf("row %d of vector %d is %v, in float64 %v", row, v, got, sum)
			}
		}
	}
}

// TestLatticeWithinTheBudget runs in the least that the plan names, and not below; loading needs the plan's bytes.
func TestLatticeWithinTheBudget(t *testing.T) {
	path := writeLattice(t, latticeMatrix(40, 300, 3), cdna.LatticeOptions{BlockRows: 8})
	f, err := cdna.OpenLattice(path)
	if err != nil {
		t.Fatal(err)
	}
	layout := LatticeLayout(f)
	if heap := 4*int64(len(f.RowScale())) + layout.HeapBytes; len(f.Escapes()) == 0 || f.ResidentBytes() != layout.ResidentBytes+heap {
		t.Errorf("the file says %d bytes in memory, the plan %d and %d of scales, places and escapes", f.ResidentBytes(), layout.ResidentBytes, heap)
	}
	f.Close()
	p, err := PlanResidency(1<<30, 1, []Layout{layout})
	if err != nil || !p.Resident[0] {
		t.Fatalf("%+v, %v", p, err)
	}
	for limit, want := range map[int64][2]bool{
		p.Minimum - 1: {false, false}, p.Minimum: {true, false},
		p.Minimum + layout.ResidentBytes - 1: {true, false}, p.Minimum + layout.ResidentBytes: {true, true},
	} {
		e, err := NewEngine(EngineOptions{Threads: 2, Budget: memory.NewLedger(limit)})
		if err != nil {
			t.Fatal(err)
		}
		m, err := e.OpenLattice(path, MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		err = m.Load(t.Context())
		if want[1] != (err == nil) || err != nil && !errors.Is(err, ErrBudget) {
			t.Errorf("loading within %d bytes: %v", limit, err)
		}
		_, err = m.RowsDot(t.Context(), make([]float32, 40), make([]float32, 300), 0, 40)
		if want[0] != (err == nil) || err != nil && !errors.Is(err, ErrBudget) {
			t.Errorf("product within %d bytes: %v", limit, err)
		}
		if err := errors.Join(m.Close(), e.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestLatticeSpecialVectors has the same bits for infinities and NaN on every level, streamed and resident.
func TestLatticeSpecialVectors(t *testing.T) {
	const rows, cols = 24, 150
	m := latticeMatrix(rows, cols, 5)
	m.RowScale[3], m.ColumnScale[4] = 0, 0
	path := writeLattice(t, m, cdna.LatticeOptions{})
	x := vectors(4, cols, 1)
	x.Data[4], x.Data[cols+9], x.Data[2*cols+7] = float32(math.Inf(1)), float32(math.NaN()), 3e38
	for _, canon := range []Canon{CanonInteger, CanonFloat} {
		var want []float32
		for _, level := range kernel.Levels() {
			e, err := NewEngine(EngineOptions{CPU: string(level), Canon: canon})
			if err != nil {
				t.Fatal(err)
			}
			w, err := e.OpenLattice(path, MatrixOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				y, _, err := w.MatMulTransposed(t.Context(), x)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = y.Data
				}
				sameBits(t, fmt.Sprint(canon, level), y.Data, want)
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(w.Close(), e.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}
