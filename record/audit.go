package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// AuditOptions say which entries of a log are replayed, and with what.
type AuditOptions struct {
	// Models are the places of the models that made texts; each is opened for as long as entries of it follow each other.
	Models []string
	// Sample is the share of the texts that is replayed, above 0 and at most 1; at least one is. Seed chooses them: who
	// writes the log must not know it.
	Sample float64
	Seed   uint64
	// Options and Note are as in ReplayOptions.
	Options transformer.Options
	Note    func(string)
}

// Audited says what became of a log's entries.
type Audited struct {
	Entries int `json:"entries"`
	Texts   int `json:"texts"`   // that can be replayed
	Private int `json:"private"` // texts whose ids the log does not have
	Other   int `json:"other"`   // receipts of something else, or of nothing that could be replayed

	Replayed int           `json:"replayed"` // of Texts
	Same     int           `json:"same"`
	Differ   []Finding     `json:"differ"` // of the replayed
	Tokens   int           `json:"tokens"` // whose logits were compared and are the same
	Took     time.Duration `json:"-"`
}

// Finding is an entry that was replayed and came out differently, or that could not be.
type Finding struct {
	Entry  int    `json:"entry"` // counted from 0
	SHA256 string `json:"receipt_sha256"`
	Text   string `json:"text"`
}

// ErrSample reports a share that is none.
var ErrSample = errors.New("invalid sample")

// Audit replays a random sample of the texts that a log has the receipts of. Whether the log is as it was written is
// chain.Verify's to say. A text that comes out differently is a finding, and so is one of a model that is not among
// o.Models, or that cannot be made as its receipt claims. Errors are ErrSample; ErrInput, if no text can be replayed; and those of
// reading, and ctx's.
func Audit(ctx context.Context, log string, o AuditOptions) (*Audited, error) {
	start := time.Now()
	if !(o.Sample > 0 && o.Sample <= 1) {
		return nil, fmt.Errorf("a share of %v is not in 0..1: %w", o.Sample, ErrSample)
	}
	a := &audit{o: o, done: Audited{Differ: []Finding{}}}
	defer a.close()
	texts, err := a.count(ctx, log)
	if err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: no text has its ids, of %d entries (%d are private): nothing can be replayed: %w", log, a.done.Entries, a.done.Private, ErrInput)
	}
	if err := a.fingerprint(ctx); err != nil {
		return nil, err
	}
	if err := a.replay(ctx, log, sample(texts, o.Sample, o.Seed)); err != nil {
		return nil, err
	}
	a.done.Took = time.Since(start)
	return &a.done, nil
}

// audit is a log that is being audited.
type audit struct {
	o      AuditOptions
	models []*Model // as o.Models
	done   Audited

	open *opened // nil for none
	as   openedAs
}

// openedAs is how a model was opened for a text.
type openedAs struct {
	model   int
	context int
	cache   transformer.CacheType
	canon   stream.Canon
	verify  cdna.Policy
}

func (a *audit) close() {
	if a.open != nil {
		a.open.close()
		a.open = nil
	}
}

// each calls do with the receipts of a log and their numbers.
func each(ctx context.Context, log string, do func(i int, e *receipt.Execution) error) error {
	i := 0
	for line, err := range chain.Entries(log) {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		e, err := receipt.ReadExecution(line)
		if err != nil {
			return fmt.Errorf("%s: entry %d: %w", log, i, err)
		}
		if err := do(i, e); err != nil {
			return err
		}
		i++
	}
	return nil
}

// count counts the entries and returns the numbers of those that can be replayed.
func (a *audit) count(ctx context.Context, log string) (texts []int, err error) {
	err = each(ctx, log, func(i int, e *receipt.Execution) error {
		var c receipt.GenerationClaims
		a.done.Entries++
		switch err := e.DecodeClaims(receipt.OpGenerate, &c); {
		case err == nil && c.Private:
			a.done.Private++
		case err == nil && slices.ContainsFunc(c.Turns, func(t receipt.Turn) bool { return len(t.LogitsSHA256) > 0 }):
			a.done.Texts++
			texts = append(texts, i)
		default:
			a.done.Other++
		}
		return nil
	})
	return texts, err
}

// sample returns a share of the list, chosen by the seed, in order.
func sample(list []int, share float64, seed uint64) []int {
	n := min(len(list), int(math.Ceil(share*float64(len(list)))))
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		j := i + random.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
	}
	list = list[:n]
	slices.Sort(list)
	return list
}

// fingerprint tells which models there are.
func (a *audit) fingerprint(ctx context.Context) error {
	for _, path := range a.o.Models {
		of, err := Fingerprint(ctx, path, a.o.Options.Verify)
		if err != nil {
			return err
		}
		a.models = append(a.models, of)
	}
	return nil
}

// replay replays the entries with these numbers.
func (a *audit) replay(ctx context.Context, log string, numbers []int) error {
	return each(ctx, log, func(i int, e *receipt.Execution) error {
		if len(numbers) == 0 || numbers[0] != i {
			return nil
		}
		numbers = numbers[1:]
		tokens, err := a.entry(ctx, fmt.Sprintf("entry %d", i), e)
		if ended := context.Cause(ctx); ended != nil {
			return ended
		}
		a.done.Replayed++
		if err != nil {
			a.done.Differ = append(a.done.Differ, Finding{i, e.SHA256, err.Error()})
			return nil
		}
		a.done.Same++
		a.done.Tokens += tokens
		return nil
	})
}

// entry replays a text, and returns how many tokens' logits were the same.
func (a *audit) entry(ctx context.Context, name string, e *receipt.Execution) (tokens int, err error) {
	r := &replay{Execution: e, o: ReplayOptions{Name: name, Options: a.o.Options, Note: a.o.Note}, done: Replayed{Operation: receipt.OpGenerate}}
	claims, err := r.generationClaims()
	if err != nil {
		return 0, err
	}
	model := slices.IndexFunc(a.models, func(m *Model) bool { return m.made(claims.Model) })
	if model < 0 {
		return 0, r.errorf("it is of none of the models here; its model has root %.64s: %w", claims.Model.RootSHA256, ErrReplay)
	}
	r.o.Model = a.o.Models[model]
	if err := r.verifyAs(claims.Verify); err != nil {
		return 0, err
	}
	if err := r.runAs(claims.Context, claims.CacheType, claims.Canon, claims.CanonVersion); err != nil {
		return 0, err
	}
	if as := (openedAs{model, r.o.Options.Context, r.o.Options.CacheType, r.o.Options.Canon, r.o.Options.Verify}); a.open == nil || a.as != as {
		a.close()
		if a.open, err = r.open(ctx); err != nil {
			return 0, err
		}
		a.as = as
	}
	if err := r.generationOn(ctx, a.open, claims); err != nil {
		return 0, r.explain(err)
	}
	return r.done.Tokens, nil
}
