package transformer

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
)

// SetDraft sets Draft to the model at path, if there is one; "" is none. What is not there is fs.ErrNotExist, one far from here ErrOption:
// all of its weights are held, and no root says which they are.
func (o *Options) SetDraft(path string) (err error) {
	if checkpoint.IsFar(path) {
		return fmt.Errorf("a draft is read from this machine only: %w", ErrOption)
	}
	if path != "" {
		o.Draft, err = checkpoint.Find(context.Background(), path)
	}
	return err
}

// draft is the model of Options.Draft on its way: described, planned, opened. A nil draft is none.
type draft struct {
	name    string
	model   *Model // of which nothing but the configuration is read at first
	options Options
	list    []arch.Weight // its matrices
}

// describeDraft reads the configuration of the draft that the options name, if they do.
func describeDraft(ctx context.Context, o Options) (*draft, error) {
	if o.Draft.Place == nil {
		return nil, nil
	}
	src, err := openSource(ctx, o.Draft, o.Verify)
	if err != nil {
		return nil, err
	}
	d := &draft{name: o.Draft.Name}
	d.model, d.options, err = describe(ctx, src, Options{
		Context: o.Context, Sequences: o.Sequences, CacheType: o.CacheType, Threads: o.Threads, CPU: o.CPU, Canon: o.Canon, Verify: o.Verify,
		Chunk: min(max(leastChunk, o.Sequences), o.Context*max(1, o.Sequences)),
	})
	if err != nil {
		src.close()
		return nil, fmt.Errorf("%s: %w", o.Draft.Name, err)
	}
	d.list = matrices(d.model.Config, src)
	return d, nil
}

// plan plans the draft with all of its weights in memory, and returns its matrices, opened. The figures are the same for any
// number of threads: as loading is all that buffers are for, leastWorkers have some.
func (d *draft) plan(ctx context.Context) (*Plan, *weights, error) {
	w, err := survey(ctx, d.model.Config, d.model.source, d.list)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.name, err)
	}
	w.snapshots = 1 // it is cut at every turn, by a few tokens
	o := d.options
	o.Threads = leastWorkers
	p, err := w.plan(d.model.Config, memory.Limit{}, o)
	if err != nil {
		w.close()
		return nil, nil, fmt.Errorf("%s: %w", d.name, err)
	}
	p.Minimum, p.Program = 0, 0 // these are the model's beside it
	return p, w, nil
}

// heap is what passes through the draft take of the Go heap.
func (d *draft) heap(p *Plan) int64 {
	if d == nil {
		return 0
	}
	return p.extent().heap(d.model.Config)
}

// open opens the draft beside a model, as that one's plan has it.
func (d *draft) open(ctx context.Context, beside *Plan) (*Model, error) {
	if d == nil {
		return nil, nil
	}
	m := d.model
	if m.Plan = beside.Draft; beside.Limit > 0 {
		m.budget = memory.NewLedger(m.Plan.Total() - d.heap(m.Plan))
	}
	if err := m.fill(ctx, d.options, d.list); err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	return m, nil
}

// close ends a draft, opened or not.
func (d *draft) close() {
	if d != nil {
		d.model.closeMatrices()
		d.model.source.close()
	}
}
