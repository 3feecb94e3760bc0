package checkpoint

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// activationSuffixes are tensors beside a weight that say how activations, keys and values are
// rounded. Here these are not rounded, so that nothing needs them.
var activationSuffixes = []string{
	".input_scale", ".input_global_scale", ".output_scale", ".activation_scale", ".input_zero_point", ".output_zero_point",
	".input_scale_ub", ".k_scale", ".v_scale", ".q_scale", ".kv_scale", ".prob_output_scale", ".k_zero_point", ".v_zero_point",
}

// quantize replaces stored codes, scales and the like by the weights that they make
// together, which have the name that an unquantized checkpoint gives them. What it cannot read is
// ErrQuantization, what does not fit together ErrScale.
func (c *Checkpoint) quantize(ctx context.Context) error {
	if c.gguf != nil {
		return nil
	}
	q, err := c.readQuantization(ctx)
	if err != nil {
		return err
	}
	m := &maker{q: q, byName: make(map[string]*Tensor, len(c.tensors)), used: map[*Tensor]bool{}}
	for _, t := range c.tensors {
		m.byName[t.Name] = t
	}
	// Packed codes first: scales of theirs are float8 too.
	for _, make := range []func(context.Context, *Tensor) error{m.unpack, m.scale} {
		for _, t := range c.tensors {
			if m.used[t] {
				continue
			}
			if err := make(ctx, t); err != nil {
				return fmt.Errorf("%s: tensor %q: %w", c.place.Path(t.File), t.Name, err)
			}
		}
	}
	if len(m.made) > 0 {
		if q.broken != nil {
			return q.broken
		}
		c.quantization = q.name
		if q.method == unquantized {
			c.quantization = m.made[0].DType
		}
		for _, t := range c.tensors {
			if slices.ContainsFunc(activationSuffixes, func(s string) bool { return strings.HasSuffix(t.Name, s) }) {
				m.used[t] = true
			}
		}
	}
	rest := slices.DeleteFunc(slices.Clone(c.tensors), func(t *Tensor) bool { return m.used[t] })
	if err := c.checkUnread(rest); err != nil {
		return err
	}
	for _, t := range m.made {
		if other, ok := m.byName[t.Name]; ok && !m.used[other] {
			return fmt.Errorf("%s: %q is there both quantized and not: %w", c.place.Path(t.File), t.Name, ErrScale)
		}
	}
	for _, t := range rest {
		if name := m.weightOf(t.Name); name != "" {
			return c.unread(t, fmt.Sprintf("it lies beside %q, which is read without it", name))
		}
	}
	c.tensors = append(rest, m.made...)
	slices.SortFunc(c.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// maker finds what belongs together.
type maker struct {
	q      *quantization
	byName map[string]*Tensor
	used   map[*Tensor]bool
	made   []*Tensor
}

// add notes a weight and the tensors that it is made of; nil parts are none.
func (m *maker) add(name, kind string, shape []int, rows rows, parts ...*Tensor) {
	w := &weight{kind: kind, shape: shape, rows: rows}
	for _, p := range parts {
		if p != nil {
			m.used[p] = true
			w.parts = append(w.parts, p)
		}
	}
	m.made = append(m.made, w.tensor(name))
}

// weightOf returns the weight that was made of other tensors and that a tensor belongs to by its
// name: "a.weight" for "a.weight_g_idx" and "a.pre_quant_scale"; empty if there is none. A bias is a
// tensor by itself.
func (m *maker) weightOf(name string) string {
	for _, t := range m.made {
		module, ok := strings.CutSuffix(t.Name, ".weight")
		if rest, found := strings.CutPrefix(name, t.Name+"_"); found && rest != "bias" {
			return t.Name
		}
		if rest, found := strings.CutPrefix(name, module+"."); ok && found && rest != "bias" {
			return t.Name
		}
	}
	return ""
}

// unpack makes a weight of t and what belongs to it, if t is packed codes.
func (m *maker) unpack(ctx context.Context, t *Tensor) error {
	switch {
	case strings.HasSuffix(t.Name, ".qweight"):
		return m.columns(t, strings.TrimSuffix(t.Name, "qweight"))
	case strings.HasSuffix(t.Name, ".weight_packed"):
		return m.packed(ctx, t, strings.TrimSuffix(t.Name, "_packed"))
	case strings.HasSuffix(t.Name, "_blocks"):
		return m.experts(t, strings.TrimSuffix(t.Name, "_blocks"))
	case t.Type == dtype.U8 && strings.HasSuffix(t.Name, ".weight") && m.byName[t.Name+"_scale_2"] != nil:
		return m.modelOptFP4(t)
	}
	return nil
}

// scale pairs t, if it is float8 or int8, with its scales.
func (m *maker) scale(ctx context.Context, t *Tensor) error {
	if len(t.Shape) < 2 || t.Type != dtype.F8E4M3 && t.Type != dtype.F8E5M2 && t.Type != dtype.I8 {
		return nil
	}
	if largest := m.byName[strings.TrimSuffix(t.Name, "weight")+"SCB"]; largest != nil && t.Type == dtype.I8 {
		return m.rowwise(ctx, t, largest)
	}
	float8 := t.Type != dtype.I8
	for _, suffix := range []string{"_scale_inv", "_scale"} { // DeepSeek's, compressed-tensors'
		scales, ok := m.byName[t.Name+suffix]
		if !ok {
			continue
		}
		switch {
		case !float8 && m.q.method != compressedTensors && m.q.method != unquantized:
			return fmt.Errorf("I8 in a checkpoint of %s: %w", m.q.name, ErrQuantization)
		case scales.Type == dtype.F8E8M0, scales.Type == dtype.U8 && (m.q.method == scaledExponents || m.q.method == compressedTensors):
		case !scales.IsFloat():
			return fmt.Errorf("%s is of %s: %w", scales.Name, scales.DType, ErrQuantization)
		}
		zeros := m.byName[t.Name+"_zero_point"]
		s, err := newScaled(t, scales, zeros, m.q.blocks)
		if err != nil {
			return err
		}
		m.add(t.Name, string(t.Type)+"_SCALED", t.Shape, s, t, scales, zeros)
		return nil
	}
	if m.q.method != unquantized && (float8 || strings.HasSuffix(t.Name, ".weight")) {
		return fmt.Errorf("no scales %s_scale or %[1]s_scale_inv, but %s: %w", t.Name, m.q.name, ErrScale)
	}
	return nil
}

// rowwise pairs bitsandbytes' int8 with the largest weight of each row.
func (m *maker) rowwise(ctx context.Context, t, largest *Tensor) error {
	format := m.byName[t.Name+"_format"]
	if format != nil {
		var kind [1]float32
		if format.Len() != 1 {
			return fmt.Errorf("%s has shape %v: %w", format.Name, format.Shape, ErrScale)
		}
		if err := format.ReadFloat32(ctx, kind[:], 0); err != nil {
			return err
		}
		if kind[0] != 0 {
			return fmt.Errorf("bitsandbytes INT8 in another order than by rows (%v): %w", kind[0], ErrQuantization)
		}
		m.used[format] = true
	}
	if !largest.IsFloat() {
		return fmt.Errorf("%s is of %s: %w", largest.Name, largest.DType, ErrScale)
	}
	s, err := newRowwise(t, largest)
	if err != nil {
		return err
	}
	m.add(t.Name, "I8_SCALED", t.Shape, s, t, largest)
	return nil
}

// columns reads GPTQ's and AWQ's layouts.
func (m *maker) columns(qweight *Tensor, prefix string) error {
	qzeros, scales, index := m.byName[prefix+"qzeros"], m.byName[prefix+"scales"], m.byName[prefix+"g_idx"]
	if qzeros == nil || scales == nil {
		return fmt.Errorf("no %sqzeros or %[1]sscales: %w", prefix, ErrScale)
	}
	size := -1
	if len(m.q.groups) == 1 {
		size = m.q.groups[0]
	}
	switch m.q.method {
	case gptq:
		offset := uint32(1)
		if m.q.v2 {
			offset = 0
		}
		if m.q.groups == nil && index == nil && len(scales.Shape) == 2 && scales.Shape[0] > 1 {
			return fmt.Errorf("no %sg_idx, but groups of other sizes: %w", prefix, ErrScale)
		}
		w, err := newGPTQ(qweight, qzeros, scales, index, size, offset)
		if err != nil {
			return err
		}
		if !slices.Contains(m.q.bits, w.bits) {
			return fmt.Errorf("%d bits by its shape, %v by the configuration: %w", w.bits, m.q.bits, ErrScale)
		}
		m.add(prefix+"weight", fmt.Sprintf("GPTQ%d", w.bits), []int{w.outputs, w.inputs}, w, qweight, scales, qzeros, index)
		return nil
	case awq:
		w, err := newAWQ(qweight, qzeros, scales, size)
		if err != nil {
			return err
		}
		m.add(prefix+"weight", "AWQ4", []int{w.outputs, w.inputs}, w, qweight, scales, qzeros)
		return nil
	}
	return fmt.Errorf("packed weights, but no configuration that says GPTQ or AWQ: %w", ErrQuantization)
}

// packed reads compressed-tensors' packed layouts.
func (m *maker) packed(ctx context.Context, codes *Tensor, name string) error {
	scales, zeros := m.byName[name+"_scale"], m.byName[name+"_zero_point"]
	if m.q.method != compressedTensors && m.q.method != modelOpt {
		return fmt.Errorf("packed weights, but no configuration of compressed-tensors: %w", ErrQuantization)
	}
	if scales == nil {
		return fmt.Errorf("no %s_scale: %w", name, ErrScale)
	}
	if codes.Type == dtype.U8 {
		whole := m.byName[name+"_global_scale"]
		w, shape, err := newFP4Rows(codes, scales, whole, true)
		if err == nil && zeros != nil {
			err = fmt.Errorf("zero points of 4-bit floats: %w", ErrQuantization)
		}
		if err != nil {
			return err
		}
		kind := "MXFP4"
		if whole != nil {
			kind = "NVFP4"
		}
		m.add(name, kind, shape, w, codes, scales, whole)
		return nil
	}
	said := m.byName[name+"_shape"]
	if codes.Type != dtype.I32 || said == nil {
		return fmt.Errorf("of %s, or no %s_shape: %w", codes.DType, name, ErrQuantization)
	}
	shape, err := readShape(ctx, said)
	if err != nil {
		return err
	}
	bits, index := m.q.bits, m.byName[name+"_g_idx"]
	if len(bits) == 0 {
		bits = []int{4, 8}
	}
	w, err := newPackedRows(shape, codes, scales, zeros, index, bits, m.q.groups)
	if err != nil {
		return err
	}
	m.add(name, fmt.Sprintf("PACKED%d", w.bits), shape, w, codes, scales, zeros, index, said)
	return nil
}

// readShape reads a shape that is stored as a tensor of two numbers.
func readShape(ctx context.Context, t *Tensor) ([]int, error) {
	var dims [2]float32
	if t.Type != dtype.I64 && t.Type != dtype.I32 || t.Len() != len(dims) {
		return nil, fmt.Errorf("%s is %v of %s, not two numbers: %w", t.Name, t.Shape, t.DType, ErrScale)
	}
	if err := t.ReadFloat32(ctx, dims[:], 0); err != nil {
		return nil, err
	}
	const exact = 1 << 24 // whole numbers that float32 holds
	shape := make([]int, len(dims))
	for i, d := range dims {
		if !(d >= 1 && d < exact) || d != float32(math.Trunc(float64(d))) {
			return nil, fmt.Errorf("%s says %v: %w", t.Name, dims, ErrScale)
		}
		shape[i] = int(d)
	}
	return shape, nil
}

// modelOptFP4 reads ModelOpt's NVFP4.
func (m *maker) modelOptFP4(codes *Tensor) error {
	scales, whole := m.byName[codes.Name+"_scale"], m.byName[codes.Name+"_scale_2"]
	if m.q.method != modelOpt && m.q.method != unquantized {
		return fmt.Errorf("NVFP4 in a checkpoint of %s: %w", m.q.name, ErrQuantization)
	}
	if scales == nil {
		return fmt.Errorf("no %s_scale: %w", codes.Name, ErrScale)
	}
	w, shape, err := newFP4Rows(codes, scales, whole, false)
	if err != nil {
		return err
	}
	m.add(codes.Name, "NVFP4", shape, w, codes, scales, whole)
	return nil
}

// experts reads gpt-oss's MXFP4.
func (m *maker) experts(blocks *Tensor, name string) error {
	scales := m.byName[name+"_scales"]
	if scales == nil || blocks.Type != dtype.U8 {
		return nil // another tensor of this name
	}
	if m.q.method != mxfp4 {
		return fmt.Errorf("4-bit blocks, but no configuration that says MXFP4: %w", ErrQuantization)
	}
	m.used[blocks], m.used[scales] = true, true
	made := []struct {
		name        string
		first, step int
	}{{name + ".weight", 0, 1}}
	if module, ok := strings.CutSuffix(name, "gate_up_proj"); ok { // by turns
		made[0].name, made[0].step = module+"gate_proj.weight", 2
		made = append(made, made[0])
		made[1].name, made[1].first = module+"up_proj.weight", 1
	}
	for _, one := range made {
		w, shape, parts, err := newFP4Experts(blocks, scales, one.first, one.step)
		if err != nil {
			return err
		}
		m.add(one.name, "MXFP4", shape, w, parts...)
	}
	return nil
}

// packedNames end the names of codes that are no weights by themselves: of AutoGPTQ,
// compressed-tensors, HQQ, quanto, AQLM and bitsandbytes.
var packedNames = []string{".qweight", ".weight_packed", ".W_q", ".weight._data", ".codebooks", ".absmax", ".SCB", ".quant_map"}

// checkUnread refuses what is left where it is not weights as they are: codes, and integers or
// float8 with companions that say what they mean.
func (c *Checkpoint) checkUnread(rest []*Tensor) error {
	companions := map[string][]string{} // by module, what lies beside its weight
	for _, t := range rest {
		for _, end := range packedNames {
			if strings.HasSuffix(t.Name, end) {
				return c.unread(t, t.Name[strings.LastIndexByte(t.Name, '.')+1:]+" is of no layout that is read")
			}
		}
		if i := strings.LastIndexByte(t.Name, '.'); i >= 0 && t.Name[i+1:] != "weight" && t.Name[i+1:] != "bias" {
			companions[t.Name[:i]] = append(companions[t.Name[:i]], t.Name[i+1:])
		}
	}
	for _, t := range rest {
		module, ok := strings.CutSuffix(t.Name, ".weight")
		if !ok || len(t.Shape) < 2 {
			continue
		}
		beside := companions[module]
		switch t.Type {
		case dtype.I8, dtype.U8, dtype.I32, dtype.U32:
			if len(beside) > 0 {
				return c.unread(t, t.DType+" with "+beside[0])
			}
		case dtype.F8E4M3, dtype.F8E5M2:
			if i := slices.IndexFunc(beside, func(s string) bool { return strings.Contains(s, "scale") }); i >= 0 {
				return c.unread(t, t.DType+" with "+beside[i])
			}
		}
	}
	return nil
}

func (c *Checkpoint) unread(t *Tensor, why string) error {
	return fmt.Errorf("%s: tensor %q: %s: %w", c.place.Path(t.File), t.Name, why, ErrQuantization)
}
