package transformer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Options say how a model is run. Results depend on none of them but the canon, the cache
// type, and the context where rotary embeddings scale with it.
type Options struct {
	// Memory bounds the whole process: what does not fit is streamed. With 0 there
	// is no limit, unless the model does not fit in the process's cgroup (Linux);
	// then it is 90 % of what that allows. What the process holds already when a model is
	// opened, a tokenizer, say, is measured and counts.
	Memory int64
	// Streamed holds no matrix in memory, whatever the limit has room for: each block is read when it is used, as one who runs a
	// layer or two wants it.
	Streamed bool
	// Reserve is memory of the Go heap that the caller will need besides, later.
	Reserve int64
	// ReservePerToken is more of it for each token of the context.
	ReservePerToken int64
	// Beside is what others in the process have outside the Go heap, such as another model (Plan.Outside).
	Beside int64
	// Opening, if not 0, is what the process has held at its highest so far, if no
	// smaller limit is to be named.
	Opening int64
	// Context is the longest sequence, 0 for the model's own, at most 4096.
	Context int
	// Sequences is how many sessions there is memory for at a time, at most 1024; 0 means 1.
	Sequences int
	// Contexts is for how many whole contexts there is memory for keys and values, which all sequences share; 0, and more than
	// Sequences, mean Sequences. With fewer a step may be ErrCache.
	Contexts int
	// CacheType says how keys and values are kept, empty for CacheF32.
	CacheType CacheType
	// Chunk is how many tokens of prompts go together, at most the context of all
	// sequences; 0 lets the plan choose.
	Chunk int
	// Threads is the number of workers, at most 1024, 0 for GOMAXPROCS.
	Threads int
	// CPU forces a kernel level, empty for HELIX_CPU or the best.
	CPU string
	// Canon is the arithmetic of lattice matrices, empty for stream.CanonInteger.
	Canon stream.Canon
	// Draft, if it has a place, is where a smaller model lies that is opened beside this one, within
	// the same limit, with all its weights in memory, as many sequences and the same context: see
	// Model.Draft.
	Draft checkpoint.Location
	// ExpertUse, if not nil, says which experts are chosen often: those are held in memory first. It is of the model's own directory, else
	// model.ErrExpertUse. Without it a model directory's manifest may say so.
	ExpertUse *model.ExpertTable
	// Verify says when the blocks of a model directory's matrices are checked against
	// their hashes; empty means cdna.TrustCached. Every other file is checked when it is
	// read, unless it is cdna.Off: then no hash is compared at all.
	Verify cdna.Policy
	// Root, if not empty, is the root that the model directory must have, in hex; else checkpoint.ErrRoot.
	Root string
	// BlockCache, if not empty, is a directory that keeps the blocks of a model that lies elsewhere, at most BlockCacheSize bytes
	// of them, 0 for checkpoint.DefaultBlockCache: see checkpoint.Location.WithBlockCache.
	BlockCache     string
	BlockCacheSize int64

	longest int // LayersOptions.Longest
}

// Model is an open model: its weights, resident or streamed as the plan says. It is safe
// for concurrent use, each goroutine with sessions of its own: passes through it take turns,
// and results are those of a session alone.
type Model struct {
	Config *arch.Config
	Plan   *Plan
	Notes  []string // what a user should know about the weights and how they were taken
	Draft  *Model   // that of Options.Draft, nil without; it is closed with this one

	limited  func() // ends keeping the memory limit
	source   source
	engine   *stream.Engine
	budget   *memory.Ledger
	pages    *pages // of the sessions
	kernels  *kernel.Kernels
	threads  int
	matrices map[string]stream.Matrix
	experts  []*stream.ExpertCache // by layer; nil where all experts are in memory, or there are none

	blocks      []block
	embeddings  rows
	perLayer    perLayerTable
	norm        []float32
	head        linear
	frequencies [2]frequencies // of global and local layers
	pass        pass
	sessions    atomic.Int64 // open
	closed      atomic.Bool
	ended       chan struct{} // is closed with the model, when no pass is under way
}

type frequencies struct {
	freq   []float64
	factor float64
}

