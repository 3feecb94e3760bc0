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
	padded     bool // a checkpoint may have rows beyond these, which nobody asks for
}

// Weight is a tensor that a model of a configuration is made of.
type Weight struct {
	Name     string // of Hugging Face
	Shape    []int  // row-major: [rows, columns] or [length]
	Optional bool   // used where the checkpoint has it
	Padded   bool   // the checkpoint may have rows beyond these, which nobody asks for
}

// Weights lists the tensors that a model of this configuration is made of, in the
// order of use; has tells which the checkpoint has, by their Hugging Face names.
func (c *Config) Weights(has func(name string) bool) []Weight {
	var list []Weight
	for _, t := range tensors(c, has) {
		list = append(list, Weight{Name: t.name, Shape: t.shape(), Optional: t.optional, Padded: t.padded})
	}
	return list
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

// tensors lists those of a whole model in the order of use.
func tensors(c *Config, has func(name string) bool) []tensor {
	list := []tensor{{name: embeddingName(c, has), rows: c.Vocab, cols: c.Hidden, padded: true}}
	for l := range c.Layers {
		list = append(list, layerTensors(c, l)...)
	}
	list = append(list, tensor{name: normName, rows: 1, cols: c.Hidden, vector: true})
	if !c.TiedHead {
		list = append(list, tensor{name: headName, rows: c.Vocab, cols: c.Hidden, padded: true})
	}
	return list
}

// embeddingName is where the embeddings are: some tied checkpoints store only the
// head.
func embeddingName(c *Config, has func(name string) bool) string {
	if c.TiedHead && !has(embedName) && has(headName) {
		return headName
	}
	return embedName
}

// matrixNames lists the matrices that a model of this configuration has, each
// once, in the order of use.
func matrixNames(c *Config, src source) []string {
	var names []string
	for _, t := range tensors(c, src.has) {
		if !t.vector {
			names = append(names, t.name)
		}
	}
	return names
}

// checkWeights compares the shapes of all tensors with the configuration, before
// any is read. The first that does not fit is ErrWeights.
func checkWeights(c *Config, src source) error {
	for _, t := range tensors(c, src.has) {
		shape, ok := src.shape(t.name)
		if err := t.check(shape, ok); err != nil {
			return err
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
	case ok && t.padded && len(shape) == 2 && shape[0] > t.rows && shape[1] == t.cols:
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
