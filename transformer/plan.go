package transformer

import (
	"context"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrMemory reports a memory limit that is too small; the message names the
// smallest that would do.
var ErrMemory = memory.ErrLimit

// Plan says where a model's memory goes, in bytes, all of it reserved up front.
type Plan struct {
	Limit       int64         `json:"limit"`        // of the process, 0 for none
	LimitSource memory.Source `json:"limit_source"` // who set the limit
	Minimum     int64         `json:"minimum"`      // the smallest limit that works with this context and cache
	Program     int64         `json:"program"`      // the program, and what Go holds: tokenizer, tables, outliers
	Cache       int64         `json:"cache"`        // keys and values
	Scratch     int64         `json:"scratch"`      // activations
	Buffers     int64         `json:"buffers"`      // blocks in flight
	Resident    int64         `json:"resident"`     // weights held
	// Streamed is what is read from files for a token, or for every chunk of a
	// prompt: the matrices that are not resident, as they lie in the files, but of
	// the embeddings one block (and all, where they are the output head too).
	Streamed  int64     `json:"streamed"`
	Context   int       `json:"context"`
	CacheType CacheType `json:"cache_type"`
	Chunk     int       `json:"chunk"`             // tokens of a prompt that go together
	Workers   int       `json:"attention_workers"` // each with scores of its own
	Matrices  []Place   `json:"matrices"`

	least int64 // what Minimum was rounded up from
}

// Place says where a matrix lives.
type Place struct {
	Name     string `json:"name"`
	Resident bool   `json:"resident"`
	Bytes    int64  `json:"bytes"` // in memory if resident, else in the file
}

// Total returns what the plan takes.
func (p *Plan) Total() int64 {
	return p.Program + p.Cache + p.Scratch + p.Buffers + p.Resident
}

// managed is the part of the limit that is accounted byte by byte.
func (p *Plan) managed() int64 { return p.Limit - p.Program }

// chunks are the chunk sizes that a plan chooses from. Streamed weights are unpacked once
// a chunk, which costs about as much as multiplying 8 to 16 tokens by them: below
// leastChunk a prompt would take several times as long as with a little more memory.
var chunks = []int{128, 64, 32, leastChunk}

// What the smallest limit has room for, whatever the number of threads: the figure is the
// same for all, and more memory makes no run several times faster.
const (
	leastChunk   = 16
	leastWorkers = 4
)

// planModel decides what is resident under the options' limit, or the cgroup's
// where the model does not fit in that. What Go holds now is a part of the plan.
func planModel(ctx context.Context, c *Config, src source, names []string, limit memory.Limit, o Options) (*Plan, error) {
	w, err := survey(ctx, src, names)
	if err != nil {
		return nil, err
	}
	defer w.close()
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
func (w *weights) plan(c *Config, limit memory.Limit, o Options) (*Plan, error) {
	files := present(w.files)
	p := &Plan{
		Limit: limit.Bytes, LimitSource: limit.Source, Context: o.Context, CacheType: o.CacheType, Matrices: slices.Clone(w.places),
		Program: memory.Share(w.held, o.Reserve+o.ReservePerToken*int64(o.Context)+tables(c, files)+w.outliers+w.reading),
		Cache:   cacheBytes(c, o.Context, o.CacheType),
	}
	one, _ := stream.PlanResidency(1<<62, 1, files)
	smallest := o.Chunk
	if smallest == 0 {
		smallest = min(leastChunk, o.Context)
	}
	buffers := leastWorkers * one.Minimum
	least := p.Program + p.Cache + scratchBytes(c, o.Context, smallest, leastWorkers, o.CacheType) + w.dense + buffers
	least = max(least, o.Opening)
	p.least, p.Minimum = least, memory.Named(least)
	if limit.Source != memory.None && limit.Bytes < least {
		return nil, limit.TooSmall(fmt.Sprintf("with a context of %d", o.Context), least)
	}
	free := int64(1 << 62)
	if limit.Source != memory.None {
		free = limit.Bytes - p.Program - p.Cache - w.dense
	}
	// As many workers, then as long a chunk, as a quarter of what is free has room for.
	fits := func(chunk, workers int) bool {
		p.Scratch = scratchBytes(c, o.Context, chunk, workers, o.CacheType)
		return p.Scratch <= free/4 && p.Scratch <= free-buffers
	}
	for p.Workers = o.Threads; p.Workers > leastWorkers && !fits(smallest, p.Workers); {
		p.Workers--
	}
	p.Chunk = smallest
	if o.Chunk == 0 {
		if i := slices.IndexFunc(chunks, func(n int) bool { return fits(n, p.Workers) }); i >= 0 {
			p.Chunk = min(chunks[i], o.Context)
		}
	}
	p.Scratch = scratchBytes(c, o.Context, p.Chunk, p.Workers, o.CacheType)
	r, err := stream.PlanResidency(free-p.Scratch, o.Threads, files)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, ErrMemory)
	}
	p.Buffers, p.Resident = r.BufferBytes, w.dense+r.ResidentBytes
	k := 0
	for i, f := range w.files {
		place := &p.Matrices[i]
		if f == nil {
			place.Resident = true
			continue
		}
		if place.Resident = r.Resident[k]; place.Resident {
			place.Bytes = stream.ResidentSize(f)
		} else {
			p.Streamed += streamed(f, i == 0, c.TiedHead)
		}
		k++
	}
	return p, nil
}

