package transformer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrLayer reports a layer that the model does not have, or that does not run without the others.
var ErrLayer = errors.New("no such layer")

// Trace is told what a layer's run does, while it does it. Each field may be nil.
type Trace struct {
	// Matrix returns what stands in for the matrix w of that name (Hugging Face's) in this
	// run: w, or what passes its products on and notes them.
	Matrix func(name string, w stream.Matrix) stream.Matrix
	// Layer is told of attention and FFN when they have run, and of the block that they are
	// parts of after both.
	Layer func(LayerRun)
}

// LayerKind is what a layer is.
type LayerKind string

// The kinds of layers.
const (
	KindAttention LayerKind = "attention" // or what a layer has in its place
	KindFFN       LayerKind = "ffn"
	KindBlock     LayerKind = "block" // both, with norms and residuals
)

// LayerRun is what a layer did.
type LayerRun struct {
	Kind     LayerKind
	Layer    int
	Start    int           // the position of the first vector
	X, Y     stream.Tensor // valid until Trace.Layer returns
	Rope     arch.Rope     // of attention: the rotations of this layer, if it has any,
	Window   int           // and how many keys a query sees, 0 for all before it;
	Chunked  bool          // with which they are those of a chunk of as many positions
	Duration time.Duration
}

// Attention runs the attention of one layer, or what it has in its place, on vectors x [tokens, hidden], which
// stand at positions start, start+1, … and see only each other, and returns its
// output, of the same shape. x comes normalized: norms and residuals are
// [Model.Block]'s. trace, if not nil, is told what was done.
//
// It takes the memory of a session while it runs. Errors are ErrLayer,
// stream.ErrShape, ErrContext when the positions go beyond the plan's context,
// those of memory and streaming, and the context's.
func (m *Model) Attention(ctx context.Context, layer int, x stream.Tensor, start int, trace *Trace) (stream.Tensor, error) {
	c := m.Config
	run, err := m.startLayer(KindAttention, layer, x, start, trace)
	if err == nil && c.Mixer(layer) == arch.NoMixer {
		err = fmt.Errorf("layer %d has no attention: %w", layer, ErrLayer)
	}
	if err != nil {
		return stream.Tensor{}, err
	}
	s, err := m.NewSession() // for its cache
	if err != nil {
		return stream.Tensor{}, err
	}
	defer s.Close()
	if err := s.cache.reserve(0, x.Shape[0]); err != nil {
		return stream.Tensor{}, err
	}
	b := run.traced(&m.blocks[layer])
	err = run.passes(ctx, func(p *pass, y, x []float32, at int) error {
		for i := range len(x) / c.Hidden {
			p.add(s.cache, at+i, start+at+i)
		}
		return p.mixTokens(ctx, layer, b, y, x)
	})
	if err != nil {
		return stream.Tensor{}, fmt.Errorf("layer %d: %w", layer, err)
	}
	if c.HasRope(layer) && c.HasAttention(layer) {
		run.Rope = c.RopeOf(layer)
	}
	if c.IsLocal(layer) {
		run.Window, run.Chunked = c.SlidingWindow, c.Chunked
	}
	return run.finish(), nil
}

// FFN runs the feed-forward layer of one layer on vectors x [tokens, hidden], as
// [Model.Attention] does. It takes no session's memory.
func (m *Model) FFN(ctx context.Context, layer int, x stream.Tensor, trace *Trace) (stream.Tensor, error) {
	run, err := m.startLayer(KindFFN, layer, x, 0, trace)
	if err == nil && !m.Config.HasFFN(layer) {
		err = fmt.Errorf("layer %d has no feed-forward layer: %w", layer, ErrLayer)
	}
	if err != nil {
		return stream.Tensor{}, err
	}
	b := run.traced(&m.blocks[layer])
	err = run.passes(ctx, func(p *pass, y, x []float32, _ int) error {
		return p.feedForward(ctx, b, y, x)
	})
	if err != nil {
		return stream.Tensor{}, fmt.Errorf("layer %d: %w", layer, err)
	}
	return run.finish(), nil
}

