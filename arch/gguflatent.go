package arch

import (
	"fmt"
	"math"
	"strings"
)

// The keys of compressed keys and values, behind the architecture's name. In llama.cpp's files attention.key_length and
// value_length are of what is kept of a token, for all heads at once.
const (
	latentQuery   = "attention.q_lora_rank"
	latentKV      = "attention.kv_lora_rank"
	latentKeyDim  = "attention.key_length_mla"
	latentDim     = "attention.value_length_mla"
	keyLength     = "attention.key_length"
	valueLength   = "attention.value_length"
	scalingLog    = "rope.scaling.yarn_log_multiplier"
	growthFactor  = "attention.temperature_scale"
	growthLength  = "attention.temperature_length"
	latentLogUnit = 0.1 // what these files' scalingLog is in
)

// liteLayers are numbers of layers of models in which llama.cpp looks for no compressed queries.
var liteLayers = []int{26, 27}

// readLatent reads compressed keys and values, and what scales scores.
func readLatent(r *ggufReader, c *Config, h *hfConfig) {
	turned := c.Rope.Rotated(c.HeadDim)
	h.KVRank, h.KeyRopeDim = r.integer(latentKV, -1), turned
	if n := r.integer(latentQuery, 0); n > 0 {
		h.QueryRank = &n
	}
	c.HeadDim = r.integer(latentKeyDim, c.HeadDim) // without it: files of before, whose heads are whole
	h.ValueDim, h.KeyDim = r.integer(latentDim, r.integer(valueLength, c.HeadDim)), max(0, c.HeadDim-turned)
	if c.Rope.Dim = turned; c.HeadDim < 1 {
		c.HeadDim = 1 // which is refused
	}
	c.KVHeads = c.Heads
	c.AttnScale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	h.latentNormEps = c.NormEps
	h.global = &hfRope{}
	if log := r.float(scalingLog, 0) / latentLogUnit; log != 0 && c.Rope.Scaling.Type == ScaleYaRN {
		h.global.MScaleAllDim, c.Rope.Scaling.Attention = log, 1
	} else if c.Rope.Scaling.Type == ScaleYaRN {
		r.fail(fmt.Errorf("%s.%s 0 is not supported beside rope.scaling.type yarn", r.arch, scalingLog))
	}
	r.growth(h, c.Rope.Scaling.Original)
	if !c.Experts.Sigmoid && c.Experts.Groups > 0 {
		r.fail(fmt.Errorf("%s.%s %d with a softmax is not supported", r.arch, groupCount, c.Experts.Groups))
	}
	if c.Experts.Count > 0 {
		_, h.UseBias = r.tensors.Shape(GGUFName(LayerName(c.leadingDense(), "mlp.gate.e_score_correction_bias"), false))
	}
}

// growth reads how queries grow with their position.
func (r *ggufReader) growth(h *hfConfig, original int) {
	h.global.Temperature = r.float(growthFactor, 0)
	h.global.Original = r.integer(growthLength, original)
}

// writeLatent writes compressed keys and values.
func writeLatent(g *GGUF, c *Config) {
	a := &c.Latent
	g.add(latentQuery, &a.Query, false)
	g.add(latentKV, &a.KV, false)
	g.add(latentKeyDim, &c.HeadDim, false)
	g.add(latentDim, &a.Value, false)
	if c.Rope.Scaling.Type == ScaleYaRN {
		log := float32(latentLogUnit * c.scoreLog())
		g.add(scalingLog, &log, false)
	}
	if c.Temperature.Factor != 0 {
		g.add(growthFactor, &c.Temperature.Factor, false)
		g.add(growthLength, &c.Temperature.Length, false)
	}
	if a.NormEps != c.NormEps {
		g.Notes = append(g.Notes, fmt.Sprintf("llama.cpp norms what keys, values and queries are made of with an epsilon of %v, not %v", c.NormEps, a.NormEps))
	}
}

// turned returns where rows come of which the last ones of each head turn in halves.
func (c *Config) turned(w *Weight) func(at int) int {
	n, each := c.Rope.Rotated(c.HeadDim), 0
	switch {
	case len(w.Parts) == 0:
	case w.Parts[0].Use == Query:
		each = c.HeadDim
	case w.Parts[0].Use == KeyValueDown:
		each = c.Latent.KV + n
	}
	if c.Rope.Interleaved || each == 0 {
		return nil
	}
	pairs := neighbours(n)
	return func(at int) int {
		if i := at%each - (each - n); i >= 0 {
			return at - i + pairs(i)
		}
		return at
	}
}

// scoreLog is mscale_all_dim: what YaRN's scores are multiplied by is the square of 1 + 0.1·scoreLog·ln(factor).
func (c *Config) scoreLog() float64 {
	root := math.Sqrt(float64(c.AttnScale) * math.Sqrt(float64(c.HeadDim)))
	log := (root - 1) / (yarnAttention(c.Rope.Scaling.Factor, 1) - 1)
	return math.Round(log*1e5) / 1e5 // as a configuration has it
}

