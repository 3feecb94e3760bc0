package arch

import (
	"cmp"
	"fmt"
)

// Latent says how attention compresses its keys and values (multi-head latent attention, DeepSeek-AI 2024): a
// vector's are made of a shorter one, apart from the last values of the keys, which turn and are the same for all heads. The zero value
// does not. Config.HeadDim is the length of queries and keys, Config.Rope.Rotated the part of it that turns.
type Latent struct {
	KV    int // length of what keys and values are made of; 0 for ordinary attention
	Query int // length of what queries are made of; 0: of the vector itself
	Value int // of a head's value

	NormEps float32 // of the norms of the former two
}

// latentEps is the norms' in all models so far, whatever rms_norm_eps says.
const latentEps = 1e-6

// check refuses what makes no sense in a model of such heads.
func (a *Latent) check(c *Config) error {
	if a.KV == 0 {
		if *a != (Latent{}) {
			return fmt.Errorf("queries of %d or values of %d beside no compressed keys: %w", a.Query, a.Value, ErrConfig)
		}
		return nil
	}
	switch {
	case a.KV < 1 || a.KV > 1<<20 || a.Query < 0 || a.Query > 1<<20:
		return fmt.Errorf("kv_lora_rank %d, q_lora_rank %d: %w", a.KV, a.Query, ErrConfig)
	case !(a.NormEps >= 0 && a.NormEps < 1):
		return fmt.Errorf("norm epsilon %v of compressed keys: %w", a.NormEps, ErrConfig)
	case a.Value < 1 || a.Value > c.HeadDim:
		return fmt.Errorf("v_head_dim %d is not in 1..%d, which is the keys' length: %w", a.Value, c.HeadDim, ErrConfig)
	case c.KVHeads != c.Heads:
		return fmt.Errorf("num_key_value_heads %d of %d compressed: %w", c.KVHeads, c.Heads, ErrConfig)
	case c.QKNorm || c.UnitNorm || c.FusedQKV || c.GatedAttention || c.Sinks || c.NoRope != nil || c.slides():
		return fmt.Errorf("compressed keys of a kind that is not known: %w", ErrConfig)
	}
	return nil
}

// Unturned is how many values of a key do not turn, from the first, where keys are compressed.
func (c *Config) Unturned() int { return c.HeadDim - c.Rope.Rotated(c.HeadDim) }

// hfLatent are the keys of config.json about it.
type hfLatent struct {
	KVRank      int   `json:"kv_lora_rank"`
	QueryRank   *int  `json:"q_lora_rank"`
	KeyDim      int   `json:"qk_nope_head_dim"` // of keys, what does not turn
	KeyRopeDim  int   `json:"qk_rope_head_dim"`
	ValueDim    int   `json:"v_head_dim"`
	Interleaved *bool `json:"rope_interleave"`

	latentNormEps float32 // where it is not latentEps; of a GGUF file
}

// latent reads them, with what transformers makes of them.
func (h *hfConfig) latent(c *Config) error {
	a := &h.hfLatent
	switch {
	case a.KVRank < 1:
		return fmt.Errorf("kv_lora_rank %d: %w", a.KVRank, ErrConfig)
	case a.KeyDim < 0 || a.KeyRopeDim < 1:
		return fmt.Errorf("qk_nope_head_dim %d, qk_rope_head_dim %d: %w", a.KeyDim, a.KeyRopeDim, ErrConfig)
	case h.HeadDim != 0 && h.HeadDim != a.KeyRopeDim && h.HeadDim != c.HeadDim:
		return fmt.Errorf("head_dim %d beside qk_rope_head_dim %d: %w", h.HeadDim, a.KeyRopeDim, ErrConfig)
	}
	c.Latent = Latent{KV: a.KVRank, Value: a.ValueDim, NormEps: cmp.Or(a.latentNormEps, latentEps)}
	if a.QueryRank != nil {
		if c.Latent.Query = *a.QueryRank; c.Latent.Query < 1 {
			return fmt.Errorf("q_lora_rank %d: %w", c.Latent.Query, ErrConfig)
		}
	}
	if c.Rope.Dim != 0 && c.Rope.Dim != a.KeyRopeDim {
		return fmt.Errorf("partial_rotary_factor for %d values beside qk_rope_head_dim %d: %w", c.Rope.Dim, a.KeyRopeDim, ErrConfig)
	}
	c.Rope.Dim, c.Rope.Interleaved = a.KeyRopeDim, a.Interleaved == nil || *a.Interleaved
	if r := h.global; r.MScaleAllDim != 0 && c.Rope.Scaling.Type != NoScaling { // what YaRN's sines lack
		scale := yarnAttention(c.Rope.Scaling.Factor, r.MScaleAllDim)
		c.AttnScale = float32(float64(c.AttnScale) * scale * scale)
	}
	return nil
}

// latentWeights lists the tensors of a layer's attention up to the values, in the order of use.
func (c *Config) latentWeights(add *layerList) {
	a := &c.Latent
	queries := Part{Query, c.Heads * c.HeadDim}
	add.projection("self_attn.kv_a_proj_with_mqa", c.Hidden, c.QKVBias, Part{KeyValueDown, a.KV + c.Rope.Rotated(c.HeadDim)})
	if a.Query > 0 {
		add.projection("self_attn.q_a_proj", c.Hidden, c.QKVBias, Part{QueryDown, a.Query})
		add.norm("self_attn.q_a_layernorm", QueryDownNorm, a.Query)
		add.projection("self_attn.q_b_proj", a.Query, false, queries)
	} else {
		add.projection("self_attn.q_proj", c.Hidden, false, queries)
	}
	add.norm("self_attn.kv_a_layernorm", KeyValueNorm, a.KV)
	add.projection("self_attn.kv_b_proj", a.KV, false, Part{KeyValueUp, c.Heads * (c.Unturned() + a.Value)})
}
