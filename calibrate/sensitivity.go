package calibrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Probe is some matrices of a model that are tried in other weights than its own, all else as it is.
type Probe struct {
	Tensors []string `json:"tensors"` // as the checkpoint calls them
	KLD     float64  `json:"kld"`     // what [Sensitivities] measured: the divergence, nats a token
}

// probeTokens are how many tokens of a window probes read, of which the second half is scored, and
// probeRows how many of the vocabulary get their logits together.
const (
	probeTokens = 256
	probeRows   = 256
)

// Probes groups the matrices of layers that has tells of: those of the same use in neighbouring
// layers, and by themselves those that no layer has. There are so many groups that trying them
// takes no more than about a quarter of a calibration with that many tokens.
func Probes(ctx context.Context, at checkpoint.Location, tokens int, has func(tensor string) bool) ([]Probe, error) {
	l, err := transformer.OpenLayers(ctx, at, transformer.LayersOptions{})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	layers := l.Config.Layers
	first := matricesOf(l, 0)
	// A probe runs through half of the layers on average.
	bins := min(layers, max(1, tokens/2/probeTokens/max(1, len(first))))
	var list []Probe
	for k := range first {
		for bin := range bins {
			var p Probe
			for i := bin * layers / bins; i < (bin+1)*layers/bins; i++ {
				if names := matricesOf(l, i); k < len(names) && has(names[k]) {
					p.Tensors = append(p.Tensors, names[k])
				}
			}
			if len(p.Tensors) > 0 {
				list = append(list, p)
			}
		}
	}
	for _, in := range l.Inputs(layers) {
		for _, name := range in.Tensors {
			if has(name) {
				list = append(list, Probe{Tensors: []string{name}})
			}
		}
	}
	return list, nil
}

// matricesOf are a layer's matrices, in the order of use.
func matricesOf(l *transformer.Layers, layer int) (names []string) {
	for _, in := range l.Inputs(layer) {
		names = append(names, in.Tensors...)
	}
	return names
}

// Sensitivities measures how much each probe changes the predictions of the model at a place, where
// its matrices have the weights that open reads: it goes through the layers once, with the
// beginning of the first of some windows, and with a copy of its vectors for each probe from the first layer that the probe
// changes. Of options those count that count for NewReference. Errors are NewReference's and open's.
func Sensitivities(ctx context.Context, at checkpoint.Location, windows [][]int, probes []Probe, open func(tensor string) (Weights, error), o Options) (err error) {
	if len(windows) == 0 {
		return fmt.Errorf("no window is held out to try matrices: %w", ErrText)
	}
	window := windows[0]
	r := &Reference{at: at, windows: [][]int{window[:min(len(window), probeTokens)]}, options: o, copies: len(probes)}
	w, err := r.open(ctx, at, allLayers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.layers.Close()) }()
	s := &sensitivity{walk: w, probes: probes, open: open, xs: make([][]float32, len(probes))}
	own, err := s.embed(ctx)
	if err != nil {
		return err
	}
	s.x = own[0]
	for i := range w.layers.Config.Layers {
		w.tell(i)
		if err := s.layer(ctx, i); err != nil {
			return err
		}
	}
	return s.compare(ctx, r.next())
}

// Weights are a matrix's weights, read some rows at a time.
type Weights interface {
	ReadRows(ctx context.Context, dst []float32, a, b int) error
	Close() error
}

// sensitivity is a running Sensitivities.
type sensitivity struct {
	*walk
	probes []Probe
	open   func(tensor string) (Weights, error)
	x      []float32   // the window's vectors,
	xs     [][]float32 // and those of each probe that has changed something
}

// outside tells whether a probe is of what no layer has: the output head, or embeddings that are it.
func (s *sensitivity) outside(p *Probe) bool {
	return slices.ContainsFunc(s.layers.Inputs(s.layers.Config.Layers), func(in transformer.Input) bool {
		return slices.Contains(in.Tensors, p.Tensors[0])
	})
}

// layer takes all vectors through a layer.
func (s *sensitivity) layer(ctx context.Context, i int) (err error) {
	y, err := s.layers.Layer(ctx, i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.Close()) }()
	own := matricesOf(s.layers, i)
	for k, p := range s.probes {
		at := slices.IndexFunc(p.Tensors, func(name string) bool { return slices.Contains(own, name) })
		if at < 0 && s.xs[k] == nil {
			continue
		}
		if s.xs[k] == nil {
			s.xs[k] = slices.Clone(s.x)
		}
		if at < 0 {
			err = y.Run(ctx, s.xs[k], nil)
		} else {
			err = s.changed(ctx, y, p.Tensors[at], s.xs[k])
		}
		if err != nil {
			return err
		}
	}
	return y.Run(ctx, s.x, nil)
}

// changed takes vectors through a layer of which one matrix has other weights.
func (s *sensitivity) changed(ctx context.Context, y *transformer.Layer, tensor string, x []float32) error {
	w, err := s.open(tensor)
	if err != nil {
		return err
	}
	restore, err := y.Replace(tensor, func(dst []float32, a, b int) error { return w.ReadRows(ctx, dst, a, b) })
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	return errors.Join(y.Run(ctx, x, nil), restore())
}

// compare compares the predictions of all probes with the model's own.
func (s *sensitivity) compare(ctx context.Context, next []int) (err error) {
	n, vocab := s.layers.Config.Hidden, s.layers.Config.Vocab
	tokens := len(s.windows[0])
	part := func(x []float32) []float32 { return s.layers.Vectors(x)[scored(tokens)*n : (tokens-1)*n] }
	states := slices.Clone(part(s.x))
	var inside []int
	for k := range s.probes {
		if s.xs[k] != nil {
			inside = append(inside, k)
			states = append(states, part(s.xs[k])...)
		}
	}
	s.layers.Norm(states)
	head, err := s.layers.Head(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, head.Close()) }()
	all := make([]*evaluate.Parts, len(s.probes))
	for k := range all {
		all[k] = evaluate.NewParts(next)
	}
	each := len(next)
	y := make([]float32, (len(inside)+2)*each*probeRows)
	for first := 0; first < vocab; first += probeRows {
		rows := min(probeRows, vocab-first)
		size := each * rows
		if err := head.Logits(ctx, y[:(len(inside)+1)*size], states, first, first+rows); err != nil {
			return err
		}
		truth := y[:size]
		var group sync.WaitGroup
		for i, k := range inside {
			group.Go(func() { all[k].Add(first, rows, truth, y[(i+1)*size:][:size]) })
		}
		group.Wait()
		for k := range s.probes {
			if s.xs[k] == nil && s.outside(&s.probes[k]) {
				other := y[(len(inside)+1)*size:][:size]
				if err := s.headOf(ctx, s.probes[k].Tensors[0], other, states[:each*n], first, rows); err != nil {
					return err
				}
				all[k].Add(first, rows, truth, other)
			}
		}
	}
	for k := range s.probes {
		d, err := all[k].Result()
		if err != nil {
			return fmt.Errorf("%s: %w", s.probes[k].Tensors[0], err)
		}
		s.probes[k].KLD = d.MeanKLD
	}
	return nil
}

// headOf writes the logits of an output head of other weights.
func (s *sensitivity) headOf(ctx context.Context, tensor string, y, x []float32, first, rows int) error {
	w, err := s.open(tensor)
	if err != nil {
		return err
	}
	err = s.layers.Product(ctx, y, x, rows, func(dst []float32, a, b int) error { return w.ReadRows(ctx, dst, first+a, first+b) })
	return errors.Join(err, w.Close())
}
