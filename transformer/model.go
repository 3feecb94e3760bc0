package transformer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

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
	limit := memory.Allowed(o.Memory)
	at, o, err := o.of(at, limit)
	if err != nil {
		return nil, err
	}
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

// configure returns a source's configuration. A head that is stored beside the embeddings and
// differs from them is one of its own whatever config.json says, as in transformers 5; 4 tied them.
func configure(ctx context.Context, src source) (c *arch.Config, notes []string, err error) {
	defer func() {
		if err != nil {
			return
		}
		there := slices.Sorted(maps.Values(c.Beside(src.names())))
		for _, component := range slices.Compact(there) {
			notes = append(notes, string(component)+" is left out: text only")
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
