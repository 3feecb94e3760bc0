package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
)

func create(t *testing.T, path string, entries ...safetensors.Entry) {
	t.Helper()
	if err := safetensors.Create(path, entries, nil); err != nil {
		t.Fatal(err)
	}
}

func matrixEntry(name string, rows, cols int, seed uint64) safetensors.Entry {
	return safetensors.Float32(name, []int{rows, cols}, gaussian(rows*cols, seed))
}

// TestAllKindsOfTensors converts a sharded checkpoint with every dtype and shape.
func TestAllKindsOfTensors(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "out")
	create(t, filepath.Join(src, "model-00001-of-00002.safetensors"),
		matrixEntry("model.embed_tokens.weight", 40, 16, 1),
		safetensors.Entry{Name: "half", DType: dtype.F16, Shape: []int{2, 2}, Data: []byte{0, 0x3c, 0, 0xbc, 0, 0x40, 0, 0}},
		safetensors.Entry{Name: "brain", DType: dtype.BF16, Shape: []int{2, 2}, Data: []byte{0x80, 0x3f, 0x80, 0xbf, 0, 0x40, 0, 0}},
		safetensors.Entry{Name: "double", DType: dtype.F64, Shape: []int{1, 1}, Data: []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}},
		safetensors.Entry{Name: "quarter3", DType: dtype.F8E4M3, Shape: []int{1, 2}, Data: []byte{0x38, 0xb8}},
		safetensors.Entry{Name: "quarter2", DType: dtype.F8E5M2, Shape: []int{1, 2}, Data: []byte{0x3c, 0xbc}},
		safetensors.Entry{Name: "norm16", DType: dtype.BF16, Shape: []int{2}, Data: []byte{0x80, 0x3f, 0, 0x40}},
	)
	create(t, filepath.Join(src, "model-00002-of-00002.safetensors"),
		matrixEntry("lm_head.weight", 40, 16, 2),
		safetensors.Float32("experts", []int{3, 4, 5}, gaussian(60, 3)),
		safetensors.Float32("scalar", nil, []float32{7}),
		safetensors.Float32("empty", []int{0, 5}, nil),
		safetensors.Entry{Name: "position_ids", DType: dtype.I64, Shape: []int{1, 2}, Data: []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 64}},
		safetensors.Entry{Name: "mask", DType: dtype.Bool, Shape: []int{2, 2}, Data: []byte{1, 0, 0, 1}},
		safetensors.Float32("a.b", []int{2, 2}, []float32{1, 2, 3, 4}),
		safetensors.Float32("a_b", []int{2, 2}, []float32{1, 2, 3, 5}),
		safetensors.Float32("A/b", []int{2, 2}, []float32{1, 2, 3, 6}),
	)
	index := map[string]any{"weight_map": map[string]string{}}
	set := func(shard string) {
		f, err := safetensors.Open(filepath.Join(src, shard))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range f.Tensors() {
			index["weight_map"].(map[string]string)[e.Name] = shard
		}
		f.Close()
	}
	set("model-00001-of-00002.safetensors")
	set("model-00002-of-00002.safetensors")
	b, _ := json.Marshal(index)
	write(t, filepath.Join(src, "model.safetensors.index.json"), string(b))
	write(t, filepath.Join(src, "config.json"), "{}")
	write(t, filepath.Join(src, "tokenizer.json"), `{"a": 1}`)
	write(t, filepath.Join(src, "optimizer.pt"), "not for us")

	if _, err := Directory(t.Context(), Job{Source: src, Output: dst + "-bits", Options: Options{Bits: 4}}); err != nil {
		t.Errorf("small matrices at 4 bits: %v", err)
	}

	var done []string
	report, err := Directory(t.Context(), Job{Source: src, Output: dst, Embeddings: settings(t, "exact"), Progress: func(d, total int64, name string) {
		if done = append(done, name); d > total {
			t.Errorf("%d of %d bytes", d, total)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(done) != 16 || len(report.Tensors) != 16 {
		t.Errorf("progress named %d tensors, the report has %d, want 16", len(done), len(report.Tensors))
	}
	m, err := model.Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	checks, err := m.Verify(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Err != nil {
			t.Errorf("%s: %v", c.Name, c.Err)
		}
	}
	for name, want := range map[string]struct {
		format string
		shape  []int
		dtype  string
	}{
		"model.embed_tokens.weight": {model.FormatNPY, []int{40, 16}, "<f4"},
		"lm_head.weight":            {model.FormatCDNA2, []int{40, 16}, ""},
		"experts":                   {model.FormatCDNA2, []int{12, 5}, ""},
		"half":                      {model.FormatCDNA2, []int{2, 2}, ""},
		"brain":                     {model.FormatCDNA2, []int{2, 2}, ""},
		"double":                    {model.FormatCDNA2, []int{1, 1}, ""},
		"quarter3":                  {model.FormatCDNA2, []int{1, 2}, ""},
		"quarter2":                  {model.FormatCDNA2, []int{1, 2}, ""},
		"norm16":                    {model.FormatNPY, []int{2}, "<f4"},
		"scalar":                    {model.FormatNPY, nil, "<f4"},
		"empty":                     {model.FormatNPY, []int{0, 5}, "<f4"},
		"position_ids":              {model.FormatNPY, []int{1, 2}, "<i8"},
		"mask":                      {model.FormatNPY, []int{2, 2}, "|b1"},
	} {
		e := m.Manifest.Tensors[name]
		shape := e.Shape
		if want.format == model.FormatCDNA2 {
			shape = e.CDNAShape
		}
		if e.Format != want.format || !slices.Equal(shape, want.shape) || e.DType != want.dtype {
			t.Errorf("%s: %s %v %q, want %+v", name, e.Format, shape, e.DType, want)
		}
	}
	files := map[string]bool{}
	for _, e := range m.Tensors() {
		if lower := strings.ToLower(e.File); files[lower] {
			t.Errorf("two tensors share %s", e.File)
		} else {
			files[lower] = true
		}
	}
	array, err := m.OpenArray(t.Context(), m.Manifest.Tensors["position_ids"])
	if err != nil {
		t.Fatal(err)
	}
	defer array.Close()
	id := make([]byte, 8)
	if err := array.ReadRaw(t.Context(), id, 8); err != nil || binary.LittleEndian.Uint64(id) != 1+64<<56 {
		t.Errorf("position_ids %v, %v: not exact", id, err)
	}
	if w, _, err := npy.ReadFloat32(m.Path(m.Manifest.Tensors["norm16"].File)); err != nil || w[1] != 2 {
		t.Errorf("norm16 %v, %v", w, err)
	}
	for _, name := range []string{"config.json", "tokenizer.json"} {
		if _, err := os.Stat(filepath.Join(dst, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dst, "optimizer.pt")); err == nil {
		t.Error("optimizer.pt was copied")
	}
	if len(m.Manifest.Sources) != 2 || m.Manifest.SourceSHA256 != "" {
		t.Errorf("sources %+v", m.Manifest.Sources)
	}
}

func settings(t *testing.T, text string) Settings {
	t.Helper()
	s, err := ParseSettings(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryRefuses(t *testing.T) {
	parent := t.TempDir()
	src := filepath.Join(parent, "m.safetensors")
	create(t, src, matrixEntry("w", 30, 30, 1))
	full := filepath.Join(parent, "full")
	if err := os.MkdirAll(filepath.Join(full, "something"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Directory(t.Context(), Job{Source: src, Output: full}); !errors.Is(err, ErrExists) {
		t.Errorf("output exists: %v", err)
	}
	if _, err := Directory(t.Context(), Job{Source: src}); !errors.Is(err, ErrOption) {
		t.Errorf("no output: %v", err)
	}
	out := filepath.Join(parent, "out")
	none := filepath.Join(parent, "none.safetensors")
	create(t, none)
	if _, err := Directory(t.Context(), Job{Source: none, Output: out}); !errors.Is(err, ErrNoTensors) {
		t.Errorf("no tensors: %v", err)
	}
	if _, err := Directory(t.Context(), Job{Source: src, Output: out, Options: Options{Bits: -1}}); !errors.Is(err, ErrOption) {
		t.Errorf("bad option: %v", err)
	}
	bad := filepath.Join(parent, "bad.safetensors")
	w := gaussian(900, 2)
	w[31] = float32(math.Inf(1))
	create(t, bad, safetensors.Float32("w", []int{30, 30}, w))
	if _, err := Directory(t.Context(), Job{Source: bad, Output: out}); err == nil || !strings.Contains(err.Error(), `+Inf at row 1, column 1`) {
		t.Errorf("infinity: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Directory(ctx, Job{Source: src, Output: out}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{"m.safetensors", "full", "none.safetensors", "bad.safetensors"}, e.Name()) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
	// What happens to be called like a file of ours is in nobody's way, and stays:
	// it may even be the source.
	partial := out + ".partial"
	if err := os.Mkdir(partial, 0o777); err != nil {
		t.Fatal(err)
	}
	create(t, filepath.Join(partial, "model.safetensors"), matrixEntry("w", 30, 30, 1))
	if _, err := Directory(t.Context(), Job{Source: partial, Output: out}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(partial, "model.safetensors")); err != nil {
		t.Errorf("the source is gone: %v", err)
	}
}

// TestCompanionsOfOneName: a module whose files would take the place of others is refused.
func TestCompanionsOfOneName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS("../embedding/testdata/models/mean")); err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(dir, "modules.json")
	text, err := os.ReadFile(modules)
	if err == nil {
		err = os.WriteFile(modules, bytes.Replace(text, []byte("1_Pooling"), []byte("tokenizer"), 1), 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(dir, "1_Pooling"), filepath.Join(dir, "tokenizer"))
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = Directory(t.Context(), Job{Source: dir, Output: filepath.Join(t.TempDir(), "out"), Calibration: Calibration{Off: true}})
	if !errors.Is(err, embedding.ErrModule) {
		t.Error(err)
	}
}
