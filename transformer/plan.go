package transformer

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrMemory reports a memory limit that is too small; the message names the
// smallest that would do.
var ErrMemory = memory.ErrLimit

// Plan says where a model's memory goes, in bytes, all of it reserved up front.
type Plan struct {
	Limit       int64         `json:"limit"`             // of the process, 0 for none
	LimitSource memory.Source `json:"limit_source"`      // who set the limit
	Minimum     int64         `json:"minimum"`           // the smallest limit that works with this context and cache
	Program     int64         `json:"program"`           // the program, and what Go holds: tokenizer, tables, outliers
	Beside      int64         `json:"beside,omitempty"`  // of others in the process: Options.Beside
	Cache       int64         `json:"cache"`             // keys and values; states of layers without attention, and copies of them
	Scratch     int64         `json:"scratch"`           // activations
	Buffers     int64         `json:"buffers"`           // blocks in flight
	Window      int64         `json:"window,omitempty"`  // through which a model far from here is read
	Resident    int64         `json:"resident"`          // weights held
	Experts     *ExpertPlan   `json:"experts,omitempty"` // nil where all experts are resident, or there are none
	// Streamed is what is read from files for a token, or for every chunk of a
	// prompt: the matrices that are not resident, as they lie in the files, but of
	// the embeddings one block (and all, where they are the output head too). Of experts it is
	// those that one token gets and that are not held, as is to be expected; a chunk reads those that some token of it gets, once.
	Streamed  int64       `json:"streamed"`
	Context   int         `json:"context"`
	CacheType CacheType   `json:"cache_type"`
	Chunk     int         `json:"chunk"`             // tokens of a prompt that go together
	Workers   int         `json:"attention_workers"` // each with memory of its own
	Matrices  []Placement `json:"matrices"`
	Draft     *Plan       `json:"draft,omitempty"`     // of Options.Draft: all of it resident; what it takes of the Go heap is in Program
	Snapshots int         `json:"snapshots,omitempty"` // copies of its states that a sequence keeps, to go back to
	Sequences int         `json:"-"`                   // that there is room for at a time
	Contexts  int         `json:"-"`                   // whole ones that Cache has room for

	pages   int64            // of Cache, what sequences share
	least   int64            // what Minimum was rounded up from
	reads   bool             // see ReadsWeights
	canon   stream.Canon     // of lattice matrices, "" if there are none
	escaped int64            // see extent
	heap    int64            // of Program, what is known to come
	use     *model.ExpertUse // nil if none is known
}

// Placement says where a matrix lives.
type Placement struct {
	Name     string `json:"name"`
	Resident bool   `json:"resident"`
	Bytes    int64  `json:"bytes"` // in memory if resident, else in the file
}

// Total returns what the plan takes.
func (p *Plan) Total() int64 {
	sum := p.Program + p.Beside + p.Cache + p.Scratch + p.Buffers + p.Window + p.Resident + p.draft()
	if p.Experts != nil {
		sum += p.Experts.Bytes
	}
	return sum
}

// draft is what the draft takes beside Program.
func (p *Plan) draft() int64 {
	if p.Draft == nil {
		return 0
	}
	return p.Draft.Total()
}

// ReadsWeights tells whether a token reads weights that it is multiplied by, and not only its embedding.
func (p *Plan) ReadsWeights() bool { return p.reads }

// managed is the part of the limit that is accounted byte by byte.
func (p *Plan) managed() int64 { return p.Limit - p.Program - p.Beside - p.Window - p.draft() }

// Outside is what the model takes outside the Go heap.
func (p *Plan) Outside() int64 { return p.Total() - p.Program - p.Beside }

// Heap is what it takes of the Go heap from when it was planned on, at most, with what its caller reserved.
func (p *Plan) Heap() int64 { return p.heap }

// chunks are the chunk sizes that a plan chooses from. Streamed weights are unpacked once
// a chunk, which costs about as much as multiplying 8 to 16 tokens by them: below
// leastChunk a prompt would take several times as long as with a little more memory.
var chunks = []int{128, 64, 32, leastChunk}

// longChunks are those beyond, which make no product faster. Where much is streamed, and their memory would hold little of it,
// a longer prompt reads it fewer times: tokens after that read at most a longChunkShare more.
var longChunks = []int{512, 256}

const longChunkShare = 32

// What the smallest limit has room for, whatever the number of threads: the figure is the
// same for all, and more memory makes no run several times faster.
const (
	leastChunk   = 16
	leastWorkers = 4
)

