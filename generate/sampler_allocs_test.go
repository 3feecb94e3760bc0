//go:build !race

package generate

import "testing"

// TestSamplerAllocatesOnce is not for the race detector, under which a sync.Pool loses some of what it is given.
func TestSamplerAllocatesOnce(t *testing.T) {
	logits := make([]float32, 1000)
	for _, o := range []Options{{}, {Temperature: 1}, {Temperature: 1, TopK: 40}, {Temperature: 1, TopP: 0.9, MinP: 0.1}} {
		s := sampler(t, o)
		for range 65 {
			next(s, logits...)
		}
		if n := testing.AllocsPerRun(10, func() { next(s, logits...) }); n > 0 {
			t.Errorf("%+v: %v allocations a token", o, n)
		}
	}
}
