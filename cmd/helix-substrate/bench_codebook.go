package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/bench"
)

type benchCodebookCommand struct {
	File string `input:"model" arg:"" name:"file" placeholder:"FILE" help:"Real weights: a .npy matrix or a .safetensors file, of which all matrices are used."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (c *benchCodebookCommand) Help() string {
	return "Example:\n  helix-substrate bench codebook model.safetensors"
}

func (c *benchCodebookCommand) Run(env *environment) error {
	r, err := bench.Codebooks(env.ctx, c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	rows := make([][]string, len(r.Results))
	for i, m := range r.Results {
		rows[i] = []string{
			m.Setting, decimal(m.Entropy, 3), snr(m.SNRdB), decimal(m.Cosine, 7), fmt.Sprintf("%.2e", m.MaxError), decimal(m.WeightsPerSec/1e6, 0),
		}
	}
	writeTable(env.stdout, []string{"codebook", "entropy bits", "SNR", "cosine", "largest error", "M weights/s"}, rows)
	fmt.Fprintf(env.stdout, "\n%d matrices of %s, a codebook each; one core\n", r.Matrices, c.File)
	return nil
}
