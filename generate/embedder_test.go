package generate

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// embedders are tiny models in sentence-transformers' form, with its vectors: see embedding/testdata/vectors.py.
const embedders = "../embedding/testdata/models"

// embedderCase is a text, its prompt's name, and the vector that it has there.
type embedderCase struct {
	Text   string
	Prompt *string
	vector []float32
}

// prompt is the prompt's name, "" for none.
func (c *embedderCase) prompt() string {
	if c.Prompt == nil {
		return ""
	}
	return *c.Prompt
}

// cosine is that of the angle between a vector and the case's.
func (c *embedderCase) cosine(v []float32) float64 {
	var product, a, b float64
	for i := range v {
		x, y := float64(v[i]), float64(c.vector[i])
		product, a, b = product+x*y, a+x*x, b+y*y
	}
	return product / math.Sqrt(a*b)
}

func embedderCases(t *testing.T, dir string) []embedderCase {
	t.Helper()
	var list []embedderCase
	text, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	vectors, shape, err := npy.ReadFloat32(filepath.Join(dir, "vectors.npy"))
	if err != nil || shape[0] != len(list) {
		t.Fatalf("%v: %v", shape, err)
	}
	for i := range list {
		list[i].vector = vectors[i*shape[1]:][:shape[1]]
	}
	return list
}

func openEmbedder(t *testing.T, dir string, o transformer.Options) (*Embedder, *transformer.Model) {
	t.Helper()
	opening, err := Begin(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	e, err := opening.Embedder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := opening.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	e.Fit(m.Config)
	return e, m
}

// vectorsOf embeds texts that have a prompt in common.
func vectorsOf(t *testing.T, e *Embedder, m *transformer.Model, prompt string, texts ...string) [][]float32 {
	t.Helper()
	var list [][]float32
	err := e.EmbedAll(t.Context(), m, texts, prompt, func(i int, _ EmbedText, v []float32) error {
		if i != len(list) {
			t.Errorf("text %d in place of %d", i, len(list))
		}
		list = append(list, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestEmbeddersOfOthers compares models that people use with sentence-transformers: those in a directory to which
// embedding/testdata/vectors.py --of has added texts and vectors.
func TestEmbeddersOfOthers(t *testing.T) {
	root := os.Getenv("HELIX_EMBEDDERS")
	if root == "" {
		t.Skip("HELIX_EMBEDDERS names no directory of models")
	}
	dirs, err := filepath.Glob(filepath.Join(root, "*", "case.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no model with texts in %s: %v", root, err)
	}
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			e, m := openEmbedder(t, dir, transformer.Options{})
			least, difference := 1.0, 0.0
			cases := embedderCases(t, dir)
			for _, c := range cases {
				got := vectorsOf(t, e, m, c.prompt(), c.Text)[0]
				if len(got) != len(c.vector) {
					t.Fatalf("%d values, not %d", len(got), len(c.vector))
				}
				for j, v := range got {
					difference = max(difference, math.Abs(float64(v)-float64(c.vector[j])))
				}
				cosine := c.cosine(got)
				if least = min(least, cosine); !(cosine >= 0.99999) {
					t.Errorf("%q: cosine %v", c.Text, cosine)
				}
			}
			t.Logf("%d texts: the least cosine is %.9f, the largest difference of a value %.2g", len(cases), least, difference)
		})
	}
}

// TestEmbedders compares with sentence-transformers: from the checkpoint, converted, and many at a time.
func TestEmbedders(t *testing.T) {
	for _, name := range []string{"mean", "dense", "last", "without", "gemma"} {
		t.Run(name, func(t *testing.T) {
			cases := embedderCases(t, filepath.Join(embedders, name))
			dir := filepath.Join(t.TempDir(), "model")
			convertTo(t, filepath.Join(embedders, name), dir, "method=lossless")
			e, m := openEmbedder(t, filepath.Join(embedders, name), transformer.Options{})
			converted, of := openEmbedder(t, dir, transformer.Options{Sequences: 3, Threads: 2})
			byPrompt := map[string][]string{}
			for i, c := range cases {
				prompt := c.prompt()
				byPrompt[prompt] = append(byPrompt[prompt], c.Text)
				got := vectorsOf(t, e, m, prompt, c.Text)[0]
				for j, v := range got {
					if len(got) != len(c.vector) || math.Abs(float64(v-c.vector[j])) > 2e-6*largest(c.vector) {
						t.Fatalf("text %d, %q: value %d is %v, want %v", i, c.Text, j, v, c.vector[j])
					}
				}
				cases[i].vector = got
			}
			at := 0
			for _, prompt := range slices.Compact(promptsOf(cases)) {
				for _, v := range vectorsOf(t, converted, of, prompt, byPrompt[prompt]...) {
					if fmt.Sprint(v) != fmt.Sprint(cases[at].vector) {
						t.Errorf("text %d is %v converted and beside others, %v alone", at, v, cases[at].vector)
					}
					at++
				}
			}
		})
	}
}

func largest(x []float32) (n float64) {
	for _, v := range x {
		n = max(n, math.Abs(float64(v)))
	}
	return n
}

func promptsOf(cases []embedderCase) (list []string) {
	for _, c := range cases {
		if c.Prompt == nil {
			list = append(list, "")
		} else {
			list = append(list, *c.Prompt)
		}
	}
	return list
}

// TestSchedulerEmbedsWhole: an encoder's texts go through a scheduler whole, and a text is not continued.
func TestSchedulerEmbedsWhole(t *testing.T) {
	cases := embedderCases(t, filepath.Join(embedders, "dense"))
	e, m := openEmbedder(t, filepath.Join(embedders, "dense"), transformer.Options{Sequences: 2})
	b := &Batch{Model: m, Tokenizer: e.tokenizer, Parallel: 2}
	s := NewScheduler(b, 10)
	defer s.Close()
	for _, c := range cases[:6] {
		text, err := e.Encode(t.Context(), c.Text, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Embed(t.Context(), e, text, "")
		if err != nil || fmt.Sprint(got) != fmt.Sprint(vectorsOf(t, e, m, "", c.Text)[0]) {
			t.Errorf("%q: %v: %v", c.Text, got, err)
		}
	}
	if _, err := s.Do(t.Context(), &Request{Prompt: []int{2, 5, 3}}, nil); !errors.Is(err, transformer.ErrNoHead) {
		t.Errorf("a text continued: %v", err)
	}
}

// TestEmbedderRefuses: what would make another vector is refused by its name.
func TestEmbedderRefuses(t *testing.T) {
	for _, c := range []struct{ file, old, new, says string }{
		{"modules.json", "normalize.Normalize", "normalize.Whitening", "Whitening"},
		{"modules.json", `"1_Pooling"`, `"../other"`, "../other"},
		{"1_Pooling/config.json", `"mean"`, `"median"`, "median"},
		{"1_Pooling/config.json", `16`, `17`, "17 values, the model has 16"},
		{"1_Pooling/config.json", `{`, `{"weights": [1], `, "weights"},
		{"config_sentence_transformers.json", `{`, `{"scale": 3, `, "scale 3"},
		{"config_sentence_transformers.json", `{`, `{"default_prompt_name": "none", `, "none"},
		{"sentence_bert_config.json", `"feature-extraction"`, `"fill-mask"`, "fill-mask"},
		{"tokenizer_config.json", `{`, `{"truncation_side": "left", `, "left"},
	} {
		dir := filepath.Join(t.TempDir(), "model")
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(embedders, "mean"))); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, c.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), c.old, c.new, 1)
		if c.says == "none" {
			changed = strings.Replace(string(text), `"default_prompt_name": null`, `"default_prompt_name": "none"`, 1)
		}
		if changed == string(text) {
			t.Fatalf("%s has no %s: %s", c.file, c.old, text)
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		e, _ := openEmbedder(t, dir, transformer.Options{})
		if _, err := e.Encode(t.Context(), "text", ""); !errors.Is(err, embedding.ErrModule) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %s: %v; want %q", c.file, c.new, err, c.says)
		}
	}
	e, _ := openEmbedder(t, filepath.Join(embedders, "dense"), transformer.Options{})
	if _, err := e.Encode(t.Context(), "text", "passage"); !errors.Is(err, embedding.ErrPrompt) || !strings.Contains(err.Error(), "document, query") {
		t.Errorf("a prompt that is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(embedders, "work")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("testdata/models/work is left")
	}
}

