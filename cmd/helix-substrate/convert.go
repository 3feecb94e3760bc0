package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/memory"
)

// defaultConvertMemory is the default of --memory, where no control group allows less.
const defaultConvertMemory = 512 << 20

type convertCommand struct {
	Src            string        `input:"model" arg:"" name:"src" placeholder:"SRC" help:"A Hugging Face directory; one file: safetensors or its index, GGUF (any part), PyTorch, .npy; or a repository of the hub, owner/name[@revision]."`
	Out            string        `output:"directory" name:"out" short:"o" aliases:"output" required:"" placeholder:"DIR" help:"The model directory to make; it must not exist yet."`
	Remote         bool          `name:"remote" help:"Read a repository tensor by tensor instead of downloading it."`
	Token          string        `text:"" name:"token" placeholder:"T" help:"The hub's access token (default: HF_TOKEN, or what 'hf auth login' stored)."`
	File           string        `text:"" name:"file" placeholder:"NAME" help:"Which of a directory's or repository's files, such as one of its GGUF files."`
	Preset         string        `name:"preset" enum:"archive,balanced,fast," default:"" placeholder:"NAME" help:"archive (the smallest files), balanced (the default) or fast (the fastest to unpack); the same error."`
	Size           byteunit.Size `name:"size" placeholder:"SIZE" help:"The most that all tensors together may take, such as 3.2GB, instead of --bits or --snr."`
	Allocate       string        `name:"allocate" enum:"rate,snr,error" default:"rate" help:"How --size is spread: equal rate, equal SNR, or least sum of squared errors."`
	Embeddings     string        `text:"" name:"embeddings" placeholder:"SETTINGS" help:"Settings of the embeddings, as for --tensor: exact, or snr=45,codec=brotli."`
	LMHead         string        `text:"" name:"lm-head" placeholder:"SETTINGS" help:"Settings of the output head."`
	Tensor         []string      `text:"" name:"tensor" sep:"none" placeholder:"REGEX=SETTINGS" help:"Settings of the tensors whose name matches, such as 'mlp=bits=3.5'; may be repeated, later ones win."`
	SkipEmbeddings bool          `name:"skip-embeddings" help:"--embeddings exact."`
	SkipLMHead     bool          `name:"skip-lm-head" help:"--lm-head exact."`
	ModelID        string        `text:"" name:"model-id" placeholder:"ID" help:"The model's name in the manifest (default: the source's file name)."`
	DryRun         bool          `name:"dry-run" help:"Check everything and say what would be done, but write nothing."`
	Memory         byteunit.Size `name:"memory" placeholder:"SIZE" help:"Keep the whole process within SIZE (default: 512MiB, or 90 % of what the control group allows if that is less)."`
	SE             bool          `name:"se" help:"Measure Structural Entropy too, and write it and the route into the manifest; takes longer than converting."`
	receiptFlags
	Sign   []string `input:"file" name:"sign" placeholder:"KEY" help:"Sign the receipt with this private key, as an in-toto attestation about the files; may be repeated."`
	Report string   `output:"report" name:"report" placeholder:"FILE.html" help:"Write a report for people there: one file, worst tensors first."`
	compressionFlags
	Quiet bool `name:"quiet" short:"q" help:"No progress, no table."`
	JSON  bool `name:"json" help:"Print a JSON report."`
}

func (c *convertCommand) Help() string {
	return `Examples:
  helix-substrate convert TinyStories-656K -o tinystories-cdna
  helix-substrate convert model.safetensors -o out --bits 4.0
  helix-substrate convert mistralai/Mistral-7B-v0.1@main -o mistral --remote
  helix-substrate convert model.gguf -o out --size 3.2GB --tensor 'attn_[qk]=snr=30' --report out.html

A conversion that was stopped is continued by the same command. SETTINGS are the
options' names without dashes, with commas: snr=, bits=, min-snr=, min-cosine=,
method=, entries=, codec=, level=, block-rows=, full-precision, exact, compress.`
}

func (c *convertCommand) Run(env *environment) error {
	job, err := c.job()
	if err != nil {
		return err
	}
	attestation, err := c.newAttestation()
	if err != nil {
		return err
	}
	if attestation != nil {
		defer attestation.abort()
	}
	memory.Allowed(job.Memory).Begin()
	if err := sayRoundedSource(env, c.Src); err != nil {
		return err
	}
	if c.DryRun {
		plan, err := convert.Plan(env.ctx, job)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(env.stdout, plan)
		}
		printPlan(env, plan)
		return nil
	}
	if !c.Quiet {
		progress := newProgress(env.stderr)
		defer progress.finish()
		job.Progress = progress.update
		job.Download = func(done, total int64, file string) { progress.update(done, total, "download "+file) }
	}
	report, err := convert.Directory(env.ctx, job)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", errUnfinished, err)
	} else if err != nil {
		return err
	}
	if attestation != nil {
		if err := attestation.write(env, c, report); err != nil {
			return err
		}
	}
	return c.print(env, report)
}