// Block runs one layer whole, with norms and residuals, as [Model.Attention] does:
// what a sequence's vectors go through in [Session.Forward], with the same bits.
func (m *Model) Block(ctx context.Context, layer int, x stream.Tensor, start int, trace *Trace) (stream.Tensor, error) {
	c := m.Config
	run, err := m.startLayer(KindBlock, layer, x, start, trace)
	if err != nil {
		return stream.Tensor{}, err
	}
	b, y := &m.blocks[layer], run.Y
	copy(y.Data, x.Data)
	for i := range x.Shape[0] {
		b.Embedding.enter(c, y.Data[i*c.Hidden:][:c.Hidden], start+i)
	}
	h := stream.Tensor{Shape: x.Shape, Data: make([]float32, len(x.Data))}
	before := func(norm []float32) {
		if copy(h.Data, y.Data); norm != nil {
			normRows(c, h.Data, y.Data, norm, c.Hidden)
		}
	}
	if c.Mixer(layer) != arch.NoMixer {
		before(b.AttnNorm)
		out, err := m.Attention(ctx, layer, h, start, trace)
		if err != nil {
			return stream.Tensor{}, err
		}
		addResidual(c, y.Data, out.Data, b.PostAttn)
	}
	if c.HasFFN(layer) {
		if !c.Parallel {
			before(b.FFNNorm)
		}
		out, err := m.FFN(ctx, layer, h, trace)
		if err != nil {
			return stream.Tensor{}, err
		}
		addResidual(c, y.Data, out.Data, b.PostFFN)
	}
	if b.Scalar != nil {
		scale(y.Data, b.Scalar[0])
	}
	return run.finish(), nil
}

// layerRun is one run of a layer by itself.
type layerRun struct {
	LayerRun
	model   *Model
	trace   *Trace
	started time.Time
}

// startLayer checks the arguments of a layer's run and makes room for its output.
func (m *Model) startLayer(kind LayerKind, layer int, x stream.Tensor, start int, trace *Trace) (*layerRun, error) {
	c := m.Config
	if layer < 0 || layer >= c.Layers {
		return nil, fmt.Errorf("layer %d of %d: %w", layer, c.Layers, ErrLayer)
	}
	if !c.LayersAlone() || c.Experts.Beside && kind != KindAttention {
		return nil, fmt.Errorf("layers of %s, which see more than vectors, do not run alone: %w", c.Architecture, ErrLayer)
	}
	if len(x.Shape) != 2 || x.Shape[1] != c.Hidden || x.Shape[0] < 1 || x.Shape[0] != len(x.Data)/c.Hidden || len(x.Data)%c.Hidden != 0 {
		return nil, fmt.Errorf("x is %v of %d values, want [tokens, %d]: %w", x.Shape, len(x.Data), c.Hidden, stream.ErrShape)
	}
	if start < 0 || start > m.Plan.Context-x.Shape[0] {
		return nil, fmt.Errorf("%d vectors from position %d on, there is room for %d: %w", x.Shape[0], start, m.Plan.Context, ErrContext)
	}
	y := stream.Tensor{Shape: slices.Clone(x.Shape), Data: make([]float32, len(x.Data))}
	if trace == nil {
		trace = &Trace{}
	}
	return &layerRun{LayerRun: LayerRun{Kind: kind, Layer: layer, Start: start, X: x, Y: y}, model: m, trace: trace, started: time.Now()}, nil
}

// passes calls do for as many vectors at a time as the plan has room for, from the one
// numbered at on.
func (r *layerRun) passes(ctx context.Context, do func(p *pass, y, x []float32, at int) error) error {
	n, chunk := r.model.Config.Hidden, r.model.Plan.Chunk
	for at := 0; at < r.X.Shape[0]; at += chunk {
		last := min(at+chunk, r.X.Shape[0])
		if err := r.model.inPass(ctx, func(p *pass) error { return do(p, r.Y.Data[at*n:last*n], r.X.Data[at*n:last*n], at) }); err != nil {
			return err
		}
	}
	return nil
}

// traced returns a copy of a block whose matrices are those that the trace puts in their
// places.
func (r *layerRun) traced(b *block) *block {
	if r.trace.Matrix == nil {
		return b
	}
	traced := *b
	for _, l := range traced.linears {
		l.W = r.trace.Matrix(l.Name, l.W)
	}
	return &traced
}

// finish tells the trace of the run and returns its output.
func (r *layerRun) finish() stream.Tensor {
	r.Duration = time.Since(r.started)
	if r.trace.Layer != nil {
		r.trace.Layer(r.LayerRun)
	}
	return r.Y
}
