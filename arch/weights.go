package arch

import (
	"fmt"
	"slices"
	"strings"
)

// Weight is a tensor that a model of a configuration is made of.
type Weight struct {
	Name     string // of Hugging Face
	Shape    []int  // row-major: [rows, columns] or [length]
	Optional bool   // used where the checkpoint has it
	Padded   bool   // the checkpoint may have rows beyond these, which nobody asks for
	Looked   bool   // rows are looked up, as embeddings are, and nothing is multiplied by it
	// Layer is the layer that the tensor belongs to, and Parts what it is there, of which a
	// fused matrix has several, one below the other. What belongs to no layer has none.
	Layer int
	Parts []Part
	// Filter says that it is a convolution's, [channels, taps], which is no matrix that vectors are multiplied by;
	// checkpoints may have it as [channels, 1, taps].
	Filter bool
	// Heads says that it is a norm's weights for each head, [heads, values], which is no such matrix either.
	Heads bool
	// Groups, if not 0, is how many parts of equal length a vector has, which may be a dimension of their own.
	Groups int
	// Table says that it is looked up by rows, which is no product either.
	Table bool
	// Experts, if not 0, is how many experts the matrix is of, one below the other: each has all
	// Parts. Checkpoints have it as [experts, rows of one, columns].
	Experts int
}

// Part is some rows of a layer's matrix, or of its bias; or a norm.
type Part struct {
	Use  Use
	Rows int
}

// Use is what a part of a layer's weights is for.
type Use string

// What layers have weights for.
const (
	EmbeddingNorm     Use = "embedding_norm" // of what the first layer is given
	PositionTable     Use = "position_table" // added to it before that, the row of the token's position
	TypeTable         Use = "type_table"     // and the first row of this one
	AttentionNorm     Use = "attention_norm" // before attention
	KeyValueDown      Use = "key_value_down" // what keys and values are made of, and the keys' last values, which turn
	KeyValueNorm      Use = "key_value_norm" // of the former
	KeyValueUp        Use = "key_value_up"   // keys and values of each head
	QueryDown         Use = "query_down"     // what queries are made of
	QueryDownNorm     Use = "query_down_norm"
	Query             Use = "query"
	Key               Use = "key"
	Value             Use = "value"
	QueryNorm         Use = "query_norm"      // of each head, or of all
	KeyNorm           Use = "key_norm"        // of each head, or of all
	Sinks             Use = "attention_sinks" // a score of each query head
	AttentionOutput   Use = "attention_output"
	MixerInput        Use = "mixer_input" // of a layer without attention: its first matrix
	MixerGate         Use = "mixer_gate"  // of a delta net's output
	MixerRate         Use = "mixer_rate"  // how much of a token a delta net takes over; grouped, with MixerStep
	MixerStep         Use = "mixer_step"  // how much it forgets before that; how long a step of a Mamba-2 layer is
	StepBias          Use = "step_bias"   // a vector
	DecayLog          Use = "decay_log"   // a vector
	Skip              Use = "skip"        // a vector: how much of its input each head of a Mamba-2 layer adds to its output
	MixerNorm         Use = "mixer_norm"  // of a delta net's output, each head; of a Mamba-2 layer's, each group
	ConvFilter        Use = "conv_filter"
	ConvBias          Use = "conv_bias" // a vector
	MixerOutput       Use = "mixer_output"
	PostAttentionNorm Use = "post_attention_norm" // of what attention, or what stands for it, adds
	FFNNorm           Use = "ffn_norm"            // before the feed-forward layer
	ExpertRouter      Use = "expert_router"       // which experts a vector gets
	RouterBias        Use = "expert_router_bias"  // a vector, added to what decides about that
	ExpertGate        Use = "expert_gate"         // of each expert
	ExpertUp          Use = "expert_up"
	ExpertDown        Use = "expert_down"
	SharedGate        Use = "shared_gate" // a vector, for how much of the shared expert is added; that one's matrices are FFNGate to FFNDown
	FFNGate           Use = "ffn_gate"
	FFNUp             Use = "ffn_up"
	FFNDown           Use = "ffn_down"
	PostFFNNorm       Use = "post_ffn_norm"       // of what the feed-forward layer adds
	DensePostNorm     Use = "dense_post_norm"     // where experts stand beside a feed-forward layer: of what that one computes
	RouterScale       Use = "expert_router_scale" // a vector, of what the router sees
	ExpertScale       Use = "expert_scale"        // a number for each expert
	ExpertNorm        Use = "expert_norm"         // before the experts
	ExpertPostNorm    Use = "expert_post_norm"    // of what they compute
	PerLayerGate      Use = "per_layer_gate"      // of what the layer is given of a token besides
	PerLayerOutput    Use = "per_layer_output"
	PerLayerNorm      Use = "per_layer_norm" // of what that adds
	LayerScalar       Use = "layer_scalar"   // a number, by which the residual stream is multiplied in the end
)

