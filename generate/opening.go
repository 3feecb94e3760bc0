package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrRepository reports a repository of the hub where a model to run is wanted: it is
// converted first.
var ErrRepository = errors.New("not a model here but a repository")

// Opening is a model of which only the tokenizer is open. Texts are encoded before the
// model's memory is planned, so that the plan has what they leave; and the errors of both
// name the smallest limit under which texts and model work. It is for one goroutine.
type Opening struct {
	// Tokenizer is the model's; nil after BeginIDs.
	Tokenizer *tokenizer.Tokenizer

	path     string
	embedder *Embedder           // whose layers are a part of what is measured for a plan
	at       checkpoint.Location // without a place until it is found
	options  transformer.Options
	limit    memory.Limit
	limited  func() // ends keeping the limit
	peak     int64  // what the process had held at its highest before
	texts    int64  // bytes of texts and ids so far
}

// Begin opens the tokenizer of the model at path: a model directory, a Hugging Face
// directory, a GGUF file or another checkpoint. From here on the process keeps the
// options' memory limit (see package memory); Reserve and ReservePerToken are what the
// caller needs beside what this package does. Errors are ErrRepository, ErrNoTokenizer,
// ErrDraft, if the options have a draft with another vocabulary, those of reading, and the
// context's. Load or Close ends the opening.
func Begin(ctx context.Context, path string, options transformer.Options) (*Opening, error) {
	if checkpoint.IsRepository(path) && !checkpoint.IsFar(path) {
		return nil, repositoryError(path)
	}
	return BeginIDs(path, options).withTokenizer(ctx)
}

// BeginAt is Begin for a model wherever it lies, such as in an object store: checkpoint.At
// finds it there.
func BeginAt(ctx context.Context, at checkpoint.Location, options transformer.Options) (*Opening, error) {
	o := BeginIDs(at.Name, options)
	o.at = at
	return o.withTokenizer(ctx)
}

