package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/internal/seplot"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/se"
)

type seCommand struct {
	Path         string        `input:"model" arg:"" name:"path" placeholder:"PATH" help:"A CDNA file, a model directory, or a checkpoint as for convert, .npy included."`
	Plot         string        `output:"plot" name:"plot" placeholder:"FILE" help:"Draw the plane of Se and coherence, and Se by tensor: .png or .svg."`
	Sidecar      string        `input:"file" name:"sidecar" placeholder:"S.hxzo" help:"The outliers of a CDNA file."`
	Estimator    string        `name:"estimator" enum:"auto,gram,lanczos,original" default:"auto" help:"${enum}: all singular values up to 1024 and a sample beyond; all; a sample; the original's constants beyond 512."`
	Seed         uint64        `name:"seed" help:"Of the sample's random numbers."`
	Low          float64       `name:"low" default:"0.30" help:"Below this Se: zone 1."`
	High         float64       `name:"high" default:"0.70" help:"From this Se on: zones 3 and 4."`
	Coherent     float64       `name:"coherent" default:"0.30" help:"From this C_struct on: zone 4 instead of 3."`
	VRAM         byteunit.Size `name:"vram" default:"4GB" help:"The accelerator's memory: a tensor beyond 0.8 of it goes to the CPU."`
	Condition    float64       `name:"max-condition" default:"100" help:"Beyond this condition number: zone 2."`
	Sparsity     float64       `name:"max-sparsity" default:"0.40" help:"Beyond this share of zeros in blocks: zone 1."`
	ForceBackend string        `text:"" name:"force-backend" placeholder:"cpu|gpu|qpu" help:"Send all there, whatever was measured."`
	Threads      int           `name:"threads" help:"Workers; 0 means all cores. The result does not depend on it."`
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

// seReport is what se prints as JSON.
type seReport struct {
	Path      string      `json:"path"`
	Policy    se.Policy   `json:"policy"`
	Executors se.Registry `json:"executors"`
	Tensors   []seTensor  `json:"tensors"` // by falling Se
	Zones     []zoneTotal `json:"zones"`
}

type seTensor struct {
	Name     string      `json:"name"`
	Shape    []int       `json:"shape"`
	Measured *se.Result  `json:"measured"`
	Decision se.Decision `json:"decision"`
	Why      string      `json:"why"`
}

type zoneTotal struct {
	Zone    int   `json:"zone"`
	Tensors int   `json:"tensors"`
	Weights int64 `json:"weights"`
}

func (c *seCommand) Run(env *environment) error {
	policy, err := c.policy()
	if err != nil {
		return err
	}
	if c.Plot != "" {
		if err := seplot.Check(c.Plot); err != nil {
			return usageError(err.Error())
		}
	}
	if err := sayRoundedSource(env, c.Path); err != nil {
		return err
	}
	matrices, done, err := openMatrices(env, c.Path, c.Sidecar)
	if err != nil {
		return err
	}
	defer done()
	rec, err := newRecord(c.receiptFlags, c.Threads, map[string]string{"path": c.Path})
	if err != nil {
		return err
	}
	defer rec.abort()
	claims := receipt.EntropyClaims{Operation: receipt.OpSE, Estimator: c.Estimator, Seed: c.Seed, Policy: policy, Tensors: []receipt.EntropyTensor{}}
	routes := map[string]int{}
	r := seReport{Path: c.Path, Policy: policy, Executors: se.Machine()}
	var all, measured int64
	for _, m := range matrices {
		all += int64(m.Rows()) * int64(m.Cols())
	}
	progress := newProgress(env.stderr)
	defer progress.finish()
	for _, m := range matrices {
		start := time.Now()
		result, err := se.Compute(env.ctx, m, se.Options{
			Estimator: se.Estimator(c.Estimator), Seed: c.Seed, Condition: policy.MaxCondition, ItemBytes: m.itemBytes, Threads: c.Threads,
		})
		if err != nil {
			return fmt.Errorf("%s: tensor %q: %w", c.Path, m.name, err)
		}
		d := r.Executors.Resolve(policy.Decide(result))
		r.Tensors = append(r.Tensors, seTensor{m.name, m.shape, result, d, d.String()})
		routes[string(d.Wanted)+" -> "+string(d.Used)]++
		if c.wanted() {
			sum, sidecar, err := m.sums(env.ctx)
			if err != nil {
				return fmt.Errorf("%s: tensor %q: %w", c.Path, m.name, err)
			}
			measurement, err := receipt.Digest(result)
			if err != nil {
				return err
			}
			claims.Tensors = append(claims.Tensors, receipt.EntropyTensor{Name: m.name, SHA256: sum, Sidecar: sidecar, Measured: result, Wanted: string(d.Wanted), Zone: d.Zone})
			rec.Add(receipt.Operation{
				Name: receipt.OpSE, TensorName: m.name, Elements: int64(m.Rows()) * int64(m.Cols()),
				TimingMS: receipt.Milliseconds(time.Since(start)), Proof: receipt.Proof{Input: sum, Output: measurement},
			})
		}
		measured += int64(m.Rows()) * int64(m.Cols())
		progress.update(measured, all, m.name)
	}
	if c.Plot != "" {
		if err := c.plot(r.Tensors, policy); err != nil {
			return err
		}
	}
	rec.Measurements.Executor.Routes = routes
	if err := rec.write(env.ctx, claims); err != nil {
		return err
	}
	r.sum()
	slices.SortStableFunc(r.Tensors, func(a, b seTensor) int { return cmp.Compare(b.Measured.Se, a.Measured.Se) })
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	r.print(env)
	return nil
}

// policy is what the flags ask for.
func (c *seCommand) policy() (se.Policy, error) {
	p := se.DefaultPolicy()
	p.Low, p.High, p.Coherent, p.VRAM = c.Low, c.High, c.Coherent, float64(c.VRAM)
	p.MaxCondition, p.MaxSparsity, p.Force = c.Condition, c.Sparsity, se.Backend(c.ForceBackend)
	if err := p.Validate(); err != nil {
		return p, usageError(err.Error())
	}
	if c.Threads < 0 {
		return p, usageError(fmt.Sprintf("--threads %d: must not be negative", c.Threads))
	}
	return p, nil
}

// sum counts tensors and weights by zone.
func (r *seReport) sum() {
	r.Zones = make([]zoneTotal, 4)
	for i := range r.Zones {
		r.Zones[i].Zone = i + 1
	}
	for _, t := range r.Tensors {
		z := &r.Zones[t.Decision.Zone-1]
		z.Tensors++
		z.Weights += int64(t.Measured.Rows) * int64(t.Measured.Cols)
	}
}

func (r *seReport) print(env *environment) {
	rows := make([][]string, len(r.Tensors))
	sampled := false
	for i, t := range r.Tensors {
		m := t.Measured
		value := decimal(m.Se, 4)
		if m.Estimator == se.Lanczos {
			value += " ± " + decimal(m.Error, 4)
			sampled = true
		}
		rows[i] = []string{t.Name, shape(t.Shape...), value, decimal(m.H, 4), decimal(m.U, 4), decimal(m.D, 4), decimal(m.Structure, 4),
			fmt.Sprint(t.Decision.Zone), string(t.Decision.Wanted) + " → " + string(t.Decision.Used), t.reason()}
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
func (t *seTensor) reason() string {
	d := t.Decision
	d.Unavailable = nil
	return d.String()
}

func (c *seCommand) plot(tensors []seTensor, policy se.Policy) error {
	points := make([]seplot.Point, len(tensors))
	for i, t := range tensors {
		points[i] = seplot.Point{Name: t.Name, Result: t.Measured, Zone: t.Decision.Zone}
	}
	return seplot.Write(c.Plot, points, policy)
}
