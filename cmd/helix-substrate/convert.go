package main

import (
	"fmt"
	"sort"

	"github.com/helix-substrate/helix-substrate/convert"
)

type convertCommand struct {
	Src            string `arg:"" name:"src" placeholder:"SRC" help:"A Hugging Face directory (config.json, safetensors), one .safetensors file, or a GGUF file."`
	Out            string `name:"out" short:"o" required:"" placeholder:"DIR" help:"The model directory to make; it must not exist yet."`
	SkipEmbeddings bool   `name:"skip-embeddings" help:"Keep embeddings exact instead of compressing them."`
	SkipLMHead     bool   `name:"skip-lm-head" help:"Keep the output head exact instead of compressing it."`
	ModelID        string `name:"model-id" placeholder:"ID" help:"The model's name in the manifest (default: the source's file name)."`
	DryRun         bool   `name:"dry-run" help:"Read headers only and say what would be done."`
	compressionFlags
	Quiet bool `name:"quiet" short:"q" help:"No progress, no table."`
	JSON  bool `name:"json" help:"Print a JSON report."`
}

func (c *convertCommand) Help() string {
	return "Examples:\n  helix-substrate convert TinyStories-656K -o tinystories-cdna\n  helix-substrate convert model.safetensors -o out --bits 4.0"
}

func (c *convertCommand) Run(env *environment) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	job := convert.Job{
		Source: c.Src, Output: c.Out, ModelID: c.ModelID, Options: o,
		SkipEmbeddings: c.SkipEmbeddings, SkipLMHead: c.SkipLMHead,
	}
	if c.DryRun {
		plan, err := convert.Plan(job)
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
	}
	report, err := convert.Directory(env.ctx, job)
	if err != nil {
		return err
	}
	for _, t := range report.Tensors {
		if t.Matrix != nil {
			warnMissed(env, t.Name, t.Matrix)
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
	tensors := append([]convert.TensorReport(nil), r.Tensors...)
	sort.SliceStable(tensors, func(i, j int) bool { return tensors[i].Name < tensors[j].Name })
	rows := make([][]string, 0, len(tensors))
	for _, t := range tensors {
		row := []string{t.Name, shape(t.Shape...), size(t.SourceBytes), size(t.Bytes), "exact", "", "", ""}
		if m := t.Matrix; m != nil {
			row = append(row[:4], decimal(m.BitsPerWeight, 3), snr(m.SNRdB), decimal(m.Cosine, 6), fmt.Sprint(m.Outliers))
		}
		rows = append(rows, row)
	}
	writeTable(env.stdout, []string{"tensor", "shape", "source", "output", "bits", "SNR", "cosine", "outliers"}, rows)
	s := r.Stats
	fmt.Fprintf(env.stdout, "\n%s: %d tensors, %s → %s (%.2f× smaller than the source, %.3f bits per weight) in %.1f s\n",
		r.Output, s.TensorCount, size(s.OriginalBytes), size(s.CompressedBytes), s.OverallRatio, r.BitsPerWeight, r.Seconds)
}
