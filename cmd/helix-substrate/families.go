package main

import (
	"fmt"

	helix "github.com/helix-substrate/helix-substrate"
)

type familiesCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists the families of models that run.
func (c *familiesCommand) Run(env *environment) error {
	list := helix.Families()
	if c.JSON {
		return writeJSON(env.stdout, list)
	}
	const line = "%-16s %-14s %-45s %s\n"
	fmt.Fprintf(env.stdout, line, "model_type", "GGUF", "compared with", "models, and what they have beyond Llama")
	for _, f := range list {
		fmt.Fprintf(env.stdout, line, f.Name, f.GGUF, f.Tested, f.About)
	}
	return nil
}
