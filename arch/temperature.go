package arch

import (
	"fmt"
	"math"
)

// Temperature says how queries grow with their position, so that attention stays as sharp however much it sees (Nakanishi 2025,
// Llama 4): they are multiplied by 1 + Factor·ln(1 + ⌊(position + First)/Length⌋). The zero value leaves them.
type Temperature struct {
	Factor float64
	Length int
	First  int  // what the first position counts as
	NoRope bool // only in layers without rotary embeddings
}

// check refuses what makes no sense.
func (t *Temperature) check() error {
	switch {
	case *t == Temperature{}:
		return nil
	case !(math.Abs(t.Factor) <= 1e6):
		return fmt.Errorf("queries scaled by %v: %w", t.Factor, ErrConfig)
	case t.Length < 1 || t.Length > 1<<28 || t.First < 0 || t.First > 1:
		return fmt.Errorf("queries scaled every %d positions: %w", t.Length, ErrConfig)
	}
	return nil
}

// QueryScale is what a layer's queries at a position are multiplied by.
func (c *Config) QueryScale(layer, position int) float32 {
	t := &c.Temperature
	if t.Factor == 0 || t.NoRope && c.HasRope(layer) {
		return 1
	}
	steps := (position + t.First) / t.Length
	return float32(1 + float64(t.Factor*ln(float64(1+steps))))
}
