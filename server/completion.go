package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/toolcall"
)

// asked is a request for texts.
type asked struct {
	*openai.Request
	model     *Model
	field     string // that the prompt came from
	id        string
	client    string // whose it is, see Server.client
	created   int64
	prompt    []int
	opening   string              // how the prompt of a chat ends
	tools     []toolcall.Function // that may be called
	form      *grammar.Grammar    // of the text; nil: any
	formClaim *receipt.Form       // that says which; nil: any
	owner     [32]byte            // hash of the key that asks
	receipts  []string            // digests, by the texts' numbers
	release   func()              // what the request holds
}

// completions answers requests for texts, of both kinds.
func (s *Server) completions(w http.ResponseWriter, r *http.Request) {
	q, refused := s.read(w, r)
	if refused != nil {
		refuse(w, refused)
		return
	}
	defer q.release()
	if q.Stream {
		s.stream(w, r.Context(), q)
	} else {
		s.whole(w, r.Context(), q)
	}
}

// ask begins a request for texts, whose prompt comes from a field.
func (s *Server) ask(r *http.Request, field string) *asked {
	return &asked{field: field, id: newID(), created: time.Now().Unix(), owner: s.owner(r), client: s.client(r)}
}

// read reads a request and makes its prompt.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (*asked, *openai.Error) {
	body, m, refused := s.receive(w, r, s.longest)
	if refused != nil {
		return nil, refused
	}
	defer body.done()
	q := s.ask(r, "prompt")
	busy := s.parsing(r.Context(), body, func(text []byte) {
		if q.Request, refused = openai.ParseServed(openai.Kind(r.URL.Path), text); refused == nil {
			if q.Kind == openai.ChatCompletions {
				q.field = "messages"
			}
			refused = q.prepare(r.Context(), m)
		}
	})
	return q, cmp.Or(busy, refused)
}

// prepare makes the prompt for a model, that which the request names; nil for none.
func (q *asked) prepare(ctx context.Context, m *Model) *openai.Error {
	if m == nil || m.Name != q.Model {
		return unknownModel(q.Model)
	}
	q.model = m
	var err error
	switch prompts := q.model.promptsNow(); {
	case q.Kind == openai.ChatCompletions:
		request, refused := q.model.conversation(q.Request)
		if refused != nil {
			return refused
		}
		if mayCall(q.Request) {
			if refused := q.offer(); refused != nil {
				return refused
			}
		}
		q.opening, q.prompt, err = prompts.Request(ctx, request)
		q.opening = strings.Clone(q.opening[max(0, len(q.opening)-openingBytes):])
	case q.PromptIDs != nil:
		q.prompt = q.PromptIDs
	case q.Kind == openai.LlamaCompletions:
		q.prompt, err = q.model.parts(ctx, q.Parts)
	default:
		q.prompt, err = prompts.Text(ctx, q.Prompt)
	}
	if err != nil {
		return failure(err, q.field)
	}
	q.Messages, q.Prompt, q.Parts = nil, "", nil // not held while the text waits
	if q.IgnoreEnd {
		q.excludeEnd()
	}
	q.chooseSeed()
	q.receipts = make([]string, q.N)
	return q.readForm()
}

// excludeEnd excludes the tokens that end a text.
func (q *asked) excludeEnd() {
	if q.LogitBias == nil {
		q.LogitBias = map[int]float32{}
	}
	for _, id := range q.model.batch.Tokenizer.EOS() {
		q.LogitBias[id] = openai.Excluded
	}
}

func unknownModel(name string) *openai.Error {
	e := openai.Invalid("model", "model_not_found", "there is no model %.100q here; GET /v1/models lists them", name)
	e.Status = http.StatusNotFound
	return e
}

// request is what the scheduler gets for the text with this number.
func (q *asked) request(number int) *generate.Request {
	r := &generate.Request{
		Prompt: q.prompt, Client: q.client, Show: q.shown(), MaxTokens: q.MaxTokens, StopTexts: q.Stop, LogProbs: q.LogProbs, TopLogProbs: q.TopLogProbs,
		Sampling: generate.Options{
			Temperature: q.Temperature, TopP: q.TopP, TopK: q.TopK, MinP: q.MinP, RepeatPenalty: q.RepeatPenalty, RepeatLast: q.RepeatLast,
			Seed: uint64(q.Seed) + uint64(number),
		},
	}
	if q.TopP == 0 { // the most likely token alone
		r.Sampling.TopP = math.SmallestNonzeroFloat32
	}
	if bias := q.bias(); !bias.Zero() {
		r.Adjust = bias.Adjust
	}
	if q.form != nil {
		r.Adjust = record.Adjusted(q.bias(), q.form, q.model.vocabulary)()
	}
	return r
}

// bias is what the request adds to logits.
func (q *asked) bias() *generate.Bias {
	return &generate.Bias{Tokens: q.LogitBias, Presence: q.PresencePenalty, Frequency: q.FrequencyPenalty}
}