// Input names the vectors that matrices of a use are multiplied by: the first use whose
// matrix has the same.
func (c *Config) Input(u Use) Use {
	switch {
	case c.Experts.Beside && u == ExpertRouter:
		return u
	case c.Experts.Beside && u == ExpertUp:
		return ExpertGate
	case c.Experts.Beside && u == ExpertGate:
		return u
	}
	switch u {
	case Key, Value:
		return Query
	case MixerGate, MixerRate, MixerStep:
		return MixerInput
	case QueryDown:
		return KeyValueDown
	case FFNUp, ExpertRouter, ExpertGate, ExpertUp:
		return FFNGate
	}
	return u
}

// IsVector tells what is no matrix that vectors are multiplied by: a vector, one for each head, a convolution's filter, or a table.
func (w *Weight) IsVector() bool { return len(w.Shape) == 1 || w.Filter || w.Heads || w.Table }

// Len is how many numbers the weight has.
func (w *Weight) Len() int {
	n := 1
	for _, d := range w.Shape {
		n *= d
	}
	return n
}

// Weights lists the tensors that a model of this configuration is made of, in the
// order of use; has tells which the checkpoint has, by their Hugging Face names.
func (c *Config) Weights(has func(name string) bool) []Weight {
	list := []Weight{{Name: c.StoredEmbedding(has), Shape: []int{c.Vocab, c.Hidden}, Padded: true}}
	list = append(list, c.perLayerWeights()...)
	for l := range c.Layers {
		list = append(list, c.layerWeights(l, has)...)
	}
	if !c.NoLastNorm {
		list = append(list, Weight{Name: NormName, Shape: []int{c.Hidden}})
		if c.NormBias {
			list = append(list, Weight{Name: NormBiasName, Shape: []int{c.Hidden}})
		}
	}
	if !c.TiedHead && c.HasHead() {
		list = append(list, Weight{Name: HeadName, Shape: []int{c.Vocab, c.Hidden}, Padded: true})
	}
	return list
}

// layerList collects a layer's tensors.
type layerList struct {
	layer int
	bias  bool // norms have one
	list  []Weight
}

func (a *layerList) add(w Weight) {
	w.Name, w.Layer = LayerName(a.layer, w.Name), a.layer
	a.list = append(a.list, w)
}

// vector adds a vector, by its whole name.
func (a *layerList) vector(name string, use Use, n int) {
	a.add(Weight{Name: name, Shape: []int{n}, Parts: []Part{{use, n}}})
}

// norm adds a norm's weights, and behind them its biases where it has them.
func (a *layerList) norm(name string, use Use, n int) {
	a.vector(name+".weight", use, n)
	if a.bias {
		a.vector(name+".bias", use, n)
	}
}

// embedding adds what the first layer does with embeddings before all else.
func (c *Config) embedding(a *layerList) {
	table := func(name string, use Use, rows int) {
		if rows > 0 {
			a.list = append(a.list, Weight{Name: name, Shape: []int{rows, c.Hidden}, Table: true, Parts: []Part{{use, rows}}})
		}
	}
	table("model.embed_positions.weight", PositionTable, c.Positions)
	table("model.embed_types.weight", TypeTable, c.TokenTypes)
	if !c.EmbedNorm {
		return
	}
	norm := func(name string) {
		a.list = append(a.list, Weight{Name: name, Shape: []int{c.Hidden}, Parts: []Part{{EmbeddingNorm, c.Hidden}}})
	}
	norm("model.embed_norm.weight")
	if c.NormBias {
		norm("model.embed_norm.bias")
	}
}

// headNorms adds those of so many heads, each of its own weights.
func (a *layerList) headNorms(name string, use Use, heads, n int) {
	a.add(Weight{Name: name + ".weight", Shape: []int{heads, n}, Heads: true, Parts: []Part{{use, heads * n}}})
}

