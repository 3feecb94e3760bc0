package receipt

// Hasher hashes arrays one after another, each beside whatever its caller does until
// the next: the logits of a token while the next one is computed. It is for one
// goroutine, and keeps a copy of one array.
type Hasher struct {
	array   []float32
	pending chan string // the sum on its way, nil for none
	sums    []string
}

// Add starts hashing x, which the caller may change afterwards.
func (h *Hasher) Add(x []float32) {
	h.wait()
	h.array = append(h.array[:0], x...)
	pending := make(chan string, 1)
	h.pending = pending
	go func(array []float32) { pending <- HashFloat32(array) }(h.array)
}

// Sums returns the [HashFloat32] of every array since the last call, in order.
func (h *Hasher) Sums() []string {
	h.wait()
	sums := h.sums
	h.sums = nil
	return sums
}

func (h *Hasher) wait() {
	if h.pending != nil {
		h.sums = append(h.sums, <-h.pending)
		h.pending = nil
	}
}
