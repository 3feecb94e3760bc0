package transformer

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// ggufReader reads an architecture's keys, which begin with its name; the first
// error stays.
type ggufReader struct {
	f       *gguf.File
	tensors ggufTensors
	arch    string
	err     error
}

// check refuses the keys that would change the model without anyone here knowing how.
func (r *ggufReader) check(f *family) error {
	if kind, err := r.f.String("general.type"); err == nil && kind != "model" {
		return fmt.Errorf("general.type %q is not supported (only model): %w", kind, ErrKey)
	}
	keys := map[string]any{}
	for key, value := range r.f.Metadata() {
		if key, ok := strings.CutPrefix(key, r.arch+"."); ok && !known(key, f) {
			var err error
			if keys[key], err = jsonValue(value); err != nil {
				return fmt.Errorf("%s.%s: %w", r.arch, key, err)
			}
		}
	}
	if _, err := ggufKeys.check(keys, f.section(), "all"); err != nil {
		return fmt.Errorf("%s.%w", r.arch, err)
	}
	return nil
}

// known tells whether a key needs no look at its value, which may be long.
func known(key string, f *family) bool {
	use, ok := ggufKeys.find(key, f.section(), "all")
	return ok && use.only == nil
}

// jsonValue returns a metadata value as JSON has it; numbers that it does not have, as text.
func jsonValue(v gguf.Value) (any, error) {
	value, err := v.Any()
	if f, ok := value.(float32); ok && (f != f || math.IsInf(float64(f), 0)) {
		return fmt.Sprint(f), nil
	}
	if f, ok := value.(float64); ok && (f != f || math.IsInf(f, 0)) {
		return fmt.Sprint(f), nil
	}
	return value, err
}

// integer reads a key, which may hold one equal number a layer; without a default
// (negative) it must be there.
func (r *ggufReader) integer(key string, otherwise int) int {
	v, err := r.uint(r.arch + "." + key)
	if errors.Is(err, gguf.ErrNoKey) && otherwise >= 0 {
		return otherwise
	}
	if err == nil && v > math.MaxInt32 {
		err = fmt.Errorf("%s.%s is %d", r.arch, key, v)
	}
	r.fail(err)
	return int(v)
}

// uint reads a number or an array that repeats one.
func (r *ggufReader) uint(key string) (uint64, error) {
	v, err := r.f.Uint(key)
	if !errors.Is(err, gguf.ErrKind) {
		return v, err
	}
	list, listErr := r.f.Ints(key)
	if listErr != nil || len(list) == 0 {
		return 0, err
	}
	for _, n := range list {
		if n != list[0] || n < 0 {
			return 0, fmt.Errorf("%s has %d for one layer and %d for another: not supported: %w", key, list[0], n, ErrKey)
		}
	}
	return uint64(list[0]), nil
}

func (r *ggufReader) float(key string, otherwise float64) float64 {
	v, err := r.f.Float(r.arch + "." + key)
	if errors.Is(err, gguf.ErrNoKey) {
		return otherwise
	}
	r.fail(err)
	return v
}

func (r *ggufReader) text(key string) string {
	v, err := r.f.String(r.arch + "." + key)
	if !errors.Is(err, gguf.ErrNoKey) {
		r.fail(err)
	}
	return v
}

func (r *ggufReader) fail(err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %w", err, ErrConfig)
	}
}

func (r *ggufReader) softcap(key string, otherwise float64) *float32 {
	v := float32(r.float(key, otherwise))
	return &v
}

// ggufTensors are the tensors that metadata goes with, by their GGUF names.
type ggufTensors interface {
	shape(name string) ([]int, bool)
	values(name string) ([]float32, error) // of a small one
}

