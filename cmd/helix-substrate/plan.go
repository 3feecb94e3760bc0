package main

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
)

type planCommand struct {
	Dir string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face directory, or a file of GGUF, safetensors or PyTorch."`
	draftFlag
	modelFlags
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *planCommand) Help() string {
	return "Example:\n  helix-substrate plan tinystories --memory 64MiB -c 512"
}

func (c *planCommand) Run(env *environment) error {
	memory.Lean() // as a run under a limit does
	options, err := c.optionsWith(c.draftFlag)
	if err != nil {
		return err
	}
	opening, err := generate.Begin(env.ctx, c.Dir, options)
	if errors.Is(err, generate.ErrNoTokenizer) { // a model can be planned without one
		opening, err = generate.BeginIDs(c.Dir, options), nil
	}
	if err != nil {
		return err
	}
	if _, err := opening.Embedder(env.ctx); err != nil { // its layers are in memory beside the model
		return err
	}
	p, err := opening.Plan(env.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, p)
	}
	resident := 0
	for _, m := range p.Matrices {
		if m.Resident {
			resident++
		}
	}
	limit := "none"
	if p.Limit > 0 {
		limit = size(p.Limit)
		if p.LimitSource == memory.Cgroup {
			limit += ", most of what the control group allows"
		}
	}
	states := ""
	if p.Snapshots > 0 {
		states = fmt.Sprintf(", with states and %d copies of them", p.Snapshots)
	}
	fields := append([]field{
		{"limit", limit},
		{"program and tokenizer", size(p.Program)},
		{"keys and values", fmt.Sprintf("%s for %d tokens in %s%s", size(p.Cache), p.Context, p.CacheType, states)},
		{"activations", fmt.Sprintf("%s for %d tokens of a prompt at a time, %d attention workers", size(p.Scratch), p.Chunk, p.Workers)},
		{"block buffers", size(p.Buffers)},
		{"resident weights", fmt.Sprintf("%s, %d of %d matrices", size(p.Resident), resident, len(p.Matrices))},
	}, expertFields(p)...)
	fields = append(fields, field{"streamed weights", fmt.Sprintf("%s of files, read for every token or chunk", size(p.Streamed))})
	if p.Window > 0 {
		fields = append(fields, field{"window", size(p.Window) + ", through which blocks come"})
	}
	if at, err := opening.Location(env.ctx); err == nil && at.Fetched() > 0 {
		fields = append(fields, field{"fetched", fmt.Sprintf("%s for this plan; weights are fetched when they are used", size(at.Fetched()))})
	}
	if p.Draft != nil {
		fields = append(fields, field{"draft", size(p.Draft.Total()) + ", all of its weights"})
	}
	writeFields(env.stdout, append(fields, field{"in all", size(p.Total())}, field{"smallest limit", size(p.Minimum)}))
	return nil
}
