package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/transfer"
)

type pushCommand struct {
	Dir     string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory."`
	To      string `text:"" arg:"" name:"address" placeholder:"ADDRESS" help:"Where it goes: oci://registry/name:tag, hf://owner/name or s3://bucket/prefix."`
	Mount   string `text:"" name:"mount" placeholder:"NAME" help:"Another repository of the same registry: layers that it has are not sent."`
	Create  bool   `name:"create" help:"Make the hub's repository, a private one, if there is none."`
	Message string `text:"" name:"message" short:"m" placeholder:"TEXT" help:"What the hub's commit says."`
	Threads int    `name:"threads" help:"Workers that verify; 0 means one."`
	Quiet   bool   `name:"quiet" short:"q" help:"No progress, no summary."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

func (c *pushCommand) Help() string {
	return "Examples:\n  helix-substrate push tinystories oci://registry.example/models/tinystories:v1\n  helix-substrate push tinystories hf://owner/tinystories --create"
}

func (c *pushCommand) Run(env *environment) error {
	o := transfer.PushOptions{Threads: c.Threads, Mount: c.Mount, Create: c.Create, Message: c.Message}
	if !c.Quiet {
		progress := newProgress(env.stderr)
		defer progress.finish()
		o.Progress = progress.update
	}
	r, err := transfer.Push(env.ctx, c.Dir, c.To, o)
	if err != nil {
		return interrupted(err)
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	if !c.Quiet {
		fmt.Fprintf(env.stdout, "%s: %d of %d files sent, %s of %s\nroot %s\n", r.Address, r.Sent, r.Files, size(r.SentBytes), size(r.Bytes), r.Root)
	}
	return nil
}
