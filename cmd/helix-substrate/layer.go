package main

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

type layerCommand struct {
	Dir   string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face directory, or a file of GGUF, safetensors or PyTorch."`
	Layer int    `name:"layer" default:"0" placeholder:"N" help:"Which layer, counted from 0."`
	Part  string `name:"part" enum:"block,attention,ffn" default:"block" help:"${enum}: a block takes raw vectors, its parts normalized ones."`
	X     string `input:"file" name:"x" required:"" placeholder:"X.npy" help:"The vectors [tokens, hidden]."`
	Start int    `name:"start" default:"0" help:"The position of the first vector."`
	Out   string `output:"array" name:"out" short:"o" required:"" placeholder:"Y.npy" help:"Where the layer's output goes."`
	receiptFlags
	modelFlags
}

func (c *layerCommand) Help() string {
	return "Example:\n  helix-substrate layer tinystories --layer 2 --x x.npy -o y.npy --receipt r.json"
}

func (c *layerCommand) Run(env *environment) error {
	rec, err := newRecord(c.receiptFlags, c.Threads, map[string]string{"model": c.Dir, "x": c.X, "y": c.Out})
	if err != nil {
		return err
	}
	defer rec.abort()
	if err := sayRounded(env, c.X); err != nil {
		return err
	}
	var x stream.Tensor
	if x.Data, x.Shape, err = npy.ReadFloat32(c.X); err != nil {
		return err
	}
	m, err := c.open(env, c.Dir, layerMemory(x))
	if err != nil {
		return err
	}
	defer m.Close()
	ran(&rec.Measurements, &c.modelFlags, m)
	claims := receipt.LayerClaims{Operation: layerOperations[c.Part], Layer: c.Layer, Start: c.Start, CacheType: c.Cache, Verify: c.claim()}
	if c.wanted() {
		if claims.Model, err = c.fingerprint(env, c.Dir); err != nil {
			return err
		}
	}
	y, detail, err := runLayer(env.ctx, m, &claims, x)
	if err != nil {
		return err
	}
	if err := npy.Create(c.Out, y.Shape, y.Data); err != nil {
		return err
	}
	rec.Detail = detail
	rec.Add(detail.Operations()...)
	if err := rec.write(env.ctx, claims); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s, sha256 %s\n", c.Out, shape(y.Shape...), claims.Y.SHA256)
	return err
}

// layerOperations are the receipts' names of --part.
var layerOperations = map[string]string{"block": receipt.OpBlock, "attention": receipt.OpAttention, "ffn": receipt.OpFFN}

// layerMemory is what a layer's vectors take besides the model's own: X, Y and a copy.
func layerMemory(x stream.Tensor) int64 { return 3 * 4 * int64(len(x.Data)) }

// layerReceipt is the receipt of a block or of one of its parts.
type layerReceipt interface{ Operations() []receipt.Operation }

// runLayer runs what the claims say on x and completes them, but for the model's root.
// It returns the layer's own receipt too.
func runLayer(ctx context.Context, m *transformer.Model, claims *receipt.LayerClaims, x stream.Tensor) (y stream.Tensor, detail layerReceipt, err error) {
	switch claims.Operation {
	case receipt.OpAttention:
		y, detail, err = m.Attention(ctx, claims.Layer, x, claims.Start)
	case receipt.OpFFN:
		y, detail, err = m.FFN(ctx, claims.Layer, x)
	default:
		y, detail, err = m.Block(ctx, claims.Layer, x, claims.Start)
	}
	if err != nil {
		return y, nil, err
	}
	claims.Model.Architecture, claims.Context = m.Config.Architecture, m.Plan.Context
	if claims.Operation == receipt.OpFFN { // which knows neither positions nor a cache
		claims.Start, claims.Context, claims.CacheType = 0, 0, ""
	}
	claims.X = receipt.ArrayClaim{Shape: x.Shape, SHA256: receipt.HashFloat32(x.Data)}
	claims.Y = receipt.ArrayClaim{Shape: y.Shape, SHA256: receipt.HashFloat32(y.Data)}
	return y, detail, nil
}
