package export

import (
	"fmt"
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
)

// sideways is matrices on their side, [matrices, inputs, outputs], made of those that they are read as, [matrices, outputs,
// inputs]: experts as some checkpoints have them, whose biases, [experts, outputs], have one input, and heads of keys.
type sideways struct {
	parts []*checkpoint.Tensor // of the outputs: gates and up projections, or one
	turns bool                 // the parts' outputs come by turns, not one part after the other

	matrices, rows, cols int               // of each part
	row                  func(row int) int // which of a part's rows is one of them; nil: itself
}

// layAside puts experts whose checkpoints have them on their side, gpt-oss's and Llama 4's, together as these have them.
func layAside(tensors []*checkpoint.Tensor) (rest []*checkpoint.Tensor, aside []*tensor) {
	byName := map[string]*checkpoint.Tensor{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	used := map[*checkpoint.Tensor]bool{}
	lay := func(name string, turns bool, parts ...string) {
		s := &sideways{turns: turns}
		for _, part := range parts {
			t := byName[part]
			if t == nil || used[t] || len(s.parts) > 0 && fmt.Sprint(t.Shape, t.DType, t.Type) != fmt.Sprint(s.parts[0].Shape, s.parts[0].DType, s.parts[0].Type) {
				return
			}
			s.parts = append(s.parts, t)
		}
		first := s.parts[0]
		shape := []int{first.Shape[0], first.Shape[1] * len(parts)}
		if len(first.Shape) == 3 {
			shape = []int{first.Shape[0], first.Shape[2], first.Shape[1] * len(parts)}
		}
		s.matrices, s.rows, s.cols = first.Shape[0], first.Shape[1], 1
		if len(first.Shape) == 3 {
			s.cols = first.Shape[2]
		}
		for _, t := range s.parts {
			used[t] = true
		}
		aside = append(aside, &tensor{Tensor: first, name: name, shape: shape, aside: s})
	}
	for _, t := range tensors {
		module, ok := strings.CutSuffix(t.Name, "gate_proj.weight")
		turns := byName[module+"gate_proj.bias"] != nil
		if !ok || len(t.Shape) != 3 || !turns && !strings.HasSuffix(module, arch.SidewaysModule) {
			continue
		}
		lay(module+"gate_up_proj", turns, module+"gate_proj.weight", module+"up_proj.weight")
		lay(module+"down_proj", false, module+"down_proj.weight")
		if turns {
			lay(module+arch.GateUpBias, true, module+"gate_proj.bias", module+"up_proj.bias")
			lay(module+"down_proj_bias", false, module+"down_proj.bias")
		}
	}
	for _, t := range tensors {
		if !used[t] {
			rest = append(rest, t)
		}
	}
	return rest, aside
}

// asideWeights is how many weights are turned at a time.
const asideWeights = 1 << 24

// writeAside writes such experts, some inputs of all outputs at a time.
func (e *exporter) writeAside(w io.Writer, t *tensor) error {
	parts, rows, cols := len(t.aside.parts), t.aside.rows, t.aside.cols
	outputs := rows * parts
	band := max(1, min(cols, asideWeights/max(1, outputs)))
	turned, row := make([]float32, band*outputs), make([]float32, band)
	var out []byte
	var err error
	for x := range t.aside.matrices {
		for from := 0; from < cols; from += band {
			n := min(band, cols-from)
			for p, part := range t.aside.parts {
				for r := range rows {
					of := x*rows + r
					if t.aside.row != nil {
						of = t.aside.row(of)
					}
					if err := part.ReadFloat32(e.ctx, row[:n], of*cols+from); err != nil {
						return err
					}
					at := p*rows + r
					if t.aside.turns {
						at = r*parts + p
					}
					for i, v := range row[:n] {
						turned[i*outputs+at] = v
					}
				}
			}
			if out, err = writePiece(w, turned[:n*outputs], t.to, out); err != nil {
				return err
			}
		}
	}
	return nil
}
