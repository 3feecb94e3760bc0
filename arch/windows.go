package arch

import (
	"fmt"
	"slices"
)

// slide gives the layers that local names, or layer_types, the sliding window, if
// there is one.
func (c *Config) slide(h *hfConfig, local func(layer int) bool) error {
	if h.SlidingWindow != nil {
		c.SlidingWindow = *h.SlidingWindow
	}
	if c.SlidingWindow > 0 {
		c.Local = make([]bool, c.Layers)
		for l := range c.Local {
			c.Local[l] = local(l)
		}
	}
	return h.layerTypes(c)
}

// chunks reads which layers see chunks only: those with rotary embeddings, or those of layer_types.
func (c *Config) chunks(h *hfConfig) error {
	if h.ChunkSize == nil && len(h.LayerTypes) == 0 {
		return nil // all layers see everything, as with transformers
	}
	local := make([]bool, c.Layers)
	for l := range local {
		local[l] = c.HasRope(l)
	}
	if len(h.LayerTypes) > 0 {
		if len(h.LayerTypes) != c.Layers {
			return fmt.Errorf("layer_types names %d of %d layers: %w", len(h.LayerTypes), c.Layers, ErrConfig)
		}
		for l, kind := range h.LayerTypes {
			if kind != "chunked_attention" && kind != "full_attention" {
				return fmt.Errorf("layer_types has %q, not chunked_attention or full_attention: %w", kind, ErrKey)
			}
			local[l] = kind == "chunked_attention"
		}
	}
	if !slices.Contains(local, true) {
		return nil
	}
	if h.ChunkSize == nil || *h.ChunkSize < 1 {
		return fmt.Errorf("layers see chunks, but there is no attention_chunk_size: %w", ErrConfig)
	}
	c.Chunked, c.SlidingWindow, c.Local = true, *h.ChunkSize, local
	return nil
}

// qwenWindow: the upper layers slide, where the model uses that at all.
func qwenWindow(c *Config, h *hfConfig) error {
	if !h.UseSlidingWindow {
		h.SlidingWindow = nil
	}
	return c.slide(h, func(l int) bool { return l >= h.MaxWindowLayers })
}

// skipRope reads which layers have no rotary embeddings.
func (c *Config) skipRope(h *hfConfig) error {
	interval := 4 // of a GGUF file
	if h.NoRopeInterval != nil {
		interval = *h.NoRopeInterval
	}
	switch {
	case h.NoRopeLayers != nil && len(h.NoRopeLayers) != c.Layers:
		return fmt.Errorf("no_rope_layers names %d of %d layers: %w", len(h.NoRopeLayers), c.Layers, ErrConfig)
	case interval < 1:
		return fmt.Errorf("no_rope_layer_interval %d: %w", interval, ErrConfig)
	}
	c.NoRope = make([]bool, c.Layers)
	for l := range c.NoRope {
		if h.NoRopeLayers != nil {
			c.NoRope[l] = h.NoRopeLayers[l] == 0
		} else {
			c.NoRope[l] = (l+1)%interval == 0
		}
	}
	return nil
}

func everyLayer(int) bool { return true }
