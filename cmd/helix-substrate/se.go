package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/se/survey"
)

type seCommand struct {
	Path         string      `input:"model" arg:"" name:"path" placeholder:"PATH" help:"A CDNA file, a model directory, or a checkpoint as for convert, .npy included."`
	Plot         string      `output:"plot" name:"plot" placeholder:"FILE" help:"Draw the plane of Se and coherence, and Se by tensor: .png or .svg."`
	Sidecar      string      `input:"file" name:"sidecar" placeholder:"S.hxzo" help:"The outliers of a CDNA file."`
	Estimator    string      `name:"estimator" enum:"auto,gram,lanczos,original" default:"auto" help:"${enum}: all singular values up to 1024 and a sample beyond; all; a sample; the original's constants beyond 512."`
	Seed         uint64      `name:"seed" help:"Of the sample's random numbers."`
	Low          float64     `name:"low" default:"0.30" help:"Below this Se: zone 1."`
	High         float64     `name:"high" default:"0.70" help:"From this Se on: zones 3 and 4."`
	Coherent     float64     `name:"coherent" default:"0.30" help:"From this C_struct on: zone 4 instead of 3."`
	VRAM         memory.Size `name:"vram" default:"4GB" help:"The accelerator's memory: a tensor beyond 0.8 of it goes to the CPU."`
	Condition    float64     `name:"max-condition" default:"100" help:"Beyond this condition number: zone 2."`
	Sparsity     float64     `name:"max-sparsity" default:"0.40" help:"Beyond this share of zeros in blocks: zone 1."`
	ForceBackend string      `text:"" name:"force-backend" placeholder:"cpu|gpu|qpu" help:"Send all there, whatever was measured."`
	Threads      int         `name:"threads" help:"Workers; 0 means all cores. The result does not depend on it."`
	receiptFlags
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *seCommand) Help() string {
	return `Examples:
  helix-substrate se tinystories-cdna
  helix-substrate se model.safetensors --plot se.png
  helix-substrate se w.npy --json

Se = H·U·D says how complex a matrix is: how evenly its energy is spread, how little
neighbouring rows resemble each other, how many directions it has. See docs/SE.md.`
}

func (c *seCommand) Run(env *environment) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	if c.Plot != "" {
		if err := survey.CheckPlot(c.Plot); err != nil {
			return usageError(err.Error())
		}
	}
	rec, err := c.receiptFlags.start(c.Threads, map[string]string{"path": c.Path})
	if err != nil {
		return err
	}
	defer rec.Abort()
	progress := newProgress(env.stderr)
	o.Progress = progress.update
	r, err := survey.Measure(env.ctx, c.Path, o)
	progress.finish()
	if errors.Is(err, survey.ErrSidecar) {
		return usageError("--sidecar goes with a CDNA file")
	} else if err != nil {
		return err
	}
	env.notes(r.Notes)
	if c.Plot != "" {
		if err := r.Plot(c.Plot); err != nil {
			return err
		}
	}
	if c.wanted() {
		claims, operations, err := record.Survey(&rec.Measurements, r, o)
		if err != nil {
			return err
		}
		rec.Add(operations...)
		if err := rec.Write(env.ctx, claims); err != nil {
			return err
		}
	}
	slices.SortStableFunc(r.Tensors, func(a, b survey.Tensor) int { return cmp.Compare(b.Measured.Se, a.Measured.Se) })
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	printSurvey(env, r)
	return nil
}

// options are what the flags ask for.
func (c *seCommand) options() (survey.Options, error) {
	o := survey.DefaultOptions()
	o.Sidecar, o.Seed, o.Threads, o.Hashes = c.Sidecar, c.Seed, c.Threads, c.wanted()
	set(&o.Estimator, c.Estimator)
	p := &o.Policy
	p.Low, p.High, p.Coherent, p.VRAM, p.MaxCondition, p.MaxSparsity = c.Low, c.High, c.Coherent, float64(c.VRAM), c.Condition, c.Sparsity
	set(&p.Force, c.ForceBackend)
	if err := p.Validate(); err != nil {
		return o, usageError(err.Error())
	}
	if c.Threads < 0 {
		return o, usageError(fmt.Sprintf("--threads %d: must not be negative", c.Threads))
	}
	return o, nil
}

func printSurvey(env *environment, r *survey.Report) {
	rows := make([][]string, len(r.Tensors))
	sampled := false
	for i, t := range r.Tensors {
		m := t.Measured
		value := decimal(m.Se, 4)
		if m.Estimator == survey.Lanczos {
			value += " ± " + decimal(m.Error, 4)
			sampled = true
		}
		rows[i] = []string{t.Name, shape(t.Shape...), value, decimal(m.H, 4), decimal(m.U, 4), decimal(m.D, 4), decimal(m.Structure, 4),
			fmt.Sprint(t.Decision.Zone), string(t.Decision.Wanted) + " → " + string(t.Decision.Used), reason(t)}
	}
	writeTable(env.stdout, []string{"tensor", "shape", "Se", "H", "U", "D", "C", "zone", "wanted → used", "why"}, rows)
	fmt.Fprintln(env.stdout)
	for _, z := range r.Zones {
		if z.Tensors > 0 {
			fmt.Fprintf(env.stdout, "zone %d: %d tensors, %d weights\n", z.Zone, z.Tensors, z.Weights)
		}
	}
	for _, e := range r.Executors {
		if !e.Available {
			fmt.Fprintf(env.stdout, "no %s: %s\n", e.Backend, e.Reason)
		}
	}
	if sampled {
		fmt.Fprintln(env.stdout, "± bounds the error of a sampled spectrum in 99 of 100 cases")
	}
}

// reason is why, without what the foot of the table says once.
func reason(t survey.Tensor) string {
	d := t.Decision
	d.Unavailable = nil
	return d.String()
}
