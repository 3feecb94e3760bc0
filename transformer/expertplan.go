package transformer

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ExpertPlan says how many of a mixture's experts are held, where not all of them are: as many of each layer as promises to
// save most reading. All but Count are bytes.
type ExpertPlan struct {
	Count  int   `json:"count"`     // experts of all layers together
	Held   int   `json:"held"`      // of these, that there is room for
	Bytes  int64 `json:"bytes"`     // of memory for those held
	Used   int64 `json:"used"`      // of experts that a token gets, as they lie in files
	Reads  int64 `json:"reads"`     // of these, that are expected to be read if all experts were used as often as others
	Likely int64 `json:"by_use"`    // and by their measured use; 0 if none is known
	Known  bool  `json:"use_known"` // whether there is a measured use

	slots []int // by layer
}

// expertLayer is a layer's experts as a plan sees them.
type expertLayer struct {
	layer  int
	slot   int64     // bytes that one takes in a cache
	file   float64   // that one takes in files, in the mean
	shares []float64 // of tokens that get each expert; nil if not known
	ranked []float64 // that, falling
}

// shares returns which share of tokens gets each of a layer's experts, by counts that are nil if nothing was measured. What was not seen may be.
func shares(uses []int64, perToken int) []float64 {
	if len(uses) == 0 {
		return nil
	}
	const unseen = 0.5
	list, sum := make([]float64, len(uses)), 0.0
	for i, n := range uses {
		list[i] = float64(n) + unseen
		sum += list[i]
	}
	for i := range list {
		list[i] = min(1, list[i]/sum*float64(perToken))
	}
	return list
}

// expertLayers gathers the layers of experts that a cache may hold: those in files, whose experts have blocks of their own.
func (w *weights) expertLayers(c *arch.Config, list []arch.Weight, use *model.ExpertUse) (layers []expertLayer) {
	for i := range list {
		l := &w.layouts[i]
		if l.ExpertBytes == 0 {
			continue
		}
		if n := len(layers); n == 0 || layers[n-1].layer != list[i].Layer {
			e := expertLayer{layer: list[i].Layer}
			if use != nil {
				e.shares = shares(use.Uses[e.layer], c.Experts.PerToken)
				e.ranked = slices.Clone(e.shares)
				slices.SortFunc(e.ranked, func(a, b float64) int { return cmp.Compare(b, a) })
			}
			layers = append(layers, e)
		}
		e := &layers[len(layers)-1]
		e.slot += l.ExpertBytes
		e.file += float64(l.FileBytes) / float64(c.Experts.Count)
	}
	return layers
}

// gain is what the next expert in memory after n saves of reading, by a byte of its own; where no use is known, as if each
// was used less than those before, so that all layers get as many.
func (e *expertLayer) gain(n int) float64 {
	use := 1 / float64(n+1)
	if e.ranked != nil {
		use = e.ranked[n]
	}
	return use * e.file / float64(e.slot)
}

