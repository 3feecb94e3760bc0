package transformer

import "context"

// Block is one layer of the model: pre-norm attention and FFN, each added to the
// residual stream.
type Block struct {
	Attention         Attention
	FFN               FFN
	AttnNorm, FFNNorm []float32 // before the layers
	PostAttn, PostFFN []float32 // after them, or nil
}

// block runs layer l on a chunk of vectors x at positions first, first+1, …, in
// place.
func (s *Session) block(ctx context.Context, l int, x []float32, first int) error {
	c, b := s.model.Config, &s.model.blocks[l]
	h, y := s.scratch.normed[:len(x)], s.scratch.output[:len(x)]
	rmsNormRows(h, x, b.AttnNorm, c.Hidden, c.NormEps, c.NormOffset)
	if err := s.attention(ctx, l, &b.Attention, y, h, first); err != nil {
		return err
	}
	c.addResidual(x, y, b.PostAttn)
	rmsNormRows(h, x, b.FFNNorm, c.Hidden, c.NormEps, c.NormOffset)
	n := len(x) / c.Hidden
	if err := b.FFN.Forward(ctx, y, h, s.scratch.gate[:n*c.FFN], s.scratch.up[:n*c.FFN], s.model.threads); err != nil {
		return err
	}
	c.addResidual(x, y, b.PostFFN)
	return nil
}

// addResidual adds a layer's output y, normalized where the model does, to the
// residual stream x. It overwrites y.
func (c *Config) addResidual(x, y, norm []float32) {
	if norm != nil {
		rmsNormRows(y, y, norm, c.Hidden, c.NormEps, c.NormOffset)
	}
	for i, v := range y {
		x[i] += v
	}
}