// Open opens a model directory, a Hugging Face directory or a GGUF file. Errors
// are ErrOption, arch.ErrArchitecture and arch.ErrConfig, before any weights are read;
// ErrMemory, with the smallest workable limit; arch.ErrWeights; and those of reading.
//
// Under a limit Open sets the collector's, which is to stay as it is until Close (see package
// memory).
func Open(ctx context.Context, path string, o Options) (*Model, error) {
	at, err := checkpoint.Find(ctx, path)
	if err != nil {
		return nil, err
	}
	return OpenAt(ctx, at, o)
}

// OpenAt is Open for a model wherever it lies, such as in an object store: checkpoint.At finds
// it there.
func OpenAt(ctx context.Context, at checkpoint.Location, o Options) (*Model, error) {
	at, o, err := o.of(at)
	if err != nil {
		return nil, err
	}
	limit := memory.Allowed(o.Memory)
	limited := limit.Begin()
	src, err := openSource(ctx, at, o.Verify)
	if err != nil {
		limited()
		return nil, err
	}
	m, err := open(ctx, src, limit, o)
	if err != nil {
		src.close()
		limited()
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	m.limited = limited
	return m, nil
}

// of returns the options for a model: what reading it holds is reserved, and its root is fixed.
func (o Options) of(at checkpoint.Location) (checkpoint.Location, Options, error) {
	at, err := o.Locate(at)
	o.Reserve += at.Buffer() + o.Draft.Buffer()
	return at, o, err
}

// Locate returns the location with what the options say of it: its root, and where its blocks are kept.
func (o Options) Locate(at checkpoint.Location) (checkpoint.Location, error) {
	at, err := at.Expect(o.Root)
	if err != nil {
		return at, err
	}
	return at.WithBlockCache(o.BlockCache, o.BlockCacheSize)
}

// configure returns a source's configuration. A head that is stored beside the embeddings and
// differs from them is one of its own whatever config.json says, as in transformers 5; 4 tied them.
func configure(ctx context.Context, src source) (c *arch.Config, notes []string, err error) {
	defer func() {
		if err == nil && c.PredictsAhead(src.has) {
			notes = append(notes, fmt.Sprintf("layers from %d on predict several tokens at once; they are left out", c.Layers))
		}
		if c.SeesPictures(src.has) {
			notes = append(notes, "what sees pictures is left out: text only")
		}
	}()
	if c, err = src.config(ctx); err == nil && c.SavedBare(src.has, src.stored) {
		c.NoHead = true
	}
	if err != nil || !c.TiedHead || !src.has(arch.HeadName) || !src.has(arch.EmbeddingName) {
		return c, nil, err
	}
	if c.TiedHead, err = src.same(ctx, arch.HeadName, arch.EmbeddingName); err == nil && !c.TiedHead {
		notes = []string{"config.json ties the output head to the embeddings, but another head is stored: that one is used, as in transformers 5"}
	}
	return c, notes, err
}

func open(ctx context.Context, src source, limit memory.Limit, o Options) (_ *Model, err error) {
	m, o, err := describe(ctx, src, o)
	if err != nil {
		return nil, err
	}
	list := matrices(m.Config, src)
	d, err := describeDraft(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.closeMatrices()
			d.close()
		}
	}()
	if m.Plan, err = planModel(ctx, m.Config, src, list, limit, o, d); err != nil {
		return nil, err
	}
	if p := m.Plan; p.Limit > 0 {
		m.budget = memory.NewLedger(p.managed())
		memory.Settle(p.Program + p.extent().heap(m.Config) + d.heap(p.Draft))
	}
	if m.Draft, err = d.open(ctx, m.Plan); err != nil {
		return nil, err
	}
	if err := m.fill(ctx, o, list); err != nil {
		return nil, err
	}
	if d != nil {
		for _, note := range m.Draft.Notes {
			m.Notes = append(m.Notes, fmt.Sprintf("draft %s: %s", d.name, note))
		}
	}
	return m, nil
}

// fill makes a model that is planned one that runs.
func (m *Model) fill(ctx context.Context, o Options, list []arch.Weight) error {
	if err := m.prepare(o, m.Plan.extent()); err != nil {
		return err
	}
	p := m.Plan
	m.pages = newPages(wholeLayout(m.Config), p.CacheType, p.pages, p.Sequences, m.budget)
	m.pages.beyond = p.Limit == 0 && p.Contexts == p.Sequences
	if err := m.load(ctx, list); err != nil {
		return err
	}
	return m.assemble(ctx)
}

