package export

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// translate makes metadata of a Hugging Face directory's files, and GGUF names of its
// tensors'.
func (e *exporter) translate() ([]gguf.Pair, []*tensor, error) {
	text, err := e.readFile("config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("no config.json beside the weights: %w", ErrUnsupported)
	} else if err != nil {
		return nil, nil, err
	}
	config, err := transformer.ParseConfig(text)
	if err != nil {
		return nil, nil, err
	}
	if config.TiedHead, err = e.tied(config.TiedHead); err != nil {
		return nil, nil, err
	}
	t, err := findTarget(config)
	if err != nil {
		return nil, nil, err
	}
	tensors, err := e.rename(t, config) // first: no vocabulary is padded to more rows than there are
	if err != nil {
		return nil, nil, err
	}
	vocabulary, err := tokenizer.Read(e.readFile)
	if errors.Is(err, tokenizer.ErrNotFound) {
		return nil, nil, fmt.Errorf("%w beside the weights: %w", err, ErrUnsupported)
	} else if err != nil {
		return nil, nil, err
	}
	v, notes, err := vocabulary.ToGGUF(config.Vocab)
	if errors.Is(err, tokenizer.ErrUnsupported) {
		return nil, nil, fmt.Errorf("%w: %w", err, ErrUnsupported)
	} else if err != nil {
		return nil, nil, err
	}
	e.report.Notes = append(e.report.Notes, notes...)
	name := v.Name
	if name == "" {
		name = strings.TrimRight(t.name, "0123456789") // llama.cpp takes "phi3" for more than a name
	}
	general := []gguf.Pair{{Key: "general.architecture", Value: t.name}, {Key: "general.name", Value: name}}
	return slices.Concat(general, e.describe(t, config), describeVocabulary(v)), tensors, nil
}

// readFile reads a file beside the weights.
func (e *exporter) readFile(name string) ([]byte, error) {
	return e.src.ReadFile(name, tokenizer.MaxFileSize)
}

// metadata are pairs whose keys begin with the architecture.
type metadata struct {
	arch  string
	pairs []gguf.Pair
}

func (m *metadata) add(key string, value any) {
	m.pairs = append(m.pairs, gguf.Pair{Key: m.arch + "." + key, Value: value})
}
func (m *metadata) number(key string, v int)   { m.add(key, uint32(v)) }
func (m *metadata) real(key string, v float64) { m.add(key, float32(v)) }
func (m *metadata) text(key, v string)         { m.add(key, v) }

// describe says what config.json says.
func (e *exporter) describe(t *target, c *transformer.Config) []gguf.Pair {
	m := &metadata{arch: t.name}
	context := c.Context
	if t.window == 0 && slides(c) && context > c.SlidingWindow {
		context = c.SlidingWindow
		e.note("llama.cpp knows no sliding window here: the context is cut from %d to the window's %d tokens", c.Context, context)
	}
	m.number("block_count", c.Layers)
	m.number("context_length", context)
	m.number("embedding_length", c.Hidden)
	m.number("feed_forward_length", c.FFN)
	m.number("attention.head_count", c.Heads)
	m.number("attention.head_count_kv", c.KVHeads)
	m.number("attention.key_length", c.HeadDim)
	m.number("attention.value_length", c.HeadDim)
	m.number("vocab_size", c.Vocab)
	m.real("attention.layer_norm_rms_epsilon", float64(c.NormEps))
	if slides(c) && (t.window > 0 || t.name == "phi3") {
		m.number("attention.sliding_window", c.SlidingWindow)
	}
	if slides(c) && t.window > 0 && !t.usual(c) {
		m.add("attention.sliding_window_pattern", slices.Clone(c.Local))
	}
	if c.AttnSoftcap != 0 {
		m.real("attn_logit_softcapping", float64(c.AttnSoftcap))
	}
	if c.LogitSoftcap != 0 {
		m.real("final_logit_softcapping", float64(c.LogitSoftcap))
	}
	m.rotary(t, c)
	return m.pairs
}

