package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// hfConfig is config.json as far as it matters here: the keys that keys/config.txt has
// as read. Null and a missing key differ where a pointer stands: a missing one has its
// family's default.
type hfConfig struct {
	family    *family // never nil
	ModelType string  `json:"model_type"`

	Layers       int     `json:"num_hidden_layers"`
	Hidden       int     `json:"hidden_size"`
	FFN          int     `json:"intermediate_size"`
	Heads        int     `json:"num_attention_heads"`
	KVHeads      *int    `json:"num_key_value_heads"`
	HeadDim      int     `json:"head_dim"`
	Vocab        int     `json:"vocab_size"`
	Context      int     `json:"max_position_embeddings"`
	NormEps      float32 `json:"rms_norm_eps"`
	LayerNormEps float32 `json:"layer_norm_eps"`
	LogitScale   float32 `json:"logit_scale"`
	Tied         *bool   `json:"tie_word_embeddings"`
	Activation   string  `json:"hidden_act"`
	GemmaAct     string  `json:"hidden_activation"`
	AttnBias     bool    `json:"attention_bias"`
	FFNBias      bool    `json:"mlp_bias"`
	QKVBias      *bool   `json:"qkv_bias"`
	AttnOutBias  bool    `json:"attention_out_bias"`
	AllBias      bool    `json:"use_bias"`
	UseQKNorm    bool    `json:"use_qk_norm"`

	RopeTheta      float64 `json:"rope_theta"`
	RopeLocalTheta float64 `json:"rope_local_base_freq"`
	PartialRotary  float64 `json:"partial_rotary_factor"`
	Original       int     `json:"original_max_position_embeddings"`
	// What rope_parameters or rope_scaling say, of local layers too where they have their own.
	global, local *hfRope

	SlidingWindow        *int     `json:"sliding_window"`
	SlidingWindowPattern int      `json:"sliding_window_pattern"`
	UseSlidingWindow     bool     `json:"use_sliding_window"`
	MaxWindowLayers      int      `json:"max_window_layers"`
	LayerTypes           []string `json:"layer_types"`

	hfExperts
	hfMixers
	hfMamba
	hfFalcon
	hfNemotron
	hfLatent
	hfEncoder
	hfGemma4

	NoRopeLayers   []int `json:"no_rope_layers"` // 1 for each layer that has rotary embeddings
	NoRopeInterval *int  `json:"no_rope_layer_interval"`

	ChunkSize         *int    `json:"attention_chunk_size"`
	TemperatureTuning bool    `json:"attn_temperature_tuning"`
	TemperatureFactor float64 `json:"attn_scale"`
	TemperatureLength int     `json:"floor_scale"`

	AttnMultiplier     float32 `json:"attention_multiplier"`
	EmbedMultiplier    float32 `json:"embedding_multiplier"`
	ResidualMultiplier float32 `json:"residual_multiplier"`
	LogitsScaling      float64 `json:"logits_scaling"`

	SwiGLUAlpha *float32 `json:"swiglu_alpha"`
	SwiGLULimit *float32 `json:"swiglu_limit"`

	QueryPreAttnScalar float64  `json:"query_pre_attn_scalar"`
	AttnSoftcap        *float32 `json:"attn_logit_softcapping"`
	LogitSoftcap       *float32 `json:"final_logit_softcapping"`
}

// defaults are the values of missing keys; families have more of them.
const defaults = `{"rms_norm_eps": 1e-6, "max_position_embeddings": 2048, "rope_theta": 10000}`

// MaxConfig is how many bytes a config.json may have that is read: real ones have a few kB.
const MaxConfig = 1 << 24

