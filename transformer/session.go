package transformer

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
)

var (
	// ErrContext reports more tokens than the context has room for.
	ErrContext = errors.New("context is full")
	// ErrToken reports a token id that the vocabulary does not have.
	ErrToken = errors.New("no such token")
)

// Session is one sequence on its way through a model: its keys and values and the
// memory of a chunk. It is for one goroutine at a time; sessions of one model may
// take turns.
type Session struct {
	model    *Model
	cache    *cache
	scratch  scratch
	position int // tokens so far
}

// scratch is the memory of a chunk of tokens. All of it lies in one piece outside
// the Go heap but for the rotations and the workers' packed queries.
type scratch struct {
	bytes     []byte
	x         []float32 // the residual stream [chunk, hidden]
	normed    []float32
	output    []float32
	gate, up  []float32 // [chunk, ffn]
	logits    []float32 // [headBatch, vocab]
	attention attentionScratch
	rotations [2][]rotation // of global and local layers, per token of the chunk
}

// headBatch is how many tokens get their logits at a time.
const headBatch = 8

// scratchFloats returns how many float32 a session's scratch has.
func scratchFloats(c *Config, context, chunk, workers int, cacheType CacheType) int64 {
	n := int64(chunk) * int64(3*c.Hidden+2*c.FFN+2*c.Heads*c.HeadDim+2*c.KVHeads*c.HeadDim)
	n += int64(min(chunk, headBatch)) * int64(c.Vocab)
	worker := int64(c.Heads/c.KVHeads) * int64(context)
	if cacheType == CacheF16 {
		worker += int64(context) * int64(c.HeadDim)
	}
	return n + int64(workers)*worker
}

// NewSession starts a sequence. It reserves the cache and the scratch memory of
// the model's plan; Close gives them back.
func (m *Model) NewSession() (*Session, error) {
	c, p := m.Config, m.Plan
	k, err := newCache(c, p.Context, p.CacheType, m.budget)
	if err != nil {
		return nil, err
	}
	s := &Session{model: m, cache: k}
	n := 4 * scratchFloats(c, p.Context, p.Chunk, p.Workers, p.CacheType)
	if err := m.budget.Reserve("activations", n); err != nil {
		k.close()
		return nil, err
	}
	bytes, err := offheap.Alloc(int(n))
	if err != nil {
		m.budget.Release(n)
		k.close()
		return nil, err
	}
	s.scratch.divide(bytes, c, p.Context, p.Chunk, p.Workers, p.CacheType)
	return s, nil
}

// divide hands out the scratch memory.
func (b *scratch) divide(bytes []byte, c *Config, context, chunk, workers int, cacheType CacheType) {
	b.bytes = bytes
	rest := offheap.Float32s(bytes)
	take := func(n int) []float32 {
		part := rest[:n:n]
		rest = rest[n:]
		return part
	}
	b.x, b.normed, b.output = take(chunk*c.Hidden), take(chunk*c.Hidden), take(chunk*c.Hidden)
	b.gate, b.up = take(chunk*c.FFN), take(chunk*c.FFN)
	a := &b.attention
	a.q, a.out = take(chunk*c.Heads*c.HeadDim), take(chunk*c.Heads*c.HeadDim)
	a.k, a.v = take(chunk*c.KVHeads*c.HeadDim), take(chunk*c.KVHeads*c.HeadDim)
	b.logits = take(min(chunk, headBatch) * c.Vocab)
	a.workers = make([]attentionWorker, workers)
	for i := range a.workers {
		a.workers[i].scores = take(c.Heads / c.KVHeads * context)
		if cacheType == CacheF16 {
			a.workers[i].weights = take(context * c.HeadDim)
		}
	}
}

// Close frees the session's memory.
func (s *Session) Close() error {
	err := s.cache.close()
	if s.scratch.bytes != nil {
		s.model.budget.Release(int64(len(s.scratch.bytes)))
		err = errors.Join(err, offheap.Free(s.scratch.bytes))
		s.scratch = scratch{}
	}
	return err
}

