package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/toolcall"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ModelOptions say how a model is opened to be served. The zero value has 4 texts under way and 64 that wait.
type ModelOptions struct {
	// Name is what requests call the model; "" is the last part of its path.
	Name string
	// Engine are those of the model. Sequences, Reserve and ReservePerToken are the server's.
	Engine transformer.Options
	// Parallel is how many texts are under way at a time; 0 is 4. Fewer where the memory limit has room for fewer. They share
	// memory for keys and values: of as many whole contexts, or fewer, but one, where weights would have to be streamed for more.
	Parallel int
	// Waiting is how many more wait for a place before requests are answered with 503; 0 is 64, below 0 none.
	Waiting int
	// MaxWait is how long a text waits for its place, and a request for the model to be opened or for room, before it is answered with 503;
	// 0 is 10 minutes, as clients wait for an answer, below 0 there is no end.
	MaxWait time.Duration
}

// Model is a model that is served under a name.
type Model struct {
	Name string
	// Parallel is how many texts are under way at a time.
	Parallel int
	// Notes are what the user should know of how the model was opened.
	Notes []string

	batch     *generate.Batch
	scheduler *generate.Scheduler
	prompts   *generate.Prompts
	embedder  *generate.Embedder
	opened    time.Time
	engine    transformer.Options // as the model was opened
	of        *record.Model       // which it is, for receipts

	vocabulary func() *grammar.Vocabulary // made when it is asked for first
	toolForm   func() generate.ToolForm   // of the chat template, likewise
	forms      forms
	format     *toolcall.Format    // in which the model writes
	marks      []int               // its special tokens
	formed     *semaphore.Weighted // requests for texts of a form
}

// What a server takes of the Go heap beside its texts, whatever models it has: bodies that arrive or wait to be read, what embeddings and tokens are made of, answers and
// receipts that are kept, connections. Bodies are read one after the other where they are large, by the context of a model.
const (
	serverMemory         = 8<<20 + 2*arrivingBytes + heldBytes + storedBytes + receiptBytes
	serverMemoryPerToken = generate.BatchMemoryPerToken

	maxWait = 10 * time.Minute

	formedPerPlace = 2 // requests for texts of a form, for each place; more are answered with 503
)

// Open opens the model at path, whatever helix.Open opens, with the errors of that.
func Open(ctx context.Context, path string, o ModelOptions) (*Model, error) {
	o.Engine.Reserve = 0
	return open(ctx, path, o, func(*transformer.Plan) error { return nil })
}

// open is Open unless there is something against the plan. The options may reserve memory for others.
func open(ctx context.Context, path string, o ModelOptions, against func(*transformer.Plan) error) (*Model, error) {
	d, err := design(ctx, path, o)
	if err != nil {
		return nil, err
	}
	at, err := d.opening.Location(ctx)
	if err == nil {
		err = against(d.plan)
	}
	if err != nil {
		d.opening.Close()
		return nil, err
	}
	t, embedder, parallel, contexts := d.opening.Tokenizer, d.embedder, d.parallel, d.contexts
	engine, err := d.opening.Load(ctx)
	if err != nil {
		return nil, err
	}
	of, err := record.FingerprintAt(ctx, at, o.Engine.Verify)
	if err != nil {
		engine.Close()
		return nil, err
	}
	embedder.Fit(engine.Config)
	m := &Model{Name: o.name(path), embedder: embedder, Parallel: parallel, Notes: engine.Notes, opened: time.Now(), engine: d.engine, of: of}
	m.batch = &generate.Batch{Model: engine, Tokenizer: t, Parallel: parallel, Lookup: generate.DefaultLookup(engine.Plan)}
	if contexts < parallel {
		m.Notes = append(slices.Clone(m.Notes), fmt.Sprintf("%d texts at a time share the keys and values of %d whole contexts; where these are full, the last to begin wait", parallel, contexts))
	}
	m.scheduler = generate.NewScheduler(m.batch, d.waiting)
	m.scheduler.MaxWait = cmp.Or(o.MaxWait, maxWait)
	m.prompts = generate.NewPrompts(t, engine.Plan.Context, m.opened)
	m.vocabulary = sync.OnceValue(func() *grammar.Vocabulary { return grammar.NewVocabulary(t) })
	m.format = toolcall.Recognize(t.ChatTemplate() + t.NamedTemplate("tool_use"))
	for _, mark := range m.format.Marks() {
		if id, ok := m.special(mark); ok {
			m.marks = append(m.marks, id)
		}
	}
	m.toolForm = sync.OnceValue(m.prompts.ToolForm)
	m.formed = semaphore.NewWeighted(formedPerPlace * int64(parallel))
	return m, nil
}

// name is what requests call the model at a path.
func (o *ModelOptions) name(path string) string {
	if o.Name != "" {
		return o.Name
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return filepath.Base(path)
}

// Plan says where the model's memory goes. It must not be changed.
func (m *Model) Plan() *transformer.Plan { return m.batch.Model.Plan }

// Close ends what is under way, with generate.ErrClosed, and frees the model.
func (m *Model) Close() error { return errors.Join(m.scheduler.Close(), m.batch.Model.Close()) }

// promptsNow are the model's prompts; a chat template that asks for the time is told the present.
func (m *Model) promptsNow() *generate.Prompts {
	if !m.prompts.TellsTime() {
		return m.prompts
	}
	return generate.NewPrompts(m.batch.Tokenizer, m.Plan().Context, time.Now())
}
