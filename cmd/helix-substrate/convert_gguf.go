package main

// convertGGUFCommand is the original's verb, with its flags.
type convertGGUFCommand struct {
	File      string `input:"model" arg:"" name:"file" placeholder:"FILE" help:"A GGUF file, any part of a split one."`
	Output    string `output:"directory" name:"output" short:"o" required:"" placeholder:"DIR" help:"The model directory to make."`
	BlockRows string `text:"" name:"block-rows" placeholder:"N" default:"auto" help:"Rows of a block."`
	Codec     string `name:"codec" enum:"zstd,brotli,huff0,lz4,none" default:"zstd" help:"How blocks are packed: ${enum}."`
	Quiet     bool   `name:"quiet" short:"q" help:"No progress, no table."`
}

func (c *convertGGUFCommand) Help() string {
	return "The original's name for convert.\n\nExamples:\n  helix-substrate convert-gguf model.gguf -o model-dir --block-rows 16"
}

func (c *convertGGUFCommand) Run(env *environment) error {
	return (&convertCommand{
		Src: c.File, Out: c.Output, Quiet: c.Quiet,
		compressionFlags: compressionFlags{Method: "entropy", Codec: c.Codec, BlockRows: c.BlockRows, NonFinite: "refuse"},
	}).Run(env)
}
