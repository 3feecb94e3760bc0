package transformer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/internal/workers"
	"github.com/helix-substrate/helix-substrate/stream"
)

// solo is a sequence with what it gives alone, token by token on one thread.
type solo struct {
	tokens []int
	logits [][]float32 // after each token
	states [][]float32
}

// solos are some sequences through a model.
func solos(t *testing.T, dir string, o Options) []solo {
	t.Helper()
	o.Threads, o.Chunk = 1, 1
	m := openModel(t, dir, o)
	list := make([]solo, 6)
	for i := range list {
		q := &list[i]
		for at := range m.Plan.Context - 3*i {
			q.tokens = append(q.tokens, (at*at*7+i*31+at*i+1)%m.Config.Vocab)
		}
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range q.tokens {
			err := m.Forward(t.Context(), []Step{{
				Session: s, IDs: []int{id},
				Visit:  func(_ int, x []float32) error { q.logits = append(q.logits, slices.Clone(x)); return nil },
				Hidden: func(_ int, x []float32) error { q.states = append(q.states, slices.Clone(x)); return nil },
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
	}
	return list
}

// batchModels are models in pairs of what they give alone and ways to open them.
func batchModels(t *testing.T) (ways []*Model, alone [][]solo) {
	add := func(dir string, o Options, ways ...Options) (models []*Model, list []solo) {
		list = solos(t, dir, o)
		for _, w := range ways {
			w.Context, w.CacheType, w.Sequences = o.Context, o.CacheType, 6
			open := openModel
			if w.Memory != 0 {
				open = openStreamed
			}
			models = append(models, open(t, dir, w))
		}
		return models, list
	}
	demo, hybrid := convertDemo(t), filepath.Join(t.TempDir(), "hybrid")
	convertTo(t, fixtures+"/lfm2_moe", hybrid, "snr=30")
	delta := filepath.Join(t.TempDir(), "delta")
	convertTo(t, fixtures+"/qwen3_next", delta, "snr=30")
	mamba := filepath.Join(t.TempDir(), "mamba")
	convertTo(t, fixtures+"/granitemoehybrid", mamba, "snr=30")
	for _, c := range []struct {
		dir  string
		o    Options
		ways []Options
	}{
		{demo, Options{Context: 48}, []Options{{}, {Chunk: 5, Threads: 3}, {Memory: 1, Chunk: 7}, {Memory: 1, Threads: 1}}},
		{demo, Options{Context: 40, CacheType: CacheF16}, []Options{{Threads: 4}, {Memory: 1, Chunk: 3}}},
		{fixtures + "/gemma3", Options{Context: 40}, []Options{{}, {Chunk: 4, Threads: 3}}},
		{fixtures + "/gemma2", Options{Context: 40, CacheType: CacheF16}, []Options{{Threads: 2, Chunk: 30}}},
		{fixtures + "/phi3", Options{Context: 40}, []Options{{Chunk: 9}}},
		{fixtures + "/lfm2-taps", Options{Context: 40}, []Options{{}, {Chunk: 3, Threads: 3}, {Chunk: 1}}},
		{fixtures + "/qwen3_5_moe_text", Options{Context: 40}, []Options{{}, {Chunk: 3, Threads: 3}}},
		{fixtures + "/granitemoehybrid-dense", Options{Context: 40}, []Options{{}, {Chunk: 3, Threads: 3}}},
		{fixtures + "/falcon_h1-first", Options{Context: 40}, []Options{{}, {Chunk: 3, Threads: 3}}},
		{fixtures + "/nemotron_h", Options{Context: 40}, []Options{{}, {Chunk: 3, Threads: 3}}},
		{mamba, Options{Context: 40}, []Options{{Chunk: 6, Threads: 2}, {Memory: 1, Chunk: 7}}},
		{delta, Options{Context: 40}, []Options{{Chunk: 6, Threads: 2}, {Memory: 1, Chunk: 7}}},
		{hybrid, Options{Context: 48}, []Options{{Chunk: 5, Threads: 3}, {Memory: 1, Chunk: 7}, {Memory: 1, Threads: 1}}},
	} {
		models, list := add(c.dir, c.o, c.ways...)
		for _, m := range models {
			ways, alone = append(ways, m), append(alone, list)
		}
	}
	return ways, alone
}

// TestBatch: whatever sequences go together, in whatever steps, each has the bits that it
// has alone; a call that fails leaves every session where a pass ended.
func TestBatch(t *testing.T) {
	ways, alone := batchModels(t)
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.IntRange(0, len(ways)-1).Draw(t, "model")
		m, list := ways[w], alone[w]
		sessions := make([]*Session, rapid.IntRange(1, 6).Draw(t, "sessions"))
		for i := range sessions {
			var err error
			if sessions[i], err = m.NewSession(); err != nil {
				t.Fatal(err)
			}
			defer sessions[i].Close()
		}
		for range rapid.IntRange(1, 5).Draw(t, "calls") {
			batchCall(t, m, list, sessions)
		}
	})
}

// batchCall makes one call with some of the sessions.
func batchCall(t *rapid.T, m *Model, list []solo, sessions []*Session) {
	same := func(what string, got, want []float32) {
		for i, v := range want {
			if math.Float32bits(got[i]) != math.Float32bits(v) {
				t.Fatalf("%s: value %d is %v, not %v", what, i, got[i], v)
			}
		}
	}
	var steps []Step
	seen := make([]int, len(sessions))
	wanted := make([]int, len(sessions))
	before := make([]int, len(sessions))
	failure, fail := errors.New("visit"), rapid.IntRange(0, 40).Draw(t, "fail at") // visits from now
	panics := rapid.Bool().Draw(t, "by a panic")
	var visits sync.Mutex // those of several steps may come at once
	for i, s := range sessions {
		if rapid.IntRange(0, 4).Draw(t, "reset") == 0 {
			s.Reset(rapid.IntRange(0, s.Position()).Draw(t, "to"))
		}
		before[i] = s.Position()
		q := list[i]
		n := rapid.IntRange(0, min(30, len(q.tokens)-before[i])).Draw(t, "tokens")
		step := Step{Session: s, IDs: q.tokens[before[i]:][:n], First: rapid.IntRange(-1, n+1).Draw(t, "first")}
		wanted[i] = min(n, n-step.First)
		next := max(0, step.First)
		step.Visit = func(at int, x []float32) error {
			visits.Lock()
			defer visits.Unlock()
			if at == next && fail == 1 && panics {
				panic(failure)
			}
			if at != next || fail == 1 {
				return fmt.Errorf("visited token %d, not %d: %w", at, next, failure)
			}
			fail--
			next++
			seen[i]++
			same(fmt.Sprintf("logits of token %d", before[i]+at), x, q.logits[before[i]+at])
			x[0] = 7 // the visitor's to change
			return nil
		}
		if rapid.Bool().Draw(t, "hidden") {
			step.Hidden = func(at int, x []float32) error {
				same(fmt.Sprintf("state of token %d", before[i]+at), x, q.states[before[i]+at])
				return nil
			}
		}
		steps = append(steps, step)
	}
	total := 0
	for i := range wanted {
		total += max(0, wanted[i])
	}
	ctx := &countdown{Context: t.Context()}
	ctx.left.Store(rapid.Int64Range(1, 400).Draw(t, "products"))
	failing := fail > 0 && fail <= total
	order := rapid.Permutation(steps).Draw(t, "order")
	err := func() (err error) {
		defer func() {
			r := recover()
			if p, ok := r.(*workers.Panic); ok && p.Value == failure {
				r = failure
			}
			if r == failure {
				err = failure
			} else if r != nil {
				panic(r)
			}
		}()
		return m.Forward(ctx, order)
	}()
	if cancelled := errors.Is(err, context.Canceled); cancelled != (ctx.left.Load() <= 0) || !cancelled && (failing != errors.Is(err, failure) || !failing && err != nil) {
		t.Fatalf("visit %d of %d, %d products left: %v", fail, total, ctx.left.Load(), err)
	}
	for i, s := range sessions {
		at := s.Position()
		if err == nil && (at != before[i]+len(steps[i].IDs) || seen[i] != max(0, wanted[i])) {
			t.Fatalf("sequence %d is at %d after %d and %d tokens, %d visits of %d", i, at, before[i], len(steps[i].IDs), seen[i], wanted[i])
		}
		if at < before[i] || !slices.Equal(s.Tokens(), list[i].tokens[:at]) {
			t.Fatalf("sequence %d has the tokens %v", i, s.Tokens())
		}
	}
}

// countdown is a context that ends when it has been asked so often.
type countdown struct {
	context.Context
	left atomic.Int64
}

func (c *countdown) Done() <-chan struct{} { return nil }

func (c *countdown) Err() error {
	if c.left.Add(-1) <= 0 {
		return context.Canceled
	}
	return nil
}

// TestStepErrors: what cannot be done is refused before anything is, and by name.
func TestStepErrors(t *testing.T) {
	dir := fixtures + "/llama"
	m, other := openModel(t, dir, Options{Context: 8, Sequences: 3}), openModel(t, dir, Options{Context: 8})
	var s [4]*Session
	for i := range s {
		var err error
		if s[i], err = m.NewSession(); err != nil { // without a limit there is room for more
			t.Fatal(err)
		}
	}
	s[2].Close()
	foreign, err := other.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	ids := []int{1, 2}
	good := Step{Session: s[0], IDs: ids}
	for _, c := range []struct {
		step Step
		want error
	}{
		{good, ErrSession}, {Step{IDs: ids}, ErrSession}, {Step{Session: foreign, IDs: ids}, ErrSession}, {Step{Session: s[2], IDs: ids}, ErrSession},
		{Step{Session: s[1], IDs: make([]int, 9)}, ErrContext}, {Step{Session: s[1], IDs: []int{1, -1}}, ErrToken},
	} {
		if err := m.Forward(t.Context(), []Step{good, c.step}); !errors.Is(err, c.want) || s[0].Position() != 0 {
			t.Errorf("%+v: %v, want %v", c.step, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop := Step{Session: s[1], IDs: ids, Visit: func(int, []float32) error { cancel(); return nil }}
	if err := m.Forward(ctx, []Step{{Session: s[3], IDs: make([]int, 8)}, stop}); err != nil {
		t.Errorf("cancelled when the last pass was done: %v", err)
	}
	if err := m.Forward(ctx, []Step{good}); !errors.Is(err, context.Canceled) || s[0].Position() != 0 {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("broken")
	for _, position := range []int{2, 4} {
		step := Step{Session: s[0], IDs: ids, First: 1, Hidden: func(int, []float32) error { return broken }}
		if err := m.Forward(t.Context(), []Step{step}); !errors.Is(err, broken) || s[0].Position() != position {
			t.Errorf("a visitor fails: %v at %d, not %d", err, s[0].Position(), position)
		}
	}
	s[0].Reset(0)
	if err := m.Forward(t.Context(), []Step{good, {Session: s[1], IDs: ids}}); err != nil || s[0].Position() != 2 || s[1].Position() != 4 {
		t.Errorf("afterwards: %v", err)
	}
	if err := m.Forward(t.Context(), nil); err != nil {
		t.Errorf("no steps: %v", err)
	}
	s[0].Reset(0)
	again := error(nil)
	err = s[0].Forward(t.Context(), ids, 1, func(int, []float32) error {
		again = s[0].Forward(t.Context(), ids, 1, nil)
		return nil
	})
	if err != nil || !errors.Is(again, ErrSession) || s[0].Position() != 2 {
		t.Errorf("within a step of its own: %v, %v at %d", again, err, s[0].Position())
	}
}

// TestSequences: under a limit there is room for the sequences that were planned, and no
// more.
func TestSequences(t *testing.T) {
	dir := convertDemo(t)
	one, err := PlanFor(t.Context(), dir, Options{Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Context: 64, Sequences: 5}
	five, err := PlanFor(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if five.Cache != 5*one.Cache || five.Sequences != 5 || five.least < one.least+4*one.Cache {
		t.Errorf("caches of %d for 5 sequences, %d for one; %d bytes at least, and %d", five.Cache, one.Cache, five.least, one.least)
	}
	o.Memory = five.Minimum + 4<<20
	m := openModel(t, dir, o)
	for i := range 6 {
		s, err := m.NewSession()
		if i < 5 && err != nil || i == 5 && !errors.Is(err, stream.ErrBudget) {
			t.Fatalf("session %d: %v", i, err)
		}
		if s != nil {
			defer s.Close()
		}
	}
	if used := m.budget.Used(); used > m.Plan.managed() {
		t.Errorf("%d bytes used of %d", used, m.Plan.managed())
	}
	if _, err := PlanFor(t.Context(), dir, Options{Sequences: 1025}); !errors.Is(err, ErrOption) {
		t.Errorf("1025 sequences: %v", err)
	}
}

// TestShare: a pass is shared evenly, and filled.
func TestShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := make([]Step, rapid.IntRange(0, 6).Draw(t, "steps"))
		left := 0
		for i := range steps {
			s := &Session{tokens: make([]int, rapid.IntRange(0, 3).Draw(t, "done"))}
			steps[i] = Step{Session: s, IDs: make([]int, len(s.tokens)+rapid.IntRange(0, 20).Draw(t, "left"))}
			left += steps[i].left()
		}
		room := rapid.IntRange(1, 40).Draw(t, "room")
		if more := share(steps, room); more != (left > 0) {
			t.Fatalf("%d left: %v", left, more)
		}
		taken, most := 0, 0
		for i := range steps {
			taken += steps[i].Session.taken
			most = max(most, steps[i].Session.taken)
		}
		if taken != min(room, left) {
			t.Fatalf("%d taken of %d, for %d", taken, left, room)
		}
		for i := range steps {
			if s := &steps[i]; s.left() > 0 && s.Session.taken < most-1 {
				t.Fatalf("one step has %d, another %d and %d left", most, s.Session.taken, s.left())
			}
		}
	})
}

// TestGoroutines runs sequences in as many goroutines, through one model.
func TestGoroutines(t *testing.T) {
	dir := convertDemo(t)
	alone := solos(t, dir, Options{Context: 32})
	for _, streamed := range []bool{false, true} {
		open, o := openModel, Options{Context: 32, Chunk: 5, Threads: 2, Sequences: len(alone)}
		if streamed {
			open = openStreamed
		}
		m := open(t, dir, o)
		var wg sync.WaitGroup
		for i := range alone {
			wg.Go(func() {
				s, err := m.NewSession()
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				ids, prompt := alone[i].tokens, 11-i
				for at := 0; at < len(ids); at, prompt = at+prompt, 1 {
					err := s.Forward(t.Context(), ids[at:at+prompt], 0, func(n int, logits []float32) error {
						if !slices.Equal(logits, alone[i].logits[at+n]) {
							return fmt.Errorf("sequence %d, token %d: other logits", i, at+n)
						}
						return nil
					})
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestHidden: the output head of a state gives the logits.
func TestHidden(t *testing.T) {
	m := openModel(t, fixtures+"/gemma2", Options{Context: 16})
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var states, logits []float32
	err = m.Forward(t.Context(), []Step{{
		Session: s, IDs: []int{3, 1, 4, 1, 5}, First: 3,
		Hidden: func(_ int, x []float32) error { states = append(states, x...); return nil },
		Visit:  func(_ int, x []float32) error { logits = append(logits, x...); return nil },
	}})
	if err != nil || len(states) != 2*m.Config.Hidden {
		t.Fatalf("%d values, %v", len(states), err)
	}
	got := make([]float32, len(logits))
	if _, err := m.head.W.RowsDot(t.Context(), got, states, 0, m.Config.Vocab); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if c := m.Config.LogitSoftcap; c*detmath.Tanh(v/c) != logits[i] {
			t.Fatalf("logit %d is %v, not that of %v", i, logits[i], v)
		}
	}
}
