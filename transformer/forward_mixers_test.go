package transformer

import (
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
)

// What forward has in place of attention, or beside it.

// shortConvolution is LFM2's layer, with the inputs that came before.
func shortConvolution(c *arch.Config, get func(string) []float64, project func(string, []float64) []float64, h []float64, inputs *[][]float64) []float64 {
	n := c.Hidden
	gates := project("conv.in_proj", h)
	x := make([]float64, n)
	for i := range x {
		x[i] = gates[i] * gates[2*n+i]
	}
	*inputs = append(*inputs, x)
	out := convolved(c, get("conv.conv.weight"), get("conv.conv.bias"), *inputs)
	for i := range out {
		out[i] *= gates[n+i]
	}
	return project("conv.out_proj", out)
}

// deltaNet is Qwen's, with the inputs that came before and what they have left.
func deltaNet(c *arch.Config, get func(string) []float64, project func(string, []float64) []float64, h []float64, inputs *[][]float64, memory *[]float64) []float64 {
	m := &c.Mixers
	var qkv, z, b, a []float64
	if m.Grouped {
		all, both := project("linear_attn.in_proj_qkvz", h), project("linear_attn.in_proj_ba", h)
		part := func(from []float64, head, at, n int) []float64 {
			each := len(from) / m.KeyHeads
			return from[head*each+at:][:n]
		}
		v, r := m.Values()/m.KeyHeads, m.ValueHeads/m.KeyHeads
		var k, values []float64
		for i := range m.KeyHeads {
			qkv, k = append(qkv, part(all, i, 0, m.KeyDim)...), append(k, part(all, i, m.KeyDim, m.KeyDim)...)
			values, z = append(values, part(all, i, 2*m.KeyDim, v)...), append(z, part(all, i, 2*m.KeyDim+v, v)...)
			b, a = append(b, part(both, i, 0, r)...), append(a, part(both, i, r, r)...)
		}
		qkv = slices.Concat(qkv, k, values)
	} else {
		qkv, z = project("linear_attn.in_proj_qkv", h), project("linear_attn.in_proj_z", h)
		b, a = project("linear_attn.in_proj_b", h), project("linear_attn.in_proj_a", h)
	}
	*inputs = append(*inputs, qkv)
	x := convolved(c, get("linear_attn.conv1d.weight"), nil, *inputs)
	for i, v := range x {
		x[i] = v / (1 + math.Exp(-v))
	}
	if *memory == nil {
		*memory = make([]float64, m.KeyDim*m.Values())
	}
	out := make([]float64, m.Values())
	for head := range m.ValueHeads {
		from := head / (m.ValueHeads / m.KeyHeads) * m.KeyDim
		q, k, v := x[from:][:m.KeyDim], x[m.Keys()+from:][:m.KeyDim], x[2*m.Keys()+head*m.ValueDim:][:m.ValueDim]
		squares := func(x []float64) (sum float64) {
			for _, v := range x {
				sum += v * v
			}
			return sum + 1e-6
		}
		ql, kl := math.Sqrt(squares(q)*float64(m.KeyDim)), math.Sqrt(squares(k))
		keep := math.Exp(-math.Exp(get("linear_attn.A_log")[head]) * math.Log1p(math.Exp(a[head]+get("linear_attn.dt_bias")[head])))
		state := (*memory)[head*m.KeyDim*m.ValueDim:][:m.KeyDim*m.ValueDim]
		y := out[head*m.ValueDim:][:m.ValueDim]
		for j := range y {
			had := 0.0
			for i := range k {
				state[i*m.ValueDim+j] *= keep
				had += state[i*m.ValueDim+j] * k[i] / kl
			}
			for i := range k {
				state[i*m.ValueDim+j] += k[i] / kl * (v[j] - had) / (1 + math.Exp(-b[head]))
				y[j] += state[i*m.ValueDim+j] * q[i] / ql
			}
		}
		plain := *c
		plain.NormOffset = false
		for j, v := range norm(&plain, y, get("linear_attn.norm.weight")) {
			g := z[head*m.ValueDim+j]
			y[j] = v * g / (1 + math.Exp(-g))
		}
	}
	return project("linear_attn.out_proj", out)
}

// mamba2 is a Mamba-2 layer, with the inputs that came before and what they have left.
func mamba2(c *arch.Config, get func(string) []float64, project func(string, []float64) []float64, h []float64, inputs *[][]float64, memory *[]float64) []float64 {
	m := &c.Mixers
	all := project("mamba.in_proj", h)
	z, steps := times(all[:m.Values()], c.Multipliers[arch.MixerGate].Out), times(all[len(all)-m.ValueHeads:], c.Multipliers[arch.MixerStep].Out)
	seen := all[m.Values() : len(all)-m.ValueHeads]
	*inputs = append(*inputs, slices.Concat(times(seen[:m.Values()], m.Mamba.Channels[0]), times(seen[m.Values():][:m.Keys()], m.Mamba.Channels[1]),
		times(seen[m.Values()+m.Keys():], m.Mamba.Channels[2])))
	x := convolved(c, get("mamba.conv1d.weight"), get("mamba.conv1d.bias"), *inputs)
	for i, v := range x {
		x[i] = v / (1 + math.Exp(-v))
	}
	if *memory == nil {
		*memory = make([]float64, m.KeyDim*m.Values())
	}
	out := make([]float64, m.Values())
	for head := range m.ValueHeads {
		group := head / (m.ValueHeads / m.KeyHeads) * m.KeyDim
		key, query := x[m.Values()+group:][:m.KeyDim], x[m.Values()+m.Keys()+group:][:m.KeyDim]
		step := math.Log1p(math.Exp(steps[head] + get("mamba.dt_bias")[head]))
		keep := math.Exp(-math.Exp(get("mamba.A_log")[head]) * step)
		state := (*memory)[head*m.KeyDim*m.ValueDim:][:m.KeyDim*m.ValueDim]
		for j := range m.ValueDim {
			at := head*m.ValueDim + j
			out[at] = get("mamba.D")[head] * x[at]
			for i := range key {
				s := &state[j*m.KeyDim+i]
				*s = *s*keep + step*key[i]*x[at]
				out[at] += *s * query[i]
			}
		}
	}
	gate := func() {
		for i, g := range z {
			out[i] *= g / (1 + math.Exp(-g))
		}
	}
	if m.Mamba.Norm != arch.NormFirst {
		gate()
	}
	plain := *c
	plain.NormOffset = false
	for g, n := 0, m.Values()/m.KeyHeads; g < len(out) && m.Mamba.Norm != arch.NormNone; g += n {
		copy(out[g:], norm(&plain, out[g:][:n], get("mamba.norm.weight")[g:][:n]))
	}
	if m.Mamba.Norm == arch.NormFirst {
		gate()
	}
	return project("mamba.out_proj", out)
}

// convolved is the convolution of the last inputs; those before the first are 0.
func convolved(c *arch.Config, filter, bias []float64, inputs [][]float64) []float64 {
	taps := c.Mixers.Taps
	y := make([]float64, len(filter)/taps)
	copy(y, bias)
	for k := range taps {
		if t := len(inputs) - taps + k; t >= 0 {
			for i := range y {
				y[i] += filter[i*taps+k] * inputs[t][i]
			}
		}
	}
	return y
}
