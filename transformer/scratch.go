package transformer

import (
	"slices"
	"unsafe"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

// scratch is the memory of a pass. All of it lies in one piece outside the Go heap but for
// the rotations, attention's tasks, the choices of experts and the activations that the kernels pack.
type scratch struct {
	budget    *memory.Ledger
	bytes     []byte
	x         []float32 // the residual stream [chunk, hidden]
	normed    []float32
	output    []float32
	beside    []float32 // of layers that have something beside attention
	gate, up  []float32 // [chunk, ffn]
	routing   routing
	logits    []float32 // [as many rows as there is room for, vocab]
	attention attentionScratch
	mixer     mixerScratch
	perLayer  perLayerScratch
	rotations [2][]rotation // of global and local layers, per token of the pass
}

// extent is what a pass has room for.
type extent struct {
	chunk     int          // tokens
	workers   int          // of attention
	context   int          // positions that a token sees at most
	sequences int          // whose last tokens get their logits together
	watched   bool         // what experts' matrices are multiplied by is shown to somebody
	canon     stream.Canon // of lattice matrices, each of which scales vectors its own way; "" if there are none
	escaped   int64        // bytes of the Go heap for a token's values that escapes are multiplied by
}

// headBatch is how many tokens get their logits at a time, at least.
const headBatch = 8

// floats returns how many float32 the scratch has outside the Go heap.
func (e extent) floats(c *arch.Config) int64 {
	return int64(e.chunk)*int64(3*c.Hidden+besideFloats(c)) + perLayerFloats(c, e.chunk) + e.shared(c) + int64(e.workers)*e.worker(c)
}

// shared is how many of them attention, feed-forward layer and output head have by turns.
func (e extent) shared(c *arch.Config) int64 {
	dim, keys := c.WidestHeads()
	attention := int64(e.chunk) * int64(2*c.Heads*dim+2*keys+gatedFloats(c))
	head := int64(min(e.chunk, max(headBatch, e.sequences))) * int64(c.Vocab)
	if !c.HasHead() {
		head = 0
	}
	attention += int64(e.chunk) * latentFloats(c)
	return max(attention, int64(e.chunk)*int64(mixerFloats(c)), 2*int64(e.chunk)*int64(ffnFloats(c))+e.routing(c), head)
}

// besideFloats is how many of them what stands beside attention gives for each token.
func besideFloats(c *arch.Config) int {
	if !slices.Contains(c.Mixers.Of, arch.AttentionMamba) {
		return 0
	}
	return c.Hidden
}

// ffnFloats is how many of them a feed-forward layer's gates, or ups, take for each token, and those of what a layer is given
// of a token besides.
func ffnFloats(c *arch.Config) int { return max(c.WidestFFN(), c.PerLayer.Len) }

// mixerFloats is how many of them a layer without attention takes for each token.
func mixerFloats(c *arch.Config) int {
	a, b, d, e, f := mixerSizes(c)
	return a + b + d + e + f
}

// mixerSizes are those of mixerScratch's parts.
func mixerSizes(c *arch.Config) (in, between, out, gates, rates int) {
	width, m := c.MixerWidth(), &c.Mixers
	switch {
	case m.KeyHeads == 0:
		return 3 * width, width, width, 0, 0
	case m.HasMamba():
		return width, width, m.Values(), m.Values(), m.ValueHeads
	}
	return width, width + m.Values(), max(m.Values(), 2*m.ValueHeads), m.Values(), 2 * m.ValueHeads
}

// gatedFloats is how many of them queries with their gates take for each token.
func gatedFloats(c *arch.Config) int {
	if !c.GatedAttention {
		return 0
	}
	return 2 * c.Heads * c.HeadDim
}

// routing is how many of them a mixture of experts takes besides.
func (e extent) routing(c *arch.Config) int64 {
	if c.Experts.Count == 0 {
		return 0
	}
	vectors := 2
	if c.Experts.Beside {
		vectors++
	}
	return int64(e.chunk) * int64(c.Experts.Count+vectors*c.Hidden+e.seen(c))
}

// seen is how many of them what an expert's last matrix is multiplied by takes for each token.
func (e extent) seen(c *arch.Config) int {
	if !e.watched {
		return 0
	}
	return c.Experts.PerToken * c.Experts.FFN
}

// worker is how many of them a worker of attention has.
func (e extent) worker(c *arch.Config) int64 {
	return int64(kernel.AttentionFloats(workerSizes(c)))
}

// workerSizes are its rows, and the length of a head.
func workerSizes(c *arch.Config) (rows, dim int) {
	for l := range c.Layers {
		group := c.Heads / c.KVHeadsOf(l)
		rows = max(rows, attentionTokens(group)*group)
	}
	dim, _ = c.WidestHeads()
	return rows, dim
}

// heap is the scratch in the Go heap: activations packed once more for the kernels, in
// lane order, those that escapes are multiplied by, rotations, and attention's tasks.
func (e extent) heap(c *arch.Config) int64 {
	dim, _ := c.WidestHeads()
	widest := max(c.Hidden, c.WidestFFN(), c.Heads*dim, c.PerLayer.Len, c.Mixers.Values(), c.Latent.KV, c.Latent.Query)
	beside := together(c) - 1 // each has a form of its own
	packed := int64(e.chunk) * int64(widest+63) * 4
	switch e.canon {
	case stream.CanonFloat:
		packed += int64(beside) * int64(e.chunk) * int64(c.Hidden+63) * 4
	case stream.CanonInteger: // besides what is packed for other matrices
		packed += int64(kernel.QuantizedSize(e.chunk, widest) + beside*kernel.QuantizedSize(e.chunk, c.Hidden))
	}
	rotations := int64(e.chunk) * 2 * int64(4*dim+128)
	tasks := int64(e.chunk) * int64(unsafe.Sizeof(attentionTask{}))
	if c.Mixers.Of != nil {
		tasks += int64(e.chunk) * int64(unsafe.Sizeof(run{}))
	}
	choices := int64(e.chunk)*int64(c.Experts.PerToken)*int64(unsafe.Sizeof(choice{})+4) + 4*4*int64(c.Experts.Count)
	return packed + rotations + tasks + choices + e.escaped*int64(e.chunk)
}

// together is how many matrices are multiplied by the same vectors at most: those of queries, keys and values, or the four of
// a delta net.
func together(c *arch.Config) int {
	if c.Mixers.KeyHeads > 0 {
		return 4
	}
	return 3
}

// total returns the bytes of the scratch, with what lies in the Go heap.
func (e extent) total(c *arch.Config) int64 { return 4*e.floats(c) + e.heap(c) }

// reserve takes the memory.
func (b *scratch) reserve(c *arch.Config, e extent, budget *memory.Ledger) error {
	n := 4 * e.floats(c)
	if err := budget.Reserve("activations", n); err != nil {
		return err
	}
	bytes, err := offheap.Alloc(int(n))
	if err != nil {
		budget.Release(n)
		return err
	}
	b.budget, b.bytes = budget, bytes
	b.divide(c, e)
	return nil
}

// divide hands the memory out.
func (b *scratch) divide(c *arch.Config, e extent) {
	rest := offheap.Float32s(b.bytes)
	take := func(n int) []float32 {
		part := rest[:n:n]
		rest = rest[n:]
		return part
	}
	chunk := e.chunk
	b.x, b.normed, b.output = take(chunk*c.Hidden), take(chunk*c.Hidden), take(chunk*c.Hidden)
	b.beside = take(chunk * besideFloats(c))
	b.perLayer = newPerLayerScratch(c, chunk, take)
	a := &b.attention
	rows, dim := workerSizes(c)
	a.workers = make([]*kernel.AttentionMemory, e.workers)
	for i := range a.workers {
		a.workers[i] = kernel.NewAttentionMemory(take(int(e.worker(c))), rows, dim)
	}
	a.tasks = make([]attentionTask, 0, chunk)
	shared := rest
	b.gate, b.up = take(chunk*ffnFloats(c)), take(chunk*ffnFloats(c))
	if x := &c.Experts; x.Count > 0 {
		b.routing = newRouting(x, c.Hidden, chunk, e.seen(c), take)
		if x.Beside {
			b.routing.sum = take(chunk * c.Hidden)
		}
	}
	rest = shared
	_, keys := c.WidestHeads()
	a.q, a.out = take(chunk*c.Heads*dim), take(chunk*c.Heads*dim)
	a.k, a.v = take(chunk*keys), take(chunk*keys)
	a.gated = take(chunk * gatedFloats(c))
	a.latent = newLatentScratch(c, chunk, take)
	if rest = shared; c.Mixers.Of != nil {
		b.mixer.runs = make([]run, 0, chunk)
		in, between, out, gates, rates := mixerSizes(c)
		x := &b.mixer
		x.in, x.between, x.out, x.gates, x.rates = take(chunk*in), take(chunk*between), take(chunk*out), take(chunk*gates), take(chunk*rates)
	}
	rest = shared
	b.logits = take(min(chunk, len(shared)/c.Vocab) * c.Vocab)
}

// free gives the memory back.
func (b *scratch) free() error {
	if b.bytes == nil {
		return nil
	}
	b.budget.Release(int64(len(b.bytes)))
	err := offheap.Free(b.bytes)
	*b = scratch{}
	return err
}
