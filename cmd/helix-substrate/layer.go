package main

import (
	"context"
	"fmt"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type layerCommand struct {
	Dir    string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face directory, or a file of GGUF, safetensors or PyTorch."`
	Layer  int    `name:"layer" default:"0" placeholder:"N" help:"Which layer, counted from 0."`
	Part   string `name:"part" enum:"block,attention,ffn" default:"block" help:"${enum}: a block takes raw vectors, its parts normalized ones."`
	X      string `input:"file" name:"x" required:"" placeholder:"X.npy" help:"The vectors [tokens, hidden]."`
	Start  int    `name:"start" default:"0" help:"The position of the first vector."`
	Stream bool   `name:"stream" help:"Hold no matrix in memory: read each block when it is used."`
	Out    string `output:"array" name:"out" short:"o" required:"" placeholder:"Y.npy" help:"Where the layer's output goes."`
	receiptFlags
	modelFlags
}

func (c *layerCommand) Help() string {
	return "Example:\n  helix-substrate layer tinystories --layer 2 --x x.npy -o y.npy --receipt r.json"
}

func (c *layerCommand) Run(env *environment) error {
	rec, err := c.receiptFlags.start(c.Threads, map[string]string{"model": c.Dir, "x": c.X, "y": c.Out})
	if err != nil {
		return err
	}
	defer rec.Abort()
	x, rounding, err := helix.ReadTensor(env.ctx, c.X)
	if err != nil {
		return err
	}
	env.note(rounding)
	o, err := c.options()
	if err != nil {
		return err
	}
	o.Streamed = c.Stream
	at, err := record.FindForLayer(env.ctx, c.Dir, o.Root)
	if err != nil {
		return err
	}
	m, err := c.openModel(env, c.Dir, func(ctx context.Context) (*helix.Engine, error) { return record.OpenForLayer(ctx, at, o, x) })
	if err != nil {
		return err
	}
	defer m.Close()
	claims := receipt.LayerClaims{Operation: layerOperations[c.Part], Layer: c.Layer, Start: c.Start, CacheType: c.Cache, Verify: record.VerifyClaim(o.Verify)}
	var of *record.Model
	if c.wanted() {
		if of, err = record.FingerprintAt(env.ctx, at, o.Verify); err != nil {
			return err
		}
		claims.Model = of.Claim
	}
	record.DescribeRun(&rec.Measurements, m, o, of)
	y, detail, err := record.Layer(env.ctx, m, of, &claims, x)
	if err != nil {
		return err
	}
	if err := helix.WriteTensor(c.Out, y); err != nil {
		return err
	}
	rec.Detail = detail
	rec.Add(detail.Operations()...)
	if err := rec.Write(env.ctx, claims); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s, sha256 %s\n", c.Out, shape(y.Shape...), claims.Y.SHA256)
	return err
}

// layerOperations are the receipts' names of --part.
var layerOperations = map[string]string{"block": receipt.OpBlock, "attention": receipt.OpAttention, "ffn": receipt.OpFFN}
