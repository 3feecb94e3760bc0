package arch

import "fmt"

// GlobalHeads says what of layers without a sliding window is otherwise than in those that have one (Gemma 4). The zero
// value: nothing is.
type GlobalHeads struct {
	Dim int // length of their heads; 0: HeadDim
	KV  int // how many have keys and values; 0: KVHeads
	// KeyIsValue: no matrix makes values, which are what keys are made of, before those are normalized and turned.
	KeyIsValue bool
}

// headDim is the length of heads of local layers or of global ones.
func (c *Config) headDim(local bool) int {
	if local || c.Global.Dim == 0 {
		return c.HeadDim
	}
	return c.Global.Dim
}

// HeadDimOf is the length of a layer's heads.
func (c *Config) HeadDimOf(layer int) int { return c.headDim(c.IsLocal(layer)) }

// KVHeadsOf is how many heads of keys and values a layer has.
func (c *Config) KVHeadsOf(layer int) int {
	if c.IsLocal(layer) || c.Global.KV == 0 {
		return c.KVHeads
	}
	return c.Global.KV
}

// WidestHeads are the largest numbers that some layer has: the length of a head, and that of all heads of keys together.
func (c *Config) WidestHeads() (dim, keys int) {
	for l := range c.Layers {
		n := c.HeadDimOf(l)
		dim, keys = max(dim, n), max(keys, n*c.KVHeadsOf(l))
	}
	return dim, keys
}

// HasValues tells whether a layer has a matrix for values: one that makes keys may make them too.
func (c *Config) HasValues(layer int) bool { return !c.Global.KeyIsValue || c.IsLocal(layer) }

// KVSource is the layer whose keys and values a layer sees: its own, or of the SharedKV last layers those of the last layer
// before them that has a sliding window, or none, as they have.
func (c *Config) KVSource(layer int) int {
	first := c.Layers - c.SharedKV
	if layer < first {
		return layer
	}
	for l := first - 1; l >= 0; l-- {
		if c.IsLocal(l) == c.IsLocal(layer) {
			return l
		}
	}
	return layer
}

// FFNOf is the length between up and down projections of a layer that is no mixture of experts.
func (c *Config) FFNOf(layer int) int {
	if c.WideFFN > 0 && layer >= c.Layers-c.SharedKV {
		return c.WideFFN
	}
	return c.FFN
}

// checkHeads refuses heads of global layers, and layers that share keys and values, that make no sense.
func (c *Config) checkHeads() error {
	g := c.Global
	switch {
	case g.Dim < 0 || g.Dim > 1<<14 || g.Dim%2 != 0:
		return fmt.Errorf("head size %d of global layers is not even, in 2..%d: %w", g.Dim, 1<<14, ErrConfig)
	case g.KV < 0 || g.KV > 0 && c.Heads%g.KV != 0:
		return fmt.Errorf("%d heads share %d key/value heads of global layers unevenly: %w", c.Heads, g.KV, ErrConfig)
	case c.SharedKV < 0 || c.SharedKV >= c.Layers:
		return fmt.Errorf("%d of %d layers have no keys and values of their own: %w", c.SharedKV, c.Layers, ErrConfig)
	case c.WideFFN < 0 || c.WideFFN > 1<<22 || c.WideFFN > 0 && c.SharedKV == 0:
		return fmt.Errorf("intermediate size %d of %d layers: %w", c.WideFFN, c.SharedKV, ErrConfig)
	case (g != GlobalHeads{} || c.SharedKV > 0 || c.ValueNorm) && (c.Latent.KV > 0 || c.Mixers.Of != nil || c.FusedQKV || c.GatedAttention || c.WholeNorm || c.HeadNorms):
		return fmt.Errorf("heads of no kind that is known: %w", ErrConfig)
	case g.KeyIsValue && (c.QKVBias || c.Multipliers != nil):
		return fmt.Errorf("keys with biases or factors that are values: %w", ErrConfig)
	case c.Bidirectional && (c.SharedKV > 0 || c.PerLayer.Len > 0):
		return fmt.Errorf("keys that layers share where a text is seen at once: %w", ErrConfig)
	case c.Single && (c.LayerScale || c.PerLayer.Len > 0 || c.Experts.Beside), c.PerLayer.Len > 0 && c.PlainFFN:
		return fmt.Errorf("layers of no kind that is known: %w", ErrConfig)
	}
	for l := c.Layers - c.SharedKV; l < c.Layers; l++ {
		if c.KVSource(l) == l {
			return fmt.Errorf("no layer of its kind has keys and values for layer %d: %w", l, ErrConfig)
		}
	}
	return nil
}

// PerLayer says what of a token each layer is given besides what the layer before it left: a part of a row of a second table
// of embeddings, added to a product of the first one (per-layer embeddings, Gemma 4). The zero value: nothing.
type PerLayer struct {
	Len   int // values of a layer; 0 for none
	Vocab int // rows of the table
}

// Names of what all layers share of it.
const (
	PerLayerEmbeddingName  = "model.embed_tokens_per_layer.weight" // [rows, all layers' values]
	PerLayerProjectionName = "model.per_layer_model_projection.weight"
	PerLayerNormName       = "model.per_layer_projection_norm.weight" // of each layer's part of that
)

func (p PerLayer) check(c *Config) error {
	switch {
	case p.Len == 0 && p.Vocab == 0:
		return nil
	case p.Len < 1 || p.Len > 1<<14 || p.Len*c.Layers > 1<<22:
		return fmt.Errorf("%d values besides for each of %d layers: %w", p.Len, c.Layers, ErrConfig)
	case p.Vocab < c.Vocab || p.Vocab > 1<<24:
		return fmt.Errorf("%d embeddings by layer of a vocabulary of %d: %w", p.Vocab, c.Vocab, ErrConfig)
	}
	return nil
}

// perLayerWeights lists the tensors that all layers share.
func (c *Config) perLayerWeights() []Weight {
	n := c.PerLayer.Len
	if n == 0 {
		return nil
	}
	return []Weight{
		{Name: PerLayerEmbeddingName, Shape: []int{c.PerLayer.Vocab, c.Layers * n}, Padded: true, Looked: true},
		{Name: PerLayerProjectionName, Shape: []int{c.Layers * n, c.Hidden}},
		{Name: PerLayerNormName, Shape: []int{n}},
	}
}

// LayersAlone tells whether each layer can be run without the others and without the tokens.
func (c *Config) LayersAlone() bool { return c.SharedKV == 0 && c.PerLayer.Len == 0 }
