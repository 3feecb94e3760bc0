package transformer

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/arch"
)

// assemble builds the blocks from the loaded matrices, whose shapes arch.Config.CheckWeights
// has compared with the configuration, and from vectors.
func (m *Model) assemble(ctx context.Context) error {
	c := m.Config
	m.blocks = make([]block, c.Layers)
	for _, w := range c.Weights(m.source.has) {
		if len(w.Parts) > 0 {
			if err := m.place(ctx, &w); err != nil {
				return err
			}
		}
	}
	var err error
	if m.norm, err = m.lastNorm(ctx); err != nil {
		return err
	}
	if err := m.assemblePerLayer(ctx); err != nil {
		return err
	}
	m.embeddings = m.matrices[c.StoredEmbedding(m.source.has)]
	if !c.HasHead() {
		return nil
	}
	head := arch.HeadName
	if c.TiedHead {
		head = c.StoredEmbedding(m.source.has)
	}
	m.head = linear{Name: head, W: m.matrices[head], Rows: c.Vocab}
	return nil
}

// lastNorm reads the norm after the last layer, nil if there is none.
func (m *Model) lastNorm(ctx context.Context) ([]float32, error) {
	c := m.Config
	if c.NoLastNorm {
		return nil, nil
	}
	weights, err := m.vector(ctx, arch.NormName, c.Hidden)
	if err != nil || !c.NormBias {
		return weights, err
	}
	biases, err := m.vector(ctx, arch.NormBiasName, c.Hidden)
	return append(weights, biases...), err
}

// place puts a layer's tensor where the layer uses it.
func (m *Model) place(ctx context.Context, w *arch.Weight) error {
	var vector []float32
	if w.IsVector() {
		if w.Optional && !m.source.has(w.Name) {
			return nil
		}
		var err error
		if vector, err = m.vector(ctx, w.Name, w.Len()); err != nil {
			return err
		}
	}
	if w.Filter {
		vector = transposed(vector, w.Shape[0])
		m.Config.ScaleChannels(vector)
	}
	for _, p := range w.Parts {
		if (p.Use == arch.RouterBias || p.Use == arch.Sinks) && !finite(vector) { // infinities show in nothing else
			return fmt.Errorf("%s holds NaN or infinities: %w", w.Name, arch.ErrWeights)
		}
	}
	b, first := &m.blocks[w.Layer], 0
	for _, p := range w.Parts {
		l := b.linear(p.Use)
		switch {
		case l == nil:
			if p.Use == arch.DecayLog && m.Config.Mixers.HasMamba() {
				vector = decays(vector, m.Config.Mixers.Decays)
			}
			v := b.vector(p.Use)
			if *v == nil {
				*v = vector // not a copy: a table of positions is large
			} else {
				*v = append(*v, vector...) // a norm's biases come after its weights
			}
		case vector != nil && w.Experts > 0:
			l.Bias = vector
		case vector != nil: // which comes after the matrix
			l.Bias = multiplied(vector[first:][:p.Rows], m.Config.Multipliers[p.Use].Out)
		default:
			*l = linear{Name: w.Name, W: m.matrices[w.Name], First: first, Rows: p.Rows, Scale: m.Config.Multipliers[p.Use].Product()}
			if w.Experts > 0 {
				l.Each = w.Shape[0] / w.Experts
				if m.experts != nil {
					b.Experts.Cache = m.experts[w.Layer]
				}
				if b.Experts.uses == nil {
					b.Experts.uses = make([]atomic.Int64, w.Experts)
				}
			}
		}
		first += p.Rows
	}
	return nil
}