// planModel decides what is resident under the options' limit, or the cgroup's
// where the model does not fit in that. What Go holds now is a part of the plan.
func planModel(ctx context.Context, c *arch.Config, src source, list []arch.Weight, limit memory.Limit, o Options, d *draft) (*Plan, error) {
	w, err := survey(ctx, c, src, list)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if w.use, err = expertUse(c, src, o.ExpertUse); err != nil {
		return nil, err
	}
	w.experts = w.expertLayers(c, list, w.use)
	if d != nil {
		var beside *weights
		if w.draft, beside, err = d.plan(ctx); err != nil {
			return nil, err
		}
		defer beside.close()
	}
	w.held = memory.Held()
	if limit.Source != memory.Cgroup {
		return w.plan(c, limit, o)
	}
	if p, err := w.plan(c, memory.Limit{}, o); err != nil || p.Total() <= limit.Bytes {
		return p, err
	}
	return w.plan(c, limit, o)
}

// plan decides what is resident within the limit.
func (w *weights) plan(c *arch.Config, limit memory.Limit, o Options) (*Plan, error) {
	layouts, cache := w.compressed(), wholeLayout(c)
	p := &Plan{
		Limit: limit.Bytes, LimitSource: limit.Source, Beside: o.Beside, Window: o.window, Context: o.Context, CacheType: o.CacheType,
		Sequences: o.Sequences, Contexts: max(1, o.Contexts), Draft: w.draft, use: w.use,
		escaped: escaped(c, layouts),
		heap: o.Reserve + o.ReservePerToken*int64(o.Context) + tokenBytes*int64(o.Context*o.Sequences) + pageHeap*int64(o.Sequences)*int64(o.Context/pageTokens+2) +
			tables(c, c.Layers, layouts) + w.outliers + w.reading,
	}
	p.Cache = cache.bytes(p.Sequences, p.Contexts, p.Context, p.CacheType, 1)
	p.pages = p.Cache - int64(p.Sequences)*cache.copied(1)
	if p.Draft != nil {
		p.heap += p.Draft.heap
	}
	p.Program = memory.Share(w.held, p.heap)
	if slices.ContainsFunc(layouts, func(l stream.Layout) bool { return l.Scaled }) {
		p.canon = o.Canon
	}
	one, _ := stream.PlanResidency(1<<62, 1, layouts)
	if o.Streamed {
		w.room = int64(max(1, o.Threads)) * one.Minimum
	}
	most := o.Context * o.Sequences // tokens that can go together
	smallest := o.Chunk
	if smallest == 0 {
		smallest = min(max(leastChunk, o.Sequences), most)
	}
	if c.Bidirectional { // a text goes through in one pass
		smallest = max(smallest, o.Context)
	}
	buffers := leastWorkers * one.Minimum
	scratch := func(chunk, workers int) int64 {
		e := p.extent()
		e.chunk, e.workers = chunk, workers
		return e.total(c)
	}
	least := p.Program + p.Beside + p.Window + p.draft() + p.Cache + scratch(smallest, leastWorkers) + w.dense + buffers
	least = max(least, o.Opening)
	p.least, p.Minimum = least, memory.Named(least)
	if limit.Source != memory.None && limit.Bytes < least {
		return nil, limit.TooSmall(fmt.Sprintf("with a context of %d", o.Context), max(least, memory.Again(o.Opening)))
	}
	free := int64(1 << 62)
	if limit.Source != memory.None {
		free = p.managed() - p.Cache - w.dense
	}
	free -= p.snapshots(&cache, free, w.snapshots)
	// As many workers, then as long a chunk, as a quarter of what is free has room for.
	fits := func(chunk, workers int) bool {
		p.Scratch = scratch(chunk, workers)
		return p.Scratch <= free/4 && p.Scratch <= free-buffers
	}
	for p.Workers = o.Threads; p.Workers > leastWorkers && !fits(smallest, p.Workers); {
		p.Workers--
	}
	p.Chunk = smallest
	if o.Chunk == 0 {
		if i := slices.IndexFunc(chunks, func(n int) bool { return fits(n, p.Workers) }); i >= 0 {
			p.Chunk = min(max(chunks[i], smallest), most)
		}
	}
	p.Scratch = scratch(p.Chunk, p.Workers)
	if err := w.place(p, c, layouts, free, o.Threads); err != nil {
		return nil, err
	}
	if o.Chunk > 0 || p.Chunk < min(chunks[0], most) {
		return p, nil
	}
	usual, streamed := p.Scratch, p.Streamed
	for _, chunk := range longChunks {
		if chunk > p.Chunk && chunk <= most && p.reads && fits(chunk, p.Workers) && p.Scratch-usual <= streamed/longChunkShare {
			p.Chunk = chunk
			if err := w.place(p, c, layouts, free, o.Threads); err != nil {
				return nil, err
			}
			return p, nil
		}
	}
	p.Scratch = usual
	return p, nil
}

