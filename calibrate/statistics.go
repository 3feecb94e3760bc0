package calibrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// format is what the metadata of statistics say they are.
const format = "helix-substrate statistics v1"

// usesKey is the metadata's key of how often experts were chosen, which only mixtures have.
const usesKey = "expert_uses"

// tokensName is the tensor of the windows' tokens.
const tokensName = "tokens"

// maxEach bounds how many vectors a token has: one for each expert that it gets.
const maxEach = 1 << 10

// Input is what one matrix or several are multiplied by, as the statistics have it.
type Input struct {
	Key     string   // the name of its Σ: "layers.3.ffn_gate"
	N       int      // values of a vector: Σ is N × N, of which the parts that lattice.Parts(N) tells are known
	Tokens  int64    // vectors that Σ is the mean of
	Each    int      // vectors of a token: more than 1 of what chosen experts compute
	Tensors []string // the matrices, as the checkpoint calls them
}

// entry is an Input as it is written.
type entry struct {
	Key     string   `json:"key"`
	N       int      `json:"n"`
	Each    int      `json:"each,omitzero"` // vectors of a token, if not 1
	Tensors []string `json:"tensors"`
	SHA256  string   `json:"sha256"` // of Σ's bytes
}

// size is the number of values of the lower triangles of Σ's parts.
func (e *entry) size() int { return lattice.GramLen(e.N) }

// head is what the metadata say of all inputs together.
type head struct {
	Source  string // SHA-256 of the model's files, see SourceSum
	Text    string // SHA-256 of the text's sections, text.Sum
	Context int
	Windows int
	tokens  string    // SHA-256 of the tokens
	uses    [][]int64 // of experts, by layer; those of layers without any are empty
}

// summed is how many tokens of a head's windows Σ is the mean of.
func (h *head) summed() int64 {
	n := 0
	for i := range h.Windows {
		if !isHeldOut(i) {
			n++
		}
	}
	return int64(n) * int64(h.Context)
}

// describe returns the tensors and the metadata of a statistics file.
func describe(h *head, list []entry) ([]safetensors.Entry, map[string]string, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return nil, nil, err
	}
	tensors := []safetensors.Entry{{Name: tokensName, DType: dtype.I32, Shape: []int{h.Windows, h.Context}}}
	for i := range list {
		tensors = append(tensors, safetensors.Entry{Name: list[i].Key, DType: dtype.F32, Shape: []int{list[i].size()}})
	}
	metadata := map[string]string{
		"format": format, "source_sha256": h.Source, "text_sha256": h.Text, "tokens_sha256": h.tokens,
		"context": strconv.Itoa(h.Context), "windows": strconv.Itoa(h.Windows), "held_out_every": strconv.Itoa(heldOut),
		"inputs": string(text),
	}
	if slices.ContainsFunc(h.uses, func(layer []int64) bool { return len(layer) > 0 }) {
		uses, err := json.Marshal(h.uses)
		if err != nil {
			return nil, nil, err
		}
		metadata[usesKey] = string(uses)
	}
	return tensors, metadata, nil
}

// Statistics is an open file of statistics. It is safe for concurrent use; Close ends it.
type Statistics struct {
	// Source is the SHA-256 of the model that was calibrated (SourceSum), Text that of the
	// text (text.Sum).
	Source, Text string
	Context      int // tokens of a window
	Windows      int

	name     string
	file     *safetensors.File
	close    func() error
	head     head
	inputs   []entry
	byTensor map[string]int
}

// Open opens a file of statistics and checks all but Σ and tokens, which are checked when they
// are read. Errors are ErrStatistics and those of reading.
func Open(ctx context.Context, path string) (*Statistics, error) {
	f, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := newStatistics(ctx, f, size, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	s.close = f.Close
	return s, nil
}

// newStatistics opens statistics that lie in r.
func newStatistics(ctx context.Context, r io.ReaderAt, size int64, name string) (*Statistics, error) {
	f, err := safetensors.NewFile(ctx, r, size, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatistics, err)
	}
	s := &Statistics{name: name, file: f, close: f.Close, byTensor: map[string]int{}}
	if err := s.parse(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrStatistics)
}

