package main

import (
	"time"

	"github.com/helix-substrate/helix-substrate/cluster"
	"github.com/helix-substrate/helix-substrate/memory"
)

type workerCommand struct {
	Servers string        `text:"" arg:"" name:"addr" placeholder:"ADDR" help:"The broker, nats://HOST[,…]."`
	Name    string        `text:"" name:"name" placeholder:"NAME" help:"What the worker is called (default: the machine's name and the process's number)."`
	Source  string        `input:"model" name:"source" placeholder:"SRC" help:"Where the checkpoint lies on this machine, if not where the coordinator says."`
	Token   string        `text:"" name:"token" placeholder:"T" help:"The hub's access token (default: HF_TOKEN, or what 'hf auth login' stored)."`
	Memory  memory.Size   `name:"memory" placeholder:"SIZE" help:"Keep the whole process within SIZE (default: 90 % of what the control group allows)."`
	Threads int           `name:"threads" help:"Workers of this process; 0 means all cores."`
	Idle    time.Duration `name:"idle" placeholder:"TIME" help:"End when there has been nothing to do for TIME, such as 10m."`
	Quiet   bool          `name:"quiet" short:"q" help:"Say nothing of what is made."`
	brokerFlags
}

func (c *workerCommand) Help() string {
	return `Examples:
  helix-substrate worker nats://127.0.0.1:4222
  helix-substrate worker nats://me:secret@broker --source /models/mistral --memory 8GiB --idle 10m

It waits for a broker that is not there yet, and makes one tensor after the other for whoever converts
with --workers, until it is stopped, which gives the tensor at hand back. Whoever may give it work
has it read any checkpoint on this machine that it may read: docs/CLUSTER.md.`
}

func (c *workerCommand) Run(env *environment) error {
	o := cluster.WorkerOptions{
		Connection: c.connection(c.Servers), Name: c.Name, Source: c.Source, Token: c.Token, Memory: int64(c.Memory), Threads: c.Threads, Idle: c.Idle,
	}
	if !c.Quiet {
		o.Note = env.tell
	}
	return cluster.Work(env.ctx, o)
}
