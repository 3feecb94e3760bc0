package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/cluster"
)

type statusCommand struct {
	Servers string `text:"" arg:"" name:"addr" placeholder:"ADDR" help:"The broker, nats://HOST[,…]."`
	JSON    bool   `name:"json" help:"Print JSON."`
	brokerFlags
}

func (c *statusCommand) Help() string {
	return "Example:\n  helix-substrate convert status nats://127.0.0.1:4222"
}

func (c *statusCommand) Run(env *environment) error {
	s, err := cluster.Look(env.ctx, c.connection(c.Servers))
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, s)
	}
	for _, j := range s.Jobs {
		fmt.Fprintf(env.stdout, "%s → %s: %s, %d of %d items, %s of %s\n", j.Source, j.Output, j.State, j.Made, j.Items, size(j.Done), size(j.Bytes))
		for _, line := range []string{j.Waiting, j.Error} {
			if line != "" {
				fmt.Fprintf(env.stdout, "  %s\n", line)
			}
		}
		if len(j.Liars) > 0 {
			fmt.Fprintf(env.stdout, "  workers that made something else than others: %s\n", strings.Join(j.Liars, ", "))
		}
	}
	rows := make([][]string, len(s.Workers))
	for i, w := range s.Workers {
		at := "waits"
		if w.Tensor != "" {
			at = w.Tensor
		}
		rows[i] = []string{w.Worker, at, fmt.Sprint(w.Made), fmt.Sprint(w.Failed), max(0, s.Now.Sub(w.Heard)).Round(time.Second).String(), w.Error}
	}
	writeTable(env.stdout, []string{"worker", "at", "made", "failed", "heard ago", "last error"}, rows)
	return nil
}
