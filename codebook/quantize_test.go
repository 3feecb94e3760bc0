package codebook

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/x448/float16"
	"pgregory.net/rapid"
)

// scanIndex is the definition of Codebook, read out.
func scanIndex(c *Codebook, w float32) byte {
	for i, b := range c.Bounds {
		if w <= b {
			return byte(i)
		}
	}
	return byte(len(c.Values) - 1)
}

func anyFloat() *rapid.Generator[float32] {
	special := []float32{0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1))}
	return rapid.OneOf(rapid.SampledFrom(special), rapid.Custom(func(t *rapid.T) float32 {
		return math.Float32frombits(rapid.Uint32().Draw(t, "bits"))
	}), rapid.Float32Range(-2, 2))
}

func anyCodebook(t *rapid.T) *Codebook {
	finite := anyFloat().Filter(isFinite)
	values := rapid.SliceOfN(finite, 1, 40).Draw(t, "values")
	if rapid.Bool().Draw(t, "dense") { // values an ulp apart: many bounds in a bin
		for i := range values {
			values[i] = math.Float32frombits(math.Float32bits(1) + rapid.Uint32Range(0, 300).Draw(t, "step"))
		}
	}
	slices.Sort(values)
	values = slices.Compact(values)
	c := &Codebook{Values: values, ClipMin: float32(math.Inf(-1)), ClipMax: float32(math.Inf(1))}
	for i := 1; i < len(values); i++ {
		a, b := float64(values[i-1]), float64(values[i])
		bound := floor32(a + (b-a)*rapid.Float64Range(0, 1).Draw(t, "part"))
		c.Bounds = append(c.Bounds, min(bound, math.Nextafter32(values[i], -math.MaxFloat32)))
	}
	return c
}

func TestQuantizeMatchesScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCodebook(t)
		q := c.Quantizer()
		x := rapid.SliceOfN(anyFloat(), 0, 20).Draw(t, "x")
		for _, b := range slices.Concat(c.Bounds, c.Values) { // and what lies next to every bound
			for _, d := range []uint32{0, 1, math.MaxUint32, 1 << 13, 1<<32 - 1<<13} {
				x = append(x, math.Float32frombits(math.Float32bits(b)+d))
			}
		}
		idx, alone := make([]byte, len(x)), make([]byte, len(x))
		var e ErrorSum
		q.Quantize(idx, x, &e)
		q.Quantize(alone, x, nil)
		for i, w := range x {
			want := scanIndex(c, w)
			if w != w {
				want = byte(len(c.Values) - 1)
				if math.Signbit(float64(w)) {
					want = 0
				}
			}
			if idx[i] != want || alone[i] != want {
				t.Fatalf("%v (%#x): index %d with errors, %d without, want %d", w, math.Float32bits(w), idx[i], alone[i], want)
			}
		}
		y := make([]float32, len(x))
		decode(y, idx, c.Values)
		got, want := e.Fidelity(), Compare(x, y)
		if got.Count != want.Count || got.MaxError != want.MaxError || math.Abs(got.MSE-want.MSE) > 1e-12*want.MSE {
			t.Fatalf("fidelity %+v, want %+v", got, want)
		}
	})
}

// TestErrorSums compares sums over many chunks, cut in two places, with the plain reading.
func TestErrorSums(t *testing.T) {
	x := gaussian(5*chunk+77, 1)
	c, _, _ := quantized(t, x, Options{Method: KMeans, Entries: 20})
	q := c.Quantizer()
	for _, bad := range []struct {
		at int
		w  float32
	}{{3, float32(math.NaN())}, {chunk + 1, float32(math.Inf(1))}, {len(x) - 1, float32(math.Inf(-1))}} {
		x[bad.at] = bad.w
	}
	idx, y := make([]byte, len(x)), make([]float32, len(x))
	var whole ErrorSum
	q.Quantize(idx, x, &whole)
	decode(y, idx, c.Values)
	want := Compare(x, y)
	for _, cut := range []int{0, 1, 100, chunk, len(x)} {
		var a, b ErrorSum
		q.Quantize(idx, x[:cut], &a)
		q.Quantize(idx, x[cut:], &b)
		a.Merge(&b)
		got := a.Fidelity()
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Abs(b) }
		if got.Count != want.Count || !near(got.MSE, want.MSE) || !near(got.SNR, want.SNR) || !near(got.Cosine, want.Cosine) || got.MaxError != want.MaxError {
			t.Errorf("cut at %d: %+v, want %+v", cut, got, want)
		}
		if a.Outliers() != 3 {
			t.Errorf("%d outliers, want 3", a.Outliers())
		}
	}
	var inOrder ErrorSum
	for at := 0; at < len(x); at += chunk {
		var e ErrorSum
		q.Quantize(idx[at:], x[at:min(at+chunk, len(x))], &e)
		inOrder.Merge(&e)
	}
	if inOrder != whole {
		t.Errorf("merging chunk by chunk gives %+v, not %+v", inOrder, whole)
	}
}