// describe returns a model of which nothing but the configuration is read, with which its
// tensors' shapes are compared, and its options with their defaults.
func describe(ctx context.Context, src source, o Options) (*Model, Options, error) {
	config, notes, err := configure(ctx, src)
	if err != nil {
		return nil, o, err
	}
	if o, err = o.normalize(config); err != nil {
		return nil, o, err
	}
	m := &Model{Config: config, Notes: notes, source: src, limited: func() {}, threads: o.Threads, matrices: map[string]stream.Matrix{}}
	if m.kernels, err = pickKernels(o.CPU); err != nil {
		return nil, o, err
	}
	return m, o, config.CheckWeights(src.shape)
}

// prepare makes what passes of an extent need besides weights, within the model's budget.
func (m *Model) prepare(o Options, e extent) (err error) {
	if m.engine, err = stream.NewEngine(stream.EngineOptions{Threads: m.threads, CPU: o.CPU, Canon: o.Canon, Budget: m.budget}); err != nil {
		return err
	}
	m.pass.model, m.pass.under, m.ended = m, make(chan struct{}, 1), make(chan struct{})
	for kind, r := range []arch.Rope{m.Config.Rope, m.Config.LocalRope} {
		dim := m.Config.HeadDim
		if kind == 0 && m.Config.Global.Dim > 0 {
			dim = m.Config.Global.Dim
		}
		m.frequencies[kind].freq, m.frequencies[kind].factor = r.Frequencies(dim, e.context)
	}
	return m.pass.reserve(m.Config, e, m.budget)
}

// Check refuses, with ErrOption, options that make no sense for any model, as Open does.
func (o Options) Check() error {
	switch {
	case o.Sequences < 0 || o.Sequences > 1024:
		return fmt.Errorf("%d sequences are not in 1..1024: %w", o.Sequences, ErrOption)
	case o.Contexts < 0:
		return fmt.Errorf("%d contexts: %w", o.Contexts, ErrOption)
	case o.Threads < 0 || o.Memory < 0 || o.Chunk < 0 || o.Reserve < 0 || o.ReservePerToken < 0 || o.Beside < 0 || o.Opening < 0:
		return fmt.Errorf("threads, memory, chunk, reserve, beside and opening must not be negative: %w", ErrOption)
	case o.Context < 0 || o.Context > 1<<20:
		return fmt.Errorf("context %d is not in 1..%d: %w", o.Context, 1<<20, ErrOption)
	case o.CacheType != "" && !slices.Contains(CacheTypes, o.CacheType):
		return fmt.Errorf("cache type %q is not one of %s: %w", o.CacheType, CacheTypes, ErrOption)
	}
	if _, err := stream.ParseCanon(string(o.Canon)); err != nil {
		return err
	}
	if o.Verify != "" {
		if _, err := cdna.ParsePolicy(string(o.Verify)); err != nil {
			return fmt.Errorf("%w: %w", ErrOption, err)
		}
	}
	return nil
}

func (o Options) normalize(c *arch.Config) (Options, error) {
	if err := o.Check(); err != nil {
		return o, err
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Context == 0 {
		o.Context = min(c.Context, cmp.Or(o.longest, 4096))
	}
	if c.Positions > 0 && o.Context > c.Context {
		return o, fmt.Errorf("context %d, the model knows %d positions: %w", o.Context, c.Context, ErrOption)
	}
	if o.CacheType == "" {
		o.CacheType = CacheF32
	}
	o.Canon, _ = stream.ParseCanon(string(o.Canon)) // which is checked
	if o.Sequences == 0 {
		o.Sequences = 1
	}
	if o.Contexts == 0 {
		o.Contexts = o.Sequences
	}
	o.Contexts = min(o.Contexts, o.Sequences)
	o.Threads, o.Chunk = min(o.Threads, 1024), min(o.Chunk, o.Context*o.Sequences)
	return o, nil
}

func pickKernels(level string) (*kernel.Kernels, error) {
	if level == "" {
		return kernel.FromEnv()
	}
	return kernel.ForLevel(kernel.Level(level))
}

// load opens all matrices and makes those resident that the plan has in memory.
func (m *Model) load(ctx context.Context, list []arch.Weight) error {
	var resident []stream.Matrix
	for i := range list {
		name := list[i].Name
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if list[i].Looked {
			table, err := m.source.rows(ctx, m.engine, name)
			if err != nil {
				return err
			}
			m.perLayer.embeddings = table
			if w, ok := table.(stream.Matrix); ok && m.Plan.Matrices[i].Resident {
				resident = append(resident, w)
			}
			continue
		}
		w, err := m.source.matrix(ctx, m.engine, name)
		if err != nil {
			return err
		}
		m.matrices[name] = w
		d := w.Describe()
		if d.Format == stream.FormatV1 && !slices.Contains(m.Notes, cdna.Version1Note) {
			m.Notes = append(m.Notes, cdna.Version1Note)
		}
		if m.Plan.Matrices[i].Resident {
			resident = append(resident, w)
		}
		if m.budget != nil && d.Sidecar.Apply {
			debug.FreeOSMemory() // what reading the sidecar took: the plan has it once
		}
	}
	if err := m.engine.Load(ctx, resident); err != nil {
		return err
	}
	return m.cacheExperts(ctx, list)
}

// Close waits for the pass that is under way and frees everything but the caches of sessions,
// which are closed before or after it; a step that they take after it is ErrSession. It must not
// be called within a visitor. Another call does nothing.
func (m *Model) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	defer m.limited()
	m.pass.under <- struct{}{} // for good
	close(m.ended)
	err := errors.Join(m.closeMatrices(), m.source.close())
	if m.Draft != nil {
		err = errors.Join(err, m.Draft.Close())
	}
	return err
}

