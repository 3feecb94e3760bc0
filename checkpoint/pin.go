package checkpoint

import (
	"context"
	"fmt"
)

// Pinner is a File that is far away: Pin fetches bytes [off, off+n) once into a
// new file at path, from which they are read until release is called, which removes it.
// What lies beyond the file's end is not asked for.
type Pinner interface {
	Pin(ctx context.Context, off, n int64, path string) (release func(), err error)
}

// Pin makes a tensor's bytes, if they are far away, near until release is called:
// in a new file at path; so are all that a quantized weight is made of, at that path with
// numbers. Tensors that lie in several places are read from afar each time.
func (c *Checkpoint) Pin(ctx context.Context, t *Tensor, path string) (release func(), err error) {
	if w, ok := t.data.(*weight); ok {
		return c.pinParts(ctx, w.parts, path)
	}
	p, far := c.files[t.File].(Pinner)
	at, known := t.data.(interface{ Offset() int64 })
	if !far || !known || at.Offset() < 0 {
		return func() {}, nil
	}
	return p.Pin(ctx, at.Offset(), t.Size, path)
}

// pinParts pins all of several tensors, or none.
func (c *Checkpoint) pinParts(ctx context.Context, parts []*Tensor, path string) (release func(), err error) {
	var releases []func()
	release = func() {
		for _, r := range releases {
			r()
		}
	}
	for i, p := range parts {
		r, err := c.Pin(ctx, p, fmt.Sprintf("%s.%d", path, i))
		if err != nil {
			release()
			return nil, err
		}
		releases = append(releases, r)
	}
	return release, nil
}