// TestCosine checks the cosine's short cut against the definition.
func TestCosine(t *testing.T) {
	x, y := gaussian(1000, 1), gaussian(1000, 2)
	var xy, xx, yy float64
	for i := range x {
		xy += float64(x[i]) * float64(y[i])
		xx += float64(x[i]) * float64(x[i])
		yy += float64(y[i]) * float64(y[i])
	}
	if got, want := Compare(x, y).Cosine, xy/math.Sqrt(xx*yy); math.Abs(got-want) > 1e-13 {
		t.Errorf("cosine %v, want %v", got, want)
	}
	if f := Compare(x, x); f.Cosine != 1 || !math.IsInf(f.SNR, 1) || f.MSE != 0 {
		t.Errorf("equal slices: %+v", f)
	}
	if f := Compare(x, make([]float32, len(x))); f.Cosine != 0 || f.SNR != 0 {
		t.Errorf("against zeros: %+v", f)
	}
}

func TestOutliersOfClip(t *testing.T) {
	c := &Codebook{Values: []float32{-1, 0, 1}, Bounds: []float32{-0.5, 0.5}, ClipMin: -1.5, ClipMax: 1.25}
	nan := float32(math.NaN())
	x := []float32{0, 1.25, 1.2500001, -1.5, -1.6, 70000, 65504, nan, float32(math.Inf(-1)), 0.5}
	q := c.Quantizer()
	got := q.AppendOutliers(nil, x, 1000)
	// 65504 is the largest float16; 70000 would become infinite there.
	want := []uint64{1002, 1004, 1006, 1007, 1008}
	var at []uint64
	for _, o := range got {
		at = append(at, o.Position)
		if v := x[o.Position-1000]; o.Value != v && v == v {
			t.Errorf("value %v at %d", o.Value, o.Position)
		}
	}
	if !slices.Equal(at, want) {
		t.Errorf("outliers at %v, want %v", at, want)
	}

	var e ErrorSum
	idx, y := make([]byte, len(x)), make([]float32, len(x))
	q.Quantize(idx, x, &e)
	decode(y, idx, c.Values)
	if got, want := e.FidelityNoSidecar(), Compare(x, y); got != want {
		t.Errorf("without sidecar %+v, want %+v", got, want)
	}
	for _, o := range got {
		y[o.Position-1000] = float16.Fromfloat32(o.Value).Float32()
	}
	if got, want := e.Fidelity(), Compare(x, y); math.Abs(got.MSE-want.MSE) > 1e-12*want.MSE || got.Count != want.Count || got.MaxError != want.MaxError {
		t.Errorf("with sidecar %+v, want %+v", got, want)
	}
	if e.Outliers() != uint64(len(want)) {
		t.Errorf("%d outliers, want %d", e.Outliers(), len(want))
	}
}

func BenchmarkScan(b *testing.B) {
	x := gaussian(1<<12, rand.Uint64())
	c, _, _ := quantized(b, x, Options{})
	dst := make([]byte, len(x))
	for range b.N {
		for i, w := range x {
			dst[i] = scanIndex(c, w)
		}
	}
	reportRate(b, len(x))
}

// decode sets dst to the values of indices.
func decode(dst []float32, idx []byte, values []float32) {
	for i, j := range idx {
		dst[i] = values[j]
	}
}
