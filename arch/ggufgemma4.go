package arch

import (
	"fmt"
	"slices"
)

// The keys of what Gemma 4 has otherwise in layers with a sliding window, and of what layers share.
const (
	localKeyLength   = "attention.key_length_swa"
	localValueLength = "attention.value_length_swa"
	localTurned      = "rope.dimension_count_swa"
	sharedLayers     = "attention.shared_kv_layers"
	perLayerLength   = "embedding_length_per_layer_input"
	slidingPattern   = "attention.sliding_window_pattern"
)

// still is what divides the angle of a pair that does not turn.
const still = 1e30

// readGemma4 reads what the usual keys say of global layers alone.
func readGemma4(r *ggufReader, c *Config, h *hfConfig) {
	c.Rope.Pairs, c.Rope.Scaling = r.turning(c), Scaling{}
	h.GlobalHeadDim = c.HeadDim
	c.HeadDim = r.integer(localKeyLength, c.HeadDim)
	c.LocalRope.Dim = r.integer(localTurned, c.HeadDim)
	if c.LocalRope.Dim == c.HeadDim {
		c.LocalRope.Dim = 0
	}
	if v := r.integer(localValueLength, c.HeadDim); v != c.HeadDim {
		r.fail(fmt.Errorf("%s.%s: keys of %d and values of %d", r.arch, localValueLength, c.HeadDim, v))
	}
	local := func(l int) bool { return l < len(h.LayerTypes) && h.LayerTypes[l] == "sliding_attention" }
	if len(h.LayerTypes) != c.Layers {
		r.fail(fmt.Errorf("%s.%s tells of %d of %d layers", r.arch, slidingPattern, len(h.LayerTypes), c.Layers))
		return
	}
	h.SharedKV, h.PerLayerLen, h.PerLayerVocab = r.integer(sharedLayers, 0), r.integer(perLayerLength, 0), c.Vocab
	own := max(0, c.Layers-h.SharedKV)
	kv, globalKV := r.byKind(headCountKV, c.Layers, local)
	if c.KVHeads = kv; globalKV != kv {
		h.GlobalKVHeads = &globalKV
	}
	for l := range own {
		if _, ok := r.tensors.Shape(GGUFName(LayerName(l, "self_attn.v_proj.weight"), false)); !ok && !local(l) {
			h.KeyIsValue = true
		}
	}
	narrow, wide := r.byKind(feedForward, c.Layers, func(l int) bool { return l < own })
	if c.FFN = narrow; h.SharedKV > 0 && wide != narrow {
		if h.DoubleFFN = wide == 2*narrow; !h.DoubleFFN {
			r.fail(fmt.Errorf("%s.%s %d in the last layers, and %d in others", r.arch, feedForward, wide, narrow))
		}
	}
	if h.EnableExperts = c.Experts.Count > 0; h.EnableExperts {
		h.ExpertFFN = c.Experts.FFN
	}
}

// turning is how many pairs of global layers turn; 0: all.
func (r *ggufReader) turning(c *Config) int {
	divisors := r.divisors(c, divisorsName)
	turning := 0
	for turning < len(divisors) && divisors[turning] == 1 {
		turning++
	}
	for _, d := range divisors[turning:] {
		if d < still/10 {
			r.fail(fmt.Errorf("%s has %v behind what turns", divisorsName, d))
		}
	}
	if turning == len(divisors) {
		return 0
	}
	return turning
}

// byKind reads a size of each layer, which is one in layers of a kind and one in others; or one in all.
func (r *ggufReader) byKind(key string, layers int, of func(layer int) bool) (size, other int) {
	list, err := r.f.Ints(r.arch + "." + key)
	if err != nil {
		n := r.integer(key, -1)
		return n, n
	}
	if len(list) != layers || slices.Min(list) < 1 || slices.Max(list) > 1<<22 {
		r.fail(fmt.Errorf("%s.%s does not tell of %d layers", r.arch, key, layers))
		return 1, 1
	}
	for l, n := range list {
		to := &other
		if of(l) {
			to = &size
		}
		if *to != 0 && *to != int(n) {
			r.fail(fmt.Errorf("%s.%s has %d for one layer and %d for another: not supported: %w", r.arch, key, *to, n, ErrKey))
		}
		*to = int(n)
	}
	if size == 0 {
		size = other
	}
	if other == 0 {
		other = size
	}
	return size, other
}

// writeGemma4 writes it.
func writeGemma4(g *GGUF, c *Config) {
	local := c.LocalRope.Rotated(c.HeadDim)
	g.add(localKeyLength, &c.HeadDim, false)
	g.add(localValueLength, &c.HeadDim, false)
	g.add(localTurned, &local, false)
	g.add(sharedLayers, &c.SharedKV, false)
	g.add(perLayerLength, &c.PerLayer.Len, false)
	divisors := Vector{divisorsName, make([]float32, c.headDim(false)/2)}
	for i := range divisors.Values {
		if divisors.Values[i] = 1; c.Rope.Pairs > 0 && i >= c.Rope.Pairs {
			divisors.Values[i] = still
		}
	}
	g.Divisors = append(g.Divisors, divisors)
}

// gemma4Kinds refuses what llama.cpp does not have.
func gemma4Kinds(c *Config) string {
	own := c.Layers - c.SharedKV
	for l := own; l < c.Layers; l++ { // which see the last layer's, or that before it where they have a sliding window
		if want := own - 1; c.IsLocal(l) && c.KVSource(l) != want-1 || !c.IsLocal(l) && c.KVSource(l) != want {
			return "layers that share keys and values of other layers than the last ones"
		}
	}
	switch {
	case c.SlidingWindow == 0:
		return "no sliding window"
	case c.PerLayer.Len > 0 && c.PerLayer.Vocab != c.Vocab:
		return "embeddings for each layer of fewer tokens"
	case c.LocalRope.Pairs != 0 || c.LocalRope.Scaling.Type != NoScaling:
		return "rotary embeddings that turn in part, or are scaled, in layers with a sliding window"
	}
	return ""
}