// parse reads the metadata, strictly, and compares them with the tensors.
func (s *Statistics) parse() error {
	m := s.file.Metadata()
	if m["format"] != format {
		return bad("its format is %.40q, not %q", m["format"], format)
	}
	h := &s.head
	for _, v := range []struct {
		key string
		to  *string
	}{{"source_sha256", &h.Source}, {"text_sha256", &h.Text}, {"tokens_sha256", &h.tokens}} {
		*v.to = m[v.key]
		if !storage.IsSum(*v.to) {
			return bad("%s is %.80q, no SHA-256", v.key, m[v.key])
		}
	}
	every := 0
	for _, v := range []struct {
		key         string
		to          *int
		least, most int
	}{{"context", &h.Context, 2, 4096}, {"windows", &h.Windows, 1, 1 << 24}, {"held_out_every", &every, heldOut, heldOut}} {
		n, err := strconv.Atoi(m[v.key])
		if err != nil || n < v.least || n > v.most || strconv.Itoa(n) != m[v.key] {
			return bad("%s is %.40q, no number in %d..%d", v.key, m[v.key], v.least, v.most)
		}
		*v.to = n
	}
	if err := strictjson.Unmarshal([]byte(m["inputs"]), &s.inputs, ErrStatistics); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	known := 8
	if uses, ok := m[usesKey]; ok {
		known++
		if err := strictjson.Unmarshal([]byte(uses), &h.uses, ErrStatistics); err != nil {
			return fmt.Errorf("%s: %w", usesKey, err)
		}
	}
	if len(m) != known {
		return bad("%d metadata, %d are known", len(m), known)
	}
	s.Source, s.Text, s.Context, s.Windows = h.Source, h.Text, h.Context, h.Windows
	return s.compare()
}

// compare compares the inputs with the tensors.
func (s *Statistics) compare() error {
	if n := len(s.file.Tensors()); n != len(s.inputs)+1 {
		return bad("%d tensors for %d inputs and the tokens", n, len(s.inputs))
	}
	if t, ok := s.file.Tensor(tokensName); !ok || t.DType != dtype.I32 || !slices.Equal(t.Shape, []int{s.Windows, s.Context}) {
		return bad("no tokens of [%d, %d]", s.Windows, s.Context)
	}
	seen := map[string]bool{tokensName: true}
	for i := range s.inputs {
		e := &s.inputs[i]
		switch t, ok := s.file.Tensor(e.Key); {
		case seen[e.Key] || !storage.IsSum(e.SHA256) || len(e.Tensors) == 0:
			return bad("input %d, %.80q, is not described", i, e.Key)
		case e.Each < 0 || e.Each > maxEach:
			return bad("%s: %d vectors of a token are not in 1..%d", e.Key, e.Each, maxEach)
		case e.N < 1 || e.N > MaxInput:
			return bad("%s: inputs of %d values are not in 1..%d", e.Key, e.N, MaxInput)
		case !ok || t.DType != dtype.F32 || !slices.Equal(t.Shape, []int{e.size()}):
			return bad("%s: no Σ of %d inputs in %d values", e.Key, e.N, e.size())
		}
		seen[e.Key] = true
		for _, name := range e.Tensors {
			if _, twice := s.byTensor[name]; twice {
				return bad("%.80q has two inputs", name)
			}
			s.byTensor[name] = i
		}
	}
	return nil
}

// For returns what a matrix of the checkpoint is multiplied by; false where nothing is known of
// it. A tied embedding is known as the output head that it is.
func (s *Statistics) For(tensor string) (Input, bool) {
	i, ok := s.byTensor[tensor]
	if !ok {
		return Input{}, false
	}
	return s.input(i), true
}

func (s *Statistics) input(i int) Input {
	e := &s.inputs[i]
	return Input{Key: e.Key, N: e.N, Tokens: s.head.summed() * int64(max(1, e.Each)), Each: max(1, e.Each), Tensors: slices.Clone(e.Tensors)}
}

