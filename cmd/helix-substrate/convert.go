package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/memory"
)

// defaultConvertMemory is the default of --memory, where no control group allows less.
const defaultConvertMemory = 512 << 20

type convertCommand struct {
	Src            string      `input:"model" arg:"" name:"src" placeholder:"SRC" help:"A Hugging Face directory; one file: safetensors or its index, GGUF (any part), PyTorch, .npy; or a repository of the hub, owner/name[@revision]."`
	Out            string      `output:"directory" name:"out" short:"o" aliases:"output" required:"" placeholder:"DIR" help:"The model directory to make; it must not exist yet."`
	Remote         bool        `name:"remote" help:"Read a repository tensor by tensor instead of downloading it."`
	Token          string      `text:"" name:"token" placeholder:"T" help:"The hub's access token (default: HF_TOKEN, or what 'hf auth login' stored)."`
	File           string      `text:"" name:"file" placeholder:"NAME" help:"Which of a directory's or repository's files, such as one of its GGUF files."`
	Preset         string      `name:"preset" enum:"archive,balanced,fast," default:"" placeholder:"NAME" help:"archive (the smallest files), balanced (the default) or fast (the fastest to unpack); the same error."`
	Size           memory.Size `name:"size" placeholder:"SIZE" help:"The most that all tensors together may take, such as 3.2GB, instead of --bits or --snr."`
	Allocate       string      `name:"allocate" enum:"rate,snr,error,divergence," default:"" placeholder:"HOW" help:"How bits are spread: divergence (where it changes the predictions most, as tried; the default of lattice matrices), rate (equal rate, the default of codebooks), snr (equal SNR) or error (least sum of squared errors), the last two of a --size."`
	Embeddings     string      `text:"" name:"embeddings" placeholder:"SETTINGS" help:"Settings of the embeddings, as for --tensor: exact, or snr=45,codec=brotli."`
	LMHead         string      `text:"" name:"lm-head" placeholder:"SETTINGS" help:"Settings of the output head."`
	Tensor         []string    `text:"" name:"tensor" sep:"none" placeholder:"REGEX=SETTINGS" help:"Settings of the tensors whose name matches, such as 'mlp=bits=3.5'; may be repeated, later ones win."`
	SkipEmbeddings bool        `name:"skip-embeddings" help:"--embeddings exact."`
	SkipLMHead     bool        `name:"skip-lm-head" help:"--lm-head exact."`
	KLD            *float64    `name:"kld" placeholder:"X" help:"The smallest files whose predictions diverge from the source's by no more than X nats a token (0.02, say), on text that the calibration holds out; the manifest gets a certificate."`
	Calibrate      string      `input:"file" name:"calibrate" placeholder:"FILE" help:"The text to calibrate with, UTF-8, like what the model is for (default: one that is built in)."`
	Tokens         int         `name:"calibrate-tokens" placeholder:"N" help:"Calibrate with N tokens of it (default: 131072 of a FILE; of the built-in text 4096 to 32768, by the model's size)."`
	NoCalibrate    bool        `name:"no-calibrate" help:"Do not calibrate: faster, and larger at the same divergence."`
	Statistics     string      `output:"statistics" name:"statistics" placeholder:"FILE" help:"Take the statistics of an earlier calibration from FILE; where there is none yet, keep them there."`
	StatisticsOnly bool        `name:"statistics-only" help:"Measure the --statistics, for shards on other machines, and stop."`
	Shard          string      `text:"" name:"shard" placeholder:"I/N" help:"Convert the part I, from 0, of N, which 'convert merge' makes one directory of."`
	CorrectDrift   bool        `name:"correct-drift" help:"Give matrices weights that make up for what the compressed ones before them have changed: less divergence in the same bytes, for several times a calibration's time."`
	ModelID        string      `text:"" name:"model-id" placeholder:"ID" help:"The model's name in the manifest (default: the source's file name)."`
	DryRun         bool        `name:"dry-run" help:"Check everything and say what would be done, but write nothing."`
	Memory         memory.Size `name:"memory" placeholder:"SIZE" help:"Keep the whole process within SIZE (default: 512MiB, or 90 % of what the control group allows if that is less)."`
	SE             bool        `name:"se" help:"Measure Structural Entropy too, and write it and the route into the manifest; takes longer than converting."`
	workersFlags
	receiptFlags
	Attest    bool     `name:"attest" help:"Write into the directory where it comes from: provenance.json (SLSA v1), bom.cdx.json (CycloneDX 1.6) and, with --sign, model.sig."`
	Sign      []string `input:"file" name:"sign" placeholder:"KEY" help:"Sign the receipt with this private key, as an in-toto attestation about the files, and what --attest writes; may be repeated."`
	SourceKey string   `input:"file" name:"source-key" placeholder:"FILE.pub" help:"The public key that the source's model.sig must be of; all that is read of the source is compared with it."`
	Report    string   `output:"report" name:"report" placeholder:"FILE.html" help:"Write a report for people there: one file, worst tensors first."`
	compressionFlags
	Quiet bool `name:"quiet" short:"q" help:"No progress, no table."`
	JSON  bool `name:"json" help:"Print a JSON report."`
}

