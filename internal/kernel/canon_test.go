package kernel

import (
	"math"
	"testing"
)

// TestSlot spells out the lane formula of the canon.
func TestSlot(t *testing.T) {
	seen := map[[2]int]int{}
	next := [laneCount]int{}
	for j := range groupSize {
		step, lane := slot(j)
		if want := 4*(j/16) + j%8/2; lane != want {
			t.Errorf("column %d: lane %d, want %d", j, lane, want)
		}
		if step != next[lane] {
			t.Errorf("column %d: step %d of lane %d, want %d", j, step, lane, next[lane])
		}
		next[lane]++
		seen[[2]int{step, lane}]++
	}
	if len(seen) != groupSize {
		t.Errorf("%d slots for %d columns", len(seen), groupSize)
	}
}

// TestDotCanon follows the words of the canon, column by column, on weights
// and activations that tell every order apart.
func TestDotCanon(t *testing.T) {
	const n = 150
	values := make([]float32, 256)
	for i := range values {
		values[i] = float32(i)*0.37 - 41.3
	}
	idx, x := make([]byte, n), make([]float32, n)
	for j := range idx {
		idx[j], x[j] = byte(j*37), 1/float32(j+3)
	}
	var lanes [16]float32
	for j := range 192 {
		var a, w float32
		if j < n {
			a, w = x[j], values[idx[j]]
		}
		l := 4*(j%64/16) + j%8/2
		lanes[l] = FMA32(a, w, lanes[l])
	}
	var eight [8]float32
	for i := range eight {
		eight[i] = lanes[i] + lanes[i+8]
	}
	four := [4]float32{eight[0] + eight[4], eight[1] + eight[5], eight[2] + eight[6], eight[3] + eight[7]}
	want := (four[0] + four[2]) + (four[1] + four[3])

	var a Activations
	a.Pack(x, 1, n)
	y := []float32{0}
	k, err := ForLevel(Generic)
	if err != nil {
		t.Fatal(err)
	}
	k.DotRows(y, 1, &a, NewTable(values), idx, 1)
	if math.Float32bits(y[0]) != math.Float32bits(want) {
		t.Errorf("got %x, want %x", y[0], want)
	}
}
