package arch

import (
	"fmt"
	"math"
	"strings"
)

// Metadata are the keys and values of a GGUF file. A getter fails where the value is not of
// its kind, and where there is none; numbers are taken from any kind that holds them.
type Metadata interface {
	Keys() []string
	Has(key string) bool
	// Any returns a value of any kind as Go has it: integers, floats, bool, string or []any.
	Any(key string) (any, error)
	String(key string) (string, error)
	Uint(key string) (uint64, error)
	Float(key string) (float64, error)
	Ints(key string) ([]int64, error)
	Bools(key string) ([]bool, error)
}

// Tensors are those that metadata go with, by their GGUF names.
type Tensors interface {
	// Shape returns a tensor's shape, row-major, and whether there is one of this name.
	Shape(name string) ([]int, bool)
	// Values reads a small tensor.
	Values(name string) ([]float32, error)
}

// ggufReader reads an architecture's keys, which begin with its name; the first
// error stays.
type ggufReader struct {
	f       Metadata
	tensors Tensors
	arch    string
	by      *conventions
	err     error
}

// check refuses the keys that would change the model without anyone here knowing how.
func (r *ggufReader) check(f *family) error {
	if kind, err := r.f.String("general.type"); err == nil && kind != "model" {
		return fmt.Errorf("general.type %q is not supported (only model): %w", kind, ErrKey)
	}
	keys := map[string]any{}
	for _, full := range r.f.Keys() {
		if key, ok := strings.CutPrefix(full, r.arch+"."); ok && !known(key, f) {
			var err error
			if keys[key], err = r.jsonValue(full); err != nil {
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

// jsonValue returns a key's value as JSON has it; numbers that it does not have, as text.
func (r *ggufReader) jsonValue(key string) (any, error) {
	value, err := r.f.Any(key)
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
	if otherwise >= 0 && !r.f.Has(r.arch+"."+key) {
		return otherwise
	}
	v, err := r.uint(r.arch + "." + key)
	if err == nil && v > math.MaxInt32 {
		err = fmt.Errorf("%s.%s is %d", r.arch, key, v)
	}
	r.fail(err)
	return int(v)
}

// uint reads a number or an array that repeats one.
func (r *ggufReader) uint(key string) (uint64, error) {
	v, err := r.f.Uint(key)
	if err == nil {
		return v, nil
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
	if !r.f.Has(r.arch + "." + key) {
		return otherwise
	}
	v, err := r.f.Float(r.arch + "." + key)
	r.fail(err)
	return v
}

func (r *ggufReader) text(key string) string {
	if !r.f.Has(r.arch + "." + key) {
		return ""
	}
	v, err := r.f.String(r.arch + "." + key)
	r.fail(err)
	return v
}

func (r *ggufReader) fail(err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %w", err, ErrConfig)
	}
}

// FromGGUF makes a configuration of a GGUF file's metadata and of what tensors it goes with.
// Errors: ErrArchitecture, with the list of known ones; ErrConfig; ErrWeights where a tensor
// that tells a size is missing or of another one; and those of reading.
func FromGGUF(metadata Metadata, tensors Tensors) (*Config, error) {
	arch, err := metadata.String("general.architecture")
	if err != nil {
		return nil, err
	}
	family, err := findFamily(arch)
	if err != nil {
		return nil, fmt.Errorf("general.architecture %w", err)
	}
	r := &ggufReader{f: metadata, tensors: tensors, arch: arch, by: conventionsOf(arch)}
	if err := r.check(family); err != nil {
		return nil, err
	}
	c := &Config{Architecture: arch, EmbedScale: 1, Activation: SiLU}
	for _, k := range metadataKeys {
		if k.field != nil && !k.special {
			r.read(c, k)
		}
	}
	c.Layers -= min(c.Layers, r.ahead())
	if v := r.integer(valueLength, c.HeadDim); v != c.HeadDim && !r.by.latent {
		r.fail(fmt.Errorf("keys of %d and values of %d", c.HeadDim, v))
	}
	if r.err != nil {
		return nil, r.err
	}
	embed, ok := tensors.Shape(GGUFName(EmbeddingName, false))
	if !ok || len(embed) != 2 {
		return nil, fmt.Errorf("no embeddings %s: %w", GGUFName(EmbeddingName, false), ErrWeights)
	}
	c.Vocab = embed[0]
	_, head := tensors.Shape(GGUFName(HeadName, false))
	c.TiedHead = !head
	c.AttnScale = float32(1 / math.Sqrt(float64(max(1, c.HeadDim))))
	h := r.familyKeys(c)
	h.family = family
	if err := r.experts(c, h); err != nil {
		return nil, err
	}
	r.rope(c)
	r.mixers(c, h)
	if r.by.factors {
		r.factors(c, h)
	}
	if r.by.read != nil {
		r.by.read(r, c, h)
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := c.checkSizes(); err != nil {
		return nil, err
	}
	if err := family.adjust(c, h); err != nil {
		return nil, err
	}
	if s := r.float("attention.scale", 0); s != 0 && math.Abs(s/float64(c.AttnScale)-1) > 1e-5 {
		return nil, fmt.Errorf("%s.attention.scale %v is not supported (only %v): %w", arch, s, c.AttnScale, ErrKey)
	}
	if r.err != nil {
		return nil, r.err
	}
	c.NormOffset = false // in these files the norms have their 1 added already
	switch theta := c.LocalRope.Theta; {
	case r.by.unscaled && c.slides():
		c.LocalRope = c.Rope
		c.LocalRope.Scaling = Scaling{}
	case theta == 0:
		c.LocalRope = c.Rope
	case !family.localRope: // only the base is another
		c.LocalRope = c.Rope
		c.LocalRope.Theta = theta
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return c, nil
}

// ahead is how many of the layers are those that predict several tokens at once, which are behind the model's own.
func (r *ggufReader) ahead() int { return r.integer("nextn_predict_layers", 0) }

// read reads a key of the table.
func (r *ggufReader) read(c *Config, k metadataKey) {
	missing := -1.0 // it must be there
	if k.missing != nil {
		missing = k.missing(c)
	}
	if v, ok := r.by.missing[k.gguf]; ok {
		missing = v
	}
	switch field := k.field(c).(type) {
	case *int:
		if list, err := r.f.Ints(r.arch + "." + k.gguf); err == nil && r.by.listed && len(list) > 0 && list[0] >= 0 && list[0] <= math.MaxInt32 {
			*field = int(list[0]) // and see readGemma4
		} else if k.gguf == headCountKV && r.by.mixer != "" || k.gguf == feedForward && r.by.single {
			*field = r.ofSome(k.gguf)
		} else {
			*field = r.integer(k.gguf, int(missing))
		}
	case *float32:
		*field = float32(r.float(k.gguf, missing))
	case *float64:
		*field = r.float(k.gguf, missing)
	}
}

// familyKeys moves what the families' adjustments look at to where config.json has it.
func (r *ggufReader) familyKeys(c *Config) *hfConfig {
	attn, logit, window := c.AttnSoftcap, c.LogitSoftcap, c.SlidingWindow
	h := &hfConfig{AttnSoftcap: &attn, LogitSoftcap: &logit}
	c.AttnSoftcap, c.LogitSoftcap, c.SlidingWindow = 0, 0, 0
	h.SlidingWindowPattern, h.LayerTypes = r.windowPattern()
	if window == 0 {
		h.LayerTypes = nil
	} else {
		h.SlidingWindow = &window
		if !r.by.slides && window < c.Context {
			r.fail(fmt.Errorf("%s.attention.sliding_window %d is not supported: %w", r.arch, window, ErrKey))
		}
	}
	if r.by.largest == c.Layers { // the 27 B Gemmas scale attention by their width per head
		h.QueryPreAttnScalar = float64(c.Hidden / max(1, c.Heads))
	}
	return h
}

// windowPattern reads every how many layers one sees all, or which do: an array has true
// where the window slides.
func (r *ggufReader) windowPattern() (every int, types []string) {
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
