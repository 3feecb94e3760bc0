package arch

// What llama.cpp has for Llama 4 whatever a file says.
const (
	llama4Chunk  = 8192 // also the length by which queries grow
	llama4Growth = 0.1
	llama4NoRope = 4   // every so manieth layer has no rotary embeddings, and sees everything
	llama4Large  = 128 // so many experts: heads are not brought to one length

	sparseStep = "interleave_moe_layer_step"
)

// readLlama4 reads which layers have experts.
func readLlama4(r *ggufReader, c *Config, h *hfConfig) {
	chunk := llama4Chunk
	h.DenseFFN, h.ChunkSize, h.LayerTypes, h.UseQKNorm = c.FFN, &chunk, nil, c.Experts.Count != llama4Large
	h.TemperatureTuning, h.TemperatureFactor, h.TemperatureLength = true, llama4Growth, llama4Chunk
	c.Experts.Dense = nil
	if step := r.integer(sparseStep, 1); step > 1 && c.Layers > 0 && c.Layers <= mostLayers {
		c.Experts.Dense = make([]bool, c.Layers)
		for l := range c.Experts.Dense {
			c.Experts.Dense[l] = (l+1)%step != 0
		}
	}
}

// writeLlama4 writes it.
func writeLlama4(g *GGUF, c *Config) {
	step := c.leadingDense() + 1
	g.add(sparseStep, &step, false)
}

// llama4Kinds refuses what llama.cpp does not have.
func llama4Kinds(c *Config) string {
	step := c.leadingDense() + 1
	for l := range c.Layers {
		switch last := (l+1)%llama4NoRope == 0; {
		case c.HasExperts(l) != ((l+1)%step == 0):
			return "experts in other layers than every so manieth"
		case c.Context > llama4Chunk && (c.IsLocal(l) == last || !last && c.SlidingWindow != llama4Chunk):
			return "chunks of attention in other layers, or of another length"
		case c.SlidingWindow != 0 && c.SlidingWindow < min(c.Context, llama4Chunk):
			return "chunks of attention of another length"
		}
	}
	switch t := c.Temperature; {
	case c.Experts.Count == 0:
		return "no experts"
	case c.UnitNorm != (c.Experts.Count != llama4Large):
		return "heads that are brought to one length, or are not"
	case t != (Temperature{Factor: llama4Growth, Length: llama4Chunk, First: 1, NoRope: true}) && (t.Factor != 0 && t.Length < c.Context || c.Context > llama4Chunk):
		return "queries that grow otherwise"
	}
	return ""
}
