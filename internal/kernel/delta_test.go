package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// deltaHead is a head's state and a token of it.
type deltaHead struct {
	state, query, key, value, out []float32
	keep, take                    float32
}

func newDeltaHead(r *rand.Rand, keys, values int) *deltaHead {
	draw := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64() * math.Exp(2*r.NormFloat64()))
		}
		return v
	}
	return &deltaHead{draw(keys * values), draw(keys), draw(keys), draw(values), draw(values), r.Float32(), r.Float32()}
}

func (h *deltaHead) clone() *deltaHead {
	c := *h
	c.state, c.value, c.out = slices.Clone(h.state), slices.Clone(h.value), slices.Clone(h.out)
	return &c
}

func (h *deltaHead) step(k *Kernels) {
	k.DeltaStep(h.state, h.query, h.key, h.value, h.out, h.keep, h.take)
}

// differs compares two heads: out bit by bit, states and values too but for NaN.
func (h *deltaHead) differs(want *deltaHead) bool {
	same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b }
	return !slices.EqualFunc(h.state, want.state, same) || !slices.EqualFunc(h.value, want.value, same) ||
		!slices.EqualFunc(h.out, want.out, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
}

// TestDeltaStepLevels: every level has the bits of plain Go, for heads of any size, with numbers that are none too.
func TestDeltaStepLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 65))
	for _, keys := range []int{1, 2, 7, 64, 128} {
		for _, values := range []int{0, 1, 31, 32, 33, 63, 64, 65, 100, 128, 192} {
			for _, odd := range []float64{0, math.Inf(1), math.NaN(), math.MaxFloat32} {
				want := newDeltaHead(r, keys, values)
				if odd != 0 && values > 0 {
					want.state[r.IntN(len(want.state))] = float32(odd)
				}
				in := want.clone()
				want.step(generic(t))
				for _, l := range Levels() {
					k, _ := ForLevel(l)
					got := in.clone()
					got.step(k)
					if got.differs(want) {
						t.Fatalf("%s: %d keys, %d values with %g: other bits than plain Go's", l, keys, values, odd)
					}
				}
			}
		}
	}
}

// TestDeltaStep: a head that keeps all and takes over all answers a key with the value that stood beside it last.
func TestDeltaStep(t *testing.T) {
	const n = 64
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		h := newDeltaHead(rand.New(rand.NewPCG(2, 65)), n, n)
		clear(h.state)
		for i := range h.key {
			h.key[i], h.query[i] = 0, 0
		}
		h.key[5], h.query[5], h.keep, h.take = 1, 1, 1, 1
		for range 2 {
			value := slices.Clone(h.value)
			h.step(k)
			if !slices.EqualFunc(h.out, value, func(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-5*math.Abs(float64(b)) }) {
				t.Errorf("%s: answers %v, want %v", l, h.out[:4], value[:4])
			}
			for i := range h.value {
				h.value[i] = float32(i) - 7.5
			}
		}
	}
}

func BenchmarkDeltaStep(b *testing.B) {
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		for _, n := range []int{64, 128} {
			b.Run(fmt.Sprintf("%s/%d", l, n), func(b *testing.B) {
				h := newDeltaHead(rand.New(rand.NewPCG(3, 65)), n, n)
				for i := range h.key { // so that nothing grows
					h.key[i] /= 1 << 10
				}
				for b.Loop() {
					h.step(k)
				}
			})
		}
	}
}
