package main

import (
	"fmt"
	"strings"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/overwrite"
)

type exportCommand struct {
	Path  string `input:"model" arg:"" name:"path" placeholder:"DIR" help:"A model directory, or a checkpoint as for convert."`
	Out   string `output:"file" name:"out" short:"o" required:"" placeholder:"FILE" help:"A .safetensors or .gguf file; it must not exist yet. Beside a model.safetensors go config.json and the tokenizer."`
	DType string `name:"dtype" enum:"source,f32,f16,bf16" default:"source" help:"${enum}: what weights are written as; source: as they were before converting."`
	Quiet bool   `name:"quiet" short:"q" help:"No progress, no summary."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

func (c *exportCommand) Help() string {
	return `Examples:
  helix-substrate export tinystories-cdna -o model.safetensors
  helix-substrate export tinystories-cdna -o model.gguf --dtype f16`
}

// unnamedOutputs are those of no flag: what may be written beside the weights.
func (c *exportCommand) unnamedOutputs() []overwrite.Output {
	var list []overwrite.Output
	for _, path := range helix.ExportCompanions(c.Out) {
		list = append(list, overwrite.Output{Flag: "beside -o:", Path: path, Kind: overwrite.File})
	}
	return list
}

func (c *exportCommand) Run(env *environment) error {
	o := helix.ExportOptions{}
	set(&o.DType, c.DType)
	if !c.Quiet {
		progress := newProgress(env.stderr)
		defer progress.finish()
		o.Progress = progress.update
	}
	r, err := helix.Export(env.ctx, c.Path, c.Out, o)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	if !c.Quiet {
		fmt.Fprintf(env.stdout, "%s: %d tensors, %s\n", r.Output, r.Tensors, size(r.Bytes))
		if len(r.Files) > 0 {
			fmt.Fprintf(env.stdout, "beside it: %s\n", strings.Join(r.Files, ", "))
		}
		for _, note := range r.Notes {
			fmt.Fprintf(env.stdout, "note: %s\n", note)
		}
	}
	return nil
}
