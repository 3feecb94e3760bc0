package export

import (
	"io"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// writeSafetensors writes all tensors by their own names; experts one by one, or on their side, where
// checkpoints have them so.
func writeSafetensors(e *exporter, w io.Writer) error {
	var tensors []*tensor
	var entries []safetensors.Entry
	upright, aside := layAside(e.src.Tensors())
	for _, t := range aside {
		t.to = e.o.choose(t.Tensor)
		tensors = append(tensors, t)
	}
	for _, stack := range upright {
		for _, t := range stack.Experts() {
			tensors = append(tensors, &tensor{Tensor: t, name: t.Name, shape: t.Shape, to: e.o.choose(t)})
		}
	}
	for _, t := range tensors {
		entries = append(entries, safetensors.Entry{Name: t.name, DType: t.to, Shape: t.shape})
		e.total += t.size()
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
