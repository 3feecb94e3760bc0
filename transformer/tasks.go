package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/stream"
)

// tasks are what the workers do in a pass besides products, one at a time.
type tasks struct {
	normalizing normalizing
	adding      adding
	expanding   expanding
	rotating    rotating
	attending   attending
	convolving  convolving
	remembering remembering
	scanning    scanning
	gatedNorm   gatedNorm
	gating      gating
	activating  activating
	mixing      mixing
	parting     parting
	capping     capping
	visiting    visiting
}

// leastShared is how many values are worth a second worker.
const leastShared = 1 << 12

// each has the workers do a task that touches so many values.
func (m *Model) each(ctx context.Context, parts, values int, t stream.Task) error {
	workers := m.threads
	if values < leastShared {
		workers = 1
	}
	return m.engine.Each(ctx, workers, parts, t)
}

// cut divides n values into parts for the workers, of so many values each.
func (m *Model) cut(n int) (parts, size int) {
	size = max(1<<10, (n/(8*m.threads)+63)&^63)
	return (n + size - 1) / size, size
}