// projection adds a matrix, and its bias, which the checkpoint must have or may.
func (a *layerList) projection(name string, cols int, bias bool, parts ...Part) {
	rows := 0
	for _, p := range parts {
		rows += p.Rows
	}
	a.add(Weight{Name: name + ".weight", Shape: []int{rows, cols}, Parts: parts})
	a.add(Weight{Name: name + ".bias", Shape: []int{rows}, Optional: !bias, Parts: parts})
}

// matrix adds a matrix that never has a bias.
func (a *layerList) matrix(name string, cols int, part Part) {
	a.add(Weight{Name: name + ".weight", Shape: []int{part.Rows, cols}, Parts: []Part{part}})
}

// filter adds that of a convolution, of so many channels.
func (a *layerList) filter(name string, use Use, channels, taps int) {
	a.add(Weight{Name: name + ".weight", Shape: []int{channels, taps}, Filter: true, Parts: []Part{{use, channels}}})
}

// layerWeights lists a layer's tensors in the order of use.
func (c *Config) layerWeights(l int, has func(name string) bool) []Weight {
	add := layerList{layer: l, bias: c.NormBias}
	if l == 0 {
		c.embedding(&add)
	}
	switch {
	case c.Mixer(l) == NoMixer:
		add.norm("input_layernorm", FFNNorm, c.Hidden)
	case !c.NoPreNorms && !(l == 0 && c.EmbedNorm):
		add.norm("input_layernorm", AttentionNorm, c.Hidden)
	}
	if c.HasAttention(l) {
		c.attentionWeights(&add)
	}
	if c.State(l) > 0 {
		c.mixerWeights(&add)
	}
	if !c.HasFFN(l) {
		return add.list
	}
	if c.PostNorms {
		add.norm("post_attention_layernorm", PostAttentionNorm, c.Hidden)
		if !c.NoPreNorms {
			add.norm("pre_feedforward_layernorm", FFNNorm, c.Hidden)
		}
		add.norm("post_feedforward_layernorm", PostFFNNorm, c.Hidden)
	} else if !c.Parallel && !c.Single {
		add.norm("post_attention_layernorm", FFNNorm, c.Hidden) // before the FFN, whatever its name says
	}
	if c.HasExperts(l) && c.Experts.Beside {
		c.denseWeights(&add, has)
		add.norm("post_feedforward_layernorm_1", DensePostNorm, c.Hidden)
		add.vector("router.scale", RouterScale, c.Hidden)
		add.vector("router.per_expert_scale", ExpertScale, c.Experts.Count)
		add.norm("pre_feedforward_layernorm_2", ExpertNorm, c.Hidden)
		add.list = append(add.list, c.expertWeights(l, has)...)
		add.norm("post_feedforward_layernorm_2", ExpertPostNorm, c.Hidden)
	} else if c.HasExperts(l) {
		add.list = append(add.list, c.expertWeights(l, has)...)
	} else {
		c.denseWeights(&add, has)
	}
	if n := c.PerLayer.Len; n > 0 {
		add.matrix("per_layer_input_gate", c.Hidden, Part{PerLayerGate, n})
		add.matrix("per_layer_projection", n, Part{PerLayerOutput, c.Hidden})
		add.norm("post_per_layer_input_norm", PerLayerNorm, c.Hidden)
	}
	if c.LayerScale {
		add.vector("layer_scalar", LayerScalar, 1)
	}
	return add.list
}

// denseWeights lists those of a feed-forward layer that is no mixture.
func (c *Config) denseWeights(add *layerList, has func(name string) bool) {
	n := c.FFNOf(add.layer)
	gate, up := Part{FFNGate, n}, Part{FFNUp, n}
	if has(LayerName(add.layer, fusedShared)) && !has(LayerName(add.layer, "mlp.gate_proj.weight")) { // what others have beside experts, Granite has in their place, too
		add.projection(strings.TrimSuffix(fusedShared, ".weight"), c.Hidden, c.FFNBias, gate, up)
		add.projection("mlp.shared_expert.down_proj", n, c.FFNBias, Part{FFNDown, c.Hidden})
		return
	}
	if c.PlainFFN {
		add.projection("mlp.up_proj", c.Hidden, c.FFNBias, up)
	} else if c.FusedGate {
		add.projection("mlp.gate_up_proj", c.Hidden, c.FFNBias, gate, up)
	} else {
		add.projection("mlp.gate_proj", c.Hidden, c.FFNBias, gate)
		add.projection("mlp.up_proj", c.Hidden, c.FFNBias, up)
	}
	add.projection("mlp.down_proj", n, c.FFNBias, Part{FFNDown, c.Hidden})
}

