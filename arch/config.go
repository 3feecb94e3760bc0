package arch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

var (
	// ErrArchitecture reports an architecture that is not known here.
	ErrArchitecture = errors.New("unknown architecture")
	// ErrConfig reports a configuration that makes no sense.
	ErrConfig = errors.New("invalid model configuration")
	// ErrWeights reports weights that are missing or disagree with the configuration.
	ErrWeights = errors.New("weights do not fit the configuration")
	// ErrKey reports a key that would change the model, in a way that is not known here.
	// It comes with ErrConfig.
	ErrKey = fmt.Errorf("%w: unsupported key", ErrConfig)
)

// Config says how a transformer is built, a decoder or an encoder. Architectures are data:
// every difference between the families known here is a field.
type Config struct {
	Architecture string // as in the source: "llama", "qwen3", "gemma3_text", …

	Layers   int
	Hidden   int // length of the residual stream
	FFN      int // length between up and down projections, of layers that are no mixture of experts
	Heads    int // of queries
	KVHeads  int // of keys and values; divides Heads
	HeadDim  int
	Global   GlobalHeads // what is otherwise in layers without a sliding window (Gemma 4)
	SharedKV int         // so many of the last layers have no keys and values of their own, see [Config.KVSource]
	WideFFN  int         // FFN of these; 0: as of others
	Vocab    int
	Context  int // longest sequence the model was made for
	NormEps  float32
	TiedHead bool // the output head is the embedding matrix

	Rope      Rope // of global layers
	LocalRope Rope // of layers with a sliding window

	Latent  Latent // keys and values that are compressed
	Experts Experts
	Mixers  Mixers // of layers without attention
	// Multipliers are what is multiplied besides by matrices of a use; those that are not there are 1 (Falcon-H1).
	Multipliers map[Use]Multiplier
	PerLayer    PerLayer // what each layer is given of a token besides

	Activation               Activation
	SwiGLUAlpha, SwiGLULimit float32 // of ClampedSwiGLU
	NormOffset               bool    // norms multiply by 1 + w (Gemma)
	QKNorm                   bool    // RMSNorm of every query and key head (Qwen 3, Gemma 3)
	ValueNorm                bool    // … and, without weights, of every value head (Gemma 4)
	LayerScale               bool    // what a layer leaves in the residual stream is multiplied by a number of its own (Gemma 4)
	WholeNorm                bool    // … which is of all heads together (OLMo)
	HeadNorms                bool    // … which has weights of its own for each (Command R+)
	UnitNorm                 bool    // queries and keys that have turned are brought to a mean square of 1 (Llama 4)
	PostNorms                bool    // norms after attention and FFN too (Gemma 2 and 3)
	NoPreNorms               bool    // … and none before them (OLMo 2 and 3)
	LayerNorm                bool    // norms subtract the mean (Cohere)
	NormBias                 bool    // … and have biases (BERT)
	SumNorms                 bool    // norms after layers are of the residual stream, with what the layer adds (BERT)
	EmbedNorm                bool    // embeddings have a norm, in place of the one before the first layer's attention (BERT, ModernBERT)
	NoLastNorm               bool    // there is no norm after the last layer (BERT)
	PlainFFN                 bool    // the feed-forward layer has no gates (BERT)
	Parallel                 bool    // the feed-forward layer sees the same norm as attention (Cohere)
	Single                   bool    // a layer has attention, or what stands for it, or else a feed-forward layer, which needs no norm but one (Nemotron-H)
	Sinks                    bool    // every query head has a score that no position has, and that takes its share of the softmax (gpt-oss)
	// GatedAttention: behind each query head is a gate, by whose sigmoid what the head sees is multiplied (Qwen 3.5).
	GatedAttention bool

	// Bidirectional: tokens see those after them too, with a sliding window as many as before them. Such a model has no output
	// head: it makes vectors of texts.
	Bidirectional bool
	// NoHead: the checkpoint is of a model that was saved without its output head, for vectors of texts.
	NoHead bool
	// Positions, if not 0, is how many positions have an embedding, which is added to the token's; a text begins at FirstPosition
	// (RoBERTa).
	Positions, FirstPosition int
	// TokenTypes, if not 0, is how many types of tokens have an embedding, of which that of the first is added to each token's.
	TokenTypes int

	FusedQKV  bool // one matrix for queries, keys and values (Phi-3, ModernBERT)
	FusedGate bool // one matrix for gate and up projections (Phi-3, ModernBERT)

	// Biases that the checkpoint must have; others are used where it has them.
	QKVBias, OutBias, FFNBias bool

	EmbedScale    float32 // embeddings are multiplied by it; 1 for none
	ResidualScale float32 // what a layer adds is multiplied by it; 0 means 1 (Granite)
	LogitScale    float32 // logits are multiplied by it; 0 means 1 (Granite)
	AttnScale     float32 // of q·k; 1/√HeadDim unless the model says otherwise
	AttnSoftcap   float32 // scores become c·tanh(s/c); 0 for none (Gemma 2)
	LogitSoftcap  float32
	SlidingWindow int    // keys a local layer sees up to the query's own, that included; 0: all layers are global
	Chunked       bool   // … of those in the same chunk of so many positions (Llama 4)
	Local         []bool // per layer: whether it has the sliding window
	NoRope        []bool // per layer: whether it has no rotary embeddings (SmolLM3); nil: all have them

	Temperature Temperature // of attention, which far positions change
}

