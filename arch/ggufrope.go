package arch

import (
	"cmp"
	"errors"
	"fmt"
)

// rope reads how the rotary embeddings turn and stretch. Where neighbours are paired, the
// rows of the weights are permuted in these files.
func (r *ggufReader) rope(c *Config) {
	c.Rope.Interleaved = r.by.neighbours
	if c.Rope.Dim == c.HeadDim {
		c.Rope.Dim = 0
	}
	// A factor without a type is linear, and 0 is none.
	factor := r.float(scalingFactor, r.float(scalingLinear, 1))
	if factor == 0 {
		factor = 1
	}
	s := Scaling{
		Type: ScalingType(cmp.Or(r.text(scalingType), string(ScaleLinear))), Factor: factor,
		Original: r.integer(scalingOriginal, c.Context), Attention: r.float(scalingAttention, 0),
	}
	if s.Type == ScaleYaRN && s.Attention != 0 {
		s.Attention *= yarnAttention(s.Factor, 1) // here it comes on top of YaRN's own
	}
	switch {
	case s.Type == "none":
		s.Factor = 1
	case s.Type == ScaleLinear && s.Factor == 1, s.Type == ScaleLongRoPE:
	case s.Type == ScaleLinear, s.Type == ScaleYaRN:
		c.Rope.Scaling = s
	default:
		r.fail(fmt.Errorf("rope.scaling.type %q is not supported (only none, linear, yarn or longrope)", s.Type))
	}
	// Llama 3.1 and Phi-3 store what each pair's angle is divided by.
	whole, short, long := r.divisors(c, divisorsName), r.divisors(c, shortDivisorsName), r.divisors(c, longDivisorsName)
	if whole != nil {
		short, long = whole, whole
	}
	if short == nil && long == nil && s.Type != ScaleLongRoPE {
		return
	}
	if s.Type == ScaleYaRN {
		r.fail(errors.New("rope.scaling.type yarn together with a tensor of divisors is not supported"))
	}
	for _, list := range [][]float64{short, long} { // the factor counts besides
		for i := range list {
			list[i] *= s.Factor
		}
		if whole != nil {
			break // both lists are one
		}
	}
	s.Type, s.Short, s.Long = ScaleLongRoPE, short, long
	c.Rope.Scaling = s
}

// divisors reads one number for each pair that turns, nil if there is no such
// tensor.
func (r *ggufReader) divisors(c *Config, name string) []float64 {
	shape, ok := r.tensors.Shape(name)
	if !ok {
		return nil
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	if pairs := c.Rope.Rotated(c.HeadDim) / 2; n != pairs {
		r.err = errors.Join(r.err, fmt.Errorf("%s has %d values for %d pairs: %w", name, n, pairs, ErrWeights))
		return nil
	}
	x, err := r.tensors.Values(name)
	r.fail(err)
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	return wide
}
