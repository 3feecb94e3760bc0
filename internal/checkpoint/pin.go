package checkpoint

import "context"

// Pinner is a File that is far away: Pin fetches bytes [off, off+n) once into a
// new file at path, from which they are read until release is called, which removes it.
// What lies beyond the file's end is not asked for.
type Pinner interface {
	Pin(ctx context.Context, off, n int64, path string) (release func(), err error)
}

// Pin makes a tensor's bytes, if they are far away, near until release is called:
// in a new file at path. Tensors that lie in several places
// are read from afar each time.
func (c *Checkpoint) Pin(ctx context.Context, t *Tensor, path string) (release func(), err error) {
	p, far := c.files[t.File].(Pinner)
	at, known := t.data.(interface{ Offset() int64 })
	if !far || !known || at.Offset() < 0 {
		return func() {}, nil
	}
	return p.Pin(ctx, at.Offset(), t.Size, path)
}
