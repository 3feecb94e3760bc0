package transformer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrLayer reports a layer that the model does not have.
var ErrLayer = errors.New("no such layer")

// Attention runs the attention of one layer on vectors x [tokens, hidden], which
// stand at positions start, start+1, … and see only each other, and returns its
// output, of the same shape, with a receipt of what was done. x comes normalized:
// norms and residuals are [Model.Block]'s.
//
// It takes the memory of a session while it runs. Errors are ErrLayer,
// stream.ErrShape, ErrContext when the positions go beyond the plan's context,
// those of memory and streaming, and the context's.
func (m *Model) Attention(ctx context.Context, layer int, x stream.Tensor, start int) (stream.Tensor, *receipt.Attention, error) {
	c := m.Config
	run, err := m.startLayer(receipt.AttentionSchema, layer, x, start)
	if err != nil {
		return stream.Tensor{}, nil, err
	}
	defer run.session.Close()
	s, rope := run.session, c.rope(layer)
	y := stream.Tensor{Shape: slices.Clone(x.Shape), Data: make([]float32, len(x.Data))}
	b := run.recorded(&m.blocks[layer])
	err = run.chunks(func(at, n int) error {
		s.position = start + at
		s.rotate(n)
		return s.attention(ctx, layer, &b.Attention, y.Data[at*c.Hidden:][:n*c.Hidden], x.Data[at*c.Hidden:][:n*c.Hidden], at)
	})
	if err != nil {
		return stream.Tensor{}, nil, fmt.Errorf("layer %d: %w", layer, err)
	}
	r := &receipt.Attention{
		StartPosition: start, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
		RopePairing: "half_split", RopeTheta: rope.Theta, Projections: run.products,
	}
	if rope.Interleaved {
		r.RopePairing = "interleaved"
	}
	if c.local(layer) {
		r.SlidingWindow = c.SlidingWindow
	}
	r.LayerRun = run.finish(y)
	return y, r, nil
}

// FFN runs the feed-forward layer of one layer on vectors x [tokens, hidden], as
// [Model.Attention] does.
func (m *Model) FFN(ctx context.Context, layer int, x stream.Tensor) (stream.Tensor, *receipt.FFN, error) {
	c := m.Config
	run, err := m.startLayer(receipt.FFNSchema, layer, x, 0)
	if err != nil {
		return stream.Tensor{}, nil, err
	}
	defer run.session.Close()
	scratch := &run.session.scratch
	y := stream.Tensor{Shape: slices.Clone(x.Shape), Data: make([]float32, len(x.Data))}
	b := run.recorded(&m.blocks[layer])
	err = run.chunks(func(at, n int) error {
		return b.FFN.Forward(ctx, y.Data[at*c.Hidden:][:n*c.Hidden], x.Data[at*c.Hidden:][:n*c.Hidden],
			scratch.gate[:n*c.FFN], scratch.up[:n*c.FFN], m.threads)
	})
	if err != nil {
		return stream.Tensor{}, nil, fmt.Errorf("layer %d: %w", layer, err)
	}
	r := &receipt.FFN{Activation: string(c.Activation), Projections: run.products}
	r.LayerRun = run.finish(y)
	return y, r, nil
}

// Block runs one layer whole, with norms and residuals, as [Model.Attention] does:
// what a sequence's vectors go through in [Session.Forward], with the same bits.
func (m *Model) Block(ctx context.Context, layer int, x stream.Tensor, start int) (stream.Tensor, *receipt.Block, error) {
	c := m.Config
	run, err := m.checkLayer(receipt.BlockSchema, layer, x, start)
	if err != nil {
		return stream.Tensor{}, nil, err
	}
	b := &m.blocks[layer]
	y := stream.Tensor{Shape: slices.Clone(x.Shape), Data: slices.Clone(x.Data)}
	h := stream.Tensor{Shape: x.Shape, Data: make([]float32, len(x.Data))}
	rmsNormRows(h.Data, y.Data, b.AttnNorm, c.Hidden, c.NormEps, c.NormOffset)
	out, attention, err := m.Attention(ctx, layer, h, start)
	if err != nil {
		return stream.Tensor{}, nil, err
	}
	c.addResidual(y.Data, out.Data, b.PostAttn)
	rmsNormRows(h.Data, y.Data, b.FFNNorm, c.Hidden, c.NormEps, c.NormOffset)
	out, ffn, err := m.FFN(ctx, layer, h)
	if err != nil {
		return stream.Tensor{}, nil, err
	}
	c.addResidual(y.Data, out.Data, b.PostFFN)
	run.products = slices.Concat(attention.Projections, ffn.Projections)
	r := &receipt.Block{StartPosition: start, NormEps: c.NormEps, Attention: attention, FFN: ffn}
	r.LayerRun = run.finish(y)
	return y, r, nil
}

