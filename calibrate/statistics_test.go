package calibrate

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/journal"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/lattice"
)

// small are statistics of two inputs, whose parts may be changed before they are written.
type small struct {
	tensors  []safetensors.Entry
	metadata map[string]string
	list     []entry
}

func newSmall(t testing.TB, change func(s *small)) []byte {
	t.Helper()
	sum := func(x []float32) string { return journal.Sum(dtype.AppendF32(nil, x)) }
	a, b := []float32{1, -2, 5}, []float32{3}
	tokens := [][]int{{1, 2, 3}, {4, 5, 6}}
	s := &small{list: []entry{{Key: "layers.0.query", N: 2, Tensors: []string{"q", "k"}, SHA256: sum(a)}, {Key: "head", N: 1, Tensors: []string{"lm_head"}, SHA256: sum(b)}}}
	h := &head{Source: journal.Sum([]byte("model")), Text: journal.Sum([]byte("text")), Context: 3, Windows: 2, tokens: journal.Sum(tokenBytes(tokens))}
	var err error
	if s.tensors, s.metadata, err = describe(h, s.list); err != nil {
		t.Fatal(err)
	}
	s.tensors[0].Data = tokenBytes(tokens)
	s.tensors[1].Data, s.tensors[2].Data = dtype.AppendF32(nil, a), dtype.AppendF32(nil, b)
	change(s)
	var file bytes.Buffer
	if err := safetensors.Write(&file, s.tensors, s.metadata); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// inputs has the metadata describe other inputs.
func (s *small) inputs(t testing.TB, change func(list []entry)) {
	t.Helper()
	change(s.list)
	text, err := json.Marshal(s.list)
	if err != nil {
		t.Fatal(err)
	}
	s.metadata["inputs"] = string(text)
}

// readAll reads all that statistics hold.
func readAll(t testing.TB, file []byte) error {
	s, err := newStatistics(t.Context(), bytes.NewReader(file), int64(len(file)), "statistics")
	if err != nil {
		return err
	}
	var errs []error
	for _, in := range s.Inputs() {
		errs = append(errs, s.Gram(t.Context(), make([]float32, lattice.GramLen(in.N)), in.Key))
		for _, name := range in.Tensors {
			if other, ok := s.For(name); !ok || other.Key != in.Key {
				t.Errorf("%s has %v, want %v", name, other, in)
			}
		}
	}
	_, _, err = s.Tokens(t.Context())
	return errors.Join(append(errs, err)...)
}

// TestStatistics: what is not as it is written is refused.
func TestStatistics(t *testing.T) {
	sound := newSmall(t, func(*small) {})
	if err := readAll(t, sound); err != nil {
		t.Fatal(err)
	}
	s := opened(t, sound)
	if in, ok := s.For("k"); !ok || in.Key != "layers.0.query" || in.N != 2 || in.Tokens != 6 {
		t.Errorf("k has %v", in)
	}
	if _, ok := s.For("v"); ok {
		t.Error("v has an input")
	}
	for key, n := range map[string]int{"layers.0.query": 2, "layers.1.query": 3, "tokens": 6} {
		if err := s.Gram(t.Context(), make([]float32, n), key); !errors.Is(err, ErrStatistics) {
			t.Errorf("%s with %d values: %v", key, n, err)
		}
	}
	float := func(v float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)) }
	for name, change := range map[string]func(s *small){
		"another format":      func(s *small) { s.metadata["format"] = "helix-substrate statistics v2" },
		"no source":           func(s *small) { delete(s.metadata, "source_sha256") },
		"a source in capital": func(s *small) { s.metadata["source_sha256"] = strings.ToUpper(s.metadata["source_sha256"]) },
		"a key more":          func(s *small) { s.metadata["more"] = "1" },
		"a context of +3":     func(s *small) { s.metadata["context"] = "+3" },
		"windows of 0":        func(s *small) { s.metadata["windows"] = "0" },
		"other windows":       func(s *small) { s.metadata["windows"] = "3" },
		"other held out":      func(s *small) { s.metadata["held_out_every"] = "7" },
		"inputs of another":   func(s *small) { s.metadata["inputs"] = `{"a":1}` },
		"a tensor less":       func(s *small) { s.inputs(t, func(list []entry) { s.list = list[:1] }) },
		"n of 3":              func(s *small) { s.inputs(t, func(list []entry) { list[0].N = 3 }) },
		"n of 2⁴⁰":            func(s *small) { s.inputs(t, func(list []entry) { list[0].N = 1 << 40 }) },
		"n of 0":              func(s *small) { s.inputs(t, func(list []entry) { list[1].N = 0 }) },
		"a key twice":         func(s *small) { s.inputs(t, func(list []entry) { list[1].Key = list[0].Key }) },
		"tokens as Σ":         func(s *small) { s.inputs(t, func(list []entry) { list[1].Key = tokensName }) },
		"a tensor twice":      func(s *small) { s.inputs(t, func(list []entry) { list[1].Tensors = []string{"q"} }) },
		"no tensor":           func(s *small) { s.inputs(t, func(list []entry) { list[1].Tensors = []string{} }) },
		"no hash":             func(s *small) { s.inputs(t, func(list []entry) { list[1].SHA256 = "" }) },
		"Σ changed":           func(s *small) { s.tensors[1].Data[1] ^= 1 },
		"a token changed":     func(s *small) { s.tensors[0].Data[0] ^= 1 },
		"NaN":                 func(s *small) { s.replace(t, 2, float(float32(math.NaN()))) },
		"Inf":                 func(s *small) { s.replace(t, 2, float(float32(math.Inf(1)))) },
		"below 0":             func(s *small) { s.replace(t, 2, float(-1)) },
		"the last below 0":    func(s *small) { s.replace(t, 1, append(append(float(1), float(0)...), float(-0.5)...)) },
		"a token below 0": func(s *small) {
			s.tensors[0].Data[3] = 0x80
			s.metadata["tokens_sha256"] = journal.Sum(s.tensors[0].Data)
		},
	} {
		if err := readAll(t, newSmall(t, change)); !errors.Is(err, ErrStatistics) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range sound {
		if err := readAll(t, sound[:n]); !errors.Is(err, ErrStatistics) {
			t.Fatalf("%d bytes of %d: %v", n, len(sound), err)
		}
	}
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, sound[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); !errors.Is(err, ErrStatistics) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.Context(), path+"x"); !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrStatistics) {
		t.Errorf("none: %v", err)
	}
}