// latentKinds refuses compressed keys and values that llama.cpp does not have.
func latentKinds(name string) func(c *Config) string {
	return func(c *Config) string {
		yarn := c.Rope.Scaling.Type == ScaleYaRN
		lite := false
		for _, n := range liteLayers {
			lite = lite || c.Layers == n
		}
		switch {
		case lite && c.Latent.Query > 0:
			return fmt.Sprintf("compressed queries in %d layers", c.Layers)
		case yarn && c.Rope.Scaling.Attention != 1, yarn && !(c.scoreLog() > 0), yarn && name == "mistral4" && c.scoreLog() != 1:
			return "YaRN whose mscale and mscale_all_dim are not alike"
		case !yarn && math.Abs(float64(c.AttnScale)*math.Sqrt(float64(c.HeadDim))-1) > 1e-6:
			return fmt.Sprintf("attention scaled by %v", c.AttnScale)
		case c.Experts.Groups > 0 && !c.Experts.Sigmoid:
			return "groups of experts that their best alone decides on"
		case c.Experts.Shared == 0:
			return "no shared expert"
		}
		return ""
	}
}

// readGrowth reads what Ministral 3 has besides.
func readGrowth(r *ggufReader, c *Config, h *hfConfig) {
	h.global = &hfRope{}
	s := &c.Rope.Scaling
	r.growth(h, s.Original)
	if s.Type != ScaleYaRN {
		return
	}
	s.BetaFast, s.BetaSlow = r.float("rope.scaling.yarn_beta_fast", 0), r.float("rope.scaling.yarn_beta_slow", 0)
	if log := r.float(scalingLog, 0); log != 0 {
		usual := yarnAttention(s.Factor, 1)
		if s.Attention == 0 {
			s.Attention = usual
		}
		s.Attention /= yarnAttention(s.Factor, log)
	}
}

// writeGrowth writes it.
func writeGrowth(g *GGUF, c *Config) {
	if s := &c.Rope.Scaling; s.Type == ScaleYaRN {
		g.add("rope.scaling.yarn_beta_fast", &s.BetaFast, true)
		g.add("rope.scaling.yarn_beta_slow", &s.BetaSlow, true)
	}
	if c.Temperature.Factor != 0 {
		g.add(growthFactor, &c.Temperature.Factor, false)
	}
}

// growthOf refuses growth that llama.cpp counts otherwise.
func growthOf(c *Config) string {
	if t := c.Temperature; t.Factor != 0 && t.Length != c.Rope.Scaling.Original {
		return "queries that grow at other positions than where YaRN begins"
	}
	return ""
}

// What ends the names of a layer's matrices of keys and values in GGUF files: of both, head by head, as files of before have them;
// of keys, on their side; and of values. Package checkpoint hands over the first where a file has the other two.
const (
	KeysAndValues = ".attn_kv_b.weight"
	KeysPart      = ".attn_k_b.weight"
	ValuesPart    = ".attn_v_b.weight"
)

// PartsOfHeads are the layouts of a tensor of a GGUF file that are two in it; none where it is one.
func PartsOfHeads(m Metadata, name string, shape []int) []Layout {
	module, ok := strings.CutSuffix(name, KeysAndValues)
	arch, err := m.String("general.architecture")
	if !ok || err != nil || len(shape) != 2 {
		return nil
	}
	var sizes [4]int
	for i, key := range []string{"attention.head_count", latentKeyDim, latentDim, "rope.dimension_count"} {
		n, err := m.Uint(arch + "." + key)
		if err != nil || n < 1 || n > 1<<20 {
			return nil
		}
		sizes[i] = int(n)
	}
	heads, keys, values := sizes[0], sizes[1]-sizes[3], sizes[2]
	if keys < 1 || heads*(keys+values) != shape[0] {
		return nil
	}
	return partsOfHeads(module, heads, keys, values, shape[1])
}

// keysAndValues are the layouts of the matrix of keys and values of each head: keys' matrices, on their side, and values'.
func (c *Config) keysAndValues(w *Weight) []Layout {
	module := strings.TrimSuffix(GGUFName(w.Name, false), KeysAndValues)
	return partsOfHeads(module, c.Heads, c.Unturned(), c.Latent.Value, c.Latent.KV)
}

// partsOfHeads are they, of a module.
func partsOfHeads(module string, heads, keys, values, width int) []Layout {
	return []Layout{
		{Name: module + KeysPart, Shape: []int{heads, width, keys}, Row: someOf(keys, 0, keys+values), Sideways: true},
		{Name: module + ValuesPart, Shape: []int{heads, values, width}, Row: someOf(values, keys, keys+values)},
	}
}