// planExperts gives the layers' experts room, one by one to the layer that gains most, as far as there is some left.
func planExperts(c *arch.Config, layers []expertLayer, left int64) *ExpertPlan {
	x := &c.Experts
	p := &ExpertPlan{Count: len(layers) * x.Count, slots: make([]int, c.Layers)}
	for {
		best := -1
		for i := range layers {
			e := &layers[i]
			if n := p.slots[e.layer]; n < x.Count && e.slot <= left && (best < 0 || e.gain(n) > layers[best].gain(p.slots[layers[best].layer])) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		e := &layers[best]
		p.slots[e.layer]++
		p.Held++
		p.Bytes += e.slot
		left -= e.slot
	}
	used, reads, likely := 0.0, 0.0, 0.0
	for i := range layers {
		e := &layers[i]
		n := p.slots[e.layer]
		used += e.file * float64(x.PerToken)
		alike := e.file * float64(x.PerToken) * float64(x.Count-n) / float64(x.Count)
		reads += alike
		if e.ranked == nil {
			likely += alike
			continue
		}
		p.Known = true
		for _, share := range e.ranked[n:] {
			likely += share * e.file
		}
	}
	p.Used, p.Reads = int64(math.Round(used)), int64(math.Round(reads))
	if p.Known {
		p.Likely = int64(math.Round(likely))
	}
	return p
}

// Expected is how many bytes of experts a token is expected to read.
func (p *ExpertPlan) Expected() int64 {
	if p.Known {
		return p.Likely
	}
	return p.Reads
}

// SetExpertUse sets ExpertUse to the table in the file at path, if there is one; "" is none. Errors are model.ErrExpertUse
// and those of reading.
func (o *Options) SetExpertUse(path string) (err error) {
	if path != "" {
		o.ExpertUse, err = model.ReadExpertTable(path)
	}
	return err
}

// expertUse returns what is known of how often a source's experts are used: by a table of the caller's, or what the source has.
func expertUse(c *arch.Config, src source, table *model.ExpertTable) (*model.ExpertUse, error) {
	root, use := src.experts()
	if table != nil {
		if root == "" {
			return nil, fmt.Errorf("%s: it is of a model directory, this model is run as its checkpoint is: %w", table.Path, model.ErrExpertUse)
		}
		if err := table.Of(root); err != nil {
			return nil, err
		}
		if err := table.Check(c.Layers, c.Experts.Count); err != nil {
			return nil, fmt.Errorf("%s: %w", table.Path, err)
		}
		return &table.ExpertUse, nil
	}
	if use != nil {
		if err := use.Check(c.Layers, c.Experts.Count); err != nil {
			return nil, fmt.Errorf("its manifest: %w", err)
		}
	}
	return use, nil
}

// cacheExperts makes the caches of layers that the plan has any for, and fills them where it is known with what.
func (m *Model) cacheExperts(ctx context.Context, list []arch.Weight) error {
	p, use := m.Plan.Experts, m.Plan.use
	if p == nil {
		return nil
	}
	c := m.Config
	m.experts = make([]*stream.ExpertCache, c.Layers)
	for l := range m.experts {
		var of []stream.Matrix
		for i := range list {
			if list[i].Layer == l && list[i].Experts > 0 && !m.Plan.Matrices[i].Resident {
				of = append(of, m.matrices[list[i].Name])
			}
		}
		if len(of) == 0 {
			continue
		}
		var known []float64
		if use != nil {
			known = shares(use.Uses[l], c.Experts.PerToken)
		}
		var err error
		if m.experts[l], err = m.engine.NewExpertCache(c.Experts.Count, p.slots[l], known, of...); err != nil {
			return err
		}
		if known != nil {
			if err := m.experts[l].Fill(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// ExpertStats tells what the caches of experts have done since the model was opened; nothing where all experts are in memory.
func (m *Model) ExpertStats() (sum stream.ExpertStats) {
	for _, c := range m.experts {
		if c != nil {
			sum.Add(c.Stats())
		}
	}
	return sum
}

// ExpertUse returns the table of how often each expert was chosen since the model was opened. Errors are model.ErrExpertUse for a model without experts, and for one
// that is no model directory.
func (m *Model) ExpertUse() (*model.ExpertTable, error) {
	root, _ := m.source.experts()
	if m.Config.Experts.Count == 0 {
		return nil, fmt.Errorf("the model has no experts: %w", model.ErrExpertUse)
	}
	if root == "" {
		return nil, fmt.Errorf("the model is run as its checkpoint is; convert it first: %w", model.ErrExpertUse)
	}
	use := model.ExpertUse{Uses: make([][]int64, len(m.blocks))}
	for l := range m.blocks {
		use.Uses[l] = m.blocks[l].Experts.counts()
		sum := int64(0)
		for _, n := range use.Uses[l] {
			sum += n
		}
		use.Tokens = max(use.Tokens, sum/int64(m.Config.Experts.PerToken))
	}
	return model.NewExpertTable(root, use), nil
}
