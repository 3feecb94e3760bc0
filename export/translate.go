package export

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/tokenizer"
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
	config, err := arch.ParseConfig(text)
	if err != nil {
		return nil, nil, err
	}
	if config.TiedHead, err = e.tied(config.TiedHead); err != nil {
		return nil, nil, err
	}
	to, err := config.ToGGUF()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", err, ErrUnsupported)
	}
	tensors, err := e.rename(to, config) // first: no vocabulary is padded to more rows than there are
	if err != nil {
		return nil, nil, err
	}
	vocabulary, err := tokenizer.Read(e.readFile)
	if errors.Is(err, tokenizer.ErrNotFound) {
		return nil, nil, fmt.Errorf("%w beside the weights: %w", err, ErrUnsupported)
	} else if err != nil {
		return nil, nil, err
	}
	v, notes, err := vocabulary.ToGGUF(to.Architecture, config.Vocab)
	if errors.Is(err, tokenizer.ErrUnsupported) {
		return nil, nil, fmt.Errorf("%w: %w", err, ErrUnsupported)
	} else if err != nil {
		return nil, nil, err
	}
	e.report.Notes = slices.Concat(e.report.Notes, notes, to.Notes)
	name := v.Name
	if name == "" {
		name = strings.TrimRight(to.Architecture, "0123456789") // llama.cpp takes "phi3" for more than a name
	}
	pairs := []gguf.Pair{{Key: "general.architecture", Value: to.Architecture}, {Key: "general.name", Value: name}}
	for _, p := range to.Metadata {
		pairs = append(pairs, gguf.Pair(p))
	}
	for key, value := range v.Metadata() {
		pairs = append(pairs, gguf.Pair{Key: key, Value: value})
	}
	return pairs, tensors, nil
}

// readFile reads a file beside the weights.
func (e *exporter) readFile(name string) ([]byte, error) {
	return e.src.ReadFile(e.ctx, name, tokenizer.MaxFileSize)
}

// rename gives the tensors that the model is made of GGUF's names and llama.cpp's
// conventions: its order of rows where neighbours are turned by rotary embeddings,
// norms with their 1 added, and what else an arch.Layout says.
func (e *exporter) rename(to *arch.GGUF, c *arch.Config) ([]*tensor, error) {
	stored := e.stored()
	var tensors []*tensor
	for _, v := range to.Divisors {
		tensors = append(tensors, newVector(v.Name, v.Values))
	}
	used := map[string]bool{}
	for _, w := range c.Weights(func(name string) bool { return stored(name) != nil }) {
		src := stored(w.Name)
		if src == nil && w.Optional {
			continue
		} else if src == nil {
			return nil, fmt.Errorf("no tensor %s: %w", w.Name, arch.ErrWeights)
		}
		used[src.Name] = true
		if !w.Fits(src.Shape) {
			return nil, fmt.Errorf("%s is %v, the configuration says %v: %w", src.Name, src.Shape, w.Shape, arch.ErrWeights)
		}
		layouts, err := to.Layouts(&w)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, ErrUnsupported)
		}
		for _, l := range layouts {
			out := laid(src, &l, e.o.choose(src))
			if w.IsVector() {
				out.to = dtype.F32
			}
			tensors = append(tensors, out)
		}
	}
	slices.SortFunc(tensors, func(a, b *tensor) int { return strings.Compare(a.name, b.name) })
	return tensors, e.leave(c, used, stored(arch.HeadName))
}

// laid is a tensor as a layout has it.
func laid(src *checkpoint.Tensor, l *arch.Layout, to dtype.Type) *tensor {
	t := &tensor{Tensor: src, name: l.Name, shape: l.Shape, to: to, order: l.Row, columns: l.Column, change: changeOf(l)}
	if l.Sideways {
		t.aside = &sideways{parts: []*checkpoint.Tensor{src}, matrices: l.Shape[0], rows: l.Shape[2], cols: l.Shape[1], row: l.Row}
	}
	return t
}

// stored finds tensors by Hugging Face's names.
func (e *exporter) stored() func(name string) *checkpoint.Tensor {
	all := map[string]*checkpoint.Tensor{}
	for _, t := range e.src.Tensors() {
		all[t.Name] = t
	}
	return func(name string) *checkpoint.Tensor {
		return all[arch.StoredName(name, func(n string) bool { return all[n] != nil })]
	}
}

// tied tells whether the head is the embeddings, if config.json says so. A head that is
// stored beside them and differs is the one that counts, as in transformers 5.
func (e *exporter) tied(config bool) (bool, error) {
	stored := e.stored()
	head, embeddings := stored(arch.HeadName), stored(arch.EmbeddingName)
	if !config || head == nil || embeddings == nil {
		return config, nil
	}
	return checkpoint.Same(e.ctx, head, embeddings)
}

// leave accounts for the tensors that are not written: tables that are computed, a head
// that is the embeddings, and the parts of a model that do not make its text. Others are
// refused.
func (e *exporter) leave(c *arch.Config, used map[string]bool, head *checkpoint.Tensor) error {
	beside, left := c.Beside(e.src.Names()), map[arch.Component]int{}
	for _, t := range e.src.Tensors() {
		switch component := beside[t.Name]; {
		case used[t.Name], t == head, !t.IsFloat(), isRotaryTable(t.Name):
		case component != "":
			left[component]++
		default:
			return fmt.Errorf("tensor %q has no name in GGUF: %w", t.Name, ErrUnsupported)
		}
	}
	e.report.Notes = append(e.report.Notes, arch.LeftOut(left)...)
	return nil
}
