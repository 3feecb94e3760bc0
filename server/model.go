package server

import (
	"context"
	"errors"
	"path/filepath"
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
	// Parallel is how many texts are under way at a time, each with a key/value cache of its own; 0 is 4. Fewer where the memory
	// limit has room for fewer.
	Parallel int
	// Waiting is how many more wait for a place before requests are answered with 503; 0 is 64, below 0 none.
	Waiting int
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
	opened    time.Time
	engine    transformer.Options // as the model was opened
	of        *record.Model       // which it is, for receipts

	vocabulary func() *grammar.Vocabulary // made when it is asked for first
	toolForm   func() generate.ToolForm   // of the chat template, likewise
	format     *toolcall.Format           // in which the model writes
	marks      []int                      // its special tokens
	formed     *semaphore.Weighted        // requests for texts of a form
}

// What a server takes of the Go heap beside its texts: bodies that are being read, one after the other where they are
// large, and what waits.
const (
	serverMemory         = 8<<20 + storedBytes
	serverMemoryPerToken = generate.BatchMemoryPerToken

	formedPerPlace = 2 // requests for texts of a form, for each place; more are answered with 503
)

// Open opens the model at path, whatever helix.Open opens, with the errors of that.
func Open(ctx context.Context, path string, o ModelOptions) (*Model, error) {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Waiting == 0 {
		o.Waiting = 64
	}
	waiting := max(0, o.Waiting)
	o.Engine.Reserve = serverMemory + receiptBytes + int64(o.Parallel+1)*(grammar.Memory+formedPerPlace*grammar.GrammarMemory)
	o.Engine.ReservePerToken = serverMemoryPerToken + receiptPerToken + 8*int64(waiting)
	opening, err := generate.Begin(ctx, path, o.Engine)
	if err != nil {
		return nil, err
	}
	parallel, err := opening.Sequences(ctx, o.Parallel)
	if err != nil {
		opening.Close()
		return nil, err
	}
	t := opening.Tokenizer
	at, err := opening.Location()
	if err != nil {
		opening.Close()
		return nil, err
	}
	engine, err := opening.Load(ctx)
	if err != nil {
		return nil, err
	}
	of, err := record.FingerprintAt(ctx, at, o.Engine.Verify)
	if err != nil {
		engine.Close()
		return nil, err
	}
	if o.Name == "" {
		if whole, err := filepath.Abs(path); err == nil {
			path = whole
		}
		o.Name = filepath.Base(path)
	}
	m := &Model{Name: o.Name, Parallel: parallel, Notes: engine.Notes, opened: time.Now(), engine: o.Engine, of: of}
	m.batch = &generate.Batch{Model: engine, Tokenizer: t, Parallel: parallel, Lookup: generate.DefaultLookup(engine.Plan)}
	m.scheduler = generate.NewScheduler(m.batch, waiting)
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