// attentionWeights lists those of attention.
func (c *Config) attentionWeights(add *layerList) {
	dim, own := c.HeadDimOf(add.layer), c.KVSource(add.layer) == add.layer
	queries, keys := c.Heads*dim, c.KVHeadsOf(add.layer)*dim
	q, k, v := Part{Query, queries}, Part{Key, keys}, Part{Value, keys}
	if c.GatedAttention {
		q.Rows *= 2
	}
	switch {
	case c.Latent.KV > 0:
		c.latentWeights(add)
	case c.FusedQKV:
		add.projection("self_attn.qkv_proj", c.Hidden, c.QKVBias, q, k, v)
	default:
		add.projection("self_attn.q_proj", c.Hidden, c.QKVBias, q)
		if own {
			add.projection("self_attn.k_proj", c.Hidden, c.QKVBias, k)
		}
		if own && c.HasValues(add.layer) {
			add.projection("self_attn.v_proj", c.Hidden, c.QKVBias, v)
		}
	}
	if c.HeadNorms {
		add.headNorms("self_attn.q_norm", QueryNorm, c.Heads, c.HeadDim)
		add.headNorms("self_attn.k_norm", KeyNorm, c.KVHeads, c.HeadDim)
	} else if c.QKNorm {
		q, k := c.qkNormLen(dim)
		add.norm("self_attn.q_norm", QueryNorm, q)
		if own {
			add.norm("self_attn.k_norm", KeyNorm, k)
		}
	}
	if c.Sinks {
		add.vector("self_attn.sinks", Sinks, c.Heads)
	}
	if c.Latent.KV > 0 {
		dim = c.Latent.Value
	}
	add.projection("self_attn.o_proj", c.Heads*dim, c.OutBias, Part{AttentionOutput, c.Hidden})
}

// expertWeights lists the tensors of a layer's mixture of experts.
func (c *Config) expertWeights(l int, has func(name string) bool) (list []Weight) {
	x := &c.Experts
	add := func(name string, shape []int, experts int, parts ...Part) {
		list = append(list, Weight{Name: LayerName(l, name), Shape: shape, Layer: l, Parts: parts, Experts: experts})
	}
	experts := func(name string, cols int, parts ...Part) {
		rows := 0
		for _, p := range parts {
			rows += p.Rows
		}
		add(name, []int{x.Count * rows, cols}, x.Count, parts...)
		if module, ok := strings.CutSuffix(name, ".weight"); ok && x.Biases {
			add(module+".bias", []int{x.Count * rows}, x.Count, parts...)
		}
	}
	gate, up, down := Part{ExpertGate, x.FFN}, Part{ExpertUp, x.FFN}, Part{ExpertDown, c.Hidden}
	add("mlp.gate.weight", []int{x.Count, c.Hidden}, 0, Part{ExpertRouter, x.Count})
	if x.Biases {
		add("mlp.gate.bias", []int{x.Count}, 0, Part{ExpertRouter, x.Count})
	}
	if x.Bias {
		add("mlp.gate.e_score_correction_bias", []int{x.Count}, 0, Part{RouterBias, x.Count})
	}
	fused := has(LayerName(l, fusedExperts)) && !x.Biases && !c.PlainFFN
	if fused {
		experts(fusedExperts, c.Hidden, gate, up)
	} else {
		if !c.PlainFFN {
			experts("mlp.experts.gate_proj.weight", c.Hidden, gate)
		}
		experts("mlp.experts.up_proj.weight", c.Hidden, up)
	}
	if gate, up := (Part{FFNGate, x.Shared}), (Part{FFNUp, x.Shared}); x.Shared > 0 && has(LayerName(l, fusedShared)) && !c.PlainFFN {
		add(fusedShared, []int{2 * x.Shared, c.Hidden}, 0, gate, up)
	} else if x.Shared > 0 {
		if !c.PlainFFN {
			add("mlp.shared_expert.gate_proj.weight", []int{x.Shared, c.Hidden}, 0, Part{FFNGate, x.Shared})
		}
		add("mlp.shared_expert.up_proj.weight", []int{x.Shared, c.Hidden}, 0, Part{FFNUp, x.Shared})
	}
	if fused {
		experts("mlp.experts.down_proj", x.FFN, down)
	} else {
		experts("mlp.experts.down_proj.weight", x.FFN, down)
	}
	if x.Shared > 0 {
		add("mlp.shared_expert.down_proj.weight", []int{c.Hidden, x.Shared}, 0, Part{FFNDown, c.Hidden})
	}
	if x.SharedGate {
		add("mlp.shared_expert_gate.weight", []int{c.Hidden}, 0, Part{SharedGate, c.Hidden})
	}
	return list
}

