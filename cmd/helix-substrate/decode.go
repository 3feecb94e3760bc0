package main

import (
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

type decodeCommand struct {
	File    string `arg:"" name:"file" placeholder:"FILE" help:"A CDNA file, version 1 or 2."`
	Out     string `name:"out" short:"o" required:"" placeholder:"OUT.npy" help:"Where the float32 matrix goes."`
	Sidecar string `name:"sidecar" placeholder:"S.hxzo" help:"The file of outliers, which are put back in their places."`
	JSON    bool   `name:"json" help:"Print a JSON report."`
}

func (c *decodeCommand) Help() string {
	return "Example:\n  helix-substrate decode w.cdna2.hxz -o w.npy --sidecar w.hxzo"
}

func (c *decodeCommand) Run(env *environment) error {
	if err := distinct([]string{c.File, c.Sidecar}, []string{c.Out}); err != nil {
		return err
	}
	f, err := cdna.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	var s *cdna.Sidecar
	if c.Sidecar != "" {
		if s, err = cdna.OpenSidecar(c.Sidecar); err != nil {
			return err
		}
	}
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		return convert.Decode(env.ctx, w, f, s)
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"file": c.Out, "tensor_name": f.Header().TensorName, "shape": []int{f.Rows(), f.Cols()}})
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s float32\n", c.Out, shape(f.Rows(), f.Cols()))
	return err
}
