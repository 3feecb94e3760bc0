package export

import (
	"fmt"
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// writeSafetensors writes all tensors by their own names; experts one by one, where checkpoints
// have them so.
func writeSafetensors(e *exporter, w io.Writer) error {
	var tensors []*tensor
	var entries []safetensors.Entry
	for _, stack := range e.src.Tensors() {
		if strings.HasSuffix(stack.Name, arch.ExpertGateBias) {
			return fmt.Errorf("%s: transformers has experts with biases on their side only, which is not written (GGUF is): %w", stack.Name, ErrUnsupported)
		}
		for _, t := range stack.Experts() {
			out := &tensor{Tensor: t, name: t.Name, shape: t.Shape, to: e.o.choose(t)}
			tensors = append(tensors, out)
			entries = append(entries, safetensors.Entry{Name: t.Name, DType: out.to, Shape: t.Shape})
			e.total += out.size()
		}
	}
	out, err := safetensors.NewWriter(w, entries, map[string]string{"format": "pt"})
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
