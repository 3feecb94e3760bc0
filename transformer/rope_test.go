package transformer

import (
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// TestGoldenRope compares interleaved rotary embeddings with golden ones.
func TestGoldenRope(t *testing.T) {
	for _, c := range []struct {
		name  string
		theta float64
		start int
	}{{"rope_b1s10h128", 10000, 0}, {"rope_b2s3h64_p100", 1e6, 100}} {
		x, shape, err := npy.ReadFloat32(needShared(t, "golden/"+c.name+".x.npy"))
		if err != nil {
			t.Fatal(err)
		}
		want, _, err := npy.ReadFloat32(needShared(t, "golden/"+c.name+".y.npy"))
		if err != nil {
			t.Fatal(err)
		}
		length, dim := shape[1], shape[2]
		freq, factor := arch.Rope{Theta: c.theta}.Frequencies(dim, 1)
		turn := newRotation(dim/2, true)
		for i := 0; i*dim < len(x); i++ {
			turn.set(freq, factor, c.start+i%length)
			turn.apply(x[i*dim:][:dim])
		}
		worst := largestError(t, x, want)
		t.Logf("%s: largest difference %.2g", c.name, worst)
		if !(worst <= 5e-6) {
			t.Errorf("%s: differs by %.2g of the largest", c.name, worst)
		}
	}
}
