package transformer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Options say how a model is run. Results depend on none of them but the cache
// type, and the context where rotary embeddings scale with it.
type Options struct {
	// Memory bounds the whole process: what does not fit is streamed. With 0 there
	// is no limit, unless the model does not fit in the process's cgroup (Linux);
	// then it is 90 % of what that allows. What the process holds already when a model is
	// opened, a tokenizer, say, is measured and counts.
	Memory int64
	// Reserve is memory of the Go heap that the caller will need besides, later.
	Reserve int64
	// ReservePerToken is more of it for each token of the context.
	ReservePerToken int64
	// Opening, if not 0, is what the process has held at its highest so far, if no
	// smaller limit is to be named.
	Opening int64
	// Context is the longest sequence, 0 for the model's own, at most 4096.
	Context int
	// CacheType says how keys and values are kept, empty for CacheF32.
	CacheType CacheType
	// Chunk is how many tokens of a prompt go together, at most the context; 0 lets
	// the plan choose.
	Chunk int
	// Threads is the number of workers, at most 1024, 0 for GOMAXPROCS.
	Threads int
	// CPU forces a kernel level, empty for HELIX_CPU or the best.
	CPU string
	// Verify says when the blocks of a model directory's matrices are checked against
	// their hashes; empty means cdna.TrustCached. Every other file is checked when it is
	// read, unless it is cdna.Off: then no hash is compared at all.
	Verify cdna.Policy
}

// Model is an open model: its weights, resident or streamed as the plan says. It
// is for one goroutine at a time.
type Model struct {
	Config *Config
	Plan   *Plan
	Notes  []string // what a user should know about how the weights were taken

	source   source
	engine   *stream.Engine
	budget   *stream.Budget
	kernels  *kernel.Kernels
	threads  int
	matrices map[string]Projection

	blocks      []Block
	embeddings  Projection
	norm        []float32
	head        Linear
	frequencies [2]frequencies // of global and local layers
}

type frequencies struct {
	freq   []float64
	factor float64
}

// Routes counts the tensors by the backend that the manifest's Structural Entropy asks
// for and the one that computes them here, as "gpu -> cpu"; nil if it was not measured.
func (m *Model) Routes() map[string]int {
	if s, ok := m.source.(*compressed); ok {
		return s.m.Manifest.Routes(s.machine)
	}
	return nil
}