// withTokenizer opens the tokenizer.
func (o *Opening) withTokenizer(ctx context.Context) (*Opening, error) {
	if err := o.openTokenizer(ctx); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

func (o *Opening) openTokenizer(ctx context.Context) error {
	if err := o.options.Check(); err != nil {
		return err
	}
	at, err := o.Location(ctx)
	if err != nil {
		return err
	}
	var drafts vocabulary
	guessing := o.options.Draft.Place != nil
	if guessing { // first, so that the two tokenizers are not in memory at once
		if drafts, err = o.draftVocabulary(ctx); err != nil {
			return err
		}
	}
	if o.Tokenizer, err = await(ctx, func() (*tokenizer.Tokenizer, error) { return OpenTokenizerAt(ctx, at, o.options.Verify) }); err != nil || !guessing {
		return err
	}
	return o.checkDraft(ctx, drafts)
}

// Location is where the model lies, which is found out once.
func (o *Opening) Location(ctx context.Context) (checkpoint.Location, error) {
	if o.at.Place == nil {
		at, err := checkpoint.Find(ctx, o.path)
		if err != nil {
			return at, err
		}
		if o.at, err = o.options.Locate(at); err != nil {
			return at, err
		}
	}
	return o.at, nil
}

// BeginIDs is Begin for a model of which the tokenizer is not needed, or not there.
func BeginIDs(path string, options transformer.Options) *Opening {
	o := &Opening{path: path, options: options, limit: memory.Allowed(options.Memory)}
	o.peak, _ = memory.Peak()
	o.limited = o.limit.Begin()
	return o
}

// repositoryError is ErrRepository with the remedy for a name.
type repositoryError string

func (e repositoryError) Error() string {
	return fmt.Sprintf("no path %s here; if it is a repository of the hub, convert it first: helix-substrate convert %[1]s -o DIR; one that holds a model directory is hf://%[1]s", string(e))
}

func (e repositoryError) Is(target error) bool { return target == ErrRepository }

// readingCost is what a byte of a text takes while it is read, in a buffer that grows,
// and then encoded, at least.
const readingCost = 16

// textRoom returns how many bytes a text may have that is read and encoded within the limit;
// without one there is always room.
func (o *Opening) textRoom() int64 { return memory.Room() / readingCost }

// Encode returns a text's ids, with the special tokens that the model begins a text with.
// Errors are memory.ErrLimit, if the limit has no room for encoding it, those of the
// tokenizer, and the context's.
func (o *Opening) Encode(ctx context.Context, text string) ([]int, error) {
	cost := encodingCost(o.Tokenizer, text)
	if cost >= textMemory && o.limit.Need("", cost) != nil { // less is a part of every plan
		return nil, o.tooLong(ctx, int64(len(text)), cost)
	}
	ids, err := encodeText(ctx, o.Tokenizer, text, true)
	if err != nil {
		return nil, err
	}
	o.texts += int64(len(text) + 8*len(ids))
	return ids, nil
}

// Encode returns a text's ids; with special, the special tokens that the model begins a text
// with are among them. Errors are memory.ErrLimit, if what is left of a limit has no room
// for encoding the text, those of the tokenizer, and the context's.
func Encode(ctx context.Context, t *tokenizer.Tokenizer, text string, special bool) ([]int, error) {
	if err := fitsMemory(t, text); err != nil {
		return nil, err
	}
	return encodeText(ctx, t, text, special)
}

// fitsMemory is memory.ErrLimit if what is left of a limit has no room for encoding a text.
func fitsMemory(t *tokenizer.Tokenizer, text string) error {
	if cost := encodingCost(t, text); cost >= textMemory { // less is a part of every plan
		return memory.Fits("the text", cost)
	}
	return nil
}

// encodeText returns a text's ids, or ctx's error as soon as that ends: a long text takes
// seconds.
func encodeText(ctx context.Context, t *tokenizer.Tokenizer, text string, special bool) ([]int, error) {
	return await(ctx, func() ([]int, error) { return t.Encode(text, special) })
}

// tooLong returns the error, memory.ErrLimit, of a text of so many bytes whose reading or
// encoding, which costs so much, the limit has no room for. It names the limit that would do
// for the text and for the model.
func (o *Opening) tooLong(ctx context.Context, bytes, cost int64) error {
	need := o.limit.Bytes + cost - memory.Room()
	options := o.planned()
	options.Memory = 0
	if p, err := o.plan(ctx, options); err == nil {
		need = max(need, p.Minimum-1<<20) // which TooSmall rounds up to it
	}
	return o.limit.TooSmall(fmt.Sprintf("for a text of %d bytes", bytes), need)
}

// What whoever runs a model may need besides it for each sequence, the same for all, so that
// every use names the same smallest limit.
const (
	textMemory        = 1 << 20 // texts, a receipt
	limitedTemplate   = 2 << 20 // the values of a chat template, where there is one
	memoryPerToken    = 512     // of the context: encoding it, its place in a receipt
	memoryPerEntry    = 16 + 4  // of the vocabulary: a candidate of the sampler's, a logit being hashed
	largestVocabulary = 1 << 18 // Gemma's: what is reserved for where the tokenizer is not opened
)

// Reserve has the plan leave n bytes more of the Go heap to the caller, who knows them when the tokenizer is open.
func (o *Opening) Reserve(n int64) { o.options.Reserve += n }

// planned returns the options that the model is planned with: what running it will need
// is added to what the caller reserves.
func (o *Opening) planned() transformer.Options {
	options := o.options
	if peak, ok := memory.Peak(); ok && peak > o.peak {
		options.Opening = max(options.Opening, peak)
	}
	each := int64(memoryPerEntry * largestVocabulary)
	if t := o.Tokenizer; t != nil {
		each = memoryPerEntry * int64(t.VocabSize())
		if t.ChatTemplate() != "" {
			each += limitedTemplate
		}
	}
	sequences := int64(max(1, options.Sequences))
	options.Reserve += sequences*(textMemory+each) - min(textMemory/2, o.texts)
	options.ReservePerToken += sequences * memoryPerToken
	return options
}

// Sequences has the model opened for up to n sequences at a time, as many as the memory
// limit has room for, and returns how many: at least one, where Load has the last word. More
// sequences leave less room for weights.
func (o *Opening) Sequences(ctx context.Context, n int) (int, error) {
	return o.most(ctx, &o.options.Sequences, n, func(*transformer.Plan) bool { return true })
}

// Sharing is Sequences for sequences that share memory for keys and values: of one whole context, and of more, up to one for each, as
// far as they take the place of no weights. With fewer, steps may be transformer.ErrCache.
func (o *Opening) Sharing(ctx context.Context, n int) (sequences, contexts int, err error) {
	o.options.Contexts = 1
	if sequences, err = o.Sequences(ctx, n); err != nil {
		return 0, 0, err
	}
	streamed := int64(math.MaxInt64)
	if p, err := o.Plan(ctx); err == nil {
		streamed = p.Streamed
	}
	contexts, err = o.most(ctx, &o.options.Contexts, sequences, func(p *transformer.Plan) bool { return p.Streamed <= streamed })
	return sequences, contexts, err
}

// most sets an option to the most, from 1 to n, with which there is a plan that is good, or to 1, and returns it.
func (o *Opening) most(ctx context.Context, option *int, n int, good func(*transformer.Plan) bool) (int, error) {
	fits, above := 1, n+1 // which does not fit, or is more than wanted
	for above-fits > 1 {
		*option = (fits + above) / 2
		if above == n+1 {
			*option = n
		}
		switch p, err := o.Plan(ctx); {
		case err == nil && good(p):
			fits = *option
		case err == nil || errors.Is(err, memory.ErrLimit):
			above = *option
		default:
			return 0, err
		}
	}
	*option = fits
	return fits, nil
}

// Plan plans the model without opening its weights, with the errors of Load.
func (o *Opening) Plan(ctx context.Context) (*transformer.Plan, error) {
	p, err := o.plan(ctx, o.planned())
	runtime.KeepAlive(o) // its tokenizer and embedder are a part of what was measured
	return p, err
}

func (o *Opening) plan(ctx context.Context, options transformer.Options) (*transformer.Plan, error) {
	at, err := o.Location(ctx)
	if err != nil {
		return nil, err
	}
	return transformer.PlanAt(ctx, at, options)
}

// Close ends an opening that does not come to Load, and the keeping of its limit.
func (o *Opening) Close() { o.limited() }

// Load opens the model, which keeps the limit until it is closed, and ends the opening. Errors are those of transformer.Open, memory.ErrLimit among them,
// which names the smallest limit that would do, and ErrVocabulary.
func (o *Opening) Load(ctx context.Context) (*transformer.Model, error) {
	defer o.Close()
	at, err := o.Location(ctx)
	if err != nil {
		return nil, err
	}
	m, err := transformer.OpenAt(ctx, at, o.planned())
	if err != nil {
		return nil, err
	}
	if o.Tokenizer != nil {
		if err := checkVocabulary(o.Tokenizer, m.Config.Vocab); err != nil {
			m.Close()
			return nil, fmt.Errorf("%s: %w", o.path, err)
		}
	}
	return m, nil
}

// await waits for do, which nothing can interrupt, but no longer than ctx lasts: what is
// left behind only reads, and ends by itself.
func await[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
