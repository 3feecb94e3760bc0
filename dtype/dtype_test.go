package dtype_test

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"pgregory.net/rapid"
)

var all = []dtype.Type{
	dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2, dtype.F8E8M0,
	dtype.I64, dtype.I32, dtype.I16, dtype.I8, dtype.U64, dtype.U32, dtype.U16, dtype.U8, dtype.Bool,
}

// small is the oracle for a binary float of 1+e+m bits: sign, exponent, fraction
// taken apart and put together by math.Ldexp.
func small(code uint32, e, m uint, hasInf bool) float64 {
	exp := int(code >> m & (1<<e - 1))
	frac := int(code & (1<<m - 1))
	bias := 1<<(e-1) - 1
	var v float64
	switch {
	case hasInf && exp == 1<<e-1 && frac == 0:
		v = math.Inf(1)
	case hasInf && exp == 1<<e-1, !hasInf && exp == 1<<e-1 && frac == 1<<m-1:
		return math.NaN()
	case exp == 0:
		v = math.Ldexp(float64(frac), 1-bias-int(m))
	default:
		v = math.Ldexp(float64(frac+1<<m), exp-bias-int(m))
	}
	if code>>(e+m)&1 == 1 {
		v = -v // also makes -0
	}
	return v
}

// same compares bits, with all NaNs equal.
func same(got float32, want float64) bool {
	if math.IsNaN(want) {
		return got != got
	}
	return math.Float32bits(got) == math.Float32bits(float32(want))
}

func TestEveryCode(t *testing.T) {
	oracles := []struct {
		typ    dtype.Type
		codes  int
		oracle func(code uint32) float64
	}{
		{dtype.F16, 1 << 16, func(c uint32) float64 { return small(c, 5, 10, true) }},
		{dtype.BF16, 1 << 16, func(c uint32) float64 { return small(c, 8, 7, true) }},
		{dtype.F8E5M2, 1 << 8, func(c uint32) float64 { return small(c, 5, 2, true) }},
		{dtype.F8E4M3, 1 << 8, func(c uint32) float64 { return small(c, 4, 3, false) }},
		{dtype.F8E8M0, 1 << 8, func(c uint32) float64 {
			if c == 255 {
				return math.NaN()
			}
			return math.Ldexp(1, int(c)-127)
		}},
		{dtype.I16, 1 << 16, func(c uint32) float64 { return float64(int16(c)) }},
		{dtype.U16, 1 << 16, func(c uint32) float64 { return float64(c) }},
		{dtype.I8, 1 << 8, func(c uint32) float64 { return float64(int8(c)) }},
		{dtype.U8, 1 << 8, func(c uint32) float64 { return float64(c) }},
		{dtype.Bool, 1 << 8, func(c uint32) float64 { return math.Min(float64(c), 1) }},
	}
	for _, o := range oracles {
		size := o.typ.Size()
		src := make([]byte, 0, o.codes*size)
		// In ascending order, then scattered, so that the groups a fast loop takes
		// at once hold codes of every kind together.
		order := make([]uint32, 0, 2*o.codes)
		for _, step := range []int{1, 12345} {
			for i := range o.codes {
				order = append(order, uint32(i*step%o.codes))
			}
		}
		for _, c := range order {
			src = append(src, byte(c))
			if size == 2 {
				src = append(src, byte(c>>8))
			}
		}
		dst := make([]float32, len(order))
		dtype.Decode(dst, src, o.typ)
		for i, c := range order {
			if want := o.oracle(c); !same(dst[i], want) {
				t.Fatalf("%s code %#x: got %v, want %v", o.typ, c, dst[i], want)
			}
		}
	}
}

func TestKnownValues(t *testing.T) {
	for _, c := range []struct {
		typ  dtype.Type
		code byte
		want float32
	}{
		{dtype.F8E4M3, 0x7e, 448}, {dtype.F8E4M3, 0x01, 0x1p-9}, {dtype.F8E4M3, 0x38, 1},
		{dtype.F8E5M2, 0x7b, 57344}, {dtype.F8E5M2, 0x01, 0x1p-16}, {dtype.F8E5M2, 0x3c, 1},
		{dtype.F8E8M0, 0, 0x1p-127}, {dtype.F8E8M0, 127, 1},
	} {
		var got [1]float32
		dtype.Decode(got[:], []byte{c.code}, c.typ)
		if got[0] != c.want {
			t.Errorf("%s %#x: got %v, want %v", c.typ, c.code, got[0], c.want)
		}
	}
}

