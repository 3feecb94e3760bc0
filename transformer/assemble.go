package transformer

import "fmt"

// assemble builds the blocks from the loaded matrices, whose shapes checkWeights
// has compared with the configuration.
func (m *Model) assemble() error {
	c := m.Config
	m.blocks = make([]Block, c.Layers)
	for l := range m.blocks {
		if err := m.assembleBlock(l); err != nil {
			return err
		}
	}
	var err error
	if m.norm, err = m.vector(normName, c.Hidden); err != nil {
		return err
	}
	m.embeddings = m.matrices[embeddingName(c, m.source.has)]
	head := m.embeddings
	if !c.TiedHead {
		head = m.matrices[headName]
	}
	m.head = Linear{W: head, Rows: c.Vocab}
	return nil
}

func (m *Model) assembleBlock(l int) error {
	c, b := m.Config, &m.blocks[l]
	a, f := &b.Attention, &b.FFN
	f.Activation = c.Activation
	queries, keys := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	parts := []part{
		{&a.O, "self_attn.o_proj", 0, c.Hidden},
		{&f.Down, "mlp.down_proj", 0, c.Hidden},
	}
	if c.FusedQKV {
		const name = "self_attn.qkv_proj"
		parts = append(parts, part{&a.Q, name, 0, queries}, part{&a.K, name, queries, keys}, part{&a.V, name, queries + keys, keys})
	} else {
		parts = append(parts, part{&a.Q, "self_attn.q_proj", 0, queries}, part{&a.K, "self_attn.k_proj", 0, keys}, part{&a.V, "self_attn.v_proj", 0, keys})
	}
	if c.FusedGate {
		parts = append(parts, part{&f.Gate, "mlp.gate_up_proj", 0, c.FFN}, part{&f.Up, "mlp.gate_up_proj", c.FFN, c.FFN})
	} else {
		parts = append(parts, part{&f.Gate, "mlp.gate_proj", 0, c.FFN}, part{&f.Up, "mlp.up_proj", 0, c.FFN})
	}
	for _, p := range parts {
		if err := m.linear(l, p); err != nil {
			return err
		}
	}
	return m.norms(l, b)
}

// part says which rows of which matrix make a linear layer.
type part struct {
	to          *Linear
	name        string
	first, rows int
}

func (m *Model) linear(l int, p part) error {
	name := layerName(l, p.name)
	*p.to = Linear{W: m.matrices[name+".weight"], First: p.first, Rows: p.rows}
	if !m.source.has(name + ".bias") {
		return nil
	}
	bias, err := m.vector(name+".bias", p.to.W.Rows())
	if err != nil {
		return err
	}
	p.to.Bias = bias[p.first : p.first+p.rows]
	return nil
}

func (m *Model) norms(l int, b *Block) error {
	c := m.Config
	list := []struct {
		to   *[]float32
		name string
		n    int
		used bool
	}{
		{&b.AttnNorm, "input_layernorm", c.Hidden, true},
		{&b.FFNNorm, "post_attention_layernorm", c.Hidden, !c.PostNorms},
		{&b.PostAttn, "post_attention_layernorm", c.Hidden, c.PostNorms},
		{&b.FFNNorm, "pre_feedforward_layernorm", c.Hidden, c.PostNorms},
		{&b.PostFFN, "post_feedforward_layernorm", c.Hidden, c.PostNorms},
		{&b.Attention.QNorm, "self_attn.q_norm", c.HeadDim, c.QKNorm},
		{&b.Attention.KNorm, "self_attn.k_norm", c.HeadDim, c.QKNorm},
	}
	for _, n := range list {
		if !n.used {
			continue
		}
		var err error
		if *n.to, err = m.vector(layerName(l, n.name+".weight"), n.n); err != nil {
			return err
		}
	}
	return nil
}

// vector reads a vector and checks its length.
func (m *Model) vector(name string, n int) ([]float32, error) {
	x, err := m.source.vector(name)
	if err == nil && len(x) != n {
		err = fmt.Errorf("%s has %d values, the configuration says %d: %w", name, len(x), n, ErrWeights)
	}
	return x, err
}
