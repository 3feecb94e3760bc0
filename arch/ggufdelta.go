package arch

// delta nets in llama.cpp's files: queries, keys and values in one matrix, gates in another; of Qwen 3.5 the heads of values lie
// by turns, one for each head of keys.

// The keys of which layers have attention, behind the architecture's name.
const (
	recurrentLayers   = "attention.recurrent_layers"
	attentionInterval = "full_attention_interval"
	ropeSections      = "rope.dimension_sections"
)

// pictureSections are how many pairs of rotary embeddings turn by each of a picture's places: Qwen 3.5's usual ones, as these
// places are all the same in text.
var pictureSections = []uint32{11, 11, 10, 0}

// readDelta reads how delta nets are built, and which layers have them.
func readDelta(r *ggufReader, c *Config, h *hfConfig) {
	h.ConvKernel, h.KeyHeads, h.ValueHeads, h.KeyHeadDim = r.integer(scanTaps, -1), r.integer(scanGroups, -1), r.integer(scanHeads, -1), r.integer(scanState, -1)
	h.ValueHeadDim = h.KeyHeadDim // whatever scanInner says
	h.decays, h.tiled, h.groupedRates = true, r.by.tiled, !r.by.tiled
	h.AttentionInterval = r.integer(attentionInterval, 4)
	h.LayerTypes = nil
	recurrent, err := r.f.Bools(r.arch + "." + recurrentLayers)
	if err != nil {
		return
	}
	for l, delta := range recurrent {
		if l == c.Layers {
			break // those that predict several tokens at once
		}
		kind := "full_attention"
		if delta {
			kind = "linear_attention"
		}
		h.LayerTypes = append(h.LayerTypes, kind)
	}
}

// writeDelta writes it.
func writeDelta(g *GGUF, c *Config) {
	m, inner := &c.Mixers, c.Mixers.Values()
	g.add(scanTaps, &m.Taps, false)
	g.add(scanInner, &inner, false)
	g.add(scanState, &m.KeyDim, false)
	g.add(scanHeads, &m.ValueHeads, false)
	g.add(scanGroups, &m.KeyHeads, false)
	recurrent := make([]bool, c.Layers)
	for l := range recurrent {
		recurrent[l] = c.Mixer(l) == DeltaMixer
	}
	g.add(recurrentLayers, &recurrent, false)
	if g.by.tiled {
		g.Metadata = append(g.Metadata, Pair{g.by.name + "." + ropeSections, pictureSections})
	}
}

// deltaHeads refuses heads that llama.cpp does not have.
func deltaHeads(c *Config) string {
	if c.Mixers.KeyDim != c.Mixers.ValueDim {
		return "values in delta nets that are not as long as keys"
	}
	return ""
}

// ungrouped are the layouts of what is one matrix here, by heads of keys: queries, keys and values, and gates.
func (c *Config) ungrouped(w *Weight) []Layout {
	m := &c.Mixers
	keys, values := m.KeyDim, m.ValueHeads/m.KeyHeads*m.ValueDim // of a head of keys
	each := 2*keys + 2*values
	query, key, value := someOf(keys, 0, each), someOf(keys, keys, each), someOf(values, 2*keys, each)
	mixed := func(at int) int {
		switch n := m.Keys(); {
		case at < n:
			return query(at)
		case at < 2*n:
			return key(at - n)
		default:
			return value(at - 2*n)
		}
	}
	name := func(part string) string { return GGUFName(LayerName(w.Layer, part), false) }
	return []Layout{
		{Name: name("linear_attn.in_proj_qkv.weight"), Shape: []int{c.MixerWidth(), c.Hidden}, Row: mixed},
		{Name: name("linear_attn.in_proj_z.weight"), Shape: []int{m.Values(), c.Hidden}, Row: someOf(values, 2*keys+values, each)},
	}
}

// tile returns which rows and columns of a delta net's weight come where heads of values lie by turns.
func (c *Config) tile(w *Weight) (row, column func(at int) int) {
	m := &c.Mixers
	if len(w.Parts) == 0 || c.Mixer(w.Layer) != DeltaMixer || m.Tiled || m.KeyHeads == m.ValueHeads {
		return nil, nil
	}
	turns := func(first, n int) func(at int) int { // of heads of n, behind so many others
		return func(at int) int {
			if at < first {
				return at
			}
			head, i := (at-first)/n, (at-first)%n
			return first + (head%m.KeyHeads*(m.ValueHeads/m.KeyHeads)+head/m.KeyHeads)*n + i
		}
	}
	switch w.Parts[0].Use {
	case MixerInput, ConvFilter:
		return turns(2*m.Keys(), m.ValueDim), nil
	case MixerGate:
		return turns(0, m.ValueDim), nil
	case MixerRate, MixerStep, StepBias, DecayLog:
		return turns(0, 1), nil
	case MixerOutput:
		return nil, turns(0, m.ValueDim)
	}
	return nil, nil
}
