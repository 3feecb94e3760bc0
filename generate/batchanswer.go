package generate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrBatch reports a file that is no batch: it has no lines, or too many.
var ErrBatch = errors.New("not a batch of requests")

// MaxBatchLines is how many requests a batch file may have, as many as OpenAI's.
const MaxBatchLines = 50_000

// What answering a batch file takes of the Go heap, beside what texts under way take:
// transformer.Options.Reserve and ReservePerToken. With that no answer depends on the limit.
const (
	BatchMemory         = 2*maxHeld + MaxBatchLines*64 + lineCost*lineBytes
	BatchMemoryPerToken = lineCost * lineBytesPerToken
)

const (
	maxHeld = 1 << 20 // bytes of answers that wait for one that was asked for before

	// A line has room for a prompt that fills the context, and what goes with it.
	lineBytes         = 16 << 10
	lineBytesPerToken = 32

	// lineCost is what a byte of a line takes while it is read and its text written by a
	// template and encoded: small objects in a list take the most.
	lineCost = 80
)

// MaxBatchLine returns how many bytes a line of a batch file may have, and the text that a
// chat template makes of it, for a model with this context.
func MaxBatchLine(context int) int { return lineBytes + lineBytesPerToken*context }

// BatchOptions say what the answers of a batch file say besides texts.
type BatchOptions struct {
	// Name is what they call the model.
	Name string
	// Time is when they say that they were made, and what a chat template is told that asks
	// for the time; the zero time means 1970-01-01T00:00:00Z, so that the same requests have
	// the same answers.
	Time time.Time
}

// BatchCount says what became of a batch file's requests.
type BatchCount struct {
	Answered, Refused          int
	PromptTokens, OutputTokens int
	ToldTime                   bool // the chat template asked for the time
}

// Answer reads requests in the layout of OpenAI's batch files, a line of JSON each with
// custom_id, method, url and body, for /v1/chat/completions or /v1/completions
// (docs/CLI.md). It writes as many lines to out, in the same order: an answer, or what is
// wrong with the request, or with the line. The same requests give the same answers, byte
// for byte. Errors are ErrBatch and those of Run, in and out.
func (b *Batch) Answer(ctx context.Context, in io.Reader, out io.Writer, o BatchOptions) (BatchCount, error) {
	return b.answer(ctx, in, out, o, maxHeld)
}

// answer is Answer with at most so many bytes of answers that wait for others.
func (b *Batch) answer(ctx context.Context, in io.Reader, out io.Writer, o BatchOptions, most int) (BatchCount, error) {
	if o.Time.IsZero() {
		o.Time = time.Unix(0, 0).UTC()
	}
	r := &batchReader{
		Batch: b, BatchOptions: o, ctx: ctx, most: most, lines: newRequestLines(ctx, in), longest: MaxBatchLine(b.Model.Plan.Context), out: out,
		seen: map[[16]byte]bool{}, waiting: map[int]*batchRequest{}, held: map[int][]byte{},
	}
	r.prompts = NewPrompts(b.Tokenizer, b.Model.Plan.Context, o.Time)
	r.count.ToldTime = r.prompts.TellsTime()
	err := b.Run(ctx, r.requests(), r.done)
	if r.err != nil {
		err = r.err
	}
	return r.count, err
}

// batchReader makes requests of a batch file's lines and lines of their results.
type batchReader struct {
	*Batch
	BatchOptions
	prompts *Prompts

	ctx     context.Context
	count   BatchCount
	lines   requestLines
	longest int // bytes of a line, and of a text
	out     io.Writer
	err     error

	seen    map[[16]byte]bool     // hashes of the custom_ids so far
	at      int                   // lines, those without a request among them
	read    int                   // lines that have one
	asked   int                   // requests that the batch has
	waiting map[int]*batchRequest // those that are not done, by their numbers

	written int            // lines of answers
	held    map[int][]byte // answers, by their lines, that wait for others
	bytes   int            // of these
	most    int            // of them, beyond which no more requests are taken
}

// batchRequest is a request that is to be answered.
type batchRequest struct {
	line     int
	id       string
	customID string
	kind     openai.Kind
}

// requests are those of the lines that can be answered; the others are answered with what
// is wrong with them.
func (r *batchReader) requests() iter.Seq[*Request] {
	return func(yield func(*Request) bool) {
		for {
			for r.bytes > r.most && len(r.waiting) > 0 {
				if !yield(nil) {
					return
				}
			}
			text, long, err := r.lines.next(r.longest)
			r.at++
			if len(text) > 0 && (err == nil || err == io.EOF) {
				request, problem := r.request(text, long)
				if problem != nil {
					r.err = problem
				} else if request != nil && !yield(request) {
					return
				}
			}
			if err != nil && err != io.EOF {
				r.err = err
			}
			if err != nil || r.err != nil {
				return
			}
		}
	}
}

