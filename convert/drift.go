package convert

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// correction is what a matrix gets before it is rounded: in the successor its inputs are x̂, not x.
type correction struct {
	factor *lattice.Factor // of the mean of x̂·x̂ᵀ
	drift  *calibrate.Drift
}

// driftTensors are the tensors whose drift is corrected: the lattice matrices in layers, but for those of
// experts' outputs, which get other vectors once a router decides otherwise.
func (c *conversion) driftTensors() map[string]bool {
	list := map[string]bool{}
	if !c.job.CorrectDrift || c.equal || c.calibration == nil || c.calibration.statistics == nil {
		return list
	}
	for _, in := range c.layerInputs() {
		for _, name := range in.Tensors {
			list[name] = true
		}
	}
	for _, t := range c.plan {
		if !t.calibrated() || t.sameAs != nil {
			delete(list, t.Name)
		}
	}
	return list
}

// layerInputs are the inputs of layers whose drift can be corrected, in the order of use.
func (c *conversion) layerInputs() []calibrate.Input {
	return slices.DeleteFunc(c.calibration.statistics.Inputs(), func(in calibrate.Input) bool { return in.Key == transformer.HeadInput || in.Each > 1 })
}

// keys are those of all tensors, by their place in the plan; empty where there is none yet. One whose drift is corrected depends
// on all that are converted before it.
func (c *conversion) keys() []string {
	drift := c.driftTensors()
	keys, at := make([]string, len(c.plan)), map[string]int{}
	before := ""
	for i, t := range c.plan {
		at[t.Name] = i
		if t.sameAs != nil || !c.keyed(t) {
			continue
		}
		if keys[i] = c.key(t); !drift[t.Name] {
			before += keys[i] + "\n"
		}
	}
	if len(drift) == 0 {
		return keys
	}
	before = checksum([]byte(before))
	for _, in := range c.layerInputs() {
		own := ""
		for _, name := range in.Tensors {
			if drift[name] {
				i := at[name]
				keys[i] = checksum(fmt.Appendf(nil, "%s\nafter %s", keys[i], before))
				own += keys[i] + "\n"
			}
		}
		before = checksum([]byte(before + own))
	}
	return keys
}

// follow converts the tensors whose drift is corrected, in the order of use, by store. weights are those of a tensor
// that is converted.
func (c *conversion) follow(ctx context.Context, drift map[string]bool, key string, store func(i int) error, weights func(i int) (calibrate.Weights, error)) error {
	summed, _, err := c.calibration.statistics.Tokens(ctx)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, t := range c.plan {
		at[t.Name] = i
	}
	left := func(name string) bool { return drift[name] && !c.ready[at[name]] }
	s := calibrate.Successor{
		Key: key, Heap: c.driftHeap(),
		Weights: func(tensor string) (calibrate.Weights, error) { return weights(at[tensor]) },
		Wants:   func(in *transformer.Input) bool { return slices.ContainsFunc(in.Tensors, left) },
		Take: func(ctx context.Context, d *calibrate.Drift) error {
			k, err := c.correction(ctx, d)
			if err != nil {
				return err
			}
			for _, name := range d.Input.Tensors {
				if !left(name) {
					continue
				}
				i := at[name]
				c.plan[i].correction = k
				if err := store(i); err != nil {
					return err
				}
				c.plan[i].correction = nil
				c.progress(c.plan[i])
			}
			return nil
		},
	}
	o := c.measuring("correcting drift")
	o.Work = c.stage(calibrationName)
	defer c.keepLimit()
	return calibrate.Follow(ctx, c.src.Location(), summed, s, o)
}

// driftHeap is the most of the Go heap that making a matrix whose drift is corrected takes: its corrected weights, too.
func (c *conversion) driftHeap() (n int64) {
	for _, t := range c.plan {
		if role := arch.RoleOf(t.Name); t.calibrated() && role != arch.Head && role != arch.Embedding {
			n = max(n, inLattice{}.memory(t, false)+4*int64(t.Len()))
		}
	}
	return n
}

// checkDrift refuses a limit that is too small to correct drift, before anything has taken time.
func (c *conversion) checkDrift(ctx context.Context) error {
	if !c.job.CorrectDrift {
		return nil
	}
	window := 0
	if s := c.calibration.statistics; s != nil {
		window = s.Context
	}
	o := c.calibration.options
	if o.Memory > 0 {
		o.Memory -= entryMemory * int64(len(c.plan)) // which the tensors will have
	}
	defer c.keepLimit()
	return calibrate.CheckFollow(ctx, c.src.Location(), window, calibrate.Successor{Heap: c.driftHeap()}, o)
}

