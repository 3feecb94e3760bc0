package transformer

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
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

	longest int   // LayersOptions.Longest
	window  int64 // Plan.Window
}

// of returns the options for a model within a limit: what reading it holds is reserved, and its root is fixed.
func (o Options) of(at checkpoint.Location, limit memory.Limit) (checkpoint.Location, Options, error) {
	at, err := o.Locate(at)
	o.Reserve += at.Buffer() + o.Draft.Buffer()
	o.window = at.Within(limit.Bytes) + o.Draft.Within(limit.Bytes)
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

// normalize returns the checked options with what a model's configuration makes of those that say nothing.
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
