package main

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
)

type benchCodebookCommand struct {
	File string `input:"model" arg:"" name:"file" placeholder:"FILE" help:"Real weights: a .npy matrix or a .safetensors file, of which all matrices are used."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (c *benchCodebookCommand) Help() string {
	return "Example:\n  helix-substrate bench codebook model.safetensors"
}

func (c *benchCodebookCommand) Run(env *environment) error {
	matrices, err := loadMatrices(env.ctx, c.File)
	if err != nil {
		return err
	}
	var results []bench.CodebookResult
	for _, s := range bench.CodebookSettings() {
		if err := env.ctx.Err(); err != nil {
			return err
		}
		r, err := bench.Codebook(env.ctx, s, matrices)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"file": c.File, "matrices": len(matrices), "results": results})
	}
	rows := make([][]string, len(results))
	for i, r := range results {
		rows[i] = []string{
			r.Setting, decimal(r.Entropy, 3), snr(r.SNRdB), decimal(r.Cosine, 7), fmt.Sprintf("%.2e", r.MaxError), decimal(r.WeightsPerSec/1e6, 0),
		}
	}
	writeTable(env.stdout, []string{"codebook", "entropy bits", "SNR", "cosine", "largest error", "M weights/s"}, rows)
	fmt.Fprintf(env.stdout, "\n%d matrices of %s, a codebook each; one core\n", len(matrices), c.File)
	return nil
}

// loadMatrices reads the matrices of a checkpoint, or one array, into memory.
func loadMatrices(ctx context.Context, path string) ([]bench.Matrix, error) {
	f, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var matrices []bench.Matrix
	tensors := f.Tensors()
	for _, t := range tensors {
		if !t.IsFloat() || t.Len() == 0 || len(t.Shape) < 2 && len(tensors) > 1 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := bench.Matrix{Name: t.Name, Weights: make([]float32, t.Len())}
		if err := t.ReadFloat32(m.Weights, 0); err != nil {
			return nil, err
		}
		matrices = append(matrices, m)
	}
	if len(matrices) == 0 {
		return nil, fmt.Errorf("%s: holds no matrix", path)
	}
	return matrices, nil
}
