package stream

import "github.com/helix-substrate/helix-substrate/internal/kernel"

// input is vectors as a matrix takes them, packed for the kernels: as they are; or scaled and in the order of its columns
// where it has scales, and then rounded where its products follow the integer canon.
type input struct {
	engine    *Engine
	x         []float32 // as they were given
	batch     int
	scales    *scales // nil for none
	packed    kernel.Activations
	quantized kernel.QuantizedActivations // in place of packed where rounded
	corrected []float32                   // what corrections are multiplied by
	escaped   []float32                   // its memory
}

// take makes room for vectors x, to be packed.
func (in *input) take(e *Engine, x []float32, batch, cols int, s *scales, c *corrections) {
	in.engine, in.x, in.batch, in.scales, in.corrected = e, x, batch, s, x
	if c != nil {
		in.corrected = c.dotInput(&in.escaped, x, cols)
	}
	if in.rounded() {
		in.quantized.Reset(batch, cols)
	} else {
		in.packed.Reserve(batch, cols)
	}
}

// rounded tells whether the vectors are rounded to integers.
func (in *input) rounded() bool { return in.scales != nil && in.engine.canon == CanonInteger }

// pack packs columns [from, to) of vectors [first, last). from is a multiple of packUnit, and to is one or the end.
func (in *input) pack(first, last, from, to int) {
	if in.rounded() {
		group, end := from/kernel.RoundGroup, (to+kernel.RoundGroup-1)/kernel.RoundGroup
		in.engine.kernels.Quantize(&in.quantized, in.x, in.scales.column, first, last-first, group, end-group)
		return
	}
	cols := len(in.x) / in.batch
	for v := first; v < last; v++ {
		x := in.x[v*cols:][:cols]
		if s := in.scales; s != nil {
			in.packed.PackScaledColumns(v, x, s.column, from, to)
		} else {
			in.packed.PackColumns(v, x, from, to)
		}
	}
}

// packUnit is how many columns are packed together.
const packUnit = max(kernel.PackUnit, kernel.RoundGroup)

// inputPart is a part of an input, to be packed.
type inputPart struct {
	in                    *input
	first, last, from, to int
}

// leastPacked is how many values are packed by one worker while another begins.
const leastPacked = 1 << 11

// cutInput appends the parts of an input to parts, of about size values each.
func cutInput(parts []inputPart, in *input, cols, size int) []inputPart {
	vectors := max(1, size/cols)
	columns := max(1, size/packUnit) * packUnit
	for v := 0; v < in.batch; v += vectors {
		for from := 0; from < cols; from += columns {
			parts = append(parts, inputPart{in, v, min(v+vectors, in.batch), from, min(from+columns, cols)})
		}
	}
	return parts
}
