package kernel

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// weightForms are all forms of weights, with a name for subtests.
var weightForms = []string{
	"bytes-bf16", "bytes-f32", "packed6-bf16", "packed6-f32", "packed4-bf16", "packed4-f32", "dense-f32", "dense-bf16",
}

// operand is a random product in one form: rows × cols weights, ld apart.
type operand struct {
	form           string
	rows, cols, ld int
	table          *Table
	idx            []byte
	f32            []float32
	bf16           []uint16
	packed         *Packed
	first          int // row of packed that is row 0 here
}

func bf16(v float32) float32 {
	return math.Float32frombits(math.Float32bits(v) &^ 0xFFFF)
}

// values draws n values; every eighth or so is a special one if odd is set.
func values(r *rand.Rand, n int, odd bool) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
		if odd && r.IntN(8) == 0 {
			v[i] = special[r.IntN(len(special))]
		}
	}
	return v
}

func newOperand(r *rand.Rand, form string, rows, cols, ld int, odd bool) operand {
	o := operand{form: form, rows: rows, cols: cols, ld: ld}
	n := 0
	if rows > 0 {
		n = (rows-1)*ld + cols
	}
	codebook := values(r, 256, odd)
	if r.IntN(3) == 0 {
		codebook[0] = float32(math.Inf(1)) // see avoidZero
	}
	if strings.HasSuffix(form, "-bf16") {
		for i, v := range codebook {
			codebook[i] = bf16(v)
		}
	}
	switch form {
	case "packed4-bf16", "packed4-f32":
		o.pack(r, codebook, 4)
	case "packed6-bf16", "packed6-f32":
		o.pack(r, codebook, 6)
	case "bytes-bf16", "bytes-f32":
		o.table = NewTable(codebook)
		o.idx = randomIndices(r, n, 8)
		o.avoidZero(o.idx)
	case "dense-f32":
		o.f32 = values(r, n, odd)
	case "dense-bf16":
		o.bf16 = make([]uint16, n)
		for i, v := range values(r, n, odd) {
			o.bf16[i] = uint16(math.Float32bits(v) >> 16)
		}
	}
	return o
}

// avoidZero replaces the index 0 if that stands for infinity: then only what
// lies behind the end of a row could be 0, and it would show.
func (o *operand) avoidZero(idx []byte) {
	if !math.IsInf(float64(o.table.Value(0)), 1) {
		return
	}
	for i := range idx {
		idx[i] = max(idx[i], 1)
	}
}

// pack makes a packed matrix with a few rows before and after those of o.
func (o *operand) pack(r *rand.Rand, codebook []float32, bits int) {
	// Fewer entries than the bits allow: the others read as +0.
	o.table = NewTable(codebook[:1<<bits-r.IntN(3)])
	o.first = r.IntN(6)
	rows := o.first + o.rows + r.IntN(6)
	idx := randomIndices(r, rows*o.cols, bits)
	o.avoidZero(idx)
	var err error
	o.packed, err = NewPacked(make([]byte, PackedSize(rows, o.cols, bits)), rows, o.cols, bits)
	if err == nil {
		err = o.packed.Pack(0, idx)
	}
	if err != nil {
		panic(err)
	}
	o.idx = idx[o.first*o.cols:][:o.rows*o.cols]
}

// dot needs ld == cols.
func (o operand) dot(k *Kernels, x *Activations, ldy int) []float32 {
	y := sentinels(x.batch * ldy)
	o.dotInto(y, k, x, ldy)
	return y
}

func (o operand) dotInto(y []float32, k *Kernels, x *Activations, ldy int) {
	switch o.form {
	case "dense-f32":
		k.DotRowsF32(y, ldy, x, o.f32, o.rows)
	case "dense-bf16":
		k.DotRowsBF16(y, ldy, x, o.bf16, o.rows)
	case "bytes-bf16", "bytes-f32":
		k.DotRows(y, ldy, x, o.table, o.idx, o.rows)
	default:
		k.DotRowsPacked(y, ldy, x, o.table, o.packed, o.first, o.rows)
	}
}

func (o operand) accumulate(k *Kernels, y0 []float32, ldy int, x []float32, ldx, batch int) []float32 {
	y := slices.Clone(y0)
	o.accumulateInto(y, k, ldy, x, ldx, batch)
	return y
}

func (o operand) accumulateInto(y []float32, k *Kernels, ldy int, x []float32, ldx, batch int) {
	switch o.form {
	case "dense-f32":
		k.AccumulateRowsF32(y, ldy, x, ldx, batch, o.f32, o.ld, o.rows, o.cols)
	case "dense-bf16":
		k.AccumulateRowsBF16(y, ldy, x, ldx, batch, o.bf16, o.ld, o.rows, o.cols)
	case "bytes-bf16", "bytes-f32":
		k.AccumulateRows(y, ldy, x, ldx, batch, o.table, o.idx, o.ld, o.rows, o.cols)
	default:
		k.AccumulateColumnsPacked(y, ldy, x, ldx, batch, o.table, o.packed, o.first, o.rows, 0, o.packed.Cols())
	}
}

