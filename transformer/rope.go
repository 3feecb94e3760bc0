package transformer

import "github.com/helix-substrate/helix-substrate/internal/detmath"

// rotation turns the heads of one position.
type rotation struct {
	sin, cos    []float32
	interleaved bool
	position    int // that sin and cos are of, −1 at first; pass.add's
}

func newRotation(pairs int, interleaved bool) rotation {
	return rotation{sin: make([]float32, pairs), cos: make([]float32, pairs), interleaved: interleaved, position: -1}
}

// set computes the turn of a position.
func (t rotation) set(freq []float64, factor float64, position int) {
	for i, f := range freq {
		s, c := detmath.SinCos(float64(float64(position) * f))
		t.sin[i], t.cos[i] = float32(s*factor), float32(c*factor)
	}
}

// apply turns one head in place. Products are rounded one by one, not fused.
func (t rotation) apply(head []float32) {
	n := len(t.sin)
	for i := range n {
		a, b := i, i+n
		if t.interleaved {
			a, b = 2*i, 2*i+1
		}
		x, y := head[a], head[b]
		head[a] = float32(x*t.cos[i]) - float32(y*t.sin[i])
		head[b] = float32(y*t.cos[i]) + float32(x*t.sin[i])
	}
}