// Forward runs one whole sequence and calls visit with the logits that follow each
// token, as [Session.Forward] does, in a session of its own.
func (m *Model) Forward(ctx context.Context, ids []int, visit func(i int, logits []float32) error) error {
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	return errors.Join(s.Forward(ctx, ids, 0, visit), s.Close())
}

// Position returns how many tokens the sequence has.
func (s *Session) Position() int { return s.position }

// Reset starts a new sequence in the same memory, keeping the first n tokens.
func (s *Session) Reset(n int) { s.position = min(s.position, max(0, n)) }

// Forward adds tokens to the sequence and calls visit with the logits that follow
// each token from the one numbered first on; first >= len(ids) wants none. The
// logits are valid until visit returns. Results have the same bits for every way of
// cutting a sequence into calls. Errors are ErrContext and ErrToken, before
// anything is computed, those of streaming, the context's, and visit's.
func (s *Session) Forward(ctx context.Context, ids []int, first int, visit func(i int, logits []float32) error) error {
	c, p := s.model.Config, s.model.Plan
	if len(ids) > p.Context-s.position {
		return fmt.Errorf("%d tokens after %d, there is room for %d in all: %w", len(ids), s.position, p.Context, ErrContext)
	}
	for _, id := range ids {
		if id < 0 || id >= c.Vocab {
			return fmt.Errorf("token %d of a vocabulary of %d: %w", id, c.Vocab, ErrToken)
		}
	}
	for at := 0; at < len(ids); at += p.Chunk {
		chunk := ids[at:min(at+p.Chunk, len(ids))]
		x := s.scratch.x[:len(chunk)*c.Hidden]
		if err := s.model.embed(x, chunk); err != nil {
			return err
		}
		s.rotate(len(chunk))
		for l := range c.Layers {
			if err := s.block(ctx, l, x, s.position); err != nil {
				return fmt.Errorf("layer %d: %w", l, err)
			}
		}
		s.position += len(chunk)
		for i := max(0, first-at); i < len(chunk); i += headBatch {
			n := min(headBatch, len(chunk)-i)
			if err := s.head(ctx, x[i*c.Hidden:(i+n)*c.Hidden], at+i, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// head computes the logits that follow some tokens and visits them.
func (s *Session) head(ctx context.Context, x []float32, first int, visit func(int, []float32) error) error {
	m := s.model
	c := m.Config
	h := s.scratch.normed[:len(x)]
	rmsNormRows(h, x, m.norm, c.Hidden, c.NormEps, c.NormOffset)
	logits := s.scratch.logits[:len(x)/c.Hidden*c.Vocab]
	if err := m.head.apply(ctx, logits, h); err != nil {
		return fmt.Errorf("output head: %w", err)
	}
	softcap(logits, c.LogitSoftcap)
	for i := 0; i*c.Vocab < len(logits); i++ {
		if err := visit(first+i, logits[i*c.Vocab:][:c.Vocab]); err != nil {
			return err
		}
	}
	return nil
}

// rotate prepares the rotations of the next n positions.
func (s *Session) rotate(n int) {
	for kind, r := range []Rope{s.model.Config.Rope, s.model.Config.LocalRope} {
		if kind == 1 && s.model.Config.SlidingWindow == 0 {
			return
		}
		f := s.model.frequencies[kind]
		for len(s.scratch.rotations[kind]) < n {
			s.scratch.rotations[kind] = append(s.scratch.rotations[kind], newRotation(len(f.freq), r.Interleaved))
		}
		for i := range n {
			s.scratch.rotations[kind][i].set(f.freq, f.factor, s.position+i)
		}
	}
}

// rotation returns the turn of token i of the chunk in layer l.
func (s *Session) rotation(l, i int) rotation {
	if s.model.Config.local(l) {
		return s.scratch.rotations[1][i]
	}
	return s.scratch.rotations[0][i]
}
