package export

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ggufArchitectures are GGUF's names of the architectures that are translated.
var ggufArchitectures = map[string]string{"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}

// translate makes metadata of a Hugging Face directory's files, and GGUF names of its
// tensors'.
func (e *exporter) translate() ([]gguf.Pair, []*tensor, error) {
	const largestConfig, largestTokenizer = 1 << 24, 1 << 28
	text, err := e.src.ReadFile("config.json", largestConfig)
	if err != nil {
		return nil, nil, noFile(err, "config.json")
	}
	config, err := transformer.ParseConfig(text)
	if err != nil {
		return nil, nil, err
	}
	arch, ok := ggufArchitectures[config.Architecture]
	if !ok {
		return nil, nil, fmt.Errorf("architecture %s is not llama, mistral, qwen2 or qwen3: %w", config.Architecture, ErrUnsupported)
	}
	if t := config.Rope.Scaling.Type; t != transformer.NoScaling && t != transformer.ScaleLinear {
		return nil, nil, fmt.Errorf("rotary embeddings scaled by %q: %w", t, ErrUnsupported)
	}
	vocabulary, err := e.src.ReadFile("tokenizer.json", largestTokenizer)
	if err != nil {
		return nil, nil, noFile(err, "tokenizer.json")
	}
	settings, err := e.src.ReadFile("tokenizer_config.json", largestConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	v, err := tokenizer.ToGGUF(vocabulary, settings)
	if err != nil {
		return nil, nil, err
	}
	pairs := append(modelMetadata(config, arch), vocabularyMetadata(v)...)
	tensors, err := e.rename(config, arch)
	return pairs, tensors, err
}

func noFile(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no %s beside the weights: %w", name, ErrUnsupported)
	}
	return err
}

// modelMetadata says what config.json says.
func modelMetadata(c *transformer.Config, arch string) []gguf.Pair {
	context := c.Context
	if c.SlidingWindow > 0 { // which llama.cpp does not know of these: beyond it, results would differ
		context = min(context, c.SlidingWindow)
	}
	pairs := []gguf.Pair{{Key: "general.architecture", Value: arch}, {Key: "general.name", Value: c.Architecture}}
	number := func(key string, v int) {
		pairs = append(pairs, gguf.Pair{Key: arch + "." + key, Value: uint32(v)})
	}
	real := func(key string, v float32) { pairs = append(pairs, gguf.Pair{Key: arch + "." + key, Value: v}) }
	number("block_count", c.Layers)
	number("context_length", context)
	number("embedding_length", c.Hidden)
	number("feed_forward_length", c.FFN)
	number("attention.head_count", c.Heads)
	number("attention.head_count_kv", c.KVHeads)
	number("attention.key_length", c.HeadDim)
	number("attention.value_length", c.HeadDim)
	number("vocab_size", c.Vocab)
	dim := c.HeadDim
	if c.Rope.Dim > 0 {
		dim = c.Rope.Dim
	}
	number("rope.dimension_count", dim)
	real("attention.layer_norm_rms_epsilon", c.NormEps)
	real("rope.freq_base", float32(c.Rope.Theta))
	if c.Rope.Scaling.Type == transformer.ScaleLinear {
		pairs = append(pairs, gguf.Pair{Key: arch + ".rope.scaling.type", Value: "linear"})
		real("rope.scaling.factor", float32(c.Rope.Scaling.Factor))
	}
	return pairs
}

// vocabularyMetadata says what tokenizer.json says.
func vocabularyMetadata(v *tokenizer.GGUFVocabulary) []gguf.Pair {
	const prefix = "tokenizer.ggml."
	types := make([]int32, len(v.Types))
	for i, t := range v.Types {
		types[i] = int32(t)
	}
	pairs := []gguf.Pair{{Key: prefix + "model", Value: v.Model}, {Key: prefix + "tokens", Value: v.Tokens}, {Key: prefix + "token_type", Value: types}}
	add := func(key string, value any) { pairs = append(pairs, gguf.Pair{Key: key, Value: value}) }
	if v.Pre != "" {
		add(prefix+"pre", v.Pre)
	}
	if v.Scores != nil {
		add(prefix+"scores", v.Scores)
	}
	if v.Merges != nil {
		add(prefix+"merges", v.Merges)
	}
	for _, id := range []struct {
		key string
		id  *int
	}{{"bos_token_id", v.BOS}, {"eos_token_id", v.EOS}, {"eot_token_id", v.EOT}, {"unknown_token_id", v.Unknown}} {
		if id.id != nil {
			add(prefix+id.key, uint32(*id.id))
		}
	}
	for _, flag := range []struct {
		key  string
		flag *bool
	}{{"add_bos_token", v.AddBOS}, {"add_eos_token", v.AddEOS}, {"add_space_prefix", v.AddSpacePrefix}} {
		if flag.flag != nil {
			add(prefix+flag.key, *flag.flag)
		}
	}
	if v.ChatTemplate != "" {
		add("tokenizer.chat_template", v.ChatTemplate)
	}
	return pairs
}

// rename gives the tensors GGUF's names and, for Llama, its order of rows: in these
// files neighbours are turned by rotary embeddings, not halves.
func (e *exporter) rename(c *transformer.Config, arch string) ([]*tensor, error) {
	var tensors []*tensor
	for _, t := range e.src.Tensors() {
		name := transformer.GGUFName(t.Name, c.PostNorms)
		if name == "" {
			if ignored(t) {
				continue
			}
			return nil, fmt.Errorf("tensor %q has no name in GGUF: %w", t.Name, ErrUnsupported)
		}
		if name == "output.weight" && c.TiedHead {
			continue
		}
		out := &tensor{Tensor: t, name: name, to: e.o.choose(t)}
		if arch == "llama" && len(t.Shape) > 0 {
			switch heads := headsOf(name, c); {
			case heads == 0:
			case t.Shape[0] != heads*c.HeadDim:
				return nil, fmt.Errorf("tensor %q has %d rows, not %d heads of %d: %w", t.Name, t.Shape[0], heads, c.HeadDim, ErrUnsupported)
			default:
				out.order = neighbours(c.HeadDim)
			}
		}
		tensors = append(tensors, out)
	}
	return tensors, nil
}

// ignored tells tensors that a model does without: tables that are computed.
func ignored(t *checkpoint.Tensor) bool { return !t.IsFloat() || isRotaryTable(t.Name) }