// Activation is the gate's function.
type Activation string

// The activations of SwiGLU and GeGLU, and one for feed-forward layers without a gate: down(relu(up(x))²). ClampedSwiGLU is gpt-oss's: gates g of at most Config.SwiGLULimit and
// ups u within ± that make (u + 1)·g·σ(αg), with Config.SwiGLUAlpha for α.
const (
	SiLU          Activation = "silu"
	GELU          Activation = "gelu"
	GELUTanh      Activation = "gelu_tanh"
	ClampedSwiGLU Activation = "clamped_swiglu"
	ReLUSquared   Activation = "relu_squared"
)

const mostLayers = 1 << 12

// checkSizes refuses sizes that cannot be, before anything is made of them.
func (c *Config) checkSizes() error {
	for _, f := range []struct {
		name  string
		value int
		most  int
	}{
		{"number of layers", c.Layers, mostLayers}, {"hidden size", c.Hidden, 1 << 20}, {"intermediate size", c.FFN, 1 << 22},
		{"number of heads", c.Heads, 1 << 14}, {"number of key/value heads", c.KVHeads, 1 << 14},
		{"head size", c.HeadDim, 1 << 14}, {"vocabulary size", c.Vocab, 1 << 24}, {"context length", c.Context, 1 << 28},
	} {
		if f.value < 1 || f.value > f.most {
			return fmt.Errorf("%s %d is not in 1..%d: %w", f.name, f.value, f.most, ErrConfig)
		}
	}
	return nil
}