// ParseConfig reads a Hugging Face config.json, as transformers 4 or 5 writes it.
// Errors: ErrArchitecture, with the list of known ones, and ErrConfig.
func ParseConfig(text []byte) (*Config, error) {
	c, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

func parseConfig(text []byte) (*Config, error) {
	top, err := readObject(text)
	if err != nil {
		return nil, err
	}
	own := top
	if inner, ok := top["text_config"].(map[string]any); ok {
		own = inner
		if inner["model_type"] == nil {
			inner["model_type"] = top["model_type"]
		}
		if _, ok := inner["tie_word_embeddings"]; !ok && top["tie_word_embeddings"] != nil {
			inner["tie_word_embeddings"] = top["tie_word_embeddings"]
		}
		delete(top, "text_config")
		if _, err := configKeys.check(top, "wrapper", "all"); err != nil {
			return nil, err
		}
	}
	name, _ := own["model_type"].(string)
	f, err := findFamily(name)
	if err != nil {
		return nil, fmt.Errorf("model_type %w", err)
	}
	read, err := configKeys.check(own, f.section(), "all")
	if err != nil {
		return nil, err
	}
	h := &hfConfig{family: f}
	for _, layer := range []string{defaults, f.defaults} {
		if layer == "" {
			continue
		}
		if err := json.Unmarshal([]byte(layer), h); err != nil {
			return nil, err
		}
	}
	if err := h.ropeParameters(read); err != nil {
		return nil, err
	}
	if err := decode(read, h); err != nil {
		return nil, err
	}
	if err := h.checkExperts(read); err != nil {
		return nil, err
	}
	if f.prepare != nil {
		if err := f.prepare(h); err != nil {
			return nil, err
		}
	}
	c, err := h.llama(name)
	if err != nil {
		return nil, err
	}
	if err := c.checkSizes(); err != nil {
		return nil, err
	}
	if err := f.adjust(c, h); err != nil {
		return nil, err
	}
	if c.LocalRope.Theta == 0 {
		c.LocalRope = c.Rope
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return c, nil
}

// readObject reads the text as Python does, but for keys that occur twice.
func readObject(text []byte) (map[string]any, error) {
	d := strictjson.NewDecoder(strictjson.FromPython(text), ErrConfig)
	v, err := d.Value()
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("not a JSON object: %w", ErrConfig)
	}
	return object, d.Finish()
}

// decode brings values that were read to their fields.
func decode(read map[string]any, to any) error {
	text, err := json.Marshal(read)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		key := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
		return fmt.Errorf("%s: %s in the place of %s: %w", key, wordOfValue(wrong.Value), wordOfType(wrong.Type), ErrConfig)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", err, ErrConfig)
	}
	return nil
}

// wordOfValue is what people call a kind of JSON value, as package json names it.
func wordOfValue(kind string) string {
	switch kind {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "number":
		return "a number"
	}
	return strings.TrimPrefix(kind, "number ")
}

// wordOfType is what people call the values of a field.
func wordOfType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// llama reads what all families share.
func (h *hfConfig) llama(name string) (*Config, error) {
	c := &Config{
		Architecture: name,
		Layers:       h.Layers, Hidden: h.Hidden, FFN: h.FFN, Heads: h.Heads, KVHeads: h.Heads, HeadDim: h.HeadDim,
		Vocab: h.Vocab, Context: h.Context, NormEps: h.NormEps, TiedHead: h.Tied != nil && *h.Tied, EmbedScale: 1,
		QKVBias: h.AttnBias, OutBias: h.AttnBias, FFNBias: h.FFNBias,
	}
	if h.KVHeads != nil {
		c.KVHeads = *h.KVHeads
	}
	if h.KVRank > 0 {
		c.HeadDim = h.KeyDim + h.KeyRopeDim
	}
	if c.HeadDim == 0 && c.Heads > 0 {
		if c.Hidden%c.Heads != 0 {
			return nil, fmt.Errorf("hidden size %d does not divide into %d heads, and there is no head_dim: %w", c.Hidden, c.Heads, ErrConfig)
		}
		c.HeadDim = c.Hidden / c.Heads
	}
	if c.HeadDim > 0 {
		c.AttnScale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	}
	key, act := "hidden_act", h.Activation
	if h.GemmaAct != "" {
		key, act = "hidden_activation", h.GemmaAct
	}
	switch act {
	case "", "silu", "swish":
		c.Activation = SiLU
	case "gelu", "gelu_python":
		c.Activation = GELU
	case "gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh": // one function
		c.Activation = GELUTanh
	default:
		return nil, fmt.Errorf("%s %q is not supported (only silu, gelu or gelu_pytorch_tanh): %w", key, act, ErrKey)
	}
	if err := h.experts(c); err != nil {
		return nil, err
	}
	return c, h.rope(c)
}

// layerTypes lets layer_types decide which layers slide, where it is given.
func (h *hfConfig) layerTypes(c *Config) error {
	if len(h.LayerTypes) == 0 {
		return nil
	}
	if len(h.LayerTypes) != c.Layers {
		return fmt.Errorf("layer_types names %d of %d layers: %w", len(h.LayerTypes), c.Layers, ErrConfig)
	}
	for l, kind := range h.LayerTypes {
		switch {
		case kind == "attention": // an older word
			kind = "full_attention"
		case kind != "sliding_attention" && kind != "full_attention":
			return fmt.Errorf("layer_types has %q, not sliding_attention or full_attention: %w", kind, ErrKey)
		}
		switch {
		case c.SlidingWindow > 0:
			c.Local[l] = kind == "sliding_attention"
		case kind == "sliding_attention":
			return fmt.Errorf("layer_types: layer %d has sliding attention, but there is no sliding window: %w", l, ErrConfig)
		}
	}
	return nil
}

// sameLayerTypes refuses a layer_types that asks for other than the family does.
func (h *hfConfig) sameLayerTypes(c *Config) error {
	had := slices.Clone(c.Local)
	if err := h.layerTypes(c); err != nil {
		return err
	}
	if !slices.Equal(had, c.Local) {
		return fmt.Errorf("layer_types %v is not supported for %s, whose layers are alike: %w", h.LayerTypes, c.Architecture, ErrKey)
	}
	return nil
}
