package record

import (
	"context"
	"slices"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// LayerReceipt is the receipt of a layer in the original's schema: *legacy.Attention,
// *legacy.FFN or *legacy.Block.
type LayerReceipt interface{ Operations() []receipt.Operation }

// Layer runs what the claims say, a block or one of its parts by their operation, on
// vectors x [tokens, hidden], and completes the claims but for which model it is: of is
// that, if the caller knows it, else nil. Errors are those of [transformer.Model.Block].
func Layer(ctx context.Context, m *transformer.Model, of *Model, claims *receipt.LayerClaims, x stream.Tensor) (y stream.Tensor, detail LayerReceipt, err error) {
	r := layerRecorder{model: m}
	if of != nil {
		r.products.routes = of.decisions
	}
	trace := &transformer.Trace{Matrix: r.products.matrix, Layer: r.layer}
	switch claims.Operation {
	case receipt.OpAttention:
		y, err = m.Attention(ctx, claims.Layer, x, claims.Start, trace)
		detail = r.attention
	case receipt.OpFFN:
		y, err = m.FFN(ctx, claims.Layer, x, trace)
		detail = r.ffn
	default:
		y, err = m.Block(ctx, claims.Layer, x, claims.Start, trace)
		detail = r.block
	}
	if err != nil {
		return y, nil, err
	}
	claims.Model.Architecture, claims.Context, claims.Canon, claims.CanonVersion = m.Config.Architecture, m.Plan.Context, string(m.Canon()), transformer.CanonVersion
	if claims.Operation == receipt.OpFFN { // which knows neither positions nor a cache
		claims.Start, claims.Context, claims.CacheType = 0, 0, ""
	}
	claims.X = receipt.ArrayClaim{Shape: x.Shape, SHA256: receipt.HashFloat32(x.Data)}
	claims.Y = receipt.ArrayClaim{Shape: y.Shape, SHA256: receipt.HashFloat32(y.Data)}
	return y, detail, nil
}

// FindForLayer finds the model at path, and holds it to a root unless that is empty: what [OpenForLayer] opens and
// [FingerprintAt] claims of it is the same model then. Errors are those of [checkpoint.Find] and checkpoint.ErrRoot.
func FindForLayer(ctx context.Context, path, root string) (checkpoint.Location, error) {
	at, err := checkpoint.Find(ctx, path)
	if err != nil {
		return at, err
	}
	return at.Expect(root)
}

// OpenForLayer opens a model, without its tokenizer, with room for running [Layer]
// on x within the options' memory limit. Errors are those of [transformer.OpenAt].
func OpenForLayer(ctx context.Context, at checkpoint.Location, o transformer.Options, x stream.Tensor) (*transformer.Model, error) {
	o.Reserve += 3 * 4 * int64(len(x.Data)) // X, Y and a copy
	o.Opening, _ = memory.Peak()
	return transformer.OpenAt(ctx, at, o)
}

// layerRecorder makes the receipts of a layer's run as it is told of it.
type layerRecorder struct {
	model     *transformer.Model
	products  products
	attention *legacy.Attention
	ffn       *legacy.FFN
	block     *legacy.Block
}

func (r *layerRecorder) layer(l transformer.LayerRun) {
	c := r.model.Config
	switch l.Kind {
	case transformer.KindAttention:
		pairing := "half_split"
		if l.Rope.Interleaved {
			pairing = "interleaved"
		}
		r.attention = &legacy.Attention{
			LayerRun: r.run(l, legacy.AttentionSchema, r.products.list), Projections: r.products.list,
			StartPosition: l.Start, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
			SlidingWindow: l.Window, Chunked: l.Chunked, RopePairing: pairing, RopeTheta: l.Rope.Theta,
		}
	case transformer.KindFFN:
		r.ffn = &legacy.FFN{LayerRun: r.run(l, legacy.FFNSchema, r.products.list), Activation: string(c.Activation), Projections: r.products.list}
	case transformer.KindBlock:
		both := slices.Concat(r.attention.Projections, r.ffn.Projections)
		r.block = &legacy.Block{LayerRun: r.run(l, legacy.BlockSchema, both), StartPosition: l.Start, NormEps: c.NormEps, Attention: r.attention, FFN: r.ffn}
	}
	r.products.list = nil
}

// run makes what all layers' receipts share.
func (r *layerRecorder) run(l transformer.LayerRun, schema string, products []*legacy.StreamXW) legacy.LayerRun {
	c := r.model.Config
	run := legacy.LayerRun{
		Schema: schema, Architecture: c.Architecture, Layer: l.Layer, Tokens: l.X.Shape[0], Hidden: c.Hidden,
		ComputeProof: proofOf(l.X.Data, l.Y.Data), DurationMS: milliseconds(l.Duration), Timestamp: timestamp(), Status: "PASS",
	}
	for _, p := range products {
		run.ProjectionsMS += p.DurationMS
	}
	return run
}
