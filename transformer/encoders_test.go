package transformer

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/stream"
)

// encoder is a tiny model with the last hidden states of Hugging Face transformers: see testdata/encoders.py.
type encoder struct {
	dir     string
	Tokens  []int `json:"tokens"`
	Context int   `json:"context"`
	states  []float32
}

const encoders = "testdata/encoders"

func openEncoder(t testing.TB, name string) *encoder {
	t.Helper()
	e := &encoder{dir: filepath.Join(encoders, name)}
	readJSON(t, filepath.Join(e.dir, "case.json"), e)
	var err error
	if e.states, _, err = npy.ReadFloat32(filepath.Join(e.dir, "states.npy")); err != nil {
		t.Fatal(err)
	}
	return e
}

func encoderNames(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(encoders)
	if err != nil || len(entries) < 15 {
		t.Fatalf("%d encoders: %v", len(entries), err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// textStates returns the states of texts that go into one step each.
func textStates(t testing.TB, m *Model, texts ...[]int) [][]float32 {
	t.Helper()
	all := make([][]float32, len(texts))
	var steps []Step
	for i, ids := range texts {
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		steps = append(steps, Step{Session: s, IDs: ids, Hidden: func(at int, state []float32) error {
			if at != len(all[i])/m.Config.Hidden {
				t.Fatalf("token %d in place of %d", at, len(all[i])/m.Config.Hidden)
			}
			all[i] = append(all[i], state...)
			return nil
		}})
	}
	if err := m.Forward(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEncoders compares every family with Hugging Face's hidden states.
func TestEncoders(t *testing.T) {
	for _, name := range encoderNames(t) {
		t.Run(name, func(t *testing.T) {
			e := openEncoder(t, name)
			m := openModel(t, e.dir, Options{Context: e.Context})
			if worst := largestError(t, textStates(t, m, e.Tokens)[0], e.states); !(worst <= 1e-5) {
				t.Errorf("states differ by %.2g of the largest", worst)
			} else {
				t.Logf("largest difference %.2g", worst)
			}
		})
	}
}

// TestEncoderBits: the bits depend on no other text that goes along, nor on threads, CPU, cache's room or chunk.
func TestEncoderBits(t *testing.T) {
	for _, name := range few(encoderNames(t), 2) {
		e := openEncoder(t, name)
		short, long := e.Tokens[:5], e.Tokens
		var want [][]float32
		for _, o := range []Options{
			{Threads: 1, CPU: "generic"}, {Threads: 3}, {Threads: 2, Sequences: 3, Chunk: 7}, {Sequences: 3, Chunk: len(long) + len(short)},
		} {
			o.Context = e.Context
			m := openModel(t, e.dir, o)
			if want == nil {
				want = [][]float32{textStates(t, m, short)[0], textStates(t, m, long)[0]}
			}
			got := [][]float32{textStates(t, m, short)[0], textStates(t, m, long)[0]}
			if o.Sequences > 1 {
				got = textStates(t, m, short, long, short)
				want := append(slices.Clone(want), want[0])
				sameStates(t, fmt.Sprintf("%s, %+v", name, o), got, want)
				continue
			}
			sameStates(t, fmt.Sprintf("%s, %+v", name, o), got, want)
		}
	}
}

func sameStates(t *testing.T, what string, got, want [][]float32) {
	t.Helper()
	for i := range want {
		if !slices.EqualFunc(got[i], want[i], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Fatalf("%s: text %d has other bits", what, i)
		}
	}
}

// TestEncoderLayers: layer by layer, and each layer by itself, vectors have the bits of a whole pass.
func TestEncoderLayers(t *testing.T) {
	for _, name := range []string{"bert-odd", "roberta", "modernbert-bias", "modernbert-long", "gemma3_text-long"} {
		e := openEncoder(t, name)
		m := openModel(t, e.dir, Options{Context: e.Context})
		want := textStates(t, m, e.Tokens)[0]
		l, err := OpenLayers(t.Context(), located(t, e.dir), LayersOptions{Context: e.Context})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.Begin(t.Context(), nil, 16); err != nil {
			t.Fatal(err)
		}
		n := l.Config.Hidden
		x := make([]float32, len(e.Tokens)*n)
		for i, id := range e.Tokens {
			if err := l.Embed(t.Context(), []int{id}, func(_ int, v []float32) error { copy(x[i*n:], v); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		single := stream.Tensor{Shape: []int{len(e.Tokens), n}, Data: slices.Clone(x)}
		for i := range l.Config.Layers {
			y, err := l.Layer(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if err := y.Run(t.Context(), x, nil); err != nil {
				t.Fatal(err)
			}
			if err := y.Close(); err != nil {
				t.Fatal(err)
			}
			if single, err = m.Block(t.Context(), i, single, 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		sameStates(t, name+" layer by layer", [][]float32{single.Data}, [][]float32{x})
		l.Norm(x)
		sameStates(t, name, [][]float32{x}, [][]float32{want})
		if in := l.Inputs(l.Config.Layers); len(in) != 0 {
			t.Errorf("%s: inputs of an output head: %v", name, in)
		}
	}
}

// TestEncoderRefuses: what only makes sense where tokens see nothing of those after them.
func TestEncoderRefuses(t *testing.T) {
	e := openEncoder(t, "bert")
	m := openModel(t, e.dir, Options{Context: 64})
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Forward(t.Context(), e.Tokens, 0, func(int, []float32) error { return nil }); !errors.Is(err, ErrNoHead) {
		t.Errorf("logits: %v", err)
	}
	if err := s.Forward(t.Context(), e.Tokens, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Forward(t.Context(), e.Tokens, 0, nil); !errors.Is(err, ErrSession) {
		t.Errorf("a text in two steps: %v", err)
	}
	if kept, err := s.Start(e.Tokens); kept != 0 || err != nil {
		t.Errorf("%d tokens kept: %v", kept, err)
	}
	if err := s.Forward(t.Context(), e.Tokens, 0, nil); err != nil {
		t.Error(err)
	}
	bare := openModel(t, "../embedding/testdata/models/last", Options{}) // of a decoder without the head that it had
	if err := bare.Logits(t.Context(), []int{2, 5}, func(int, []float32) error { return nil }); !errors.Is(err, ErrNoHead) {
		t.Errorf("logits of a model without a head: %v", err)
	}
	if _, err := Open(t.Context(), e.dir, Options{Context: 65}); !errors.Is(err, ErrOption) {
		t.Errorf("more tokens than positions: %v", err)
	}
	if _, err := OpenLayers(t.Context(), located(t, e.dir), LayersOptions{Context: 65}); !errors.Is(err, ErrOption) {
		t.Errorf("layers of more tokens than positions: %v", err)
	}
}

// TestEncoderMemory: an encoder whose weights are streamed has the bits of one in memory, within the smallest limit.
func TestEncoderMemory(t *testing.T) {
	for _, name := range []string{"bert", "modernbert"} {
		e, dir := openEncoder(t, name), filepath.Join(t.TempDir(), "model")
		convertTo(t, e.dir, dir, "method=lossless")
		want := textStates(t, openModel(t, dir, Options{Context: e.Context}), e.Tokens)
		sameStates(t, name+" converted", want, textStates(t, openModel(t, e.dir, Options{Context: e.Context}), e.Tokens))
		sameStates(t, name, textStates(t, openStreamed(t, dir, Options{Context: e.Context}), e.Tokens), want)
	}
	p, err := PlanFor(t.Context(), filepath.Join(encoders, "modernbert-long"), Options{Context: 150})
	if err != nil || p.Chunk < 150 {
		t.Errorf("%d tokens in a pass: %v", p.Chunk, err)
	}
}