func (c *convertCommand) Help() string {
	return `Examples:
  helix-substrate convert TinyStories-656K -o tinystories-cdna
  helix-substrate convert TinyStories-656K -o small --bits 3.5 --calibrate my-text.txt --statistics tiny.statistics
  helix-substrate convert TinyStories-656K -o best --bits 4 --correct-drift
  helix-substrate convert model.safetensors -o out --no-calibrate --bits 4.0
  helix-substrate convert mistralai/Mistral-7B-v0.1@main -o mistral --remote
  helix-substrate convert model.gguf -o out --size 3.2GB --tensor 'attn_[qk]=snr=30' --report out.html

A language model is calibrated first: its layers run on a text, and its matrices become
those of the method lattice, which keep what matters for these inputs. What cannot run is
converted without, and a line says so.

A conversion that was stopped is continued by the same command. SETTINGS are the
options' names without dashes, with commas: snr=, bits=, for=, min-snr=, min-cosine=,
method=, entries=, codec=, level=, block-rows=, full-precision, exact, compress.`
}

func (c *convertCommand) Run(env *environment) error {
	if err := c.checkSharing(); err != nil {
		return err
	}
	job, err := c.job()
	if err != nil {
		return err
	}
	keys, err := c.keys(env, &job)
	if err != nil {
		return err
	}
	attestation, err := c.newAttestation(keys)
	if err != nil {
		return err
	}
	if attestation != nil {
		defer attestation.Abort()
	}
	if c.Shard != "" {
		if _, _, err := c.shard(); err != nil {
			return err
		}
	}
	if _, err := share(c.Check); err != nil {
		return err
	}
	if c.DryRun {
		plan, err := convert.Plan(env.ctx, job)
		if err != nil {
			return err
		}
		env.notes(plan.Notes)
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
		calibration := newProgress(env.stderr)
		defer calibration.finish()
		job.Calibration.Progress = calibration.calibrating
		job.Download = func(done, total int64, file string) { progress.update(done, total, "download "+file) }
	}
	report, err := c.convert(env, job)
	if err != nil || report == nil {
		return interrupted(err)
	}
	if attestation != nil {
		if err := attestation.write(env, c, report); err != nil {
			return err
		}
	}
	return c.print(env, report)
}

// convert does what the command line asks for: the whole job, a shard of it, or nothing but its statistics, of which there is no report.
func (c *convertCommand) convert(env *environment, job convert.Job) (*convert.Report, error) {
	switch {
	case c.StatisticsOnly:
		return nil, convert.Statistics(env.ctx, job)
	case c.Shard != "":
		index, of, err := c.shard()
		if err != nil {
			return nil, err
		}
		return convert.Shard(env.ctx, job, index, of)
	case c.Workers != "":
		return c.byWorkers(env, job)
	}
	return convert.Directory(env.ctx, job)
}

// shard reads I/N.
func (c *convertCommand) shard() (index, of int, err error) {
	first, second, ok := strings.Cut(c.Shard, "/")
	if ok {
		index, err = strconv.Atoi(first)
	}
	if ok && err == nil {
		of, err = strconv.Atoi(second)
	}
	switch {
	case !ok || err != nil:
		return 0, 0, usageError(fmt.Sprintf("--shard %q: not I/N, such as 0/8, the first of eight", c.Shard))
	case c.Workers != "":
		return 0, 0, usageError("--shard and --workers exclude each other")
	case c.wanted() || c.Report != "":
		return 0, 0, usageError("--shard excludes --receipt and --report, which are of the whole")
	}
	return index, of, nil
}

