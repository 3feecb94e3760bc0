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
	fmt.Fprintf(env.stdout, "%-16s %-14s %s\n", "model_type", "GGUF", "models, and what they have beyond Llama")
	for _, f := range list {
		fmt.Fprintf(env.stdout, "%-16s %-14s %s\n", f.Name, f.GGUF, f.About)
	}
	return nil
}
