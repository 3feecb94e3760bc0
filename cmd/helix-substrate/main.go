// Command helix-substrate compresses neural-network weights into verified CDNA
// files and multiplies straight from the compressed blocks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/memory"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailure     = 1   // the operation failed, or verification found damage
	exitUsage       = 2   // the command line is wrong
	exitInterrupted = 130 // stopped by Ctrl-C or SIGTERM; nothing half-written stays
)

// commandLine is the whole command line: one field and one file a verb.
type commandLine struct {
	Convert     convertCommand     `cmd:"" help:"Compress a checkpoint (Hugging Face, GGUF, PyTorch, .npy) into a model directory."`
	Merge       mergeCommand       `cmd:"" name:"convert merge" help:"Make one model directory of the shards of a conversion."`
	Status      statusCommand      `cmd:"" name:"convert status" help:"Show how far conversions by workers are."`
	Worker      workerCommand      `cmd:"" help:"Make tensors for conversions on other machines."`
	ConvertGGUF convertGGUFCommand `cmd:"" name:"convert-gguf" help:"Compress a GGUF file: convert, by the original's name."`
	Encode      encodeCommand      `cmd:"" help:"Compress one .npy matrix into a CDNA file."`
	Decode      decodeCommand      `cmd:"" help:"Expand a CDNA file into a .npy matrix."`
	Inspect     inspectCommand     `cmd:"" help:"Show what a CDNA file, model directory or checkpoint holds, reading headers only."`
	Verify      verifyCommand      `cmd:"" help:"Check every block and file of a CDNA file, sidecar or model directory."`
	MatMul      matmulCommand      `cmd:"" name:"matmul" help:"Multiply by a matrix straight from its compressed blocks."`
	Run         runCommand         `cmd:"" help:"Continue a text, or chat, with a model within a memory limit."`
	Serve       serveCommand       `cmd:"" help:"Answer the requests of OpenAI's API over HTTP, within a memory limit."`
	Embed       embedCommand       `cmd:"" help:"Write a vector of each text, as an embedding model makes it."`
	Forward     forwardCommand     `cmd:"" name:"forward" help:"Write the logits that follow each token of a text."`
	Layer       layerCommand       `cmd:"" name:"layer" help:"Run one layer of a model on given vectors."`
	Eval        evalCommand        `cmd:"" help:"Measure a model's predictions: perplexity, divergence from the original."`
	Receipt     receiptCommand     `cmd:"" name:"receipt" help:"Show, verify, sign, log and replay receipts."`
	Export      exportCommand      `cmd:"" name:"export" help:"Write a model as safetensors or GGUF."`
	Push        pushCommand        `cmd:"" help:"Send a model directory to a registry, the hub or an object store."`
	Pull        pullCommand        `cmd:"" help:"Fetch a model directory from where it lies, verified."`
	Diff        diffCommand        `cmd:"" name:"diff" help:"Compare two models tensor by tensor."`
	SE          seCommand          `cmd:"" name:"se" help:"Measure Structural Entropy: how complex each matrix is, and where to compute it."`
	Plan        planCommand        `cmd:"" help:"Show where a model's memory would go under a limit."`
	Bench       benchCommand       `cmd:"" help:"Measure memory, codecs and codebooks on this machine."`
	Demo        demoCommand        `cmd:"" help:"Convert, verify and run a built-in model under a small limit, explained step by step."`
	Families    familiesCommand    `cmd:"" help:"List the families of models that run."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

func main() {
	memory.Trim()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run parses args, runs the verb and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c commandLine
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("helix-substrate"),
		kong.Description("Compress model weights, prove what the compression did, and run models straight from the compressed form."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
	)
	if err != nil {
		fmt.Fprintln(stderr, "helix-substrate:", err)
		return exitFailure
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(joinNegative(joinVerb(parser.Model.Children, args)))
	if exited >= 0 {
		return exited // --help
	}
	if err != nil {
		fmt.Fprintf(stderr, "helix-substrate: %v (%s)\n", err, helpHint(err))
		return exitUsage
	}
	if err := checkOutputs(parsed.Selected()); err != nil {
		fmt.Fprintf(stderr, "helix-substrate: %v\n", err)
		return exitUsage
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that left is an error of writing, and verbs clean up
	ctx, stop := untilSignal(stderr, patienceOf(parsed.Selected()))
	defer stop()
	out := &checkedWriter{w: stdout}
	err = parsed.Run(&environment{ctx: ctx, stdin: stdin, stdout: out, stderr: stderr})
	if err == nil && out.err != nil {
		err = fmt.Errorf("write to standard output: %w", out.err)
	}
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		if errors.Is(err, errUnfinished) {
			fmt.Fprintf(stderr, "helix-substrate: interrupted; %v\n", errUnfinished)
		} else {
			fmt.Fprintln(stderr, "helix-substrate: interrupted; nothing half-written is left")
		}
		return exitInterrupted
	case isUsage(err):
		fmt.Fprintf(stderr, "helix-substrate: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "helix-substrate: %s\n", explain(err))
	return exitFailure
}

// joinVerb makes one argument of the two words of a verb such as "convert merge": convert is a verb by itself, too, and keeps its flags.
func joinVerb(verbs []*kong.Node, args []string) []string {
	if len(args) < 2 {
		return args
	}
	name := args[0] + " " + args[1]
	if slices.ContainsFunc(verbs, func(n *kong.Node) bool { return n.Name == name }) {
		return append([]string{name}, args[2:]...)
	}
	return args
}

// joinNegative writes --flag -1 as --flag=-1: a number below zero behind a flag is its value, not flags.
func joinNegative(args []string) []string {
	joined := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		if last := len(joined) - 1; len(arg) > 1 && arg[0] == '-' && '0' <= arg[1] && arg[1] <= '9' && last >= 0 && strings.HasPrefix(joined[last], "--") && !strings.Contains(joined[last], "=") {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

// isUsage tells a command line that makes no sense from work that failed.
func isUsage(err error) bool {
	return errors.As(err, new(usageError)) || errors.Is(err, helix.ErrOption) || errors.Is(err, helix.ErrProductOption) ||
		errors.Is(err, helix.ErrDesignOption) || errors.Is(err, helix.ErrCodecLevel)
}

// helpHint says where a command line that does not parse finds help: with its verb, if it names one.
func helpHint(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil || parse.Context.Selected() == nil {
		return "see helix-substrate --help"
	}
	verb := parse.Context.Selected()
	hint := "see " + verb.FullPath() + " --help"
	if strings.HasPrefix(err.Error(), "unexpected argument") && slices.ContainsFunc(verb.Positional, isText) {
		return "a text of several words goes in quotes; " + hint
	}
	return hint
}

// isText tells an argument that is a text, not a file.
func isText(argument *kong.Positional) bool { return argument.Tag.Has("text") }

// checkedWriter remembers the first error, so that a report that got lost is no
// success.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

// environment is what a verb may use of the world.
type environment struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer

	noted map[string]bool
}

// note prints a line about the run to standard error, once; nothing if it is empty.
func (env *environment) note(text string) {
	if text == "" || env.noted[text] {
		return
	}
	if env.noted == nil {
		env.noted = map[string]bool{}
	}
	env.noted[text] = true
	fmt.Fprintf(env.stderr, "helix-substrate: %s\n", text)
}

// notes prints what a library has to say of its inputs.
func (env *environment) notes(list []string) {
	for _, text := range list {
		env.note(text)
	}
}

// tell prints what happens meanwhile to standard error, as often as it does.
func (env *environment) tell(line string) { fmt.Fprintf(env.stderr, "helix-substrate: %s\n", line) }

// set gives an option that has a type of its own what a flag says.
func set[T ~string](option *T, flag string) { *option = T(flag) }

// usageError is a command line that parses and makes no sense.
type usageError string

func (e usageError) Error() string { return string(e) }
