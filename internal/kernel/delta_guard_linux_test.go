package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestDeltaStepGuardPages: no level, of a delta net or a Mamba-2 layer, touches what is in front of a head or behind it.
func TestDeltaStepGuardPages(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 65))
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		for _, values := range []int{1, 32, 33, 64, 100, 128} {
			for _, atEnd := range []bool{false, true} {
				h := newDeltaHead(r, 9, values)
				for _, s := range []*[]float32{&h.state, &h.query, &h.key, &h.value, &h.out} {
					*s = guarded(t, *s, atEnd)
				}
				h.step(k)
				h.scan(k)
			}
		}
	}
}