// Around the middle between any two neighbouring codes, narrowing goes down, to
// the even code, and up.
func TestNarrowing(t *testing.T) {
	narrow := []struct {
		name string
		from func(uint16) float32
		to   func(float32) uint16
		inf  uint16
	}{
		{"F16", dtype.FromF16, dtype.ToF16, 0x7c00},
		{"BF16", dtype.FromBF16, dtype.ToBF16, 0x7f80},
	}
	for _, n := range narrow {
		for c := range uint16(0x8000) {
			x := n.from(c)
			if x != x {
				if r := n.to(x); n.from(r) == n.from(r) {
					t.Fatalf("%s: NaN %#x became %#x", n.name, c, r)
				}
				continue
			}
			if got := n.to(x); got != c {
				t.Fatalf("%s: %#x came back as %#x", n.name, c, got)
			}
			if got := n.to(-x); got != c|0x8000 {
				t.Fatalf("%s: -%#x came back as %#x", n.name, c, got)
			}
			if c == n.inf {
				continue
			}
			// Halfway to the next code (beyond the largest, to where it would be).
			next := float64(n.from(c + 1))
			if c+1 == n.inf {
				next = 2*float64(x) - float64(n.from(c-1))
			}
			mid := (float64(x) + next) / 2
			if float64(float32(mid)) != mid {
				continue // BF16 subnormals: the middle is no float32
			}
			even := c + c&1
			m := float32(mid)
			below, above := math.Nextafter32(m, 0), math.Nextafter32(m, float32(math.Inf(1)))
			if n.to(m) != even || n.to(below) != c || n.to(above) != c+1 {
				t.Fatalf("%s around %v: %#x %#x %#x, want %#x %#x %#x", n.name, m, n.to(below), n.to(m), n.to(above), c, even, c+1)
			}
		}
		if got := n.to(math.MaxFloat32); got != n.inf {
			t.Errorf("%s: largest float32 became %#x", n.name, got)
		}
	}
}

func TestWideTypesRoundOnce(t *testing.T) {
	round := func(x *big.Float) float32 { f, _ := x.Float32(); return f }
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.Uint64().Draw(t, "bits")
		src := binary.LittleEndian.AppendUint64(nil, u)
		want := map[dtype.Type]float32{
			dtype.U64: round(new(big.Float).SetUint64(u)),
			dtype.I64: round(new(big.Float).SetInt64(int64(u))),
			dtype.U32: round(new(big.Float).SetUint64(uint64(uint32(u)))),
			dtype.I32: round(new(big.Float).SetInt64(int64(int32(u)))),
			dtype.F32: math.Float32frombits(uint32(u)),
		}
		if f := math.Float64frombits(u); f == f {
			want[dtype.F64] = round(new(big.Float).SetFloat64(f))
		}
		for typ, w := range want {
			var got [1]float32
			dtype.Decode(got[:], src, typ)
			if math.Float32bits(got[0]) != math.Float32bits(w) {
				t.Fatalf("%s %#x: got %v, want %v", typ, u, got[0], w)
			}
		}
	})
	var got [4]float32
	src := []byte{}
	for _, f := range []float64{1e300, -1e300, 0x1.fffffefp127, 0x1.ffffffp127} {
		src = binary.LittleEndian.AppendUint64(src, math.Float64bits(f))
	}
	dtype.Decode(got[:], src, dtype.F64)
	inf := float32(math.Inf(1))
	if got != [4]float32{inf, -inf, math.MaxFloat32, inf} {
		t.Errorf("F64 beyond the range: %v", got)
	}
}

// Every length and every misalignment gives what one element at a time gives.
func TestLengths(t *testing.T) {
	raw := make([]byte, 1000)
	for i := range raw {
		raw[i] = byte(i*37 + i>>3)
	}
	for _, typ := range all {
		size := typ.Size()
		for n := range 40 {
			src := raw[n%8:]
			dst := make([]float32, n+1)
			dst[n] = 12345
			dtype.Decode(dst[:n], src, typ)
			for i := range n {
				var one [1]float32
				dtype.Decode(one[:], src[i*size:], typ)
				if math.Float32bits(one[0]) != math.Float32bits(dst[i]) {
					t.Fatalf("%s, %d elements, element %d: %v, want %v", typ, n, i, dst[i], one[0])
				}
			}
			if dst[n] != 12345 {
				t.Fatalf("%s, %d elements: wrote past the end", typ, n)
			}
		}
	}
}

func TestSwapBytes(t *testing.T) {
	for _, size := range []int{1, 2, 4, 8} {
		p := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
		dtype.SwapBytes(p, size)
		for i, b := range p {
			if want := byte(i/size*size + size - i%size); b != want {
				t.Fatalf("size %d, byte %d: %d, want %d", size, i, b, want)
			}
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		shape []int
		size  int
		n     int
		ok    bool
	}{
		{nil, 4, 1, true}, {[]int{0}, 4, 0, true}, {[]int{3, 5}, 4, 15, true},
		{[]int{-1}, 4, 0, false}, {[]int{1 << 40, 1 << 40}, 1, 0, false},
		{[]int{0, 1 << 40, 1 << 40}, 1, 0, true}, {[]int{math.MaxInt}, 1, math.MaxInt, true}, {[]int{math.MaxInt}, 2, 0, false},
	} {
		n, ok := dtype.Count(c.shape, c.size)
		if ok != c.ok || ok && n != c.n {
			t.Errorf("Count(%v, %d) = %d, %v", c.shape, c.size, n, ok)
		}
	}
}