// rename gives the tensors that the model is made of GGUF's names and llama.cpp's
// conventions: its order of rows where neighbours are turned by rotary embeddings, and
// norms with their 1 added.
func (e *exporter) rename(t *target, c *transformer.Config) ([]*tensor, error) {
	stored := e.stored()
	tensors := ropeTensors(c)
	used := map[string]bool{}
	for _, w := range c.Weights(func(name string) bool { return stored(name) != nil }) {
		src := stored(w.Name)
		if src == nil && w.Optional {
			continue
		} else if src == nil {
			return nil, fmt.Errorf("no tensor %s: %w", w.Name, transformer.ErrWeights)
		}
		used[src.Name] = true
		out := &tensor{Tensor: src, name: transformer.GGUFName(w.Name, c.PostNorms), shape: w.Shape, to: e.o.choose(src)}
		if w.Name == headName && c.TiedHead { // where only the head is stored
			out.name = "token_embd.weight"
		}
		if err := t.place(out, w, c); err != nil {
			return nil, err
		}
		tensors = append(tensors, out)
	}
	slices.SortFunc(tensors, func(a, b *tensor) int { return strings.Compare(a.name, b.name) })
	return tensors, e.leave(used, stored(headName))
}

// stored finds tensors by Hugging Face's names.
func (e *exporter) stored() func(name string) *checkpoint.Tensor {
	all := map[string]*checkpoint.Tensor{}
	for _, t := range e.src.Tensors() {
		all[t.Name] = t
	}
	return func(name string) *checkpoint.Tensor {
		return all[transformer.Wrapped(name, func(n string) bool { return all[n] != nil })]
	}
}

// headName and embedName are Hugging Face's names of the output head and the embeddings.
const (
	headName  = "lm_head.weight"
	embedName = "model.embed_tokens.weight"
)

// tied tells whether the head is the embeddings, if config.json says so. A head that is
// stored beside them and differs is the one that counts, as in transformers 5.
func (e *exporter) tied(config bool) (bool, error) {
	stored := e.stored()
	head, embeddings := stored(headName), stored(embedName)
	if !config || head == nil || embeddings == nil {
		return config, nil
	}
	return checkpoint.Same(e.ctx, head, embeddings)
}

// place checks a tensor's shape and gives it llama.cpp's conventions.
func (t *target) place(out *tensor, w transformer.Weight, c *transformer.Config) error {
	fits := slices.Equal(out.Shape, w.Shape) ||
		w.Padded && len(out.Shape) == 2 && out.Shape[0] > w.Shape[0] && out.Shape[1] == w.Shape[1]
	if !fits {
		return fmt.Errorf("%s is %v, the configuration says %v: %w", out.Name, out.Shape, w.Shape, transformer.ErrWeights)
	}
	if part, ok := strings.CutSuffix(out.name, ".bias"); ok && !slices.Contains(t.biases, part[strings.LastIndexByte(part, '.')+1:]) {
		return fmt.Errorf("llama.cpp knows no %s with a bias %s: %w", t.name, out.Name, ErrUnsupported)
	}
	if t.neighbours && headsOf(out.name, c) > 0 {
		out.order = neighbours(c.HeadDim)
	}
	if c.NormOffset && strings.HasSuffix(w.Name, "norm.weight") {
		out.add = 1
	}
	return nil
}

// leave accounts for the tensors that are not written: tables that are computed, a head
// that is the embeddings, and the parts of a model that do not make its text. Others are
// refused.
func (e *exporter) leave(used map[string]bool, head *checkpoint.Tensor) error {
	others := 0
	for _, t := range e.src.Tensors() {
		switch {
		case used[t.Name], t == head, !t.IsFloat(), isRotaryTable(t.Name):
		case strings.Contains(t.Name, "vision_tower.") || strings.Contains(t.Name, "multi_modal_projector."):
			others++
		default:
			return fmt.Errorf("tensor %q has no name in GGUF: %w", t.Name, ErrUnsupported)
		}
	}
	if others > 0 {
		e.note("%d tensors that see images are left out", others)
	}
	return nil
}
