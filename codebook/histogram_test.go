package codebook

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func histogramOf(t testing.TB, parts ...[]float32) *Histogram {
	t.Helper()
	h := NewHistogram()
	for _, x := range parts {
		if err := h.Add(x); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func samePoints(a, b *points) bool {
	return a.exact == b.exact && a.power == b.power && a.inBin == b.inBin && slices.Equal(a.x, b.x) &&
		slices.Equal(a.count, b.count) && slices.Equal(a.mass, b.mass) && slices.Equal(a.sec, b.sec)
}

// TestHistogramSplits: only the weights matter, not how they came in.
func TestHistogramSplits(t *testing.T) {
	few := make([]float32, 2*maxList)
	bf16 := gaussian(2*maxList, 2)
	for i := range few {
		few[i] = []float32{0.1, -0.3, 7.7}[i%3]
		bf16[i] = float32(toBF16(float64(bf16[i])))
	}
	for _, c := range []struct {
		name  string
		x     []float32
		exact bool
	}{
		{"listed", gaussian(1000, 1), true},
		{"as many as are listed", gaussian(maxList, 1), true},
		{"one more", gaussian(maxList+1, 1), false},
		{"few values", few, true},
		{"bf16", bf16, true},
		{"both", append(slices.Clone(few), math.Nextafter32(0.1, 1)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := newPoints(histogramOf(t, c.x))
			if whole.exact != c.exact {
				t.Errorf("exact = %v, want %v", whole.exact, c.exact)
			}
			shuffled := slices.Clone(c.x)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			n := len(shuffled)
			for _, cut := range []int{0, 1, n / 3, n - 1} {
				a, b := histogramOf(t, shuffled[cut:]), histogramOf(t, shuffled[:cut/2], shuffled[cut/2:cut])
				a.Merge(b)
				if a.count != uint64(n) || a.min != slices.Min(c.x) || a.max != slices.Max(c.x) {
					t.Errorf("cut at %d: count %d, min %v, max %v", cut, a.count, a.min, a.max)
				}
				if !samePoints(newPoints(a), whole) {
					t.Errorf("cut at %d: other points", cut)
				}
			}
		})
	}
}

func TestHistogramSumSquares(t *testing.T) {
	for _, n := range []int{1000, 300000} {
		x := gaussian(n, 3)
		var want float64
		for _, w := range x {
			want += float64(w) * float64(w)
		}
		if got := newPoints(histogramOf(t, x)).power; math.Abs(got-want) > 1e-5*want {
			t.Errorf("%d weights: sum of squares %v, want %v", n, got, want)
		}
	}
}

func TestHistogramNonFinite(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0xffc00001)} {
		for _, n := range []int{9, maxList + 9} {
			x := gaussian(n, 1)
			h := histogramOf(t, x)
			before := newPoints(h)
			x[7] = bad
			err := h.Add(x)
			var where *NonFiniteError
			if !errors.Is(err, ErrNonFinite) || !errors.As(err, &where) || where.Index != 7 {
				t.Fatalf("error %v, want one for weight 7", err)
			}
			if !samePoints(before, newPoints(h)) {
				t.Errorf("%v: a refused slice was counted", bad)
			}
			if err := h.AddWeighted(x[:8], make([]float32, 4)); !errors.Is(err, ErrNonFinite) {
				t.Errorf("AddWeighted: error %v", err)
			}
			if skipped := h.AddFinite(x); skipped != 1 || h.count != uint64(2*n-1) {
				t.Errorf("skipped %d, count %d", skipped, h.count)
			}
		}
	}
}

// TestHistogramOverflow: counts beyond 32 bits move on.
func TestHistogramOverflow(t *testing.T) {
	h := histogramOf(t, gaussian(maxList+1, 1))
	before := newPoints(h)
	h.bins.pending = math.MaxUint32
	if err := h.Add(h.values(t)); err != nil {
		t.Fatal(err)
	}
	after := newPoints(h)
	if h.bins.totals == nil || h.bins.pending != uint64(len(before.x)) {
		t.Fatal("counts did not move")
	}
	twice := histogramOf(t, gaussian(maxList+1, 1))
	twice.bins.pending = math.MaxUint32 - 1
	twice.Merge(h)
	if n := newPoints(twice).total(); n != before.total()+after.total() {
		t.Errorf("%v weights merged, want %v", n, before.total()+after.total())
	}
	if after.total() != before.total()+float64(len(before.x)) || !slices.Equal(before.x, after.x) {
		t.Errorf("%v weights, want %v", after.total(), before.total()+float64(len(before.x)))
	}
}

// values returns one weight of each bin.
func (h *Histogram) values(t *testing.T) []float32 {
	var x []float32
	for _, v := range newPoints(h).x {
		x = append(x, float32(v))
	}
	return x
}

// TestWeightedCounts: a weight that counts 2 is as good as two.
func TestWeightedCounts(t *testing.T) {
	for _, rows := range []int{100, 40000} {
		x := gaussian(4*rows, 1)
		var repeated []float32
		for i, w := range x {
			for range 1 + i%4 {
				repeated = append(repeated, w)
			}
		}
		w := NewHistogram()
		for _, part := range [][]float32{x[:40], x[40:]} {
			o := NewHistogram()
			if err := o.AddWeighted(part, []float32{1, 2, 3, 4}); err != nil {
				t.Fatal(err)
			}
			w.Merge(o)
		}
		got, want := newPoints(w), newPoints(histogramOf(t, repeated))
		if got.total() != float64(len(x)) || totalMass(got) != totalMass(want) {
			t.Errorf("%d rows: %v weights of mass %v, want mass %v", rows, got.total(), totalMass(got), totalMass(want))
		}
		c, err := Design(w, Options{Method: KMeans, Entries: 16})
		if err != nil {
			t.Fatal(err)
		}
		d, _ := Design(histogramOf(t, repeated), Options{Method: KMeans, Entries: 16})
		if rows == 100 && !slices.Equal(c.Values, d.Values) {
			t.Errorf("weighted design %v, repeated %v", c.Values, d.Values)
		}
	}
	h := histogramOf(t, []float32{1, 2})
	if err := h.AddWeighted([]float32{3}, []float32{5}); err != nil || totalMass(newPoints(h)) != 7 {
		t.Errorf("mixed: %v, mass %v, want 7", err, totalMass(newPoints(h)))
	}
	for _, bad := range [][]float32{nil, {1, 2}, {float32(math.NaN())}, {-1}} {
		if err := h.AddWeighted([]float32{1, 2, 3}, bad); !errors.Is(err, ErrShape) {
			t.Errorf("column weights %v: error %v", bad, err)
		}
	}
}

func TestExtent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32(), 1, 20).Draw(t, "x")
		lo, hi, finite := extent(x)
		if !slices.ContainsFunc(x, func(w float32) bool { return !isFinite(w) }) != finite {
			t.Fatalf("finite = %v", finite)
		}
		if finite && (lo != slices.Min(x) || hi != slices.Max(x)) {
			t.Fatalf("%v to %v", lo, hi)
		}
	})
}

func TestSortKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	keys := make([]uint32, 5000)
	for i := range keys {
		keys[i] = r.Uint32()
	}
	want := slices.Clone(keys)
	slices.Sort(want)
	if !slices.Equal(sortKeys(keys), want) {
		t.Error("not sorted")
	}
}

// totalMass is what all weights count for.
func totalMass(p *points) float64 { return p.mass[len(p.x)] }
