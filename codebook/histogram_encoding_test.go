package codebook

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// encodings are histograms of all kinds, as bytes.
func encodings(t testing.TB) map[string][]byte {
	t.Helper()
	bf16, zeros := gaussian(2*maxList, 2), make([]float32, 3*maxList)
	for i := range bf16 {
		bf16[i] = float32(toBF16(float64(bf16[i])))
	}
	zeros[7] = float32(math.Copysign(0, -1))
	list := map[string][]byte{}
	for name, x := range map[string][]float32{
		"none": nil, "listed": gaussian(1000, 1), "bins": gaussian(2*maxList, 1), "valued": bf16, "zeros": zeros, "negative": {-3, -2, -2.5},
	} {
		b, err := histogramOf(t, x).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		list[name] = b
	}
	return list
}

// TestHistogramEncoding: histograms of parts, as bytes, make that of the whole, which has the same bytes in whatever order and
// parts it was counted.
func TestHistogramEncoding(t *testing.T) {
	bf16 := gaussian(3*maxList, 2)
	for i := range bf16 {
		bf16[i] = float32(toBF16(float64(bf16[i])))
	}
	for name, x := range map[string][]float32{"listed": gaussian(1000, 1), "just listed": gaussian(maxList, 3), "bins": gaussian(3*maxList, 1), "valued": bf16} {
		want, err := histogramOf(t, x).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{0, 1, len(x) / 3, len(x)} {
			shuffled := slices.Clone(x)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(x), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			whole := NewHistogram()
			for _, part := range [][]float32{shuffled[:cut], shuffled[cut:]} {
				b, err := histogramOf(t, part).MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				var h Histogram
				if err := h.UnmarshalBinary(b); err != nil || h.Count() != uint64(len(part)) {
					t.Fatalf("%s: %d weights, %v", name, h.Count(), err)
				}
				whole.Merge(&h)
			}
			if got, err := whole.MarshalBinary(); err != nil || !bytes.Equal(got, want) || !samePoints(newPoints(whole), newPoints(histogramOf(t, x))) {
				t.Errorf("%s, cut at %d: other bytes: %v", name, cut, err)
			}
		}
	}
}

// TestHistogramEncodingCounts: counts beyond 32 bits come back.
func TestHistogramEncodingCounts(t *testing.T) {
	h := histogramOf(t, gaussian(2*maxList, 1))
	h.bins.totals = new([numBins]uint64)
	for k := range numBins {
		if h.bins.counts[k] > 0 {
			h.bins.totals[k] = 1 << 33
			h.count += 1 << 33
		}
	}
	b, err := h.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var read Histogram
	if err := read.UnmarshalBinary(b); err != nil || !samePoints(newPoints(&read), newPoints(h)) {
		t.Fatalf("other points: %v", err)
	}
	read.Merge(h)
	if k := int(math.Float32bits(h.max) >> binShift); read.bins.count(k) != 2*h.bins.count(k) {
		t.Errorf("%d weights, twice %d", read.bins.count(k), h.bins.count(k))
	}
}

// TestHistogramEncodingWrong: what is no histogram is refused, weighted counts among it.
func TestHistogramEncodingWrong(t *testing.T) {
	for name, b := range encodings(t) {
		for n := 0; n < len(b); n += 1 + n/8 {
			if err := new(Histogram).UnmarshalBinary(b[:n]); !errors.Is(err, ErrEncoding) {
				t.Errorf("%s, cut after %d bytes: %v", name, n, err)
			}
		}
		if err := new(Histogram).UnmarshalBinary(append(slices.Clone(b), 0)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s and a byte: %v", name, err)
		}
	}
	nan, inf := []byte{1, 0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f, 'w', 0, 0, 0xc0, 0x7f}, []byte{0xff, 0xff, 0x7f, 0, 0, 0x80, 0x7f, 0, 0, 0x80, 0x7f, 'b', 0x80, 0xf8, 0x0f, 0xff, 0xff, 0x7f}
	for _, b := range [][]byte{nan, inf} {
		if err := new(Histogram).UnmarshalBinary(b); !errors.Is(err, ErrEncoding) {
			t.Errorf("% x: %v", b, err)
		}
	}
	h := NewHistogram()
	if err := h.AddWeighted([]float32{1, 2}, []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.MarshalBinary(); !errors.Is(err, ErrEncoding) {
		t.Errorf("weighted counts: %v", err)
	}
}

// FuzzHistogramEncoding: whatever is read can be designed for, and has one encoding of as many weights.
func FuzzHistogramEncoding(f *testing.F) {
	for _, b := range encodings(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h, again Histogram
		if h.UnmarshalBinary(b) != nil {
			return
		}
		text, err := h.MarshalBinary()
		if err == nil {
			err = again.UnmarshalBinary(text)
		}
		if err != nil || again.count != h.count {
			t.Fatalf("%d weights, %d: %v", h.count, again.count, err)
		}
		if _, err := Design(&h, Options{Method: KMeans, Entries: 2}); err != nil {
			t.Fatal(err)
		}
	})
}