// sentinels returns n values that no product has.
func sentinels(n int) []float32 {
	y := make([]float32, n)
	for i := range y {
		y[i] = -12345.678
	}
	return y
}

// wantBits compares bit for bit: in the canon there is one NaN only.
func wantBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if g, w := math.Float32bits(got[i]), math.Float32bits(want[i]); g != w {
			t.Fatalf("%s: element %d is %g (%08x), want %g (%08x)", what, i, got[i], g, want[i], w)
		}
	}
}

// eachLevel runs f for every level but the portable one.
func eachLevel(t *testing.T, f func(t *testing.T, k *Kernels)) {
	for _, l := range Levels()[1:] {
		t.Run(string(l), func(t *testing.T) {
			k, err := ForLevel(l)
			if err != nil {
				t.Fatal(err)
			}
			if k.Level() != l || k.asm == nil {
				t.Fatalf("level %s runs as %s, assembly %v", l, k.Level(), k.asm != nil)
			}
			f(t, k)
		})
	}
}

func generic(t *testing.T) *Kernels {
	k, err := ForLevel(Generic)
	if err != nil {
		t.Fatal(err)
	}
	if k.asm != nil {
		t.Fatal("the portable level has assembly")
	}
	return k
}

// shapes are rows, columns and batch of a product.
type shape struct{ rows, cols, batch int }

func testShapes() []shape {
	var s []shape
	for cols := range 1000 {
		s = append(s, shape{1 + cols%6, cols, 1 + cols%3})
	}
	for rows := range 10 {
		for batch := 1; batch <= 9; batch++ {
			s = append(s, shape{rows, 130, batch})
		}
	}
	return append(s, shape{7, 2200, 6}, shape{37, 70, 13}, shape{5, 67, 256}, shape{33, 1100, 8}, shape{3, 0, 2}, shape{0, 5, 2}, shape{2, 64, 0})
}

func TestDotLevels(t *testing.T) {
	for _, form := range weightForms {
		t.Run(form, func(t *testing.T) {
			oracle := generic(t)
			for i, s := range testShapes() {
				r := rand.New(rand.NewPCG(uint64(i), 1))
				o := newOperand(r, form, s.rows, s.cols, s.cols, i%4 == 0)
				var x Activations
				x.Pack(values(r, s.batch*s.cols, i%5 == 0), s.batch, s.cols)
				ldy := s.rows + i%3
				want := o.dot(oracle, &x, ldy)
				for _, l := range Levels()[1:] {
					k, _ := ForLevel(l)
					wantBits(t, fmt.Sprint(l, s), o.dot(k, &x, ldy), want)
				}
			}
		})
	}
}

func TestAccumulateLevels(t *testing.T) {
	for _, form := range weightForms {
		t.Run(form, func(t *testing.T) {
			oracle := generic(t)
			for i, s := range testShapes() {
				r := rand.New(rand.NewPCG(uint64(i), 2))
				o := newOperand(r, form, s.rows, s.cols, s.cols+i%7, i%4 == 0)
				ldx, ldy := s.rows+i%3, s.cols+i%2
				x := values(r, s.batch*ldx, i%5 == 0)
				y := values(r, s.batch*ldy, i%6 == 0)
				want := o.accumulate(oracle, y, ldy, x, ldx, s.batch)
				for _, l := range Levels()[1:] {
					k, _ := ForLevel(l)
					wantBits(t, fmt.Sprint(l, s), o.accumulate(k, y, ldy, x, ldx, s.batch), want)
				}
			}
		})
	}
}

func TestForLevelUnknown(t *testing.T) {
	for _, name := range []Level{"sse", "", "AVX2"} {
		if _, err := ForLevel(name); !errors.Is(err, ErrLevel) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestFromEnv(t *testing.T) {
	for _, l := range append(Levels(), "") {
		t.Setenv(EnvLevel, string(l))
		k, err := FromEnv()
		if err != nil {
			t.Fatal(err)
		}
		want := l
		if l == "" {
			want = Best().Level()
		}
		if k.Level() != want {
			t.Errorf("%s=%s chose %s", EnvLevel, l, k.Level())
		}
	}
	t.Setenv(EnvLevel, "pentium")
	if _, err := FromEnv(); !errors.Is(err, ErrLevel) {
		t.Errorf("unknown level: %v", err)
	}
}
