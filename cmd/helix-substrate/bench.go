package main

import "github.com/helix-substrate/helix-substrate/internal/bench"

type benchCommand struct {
	Memory   benchMemoryCommand   `cmd:"" help:"Peak memory of a streamed product beside a dense one."`
	MatMul   benchMatMulCommand   `cmd:"" name:"matmul" help:"Products from resident and streamed matrices beside dense ones."`
	Kernels  benchKernelsCommand  `cmd:"" help:"The table of docs/KERNELS.md: every speed that is promised, measured."`
	Codec    benchCodecCommand    `cmd:"" help:"Size and speed of every codec at several block sizes."`
	Codebook benchCodebookCommand `cmd:"" help:"Error and rate of every codebook method on real weights."`
	Generate benchGenerateCommand `cmd:"" help:"Tokens a second of a synthetic 1.1 B Llama, resident and streamed."`
	Compare  benchCompareCommand  `cmd:"" help:"A model's speed here beside a GGUF file's in llama.cpp, by turns, and the quality of both."`
	Child    benchChildCommand    `cmd:"" hidden:"" help:"One measurement in a process of its own, for the others."`
}

// benchChildCommand is what bench memory and bench generate start.
type benchChildCommand struct{}

func (c *benchChildCommand) Run(env *environment) error {
	return bench.Child(env.ctx, env.stdin, env.stdout)
}
