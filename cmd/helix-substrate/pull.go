package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/transfer"
)

type pullCommand struct {
	From    string `text:"" arg:"" name:"address" placeholder:"ADDRESS" help:"Where a model directory lies: oci://, hf://, s3://, https://."`
	Dir     string `output:"directory" arg:"" name:"dir" placeholder:"DIR" help:"The directory to make; it must not exist yet, unless it has a part of the same model."`
	Root    string `text:"" name:"root" placeholder:"SHA256" help:"The root that the model must have, known from elsewhere."`
	Tensors string `text:"" name:"tensors" placeholder:"REGEX" help:"Only the tensors whose names match, with the manifest and the files beside the tensors. The same command without it fetches the rest."`
	Quiet   bool   `name:"quiet" short:"q" help:"No progress, no summary."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

func (c *pullCommand) Help() string {
	return "Examples:\n  helix-substrate pull oci://registry.example/models/tinystories:v1 tinystories --root SHA256\n  helix-substrate pull hf://owner/tinystories embeddings --tensors embed_tokens"
}

func (c *pullCommand) Run(env *environment) error {
	o := transfer.PullOptions{Root: c.Root, Tensors: c.Tensors}
	if !c.Quiet {
		progress := newProgress(env.stderr)
		defer progress.finish()
		o.Progress = progress.update
	}
	r, err := transfer.Pull(env.ctx, c.From, c.Dir, o)
	if err != nil {
		return interrupted(err)
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	if !c.Quiet {
		whole := "verified"
		if r.Partial {
			whole = "verified; not the whole model, see " + transfer.PartialName
		}
		fmt.Fprintf(env.stdout, "%s: %d files, %s, %s\nroot %s\n", r.Dir, r.Files, size(r.Bytes), whole, r.Root)
	}
	return nil
}
