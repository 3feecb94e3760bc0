package stream

import "context"

// Floats writes the weights of rows [a, b) to dst, which has length (b−a)·Cols: codebook
// values, and the sidecar's where it is applied. Of a streamed matrix only the blocks that
// hold those rows are read, one after another into the engine's buffers; nothing else is
// allocated. Errors are ErrShape, ErrBudget, those of package cdna, and the context's.
func (m *Quantized) Floats(ctx context.Context, dst []float32, a, b int) error {
	err := m.eachPart(ctx, len(dst), a, b, func(at int, indices []byte) {
		m.cdna.Decode(dst[at:], indices)
	})
	if err == nil && m.corrections != nil {
		m.corrections.sidecar.Apply(dst, uint64(a)*uint64(m.Cols()))
	}
	return err
}
