package transformer

import (
	"cmp"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
)

// mixture is the sum of the networks that the router thinks most of. It tells by how much that was decided.
func mixture(c *arch.Config, get func(string) []float64, h []float64) (y []float64, closest float64) {
	return mixtureOf(c, get, h, h)
}

// mixtureOf is that where the router sees another vector than the experts.
func mixtureOf(c *arch.Config, get func(string) []float64, router, h []float64) (y []float64, closest float64) {
	x := &c.Experts
	closest = math.Inf(1)
	weights := affine(get("mlp.gate.weight"), get("mlp.gate.bias"), router)
	sum := 0.0
	for i, v := range weights {
		weights[i] = math.Exp(v)
		sum += weights[i]
	}
	keys := slices.Clone(weights)
	if x.Sigmoid {
		sum = 1
		for i, v := range weights {
			weights[i] = v / (1 + v)
			keys[i] = weights[i]
			if x.OnInput {
				keys[i] = v
			}
			if x.Bias {
				keys[i] += get("mlp.gate.e_score_correction_bias")[i]
			}
		}
	}
	if x.Groups > 0 {
		size := x.Count / x.Groups
		best := make([]float64, x.Groups)
		for g := range best {
			two := places(keys[g*size:][:size])
			if best[g] = keys[g*size+two[0]]; x.Sigmoid {
				best[g] += keys[g*size+two[1]]
			}
		}
		order := places(best)
		closest = lead(best, order, x.GroupsPerToken)
		for _, g := range order[x.GroupsPerToken:] {
			for i := range size {
				keys[g*size+i] = math.Inf(-1)
			}
		}
	}
	chosen := places(keys)
	closest = min(closest, lead(keys, chosen, x.PerToken))
	chosen = chosen[:x.PerToken]
	if x.Normalize {
		sum = 0
		for _, e := range chosen {
			sum += weights[e]
		}
		if x.Sigmoid {
			sum += x.Epsilon
		}
	}
	if x.Scale != 0 {
		sum /= float64(x.Scale)
	}
	of := func(name string, e int) []float64 { // an expert's part of a matrix
		w := get(name)
		n := len(w) / x.Count
		return w[e*n:][:n]
	}
	y = make([]float64, c.Hidden)
	plus := func(weight float64, h, gate, up, down, gateBias, upBias, downBias []float64) {
		if c.PlainFFN {
			gate, up = up, nil
		}
		for i, v := range affine(down, downBias, gated(c, affine(gate, gateBias, h), affine(up, upBias, h))) {
			y[i] += weight * v
		}
	}
	for _, e := range chosen {
		weight := weights[e] / sum
		if scales := get("router.per_expert_scale"); scales != nil {
			weight *= scales[e]
		}
		h := h
		if x.OnInput {
			h = slices.Clone(h)
			for i := range h {
				h[i] *= weight
			}
			weight = 1
		}
		if both := get("mlp.experts.gate_up_proj"); both != nil {
			both = of("mlp.experts.gate_up_proj", e)
			plus(weight, h, both[:len(both)/2], both[len(both)/2:], of("mlp.experts.down_proj", e), nil, nil, nil)
			continue
		}
		plus(weight, h, of("mlp.experts.gate_proj.weight", e), of("mlp.experts.up_proj.weight", e), of("mlp.experts.down_proj.weight", e),
			of("mlp.experts.gate_proj.bias", e), of("mlp.experts.up_proj.bias", e), of("mlp.experts.down_proj.bias", e))
	}
	if x.Shared > 0 {
		weight := 1.0
		if x.SharedGate {
			weight = 1 / (1 + math.Exp(-affine(get("mlp.shared_expert_gate.weight"), nil, h)[0]))
		}
		gate, up := get("mlp.shared_expert.gate_proj.weight"), get("mlp.shared_expert.up_proj.weight")
		if both := get("mlp.shared_expert.gate_up_proj.weight"); both != nil {
			gate, up = both[:len(both)/2], both[len(both)/2:]
		}
		plus(weight, h, gate, up, get("mlp.shared_expert.down_proj.weight"), nil, nil, nil)
	}
	return y, closest
}

// places are those of values, the largest first.
func places(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return order
}

// lead is by how much, beside their size, the last of the n largest values is above the next.
func lead(values []float64, order []int, n int) float64 {
	if n == len(order) || math.IsInf(values[order[n]], -1) {
		return math.Inf(1)
	}
	a, b := values[order[n-1]], values[order[n]]
	return (a - b) / (math.Abs(a) + math.Abs(b))
}

// besideMixture is a feed-forward layer and experts beside it; h is the residual stream x, normalized for the former.
func besideMixture(c *arch.Config, get func(string) []float64, project func(string, []float64) []float64, x, h []float64) (y []float64, closest float64) {
	y = norm(c, project("mlp.down_proj", gated(c, project("mlp.gate_proj", h), project("mlp.up_proj", h))), get("post_feedforward_layernorm_1.weight"))
	plain := *c
	plain.NormOffset, plain.LayerNorm = false, false
	router := norm(&plain, x, slices.Repeat([]float64{1 / math.Sqrt(float64(c.Hidden))}, c.Hidden))
	for i, s := range get("router.scale") {
		router[i] *= s
	}
	z, closest := mixtureOf(c, get, router, norm(c, x, get("pre_feedforward_layernorm_2.weight")))
	for i, v := range norm(c, z, get("post_feedforward_layernorm_2.weight")) {
		y[i] += v
	}
	return y, closest
}
