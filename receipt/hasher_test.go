package receipt

import (
	"slices"
	"testing"
)

// The sums are those of the arrays as they were when they were added.
func TestHasher(t *testing.T) {
	var h Hasher
	if sums := h.Sums(); len(sums) != 0 {
		t.Errorf("%v without an array", sums)
	}
	for round := range 2 {
		var want []string
		x := make([]float32, 5000)
		for i := range 100 {
			x = x[:1+(37*i+round)%5000]
			x[i%len(x)] += float32(i)
			want = append(want, HashFloat32(x))
			h.Add(x)
			clear(x)
		}
		if got := h.Sums(); !slices.Equal(got, want) {
			t.Errorf("round %d: %v\nwant %v", round, got, want)
		}
	}
}
