package arch

import (
	"cmp"
	"fmt"
	"slices"
)

// GGUF is a configuration as a GGUF file has it, by llama.cpp's conventions.
type GGUF struct {
	Architecture string   // general.architecture
	Metadata     []Pair   // that begin with the architecture's name
	Divisors     []Vector // tensors that no checkpoint has
	Notes        []string // what is not the same there

	by     *conventions
	config *Config
}

// Pair is a metadata key and its value: uint32, float32, string, bool, []uint32 or []bool.
type Pair struct {
	Key   string
	Value any
}

// Vector is a small tensor by its GGUF name.
type Vector struct {
	Name   string
	Values []float32
}

// ToGGUF says how a model of this configuration is written to a GGUF file. The error says
// what of it llama.cpp does not compute, whatever the metadata say.
func (c *Config) ToGGUF() (*GGUF, error) {
	by, err := findConventions(c)
	if err != nil {
		return nil, err
	}
	g := &GGUF{Architecture: by.name, by: by, config: c}
	if c.Rope.Scaling.Exact {
		g.Notes = append(g.Notes, "llama.cpp rounds the bounds between which YaRN blends, which this model does not")
	}
	told := *c // what the file says
	if by.window == 0 && c.slides() && told.Context > c.SlidingWindow {
		told.Context = c.SlidingWindow
		g.Notes = append(g.Notes, fmt.Sprintf("llama.cpp knows no sliding window here: the context is cut from %d to the window's %d tokens", c.Context, told.Context))
	}
	if !by.slides || !c.slides() {
		told.SlidingWindow = 0
	}
	if by.window == 0 || told.SlidingWindow == 0 || by.usual(c) && !by.listed {
		told.Local = nil
	}
	if !by.localTheta || !c.slides() {
		told.LocalRope.Theta = 0
	}
	told.HeadDim = c.headDim(false)
	told.Rope.Dim = c.Rope.Rotated(told.HeadDim)
	if by.latent { // as all heads see one
		told.KVHeads, told.HeadDim = 1, c.Latent.KV+told.Rope.Dim
	}
	for _, k := range metadataKeys {
		switch {
		case k.gguf == valueLength && by.latent:
			g.add(valueLength, &told.Latent.KV, false)
		case k.gguf == headCountKV && c.Global.KV > 0:
			g.Metadata = append(g.Metadata, Pair{by.name + "." + headCountKV, c.eachLayer(c.KVHeadsOf)})
		case k.gguf == feedForward && c.WideFFN > 0:
			g.Metadata = append(g.Metadata, Pair{by.name + "." + feedForward, c.eachLayer(c.FFNOf)})
		case k.gguf == headCountKV && c.Mixers.Of != nil && by.mixer != AttentionMamba && by.mixer != DeltaMixer:
			g.Metadata = append(g.Metadata, Pair{by.name + "." + headCountKV, c.byLayer(c.KVHeads, c.HasAttention)})
		case k.gguf == feedForward && by.single:
			g.Metadata = append(g.Metadata, Pair{by.name + "." + feedForward, c.byLayer(cmp.Or(c.Experts.FFN, c.FFN), c.HasFFN)})
		case k.field != nil:
			g.add(k.gguf, k.field(&told), k.omitZero)
		}
	}
	g.mixers(c)
	if by.factors {
		g.factors(c)
	}
	if by.routed && c.Experts.Count > 0 {
		g.routing(c)
	}
	if by.write != nil {
		by.write(g, c)
	}
	g.scaling(c.Rope)
	return g, nil
}

// add writes a key as the format has it.
func (g *GGUF) add(key string, field any, omitZero bool) {
	var value any
	zero := false
	switch v := field.(type) {
	case *int:
		value, zero = uint32(*v), *v == 0
	case *float32:
		value, zero = *v, *v == 0
	case *float64:
		value, zero = float32(*v), *v == 0
	case *[]bool:
		value, zero = slices.Clone(*v), *v == nil
	case string, bool:
		value = v
	}
	if !zero || !omitZero {
		g.Metadata = append(g.Metadata, Pair{g.by.name + "." + key, value})
	}
}

// scaling writes how rotary embeddings stretch: by a formula of the metadata, or by what
// each pair's angle is divided by.
func (g *GGUF) scaling(r Rope) {
	s := r.Scaling
	original, attention := s.Original, s.Attention
	divide := func(name string, divisors []float64) {
		v := Vector{name, make([]float32, len(divisors))}
		for i, d := range divisors {
			v.Values[i] = float32(d)
		}
		g.Divisors = append(g.Divisors, v)
	}
	switch s.Type {
	case ScaleLinear:
		g.add(scalingType, "linear", false)
		g.add(scalingFactor, &s.Factor, false)
	case ScaleYaRN:
		g.add(scalingType, "yarn", false)
		g.add(scalingFactor, &s.Factor, false)
		g.add(scalingOriginal, &original, false)
		if usual := yarnAttention(s.Factor, 1); attention != 0 && attention != usual && !g.by.latent { // whose scores it scales, see writeLatent
			attention /= usual // it comes on top of the usual one
			g.add(scalingAttention, &attention, false)
		}
	case ScaleLongRoPE:
		g.add(scalingType, "longrope", false)
		g.add(scalingOriginal, &original, false)
		g.add(scalingAttention, &attention, true)
		divide(longDivisorsName, s.Long)
		divide(shortDivisorsName, s.Short)
	case ScaleLlama3:
		divide(divisorsName, r.divisors(g.config.HeadDim))
	}
}
