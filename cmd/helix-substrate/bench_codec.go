package main

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/bench"
)

type benchCodecCommand struct {
	File string  `input:"file" arg:"" optional:"" name:"file" placeholder:"FILE" help:"A CDNA file whose indices are used (default: 4 Mi indices of normal weights)."`
	SNR  float64 `name:"snr" default:"35" help:"Without FILE: the ratio, in dB, of the synthetic indices."`
	JSON bool    `name:"json" help:"Print JSON."`
}

func (c *benchCodecCommand) Help() string {
	return "Example:\n  helix-substrate bench codec w.cdna2.hxz"
}

// benchIndices bounds how many indices of a file are used.
const benchIndices = 1 << 22

func (c *benchCodecCommand) Run(env *environment) error {
	indices, cols, err := c.indices(env.ctx)
	if err != nil {
		return err
	}
	auto := cdna.AutoBlockRows(len(indices)/cols, cols)
	var results []bench.CodecResult
	for _, blockRows := range []int{max(1, auto/16), max(1, auto/4), auto, auto * 4} {
		for _, s := range bench.CodecSettings() {
			r, err := bench.Codec(env.ctx, s, indices, cols, blockRows)
			if err != nil {
				return err
			}
			results = append(results, r)
		}
	}
	entropy := bench.Entropy(indices)
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"indices": len(indices), "entropy_bits": entropy, "results": results})
	}
	rows := make([][]string, len(results))
	for i, r := range results {
		rows[i] = []string{
			fmt.Sprintf("%s %d", r.Codec, r.Level), fmt.Sprint(r.BlockRows), size(int64(r.BlockBytes)),
			decimal(r.BitsPerWeight, 3), decimal(r.EncodeMBs, 0), decimal(r.DecodeMBs, 0),
		}
	}
	writeTable(env.stdout, []string{"codec, level", "block rows", "block", "bits/weight", "encode MB/s", "decode MB/s"}, rows)
	fmt.Fprintf(env.stdout, "\n%d indices of entropy %.3f bits; MB of indices, one core; automatic block rows: %d\n", len(indices), entropy, auto)
	return nil
}

func (c *benchCodecCommand) indices(ctx context.Context) (indices []byte, cols int, err error) {
	if c.File == "" {
		indices, err = bench.GaussianIndices(benchIndices, c.SNR)
		return indices, 4096, err
	}
	f, err := openCDNA(ctx, c.File)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	rows := min(f.Rows(), max(1, benchIndices/f.Cols()))
	indices = make([]byte, rows*f.Cols())
	return indices, f.Cols(), f.ReadRows(indices, 0, rows, cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0))
}
