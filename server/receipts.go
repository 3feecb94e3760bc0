package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
	"github.com/helix-substrate/helix-substrate/record"
)

// ReceiptHeader has, of an answer, the receipt_sha256 of the receipt of each of its texts, with commas between them. Of a
// stream it is a trailer.
const ReceiptHeader = "X-Helix-Receipt"

// How many receipts are kept, of so many bytes at most; the oldest go first.
const (
	mostReceipts    = 512
	receiptBytes    = 8 << 20
	receiptPerToken = 1 << 10 // of the context: what a receipt takes that is made again
)

// receipts keeps the receipts of the last answers. It is safe for concurrent use.
type receipts struct {
	logging sync.Mutex // one appends at a time

	mu    sync.Mutex
	list  []*kept // the oldest first
	bytes int
}

// kept is a receipt that is kept.
type kept struct {
	*receipt.Execution
	answer string   // id of the answer
	owner  [32]byte // hash of the key that asked for it
	model  string   // its name
	bytes  int
}

// add keeps a receipt, as long as there is room.
func (s *receipts) add(k *kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.bytes = append(s.list, k), s.bytes+k.bytes
	gone := 0
	for len(s.list)-gone > mostReceipts || s.bytes > receiptBytes {
		s.bytes -= s.list[gone].bytes
		s.list[gone] = nil
		gone++
	}
	s.list = s.list[gone:]
}

// find returns the receipt of this digest, or of the answer with this id, of which it is the first text's; nil if there is none that the owner of a
// key may see.
func (s *receipts) find(id string, owner [32]byte) *kept {
	answer := id[strings.LastIndexAny(id, "-_")+1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.list) - 1; i >= 0; i-- {
		if k := s.list[i]; (k.SHA256 == id || answer != "" && k.answer == answer) && subtle.ConstantTimeCompare(k.owner[:], owner[:]) == 1 {
			return k
		}
	}
	return nil
}

// record begins the receipt of the text that a request asks for.
func (q *asked) record(r *generate.Request, version string) *record.Generation {
	m := q.model
	n := r.MaxTokens
	if n == 0 {
		n = m.Plan().Context
	}
	g := generate.Generator{Tokenizer: m.batch.Tokenizer, Stop: r.Stop}
	return record.NewGeneration(m.batch.Model, m.engine, m.of, record.GenerationOptions{
		Sampling: r.Sampling, Adjustment: q.adjustment(), N: n, StopIDs: g.StopIDs(), StopTexts: r.StopTexts, ShowIDs: r.Show, Version: version,
	})
}

// adjustment is what the request does to logits; nil for nothing.
func (q *asked) adjustment() *receipt.Adjustment {
	a := &receipt.Adjustment{LogitBias: receipt.Biases(q.LogitBias), PresencePenalty: q.PresencePenalty, FrequencyPenalty: q.FrequencyPenalty, Form: q.formClaim}
	if q.bias().Zero() && a.Form == nil {
		return nil
	}
	return a
}

// keep completes the receipt of a text, appends it to the log and keeps it. It returns its digest: "" for a text that ended before there
// was any of it.
func (s *Server) keep(q *asked, number int, g *record.Generation, r *generate.Result) (string, error) {
	if r.Drawn == 0 {
		return "", nil
	}
	g.Turn(r, nil)
	g.Measurements.Experts = nil // other texts' too
	g.Measurements.Memory.PeakRSS, _ = memory.Peak()
	e, err := s.log(g)
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	k := &kept{Execution: e, owner: q.owner, model: q.model.Name, bytes: len(e.Claims) + 4<<10}
	if number == 0 {
		k.answer = q.id
	}
	s.receipts.add(k)
	return e.SHA256, nil
}

// log makes the receipt and appends it to the log, if there is one: without ids where prompts are not logged.
func (s *Server) log(g *record.Generation) (*receipt.Execution, error) {
	now := time.Now()
	e, err := g.Receipt(now)
	if err != nil {
		return nil, err
	}
	logged := e
	if log := s.options.ReceiptLog; log != "" {
		s.receipts.logging.Lock()
		defer s.receipts.logging.Unlock()
		if !s.options.LogPrompts {
			if _, err := e.Canonical(); err != nil {
				return nil, err
			}
			g.Claims.Private, g.Measurements.Whole = true, e.SHA256
			if logged, err = g.Receipt(now); err != nil {
				return nil, err
			}
		}
		return e, chain.Append(context.Background(), log, logged) // which seals it
	}
	_, err = e.Canonical()
	return e, err
}

// owner is the hash of the key that a request has; all who need none are one.
func (s *Server) owner(r *http.Request) [32]byte {
	if len(s.keys) == 0 {
		return [32]byte{}
	}
	return sha256.Sum256([]byte(key(r)))
}

// receipt answers with a receipt.
func (s *Server) receipt(w http.ResponseWriter, r *http.Request) {
	k := s.receipts.find(r.PathValue("id"), s.owner(r))
	if k == nil {
		refuse(w, noReceipt(r))
		return
	}
	text, err := k.document()
	if err != nil {
		refuse(w, openai.Failed(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(ReceiptHeader, k.SHA256)
	w.Write(text)
}

// document is the receipt in canonical form.
func (k *kept) document() ([]byte, error) {
	e := *k.Execution // whose hash is set again
	return e.Canonical()
}

// replay makes a text again, beside all others, and compares all that its receipt claims.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	k := s.receipts.find(r.PathValue("id"), s.owner(r))
	if k == nil {
		refuse(w, noReceipt(r))
		return
	}
	if !s.replaying.TryAcquire(1) {
		refuse(w, failure(generate.ErrBusy, ""))
		return
	}
	defer s.replaying.Release(1)
	m, refused := s.use(r, k.model, func() error { return nil }) // there is no body
	if refused != nil {
		refuse(w, refused)
		return
	}
	done, err := record.ReplayAnswer(r.Context(), k.Execution, k.SHA256, m.vocabulary, func(ctx context.Context, q *generate.Request) (*generate.Result, error) {
		return m.scheduler.Do(ctx, q, nil)
	})
	replayed := struct {
		Receipt string  `json:"receipt"`
		Same    bool    `json:"same"`
		Tokens  int     `json:"tokens"` // whose logits were compared
		Seconds float64 `json:"seconds"`
		Differs string  `json:"differs,omitempty"` // what does first
	}{Receipt: k.SHA256}
	switch {
	case r.Context().Err() != nil:
		gone()
	case errors.Is(err, record.ErrReplay):
		replayed.Differs = err.Error()
	case errors.Is(err, receipt.ErrInvalid):
		e := openai.Invalid("", "", "%v", err)
		e.Status = http.StatusConflict
		refuse(w, e)
		return
	case err != nil:
		refuse(w, failure(err, "receipt"))
		return
	default:
		replayed.Same, replayed.Tokens, replayed.Seconds = true, done.Tokens, done.Took.Seconds()
	}
	answer(w, http.StatusOK, replayed)
}

func noReceipt(r *http.Request) *openai.Error {
	return notFound("there is no receipt %.100q here: the last %d are kept", r.PathValue("id"), mostReceipts)
}
