package generate

import (
	"slices"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// weigher is what samplers weigh tokens with: the kernels, and memory for as many as draw at once. It is safe for concurrent
// use.
type weigher struct {
	kernels *kernel.Kernels

	mu   sync.Mutex
	free []*weighing
}

// newWeigher returns one whose kernels are of a level that this machine has, such as a model's.
func newWeigher(level string) *weigher {
	k, err := kernel.ForLevel(kernel.Level(level))
	if err != nil {
		k = kernel.Best()
	}
	return &weigher{kernels: k}
}

// take returns memory that nobody else has until it is put back.
func (w *weigher) take() *weighing {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.free) - 1
	if last < 0 {
		return &weighing{kernels: w.kernels}
	}
	one := w.free[last]
	w.free = w.free[:last]
	return one
}

func (w *weigher) put(one *weighing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, one)
}

// weighing is memory to draw a token in.
type weighing struct {
	kernels *kernel.Kernels
	weights []float32 // by id
	list    []candidate
}

// weigh sets the weights of all tokens, their probabilities relative to the most likely one's, and returns their sum in the order of
// ids. It is 0 for those at -Inf.
func (w *weighing) weigh(o Options, logits []float32) (sum float64) {
	w.weights = append(w.weights[:0], logits...)
	w.kernels.Exp(w.weights, slices.Max(logits), o.Temperature)
	for _, v := range w.weights {
		sum += float64(v)
	}
	return sum
}
