package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/compare"
)

type diffCommand struct {
	A     string `input:"model" arg:"" name:"a" placeholder:"A" help:"A model directory, or a checkpoint as for convert."`
	B     string `input:"model" arg:"" name:"b" placeholder:"B" help:"Another."`
	Quiet bool   `name:"quiet" short:"q" help:"Print nothing; the exit code says it."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

func (c *diffCommand) Help() string {
	return `Example:
  helix-substrate diff TinyStories-656K tinystories-cdna

Prints one line for each tensor, the worst first: errors are of B against A. The exit
code is 0 if all weights are the same, else 1.`
}

// errModelsDiffer is the outcome of a comparison that found something.
var errModelsDiffer = errors.New("the models differ")

func (c *diffCommand) Run(env *environment) error {
	progress := newProgress(env.stderr)
	r, err := compare.Models(env.ctx, c.A, c.B, progress.update)
	progress.finish()
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		if err := writeJSON(env.stdout, r); err != nil {
			return err
		}
	case !c.Quiet:
		printDifferences(env, r)
	}
	if !r.Identical {
		return errModelsDiffer
	}
	return nil
}

func printDifferences(env *environment, r *compare.Report) {
	rows := make([][]string, len(r.Tensors))
	for i, t := range r.Tensors {
		row := []string{t.Name, string(t.Status), shape(t.Shape...), "", "", "", ""}
		switch t.Status {
		case compare.OnlyB:
			row[2] = shape(t.ShapeB...)
		case compare.Reshaped:
			row[2] = shape(t.Shape...) + " / " + shape(t.ShapeB...)
		case compare.Differs:
			row[3], row[4], row[5], row[6] = snr(t.SNRdB), decimal(t.Cosine, 7), fmt.Sprintf("%.4g", t.MaxAbsError), fmt.Sprint(t.Different)
			if t.SNRdB == nil {
				row[3] = "none"
			}
		}
		rows[i] = row
	}
	writeTable(env.stdout, []string{"tensor", "", "shape", "SNR", "cosine", "largest error", "different"}, rows)
	var counts []string
	for _, s := range []compare.Status{compare.Identical, compare.Differs, compare.Reshaped, compare.OnlyA, compare.OnlyB} {
		if n := r.Counts[s]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s))
		}
	}
	fmt.Fprintf(env.stdout, "\n%d tensors: %s\n", len(r.Tensors), strings.Join(counts, ", "))
}
