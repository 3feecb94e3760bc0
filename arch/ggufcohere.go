package arch

import "cmp"

// readCohere reads what Cohere's models have in words of their own.
func readCohere(r *ggufReader, c *Config, h *hfConfig) {
	h.LogitScale = cmp.Or(float32(r.float("logit_scale", 1)), 1)
	h.LayerNormEps = float32(r.float("attention.layer_norm_epsilon", -1))
	h.SlidingWindowPattern = cmp.Or(h.SlidingWindowPattern, 4)
	readHeadNorms(r, c, h)
}

// readHeadNorms tells by its tensors whether a model has norms of queries and keys.
func readHeadNorms(r *ggufReader, _ *Config, h *hfConfig) {
	_, h.UseQKNorm = r.tensors.Shape(GGUFName(LayerName(0, "self_attn.q_norm.weight"), false))
}

// writeCohere writes it.
func writeCohere(g *GGUF, c *Config) {
	g.add("attention.layer_norm_epsilon", &c.NormEps, false)
	g.add("logit_scale", &c.LogitScale, false)
}

// largeCohere is the number of layers from which on llama.cpp has norms of queries and keys.
const largeCohere = 64

// cohereNorms refuses these in smaller models, and their absence in larger ones.
func cohereNorms(c *Config) string {
	switch large := c.Layers >= largeCohere; {
	case large && !c.QKNorm:
		return "so many layers, but no norms of queries and keys"
	case !large && c.QKNorm:
		return "norms of queries and keys in so few layers"
	}
	return ""
}

// slidingExaone is the number of layers of the EXAONE 4 that has sliding windows in llama.cpp, always of this length.
const (
	slidingExaone = 64
	exaoneWindow  = 4096
)

// exaoneLayers refuses windows that are not those.
func exaoneLayers(c *Config) string {
	slides := c.slides()
	switch {
	case slides != (c.Layers == slidingExaone):
		return "sliding windows in so many layers, or none"
	case slides && c.SlidingWindow != exaoneWindow:
		return "a sliding window of another length"
	}
	return ""
}
