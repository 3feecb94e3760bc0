package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/bench"
)

type benchCodecCommand struct {
	File string  `input:"file" arg:"" optional:"" name:"file" placeholder:"FILE" help:"A CDNA or lattice file whose indices are used (default: 4 Mi indices of normal weights)."`
	SNR  float64 `name:"snr" default:"35" help:"Without FILE: the ratio, in dB, of the synthetic indices."`
	JSON bool    `name:"json" help:"Print JSON."`
}

func (c *benchCodecCommand) Help() string {
	return "Example:\n  helix-substrate bench codec w.cdna2.hxz"
}

func (c *benchCodecCommand) Run(env *environment) error {
	r, err := bench.Codecs(env.ctx, c.File, c.SNR)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	rows := make([][]string, len(r.Results))
	for i, m := range r.Results {
		rows[i] = []string{
			fmt.Sprintf("%s %d", m.Codec, m.Level), fmt.Sprint(m.BlockRows), size(int64(m.BlockBytes)),
			decimal(m.BitsPerWeight, 3), decimal(m.EncodeMBs, 0), decimal(m.DecodeMBs, 0),
		}
	}
	writeTable(env.stdout, []string{"codec, level", "block rows", "block", "bits/weight", "encode MB/s", "decode MB/s"}, rows)
	fmt.Fprintf(env.stdout, "\n%d indices of entropy %.3f bits; MB of indices, one core; automatic block rows: %d\n", r.Indices, r.Entropy, r.BlockRows)
	return nil
}