// Inputs returns all inputs, in the order of use.
func (s *Statistics) Inputs() []Input {
	var list []Input
	for i := range s.inputs {
		list = append(list, s.input(i))
	}
	return list
}

// ExpertUse returns how often the experts of a mixture were chosen for all tokens of the windows, nil where that is not known. It is the caller's to compare with
// the model.
func (s *Statistics) ExpertUse() *model.ExpertUse {
	if s.head.uses == nil {
		return nil
	}
	return &model.ExpertUse{Tokens: int64(s.Windows) * int64(s.Context), Uses: s.head.uses}
}

// Gram writes the lower triangle of Σ, row by row, to dst, or those of its parts, one after another: lattice.GramLen(N) values.
// ErrStatistics is a key that is not there, Σ that is not as it was written, and one that is no mean of
// x·xᵀ: its values are finite and its diagonal not negative.
func (s *Statistics) Gram(ctx context.Context, dst []float32, key string) error {
	i := slices.IndexFunc(s.inputs, func(e entry) bool { return e.Key == key })
	if i < 0 || len(dst) != s.inputs[i].size() {
		return fmt.Errorf("%s: no Σ of %.80q with %d values: %w", s.name, key, len(dst), ErrStatistics)
	}
	t, _ := s.file.Tensor(key)
	err := read(ctx, t, s.inputs[i].SHA256, func(at int, part []byte) error {
		dtype.Decode(dst[at/4:][:len(part)/4], part, dtype.F32)
		return nil
	})
	if err == nil {
		err = checkGram(dst, s.inputs[i].N)
	}
	if err != nil {
		return fmt.Errorf("%s: Σ of %s: %w", s.name, key, err)
	}
	return nil
}

// checkGram refuses what are no lower triangles of a mean of x·xᵀ of n inputs.
func checkGram(g []float32, n int) error {
	for i, v := range g {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return bad("value %d is %v", i, v)
		}
	}
	for _, p := range lattice.Parts(n) {
		for i := range p.Len() {
			if v := g[i]; v < 0 { // the last of its row
				return bad("value %d of the diagonal is %v", p.Start+i, v)
			}
			g = g[i+1:]
		}
	}
	return nil
}

// Tokens returns the tokens of the windows that Σ was summed over, and of those that were held
// out.
func (s *Statistics) Tokens(ctx context.Context) (summed, held [][]int, err error) {
	t, _ := s.file.Tensor(tokensName)
	ids := make([]int, 0, s.Windows*s.Context)
	err = read(ctx, t, s.head.tokens, func(_ int, part []byte) error {
		for ; len(part) > 0; part = part[4:] {
			id := int32(binary.LittleEndian.Uint32(part))
			if id < 0 {
				return bad("token %d", id)
			}
			ids = append(ids, int(id))
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: tokens: %w", s.name, err)
	}
	for i := range s.Windows {
		w := ids[i*s.Context:][:s.Context:s.Context]
		if isHeldOut(i) {
			held = append(held, w)
		} else {
			summed = append(summed, w)
		}
	}
	return summed, held, nil
}

// read calls visit with a tensor's bytes, whose hash is compared at the end.
func read(ctx context.Context, t *safetensors.Tensor, want string, visit func(at int, part []byte) error) error {
	h := sha256.New()
	buffer := make([]byte, min(t.Size(), 1<<18))
	for at := int64(0); at < t.Size(); at += int64(len(buffer)) {
		part := buffer[:min(int64(len(buffer)), t.Size()-at)]
		if err := t.ReadRaw(ctx, part, at); err != nil {
			return err
		}
		h.Write(part)
		if err := visit(int(at), part); err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return bad("its SHA-256 is %s, it was written as %s", got, want)
	}
	return nil
}

// Close closes the file.
func (s *Statistics) Close() error { return s.close() }

// tokenBytes are windows as the file has them.
func tokenBytes(list [][]int) []byte {
	var b bytes.Buffer
	for _, w := range list {
		for _, id := range w {
			b.Write(binary.LittleEndian.AppendUint32(nil, uint32(id)))
		}
	}
	return b.Bytes()
}

func appendFloat32(b []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
}
