package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/dtype"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// checkRope refuses rotary embeddings that llama.cpp cannot scale so.
func (t *target) checkRope(c *transformer.Config) error {
	s := c.Rope.Scaling
	refuse := func(what string) error {
		return fmt.Errorf("llama.cpp knows no %s with rotary embeddings %s: %w", t.name, what, ErrUnsupported)
	}
	switch s.Type {
	case transformer.NoScaling, transformer.ScaleLinear:
	case transformer.ScaleYaRN:
		if s.BetaFast != 0 && s.BetaFast != 32 || s.BetaSlow != 0 && s.BetaSlow != 1 || s.Exact {
			return refuse("whose YaRN has betas other than 32 and 1, or bounds that are not whole")
		}
		if t.name == "gemma3" && s.Attention != 0 && s.Attention != transformer.YaRNAttention(s.Factor) {
			return refuse("whose YaRN has an attention factor")
		}
	default:
		if !slices.Contains(t.divisors, s.Type) {
			return refuse(fmt.Sprintf("scaled by %q", s.Type))
		}
	}
	if !slides(c) {
		return nil
	}
	switch local := c.LocalRope; {
	case t.name == "gemma3" && (local.Scaling.Type != transformer.NoScaling || local.Dim != c.Rope.Dim):
		return refuse("that are scaled in layers with a sliding window")
	case t.name != "gemma3" && (local.Theta != c.Rope.Theta || local.Scaling.Type != s.Type || local.Dim != c.Rope.Dim):
		return refuse("of their own in layers with a sliding window")
	}
	return nil
}

// rotary says how rotary embeddings turn and stretch.
func (m *metadata) rotary(t *target, c *transformer.Config) {
	dim := c.HeadDim
	if c.Rope.Dim > 0 {
		dim = c.Rope.Dim
	}
	m.number("rope.dimension_count", dim)
	m.real("rope.freq_base", c.Rope.Theta)
	if t.name == "gemma3" && slides(c) {
		m.real("rope.freq_base_swa", c.LocalRope.Theta)
	}
	const scaling = "rope.scaling."
	switch s := c.Rope.Scaling; s.Type {
	case transformer.ScaleLinear:
		m.text(scaling+"type", "linear")
		m.real(scaling+"factor", s.Factor)
	case transformer.ScaleYaRN:
		m.text(scaling+"type", "yarn")
		m.real(scaling+"factor", s.Factor)
		m.number(scaling+"original_context_length", s.Original)
		if usual := transformer.YaRNAttention(s.Factor); s.Attention != 0 && s.Attention != usual {
			m.real(scaling+"attn_factor", s.Attention/usual) // comes on top of the usual one
		}
	case transformer.ScaleLongRoPE:
		m.text(scaling+"type", "longrope")
		m.number(scaling+"original_context_length", s.Original)
		if s.Attention != 0 {
			m.real(scaling+"attn_factor", s.Attention)
		}
	}
}

// ropeTensors are what each pair's angle is divided by, where that is no formula of
// the metadata.
func ropeTensors(c *transformer.Config) []*tensor {
	wide := func(list []float64) []float32 {
		out := make([]float32, len(list))
		for i, v := range list {
			out[i] = float32(v)
		}
		return out
	}
	switch s := c.Rope.Scaling; s.Type {
	case transformer.ScaleLlama3:
		return []*tensor{newVector("rope_freqs.weight", c.Rope.Divisors(c.HeadDim))}
	case transformer.ScaleLongRoPE:
		return []*tensor{newVector("rope_factors_long.weight", wide(s.Long)), newVector("rope_factors_short.weight", wide(s.Short))}
	}
	return nil
}

// newVector is a tensor that no checkpoint has.
func newVector(name string, values []float32) *tensor {
	t := &checkpoint.Tensor{Name: name, DType: string(dtype.F32), Type: dtype.F32, Shape: []int{len(values)}, Size: 4 * int64(len(values))}
	return &tensor{Tensor: checkpoint.NewTensor(t, vector(values)), name: name, shape: t.Shape, to: dtype.F32}
}

// vector is the data of one.
type vector []float32

func (v vector) ReadFloat32(dst []float32, off int) error {
	copy(dst, v[off:])
	return nil
}

func (v vector) ReadRaw(dst []byte, off int64) error {
	copy(dst, dtype.AppendF32(nil, v)[off:])
	return nil
}

// isRotaryTable tells rotary_emb.inv_freq, which old checkpoints store.
func isRotaryTable(name string) bool { return strings.HasSuffix(name, "rotary_emb.inv_freq") }

// headsOf returns how many heads' rows lie in a matrix or bias that rotary embeddings
// turn, 0 for others.
func headsOf(name string, c *transformer.Config) int {
	switch {
	case strings.Contains(name, ".attn_q."):
		return c.Heads
	case strings.Contains(name, ".attn_k."):
		return c.KVHeads
	}
	return 0
}

// neighbours returns which row of halves comes at a row of pairs: within a head of n
// rows, rows i and i + n/2 become 2i and 2i + 1.
func neighbours(n int) func(row int) int {
	return func(row int) int {
		head, i := row/n, row%n
		return head*n + i%2*(n/2) + i/2
	}
}
