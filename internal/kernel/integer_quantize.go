package kernel

import (
	"encoding/binary"
	"math"
)

// leastRounded is the least |v| of a group that is not taken for zero: 127/m and what it makes of m stay far from the
// ends of float32.
const leastRounded = 0x1p-100

// Quantize rounds a part of x, row-major [q.Batch(), q.Len()], as the integer canon says: groups group … group+groups−1
// of vectors first … first+vectors−1. Calls for other parts may run at once; no two parts share a byte, but vectors of a
// panel (up to 48, see [QuantizedActivations]) share cache lines. It panics unless sizes fit.
func (k *Kernels) Quantize(q *QuantizedActivations, x []float32, c *Columns, first, vectors, group, groups int) {
	if c.n != q.n || !isProduct(len(x), q.batch, q.n) {
		panicf("Quantize: %d values and %d columns for %d vectors of %d", len(x), c.n, q.batch, q.n)
	}
	if first < 0 || vectors < 0 || first > q.batch-vectors || group < 0 || groups < 0 || group > q.Groups()-groups {
		panicf("Quantize: vectors %d..%d of %d, groups %d..%d of %d", first, first+vectors, q.batch, group, group+groups, q.Groups())
	}
	end := group + groups
	whole := min(end, q.n/RoundGroup)
	if k.integer == nil || k.integer.quantize[0][0] == nil {
		whole = group
	}
	for b := first; b < first+vectors; b++ {
		p, row := q.panel(b-b%q.width, 0), x[b*q.n:][:q.n]
		if group < whole {
			places, halfPlaces := c.places(group * RoundGroup)
			steps, halfSteps := c.steps(group * RoundGroup)
			values, biases := p.values(group, b%q.width), p.bias(group, b%q.width)
			k.integer.quantize[halfPlaces][halfSteps](&values[0], &biases[0], 4*p.width, &row[0], places, steps, whole-group)
		}
		for g := max(group, whole); g < end; g++ {
			p.quantize(g, b%q.width, row, c)
		}
	}
}

// quantize rounds a group of vector b of the panel.
func (p integerPanel) quantize(group, b int, row []float32, c *Columns) {
	var v [RoundGroup]float32
	first := group * RoundGroup
	largest := uint32(0) // the bits of |v| order as it does, and those of what is not finite are the largest
	for i := range min(RoundGroup, c.n-first) {
		v[i] = row[c.Place(first+i)] * c.Step(first+i)
		largest = max(largest, math.Float32bits(v[i])&^(1<<31))
	}
	m := math.Float32frombits(largest)
	var inverse, scale float32
	switch {
	case largest >= 0x7F800000:
		clear(v[:])
		scale = canonical(float32(math.NaN()))
	case m >= leastRounded:
		inverse, scale = 127/m, m/127
	}
	values, sum := p.values(group, b), int32(0)
	for i := range v {
		r := int32(math.RoundToEven(float64(v[i] * inverse)))
		values[i], sum = byte(r), sum+r
	}
	binary.LittleEndian.PutUint32(p.bias(group, b), uint32(-zeroCode*sum))
	binary.LittleEndian.PutUint32(p.scale(group, b), math.Float32bits(scale))
}
