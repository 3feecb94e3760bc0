package arch

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// hfGemma4 are the keys of config.json about Gemma 4.
type hfGemma4 struct {
	GlobalHeadDim  int             `json:"global_head_dim"`
	GlobalKVHeads  *int            `json:"num_global_key_value_heads"`
	ByLayer        json.RawMessage `json:"per_layer_config"` // says what the former two do, in transformers 5
	KeyIsValue     bool            `json:"attention_k_eq_v"`
	SharedKV       int             `json:"num_kv_shared_layers"`
	DoubleFFN      bool            `json:"use_double_wide_mlp"`
	PerLayerLen    int             `json:"hidden_size_per_layer_input"`
	PerLayerVocab  int             `json:"vocab_size_per_layer_input"`
	EnableExperts  bool            `json:"enable_moe_block"`
	ExpertsByToken *int            `json:"top_k_experts"`
}

// gemma4 reads what sets Gemma 4 apart.
func gemma4(c *Config, h *hfConfig) error {
	gemma(c, h)
	c.NormOffset, c.QKNorm, c.ValueNorm, c.LayerScale, c.AttnScale = false, true, true, true, 1
	if n := len(h.LayerTypes); n == c.Layers { // which transformers makes of the last layer, whatever is given
		h.LayerTypes = slices.Clone(h.LayerTypes)
		h.LayerTypes[n-1] = "full_attention"
	}
	if err := c.slide(h, func(l int) bool { return (l+1)%6 != 0 && l != c.Layers-1 }); err != nil {
		return err
	}
	c.Global.KeyIsValue = h.KeyIsValue
	if err := h.globalHeads(c); err != nil {
		return err
	}
	if c.Global.Dim == c.HeadDim {
		c.Global.Dim = 0
	}
	if c.Global.KV == c.KVHeads {
		c.Global.KV = 0
	}
	if c.SharedKV = h.SharedKV; h.DoubleFFN && c.SharedKV > 0 {
		c.WideFFN = 2 * c.FFN
	}
	if !h.EnableExperts {
		c.Experts = Experts{}
	} else if err := h.expertsBeside(c); err != nil {
		return err
	}
	if h.PerLayerLen != 0 {
		c.PerLayer = PerLayer{Len: h.PerLayerLen, Vocab: h.PerLayerVocab}
	}
	if h.global == nil { // of a GGUF file
		return nil
	}
	if h.global.Theta == 0 || h.local.Theta == 0 {
		return fmt.Errorf("rope_parameters without rope_theta of both kinds of layers: %w", ErrConfig)
	}
	return h.proportionalRope(c)
}

// expertsBeside reads what of its mixtures is not said as elsewhere.
func (h *hfConfig) expertsBeside(c *Config) error {
	x := &c.Experts
	if h.ExpertsByToken != nil {
		x.PerToken = *h.ExpertsByToken
	}
	if x.Count == 0 || h.ExpertFFN == 0 {
		return fmt.Errorf("num_experts %d, moe_intermediate_size %d beside enable_moe_block: %w", x.Count, h.ExpertFFN, ErrConfig)
	}
	x.Normalize, x.Beside = true, true
	return nil
}

// globalHeads reads the sizes of heads of global layers.
func (h *hfConfig) globalHeads(c *Config) error {
	g := &h.hfGemma4
	if g.ByLayer == nil {
		if c.Global.Dim = g.GlobalHeadDim; g.GlobalHeadDim < 1 {
			return fmt.Errorf("global_head_dim %d: %w", g.GlobalHeadDim, ErrConfig)
		}
		if g.GlobalKVHeads != nil && g.KeyIsValue {
			if c.Global.KV = *g.GlobalKVHeads; c.Global.KV < 1 {
				return fmt.Errorf("num_global_key_value_heads %d: %w", c.Global.KV, ErrConfig)
			}
		}
		return nil
	}
	type heads struct {
		Dim int `json:"head_dim"`
		KV  int `json:"num_key_value_heads"`
	}
	named := map[string]heads{}
	d := json.NewDecoder(bytes.NewReader(g.ByLayer))
	d.DisallowUnknownFields()
	if err := d.Decode(&named); err != nil {
		return fmt.Errorf("per_layer_config: %v: %w", err, ErrKey)
	}
	layers := map[int]heads{}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		l, err := strconv.Atoi(name) // "05", too
		if err != nil || l < 0 || l >= c.Layers {
			return fmt.Errorf("per_layer_config names layer %q of %d: %w", name, c.Layers, ErrConfig)
		}
		layers[l] = named[name]
	}
	if len(layers) < len(named) {
		return fmt.Errorf("per_layer_config names a layer twice: %w", ErrConfig)
	}
	usual, other := heads{c.HeadDim, c.KVHeads}, heads{}
	for l := range c.Layers {
		of := usual
		if own, ok := layers[l]; ok {
			of = heads{cmp.Or(own.Dim, usual.Dim), cmp.Or(own.KV, usual.KV)}
		}
		if other == (heads{}) && !c.IsLocal(l) {
			other = of
		}
		if c.IsLocal(l) && of != usual || !c.IsLocal(l) && of != other {
			return fmt.Errorf("per_layer_config: %d heads of %d in layer %d, but %d of %d in others of its kind: %w", of.KV, of.Dim, l, usual.KV, usual.Dim, ErrKey)
		}
	}
	c.Global.Dim, c.Global.KV = other.Dim, other.KV
	return nil
}

// proportionalRope reads how many pairs of global layers turn.
func (h *hfConfig) proportionalRope(c *Config) error {
	for _, r := range []struct {
		of    *hfRope
		rope  *Rope
		local bool
	}{{h.global, &c.Rope, false}, {h.local, &c.LocalRope, true}} {
		if partial, dim := r.of.PartialRotary, c.headDim(r.local); ScalingType(r.of.RopeType) == proportional && partial != 0 && partial != 1 {
			r.rope.Pairs = int(math.Floor(partial * float64(dim) / 2))
			if !(partial > 0 && partial < 1) || r.rope.Pairs == 0 {
				return fmt.Errorf("partial_rotary_factor %v of heads of %d: %w", partial, dim, ErrConfig)
			}
		}
	}
	return nil
}
