package codebook

import (
	"math"
	"slices"
)

// Codebook is a scalar quantizer: weight w has index i, the first with w <= Bounds[i] (the last index when there is
// none), so a weight on a bound belongs to the lower value. Treat it as read-only.
type Codebook struct {
	Values []float32 // ascending, 1 to 256
	Bounds []float32 // ascending, len(Values)-1; Bounds[i] lies between the cells of Values[i] and Values[i+1]
	// ClipMin and ClipMax: weights outside belong in the sidecar. -Inf and +Inf when there is none. The indices of such
	// weights are those of the nearest end.
	ClipMin, ClipMax float32
}

// newCodebook rounds thresholds down to float32, which moves no float32 to another side.
func newCodebook(values, thresholds []float64) *Codebook {
	c := &Codebook{
		Values:  make([]float32, len(values)),
		Bounds:  make([]float32, len(thresholds)),
		ClipMin: float32(math.Inf(-1)),
		ClipMax: float32(math.Inf(1)),
	}
	for i, v := range values {
		c.Values[i] = float32(v)
	}
	for i, t := range thresholds {
		c.Bounds[i] = floor32(t)
	}
	return c
}

// equal says whether weights go the same ways; o may be nil.
func (c *Codebook) equal(o *Codebook) bool {
	return o != nil && slices.Equal(c.Values, o.Values) && slices.Equal(c.Bounds, o.Bounds) && c.ClipMin == o.ClipMin && c.ClipMax == o.ClipMax
}

// floor32 returns the largest finite float32 <= t, or the smallest one there is.
func floor32(t float64) float32 {
	t = min(max(t, -math.MaxFloat32), math.MaxFloat32)
	f := float32(t)
	if float64(f) > t {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

// toBF16 rounds to the nearest finite bfloat16, ties to even.
func toBF16(v float64) float64 {
	b := math.Float32bits(toFloat32(v))
	b = (b + 0x7fff + b>>16&1) &^ 0xffff
	if b&0x7f800000 == 0x7f800000 {
		b -= 1 << 16 // the largest finite value
	}
	return float64(math.Float32frombits(b))
}

// toFloat32 rounds to the nearest finite float32.
func toFloat32(v float64) float32 {
	return float32(min(max(v, -math.MaxFloat32), math.MaxFloat32))
}

// middle of a <= b, without overflow.
func middle(a, b float64) float64 { return a + float64((b-a)/2) }
