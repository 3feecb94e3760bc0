package transformer

import (
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
)

// forward is the whole model said as plainly as possible, in float64: the oracle of
// the fast one. w holds the tensors by name, row-major. It returns the logits that
// follow each token, and by how much the closest choice of experts was decided. Only the rotary
// frequencies are shared with the package: they are proven by the fixtures.
func forward(c *arch.Config, w map[string][]float64, context int, tokens []int) (logits [][]float64, closest float64) {
	keys, values := make([][][]float64, c.Layers), make([][][]float64, c.Layers) // [layer][position][head·dim]
	memories := make([][]float64, c.Layers)                                      // of delta nets: [head][key][value]
	inputs := make([][][]float64, c.Layers)                                      // of convolutions
	closest = math.Inf(1)
	for position, token := range tokens {
		x := make([]float64, c.Hidden)
		for i := range x {
			x[i] = w[arch.EmbeddingName][token*c.Hidden+i] * float64(c.EmbedScale)
		}
		besides := perLayerInputs(c, w, token, x)
		for l := range c.Layers {
			get := func(part string) []float64 { return w[arch.LayerName(l, part)] }
			project := func(part string, x []float64) []float64 {
				m := c.Multipliers[partsMultiplied[part]]
				return times(affine(get(part+".weight"), get(part+".bias"), times(x, m.In)), m.Out)
			}

			// Attention.
			h := x
			if !c.NoPreNorms {
				h = norm(c, x, get("input_layernorm.weight"))
			}
			var y []float64
			switch c.Mixer(l) {
			case arch.NoMixer:
			case arch.AttentionMamba:
				y = selfAttention(c, l, context, position, get, project, h, &keys[l], &values[l])
				for i, v := range mamba2(c, get, project, h, &inputs[l], &memories[l]) {
					y[i] += v
				}
			case arch.ConvMixer:
				y = shortConvolution(c, get, project, h, &inputs[l])
			case arch.DeltaMixer:
				y = deltaNet(c, get, project, h, &inputs[l], &memories[l])
			case arch.MambaMixer:
				y = mamba2(c, get, project, h, &inputs[l], &memories[l])
			default:
				from := c.KVSource(l)
				y = selfAttention(c, l, context, position, get, project, h, &keys[from], &values[from])
			}
			if c.PostNorms {
				y = norm(c, y, get("post_attention_layernorm.weight"))
			}
			addScaled(c, x, y)
			if !c.HasFFN(l) {
				continue
			}

			// FFN.
			before := "post_attention_layernorm.weight"
			if c.PostNorms {
				before = "pre_feedforward_layernorm.weight"
			}
			if c.NoPreNorms {
				h = x
			} else if !c.Parallel && !c.Single {
				h = norm(c, x, get(before))
			}
			switch {
			case c.HasExperts(l) && c.Experts.Beside:
				var least float64
				y, least = besideMixture(c, get, project, x, h)
				closest = min(closest, least)
			case c.HasExperts(l):
				var least float64
				y, least = mixture(c, get, h)
				closest = min(closest, least)
			case c.FusedGate:
				both := project("mlp.gate_up_proj", h)
				y = project("mlp.down_proj", gated(c, both[:len(both)/2], both[len(both)/2:]))
			case get("mlp.shared_expert.gate_up_proj.weight") != nil:
				both := project("mlp.shared_expert.gate_up_proj", h)
				y = project("mlp.shared_expert.down_proj", gated(c, both[:len(both)/2], both[len(both)/2:]))
			case c.PlainFFN:
				y = project("mlp.down_proj", gated(c, project("mlp.up_proj", h), nil))
			default:
				y = project("mlp.down_proj", gated(c, project("mlp.gate_proj", h), project("mlp.up_proj", h)))
			}
			if c.PostNorms {
				y = norm(c, y, get("post_feedforward_layernorm.weight"))
			}
			addScaled(c, x, y)
			if n := c.PerLayer.Len; n > 0 {
				y := project("per_layer_projection", gated(c, project("per_layer_input_gate", x), besides[l*n:][:n]))
				addScaled(c, x, norm(c, y, get("post_per_layer_input_norm.weight")))
			}
			if c.LayerScale {
				for i := range x {
					x[i] *= get("layer_scalar")[0]
				}
			}
		}
		output := w[arch.HeadName]
		if c.TiedHead {
			output = w[arch.EmbeddingName]
		}
		row := affine(output, nil, norm(c, x, w[arch.NormName]))[:c.Vocab]
		for i, v := range row {
			if c.LogitScale != 0 {
				v *= float64(c.LogitScale)
			}
			row[i] = capped(v, float64(c.LogitSoftcap))
		}
		logits = append(logits, row)
	}
	return logits, closest
}

// partsMultiplied are the parts that multipliers go with, of a Mamba-2 layer's first matrix what all have alike.
var partsMultiplied = map[string]arch.Use{
	"self_attn.q_proj": arch.Query, "self_attn.k_proj": arch.Key, "self_attn.v_proj": arch.Value, "self_attn.o_proj": arch.AttentionOutput,
	"mamba.in_proj": arch.MixerInput, "mamba.out_proj": arch.MixerOutput, "mlp.gate_proj": arch.FFNGate, "mlp.up_proj": arch.FFNUp, "mlp.down_proj": arch.FFNDown,
}