// Check refuses with ErrConfig what makes no sense. ParseConfig and FromGGUF return only
// what passes it.
func (c *Config) Check() error {
	if err := c.checkSizes(); err != nil {
		return err
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("%d heads share %d key/value heads unevenly: %w", c.Heads, c.KVHeads, ErrConfig)
	case c.HeadDim%2 != 0 && c.Latent.KV == 0:
		return fmt.Errorf("head size %d is odd: rotary embeddings need pairs: %w", c.HeadDim, ErrConfig)
	case !(c.NormEps >= 0 && c.NormEps < 1):
		return fmt.Errorf("norm epsilon %v: %w", c.NormEps, ErrConfig)
	case c.Activation != SiLU && c.Activation != GELU && c.Activation != GELUTanh && c.Activation != ClampedSwiGLU && c.Activation != ReLUSquared:
		return fmt.Errorf("activation %q is not %s, %s, %s, %s or %s: %w", c.Activation, SiLU, GELU, GELUTanh, ClampedSwiGLU, ReLUSquared, ErrConfig)
	case c.Activation == ReLUSquared && !c.PlainFFN, c.Single && (c.PostNorms || c.Parallel):
		return fmt.Errorf("feed-forward layers of no kind that is known: %w", ErrConfig)
	case c.Activation == ClampedSwiGLU && !(c.SwiGLUAlpha > 0 && c.SwiGLUAlpha <= 1e6 && c.SwiGLULimit > 0 && c.SwiGLULimit <= 1e6):
		return fmt.Errorf("swiglu_alpha %v, swiglu_limit %v: %w", c.SwiGLUAlpha, c.SwiGLULimit, ErrConfig)
	case c.SlidingWindow < 0 || c.SlidingWindow > 1<<28:
		return fmt.Errorf("sliding window %d is not in 0..%d: %w", c.SlidingWindow, 1<<28, ErrConfig)
	case c.SlidingWindow > 0 && len(c.Local) != c.Layers:
		return fmt.Errorf("sliding window %d for %d of %d layers: %w", c.SlidingWindow, len(c.Local), c.Layers, ErrConfig)
	case c.Chunked && c.SlidingWindow == 0:
		return fmt.Errorf("chunks of no positions: %w", ErrConfig)
	case c.NoRope != nil && len(c.NoRope) != c.Layers:
		return fmt.Errorf("%d of %d layers have rotary embeddings or not: %w", len(c.NoRope), c.Layers, ErrConfig)
	case c.GatedAttention && c.FusedQKV:
		return fmt.Errorf("gates of attention in one matrix with keys and values: %w", ErrConfig)
	case c.Parallel && (c.PostNorms || c.NoPreNorms), c.LayerNorm && (c.NormOffset || c.Latent.KV > 0 || c.Mixers.Of != nil):
		return fmt.Errorf("norms of no kind that is known: %w", ErrConfig)
	case c.NormBias && !c.LayerNorm, c.SumNorms && !c.NoPreNorms, c.EmbedNorm && !c.LayerNorm, c.NoLastNorm && !c.Bidirectional:
		return fmt.Errorf("norms of no kind that is known: %w", ErrConfig)
	case c.Bidirectional && (c.Mixers.Of != nil || c.Latent.KV > 0 || c.Sinks || c.Chunked):
		return fmt.Errorf("attention to what comes after a token, of a kind that is not known: %w", ErrConfig)
	case c.PlainFFN && (c.Experts.Biases || c.FusedGate || c.Activation == ClampedSwiGLU):
		return fmt.Errorf("a feed-forward layer without gates, of a kind that is not known: %w", ErrConfig)
	case c.Positions < 0 || c.Positions > 1<<20 || c.FirstPosition < 0 || c.Positions > 0 && c.Context > c.Positions-c.FirstPosition, c.TokenTypes < 0 || c.TokenTypes > 1<<10:
		return fmt.Errorf("embeddings of %d positions from %d on, and of %d types, for %d tokens: %w", c.Positions, c.FirstPosition, c.TokenTypes, c.Context, ErrConfig)
	case c.UnitNorm && c.QKNorm:
		return fmt.Errorf("two norms of queries and keys: %w", ErrConfig)
	case c.WholeNorm && !c.QKNorm, c.HeadNorms && (!c.QKNorm || c.WholeNorm), c.NoPreNorms && !c.PostNorms:
		return fmt.Errorf("norms of no kind that is known: %w", ErrConfig)
	case !(c.ResidualScale >= 0 && c.ResidualScale <= 1e6 && c.LogitScale >= 0 && c.LogitScale <= 1e6):
		return fmt.Errorf("residuals times %v, logits times %v: %w", c.ResidualScale, c.LogitScale, ErrConfig)
	case !(c.AttnScale > 0 && c.AttnScale <= 1e6):
		return fmt.Errorf("attention scale %v: %w", c.AttnScale, ErrConfig)
	case !(c.AttnSoftcap >= 0 && c.AttnSoftcap <= 1e6 && c.LogitSoftcap >= 0 && c.LogitSoftcap <= 1e6):
		return fmt.Errorf("soft caps %v and %v: %w", c.AttnSoftcap, c.LogitSoftcap, ErrConfig)
	}
	if err := c.Experts.check(c.Layers); err != nil {
		return err
	}
	if err := c.Mixers.check(c.Layers); err != nil {
		return err
	}
	if slices.Contains(c.Mixers.Of, NoMixer) && !c.Single {
		return fmt.Errorf("layers that do not mix tokens: %w", ErrConfig)
	}
	for _, use := range slices.Sorted(maps.Keys(c.Multipliers)) {
		if err := c.Multipliers[use].check(use); err != nil {
			return err
		}
	}
	if err := c.Latent.check(c); err != nil {
		return err
	}
	if err := c.Temperature.check(); err != nil {
		return err
	}
	if err := c.checkHeads(); err != nil {
		return err
	}
	if err := c.PerLayer.check(c); err != nil {
		return err
	}
	if err := c.Rope.check(c.headDim(false)); err != nil {
		return err
	}
	return c.LocalRope.check(c.HeadDim)
}

// HasHead tells whether the model predicts tokens.
func (c *Config) HasHead() bool { return !c.Bidirectional && !c.NoHead }

// RopeOf returns the rotary embeddings of a layer, counted from 0, that has them.
func (c *Config) RopeOf(layer int) Rope {
	if c.IsLocal(layer) {
		return c.LocalRope
	}
	return c.Rope
}

// HasRope tells whether a layer has rotary embeddings.
func (c *Config) HasRope(layer int) bool { return c.NoRope == nil || !c.NoRope[layer] }

// HasAttention tells whether a layer has attention.
func (c *Config) HasAttention(layer int) bool {
	return c.Mixer(layer) == AttentionMixer || c.Mixer(layer) == AttentionMamba
}

// HasFFN tells whether a layer has a feed-forward layer, or experts.
func (c *Config) HasFFN(layer int) bool { return !c.Single || c.Mixer(layer) == NoMixer }

// IsLocal tells whether a layer has the sliding window.
func (c *Config) IsLocal(layer int) bool { return c.SlidingWindow > 0 && c.Local[layer] }

// ChunkStart returns the first position of the chunk that a layer's query at the given position sees; 0 where the layer
// has none.
func (c *Config) ChunkStart(layer, position int) int {
	if !c.Chunked || !c.IsLocal(layer) {
		return 0
	}
	return position - position%c.SlidingWindow
}
