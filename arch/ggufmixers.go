package arch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// headCountKV and feedForward may be arrays, with 0 for layers that have no attention, or no feed-forward layer.
const (
	headCountKV = "attention.head_count_kv"
	feedForward = "feed_forward_length"
)

// The keys of Mamba-2 layers, and the one by which Granite's attention has rotary embeddings or not, as if that said anything.
const (
	scanTaps   = "ssm.conv_kernel"
	scanInner  = "ssm.inner_size"
	scanState  = "ssm.state_size"
	scanHeads  = "ssm.time_step_rank"
	scanGroups = "ssm.group_count"
	shortTaps  = "shortconv.l_cache"
	finetuned  = "rope.scaling.finetuned"
)

// ofSome reads a key that is 0 for layers that have none of it: all others have as much.
func (r *ggufReader) ofSome(key string) int {
	list, err := r.f.Ints(r.arch + "." + key)
	if err != nil {
		return r.integer(key, -1)
	}
	list = slices.DeleteFunc(slices.Clone(list), func(n int64) bool { return n == 0 })
	if len(list) == 0 {
		return 1 // in no layer
	}
	if least, most := slices.Min(list), slices.Max(list); least < most || least < 0 || most > math.MaxInt32 {
		r.fail(fmt.Errorf("%s.%s has %d for one layer and %d for another: not supported: %w", r.arch, key, least, most, ErrKey))
	}
	return int(list[0])
}

// layerTypes tells what layers have, in config.json's words; nil where a file does not say it, or all have attention.
func (r *ggufReader) layerTypes(experts int) (types []string) {
	mixer := r.by.mixer
	if mixer != ConvMixer && mixer != MambaMixer {
		return nil
	}
	heads, err := r.f.Ints(r.arch + "." + headCountKV)
	if err != nil {
		return nil
	}
	var widths []int64
	if r.by.single {
		if widths, err = r.f.Ints(r.arch + "." + feedForward); err != nil || len(widths) != len(heads) {
			r.fail(fmt.Errorf("%s.%s and %s do not tell of %d layers what they have: %w", r.arch, feedForward, headCountKV, len(heads), ErrConfig))
			return nil
		}
	}
	for l, n := range heads {
		switch {
		case n != 0:
			types = append(types, "full_attention")
		case mixer == ConvMixer:
			types = append(types, "conv")
		case widths == nil || widths[l] == 0:
			types = append(types, "linear_attention")
		case experts > 0:
			types = append(types, "moe")
		default:
			types = append(types, "mlp")
		}
	}
	return types
}

// mixers reads how layers without attention are built, and what goes with them.
func (r *ggufReader) mixers(c *Config, h *hfConfig) {
	switch r.by.mixer {
	case "", DeltaMixer:
		return
	case ConvMixer:
		h.Taps, h.LayerTypes = r.integer(shortTaps, 0), r.layerTypes(0)
		return
	}
	inner := r.integer(scanInner, -1)
	h.MambaInner, h.MambaHeadDim, h.Expand, h.MambaConvBias, h.decays = &inner, "auto", 1, true, true
	h.MambaTaps, h.MambaState, h.MambaGroups, h.MambaHeads = r.integer(scanTaps, -1), r.integer(scanState, -1), r.integer(scanGroups, -1), r.integer(scanHeads, -1)
	_, h.MambaRMSNorm = r.tensors.Shape(GGUFName(LayerName(0, "mamba.norm.weight"), false))
	h.hfFalcon = plainFalcon // weights are multiplied already
	h.EmbedMultiplier = 1
	if r.by.single {
		h.BlockTypes, h.NormEpsilon, h.UseConvBias, h.MoEShared = r.layerTypes(c.Experts.Count), c.NormEps, true, c.Experts.Shared
		h.ScanTaps, h.ScanState, h.ScanGroups, h.ScanHeads = h.MambaTaps, h.MambaState, h.MambaGroups, h.MambaHeads
		h.ScanHeadDim = inner / max(1, h.MambaHeads)
		h.Scale = cmp.Or(float32(r.float("expert_weights_scale", 1)), 1)
		if h.Scale != 1 {
			c.Experts.Scale = h.Scale
		}
		sums, err := r.f.Any(r.arch + ".expert_weights_norm")
		c.Experts.Normalize = err == nil && sums == true
		if !r.f.Has(r.arch + ".attention.layer_norm_rms_epsilon") {
			h.NormEpsilon = float32(r.float("attention.layer_norm_epsilon", -1))
		}
	} else {
		h.LayerTypes = r.layerTypes(0)
	}
}

// factors reads Granite's, of which 0 stands for none.
func (r *ggufReader) factors(c *Config, h *hfConfig) {
	factor := func(key string, otherwise float64) float64 {
		v := r.float(key, otherwise)
		if !(v > -1e6 && v < 1e6) {
			r.fail(fmt.Errorf("%s.%s %v", r.arch, key, v))
		}
		return cmp.Or(v, otherwise)
	}
	h.EmbedMultiplier, h.ResidualMultiplier = float32(factor("embedding_scale", 1)), float32(factor("residual_scale", 1))
	h.LogitsScaling, h.AttnMultiplier = factor("logit_scale", 1), float32(factor("attention.scale", float64(c.AttnScale)))
	h.PositionType = "rope"
	if turns, err := r.f.Any(r.arch + "." + finetuned); err == nil && turns == false {
		h.PositionType = noPositions
	}
}

// mixers writes how layers without attention are built, and what goes with them.
func (g *GGUF) mixers(c *Config) {
	m := &c.Mixers
	switch {
	case m.Of == nil, g.by.mixer == DeltaMixer:
		return
	case !m.HasMamba():
		g.add(shortTaps, &m.Taps, false)
		return
	}
	inner := m.Values()
	g.add(scanTaps, &m.Taps, false)
	g.add(scanInner, &inner, false)
	g.add(scanState, &m.KeyDim, false)
	g.add(scanHeads, &m.ValueHeads, false)
	g.add(scanGroups, &m.KeyHeads, false)
	if g.by.single {
		g.add("attention.layer_norm_epsilon", &c.NormEps, false)
	}
	if g.by.single && c.Experts.Count > 0 {
		one, scale := 1, cmp.Or(c.Experts.Scale, 1)
		g.add("expert_shared_count", &one, false)
		g.add("expert_weights_norm", c.Experts.Normalize, false)
		g.add("expert_weights_scale", &scale, false)
		g.add("expert_group_count", &one, false)
	}
}

// factors writes Granite's.
func (g *GGUF) factors(c *Config) {
	logits := 1 / cmp.Or(c.LogitScale, 1)
	g.add(finetuned, c.HasRope(0), false)
	g.add("embedding_scale", &c.EmbedScale, false)
	g.add("residual_scale", &c.ResidualScale, false)
	g.add("logit_scale", &logits, false)
	g.add("attention.scale", &c.AttnScale, false)
}

// byLayer is a size of each layer, 0 for those that have none of it.
func (c *Config) byLayer(size int, has func(layer int) bool) []uint32 {
	return c.eachLayer(func(l int) int {
		if has(l) {
			return size
		}
		return 0
	})
}

// eachLayer is a size of each layer.
func (c *Config) eachLayer(size func(layer int) int) []uint32 {
	list := make([]uint32, c.Layers)
	for l := range list {
		list[l] = uint32(size(l))
	}
	return list
}