// request makes a request of a line, or writes the answer that there is none.
func (r *batchReader) request(text []byte, long bool) (*Request, error) {
	if r.read == MaxBatchLines {
		return nil, errLines
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", r.read, text))
	q := &batchRequest{line: r.read, id: hex.EncodeToString(sum[:12])}
	r.read++
	if long {
		return nil, r.refuseLine(q, "line_too_long", fmt.Sprintf("line %d has more than %d bytes", r.at, r.longest))
	}
	l, err := openai.ParseBatchLine(text)
	q.customID, q.kind = l.CustomID, l.URL
	if err != nil {
		return nil, r.refuseLine(q, "invalid_line", fmt.Sprintf("line %d: %v", r.at, err))
	}
	sum = sha256.Sum256([]byte(l.CustomID))
	hash := [16]byte(sum[:])
	if r.seen[hash] {
		return nil, r.refuseLine(q, "duplicate_custom_id", fmt.Sprintf("line %d: custom_id %q is that of a line before", r.at, l.CustomID))
	}
	r.seen[hash] = true
	body, refused := openai.Parse(l.URL, l.Body)
	if refused != nil {
		return nil, r.refuse(q, refused)
	}
	request, refused := r.prepare(body)
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, r.refuse(q, refused)
	}
	r.waiting[r.asked] = q
	r.asked++
	return request, nil
}

// prepare makes a request of a body.
func (b *batchReader) prepare(body *openai.Request) (*Request, *openai.Error) {
	r := &Request{
		Prompt: body.PromptIDs, MaxTokens: body.MaxTokens, StopTexts: body.Stop,
		Sampling: Options{Temperature: body.Temperature, TopP: body.TopP, Seed: uint64(body.Seed)},
	}
	if body.TopP == 0 { // the most likely token alone
		r.Sampling.TopP = math.SmallestNonzeroFloat32
	}
	if r.Prompt != nil {
		return r, nil
	}
	field, err := "prompt", error(nil)
	if body.Kind == openai.ChatCompletions {
		field = "messages"
		messages := make([]Message, len(body.Messages))
		for i, m := range body.Messages {
			messages[i] = Message{Role: m.Role, Content: m.Content}
		}
		if r.Prompt, err = b.prompts.Chat(b.ctx, messages); errors.Is(err, ErrTemplateMissing) {
			err = fmt.Errorf("%w; ask %s", err, openai.Completions)
		}
	} else {
		r.Prompt, err = b.prompts.Text(b.ctx, body.Prompt)
	}
	switch {
	case errors.Is(err, transformer.ErrContext):
		return nil, openai.Invalid(field, openai.CodeContext, "%s: %v", field, err)
	case err != nil:
		return nil, openai.Invalid(field, openai.CodeInvalid, "%s: %v", field, err)
	}
	return r, nil
}

// done writes the answer to a request.
func (r *batchReader) done(number int, result *Result, err error) error {
	q := r.waiting[number]
	delete(r.waiting, number)
	field := "prompt"
	if q.kind == openai.ChatCompletions {
		field = "messages"
	}
	switch {
	case errors.Is(err, transformer.ErrContext):
		return r.refuse(q, openai.Invalid(field, openai.CodeContext, "%s: %v", field, err))
	case errors.Is(err, transformer.ErrToken), errors.Is(err, ErrPrompt):
		return r.refuse(q, openai.Invalid(field, openai.CodeInvalid, "%s: %v", field, err))
	case err != nil:
		return r.refuse(q, openai.Failed(err))
	}
	finish := "length"
	if result.Stop == StopToken {
		finish = "stop"
	}
	c := openai.NewCompletion(q.kind, q.id, openai.Usage{Prompt: len(result.PromptIDs), Completion: len(result.OutputIDs)})
	c.Add(q.kind, result.Text, finish, nil)
	c.Created, c.Model = r.Time.Unix(), r.Name
	r.count.Answered++
	r.count.PromptTokens += len(result.PromptIDs)
	r.count.OutputTokens += len(result.OutputIDs)
	return r.write(q, openai.BatchAnswer{Response: &openai.BatchResponse{Status: 200, Body: c}})
}

// refuse answers a request with an error.
func (r *batchReader) refuse(q *batchRequest, err *openai.Error) error {
	r.count.Refused++
	return r.write(q, openai.BatchAnswer{Response: &openai.BatchResponse{Status: err.Status, Body: openai.ErrorBody{Error: err}}})
}

// refuseLine answers a line that is no request.
func (r *batchReader) refuseLine(q *batchRequest, code, message string) error {
	r.count.Refused++
	return r.write(q, openai.BatchAnswer{Error: &openai.BatchError{Code: code, Message: message}})
}

// write writes a line when those before it are written.
func (r *batchReader) write(q *batchRequest, a openai.BatchAnswer) error {
	a.ID = "batch_req_" + q.id
	if q.customID != "" {
		a.CustomID = &q.customID
	}
	if a.Response != nil {
		a.Response.RequestID = "req_" + q.id
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil {
		return err
	}
	r.held[q.line] = text.Bytes()
	r.bytes += text.Len()
	for {
		next, ok := r.held[r.written]
		if !ok {
			return nil
		}
		if _, err := r.out.Write(next); err != nil {
			return err
		}
		delete(r.held, r.written)
		r.bytes -= len(next)
		r.written++
	}
}
