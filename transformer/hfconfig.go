package transformer

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// hfConfig is config.json as far as it matters here.
type hfConfig struct {
	ModelType     string    `json:"model_type"`
	Architectures []string  `json:"architectures"`
	TextConfig    *hfConfig `json:"text_config"` // of models with more than text

	Layers     int     `json:"num_hidden_layers"`
	Hidden     int     `json:"hidden_size"`
	FFN        int     `json:"intermediate_size"`
	Heads      int     `json:"num_attention_heads"`
	KVHeads    int     `json:"num_key_value_heads"`
	HeadDim    int     `json:"head_dim"`
	Vocab      int     `json:"vocab_size"`
	Context    int     `json:"max_position_embeddings"`
	NormEps    float32 `json:"rms_norm_eps"`
	Tied       *bool   `json:"tie_word_embeddings"`
	Activation string  `json:"hidden_act"`
	GemmaAct   string  `json:"hidden_activation"`

	RopeTheta      float64        `json:"rope_theta"`
	RopeLocalTheta float64        `json:"rope_local_base_freq"`
	RopeScaling    *hfRopeScaling `json:"rope_scaling"`
	PartialRotary  float64        `json:"partial_rotary_factor"`
	Original       int            `json:"original_max_position_embeddings"`

	SlidingWindow        int      `json:"sliding_window"`
	SlidingWindowPattern int      `json:"sliding_window_pattern"`
	UseSlidingWindow     bool     `json:"use_sliding_window"`
	MaxWindowLayers      int      `json:"max_window_layers"`
	LayerTypes           []string `json:"layer_types"`

	QueryPreAttnScalar float64 `json:"query_pre_attn_scalar"`
	AttnSoftcap        float32 `json:"attn_logit_softcapping"`
	LogitSoftcap       float32 `json:"final_logit_softcapping"`
}

type hfRopeScaling struct {
	Type        string    `json:"type"`
	RopeType    string    `json:"rope_type"`
	Factor      float64   `json:"factor"`
	Original    int       `json:"original_max_position_embeddings"`
	LowFreq     float64   `json:"low_freq_factor"`
	HighFreq    float64   `json:"high_freq_factor"`
	BetaFast    float64   `json:"beta_fast"`
	BetaSlow    float64   `json:"beta_slow"`
	Attention   float64   `json:"attention_factor"`
	ShortFactor []float64 `json:"short_factor"`
	LongFactor  []float64 `json:"long_factor"`
}

// ParseConfig reads a Hugging Face config.json. Errors: ErrArchitecture, with the
// list of known ones, and ErrConfig.
func ParseConfig(text []byte) (*Config, error) {
	// Gemma 3 leaves out what equals its class's defaults.
	h := &hfConfig{}
	if err := json.Unmarshal(text, h); err != nil {
		return nil, fmt.Errorf("config.json: %v: %w", err, ErrConfig)
	}
	name := h.ModelType
	if h.TextConfig != nil {
		tied := h.Tied
		h = h.TextConfig
		if h.Tied == nil {
			h.Tied = tied
		}
		if h.ModelType != "" {
			name = h.ModelType
		}
	}
	f, err := findFamily(name)
	if err != nil {
		return nil, fmt.Errorf("config.json: model_type %w", err)
	}
	c, err := h.llama(name)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if f.adjust != nil {
		if err := f.adjust(c, h); err != nil {
			return nil, fmt.Errorf("config.json: %w", err)
		}
	}
	if c.LocalRope.Theta == 0 {
		c.LocalRope = c.Rope
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

// llama reads what all families share, with Llama's defaults.
func (h *hfConfig) llama(name string) (*Config, error) {
	c := &Config{
		Architecture: name,
		Layers:       h.Layers, Hidden: h.Hidden, FFN: h.FFN, Heads: h.Heads, KVHeads: h.KVHeads, HeadDim: h.HeadDim,
		Vocab: h.Vocab, Context: h.Context, NormEps: h.NormEps,
		Rope: Rope{Theta: h.RopeTheta}, EmbedScale: 1,
	}
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.Hidden / c.Heads
	}
	if c.NormEps == 0 {
		c.NormEps = 1e-6
	}
	if c.Context == 0 {
		c.Context = 2048
	}
	if c.Rope.Theta == 0 {
		c.Rope.Theta = 10000
	}
	gemmaFamily := name == "gemma2" || name == "gemma3_text" || name == "gemma3"
	c.TiedHead = gemmaFamily
	if h.Tied != nil {
		c.TiedHead = *h.Tied
	}
	if h.PartialRotary > 0 && h.PartialRotary < 1 {
		c.Rope.Dim = int(float64(c.HeadDim) * h.PartialRotary)
	}
	if c.HeadDim > 0 {
		c.AttnScale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	}
	act := h.Activation
	if h.GemmaAct != "" {
		act = h.GemmaAct
	}
	switch act {
	case "", "silu", "swish":
		c.Activation = SiLU
	case "gelu_pytorch_tanh", "gelu_new":
		c.Activation = GELUTanh
	default:
		return nil, fmt.Errorf("hidden_act %q is not silu or gelu_pytorch_tanh: %w", act, ErrConfig)
	}
	return c, h.scaling(c)
}

// scaling reads rope_scaling in its older and newer spelling.
func (h *hfConfig) scaling(c *Config) error {
	r := h.RopeScaling
	if r == nil {
		return nil
	}
	kind := r.RopeType
	if kind == "" {
		kind = r.Type
	}
	s := Scaling{
		Type: ScalingType(kind), Factor: r.Factor, Original: r.Original, LowFreq: r.LowFreq, HighFreq: r.HighFreq,
		BetaFast: r.BetaFast, BetaSlow: r.BetaSlow, Attention: r.Attention, Short: r.ShortFactor, Long: r.LongFactor,
	}
	if s.Original == 0 {
		s.Original = h.Original
	}
	if s.Original == 0 {
		s.Original = c.Context
	}
	switch kind {
	case "default", "":
		return nil
	case "su":
		s.Type = ScaleLongRoPE
	}
	if s.Type == ScaleLongRoPE && s.Attention == 0 && c.Context > s.Original {
		// Phi-3: √(1 + ln(context/original)/ln(original))
		s.Attention = math.Sqrt(1 + ln(float64(c.Context)/float64(s.Original))/ln(float64(s.Original)))
	}
	c.Rope.Scaling = s
	return nil
}

// layerTypes lets layer_types decide which layers slide, where it is given.
func (h *hfConfig) layerTypes(c *Config) error {
	if len(h.LayerTypes) == 0 || c.SlidingWindow == 0 {
		return nil
	}
	if len(h.LayerTypes) != c.Layers {
		return fmt.Errorf("layer_types names %d of %d layers: %w", len(h.LayerTypes), c.Layers, ErrConfig)
	}
	for l, kind := range h.LayerTypes {
		if !slices.Contains([]string{"sliding_attention", "full_attention"}, kind) {
			return fmt.Errorf("layer_types has %q: %w", kind, ErrConfig)
		}
		c.Local[l] = kind == "sliding_attention"
	}
	return nil
}
