package transformer

import (
	"context"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/arch"
)

// perLayer is how a layer takes in what it is given of a token besides the residual stream: a gate, which that stream opens,
// and a projection to it (per-layer embeddings, Gemma 4).
type perLayer struct {
	Gate, Output linear
	Norm         []float32
}

// perLayerTable is what those parts are made of: rows of embeddings, of which only a token's is read, and a product of its
// first embedding.
type perLayerTable struct {
	embeddings rows // nil: the model has none
	projection linear
	norm       []float32
}

// perLayerScratch is its memory for a pass.
type perLayerScratch struct {
	row    []float32 // of the table
	inputs []float32 // [chunk, layers, length]
}

func newPerLayerScratch(c *arch.Config, chunk int, take func(n int) []float32) perLayerScratch {
	n := c.Layers * c.PerLayer.Len
	return perLayerScratch{row: take(n), inputs: take(chunk * n)}
}

// perLayerFloats is how many float32 of it a chunk takes.
func perLayerFloats(c *arch.Config, chunk int) int64 {
	return int64(1+chunk) * int64(c.Layers) * int64(c.PerLayer.Len)
}

// assemblePerLayer finds the table.
func (m *Model) assemblePerLayer(ctx context.Context) (err error) {
	c := m.Config
	if c.PerLayer.Len == 0 {
		return nil
	}
	m.perLayer.projection = linear{Name: arch.PerLayerProjectionName, W: m.matrices[arch.PerLayerProjectionName], Rows: c.Layers * c.PerLayer.Len}
	m.perLayer.norm, err = m.vector(ctx, arch.PerLayerNormName, c.PerLayer.Len)
	return err
}

// preparePerLayer makes what layers are given of the rows' tokens, whose embeddings are x.
func (p *pass) preparePerLayer(ctx context.Context, x []float32) error {
	m, c, s := p.model, p.model.Config, &p.perLayer
	if m.perLayer.embeddings == nil {
		return nil
	}
	each := c.Layers * c.PerLayer.Len
	inputs := s.inputs[:len(p.rows)*each]
	if err := m.engine.DotAll(ctx, x, m.perLayer.projection.to(inputs)); err != nil {
		return fmt.Errorf("projection of embeddings to layers: %w", err)
	}
	for i, r := range p.rows {
		if err := m.perLayer.embeddings.Floats(ctx, s.row, r.id, r.id+1); err != nil {
			return fmt.Errorf("embedding by layer of token %d: %w", r.id, err)
		}
		m.perLayer.combine(c, inputs[i*each:][:each], s.row)
	}
	return nil
}

// combine makes of a token's products, which it overwrites, and its row what the layers are given.
func (t *perLayerTable) combine(c *arch.Config, y, row []float32) {
	n := c.PerLayer.Len
	scale(y, float32(1/math.Sqrt(float64(c.Hidden))))
	normRows(c, y, y, t.norm, n)
	factor, half := float32(math.Sqrt(float64(n))), float32(math.Sqrt(0.5))
	for i, v := range row {
		y[i] = float32(y[i]+float32(v*factor)) * half
	}
}

// takePerLayer writes to y what layer l makes of it, with the residual stream x of the rows.
func (p *pass) takePerLayer(ctx context.Context, l int, t *perLayer, y, x []float32) error {
	m, c := p.model, p.model.Config
	n, each := c.PerLayer.Len, c.Layers*c.PerLayer.Len
	rows := len(x) / c.Hidden
	gate, inputs := p.gate[:rows*n], p.up[:rows*n]
	if err := m.engine.DotAll(ctx, x, t.Gate.to(gate)); err != nil {
		return err
	}
	for i := range rows {
		copy(inputs[i*n:][:n], p.perLayer.inputs[i*each+l*n:])
	}
	parts, size := m.cut(len(gate))
	p.activating = activating{m, gate, inputs, size}
	if err := m.each(ctx, parts, len(gate), &p.activating); err != nil {
		return err
	}
	return m.engine.DotAll(ctx, gate, t.Output.to(y))
}
