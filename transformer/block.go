package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/arch"
)

// block is one layer of the model: attention, or what stands for it, and FFN, or one of both, each with norms before or after
// it and added to the residual stream.
type block struct {
	Embedding         embedding // of the first one only
	Attention         attention
	Mixer             mixer     // in place of attention
	FFN               ffn       // of a mixture of experts the shared one, if there is one
	Experts           experts   // if it is a mixture
	AttnNorm, FFNNorm []float32 // before the layers, or nil
	PostAttn, PostFFN []float32 // after them, or nil
	PerLayer          perLayer
	Scalar            []float32 // one number, by which what the block leaves is multiplied; or nil
}

// uses are what a block has linear layers for, in the order of use; not all blocks have all.
var uses = []arch.Use{
	arch.KeyValueDown, arch.QueryDown, arch.Query, arch.Key, arch.Value, arch.KeyValueUp, arch.AttentionOutput,
	arch.MixerInput, arch.MixerGate, arch.MixerRate, arch.MixerStep, arch.MixerOutput,
	arch.ExpertRouter, arch.ExpertGate, arch.ExpertUp, arch.FFNGate, arch.FFNUp, arch.ExpertDown, arch.FFNDown,
	arch.PerLayerGate, arch.PerLayerOutput,
}

// linears yields the block's linear layers, in the order of use.
func (b *block) linears(yield func(use arch.Use, l *linear) bool) {
	for _, use := range uses {
		if l := b.linear(use); l.W != nil && !yield(use, l) {
			return
		}
	}
}

// block runs layer l on the rows' vectors x, in place.
func (p *pass) block(ctx context.Context, l int, x []float32) error {
	c, b := p.model.Config, &p.model.blocks[l]
	normed, y := p.normed[:len(x)], p.output[:len(x)]
	if l == 0 {
		for i := range p.rows {
			b.Embedding.enter(c, x[i*c.Hidden:][:c.Hidden], p.rows[i].position)
		}
	}
	h, norm := x, b.AttnNorm // x in a model without norms before its layers
	if c.Mixer(l) == arch.NoMixer {
		norm = b.FFNNorm
	}
	if norm != nil {
		h = normed
		if err := p.normalize(ctx, h, x, norm); err != nil {
			return err
		}
	}
	if c.Mixer(l) != arch.NoMixer {
		if err := p.mixTokens(ctx, l, b, y, h); err != nil {
			return err
		}
		p.adding = adding{config: c, x: x, y: y, post: b.PostAttn, h: normed, norm: b.FFNNorm}
		if err := p.addAll(ctx, x); err != nil || !c.HasFFN(l) {
			return err
		}
	}
	if b.FFNNorm != nil {
		h = normed
	}
	// Without a norm of its own the feed-forward layer sees what attention saw (Cohere).
	var err error
	if c.Experts.Beside && b.Experts.Router.W != nil {
		err = p.mixBeside(ctx, b, y, x, h)
	} else {
		err = p.feedForward(ctx, b, y, h)
	}
	if err != nil {
		return err
	}
	if b.PerLayer.Gate.W != nil {
		p.adding = adding{config: c, x: x, y: y, post: b.PostFFN}
		if err := p.addAll(ctx, x); err != nil {
			return err
		}
		if err := p.takePerLayer(ctx, l, &b.PerLayer, y, x); err != nil {
			return err
		}
		p.adding = adding{config: c, x: x, y: y, post: b.PerLayer.Norm, scalar: b.Scalar}
		return p.addAll(ctx, x)
	}
	p.adding = adding{config: c, x: x, y: y, post: b.PostFFN, scalar: b.Scalar}
	return p.addAll(ctx, x)
}

// addAll runs adding, and shows x to who looks.
func (p *pass) addAll(ctx context.Context, x []float32) error {
	n := p.model.Config.Hidden
	if err := p.model.each(ctx, len(x)/n, len(x), &p.adding); err != nil || p.added == nil {
		return err
	}
	return p.added(x)
}

// mixTokens writes what attention, or what stands for it in layer l, makes of vectors x to y.
func (p *pass) mixTokens(ctx context.Context, l int, b *block, y, x []float32) error {
	switch p.model.Config.Mixer(l) {
	case arch.ConvMixer:
		return p.convolveLayer(ctx, l, &b.Mixer, y, x)
	case arch.DeltaMixer:
		return p.deltaRows(ctx, l, &b.Mixer, y, x)
	case arch.MambaMixer:
		return p.mambaRows(ctx, l, &b.Mixer, y, x)
	case arch.AttentionMamba:
		return p.attendBeside(ctx, l, b, y, x)
	}
	return p.attend(ctx, l, &b.Attention, y, x)
}

// adding adds a layer's outputs y to the residual stream x, multiplies that by a number where there is one and, where another
// layer follows, writes the norm of that to h. A part is a row.
type adding struct {
	config     *arch.Config
	x, y, post []float32
	scalar     []float32
	h, norm    []float32
}

func (t *adding) Do(_, i int) error {
	c := t.config
	at, end := i*c.Hidden, (i+1)*c.Hidden
	x := t.x[at:end]
	addResidual(c, x, t.y[at:end], t.post)
	if t.scalar != nil {
		scale(x, t.scalar[0])
	}
	if t.norm != nil {
		normOf(c, t.h[at:end], x, t.norm)
	}
	return nil
}

// addResidual adds a layer's output y, normalized where the model does, to the
// residual stream x, or normalizes the sum. It overwrites y.
func addResidual(c *arch.Config, x, y, norm []float32) {
	if c.SumNorms {
		for i, v := range y {
			x[i] += v
		}
		normRows(c, x, x, norm, c.Hidden)
		return
	}
	if norm != nil {
		normRows(c, y, y, norm, c.Hidden)
	}
	if s := c.ResidualScale; s != 0 && s != 1 {
		for i, v := range y {
			x[i] += float32(v * s)
		}
		return
	}
	for i, v := range y {
		x[i] += v
	}
}

// scale multiplies x by a number.
func scale(x []float32, by float32) {
	if by == 1 {
		return
	}
	for i := range x {
		x[i] *= by
	}
}
