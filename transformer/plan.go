package transformer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrMemory reports a memory limit that is too small; the message names the
// smallest that would do.
var ErrMemory = errors.New("not enough memory")

// Plan says where a model's memory goes, in bytes, all of it reserved up front.
type Plan struct {
	Limit       int64       `json:"limit"`        // of the process, 0 for none
	LimitSource LimitSource `json:"limit_source"` // who set the limit
	Minimum     int64       `json:"minimum"`      // the smallest limit that works with this context and cache
	Program     int64       `json:"program"`      // the program, its runtime, small tables and outliers
	Cache       int64       `json:"cache"`        // keys and values
	Scratch     int64       `json:"scratch"`      // activations
	Buffers     int64       `json:"buffers"`      // blocks in flight
	Resident    int64       `json:"resident"`     // weights held
	// Streamed is what is read from files for a token, or for every chunk of a
	// prompt: the matrices that are not resident, as they lie in the files, but of
	// the embeddings one block (and all, where they are the output head too).
	Streamed  int64     `json:"streamed"`
	Context   int       `json:"context"`
	CacheType CacheType `json:"cache_type"`
	Chunk     int       `json:"chunk"`             // tokens of a prompt that go together
	Workers   int       `json:"attention_workers"` // each with scores of its own
	Matrices  []Place   `json:"matrices"`
}

// LimitSource says where a plan's limit comes from.
type LimitSource string

// The sources of limits: Options.Memory, or 90 % of what the process's cgroup
// allows, where a model does not fit in that and Options.Memory is 0.
const (
	NoLimit     LimitSource = ""
	FlagLimit   LimitSource = "flag"
	CgroupLimit LimitSource = "cgroup"
)

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

// programMemory is what the program itself takes: its code, the runtime, and a Go
// heap of small things, of which the runtime keeps some apart for every processor
// that Go may use. Measured on Linux at 13 to 16 MiB with 1 or 2 processors, and up
// to 18 with 8.
func programMemory() int64 { return 18<<20 + 256<<10*int64(runtime.GOMAXPROCS(0)-1) }

// chunks are the chunk sizes that a plan chooses from.
var chunks = []int{128, 64, 32, 16, 8, 4, 2, 1}

// planModel decides what is resident under the options' limit, or the cgroup's
// where the model does not fit in that.
func planModel(c *Config, src source, names []string, o Options) (*Plan, error) {
	w, err := survey(src, names)
	if err != nil {
		return nil, err
	}
	defer w.close()
	p, err := w.plan(c, o)
	if err != nil {
		return nil, err
	}
	if o.Memory > 0 {
		p.LimitSource = FlagLimit
		return p, nil
	}
	if o.Memory = o.cgroup / 10 * 9; o.Memory == 0 || p.Total() <= o.Memory {
		return p, nil
	}
	if p, err = w.plan(c, o); err != nil {
		return nil, fmt.Errorf("90 %% of the cgroup's memory: %w", err)
	}
	p.LimitSource = CgroupLimit
	return p, nil
}

// plan decides what is resident within o.Memory, 0 for no limit.
func (w *weights) plan(c *Config, o Options) (*Plan, error) {
	files := present(w.files)
	p := &Plan{
		Limit: o.Memory, Context: o.Context, CacheType: o.CacheType, Matrices: slices.Clone(w.places),
		Program: programMemory() + o.Reserve + tables(c, files) + w.outliers + w.reading,
		Cache:   cacheBytes(c, o.Context, o.CacheType),
	}
	one, _ := stream.PlanResidency(1<<62, 1, files)
	smallest := max(1, o.Chunk)
	p.Minimum = p.Program + p.Cache + scratchBytes(c, o.Context, smallest, 1, o.CacheType) + w.dense + one.Minimum
	if o.Memory > 0 && o.Memory < p.Minimum {
		return nil, fmt.Errorf("a limit of %s: at least %s would do with a context of %d: %w",
			byteunit.Format(o.Memory), byteunit.FormatUp(p.Minimum), o.Context, ErrMemory)
	}
	free := int64(1 << 62)
	if o.Memory > 0 {
		free = o.Memory - p.Program - p.Cache - w.dense
	}
	// As many workers, then as long a chunk, as a quarter of what is free has room for.
	fits := func(chunk, workers int) bool {
		p.Scratch = scratchBytes(c, o.Context, chunk, workers, o.CacheType)
		return p.Scratch <= free/4 && p.Scratch <= free-one.Minimum
	}
	for p.Workers = o.Threads; p.Workers > 1 && !fits(smallest, p.Workers); {
		p.Workers--
	}
	p.Chunk = smallest
	if o.Chunk == 0 {
		if i := slices.IndexFunc(chunks, func(n int) bool { return fits(n, p.Workers) }); i >= 0 {
			p.Chunk = chunks[i]
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

// scratchBytes returns the memory of a session's chunk, with what lies in the Go
// heap: activations packed once more for the kernels, in lane order, rotations.
func scratchBytes(c *Config, context, chunk, workers int, t CacheType) int64 {
	packed := int64(chunk) * int64(max(c.Hidden, c.FFN, c.Heads*c.HeadDim)+63) * 4
	queries := int64(workers) * int64(c.Heads/c.KVHeads) * int64(c.HeadDim+63) * 4
	rotations := int64(chunk) * 2 * int64(4*c.HeadDim+128)
	return 4*scratchFloats(c, context, chunk, workers, t) + packed + queries + rotations
}

// weights are a model's matrices as a plan sees them: opened, but no block read.
type weights struct {
	places   []Place
	files    []stream.File // nil for dense matrices
	dense    int64         // bytes of these
	outliers int64         // bytes of all sidecars in the Go heap
	reading  int64         // and, at first, those of reading the largest
}

// survey opens the matrices' files.
func survey(src source, names []string) (*weights, error) {
	w := &weights{places: make([]Place, len(names)), files: make([]stream.File, len(names))}
	for i, name := range names {
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

// tables is the Go heap that grows with the model: block indices, norms, lookup
// tables, and a sampler's list of all tokens.
func tables(c *Config, files []stream.File) int64 {
	n := int64(c.Layers)*int64(4*c.Hidden+2*c.HeadDim)*4 + 8*int64(c.Vocab)
	for _, f := range files {
		n += int64(f.NumBlocks())*128 + 16<<10
	}
	return n
}

// Totals returns the plan's sums by name, for a receipt.
func (p *Plan) Totals() map[string]int64 {
	return map[string]int64{
		"program": p.Program, "cache": p.Cache, "scratch": p.Scratch, "buffers": p.Buffers, "resident": p.Resident,
		"streamed": p.Streamed, "minimum": p.Minimum,
	}
}

// PlanFor plans a model without opening its weights, with the errors of [Open].
func PlanFor(path string, o Options) (*Plan, error) {
	src, err := openSource(path, o.Verify)
	if err != nil {
		return nil, err
	}
	defer src.close()
	c, _, err := configure(context.Background(), src)
	if err == nil {
		o, err = o.normalize(c)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := planModel(c, src, matrixNames(c, src), o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