// layerRun is one run of a layer by itself.
type layerRun struct {
	model    *Model
	session  *Session // for its cache and scratch memory
	schema   string
	layer    int
	x        stream.Tensor
	tokens   int
	products []*receipt.StreamXW
	started  time.Time
}

// checkLayer checks the arguments of a layer's run.
func (m *Model) checkLayer(schema string, layer int, x stream.Tensor, start int) (*layerRun, error) {
	c := m.Config
	if layer < 0 || layer >= c.Layers {
		return nil, fmt.Errorf("layer %d of %d: %w", layer, c.Layers, ErrLayer)
	}
	if len(x.Shape) != 2 || x.Shape[1] != c.Hidden || x.Shape[0] < 1 || x.Shape[0] != len(x.Data)/c.Hidden || len(x.Data)%c.Hidden != 0 {
		return nil, fmt.Errorf("x is %v of %d values, want [tokens, %d]: %w", x.Shape, len(x.Data), c.Hidden, stream.ErrShape)
	}
	if start < 0 || start > m.Plan.Context-x.Shape[0] {
		return nil, fmt.Errorf("%d vectors from position %d on, there is room for %d: %w", x.Shape[0], start, m.Plan.Context, ErrContext)
	}
	return &layerRun{model: m, schema: schema, layer: layer, x: x, tokens: x.Shape[0], started: time.Now()}, nil
}

// startLayer also makes a session, which the caller closes.
func (m *Model) startLayer(schema string, layer int, x stream.Tensor, start int) (*layerRun, error) {
	run, err := m.checkLayer(schema, layer, x, start)
	if err != nil {
		return nil, err
	}
	run.session, err = m.NewSession()
	return run, err
}

// chunks calls do for as many vectors at a time as the plan has room for.
func (r *layerRun) chunks(do func(at, n int) error) error {
	for at := 0; at < r.tokens; at += r.model.Plan.Chunk {
		if err := do(at, min(r.model.Plan.Chunk, r.tokens-at)); err != nil {
			return err
		}
	}
	return nil
}

// recorded returns a copy of a block whose projections leave receipts.
func (r *layerRun) recorded(b *Block) *Block {
	recorded := *b
	a, f := &recorded.Attention, &recorded.FFN
	for _, l := range []*Linear{&a.Q, &a.K, &a.V, &a.O, &f.Gate, &f.Up, &f.Down} {
		l.W = &recordedProjection{Projection: l.W, run: r}
	}
	return &recorded
}

// finish makes what all layers' receipts share.
func (r *layerRun) finish(y stream.Tensor) receipt.LayerRun {
	run := receipt.LayerRun{
		Schema: r.schema, Architecture: r.model.Config.Architecture, Layer: r.layer, Tokens: r.tokens, Hidden: r.model.Config.Hidden,
		DurationMS: milliseconds(time.Since(r.started)),
		ComputeProof: receipt.ComputeProof{
			InputSHA256:  receipt.HashFloat32(r.x.Data),
			OutputSHA256: receipt.HashFloat32(y.Data),
		},
		Timestamp: time.Now().UTC().Format(timestamp),
		Status:    "PASS",
	}
	for _, p := range r.products {
		run.ProjectionsMS += p.DurationMS
	}
	return run
}