func (m *Model) closeMatrices() error {
	var errs []error
	for _, c := range m.experts {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	m.experts = nil
	for _, w := range m.matrices {
		errs = append(errs, w.Close())
	}
	m.matrices = nil
	if m.perLayer.embeddings != nil {
		errs = append(errs, m.perLayer.embeddings.Close())
	}
	errs = append(errs, m.pass.free())
	if m.engine != nil {
		errs = append(errs, m.engine.Close())
	}
	return errors.Join(errs...)
}

// ContextWarning is a line for people who call the model name, where the plan's context goes
// beyond the sequences that the model was made for; "" elsewhere.
func (m *Model) ContextWarning(name string) string {
	if m.Plan.Context <= m.Config.Context {
		return ""
	}
	return fmt.Sprintf("warning: %s was made for sequences of %d tokens; beyond them its predictions fall off", name, m.Config.Context)
}

// CPU returns the level of the kernels in use.
func (m *Model) CPU() string { return string(m.kernels.Level()) }

// CanonVersion changes when a release's forward pass gives other bits than those before it: 2 is attention by tiles
// (docs/KERNELS.md), 1 what was before. Receipts name it.
const CanonVersion = 2

// Canon returns the arithmetic of the model's lattice matrices, "" if it has none.
func (m *Model) Canon() stream.Canon {
	for _, w := range m.matrices {
		if d := w.Describe(); d.Format == stream.FormatLattice {
			return d.Canon
		}
	}
	return ""
}

// CacheRoom returns for how many tokens more there is room among keys and values, if a session had these ids besides those
// that sessions have now; below 0 there is none for all of the ids. What is shared counts once.
func (m *Model) CacheRoom(ids []int) int { return m.pages.room(ids) }

// CacheBytes returns the bytes of keys and values that sessions hold, and of those that are kept for texts that begin in the same
// way, which make room for others.
func (m *Model) CacheBytes() (held, kept int64) { return m.pages.bytes() }

// CachePage is how many tokens take the room of one: their keys and values are in pages.
const CachePage = pageTokens

// Threads returns the number of workers.
func (m *Model) Threads() int { return m.threads }

// softcap replaces every logit x by c·tanh(x/c) where the model does, after a factor where it has one. The task is its own until it returns.
func (m *Model) softcap(ctx context.Context, t *capping, x []float32) error {
	if s := m.Config.LogitScale; s != 0 && s != 1 {
		for i := range x {
			x[i] *= s
		}
	}
	if m.Config.LogitSoftcap == 0 {
		return nil
	}
	parts, size := m.cut(len(x))
	*t = capping{m, x, size}
	return m.each(ctx, parts, len(x), t)
}

// capping is the soft cap of logits, some of them a part.
type capping struct {
	model  *Model
	logits []float32
	size   int // of a part
}

func (t *capping) Do(_, i int) error {
	t.model.kernels.Softcap(t.logits[i*t.size:min((i+1)*t.size, len(t.logits))], 1, t.model.Config.LogitSoftcap)
	return nil
}