// snapshots decides how many copies of states a sequence keeps, of so many at most: more than one in at most a sixteenth of
// what is free. It returns what those take.
func (p *Plan) snapshots(l *cacheLayout, free int64, most int) int64 {
	if l.state == 0 {
		return 0
	}
	each := 4 * int64(l.state) * int64(p.Sequences)
	p.Snapshots = max(1, int(min(int64(most), 1+free/snapshotShare/each)))
	more := int64(p.Snapshots-1) * each
	p.Cache += more
	return more
}

const snapshotShare = 16

// place decides what is resident in what is free beside the plan's scratch.
func (w *weights) place(p *Plan, c *arch.Config, layouts []stream.Layout, free int64, threads int) error {
	limit := free - p.Scratch
	if w.room > 0 {
		limit = min(limit, w.room)
	}
	r, err := stream.PlanResidency(limit, threads, layouts)
	if err != nil {
		return fmt.Errorf("%v: %w", err, ErrMemory)
	}
	p.Buffers, p.Resident = r.BufferBytes, w.dense+r.ResidentBytes
	p.Matrices, p.Streamed, p.reads, p.Experts = slices.Clone(w.places), 0, false, nil
	if r.Caches {
		p.Experts = planExperts(c, w.experts, r.Left)
		p.Streamed, p.reads = p.Experts.Expected(), true
	}
	k := 0
	for i, f := range w.files {
		place := &p.Matrices[i]
		if f == nil {
			place.Resident = !w.looked[i]
			continue
		}
		if place.Resident = r.Resident[k]; place.Resident {
			place.Bytes = layouts[k].ResidentBytes
		} else if layouts[k].ExpertBytes == 0 {
			p.Streamed += streamed(&layouts[k], i == 0, c.TiedHead)
			p.reads = p.reads || !w.looked[i] && (i > 0 || c.TiedHead)
		}
		k++
	}
	return nil
}

// extent is what the plan's passes have room for.
func (p *Plan) extent() extent {
	return extent{chunk: p.Chunk, workers: p.Workers, context: p.Context, sequences: p.Sequences, canon: p.canon, escaped: p.escaped}
}

// streamed returns what a token reads of a matrix that is not resident.
func streamed(l *stream.Layout, embeddings, tied bool) int64 {
	switch {
	case embeddings && tied:
		return l.FileBytes + int64(l.BlockBytes)
	case embeddings:
		return int64(l.BlockBytes)
	case l.Used > 0:
		return int64(math.Ceil(l.Used * float64(l.FileBytes)))
	}
	return l.FileBytes
}

// Totals returns the plan's sums by name, for a receipt.
func (p *Plan) Totals() map[string]int64 {
	sums := map[string]int64{
		"program": p.Program, "cache": p.Cache, "scratch": p.Scratch, "buffers": p.Buffers, "resident": p.Resident,
		"streamed": p.Streamed, "minimum": p.Minimum,
	}
	if p.Experts != nil {
		sums["experts"] = p.Experts.Bytes
	}
	if p.Beside > 0 {
		sums["beside"] = p.Beside
	}
	if p.Window > 0 {
		sums["window"] = p.Window
	}
	if p.Draft != nil {
		sums["draft"] = p.draft()
	}
	return sums
}

// PlanFor plans a model without opening its weights, with the errors of [Open].
func PlanFor(ctx context.Context, path string, o Options) (*Plan, error) {
	at, err := checkpoint.Find(ctx, path)
	if err != nil {
		return nil, err
	}
	return PlanAt(ctx, at, o)
}

// PlanAt is PlanFor for a model wherever it lies, as OpenAt.
func PlanAt(ctx context.Context, at checkpoint.Location, o Options) (*Plan, error) {
	limit := memory.Allowed(o.Memory)
	at, o, err := o.of(at, limit)
	if err != nil {
		return nil, err
	}
	defer limit.Begin()()
	src, err := openSource(ctx, at, o.Verify)
	if err != nil {
		return nil, err
	}
	defer src.close()
	c, _, err := configure(ctx, src)
	if err == nil {
		o, err = o.normalize(c)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	d, err := describeDraft(ctx, o)
	if err != nil {
		return nil, err
	}
	defer d.close()
	p, err := planModel(ctx, c, src, matrices(c, src), limit, o, d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	return p, nil
}