// Open opens a model directory, a Hugging Face directory or a GGUF file. Errors
// are ErrArchitecture and ErrConfig, before any weights are read; ErrMemory, with
// the smallest workable limit; ErrWeights; and those of reading.
//
// Under a limit Open sets the collector's, and expects it to stay (see package memory).
func Open(ctx context.Context, path string, o Options) (*Model, error) {
	limit := memory.Allowed(o.Memory)
	limit.Begin()
	src, err := openSource(path, o.Verify)
	if err != nil {
		return nil, err
	}
	m, err := open(ctx, src, limit, o)
	if err != nil {
		src.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// configure returns a source's configuration. A head that is stored beside the embeddings and
// differs from them is one of its own whatever config.json says, as in transformers 5; 4 tied them.
func configure(ctx context.Context, src source) (c *Config, notes []string, err error) {
	if c, err = src.config(); err != nil || !c.TiedHead || !src.has(headName) || !src.has(embedName) {
		return c, nil, err
	}
	if c.TiedHead, err = src.same(ctx, headName, embedName); err == nil && !c.TiedHead {
		notes = []string{"config.json ties the output head to the embeddings, but another head is stored: that one is used, as in transformers 5"}
	}
	return c, notes, err
}

func open(ctx context.Context, src source, limit memory.Limit, o Options) (_ *Model, err error) {
	config, notes, err := configure(ctx, src)
	if err != nil {
		return nil, err
	}
	if o, err = o.normalize(config); err != nil {
		return nil, err
	}
	m := &Model{Config: config, Notes: notes, source: src, threads: o.Threads, matrices: map[string]Projection{}}
	if m.kernels, err = pickKernels(o.CPU); err != nil {
		return nil, err
	}
	if err := checkWeights(config, src); err != nil {
		return nil, err
	}
	names := matrixNames(config, src)
	if m.Plan, err = planModel(ctx, config, src, names, limit, o); err != nil {
		return nil, err
	}
	if p := m.Plan; p.Limit > 0 {
		m.budget = stream.NewBudget(p.managed())
		memory.Settle(p.Program + scratchHeap(config, p.Chunk, p.Workers))
	}
	if m.engine, err = stream.NewEngine(stream.EngineOptions{Threads: o.Threads, CPU: o.CPU, Budget: m.budget}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.closeMatrices()
		}
	}()
	if err := m.load(ctx, names); err != nil {
		return nil, err
	}
	if err := m.assemble(); err != nil {
		return nil, err
	}
	for kind, r := range []Rope{config.Rope, config.LocalRope} {
		m.frequencies[kind].freq, m.frequencies[kind].factor = r.frequencies(config.HeadDim, m.Plan.Context)
	}
	return m, nil
}

func (o Options) normalize(c *Config) (Options, error) {
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Context == 0 {
		o.Context = min(c.Context, 4096)
	}
	if o.CacheType == "" {
		o.CacheType = CacheF32
	}
	switch {
	case o.Threads < 0 || o.Memory < 0 || o.Chunk < 0 || o.Reserve < 0 || o.ReservePerToken < 0 || o.Opening < 0:
		return o, errors.New("threads, memory, chunk, reserve and opening must not be negative")
	case o.Context < 1 || o.Context > 1<<20:
		return o, fmt.Errorf("context %d is not in 1..%d: %w", o.Context, 1<<20, ErrConfig)
	case o.CacheType != CacheF32 && o.CacheType != CacheF16:
		return o, fmt.Errorf("cache type %q is not %s or %s: %w", o.CacheType, CacheF32, CacheF16, ErrConfig)
	}
	o.Threads, o.Chunk = min(o.Threads, 1024), min(o.Chunk, o.Context)
	return o, nil
}

func pickKernels(level string) (*kernel.Kernels, error) {
	if level == "" {
		return kernel.FromEnv()
	}
	return kernel.ForLevel(kernel.Level(level))
}

// loader is a matrix that is streamed until it is loaded: a stream.Matrix or a
// stream.Lossless.
type loader interface{ Load(context.Context) error }

// load opens all matrices and makes those resident that the plan has in memory.
func (m *Model) load(ctx context.Context, names []string) error {
	for i, name := range names {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		w, err := m.source.matrix(m.engine, name)
		if err != nil {
			return err
		}
		m.matrices[name] = w
		if s, ok := w.(loader); ok && m.Plan.Matrices[i].Resident {
			if err := s.Load(ctx); err != nil {
				return err
			}
		}
		if s, ok := w.(*stream.Matrix); ok && m.budget != nil && s.Decision().Apply {
			debug.FreeOSMemory() // what reading the sidecar took: the plan has it once
		}
	}
	return nil
}

// Close frees everything. Sessions must be closed before.
func (m *Model) Close() error {
	return errors.Join(m.closeMatrices(), m.source.close())
}

func (m *Model) closeMatrices() error {
	var errs []error
	for _, w := range m.matrices {
		errs = append(errs, w.(interface{ Close() error }).Close())
	}
	m.matrices = nil
	return errors.Join(append(errs, m.engine.Close())...)
}

// Version1 tells whether weights are in files of version 1 of the format, which have no
// hashes.
func (m *Model) Version1() bool {
	for _, w := range m.matrices {
		if s, ok := w.(*stream.Matrix); ok && s.File().Version() == 1 {
			return true
		}
	}
	return false
}

// CPU returns the level of the kernels in use.
func (m *Model) CPU() string { return string(m.kernels.Level()) }

// Threads returns the number of workers.
func (m *Model) Threads() int { return m.threads }

// embed writes the embeddings of tokens, one row at a time, to x.
func (m *Model) embed(x []float32, ids []int) error {
	n := m.Config.Hidden
	for i, id := range ids {
		row := x[i*n:][:n]
		if err := m.embeddings.Floats(row, id, id+1); err != nil {
			return fmt.Errorf("embedding of token %d: %w", id, err)
		}
		if s := m.Config.EmbedScale; s != 1 {
			for j := range row {
				row[j] *= s
			}
		}
	}
	return nil
}

// softcap replaces every x by c·tanh(x/c) unless c is 0.
func softcap(x []float32, c float32) {
	if c == 0 {
		return
	}
	for i, v := range x {
		x[i] = c * detmath.Tanh(v/c)
	}
}