func parseGGUF(f *gguf.File, tensors ggufTensors) (*Config, error) {
	arch, err := f.String("general.architecture")
	if err != nil {
		return nil, err
	}
	family, err := findFamily(arch)
	if err != nil {
		return nil, fmt.Errorf("general.architecture %w", err)
	}
	r := &ggufReader{f: f, tensors: tensors, arch: arch}
	if err := r.check(family); err != nil {
		return nil, err
	}
	c := &Config{
		Architecture: arch,
		Layers:       r.integer("block_count", -1), Hidden: r.integer("embedding_length", -1), FFN: r.integer("feed_forward_length", -1),
		Heads: r.integer("attention.head_count", -1), Context: r.integer("context_length", -1),
		NormEps: float32(r.float("attention.layer_norm_rms_epsilon", 1e-5)), EmbedScale: 1, Activation: SiLU,
	}
	c.KVHeads = r.integer("attention.head_count_kv", c.Heads)
	if r.err != nil {
		return nil, r.err
	}
	if c.Heads < 1 {
		return nil, fmt.Errorf("number of heads %d: %w", c.Heads, ErrConfig)
	}
	c.HeadDim = r.integer("attention.key_length", c.Hidden/c.Heads)
	if v := r.integer("attention.value_length", c.HeadDim); v != c.HeadDim {
		return nil, fmt.Errorf("keys of %d and values of %d: %w", c.HeadDim, v, ErrConfig)
	}
	embed, ok := tensors.shape("token_embd.weight")
	if !ok || len(embed) != 2 {
		return nil, fmt.Errorf("no embeddings token_embd.weight: %w", ErrWeights)
	}
	c.Vocab = embed[0]
	_, head := tensors.shape("output.weight")
	c.TiedHead = !head
	c.AttnScale = float32(1 / math.Sqrt(float64(max(1, c.HeadDim))))
	r.rope(c)
	h := r.familyKeys(c)
	h.family = family
	if r.err != nil {
		return nil, r.err
	}
	if err := c.checkSizes(); err != nil {
		return nil, err
	}
	if family.adjust != nil {
		if err := family.adjust(c, h); err != nil {
			return nil, err
		}
	}
	if s := r.float("attention.scale", 0); s != 0 && math.Abs(s/float64(c.AttnScale)-1) > 1e-5 {
		return nil, fmt.Errorf("%s.attention.scale %v is not supported (only %v): %w", arch, s, c.AttnScale, ErrKey)
	}
	if r.err != nil {
		return nil, r.err
	}
	c.NormOffset = false // in these files the norms have their 1 added already
	if c.LocalRope.Theta == 0 {
		c.LocalRope = c.Rope
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// familyKeys reads what the families' adjustments look at, in the words of
// config.json.
func (r *ggufReader) familyKeys(c *Config) *hfConfig {
	h := &hfConfig{
		RopeLocalTheta: r.float("rope.freq_base_swa", 0),
	}
	h.SlidingWindowPattern, h.LayerTypes = r.windowPattern(c)
	window, attn, logit := 0, 0.0, 0.0
	if r.arch == "gemma2" {
		window, attn, logit = 4096, 50, 30 // its first files leave them out
	}
	if w := r.integer("attention.sliding_window", window); w > 0 {
		h.SlidingWindow = &w
		if !r.slides() && w < c.Context {
			r.fail(fmt.Errorf("%s.attention.sliding_window %d is not supported: %w", r.arch, w, ErrKey))
		}
	} else {
		h.LayerTypes = nil
	}
	h.AttnSoftcap = r.softcap("attn_logit_softcapping", attn)
	h.LogitSoftcap = r.softcap("final_logit_softcapping", logit)
	// The 27 B Gemmas scale attention by their width per head.
	if r.arch == "gemma2" && c.Layers == 46 || r.arch == "gemma3" && c.Layers == 62 {
		h.QueryPreAttnScalar = float64(c.Hidden / c.Heads)
	}
	return h
}

// slides tells whether files of this architecture can have sliding windows.
func (r *ggufReader) slides() bool {
	return r.arch != "llama" && r.arch != "qwen2" && r.arch != "qwen3"
}

// windowPattern reads every how many layers one sees all, or which do: an array has true
// where the window slides.
func (r *ggufReader) windowPattern(c *Config) (every int, types []string) {
	const key = "attention.sliding_window_pattern"
	slides, err := r.f.Bools(r.arch + "." + key)
	if err != nil {
		return r.integer(key, 0), nil
	}
	for _, local := range slides {
		kind := "full_attention"
		if local {
			kind = "sliding_attention"
		}
		types = append(types, kind)
	}
	return 0, types
}
