package main

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/source"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// opening is a model of which only the tokenizer is open: texts are read and encoded
// before the model's memory is planned, so that the plan has what they leave.
type opening struct {
	env       *environment
	flags     *modelFlags
	path      string
	limit     memory.Limit
	tokenizer *tokenizer.Tokenizer
	texts     int64 // bytes of texts and ids so far
}

// begin opens a model's tokenizer.
func (f *modelFlags) begin(env *environment, path string) (*opening, error) {
	o := f.beginIDs(env, path)
	if source.IsRepository(path) {
		return o, fmt.Errorf("no path %s here; if it is a repository of the hub, convert it first: helix-substrate convert %[1]s -o DIR", path)
	}
	var err error
	o.tokenizer, err = await(env.ctx, func() (*tokenizer.Tokenizer, error) { return f.tokenizer(path) })
	return o, err
}

// beginIDs is begin where ids are all that is read: the tokenizer is not needed.
func (f *modelFlags) beginIDs(env *environment, path string) *opening {
	o := &opening{env: env, flags: f, path: path, limit: memory.Allowed(int64(f.Memory))}
	o.limit.Begin()
	return o
}

// encode returns a text's ids, if the limit has room for encoding it.
func (o *opening) encode(text string) ([]int, error) {
	if err := o.fits(text); err != nil {
		return nil, err
	}
	ids, err := encode(o.env.ctx, o.tokenizer, text, true)
	if err != nil {
		return nil, err
	}
	o.texts += int64(len(text) + 8*len(ids))
	return ids, nil
}

// encode returns a text's ids, or ctx's error as soon as that ends: a long text takes
// seconds.
func encode(ctx context.Context, t *tokenizer.Tokenizer, text string, special bool) ([]int, error) {
	return await(ctx, func() ([]int, error) { return t.Encode(text, special) })
}

// fits returns an error if the limit has no room for encoding a text.
func (o *opening) fits(text string) error {
	cost := generate.EncodingCost(o.tokenizer, text)
	if cost < textMemory || o.limit.Need("", cost) == nil { // the first is a part of every plan
		return nil
	}
	return o.tooLong(int64(len(text)), cost)
}

// tooLong is the error of a text whose encoding, which costs so much, the limit has no
// room for. It names what would do for that and for the model.
func (o *opening) tooLong(bytes, cost int64) error {
	what := fmt.Sprintf("for a text of %d bytes", bytes)
	need := o.limit.Bytes + cost - memory.Room()
	options, err := o.flags.options()
	if err != nil {
		return err
	}
	options.Memory = 0
	o.reserve(&options)
	if p, err := transformer.PlanFor(o.env.ctx, o.path, options); err == nil {
		need = max(need, p.Minimum-1<<20) // which TooSmall rounds up to it
	}
	return o.limit.TooSmall(what, need)
}

// What every verb that runs a model may need besides it, the same for all, so that they
// name the same smallest limit.
const (
	textMemory        = 1 << 20 // texts, a receipt
	limitedTemplate   = 2 << 20 // the values of a chat template, where there is one
	memoryPerToken    = 512     // of the context: encoding it, its place in a receipt
	memoryPerEntry    = 16 + 4  // of the vocabulary: a candidate of the sampler's, a logit being hashed
	largestVocabulary = 1 << 18 // Gemma's: what is reserved for where the tokenizer is not opened
)

// templateMemory is what a chat template may use.
func templateMemory(limited bool) int64 {
	if limited {
		return limitedTemplate
	}
	return generate.TemplateMemory
}

// reserve adds to the options what the verb will need.
func (o *opening) reserve(options *transformer.Options) {
	vocabulary := int64(largestVocabulary)
	if o.tokenizer != nil {
		vocabulary = int64(o.tokenizer.VocabSize())
		if o.tokenizer.ChatTemplate() != "" {
			options.Reserve = limitedTemplate
		}
	}
	options.Reserve += max(textMemory/2, textMemory-o.texts) + memoryPerEntry*vocabulary
	options.ReservePerToken = memoryPerToken
}

// load opens the model.
func (o *opening) load(env *environment) (*loaded, error) {
	options, err := o.flags.options()
	if err != nil {
		return nil, err
	}
	o.reserve(&options)
	m, err := o.flags.openModel(env, o.path, options)
	if err != nil {
		return nil, err
	}
	if o.tokenizer != nil {
		if err := generate.CheckVocabulary(o.tokenizer, m.Config.Vocab); err != nil {
			m.Close()
			return nil, fmt.Errorf("%s: %w", o.path, err)
		}
	}
	if c := o.flags.Context; c > m.Config.Context {
		fmt.Fprintf(env.stderr, "helix-substrate: warning: %s was made for sequences of %d tokens; beyond them its predictions fall off\n",
			o.path, m.Config.Context)
	}
	s, err := m.NewSession()
	if err != nil {
		m.Close()
		return nil, err
	}
	return &loaded{m, s, o.tokenizer}, nil
}

// load opens a model and its tokenizer, for a verb that reads no text before.
func (f *modelFlags) load(env *environment, path string) (*loaded, error) {
	o, err := f.begin(env, path)
	if err != nil {
		return nil, err
	}
	return o.load(env)
}