// TestEmbedderLargeConfiguration: a tokenizer_config.json that lists thousands of tokens is read.
func TestEmbedderLargeConfiguration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(embedders, "mean"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tokenizer_config.json")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(bytes.Repeat([]byte{' '}, 2<<20), text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, _ := openEmbedder(t, dir, transformer.Options{})
	if _, err := e.Encode(t.Context(), "text", ""); err != nil {
		t.Error(err)
	}
}

// TestEmbedderPlan: the layers behind a model are a part of its plan.
func TestEmbedderPlan(t *testing.T) {
	const rows, cols = 1 << 17, 24 // 12 MiB
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(embedders, "dense"))); err != nil {
		t.Fatal(err)
	}
	program := func() int64 { // by the plan; not its least limit, which is what the process held at its highest where that is more
		opening, err := Begin(t.Context(), dir, transformer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer opening.Close()
		e, err := opening.Embedder(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Pipeline(); err != nil {
			t.Fatal(err)
		}
		p, err := opening.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p.Program
	}
	small := program()
	header := fmt.Sprintf(`{"linear.weight":{"dtype":"F32","shape":[%d,%d],"data_offsets":[0,%d]}}`, rows, cols, 4*rows*cols)
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	config := fmt.Sprintf(`{"in_features": %d, "out_features": %d, "bias": false, "activation_function": "torch.nn.modules.linear.Identity"}`, cols, rows)
	last := filepath.Join(dir, "3_Dense")
	if err := errors.Join(os.WriteFile(filepath.Join(last, "config.json"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(last, "model.safetensors"), file, 0o600),
		os.Truncate(filepath.Join(last, "model.safetensors"), int64(len(file)+4*rows*cols))); err != nil {
		t.Fatal(err)
	}
	if more := program() - small; more < 3*rows*cols || more > 8*rows*cols {
		t.Errorf("a layer of %d bytes raises the program by %d", 4*rows*cols, more)
	}
}

// TestEmbeddersCalibrated: encoders are calibrated and their matrices become lattices, whose vectors are near the original's.
func TestEmbeddersCalibrated(t *testing.T) {
	for _, name := range []string{"mean", "without"} {
		dir := filepath.Join(t.TempDir(), "model")
		convertTo(t, filepath.Join(embedders, name), dir, "method=lattice", "bits=7")
		e, m := openEmbedder(t, dir, transformer.Options{})
		for _, c := range embedderCases(t, filepath.Join(embedders, name))[:4] {
			v := vectorsOf(t, e, m, "", c.Text)[0]
			if cosine := c.cosine(v); cosine < 0.995 { // heads of 8 values, at 7 bits
				t.Errorf("%s, %q: cosine %v", name, c.Text, cosine)
			}
		}
		if !slices.ContainsFunc(m.Plan.Matrices, func(p transformer.Placement) bool {
			return strings.Contains(p.Name, "up_proj") || strings.Contains(p.Name, "gate_up")
		}) || m.Canon() == "" {
			t.Errorf("%s has no lattice matrices: %v", name, m.Plan.Matrices)
		}
	}
}