// linear returns the block's linear layer of a use; nil for a vector's.
func (b *block) linear(u arch.Use) *linear {
	switch u {
	case arch.KeyValueDown:
		return &b.Attention.Latent.Down
	case arch.KeyValueUp:
		return &b.Attention.Latent.Up
	case arch.QueryDown:
		return &b.Attention.Latent.Query
	case arch.Query:
		return &b.Attention.Q
	case arch.Key:
		return &b.Attention.K
	case arch.Value:
		return &b.Attention.V
	case arch.AttentionOutput:
		return &b.Attention.O
	case arch.MixerInput:
		return &b.Mixer.In
	case arch.MixerGate:
		return &b.Mixer.Gate
	case arch.MixerRate:
		return &b.Mixer.Rate
	case arch.MixerStep:
		return &b.Mixer.Step
	case arch.MixerOutput:
		return &b.Mixer.Out
	case arch.FFNGate:
		return &b.FFN.Gate
	case arch.FFNUp:
		return &b.FFN.Up
	case arch.FFNDown:
		return &b.FFN.Down
	case arch.ExpertRouter:
		return &b.Experts.Router
	case arch.ExpertGate:
		return &b.Experts.FFN.Gate
	case arch.ExpertUp:
		return &b.Experts.FFN.Up
	case arch.ExpertDown:
		return &b.Experts.FFN.Down
	case arch.PerLayerGate:
		return &b.PerLayer.Gate
	case arch.PerLayerOutput:
		return &b.PerLayer.Output
	}
	return nil
}

// vector returns the place of a vector that is no linear layer's: a norm's weights, as a rule.
func (b *block) vector(u arch.Use) *[]float32 {
	switch u {
	case arch.ConvFilter:
		return &b.Mixer.filter
	case arch.ConvBias:
		return &b.Mixer.bias
	case arch.StepBias:
		return &b.Mixer.step
	case arch.DecayLog:
		return &b.Mixer.decay
	case arch.Skip:
		return &b.Mixer.skip
	case arch.MixerNorm:
		return &b.Mixer.norm
	case arch.RouterBias:
		return &b.Experts.Bias
	case arch.SharedGate:
		return &b.Experts.SharedGate
	case arch.EmbeddingNorm:
		return &b.Embedding.norm
	case arch.PositionTable:
		return &b.Embedding.positions
	case arch.TypeTable:
		return &b.Embedding.types
	case arch.AttentionNorm:
		return &b.AttnNorm
	case arch.QueryNorm:
		return &b.Attention.QNorm
	case arch.KeyNorm:
		return &b.Attention.KNorm
	case arch.KeyValueNorm:
		return &b.Attention.Latent.Norm
	case arch.QueryDownNorm:
		return &b.Attention.Latent.QueryNorm
	case arch.Sinks:
		return &b.Attention.Sinks
	case arch.PostAttentionNorm:
		return &b.PostAttn
	case arch.FFNNorm:
		return &b.FFNNorm
	case arch.PostFFNNorm:
		return &b.PostFFN
	case arch.DensePostNorm:
		return &b.Experts.Beside.DensePost
	case arch.RouterScale:
		return &b.Experts.Beside.RouterScale
	case arch.ExpertScale:
		return &b.Experts.Beside.Scales
	case arch.ExpertNorm:
		return &b.Experts.Beside.Norm
	case arch.ExpertPostNorm:
		return &b.Experts.Beside.Post
	case arch.PerLayerNorm:
		return &b.PerLayer.Norm
	case arch.LayerScalar:
		return &b.Scalar
	}
	return nil
}

// vector reads a vector and checks its length.
func (m *Model) vector(ctx context.Context, name string, n int) ([]float32, error) {
	x, err := m.source.vector(ctx, name)
	if err == nil && len(x) != n {
		err = fmt.Errorf("%s has %d values, the configuration says %d: %w", name, len(x), n, arch.ErrWeights)
	}
	return x, err
}

// multiplied returns a vector times a factor, 0 for none.
func multiplied(x []float32, by float32) []float32 {
	if by == 0 {
		return x
	}
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = v * by
	}
	return y
}

// transposed returns a matrix of so many rows with rows for columns.
func transposed(x []float32, rows int) []float32 {
	cols := len(x) / rows
	y := make([]float32, len(x))
	for i, v := range x {
		y[i%cols*rows+i/cols] = v
	}
	return y
}