// times is x times a factor, 0 for 1.
func times(x []float64, by float32) []float64 {
	if by == 0 {
		return x
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * float64(by)
	}
	return y
}

// perLayerInputs are what the layers are given of a token, whose embedding is x, besides.
func perLayerInputs(c *arch.Config, w map[string][]float64, token int, x []float64) (all []float64) {
	n := c.PerLayer.Len
	if n == 0 {
		return nil
	}
	projected := affine(w[arch.PerLayerProjectionName], nil, x)
	for i := range projected {
		projected[i] /= math.Sqrt(float64(c.Hidden))
	}
	for l := range c.Layers {
		for i, v := range norm(c, projected[l*n:][:n], w[arch.PerLayerNormName]) {
			row := w[arch.PerLayerEmbeddingName][(token*c.Layers+l)*n:]
			all = append(all, (v+row[i]*math.Sqrt(float64(n)))/math.Sqrt2)
		}
	}
	return all
}

// selfAttention is attention of a normalized vector, with what came before it.
func selfAttention(whole *arch.Config, l, context, position int, get func(string) []float64, project func(string, []float64) []float64, h []float64, keys, values *[][]float64) []float64 {
	of := *whole // with this layer's heads
	c := &of
	c.HeadDim, c.KVHeads = whole.HeadDimOf(l), whole.KVHeadsOf(l)
	own := whole.KVSource(l) == l
	var q, k, v []float64
	if nq, nk := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim; c.Latent.KV > 0 {
		q, k, v = latentHeads(c, context, position, get, project, h)
	} else if c.FusedQKV {
		qkv := project("self_attn.qkv_proj", h)
		q, k, v = qkv[:nq], qkv[nq:nq+nk], qkv[nq+nk:]
	} else {
		if q = project("self_attn.q_proj", h); own {
			k = project("self_attn.k_proj", h)
			if v = slices.Clone(k); whole.HasValues(l) {
				v = project("self_attn.v_proj", h)
			}
		}
	}
	gates := make([]float64, len(q))
	if c.GatedAttention {
		both := q
		q, gates = nil, nil
		for at := 0; at < len(both); at += 2 * c.HeadDim {
			q, gates = append(q, both[at:][:c.HeadDim]...), append(gates, both[at+c.HeadDim:][:c.HeadDim]...)
		}
	}
	if c.WholeNorm {
		q, k = norm(c, q, get("self_attn.q_norm.weight")), norm(c, k, get("self_attn.k_norm.weight"))
	}
	if c.Latent.KV == 0 {
		for n := range c.Heads {
			head(c, l, context, position, q[n*c.HeadDim:][:c.HeadDim], headNorm(c, get("self_attn.q_norm.weight"), n))
		}
		for n := range len(k) / c.HeadDim {
			head(c, l, context, position, k[n*c.HeadDim:][:c.HeadDim], headNorm(c, get("self_attn.k_norm.weight"), n))
		}
	}
	if t := c.Temperature; t.Factor != 0 && !(t.NoRope && c.HasRope(l)) {
		for i := range q {
			q[i] *= 1 + t.Factor*math.Log1p(math.Floor(float64(position+t.First)/float64(t.Length)))
		}
	}
	for at := 0; at < len(v) && c.ValueNorm; at += c.HeadDim {
		plain := *c
		plain.NormOffset, plain.LayerNorm = false, false
		copy(v[at:], norm(&plain, v[at:][:c.HeadDim], slices.Repeat([]float64{1}, c.HeadDim)))
	}
	if own {
		*keys, *values = append(*keys, k), append(*values, v)
	}
	out := make([]float64, c.Heads*c.HeadDim)
	for n := range c.Heads {
		sink := math.Inf(-1)
		if c.Sinks {
			sink = get("self_attn.sinks")[n]
		}
		attend(c, l, q[n*c.HeadDim:], *keys, *values, n/(c.Heads/c.KVHeads)*c.HeadDim, sink, out[n*c.HeadDim:][:c.HeadDim])
	}
	for i, g := range gates {
		if c.GatedAttention {
			out[i] /= 1 + math.Exp(-g)
		}
	}
	if c.Latent.KV > 0 {
		var short []float64
		for n := range c.Heads {
			short = append(short, out[n*c.HeadDim:][:c.Latent.Value]...)
		}
		out = short
	}
	return project("self_attn.o_proj", out)
}

