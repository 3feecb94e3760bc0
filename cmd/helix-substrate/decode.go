package main

import (
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type decodeCommand struct {
	File    string `input:"file" arg:"" name:"file" placeholder:"FILE" help:"A CDNA file: version 1, 2, lossless or lattice."`
	Out     string `output:"array" name:"out" short:"o" required:"" placeholder:"OUT.npy" help:"Where the matrix goes, as float32; a lossless float64 or float16 one as it is."`
	Sidecar string `input:"file" name:"sidecar" placeholder:"S.hxzo" help:"The file of outliers, which are put back in their places."`
	receiptFlags
	JSON bool `name:"json" help:"Print a JSON report."`
}

func (c *decodeCommand) Help() string {
	return "Example:\n  helix-substrate decode w.cdna2.hxz -o w.npy --sidecar w.hxzo"
}

func (c *decodeCommand) Run(env *environment) error {
	if convert.IsLossless(c.File) {
		switch {
		case c.wanted():
			return usageError("--receipt: of a lossless file, see convert --receipt")
		case c.Sidecar != "":
			return usageError("--sidecar: " + c.File + " is lossless and has none")
		}
	}
	rec, err := c.receiptFlags.start(1, map[string]string{"file": c.File, "sidecar": c.Sidecar})
	if err != nil {
		return err
	}
	defer rec.Abort()
	start := time.Now()
	report, err := convert.DecodeFile(env.ctx, c.File, c.Sidecar, c.Out)
	if err != nil {
		return err
	}
	env.notes(report.Notes)
	if c.wanted() {
		claims, operations, err := record.Decode(env.ctx, c.File, c.Sidecar, c.Out, report.Outliers)
		if err != nil {
			return err
		}
		operations[0].TimingMS = receipt.Milliseconds(time.Since(start))
		rec.Add(operations...)
		if err := rec.Write(env.ctx, claims); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(env.stdout, report)
	}
	name := map[string]string{"F64": "float64", "F32": "float32", "F16": "float16"}[report.DType]
	_, err = fmt.Fprintf(env.stdout, "%s: %s %s\n", c.Out, shape(report.Shape...), name)
	return err
}
