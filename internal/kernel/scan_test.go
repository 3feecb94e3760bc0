package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func (h *deltaHead) scan(k *Kernels) {
	k.ScanStep(h.state, h.query, h.key, h.value, h.out, h.keep, h.take)
}

// TestScanStepLevels: every level has the bits of plain Go, for heads of any size, with numbers that are none too.
func TestScanStepLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 66))
	for _, keys := range []int{1, 2, 7, 64, 128} {
		for _, values := range []int{0, 1, 31, 32, 33, 63, 64, 65, 100, 128} {
			for _, odd := range []float64{0, math.Inf(1), math.NaN(), math.MaxFloat32} {
				want := newDeltaHead(r, keys, values)
				if odd != 0 && values > 0 {
					want.state[r.IntN(len(want.state))] = float32(odd)
				}
				in := want.clone()
				want.scan(generic(t))
				for _, l := range Levels() {
					k, _ := ForLevel(l)
					got := in.clone()
					got.scan(k)
					if got.differs(want) {
						t.Fatalf("%s: %d keys, %d values with %g: other bits than plain Go's", l, keys, values, odd)
					}
				}
			}
		}
	}
}

// TestScanStep: what is kept and what is added, sum by sum in order, against the definition.
func TestScanStep(t *testing.T) {
	const keys, values = 6, 70
	h := newDeltaHead(rand.New(rand.NewPCG(2, 66)), keys, values)
	before, out := slices.Clone(h.state), make([]float32, values)
	for i, key := range h.key {
		for j, v := range h.value {
			s := float32(before[i*values+j]*h.keep) + float32(float32(key*h.take)*v)
			before[i*values+j] = s
			out[j] += float32(s * h.query[i])
		}
	}
	h.scan(generic(t))
	if !slices.Equal(h.state, before) || !slices.Equal(h.out, out) {
		t.Error("other state or answers")
	}
}

func BenchmarkScanStep(b *testing.B) {
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		for _, n := range []int{64, 128} { // values of Mamba-2's heads: 64, with 128 keys
			b.Run(fmt.Sprintf("%s/%d", l, n), func(b *testing.B) {
				h := newDeltaHead(rand.New(rand.NewPCG(3, 66)), 128, n)
				for b.Loop() {
					h.scan(k)
				}
			})
		}
	}
}