// latentHeads makes queries, keys and values of compressed ones, the values as long as the keys.
func latentHeads(c *arch.Config, context, position int, get func(string) []float64, project func(string, []float64) []float64, h []float64) (q, k, v []float64) {
	a := c.Latent
	normed := func(x []float64, name string) []float64 {
		of := *c
		of.NormEps = a.NormEps
		return norm(&of, x, get(name))
	}
	if a.Query > 0 {
		q = project("self_attn.q_b_proj", normed(project("self_attn.q_a_proj", h), "self_attn.q_a_layernorm.weight"))
	} else {
		q = project("self_attn.q_proj", h)
	}
	down := project("self_attn.kv_a_proj_with_mqa", h)
	up := project("self_attn.kv_b_proj", normed(down[:a.KV], "self_attn.kv_a_layernorm.weight"))
	turned, fixed := down[a.KV:], c.HeadDim-len(down[a.KV:])
	of := *c // whose heads turn whole
	of.HeadDim, of.QKNorm = len(turned), false
	head(&of, 0, context, position, turned, nil)
	for n := range c.Heads {
		head(&of, 0, context, position, q[n*c.HeadDim+fixed:][:len(turned)], nil)
		one := up[n*(fixed+a.Value):][:fixed+a.Value]
		k = append(append(k, one[:fixed]...), turned...)
		v = append(append(v, one[fixed:]...), make([]float64, c.HeadDim-a.Value)...)
	}
	return q, k, v
}

// gated is the activation of a gate, times what it lets through, if that is not all.
func gated(c *arch.Config, gate, up []float64) []float64 {
	if c.PlainFFN {
		up = slices.Repeat([]float64{1}, len(gate))
	}
	y := make([]float64, len(gate))
	for i, g := range gate {
		switch c.Activation {
		case arch.SiLU:
			y[i] = g / (1 + math.Exp(-g)) * up[i]
		case arch.GELUTanh:
			y[i] = 0.5 * g * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(g+0.044715*g*g*g))) * up[i]
		case arch.ReLUSquared:
			y[i] = max(g, 0) * max(g, 0)
		case arch.ClampedSwiGLU:
			limit := float64(c.SwiGLULimit)
			g = min(g, limit)
			y[i] = g / (1 + math.Exp(-float64(c.SwiGLUAlpha)*g)) * (max(-limit, min(limit, up[i])) + 1)
		}
	}
	return y
}

// headNorm is the weights of a head's norm.
func headNorm(c *arch.Config, weights []float64, n int) []float64 {
	if c.HeadNorms {
		return weights[n*c.HeadDim:][:c.HeadDim]
	}
	return weights
}

// head normalizes a query or key head, where the model does, and turns it.
func head(c *arch.Config, l, context, position int, x, weight []float64) {
	if c.QKNorm && !c.WholeNorm {
		copy(x, norm(c, x, weight))
	}
	if !c.HasRope(l) {
		return
	}
	rope := c.Rope
	if c.SlidingWindow > 0 && c.Local[l] {
		rope = c.LocalRope
	}
	freq, factor := rope.Frequencies(c.HeadDim, context)
	for i, f := range freq {
		a, b := i, i+len(freq)
		if rope.Interleaved {
			a, b = 2*i, 2*i+1
		}
		sin, cos := math.Sincos(float64(position) * f)
		x[a], x[b] = factor*(x[a]*cos-x[b]*sin), factor*(x[b]*cos+x[a]*sin)
	}
	if c.UnitNorm {
		ones := slices.Repeat([]float64{1}, len(x))
		plain := *c
		plain.LayerNorm, plain.NormOffset = false, false
		copy(x, norm(&plain, x, ones))
	}
}

// attend writes what a query head sees among keys and values, whose head begins
// at the given place, to out; sink is a score that takes its share.
func attend(c *arch.Config, l int, q []float64, keys, values [][]float64, at int, sink float64, out []float64) {
	first := 0
	if c.SlidingWindow > 0 && c.Local[l] {
		if first = max(0, len(keys)-c.SlidingWindow); c.Chunked {
			first = (len(keys) - 1) / c.SlidingWindow * c.SlidingWindow
		}
	}
	weights, sum := make([]float64, len(keys)), math.Exp(sink)
	for p := first; p < len(keys); p++ {
		score := 0.0
		for i := range c.HeadDim {
			score += q[i] * keys[p][at+i]
		}
		weights[p] = math.Exp(capped(score*float64(c.AttnScale), float64(c.AttnSoftcap)))
		sum += weights[p]
	}
	for p := first; p < len(keys); p++ {
		for i := range out {
			out[i] += weights[p] / sum * values[p][at+i]
		}
	}
}

func norm(c *arch.Config, x, weight []float64) []float64 {
	if c.LayerNorm {
		mean := 0.0
		for _, v := range x {
			mean += v / float64(len(x))
		}
		x = slices.Clone(x)
		for i := range x {
			x[i] -= mean
		}
	}
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	scale := 1 / math.Sqrt(sum/float64(len(x))+float64(c.NormEps))
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * scale * weight[i]
		if c.NormOffset {
			y[i] += v * scale
		}
	}
	return y
}

func affine(w, bias, x []float64) []float64 {
	y := make([]float64, len(w)/len(x))
	copy(y, bias)
	for r := range y {
		for i, v := range x {
			y[r] += w[r*len(x)+i] * v
		}
	}
	return y
}

func addScaled(c *arch.Config, x, y []float64) {
	for i, v := range y {
		if c.ResidualScale != 0 {
			v *= float64(c.ResidualScale)
		}
		x[i] += v
	}
}

func capped(x, cap float64) float64 {
	if cap == 0 {
		return x
	}
	return cap * math.Tanh(x/cap)
}
