package transformer

import (
	"context"
	"errors"

	"github.com/helix-substrate/helix-substrate/arch"
)

// carried says what goes from layer to layer of a token behind its vector, where layers see more than that: its id, where each
// is given something of that (per-layer embeddings), and the keys and values that later layers share.
type carried struct {
	hidden, width int
	ids           bool
	keys          map[int]int // of each layer whose keys and values others see: where they begin; values follow
}

func newCarried(c *arch.Config) carried {
	k := carried{hidden: c.Hidden, width: c.Hidden, ids: c.PerLayer.Len > 0, keys: map[int]int{}}
	if k.ids {
		k.width++ // a whole number below 2^24, which a float32 holds
	}
	for l := range c.Layers {
		from := c.KVSource(l)
		if _, known := k.keys[from]; from < l && !known {
			k.keys[from] = k.width
			k.width += 2 * c.KVHeadsOf(from) * c.HeadDimOf(from)
		}
	}
	return k
}

// begin writes what the first layer is given of a token behind its embedding.
func (k *carried) begin(x []float32, id int) {
	if k.ids {
		x[k.hidden] = float32(id)
	}
}

// Width is how many values of a token go from layer to layer, the first of which are its vector.
func (l *Layers) Width() int { return l.carried.width }

// Vectors returns the vectors [tokens, hidden] of what layers leave, x [tokens, Width], which it moves together in x.
func (l *Layers) Vectors(x []float32) []float32 {
	n, width := l.Config.Hidden, l.Width()
	tokens := len(x) / width
	for i := range tokens {
		copy(x[i*n:][:n], x[i*width:])
	}
	return x[:tokens*n]
}

// runRows takes what the pass's tokens have, x [tokens, Width], through the layer.
func (y *Layer) runRows(ctx context.Context, p *pass, x []float32) error {
	l := y.layers
	n, width := l.Config.Hidden, l.Width()
	if n == width {
		return seenAll(p.block(ctx, y.index, x))
	}
	if err := y.preparePerLayer(ctx, p, x); err != nil {
		return err
	}
	own := l.Config.KVHeadsOf(y.index) * l.Config.HeadDimOf(y.index)
	if at, ok := l.carried.keys[y.index]; ok {
		p.kept = func(row int, k, v []float32) {
			to := x[row*width+at:]
			copy(to[:own], k)
			copy(to[own:][:own], v)
		}
	}
	from := l.Config.KVSource(y.index)
	vectors := p.x[:len(p.rows)*n]
	for i, r := range p.rows {
		of := x[i*width:][:width]
		copy(vectors[i*n:][:n], of)
		if from < y.index {
			keys := of[l.carried.keys[from]:]
			r.cache.put(y.index, r.position, keys[:own], keys[own:][:own])
		}
	}
	err := seenAll(p.block(ctx, y.index, vectors))
	for i := range p.rows {
		copy(x[i*width:][:n], vectors[i*n:])
	}
	return err
}

// projection is the matrix that makes of embeddings what layers are given besides; nil if they are given nothing.
func (l *Layers) projection() *arch.Weight {
	for i := range l.weights {
		if l.weights[i].Name == arch.PerLayerProjectionName {
			return &l.weights[i]
		}
	}
	return nil
}

// openPerLayer reads what that is made of.
func (y *Layer) openPerLayer(ctx context.Context) (err error) {
	m, c := y.layers.model, y.layers.Config
	if c.PerLayer.Len == 0 {
		return nil
	}
	w, err := m.source.matrix(ctx, m.engine, arch.PerLayerProjectionName)
	if err != nil {
		return err
	}
	m.matrices[arch.PerLayerProjectionName] = w
	if err := w.Load(ctx); err != nil {
		return err
	}
	if err := m.assemblePerLayer(ctx); err != nil {
		return err
	}
	if m.perLayer.embeddings, err = m.source.rows(ctx, m.engine, arch.PerLayerEmbeddingName); err != nil {
		return err
	}
	y.embeddings, err = m.source.rows(ctx, m.engine, c.StoredEmbedding(m.source.has))
	return err
}

// closePerLayer closes it, but for the matrix, which is one of the model's.
func (y *Layer) closePerLayer() (err error) {
	m := y.layers.model
	for _, r := range []rows{m.perLayer.embeddings, y.embeddings} {
		if r != nil {
			err = errors.Join(err, r.Close())
		}
	}
	m.perLayer, y.embeddings = perLayerTable{}, nil
	return err
}

// preparePerLayer makes what the layer is given of the rows' tokens besides, with the bits that [pass.preparePerLayer] makes of it
// for all layers.
func (y *Layer) preparePerLayer(ctx context.Context, p *pass, x []float32) error {
	m, c := y.layers.model, y.layers.Config
	n, each, width := c.PerLayer.Len, c.Layers*c.PerLayer.Len, y.layers.Width()
	if n == 0 {
		return nil
	}
	embeddings, products := p.output[:len(p.rows)*c.Hidden], p.gate[:len(p.rows)*n]
	m.embeddings = y.embeddings
	for i := range p.rows {
		if err := m.embed(ctx, embeddings[i*c.Hidden:][:c.Hidden], int(x[i*width+c.Hidden])); err != nil {
			return err
		}
	}
	part := m.perLayer.projection
	part.First, part.Rows = y.index*n, n
	if err := m.engine.DotAll(ctx, embeddings, part.to(products)); err != nil {
		return err
	}
	for i := range p.rows {
		id := int(x[i*width+c.Hidden])
		if err := m.perLayer.embeddings.Floats(ctx, p.perLayer.row, id, id+1); err != nil {
			return err
		}
		own := products[i*n:][:n]
		m.perLayer.combine(c, own, p.perLayer.row[y.index*n:][:n])
		copy(p.perLayer.inputs[i*each+y.index*n:], own)
	}
	return nil
}