// text has the text with this number made, and calls piece with what there is of it. Its receipt is q.receipts[number] then.
func (s *Server) text(ctx context.Context, q *asked, number int, piece func(generate.Piece) error) (*generate.Result, error) {
	request := q.request(number)
	receipt := q.record(request, s.options.Version)
	request.Logits = receipt.Logits
	r, err := q.model.scheduler.Do(ctx, request, piece)
	s.counts.text(r)
	if r.Stop != generate.StopError { // whether its client has gone or not
		digest, failed := s.keep(q, number, receipt, r)
		if q.receipts[number] = digest; err == nil {
			err = failed
		}
	}
	return r, err
}

// each has all texts of a request made, side by side as far as there are places, and returns the first error.
func (q *asked) each(ctx context.Context, do func(ctx context.Context, number int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, q.N)
	var wait sync.WaitGroup
	for i := range q.N {
		wait.Go(func() {
			if errs[i] = do(ctx, i); errs[i] != nil {
				cancel()
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// whole answers with all of the texts at once.
func (s *Server) whole(w http.ResponseWriter, ctx context.Context, q *asked) {
	type answered struct {
		*spoken
		message toolcall.Collector
		ids     []string // of the calls
		chances []generate.LogProb
	}
	texts := make([]answered, q.N)
	err := q.each(ctx, func(ctx context.Context, i int) (err error) {
		t := &texts[i]
		t.spoken, err = s.say(ctx, q, i, func(e said) error {
			t.message.Add(e.Event)
			t.chances = append(t.chances, e.chances...)
			switch e.Kind {
			case toolcall.CallBegin:
				t.ids = append(t.ids, e.id)
			case toolcall.CallFailed:
				t.ids = t.ids[:len(t.ids)-1]
			}
			return nil
		})
		return err
	})
	if out := (&events{w: w}); out.failed(ctx, err, q.field, refuse, nil) {
		return
	}
	usage := openai.Usage{Prompt: len(q.prompt), PromptDetails: &openai.PromptDetails{Cached: texts[0].Kept}}
	for i := range texts {
		usage.Completion += len(texts[i].OutputIDs)
	}
	c := openai.NewCompletion(q.Kind, q.id, usage)
	fingerprint := s.fingerprint(q.model)
	c.Created, c.Model, c.Fingerprint = q.created, q.model.Name, &fingerprint
	if q.N == 1 {
		c.Timings = texts[0].timings(q)
	}
	for i := range texts {
		t := &texts[i]
		message := t.message.Message()
		choice := c.Add(q.Kind, message.Text, string(t.reason), q.logProbs(t.chances, 0))
		if q.Kind != openai.ChatCompletions {
			continue
		}
		choice.Message.Reasoning = message.Reasoning
		for j, call := range message.Calls {
			choice.Message.AddCall(openai.Call{ID: t.ids[j], Name: call.Name, Arguments: call.Arguments})
		}
	}
	w.Header().Set(ReceiptHeader, strings.Join(q.receipts, ","))
	answer(w, http.StatusOK, c)
}

// logProbs are the chances of tokens in the API's form; nil if they were not asked for. The first is so many characters after the
// text's beginning.
func (q *asked) logProbs(list []generate.LogProb, offset int) any {
	if !q.LogProbs {
		return nil
	}
	token := func(id int) string { return q.model.batch.Tokenizer.Decode([]int{id}) }
	if q.Kind == openai.Completions {
		c := &openai.TextLogProbs{Tokens: []string{}, LogProbs: []float64{}, Top: []map[string]float64{}, Offsets: []int{}}
		for _, p := range list {
			text, top := token(p.ID), map[string]float64{}
			for _, t := range p.Top {
				top[token(t.ID)] = t.LogProb
			}
			c.Tokens, c.LogProbs, c.Top, c.Offsets = append(c.Tokens, text), append(c.LogProbs, p.LogProb), append(c.Top, top), append(c.Offsets, offset)
			offset += len([]rune(text))
		}
		return c
	}
	one := func(c generate.Chance) openai.TokenLogProb {
		p := openai.TokenLogProb{Token: token(c.ID), LogProb: c.LogProb, Bytes: []int{}}
		for _, b := range q.model.batch.Tokenizer.AppendBytes(nil, c.ID) {
			p.Bytes = append(p.Bytes, int(b))
		}
		return p
	}
	c := &openai.ChatLogProbs{Content: []openai.TokenLogProb{}}
	for _, p := range list {
		t := one(generate.Chance{ID: p.ID, LogProb: p.LogProb})
		for _, other := range p.Top {
			t.Top = append(t.Top, one(other))
		}
		c.Content = append(c.Content, t)
	}
	return c
}

// fingerprint tells which program and which model answer: with the same, a request with a seed has the same answer.
func (s *Server) fingerprint(m *Model) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %s", s.options.Version, m.of.Claim.RootSHA256, m.of.Claim.ContentSHA256, m.of.Claim.TokenizerSHA256))
	return "fp_" + hex.EncodeToString(sum[:6])
}

// newID returns what makes an answer unique.
func newID() string {
	var id [12]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// seedBits are those of a seed by chance: JavaScript's numbers have no more, and clients may send it again.
const seedBits = 53

// chooseSeed gives a request that says none a seed of its own.
func (q *asked) chooseSeed() {
	if q.Seeded {
		return
	}
	var seed [8]byte
	rand.Read(seed[:])
	q.Seed = int64(binary.LittleEndian.Uint64(seed[:]) >> (64 - seedBits))
}
