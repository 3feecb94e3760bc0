package helix

import (
	"context"
	"errors"
	"sync"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrClosed reports the use of a model after Close, or a Close during the use.
var ErrClosed = generate.ErrClosed

// ModelOptions say how a model is opened; the zero value is what the command line does
// without flags.
type ModelOptions struct {
	// Memory is the most that the whole process may hold, in bytes (--memory). What does
	// not fit is streamed; a limit that is too small is memory.ErrLimit, which names one
	// that would do. With 0 there is no limit, unless the model does not fit in the
	// process's control group (Linux): then it is 90 % of what that allows.
	Memory int64
	// Reserve is what the rest of the program will need of that on the Go heap, beyond
	// what it holds when Open is called, which is measured.
	Reserve int64
	// Context is the longest sequence in tokens (--context); 0 is the model's own, at most
	// 4096.
	Context int
	// Sequences is how many texts may be worked on at a time, each with a key/value cache
	// of its own; further ones wait their turn. 0 is 1. Their passes take turns, so what does
	// not fit and is streamed is read for each: generate.Batch reads it once for many.
	Sequences int
	// Threads is the number of workers (--threads), 0 for GOMAXPROCS.
	Threads int
	// CacheType says how keys and values are kept (--cache); "" is transformer.CacheF32.
	// CacheF16 takes half of the memory, CacheInt8 a little more than a quarter. Of all options, results depend on this one, on Canon,
	// and on Context where rotary embeddings scale with it.
	CacheType transformer.CacheType
	// Canon is the arithmetic of lattice matrices (--canon); "" is stream.CanonInteger.
	Canon stream.Canon
	// Draft is the path of a smaller model with the same vocabulary (--draft), "" for none: what it
	// would say is guessed, and weights are read once for all that comes true. No text depends on it.
	// It is opened beside the model, within the same limit, with all its weights in memory.
	Draft string
	// ExpertUse is the path of a table of how often a mixture's experts are used (--expert-use), "" for what the
	// model's manifest says, if it does: where not all experts fit into Memory, those used most are held. Model.ExpertUse
	// counts for one. No text depends on it.
	ExpertUse string
	// Verify says when weights are checked against their hashes (--verify); "" is
	// cdna.TrustCached: each block when it is used first.
	Verify cdna.Policy
	// Root, if not empty, is the root that the model directory must have, in hex (--root); else ErrRoot.
	Root string
	// BlockCache, if not empty, is a directory that keeps the verified blocks of a model that lies elsewhere, for other processes too
	// (--block-cache); at most BlockCacheSize bytes of them, 0 for 2 GiB.
	BlockCache     string
	BlockCacheSize int64
}

// Model is an open model with its tokenizer. All methods may be called by several
// goroutines at once, and every answer has the bits that it has alone.
type Model struct {
	at        checkpoint.Location
	options   transformer.Options
	model     *transformer.Model
	tokenizer *tokenizer.Tokenizer
	embedder  *generate.Embedder
	pool      *generate.Pool
	drafts    *generate.Pool // of the draft's sessions; nil for none

	open  context.Context // ends with Close, its cause is ErrClosed
	end   context.CancelCauseFunc
	close func() error

	mu sync.Mutex
	of *record.Model // for receipts; nil until one is made
}

// Open opens the model at path: a model directory that Convert made, or, dense, a Hugging
// Face directory, a GGUF file or another checkpoint. What lies elsewhere is read there, in ranges: at an address, https://host/dir or
// https://host/model.gguf, in an object store, s3://bucket/prefix, or in a repository of the hub, hf://owner/name. Errors are fs.ErrNotExist; ErrAddress; ErrRoot;
// ErrRepository; ErrNoCheckpoint; ErrNoTokenizer; ErrArchitecture and ErrConfig, if the model
// is not supported; ErrMemory, if o.Memory is too small; ErrDraft, if o.Draft has another
// vocabulary; ErrExpertUse, if o.ExpertUse is none of this model's; ErrProductOption; ErrChecksum or ErrMismatch for damage that is found; and ctx's.
//
// Under a memory limit Open sets the garbage collector's, for the whole process: see
// package memory. It is for one model at a time.
func Open(ctx context.Context, path string, o ModelOptions) (*Model, error) {
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	opening, err := generate.Begin(ctx, path, options)
	if err != nil {
		return nil, err
	}
	return load(ctx, opening, options)
}

// OpenAt is Open for a model wherever its bytes lie, such as in an object store:
// checkpoint.At finds it in a storage.Place.
func OpenAt(ctx context.Context, at checkpoint.Location, o ModelOptions) (*Model, error) {
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	opening, err := generate.BeginAt(ctx, at, options)
	if err != nil {
		return nil, err
	}
	return load(ctx, opening, options)
}

// options are those of the engine.
func (o *ModelOptions) options() (transformer.Options, error) {
	options := transformer.Options{
		Memory: o.Memory, Reserve: o.Reserve, Context: o.Context, Sequences: o.Sequences, Threads: o.Threads,
		CacheType: o.CacheType, Canon: o.Canon, Verify: o.Verify, Root: o.Root,
		BlockCache: o.BlockCache, BlockCacheSize: o.BlockCacheSize,
	}
	if err := options.SetExpertUse(o.ExpertUse); err != nil {
		return options, err
	}
	err := options.SetDraft(o.Draft)
	return options, err
}

// load makes a model of an opening.
func load(ctx context.Context, opening *generate.Opening, options transformer.Options) (*Model, error) {
	embedder, err := opening.Embedder(ctx)
	if err != nil {
		opening.Close()
		return nil, err
	}
	t, err := opening.Load(ctx)
	if err != nil {
		return nil, err
	}
	embedder.Fit(t.Config)
	m := &Model{options: options, model: t, tokenizer: opening.Tokenizer, embedder: embedder, pool: generate.NewPool(t, t.Plan.Sequences)}
	m.at, _ = opening.Location(ctx) // Load has found it
	drafts := func() error { return nil }
	if t.Draft != nil {
		m.drafts = generate.NewPool(t.Draft, t.Plan.Sequences)
		drafts = m.drafts.Close
	}
	m.open, m.end = context.WithCancelCause(context.Background())
	m.close = sync.OnceValue(func() error {
		m.end(ErrClosed)
		return errors.Join(m.pool.Close(), drafts(), t.Close())
	})
	return m, nil
}

// Close ends what is running, which fails with ErrClosed, waits for that, and frees
// everything. A loop over a text ends when its body comes round, so Close must not be called
// from within one. Another call does nothing and returns the same error; every other use of
// the model after it is ErrClosed.
func (m *Model) Close() error { return m.close() }

// Plan says where the model's memory goes. It must not be changed.
func (m *Model) Plan() *transformer.Plan { return m.model.Plan }

// Notes are what a user should know about how the weights were taken.
func (m *Model) Notes() []string { return m.model.Notes }

// ExpertUse returns how often each expert of a mixture was chosen since the model was opened: a table whose WriteFile writes what
// ModelOptions.ExpertUse reads. Errors are ErrExpertUse for a model that has no experts, and for one that Convert did not make.
func (m *Model) ExpertUse() (*model.ExpertTable, error) { return m.model.ExpertUse() }

// ExpertStats tells how many experts of a mixture were found in memory since the model was opened, how many were not, and what was read of these;
// nothing where all are in memory.
func (m *Model) ExpertStats() stream.ExpertStats { return m.model.ExpertStats() }

// Tokenize returns a text's ids; with special, those too that the model begins a text with,
// as Generate and Embed have it.
func (m *Model) Tokenize(ctx context.Context, text string, special bool) (ids []int, err error) {
	err = m.use(ctx, func(ctx context.Context) error {
		ids, err = generate.Encode(ctx, m.tokenizer, text, special)
		return err
	})
	return ids, err
}

// Detokenize returns the text of ids; special tokens have none. It works after Close too.
func (m *Model) Detokenize(ids []int) string { return m.tokenizer.DecodeSkip(ids, true) }

// use does something with a context that ends with the model too.
func (m *Model) use(ctx context.Context, do func(ctx context.Context) error) error {
	if m.open.Err() != nil {
		return ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.open, func() { cancel(ErrClosed) })()
	err := do(ctx)
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) {
		return context.Cause(ctx)
	}
	return err
}
