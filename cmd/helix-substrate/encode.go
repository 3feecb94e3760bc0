package main

import (
	"cmp"
	"fmt"

	"github.com/helix-substrate/helix-substrate/convert"
)

type encodeCommand struct {
	In      string `input:"file" arg:"" name:"in" placeholder:"IN.npy" help:"The matrix: a .npy array; more dimensions than two are folded into rows."`
	Out     string `output:"matrix" name:"out" short:"o" required:"" placeholder:"OUT.cdna2.hxz" help:"Where it goes; an ending of .cdna writes version 1."`
	Sidecar string `output:"outliers" name:"sidecar" placeholder:"OUT.hxzo" help:"Allow outliers to be kept apart, as float16, in this file, where that is smaller at the same error."`
	Name    string `text:"" name:"name" help:"The tensor's name (default: the input's file name)."`
	compressionFlags
	JSON bool `name:"json" help:"Print a JSON report."`
}

func (c *encodeCommand) Help() string {
	return "Example:\n  helix-substrate encode w.npy -o w.cdna2.hxz --snr 35 --sidecar w.hxzo"
}

func (c *encodeCommand) Run(env *environment) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	if o.NonFinite && c.Sidecar == "" {
		return usageError("--nonfinite=sidecar needs --sidecar OUT.hxzo")
	}
	name := cmp.Or(c.Name, convert.TensorName(c.In))
	report, err := convert.EncodeFile(env.ctx, c.In, convert.Target{Name: name, File: c.Out, Sidecar: c.Sidecar}, o)
	if err != nil {
		return err
	}
	env.notes(report.Notes)
	warnMissed(env, name, report)
	if c.JSON {
		return writeJSON(env.stdout, report)
	}
	writeFields(env.stdout, append([]field{{"file", c.Out}, {"tensor", name}}, matrixFields(report)...))
	return nil
}

// warnMissed says when a matrix did not reach the ratio or rate asked for.
func warnMissed(env *environment, tensor string, r *convert.MatrixReport) {
	switch {
	case !r.Missed():
	case r.WantedBits > 0:
		fmt.Fprintf(env.stderr, "helix-substrate: warning: %s: what a file holds beside so few weights leaves too little of %s bits; reached %.3f\n", tensor, decimal(r.WantedBits, 3), r.BitsPerWeight)
	default:
		fmt.Fprintf(env.stderr, "helix-substrate: warning: %s: %g dB is out of reach of %d values; reached %s\n", tensor, r.WantedSNRdB, r.Entries, snr(r.SNRdB))
	}
}

// blockSummary says how a matrix is cut; the last block may have fewer rows.
func blockSummary(blocks, rows int, codec string) string {
	return fmt.Sprintf("%d of %d rows, %s", blocks, rows, codec)
}

func matrixFields(r *convert.MatrixReport) []field {
	fields := []field{
		{"shape", shape(r.Rows, r.Cols)},
		{"codebook", fmt.Sprintf("%d values, %s", r.Entries, r.Method)},
		{"blocks", blockSummary(r.Blocks, min(r.BlockRows, r.Rows), r.Codec)},
		{"size", fmt.Sprintf("%s, %.3f bits per weight", size(r.Bytes), r.BitsPerWeight)},
		{"SNR", snr(r.SNRdB)},
		{"cosine", decimal(r.Cosine, 7)},
		{"largest error", fmt.Sprintf("%.3g", r.MaxAbsError)},
	}
	if r.Outliers > 0 {
		fields = append(fields, field{"sidecar", fmt.Sprintf("%d outliers, %s", r.Outliers, size(r.SidecarBytes))})
	}
	return fields
}

// snr prints decibels; nil is the ratio of exact weights.
func snr(db *float64) string {
	if db == nil {
		return "exact"
	}
	return decimal(*db, 2) + " dB"
}