// QKNormLen is how many weights the norms of queries and of keys have, at most.
func (c *Config) QKNormLen() (query, key int) {
	dim, _ := c.WidestHeads()
	return c.qkNormLen(dim)
}

func (c *Config) qkNormLen(dim int) (query, key int) {
	if c.WholeNorm || c.HeadNorms {
		return c.Heads * dim, c.KVHeads * dim
	}
	return dim, dim
}

// StoredEmbedding names the tensor that holds the embeddings: some tied checkpoints store
// only the head.
func (c *Config) StoredEmbedding(has func(name string) bool) string {
	if c.TiedHead && !has(EmbeddingName) && has(HeadName) {
		return HeadName
	}
	return EmbeddingName
}

// SavedBare tells whether a checkpoint's names, stored by Hugging Face's, are those of a model that was saved without an output head
// which it had: it makes vectors of texts.
func (c *Config) SavedBare(has func(name string) bool, stored func(name string) string) bool {
	return !c.TiedHead && !has(HeadName) && stored(EmbeddingName) == "embed_tokens.weight"
}

// CheckWeights compares the shapes of all tensors with the configuration; shape returns
// that of the tensor with a Hugging Face name. The first that does not fit is ErrWeights.
func (c *Config) CheckWeights(shape func(name string) ([]int, bool)) error {
	has := func(name string) bool {
		_, ok := shape(name)
		return ok
	}
	for _, w := range c.Weights(has) {
		found, ok := shape(w.Name)
		if err := w.check(found, ok); err != nil {
			return err
		}
	}
	first := "input_layernorm.weight"
	if c.NoPreNorms {
		first = "post_attention_layernorm.weight"
	}
	if more := LayerName(c.Layers, first); has(more) && !has(c.aheadName()) {
		return fmt.Errorf("there is %s, but the configuration says %d layers: %w", more, c.Layers, ErrWeights)
	}
	return nil
}

// aheadName is of the layer behind the last one, where there is one that predicts several tokens.
func (c *Config) aheadName() string { return LayerName(c.Layers, "eh_proj.weight") }

// check compares a tensor's shape, if it is there, with the one wanted.
func (w *Weight) check(shape []int, ok bool) error {
	switch {
	case !ok && w.Optional, ok && w.Fits(shape):
		return nil
	case !ok:
		return fmt.Errorf("no tensor %s, which the configuration wants as %v: %w", w.Name, w.Shape, ErrWeights)
	}
	return fmt.Errorf("%s is %v, the configuration says %v: %w", w.Name, shape, w.Shape, ErrWeights)
}

// Fits tells whether a shape is the weight's, but for rows beyond its own where it is padded, for
// experts that have a dimension of their own, and for dimensions of 1 of a vector or a filter.
func (w *Weight) Fits(shape []int) bool {
	if w.Filter {
		return slices.Equal(shape, w.Shape) || slices.Equal(shape, []int{w.Shape[0], 1, w.Shape[1]})
	}
	if w.Groups > 0 && slices.Equal(shape, []int{w.Groups, w.Shape[0] / w.Groups}) {
		return true
	}
	if len(w.Shape) == 1 && isVector(shape, w.Shape[0]) || w.Experts > 0 && slices.Equal(shape, w.Stacked()) {
		return true
	}
	return slices.Equal(shape, w.Shape) || w.Padded && len(shape) == 2 && shape[0] > w.Shape[0] && shape[1] == w.Shape[1]
}

// Stacked is the shape as checkpoints have it: experts have a dimension of their own.
func (w *Weight) Stacked() []int {
	if w.Experts == 0 {
		return w.Shape
	}
	return append([]int{w.Experts, w.Shape[0] / w.Experts}, w.Shape[1:]...)
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