// interrupted says of what was stopped, a conversion or a transfer, how it goes on.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", errUnfinished, err)
	}
	return err
}

// errUnfinished is how what was interrupted ends.
var errUnfinished = errors.New("the same command continues it")

// job is what the command line asks for.
func (c *convertCommand) job() (convert.Job, error) {
	job := convert.Job{
		Source: c.Src, File: c.File, Remote: c.Remote, Token: c.Token, Output: c.Out, ModelID: c.ModelID, Size: int64(c.Size), Allocate: convert.Allocation(c.Allocate), CorrectDrift: c.CorrectDrift, Memory: int64(c.Memory), Entropy: c.SE,
		Calibration: convert.Calibration{Off: c.NoCalibrate, Text: c.Calibrate, Tokens: c.Tokens, Statistics: c.Statistics},
	}
	if c.KLD != nil {
		if job.KLD = *c.KLD; job.KLD == 0 {
			return job, usageError("--kld 0: must be above 0")
		}
	}
	if job.Memory == 0 {
		job.Memory = defaultConvertMemory
		if limit := memory.Allowed(0); limit.Source != memory.None {
			job.Memory = min(job.Memory, limit.Bytes)
		}
	}
	var err error
	if job.Options, err = c.options(); err != nil {
		return job, err
	}
	if c.Preset != "" {
		if err := job.Options.SetPreset(c.Preset); err != nil {
			return job, fmt.Errorf("--%w", err)
		}
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
	return job, job.Check()
}

func (c *convertCommand) print(env *environment, report *convert.Report) error {
	env.notes(report.Notes)
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
	if k := plan.Calibration; k != nil {
		fmt.Fprintf(env.stdout, "\n%s\n", calibrationLine(k))
	}
	fmt.Fprintf(env.stdout, "\n%d tensors, %s in the source; nothing was written\n", len(plan.Tensors), size(plan.Bytes))
}

// calibrationLine says what a conversion would calibrate with.
func calibrationLine(k *convert.CalibrationPlan) string {
	if k.Measured {
		return fmt.Sprintf("calibrated with %d tokens: %s", k.Tokens, k.Statistics)
	}
	return fmt.Sprintf("calibration with %d tokens of %s through %d layers, about %v; its files take %s while it lasts",
		k.Tokens, cmp.Or(k.Text, "the built-in text"), k.Layers, max(time.Second, k.Time.Round(time.Second)), size(k.Bytes))
}

func printConversion(env *environment, r *convert.Report) {
	rows := make([][]string, 0, len(r.Tensors))
	for _, t := range r.Tensors {
		row := []string{t.Name, shape(t.Shape...), size(t.SourceBytes), size(t.Bytes), "exact", "", "", "", "", "", decimal(t.Seconds, 2)}
		if m := t.Matrix; m != nil {
			inMemory, output := "", ""
			if m.Method == convert.Lattice {
				inMemory, output = decimal(m.BitsInMemory, 3), snr(m.OutputSNRdB)
			}
			row = append(row[:4], decimal(m.BitsPerWeight, 3), inMemory, output, snr(m.SNRdB), decimal(m.Cosine, 6), fmt.Sprint(m.Outliers), decimal(t.Seconds, 2))
		}
		if t.SameAs != "" {
			row = append(row[:4], "same as "+t.SameAs, "", "", "", "", "", "")
		}
		rows = append(rows, row)
	}
	writeTable(env.stdout, []string{"tensor", "shape", "source", "output", "bits", "in memory", "output SNR", "SNR", "cosine", "outliers", "seconds"}, rows)
	s := r.Stats
	fmt.Fprintf(env.stdout, "\n%s: %d tensors, %s → %s (%.2f× smaller than the source, %.3f bits per weight) in %.1f s\n",
		r.Output, s.TensorCount, size(s.OriginalBytes), size(s.CompressedBytes), s.OverallRatio, r.BitsPerWeight, r.Seconds)
	if k := r.Certificate; k != nil {
		fmt.Fprintf(env.stdout, "its predictions diverge from the source's by %.5f nats a token, 99 %% of them by at most %.4f, 99.9 %% by %.4f (%d tokens held out, %d rates tried)\n",
			k.MeanKLD, k.P99KLD, k.P999KLD, k.Tokens, len(r.Rates))
	}
	if r.Resumed > 0 {
		fmt.Fprintf(env.stdout, "%d tensors were there from an earlier run\n", r.Resumed)
	}
}
