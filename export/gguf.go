package export

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// ggufTypes are GGUF's names of the types that are written.
var ggufTypes = map[dtype.Type]gguf.Type{
	dtype.F32: gguf.F32, dtype.F16: gguf.F16, dtype.BF16: gguf.BF16, dtype.F64: gguf.F64,
	dtype.I8: gguf.I8, dtype.I16: gguf.I16, dtype.I32: gguf.I32, dtype.I64: gguf.I64,
}

// fileTypes are general.file_type: what most tensors are.
var fileTypes = map[DType]uint32{F32: 0, F16: 1, BF16: 32}

// writeGGUF writes a GGUF file.
func writeGGUF(e *exporter, w io.Writer) error {
	pairs, tensors, err := e.plan()
	if err != nil {
		return err
	}
	if kind, ok := fileTypes[e.o.DType]; ok {
		pairs = append(pairs, gguf.Pair{Key: "general.file_type", Value: kind})
	}
	var entries []gguf.Entry
	for _, t := range tensors {
		if t.IsFloat() && len(t.shape) < 2 {
			t.to = dtype.F32 // as llama.cpp wants vectors
		}
		kind, ok := ggufTypes[t.to]
		if !ok {
			return fmt.Errorf("tensor %q would be %s: %w", t.Name, t.to, ErrDType)
		}
		entries = append(entries, gguf.Entry{Name: t.name, Type: kind, Shape: t.shape})
		e.total += t.size()
	}
	out, err := gguf.NewWriter(w, entries, pairs)
	if err != nil {
		return err
	}
	for _, t := range tensors {
		if err := e.write(out, t); err != nil {
			return err
		}
	}
	return out.Close()
}

// plan returns the metadata and the tensors by their names there.
func (e *exporter) plan() ([]gguf.Pair, []*tensor, error) {
	if e.src.Metadata() == nil {
		return e.translate()
	}
	var tensors []*tensor
	for _, t := range e.src.Tensors() {
		if parts := arch.PartsOfHeads(e.src.Metadata(), t.Name, t.Shape); parts != nil {
			for _, l := range parts {
				tensors = append(tensors, laid(t, &l, e.o.choose(t)))
			}
			continue
		}
		tensors = append(tensors, &tensor{Tensor: t, name: t.Name, shape: t.Shape, to: e.o.choose(t)})
	}
	slices.SortFunc(tensors, func(a, b *tensor) int { return strings.Compare(a.name, b.name) })
	return keptMetadata(e.src.Metadata()), tensors, nil
}

// keptMetadata is what a GGUF source said, but for what the export changes.
func keptMetadata(m checkpoint.Metadata) []gguf.Pair {
	var pairs []gguf.Pair
	for key, value := range m.All() {
		if strings.HasPrefix(key, "split.") || slices.Contains([]string{"general.file_type", "general.quantization_version"}, key) {
			continue
		}
		pairs = append(pairs, gguf.Pair{Key: key, Value: value})
	}
	return pairs
}
