package transformer

import "fmt"

// matrixNames lists the matrices that a model of this configuration has, each
// once, in the order of use.
func matrixNames(c *Config, src source) []string {
	embed := embedName
	if !src.has(embed) && src.has(headName) {
		embed = headName // some tied checkpoints store only the head
	}
	names := []string{embed}
	for l := range c.Layers {
		var parts []string
		if c.FusedQKV {
			parts = append(parts, "self_attn.qkv_proj")
		} else {
			parts = append(parts, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		}
		parts = append(parts, "self_attn.o_proj")
		if c.FusedGate {
			parts = append(parts, "mlp.gate_up_proj")
		} else {
			parts = append(parts, "mlp.gate_proj", "mlp.up_proj")
		}
		for _, p := range append(parts, "mlp.down_proj") {
			names = append(names, layerName(l, p+".weight"))
		}
	}
	if embed != headName && (src.has(headName) || !c.TiedHead) {
		names = append(names, headName)
	}
	return names
}

// assemble builds the blocks from the loaded matrices and checks their shapes.
func (m *Model) assemble() error {
	c := m.Config
	m.blocks = make([]Block, c.Layers)
	for l := range m.blocks {
		if err := m.assembleBlock(l); err != nil {
			return fmt.Errorf("layer %d: %w", l, err)
		}
	}
	var err error
	if m.norm, err = m.vector(normName, c.Hidden); err != nil {
		return err
	}
	m.embeddings = m.matrices[embedName]
	if m.embeddings == nil {
		m.embeddings = m.matrices[headName]
	}
	if m.embeddings.Rows() < c.Vocab || m.embeddings.Cols() != c.Hidden {
		return fmt.Errorf("the embeddings are [%d, %d], the configuration says [%d, %d]: %w", m.embeddings.Rows(), m.embeddings.Cols(), c.Vocab, c.Hidden, ErrWeights)
	}
	head := m.matrices[headName]
	if head == nil {
		head = m.embeddings
	}
	m.head = Linear{W: head, Rows: c.Vocab}
	return m.head.check("the output head", c.Vocab, c.Hidden)
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
	if err := a.check(c); err != nil {
		return err
	}
	if err := f.check(c); err != nil {
		return err
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
	bias, err := m.source.vector(name + ".bias")
	if err != nil {
		return err
	}
	if len(bias) < p.first+p.rows {
		return fmt.Errorf("%s.bias has %d values, rows end at %d: %w", name, len(bias), p.first+p.rows, ErrWeights)
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