// errUnfinished is how a conversion ends that was interrupted.
var errUnfinished = errors.New("the same command continues it")

// job is what the command line asks for.
func (c *convertCommand) job() (convert.Job, error) {
	job := convert.Job{
		Source: c.Src, File: c.File, Remote: c.Remote, Token: c.Token, Output: c.Out, ModelID: c.ModelID, Size: int64(c.Size), Allocate: convert.Allocation(c.Allocate), Memory: int64(c.Memory), Entropy: c.SE,
	}
	if job.Memory == 0 {
		job.Memory = defaultConvertMemory
		if limit := memory.Allowed(0); limit.Source != memory.None {
			job.Memory = min(job.Memory, limit.Bytes)
		}
	}
	if err := c.preset(); err != nil {
		return job, err
	}
	var err error
	if job.Options, err = c.options(); err != nil {
		return job, err
	}
	if c.SkipEmbeddings {
		c.Embeddings = "exact"
	}
	if c.SkipLMHead {
		c.LMHead = "exact"
	}
	for _, s := range []struct {
		text string
		to   *convert.Settings
	}{{c.Embeddings, &job.Embeddings}, {c.LMHead, &job.LMHead}} {
		if s.text == "" {
			continue
		}
		if *s.to, err = convert.ParseSettings(s.text); err != nil {
			return job, err
		}
	}
	for _, text := range c.Tensor {
		o, err := convert.ParseOverride(text)
		if err != nil {
			return job, err
		}
		job.Overrides = append(job.Overrides, o)
	}
	return job, nil
}

// preset chooses how blocks are packed.
func (c *convertCommand) preset() error {
	if c.Preset == "" {
		return nil
	}
	if c.Codec != defaultCodec || c.BlockRows != "auto" {
		return usageError("--preset chooses --codec and --block-rows itself")
	}
	switch c.Preset {
	case "archive":
		c.Codec = "brotli"
	case "fast":
		c.Codec = "huff0"
	}
	return nil
}

func (c *convertCommand) print(env *environment, report *convert.Report) error {
	for _, t := range report.Tensors {
		if t.Matrix != nil {
			warnMissed(env, t.Name, t.Matrix)
		}
	}
	if c.Report != "" {
		if err := convert.WriteHTML(c.Report, report); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(env.stdout, report)
	}
	if !c.Quiet {
		printConversion(env, report)
	}
	return nil
}

func printPlan(env *environment, plan *convert.ConversionPlan) {
	rows := make([][]string, len(plan.Tensors))
	for i, t := range plan.Tensors {
		rows[i] = []string{t.Name, t.DType, shape(t.Shape...), size(t.Bytes), t.Action}
	}
	writeTable(env.stdout, []string{"tensor", "dtype", "shape", "source", "action"}, rows)
	fmt.Fprintf(env.stdout, "\n%d tensors, %s in the source; nothing was written\n", len(plan.Tensors), size(plan.Bytes))
}

func printConversion(env *environment, r *convert.Report) {
	rows := make([][]string, 0, len(r.Tensors))
	for _, t := range r.Tensors {
		row := []string{t.Name, shape(t.Shape...), size(t.SourceBytes), size(t.Bytes), "exact", "", "", "", decimal(t.Seconds, 2)}
		if m := t.Matrix; m != nil {
			row = append(row[:4], decimal(m.BitsPerWeight, 3), snr(m.SNRdB), decimal(m.Cosine, 6), fmt.Sprint(m.Outliers), decimal(t.Seconds, 2))
		}
		if t.SameAs != "" {
			row = append(row[:4], "same as "+t.SameAs, "", "", "", "")
		}
		rows = append(rows, row)
	}
	writeTable(env.stdout, []string{"tensor", "shape", "source", "output", "bits", "SNR", "cosine", "outliers", "seconds"}, rows)
	s := r.Stats
	fmt.Fprintf(env.stdout, "\n%s: %d tensors, %s → %s (%.2f× smaller than the source, %.3f bits per weight) in %.1f s\n",
		r.Output, s.TensorCount, size(s.OriginalBytes), size(s.CompressedBytes), s.OverallRatio, r.BitsPerWeight, r.Seconds)
	if r.Resumed > 0 {
		fmt.Fprintf(env.stdout, "%d tensors were there from an earlier run\n", r.Resumed)
	}
}
