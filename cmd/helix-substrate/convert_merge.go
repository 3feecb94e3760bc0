package main

import "github.com/helix-substrate/helix-substrate/convert"

type mergeCommand struct {
	Shards []string `input:"model" arg:"" name:"shard" placeholder:"DIR" help:"All shards that convert --shard has made, in any order."`
	Out    string   `output:"directory" name:"out" short:"o" aliases:"output" required:"" placeholder:"DIR" help:"The model directory to make; it must not exist yet."`
	Quiet  bool     `name:"quiet" short:"q" help:"No table."`
	JSON   bool     `name:"json" help:"Print a JSON report."`
}

func (c *mergeCommand) Help() string {
	return `Example:
  helix-substrate convert merge shards/* -o model-dir

Every file is compared with its hash. The result, and its root, are those of one machine.
The shards stay; a merge that was stopped is continued by the same command.`
}

func (c *mergeCommand) Run(env *environment) error {
	report, err := convert.Merge(env.ctx, c.Shards, c.Out)
	if err != nil {
		return interrupted(err)
	}
	env.notes(report.Notes)
	switch {
	case c.JSON:
		return writeJSON(env.stdout, report)
	case !c.Quiet:
		printConversion(env, report)
	}
	return nil
}
