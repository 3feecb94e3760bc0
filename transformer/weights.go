package transformer

import (
	"fmt"
	"slices"
)

// tensor is one that a configuration calls for.
type tensor struct {
	name       string
	rows, cols int
	vector     bool // [cols], not a matrix
	optional   bool // used where the checkpoint has it
}

func (t *tensor) shape() []int {
	if t.vector {
		return []int{t.cols}
	}
	return []int{t.rows, t.cols}
}

// layerTensors lists a layer's tensors in the order of use.
func layerTensors(c *Config, l int) []tensor {
	var list []tensor
	vector := func(part string, n int, optional bool) {
		list = append(list, tensor{name: layerName(l, part), rows: 1, cols: n, vector: true, optional: optional})
	}
	projection := func(part string, rows, cols int, bias bool) {
		list = append(list, tensor{name: layerName(l, part+".weight"), rows: rows, cols: cols})
		vector(part+".bias", rows, !bias)
	}
	queries, keys := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	vector("input_layernorm.weight", c.Hidden, false)
	if c.FusedQKV {
		projection("self_attn.qkv_proj", queries+2*keys, c.Hidden, c.QKVBias)
	} else {
		projection("self_attn.q_proj", queries, c.Hidden, c.QKVBias)
		projection("self_attn.k_proj", keys, c.Hidden, c.QKVBias)
		projection("self_attn.v_proj", keys, c.Hidden, c.QKVBias)
	}
	if c.QKNorm {
		vector("self_attn.q_norm.weight", c.HeadDim, false)
		vector("self_attn.k_norm.weight", c.HeadDim, false)
	}
	projection("self_attn.o_proj", c.Hidden, queries, c.OutBias)
	vector("post_attention_layernorm.weight", c.Hidden, false)
	if c.PostNorms {
		vector("pre_feedforward_layernorm.weight", c.Hidden, false)
		vector("post_feedforward_layernorm.weight", c.Hidden, false)
	}
	if c.FusedGate {
		projection("mlp.gate_up_proj", 2*c.FFN, c.Hidden, c.FFNBias)
	} else {
		projection("mlp.gate_proj", c.FFN, c.Hidden, c.FFNBias)
		projection("mlp.up_proj", c.FFN, c.Hidden, c.FFNBias)
	}
	projection("mlp.down_proj", c.Hidden, c.FFN, c.FFNBias)
	return list
}

// embeddingName is where the embeddings are: some tied checkpoints store only the
// head.
func embeddingName(c *Config, src source) string {
	if c.TiedHead && !src.has(embedName) && src.has(headName) {
		return headName
	}
	return embedName
}

// matrixNames lists the matrices that a model of this configuration has, each
// once, in the order of use.
func matrixNames(c *Config, src source) []string {
	names := []string{embeddingName(c, src)}
	for l := range c.Layers {
		for _, t := range layerTensors(c, l) {
			if !t.vector {
				names = append(names, t.name)
			}
		}
	}
	if !c.TiedHead {
		names = append(names, headName)
	}
	return names
}

// checkWeights compares the shapes of all tensors with the configuration, before
// any is read. The first that does not fit is ErrWeights.
func checkWeights(c *Config, src source) error {
	// Embeddings and head may have rows beyond the vocabulary.
	ends := []tensor{{name: embeddingName(c, src), rows: c.Vocab, cols: c.Hidden}, {name: normName, rows: 1, cols: c.Hidden, vector: true}}
	if !c.TiedHead {
		ends = append(ends, tensor{name: headName, rows: c.Vocab, cols: c.Hidden})
	}
	for _, t := range ends {
		shape, ok := src.shape(t.name)
		if ok && !t.vector && len(shape) == 2 && shape[0] >= t.rows && shape[1] == t.cols {
			continue
		}
		if err := t.check(shape, ok); err != nil {
			return err
		}
	}
	for l := range c.Layers {
		for _, t := range layerTensors(c, l) {
			shape, ok := src.shape(t.name)
			if err := t.check(shape, ok); err != nil {
				return err
			}
		}
	}
	if more := layerName(c.Layers, "input_layernorm.weight"); src.has(more) {
		return fmt.Errorf("there is %s, but the configuration says %d layers: %w", more, c.Layers, ErrWeights)
	}
	return nil
}

// check compares a tensor's shape, if it is there, with the one wanted.
func (t *tensor) check(shape []int, ok bool) error {
	switch {
	case !ok && t.optional, ok && slices.Equal(shape, t.shape()), ok && t.vector && isVector(shape, t.cols):
		return nil
	case !ok:
		return fmt.Errorf("no tensor %s, which the configuration wants as %v: %w", t.name, t.shape(), ErrWeights)
	}
	return fmt.Errorf("%s is %v, the configuration says %v: %w", t.name, shape, t.shape(), ErrWeights)
}

// isVector tells whether a tensor's shape is [n], but for dimensions of 1.
func isVector(shape []int, n int) bool {
	weights := 1
	for _, d := range shape {
		if d != 1 && d != n {
			return false
		}
		weights *= d
	}
	return weights == n
}