// replace gives tensor i other data, with its hash.
func (s *small) replace(t testing.TB, i int, data []byte) {
	s.tensors[i].Data = data
	s.inputs(t, func(list []entry) { list[i-1].SHA256 = journal.Sum(data) })
}

// FuzzStatistics: whatever a file holds, reading it ends, with an error or with Σ that are means
// of x·xᵀ.
func FuzzStatistics(f *testing.F) {
	sound := newSmall(f, func(*small) {})
	f.Add(sound)
	f.Add(sound[:len(sound)-4])
	f.Add(newSmall(f, func(s *small) { s.inputs(f, func(list []entry) { list[0].N = 16384 }) }))
	f.Add(newSmall(f, func(s *small) { s.metadata["windows"] = "16777216" }))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := newStatistics(t.Context(), bytes.NewReader(file), int64(len(file)), "statistics")
		if err != nil {
			if !errors.Is(err, ErrStatistics) {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, in := range s.Inputs() {
			g := make([]float32, lattice.GramLen(in.N))
			if s.Gram(t.Context(), g, in.Key) == nil && checkGram(g, in.N) != nil {
				t.Fatalf("%s is none", in.Key)
			}
		}
		s.Tokens(t.Context())
	})
}

// FuzzState: whatever a state's file holds, it is taken for one only up to its last whole line.
func FuzzState(f *testing.F) {
	header, err := journal.Encode(stateLine{Header: &stateHeader{stateKind, stateVersion, strings.Repeat("0a", 16), "key", true}})
	if err != nil {
		f.Fatal(err)
	}
	first, err := journal.Encode(stateLine{Layer: &boundary{Activations: "a"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(header)
	f.Add(append(header, first...))
	f.Add(append(append(header, first...), first...))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := &work{}
		sound, ok := w.parse(text)
		if !ok {
			return
		}
		if sound < 1 || sound > len(text) || text[sound-1] != '\n' || bytes.Count(text[:sound], []byte("\n")) != 1+len(w.lines) {
			t.Fatalf("%d bytes, %d lines", sound, len(w.lines))
		}
	})
}
