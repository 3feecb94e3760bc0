package transformer

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/model"
)

// rope reads the rotary embeddings. Llama's weights are permuted in these files,
// so that neighbours are paired.
func (r *ggufReader) rope(c *Config) {
	c.Rope = Rope{Theta: r.float("rope.freq_base", 10000), Interleaved: r.arch == "llama"}
	if d := r.integer("rope.dimension_count", c.HeadDim); d != c.HeadDim {
		c.Rope.Dim = d
	}
	// Of 2023 is scale_linear. A factor without a type is linear, and 0 is none.
	factor := r.float("rope.scaling.factor", r.float("rope.scale_linear", 1))
	if factor == 0 {
		factor = 1
	}
	s := Scaling{
		Type: ScalingType(cmp.Or(r.text("rope.scaling.type"), string(ScaleLinear))), Factor: factor,
		Original: r.integer("rope.scaling.original_context_length", c.Context), Attention: r.float("rope.scaling.attn_factor", 0),
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
	whole, short, long := r.divisors(c, "rope_freqs.weight"), r.divisors(c, "rope_factors_short.weight"), r.divisors(c, "rope_factors_long.weight")
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
	shape, ok := r.tensors.shape(name)
	if !ok {
		return nil
	}
	rows, n := model.MatrixShape(shape)
	if pairs := c.Rope.dim(c.HeadDim) / 2; rows*n != pairs {
		r.err = errors.Join(r.err, fmt.Errorf("%s has %d values for %d pairs: %w", name, rows*n, pairs, ErrWeights))
		return nil
	}
	x, err := r.tensors.values(name)
	r.fail(err)
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	return wide
}
