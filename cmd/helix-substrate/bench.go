package main

type benchCommand struct {
	Memory     benchMemoryCommand     `cmd:"" help:"Peak memory of a streamed product beside a dense one."`
	MatMul     benchMatMulCommand     `cmd:"" name:"matmul" help:"Products from resident and streamed matrices beside dense ones."`
	Kernels    benchKernelsCommand    `cmd:"" help:"The table of docs/KERNELS.md: every speed that is promised, measured."`
	Codec      benchCodecCommand      `cmd:"" help:"Size and speed of every codec at several block sizes."`
	Codebook   benchCodebookCommand   `cmd:"" help:"Error and rate of every codebook method on real weights."`
	Generate   benchGenerateCommand   `cmd:"" help:"Tokens a second of a synthetic 1.1 B Llama, resident and streamed."`
	Generation benchGenerationCommand `cmd:"" hidden:"" help:"One run in a process of its own, for bench generate."`
	Phase      benchPhaseCommand      `cmd:"" hidden:"" help:"One product in a process of its own, for bench memory."`
}