// streamed returns what a token reads of a matrix that is not resident.
func streamed(f stream.File, embeddings, tied bool) int64 {
	switch {
	case embeddings && tied:
		return f.Size() + int64(f.MaxCompLen())
	case embeddings:
		return int64(f.MaxCompLen())
	}
	return f.Size()
}

// scratchBytes returns the memory of a session's chunk, with what lies in the Go heap.
func scratchBytes(c *Config, context, chunk, workers int, t CacheType) int64 {
	return 4*scratchFloats(c, context, chunk, workers, t) + scratchHeap(c, chunk, workers)
}

// scratchHeap is the part of it in the Go heap: activations packed once more for the
// kernels, in lane order, and rotations.
func scratchHeap(c *Config, chunk, workers int) int64 {
	packed := int64(chunk) * int64(max(c.Hidden, c.FFN, c.Heads*c.HeadDim)+63) * 4
	queries := int64(workers) * int64(c.Heads/c.KVHeads) * int64(c.HeadDim+63) * 4
	rotations := int64(chunk) * 2 * int64(4*c.HeadDim+128)
	return packed + queries + rotations
}

// weights are a model's matrices as a plan sees them: opened, but no block read.
type weights struct {
	places   []Place
	files    []stream.File // nil for dense matrices
	dense    int64         // bytes of these
	outliers int64         // bytes of all sidecars in the Go heap
	reading  int64         // and, at first, those of reading the largest
	held     int64         // bytes that Go holds with all of them open
}

// survey opens the matrices' files.
func survey(ctx context.Context, src source, names []string) (*weights, error) {
	w := &weights{places: make([]Place, len(names)), files: make([]stream.File, len(names))}
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			w.close()
			return nil, err
		}
		s, err := src.size(name)
		if err != nil {
			w.close()
			return nil, err
		}
		w.places[i] = Place{Name: name, Bytes: s.dense}
		w.dense += s.dense
		if w.files[i] = s.file; s.file == nil {
			continue
		}
		w.places[i].Bytes = s.file.Size()
		if s.sidecar > 0 {
			w.outliers += stream.SidecarSize(s.file, s.outliers)
			// The file, and what it inflates to in a buffer that grows by doubling: of an
			// outlier 2 bytes of value and, in the mean, at most 3 of position.
			w.reading = max(w.reading, s.sidecar+2*5*int64(s.outliers)+64<<10)
		}
	}
	return w, nil
}

func (w *weights) close() {
	for _, f := range present(w.files) {
		f.Close()
	}
}

func present(files []stream.File) []stream.File {
	return slices.DeleteFunc(slices.Clone(files), func(f stream.File) bool { return f == nil })
}

// tables is the Go heap that a model takes besides what is open when it is planned:
// norms, and for each matrix its lookup tables.
func tables(c *Config, files []stream.File) int64 {
	return int64(c.Layers)*int64(4*c.Hidden+2*c.HeadDim)*4 + int64(len(files))*(16<<10)
}

// Totals returns the plan's sums by name, for a receipt.
func (p *Plan) Totals() map[string]int64 {
	return map[string]int64{
		"program": p.Program, "cache": p.Cache, "scratch": p.Scratch, "buffers": p.Buffers, "resident": p.Resident,
		"streamed": p.Streamed, "minimum": p.Minimum,
	}
}

// PlanFor plans a model without opening its weights, with the errors of [Open].
func PlanFor(ctx context.Context, path string, o Options) (*Plan, error) {
	limit := memory.Allowed(o.Memory)
	limit.Begin()
	src, err := openSource(path, o.Verify)
	if err != nil {
		return nil, err
	}
	defer src.close()
	c, _, err := configure(ctx, src)
	if err == nil {
		o, err = o.normalize(c)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := planModel(ctx, c, src, matrixNames(c, src), limit, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
