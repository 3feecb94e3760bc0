package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// arrivingBytes are those that bodies may have together until they are read, or two of the largest.
const arrivingBytes = 4 << 20

// heldBytes are what requests hold together that are no texts under way until they are answered: the texts and vectors of embeddings, tokens; or one of them.
const heldBytes = 8 << 20

// errArriving reports more than that, errParked more than half of it of requests that wait.
var (
	errArriving = errors.New("too many bytes of requests are on their way")
	errParked   = fmt.Errorf("too many bytes of requests wait: %w", generate.ErrBusy)
)

// received is a request's body, which counts among those of others until it is done with.
type received struct {
	text   []byte
	server *Server
	bytes  int64
	parked int64 // of them, since the request waits
	from   io.Reader
}

// Read counts what it reads.
func (b *received) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.bytes += int64(n)
	if b.server.arriving.Add(int64(n)) > b.server.mostArriving {
		return n, errArriving
	}
	return n, err
}

// park is called before a request waits for what may take its time, a model or room for vectors. Bodies of such requests have half of the
// room: others' come whoever waits. The error is errParked.
func (b *received) park() error {
	if b.parked != 0 {
		return nil
	}
	for { // not added first and looked at then: another, which has room, would be refused meanwhile
		parked := b.server.parked.Load()
		if parked+b.bytes > b.server.mostArriving/2 {
			return errParked
		}
		if b.server.parked.CompareAndSwap(parked, parked+b.bytes) {
			b.parked = b.bytes
			return nil
		}
	}
}

// done ends the body's use, also if that has ended.
func (b *received) done() {
	b.server.parked.Add(-b.parked)
	b.server.arriving.Add(-b.bytes)
	b.text, b.bytes, b.parked = nil, 0, 0
}

// body reads a request's body, which may have so many bytes. Call its done after use.
func (s *Server) body(w http.ResponseWriter, r *http.Request, most int) (*received, *openai.Error) {
	if r.ContentLength > int64(most) {
		return nil, tooLarge(most)
	}
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.options.Patience))
	body := &received{from: http.MaxBytesReader(w, r.Body, int64(most)), server: s}
	var err error
	if body.text, err = io.ReadAll(body); err == nil {
		http.NewResponseController(w).SetReadDeadline(time.Time{})
		return body, nil
	}
	body.done()
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, tooLarge(most)
	}
	if errors.Is(err, errArriving) {
		return nil, &openai.Error{Message: err.Error(), Type: "overloaded_error", Status: http.StatusServiceUnavailable}
	}
	return nil, openai.Invalid("", "", "the body could not be read: %v", err)
}

func tooLarge(most int) *openai.Error {
	e := openai.Invalid("", openai.CodeContext, "the body has more than the %d bytes that the longest prompt of the context, or texts to embed, may have", most)
	e.Status = http.StatusRequestEntityTooLarge
	return e
}

// receive reads the body of a request, which may have so many bytes, and opens the model that it names, for which it may wait: while it holds no memory that others
// wait for. The model is nil where the body names none that is here; what is wrong with it is its parser's to say. Call the body's done after use.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, most int) (*received, *Model, *openai.Error) {
	return s.receiveFor(w, r, most, "")
}

// receiveFor is receive for a body that may name no model, which is then this one.
func (s *Server) receiveFor(w http.ResponseWriter, r *http.Request, most int, model string) (*received, *Model, *openai.Error) {
	body, refused := s.body(w, r, most)
	if refused != nil {
		return nil, nil, refused
	}
	name := cmp.Or(named(body.text), model)
	if s.library.entry(name) == nil {
		return body, nil, nil
	}
	var m *Model
	defer func() { // also where the client has gone
		if m == nil {
			body.done()
		}
	}()
	m, refused = s.use(r, name, body.park)
	return body, m, refused
}

// named is the model that a request's body names; "" where it names none or cannot be read, which is its parser's to say.
func named(text []byte) string {
	var q struct{ Model string }
	if json.Unmarshal(text, &q) != nil {
		return ""
	}
	return q.Model
}

// parsing has do made of a body when there is memory for that: what is made of all at a time takes no more than what is made of the
// largest, which is many times its size.
func (s *Server) parsing(ctx context.Context, body *received, do func(text []byte)) *openai.Error {
	size := int64(min(len(body.text), s.longest))
	if err := s.reading.Acquire(ctx, size); err != nil {
		return failure(err, "")
	}
	defer s.reading.Release(size)
	do(body.text)
	return nil
}

// hold takes room for so many bytes, which a request holds until its answer has been taken, and waits for it as long as a text does for its place.
func (s *Server) hold(ctx context.Context, m *Model, body *received, bytes int64) (release func(), refused *openai.Error) {
	if !s.holding.TryAcquire(bytes) {
		if err := body.park(); err != nil {
			return nil, failure(err, "")
		}
		patient, cancel := within(ctx, m.scheduler.MaxWait)
		defer cancel()
		s.wanting.Add(1)
		defer s.wanting.Add(-1)
		if s.holding.Acquire(patient, bytes) != nil {
			return nil, failure(context.Cause(patient), "")
		}
	}
	return func() { s.holding.Release(bytes) }, nil
}

// errSlow reports a client that takes its answer slowly, while others wait for the room that this holds.
var errSlow = errors.New("others wait for the room that the answer takes")

// holder writes an answer that holds room. A client may take as long as it likes over all of it, piece by piece, but once others wait for room no longer
// than its patience.
type holder struct {
	io.Writer
	server *Server
	until  time.Time
}

func (s *Server) holder(w io.Writer) *holder {
	return &holder{w, s, time.Now().Add(s.options.Patience)}
}

// Write is the writer's, or errSlow.
func (h *holder) Write(p []byte) (int, error) {
	if h.server.wanting.Load() > 0 && time.Now().After(h.until) {
		return 0, errSlow
	}
	return h.Writer.Write(p)
}

// within returns a context that ends with generate.ErrBusy after the longest time to wait, if that is more than 0.
func within(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if most <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, most, fmt.Errorf("what it waits for has not come within %v: %w", most, generate.ErrBusy))
}