// driftTime is about how many times as long as a calibration it takes to correct drift (docs/QUALITY.md, what it costs).
const driftTime = 3

// driftBytes is about how many bytes lie on the disk while drift is corrected: both models' activations before a layer and
// behind it, and what the first model has of the inputs of one.
func driftBytes(l *transformer.Layers, tokens int) int64 {
	most := 0
	for i := range l.Config.Layers {
		n := 0
		for _, in := range l.Inputs(i) {
			n += in.Len
		}
		most = max(most, n)
	}
	return 4 * int64(tokens) * int64(4*l.Width()+most)
}

// correction solves for the weights' difference by which an input's drift is made up for best, in place of d.Lost.
func (c *conversion) correction(ctx context.Context, d *calibrate.Drift) (*correction, error) {
	n, threads := d.Input.Len, c.options.Threads
	f, err := lattice.NewFactor(ctx, d.Gram, n, lattice.Damping(d.Tokens, n), threads)
	switch {
	case err != nil:
	case d.Input.Adds:
		err = f.Solve(ctx, d.Lost, len(d.Lost)/n, threads)
	default:
		err = f.SolveSquares(ctx, d.Lost, threads)
	}
	if err != nil {
		return nil, fmt.Errorf("drift of %s: %w", d.Input.Name, err)
	}
	return &correction{f, d}, nil
}

// apply returns the corrected weights of a matrix.
func (k *correction) apply(ctx context.Context, w matrix.Source, threads int) (matrix.Source, error) {
	kernels, err := kernel.FromEnv()
	if err != nil {
		return nil, err
	}
	engine := linalg.New(kernels, threads)
	const panel = 128
	rows, n := w.Rows(), w.Cols()
	weights := make([]float32, rows*n)
	own, sum := make([]float64, panel*n), make([]float64, panel*n)
	for a := 0; a < rows; a += panel {
		b := min(a+panel, rows)
		part := weights[a*n : b*n]
		if err := w.ReadRows(ctx, part, a, b); err != nil {
			return nil, err
		}
		for i, v := range part {
			own[i], sum[i] = float64(v), float64(v)
		}
		if k.drift.Input.Adds {
			for i, v := range k.drift.Lost[a*n : b*n] {
				sum[i] += v
			}
		} else if err := k.addOwn(ctx, engine, sum, own, b-a); err != nil {
			return nil, err
		}
		for i := range part {
			part[i] = float32(sum[i])
		}
	}
	return matrix.NewSlice(weights, rows, n)
}

// addOwn adds to sum what rows of weights, own, are to make up for of the difference of their inputs, part by part.
func (k *correction) addOwn(ctx context.Context, engine *linalg.Engine, sum, own []float64, rows int) error {
	n, square := k.drift.Input.Len, k.drift.Lost
	for _, p := range lattice.Parts(n) {
		m := p.Len()
		if err := engine.MulAdd(ctx, sum[p.Start:], n, own[p.Start:], n, square, m, rows, m, m, linalg.Plus); err != nil {
			return err
		}
		square = square[p.Square():]
	}
	return nil
}

// madeWeights opens the weights of a converted tensor whose files path finds; nil where they are the source's.
func madeWeights(entry *model.Tensor, path func(file string) string) (calibrate.Weights, error) {
	switch entry.Format {
	case model.FormatLattice:
		f, err := cdna.OpenLattice(path(entry.File))
		if err != nil {
			return nil, err
		}
		return openWeights{f.Weights(nil), f}, nil
	case model.FormatCDNA2:
		f, err := cdna.Open(path(entry.File))
		if err != nil {
			return nil, err
		}
		var s *cdna.Sidecar
		if entry.Sidecar != nil {
			s, err = cdna.OpenSidecar(path(entry.Sidecar.File))
		}
		if err == nil {
			var w matrix.Source
			if w, err = f.Weights(s, nil); err == nil {
				return openWeights{w, f}, nil
			}
		}
		f.Close()
		return nil, err
	}
	return nil, nil
}

// openWeights are those of an open file.
type openWeights struct {
	matrix.Source
	io.Closer
}
