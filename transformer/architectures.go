package transformer

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// family is what sets an architecture apart from Llama's.
type family struct {
	// names are its model_type in config.json and general.architecture in GGUF.
	names []string
	// adjust changes what config.json gave a Llama of the same sizes.
	adjust func(c *Config, h *hfConfig) error
}

// families is the table of known architectures. Biases of projections are not in
// it: they are used where the checkpoint has them.
var families = []family{
	{[]string{"llama"}, nil},
	{[]string{"mistral"}, func(c *Config, h *hfConfig) error {
		c.slide(h.SlidingWindow, func(int) bool { return true })
		return nil
	}},
	{[]string{"qwen2"}, qwenWindow},
	{[]string{"qwen3"}, func(c *Config, h *hfConfig) error {
		c.QKNorm = true
		return qwenWindow(c, h)
	}},
	{[]string{"gemma2"}, func(c *Config, h *hfConfig) error {
		gemma(c, h)
		c.slide(h.SlidingWindow, func(l int) bool { return l%2 == 0 })
		c.AttnSoftcap, c.LogitSoftcap = h.AttnSoftcap, h.LogitSoftcap
		return h.layerTypes(c)
	}},
	{[]string{"gemma3_text", "gemma3"}, func(c *Config, h *hfConfig) error {
		gemma(c, h)
		c.QKNorm = true
		pattern := h.SlidingWindowPattern
		if pattern == 0 {
			pattern = 6
		}
		c.slide(h.SlidingWindow, func(l int) bool { return (l+1)%pattern != 0 })
		local := 10000.0
		if h.RopeLocalTheta > 0 {
			local = h.RopeLocalTheta
		}
		c.LocalRope = Rope{Theta: local, Interleaved: c.Rope.Interleaved}
		return h.layerTypes(c)
	}},
	{[]string{"phi3"}, func(c *Config, h *hfConfig) error {
		c.FusedQKV, c.FusedGate = true, true
		c.slide(h.SlidingWindow, func(int) bool { return true })
		return nil
	}},
}

// findFamily returns the family of a name, or ErrArchitecture with the known ones.
func findFamily(name string) (*family, error) {
	var known []string
	for i := range families {
		if slices.Contains(families[i].names, name) {
			return &families[i], nil
		}
		known = append(known, families[i].names...)
	}
	slices.Sort(known)
	return nil, fmt.Errorf("%q is not one of %s: %w", name, strings.Join(known, ", "), ErrArchitecture)
}

// slide gives the layers that local names a sliding window, unless it is none or as
// long as the context.
func (c *Config) slide(window int, local func(layer int) bool) {
	if window <= 0 || window >= c.Context {
		return
	}
	c.SlidingWindow, c.Local = window, make([]bool, c.Layers)
	for l := range c.Local {
		c.Local[l] = local(l)
	}
}

// qwenWindow: the upper layers slide, where the model uses that at all.
func qwenWindow(c *Config, h *hfConfig) error {
	if h.UseSlidingWindow {
		c.slide(h.SlidingWindow, func(l int) bool { return l >= h.MaxWindowLayers })
	}
	return nil
}

// gemma is what Gemma 2 and 3 share.
func gemma(c *Config, h *hfConfig) {
	c.NormOffset, c.PostNorms = true, true
	c.Activation = GELUTanh
	c.EmbedScale = squareRoot(c.Hidden)
	if h.QueryPreAttnScalar > 0 {
		c.AttnScale = float32(1 / math.Sqrt(h.QueryPreAttnScalar))
	}
}

func squareRoot(n int) float32 { return float32(math.Sqrt(float64(n))) }
