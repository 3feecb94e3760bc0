package checkpoint_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/internal/torch"
)

func counting(n int, from float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = from + float32(i)
	}
	return x
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o666))
}

// sharded writes a.weight and b.weight into two shards with an index.
func sharded(t *testing.T) string {
	dir := t.TempDir()
	must(t, safetensors.Create(filepath.Join(dir, "model-00001-of-00002.safetensors"),
		[]safetensors.Entry{safetensors.Float32("a.weight", []int{2, 3}, counting(6, 0))}, nil))
	must(t, safetensors.Create(filepath.Join(dir, "model-00002-of-00002.safetensors"),
		[]safetensors.Entry{safetensors.Float32("b.weight", []int{2, 2, 2}, counting(8, 10))}, nil))
	write(t, filepath.Join(dir, "model.safetensors.index.json"),
		`{"weight_map": {"a.weight": "model-00001-of-00002.safetensors", "b.weight": "model-00002-of-00002.safetensors"}}`)
	return dir
}

func ggufEntry(name string, shape []int, x []float32) gguf.Entry {
	return gguf.Entry{Name: name, Type: gguf.F32, Shape: shape, Data: dtype.AppendF32(nil, x)}
}

// TestKinds opens the same two tensors from every kind of source.
func TestKinds(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	a, b := counting(6, 0), counting(8, 10)
	must(t, safetensors.Create(at("one.safetensors"),
		[]safetensors.Entry{safetensors.Float32("a.weight", []int{2, 3}, a), safetensors.Float32("b.weight", []int{2, 2, 2}, b)}, nil))
	must(t, gguf.Create(at("one.gguf"), []gguf.Entry{ggufEntry("a.weight", []int{2, 3}, a), ggufEntry("b.weight", []int{2, 2, 2}, b)}, nil))
	split := func(no int) []gguf.Pair {
		return []gguf.Pair{{Key: "split.no", Value: uint16(no)}, {Key: "split.count", Value: uint16(2)}, {Key: "split.tensors.count", Value: int32(2)}}
	}
	must(t, gguf.Create(at("two-00001-of-00002.gguf"), []gguf.Entry{ggufEntry("a.weight", []int{2, 3}, a)}, split(0)))
	must(t, gguf.Create(at("two-00002-of-00002.gguf"), []gguf.Entry{ggufEntry("b.weight", []int{2, 2, 2}, b)}, split(1)))
	shards := sharded(t)

	for _, c := range []struct {
		path  string
		whole bool
		files int
		gguf  bool
	}{
		{at("one.safetensors"), false, 1, false},
		{at("one.gguf"), false, 1, true},
		{at("two-00001-of-00002.gguf"), false, 2, true},
		{at("two-00002-of-00002.gguf"), false, 2, true},
		{shards, true, 2, false},
		{filepath.Join(shards, "model.safetensors.index.json"), false, 2, false},
	} {
		src, err := checkpoint.Open(t.Context(), c.path, checkpoint.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if src.Whole() != c.whole || len(src.WeightFiles()) != c.files || (src.Metadata() != nil) != c.gguf || src.Bytes() != 4*14 {
			t.Errorf("%s: whole %v, files %v, %d bytes", c.path, src.Whole(), src.WeightFiles(), src.Bytes())
		}
		if tensors := src.Tensors(); len(tensors) != 2 || tensors[0].Name != "a.weight" || !slices.Equal(tensors[1].Shape, []int{2, 2, 2}) {
			t.Errorf("%s: %v", c.path, tensors)
		} else {
			got := make([]float32, 5)
			must(t, tensors[1].ReadFloat32(context.Background(), got, 3))
			if !slices.Equal(got, b[3:]) {
				t.Errorf("%s: %v, want %v", c.path, got, b[3:])
			}
		}
		for _, f := range src.WeightFiles() {
			if src.Stamp(f) == "" {
				t.Errorf("%s: %s has no stamp", c.path, f)
			}
			if sum, n, err := src.Hash(t.Context(), f); err != nil || len(sum) != 64 || n == 0 {
				t.Errorf("%s: %s, %d, %v", f, sum, n, err)
			}
		}
		if _, _, err := src.Hash(t.Context(), "other"); !errors.Is(err, fs.ErrNotExist) || src.Stamp("other") != "" {
			t.Errorf("%s: a file that it does not have: %v", c.path, err)
		}
		for _, off := range []int{-1, 6} {
			if err := src.Tensors()[0].ReadFloat32(t.Context(), make([]float32, 1), off); err == nil {
				t.Errorf("%s: there is an element %d", c.path, off)
			}
		}
		must(t, src.Close())
	}
}

func TestNPY(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.npy")
	must(t, npy.Create(path, []int{2, 3}, counting(6, 0)))
	src, err := checkpoint.Open(t.Context(), path, checkpoint.Options{})
	must(t, err)
	defer src.Close()
	w := src.Tensors()[0]
	if w.Name != "w" || w.Type != dtype.F32 || !slices.Equal(w.Shape, []int{2, 3}) {
		t.Errorf("%+v", w)
	}
}

func TestTorch(t *testing.T) {
	data := "../internal/torch/testdata/"
	for path, names := range map[string][]string{
		data + "pytorch_model.bin.index.json": {"layers.0.weight", "layers.1.weight", "layers.2.weight"},
		data + "tensor.pt":                    {"tensor"},
	} {
		src, err := checkpoint.Open(t.Context(), path, checkpoint.Options{})
		must(t, err)
		defer src.Close()
		var got []string
		for _, tensor := range src.Tensors() {
			got = append(got, tensor.Name)
			sum, err := tensor.SHA256(t.Context())
			if err != nil || len(sum) != 64 {
				t.Errorf("%s: %s, %v", tensor.Name, sum, err)
			}
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: %v, want %v", path, got, names)
		}
	}
	if _, err := checkpoint.Open(t.Context(), data+"whole_module.pt", checkpoint.Options{}); !errors.Is(err, torch.ErrGlobal) {
		t.Errorf("a pickled module: %v, want ErrGlobal", err)
	}
}

// TestChoose: a directory with several kinds has safetensors opened.
func TestChoose(t *testing.T) {
	dir := sharded(t)
	must(t, gguf.Create(filepath.Join(dir, "m.gguf"), []gguf.Entry{ggufEntry("x", []int{2}, counting(2, 0))}, nil))
	write(t, filepath.Join(dir, "pytorch_model.bin"), "not looked at")
	src, err := checkpoint.Open(t.Context(), dir, checkpoint.Options{})
	must(t, err)
	defer src.Close()
	if src.Metadata() != nil || len(src.Tensors()) != 2 {
		t.Errorf("%v", src.WeightFiles())
	}
	if text, err := src.ReadFile(context.Background(), "model.safetensors.index.json", 1000); err != nil || !strings.Contains(string(text), "weight_map") {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := src.ReadFile(context.Background(), "model.safetensors.index.json", 10); !errors.Is(err, regularfile.ErrTooLarge) {
		t.Errorf("beyond the limit: %v", err)
	}
	if _, err := src.ReadFile(context.Background(), "absent", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// float8 makes all 256 codes, repeated, of a matrix.
func float8(rows, cols int) []byte {
	b := make([]byte, rows*cols)
	for i := range b {
		b[i] = byte(i*7 + i/cols)
	}
	return b
}

// TestScales compares float8 matrices with scales with a plain computation.
func TestScales(t *testing.T) {
	for _, c := range []struct {
		name       string
		rows, cols int
		scales     []int
		suffix     string
		config     string
		kind       dtype.Type
		block      [2]int
	}{
		{"default blocks", 300, 200, []int{3, 2}, "_scale_inv", "", dtype.F8E4M3, [2]int{128, 128}},
		{"blocks of config.json", 30, 50, []int{8, 4}, "_scale_inv", `{"quantization_config": {"weight_block_size": [4, 16]}}`, dtype.F8E4M3, [2]int{4, 16}},
		{"E5M2", 130, 7, []int{2, 1}, "_scale_inv", "{}", dtype.F8E5M2, [2]int{128, 128}},
		{"one a row", 9, 40, []int{9, 1}, "_scale", "", dtype.F8E4M3, [2]int{1, 40}},
		{"one for all", 9, 40, []int{1}, "_scale", "", dtype.F8E4M3, [2]int{9, 40}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			n := 1
			for _, d := range c.scales {
				n *= d
			}
			scales := make([]float32, n)
			for i := range scales {
				scales[i] = float32(i)*0.37 + 0.11
			}
			raw := float8(c.rows, c.cols)
			must(t, safetensors.Create(filepath.Join(dir, "model.safetensors"), []safetensors.Entry{
				{Name: "w.weight", DType: c.kind, Shape: []int{c.rows, c.cols}, Data: raw},
				safetensors.Float32("w.weight"+c.suffix, c.scales, scales),
			}, nil))
			if c.config != "" {
				write(t, filepath.Join(dir, "config.json"), c.config)
			}
			src, err := checkpoint.Open(t.Context(), dir, checkpoint.Options{})
			must(t, err)
			defer src.Close()
			if len(src.Tensors()) != 1 {
				t.Fatalf("%d tensors, want the matrix alone", len(src.Tensors()))
			}
			w := src.Tensors()[0]
			if !w.IsFloat() || w.Size != int64(len(raw)+4*n) {
				t.Errorf("%+v", w)
			}
			want := make([]float32, len(raw))
			dtype.Decode(want, raw, c.kind)
			across := (c.cols-1)/c.block[1] + 1
			for i := range want {
				want[i] *= scales[i/c.cols/c.block[0]*across+i%c.cols/c.block[1]]
			}
			for _, window := range []int{len(want), 1, 17, c.cols + 3} {
				got := make([]float32, len(want))
				for at := 0; at < len(got); at += window {
					must(t, w.ReadFloat32(context.Background(), got[at:min(len(got), at+window)], at))
				}
				for i := range got {
					if math.Float32bits(got[i]) != math.Float32bits(want[i]) && !(got[i] != got[i] && want[i] != want[i]) {
						t.Fatalf("windows of %d: element %d is %v, want %v", window, i, got[i], want[i])
					}
				}
			}
			if _, err := w.SHA256(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestScalesRefused(t *testing.T) {
	for config, shape := range map[string][]int{"": {3, 3}, `{"quantization_config": {"weight_block_size": [0, 1]}}`: {1, 2}, "{": {2, 2}} {
		dir := t.TempDir()
		must(t, safetensors.Create(filepath.Join(dir, "model.safetensors"), []safetensors.Entry{
			{Name: "w", DType: dtype.F8E4M3, Shape: []int{129, 130}, Data: make([]byte, 129*130)},
			safetensors.Float32("w_scale_inv", shape, counting(shape[0]*shape[1], 1)),
		}, nil))
		if config != "" {
			write(t, filepath.Join(dir, "config.json"), config)
		}
		if _, err := checkpoint.Open(t.Context(), dir, checkpoint.Options{}); !errors.Is(err, checkpoint.ErrScale) {
			t.Errorf("%s, scales of %v: %v, want ErrScale", config, shape, err)
		}
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		write(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	header := func(json string, data int) string {
		return string([]byte{byte(len(json)), byte(len(json) >> 8), 0, 0, 0, 0, 0, 0}) + json + strings.Repeat("\x00", data)
	}
	lost := sharded(t)
	must(t, os.Remove(filepath.Join(lost, "model-00002-of-00002.safetensors")))
	must(t, gguf.Create(filepath.Join(dir, "p-00001-of-00002.gguf"), []gguf.Entry{ggufEntry("x", []int{2}, counting(2, 0))},
		[]gguf.Pair{{Key: "split.no", Value: uint16(0)}, {Key: "split.count", Value: uint16(2)}, {Key: "split.tensors.count", Value: int32(2)}}))
	for _, c := range []struct {
		path, names string // what the message must name
		want        error
	}{
		{t.TempDir(), "", checkpoint.ErrUnknown},
		{filepath.Join(dir, "absent"), "absent", fs.ErrNotExist},
		{file("text", "just a text, long enough"), "text", checkpoint.ErrUnknown},
		{file("empty", ""), "empty", checkpoint.ErrUnknown},
		{file("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"), "Git LFS", regularfile.ErrLFSPointer},
		{file("pointer.gguf", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"), "Git LFS", regularfile.ErrLFSPointer},
		{file("pointer.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"), "Git LFS", regularfile.ErrLFSPointer},
		{file("cut.safetensors", "abc"), "cut.safetensors", safetensors.ErrTruncated},
		{file("huge.safetensors", header(`{"w":{"dtype":"F32","shape":[1152921504606846976,16],"data_offsets":[0,4]}}`, 4)), `"w"`, safetensors.ErrShape},
		{file("beyond.safetensors", header(`{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, 4)), `"w"`, safetensors.ErrOffsets},
		{file("overlap.safetensors", header(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12)), `"b"`, safetensors.ErrOffsets},
		{file("dtype.safetensors", header(`{"w":{"dtype":"F3","shape":[1],"data_offsets":[0,4]}}`, 4)), `"w"`, safetensors.ErrDType},
		{file("twice.safetensors", header(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8)), `"w"`, safetensors.ErrHeader},
		{lost, "model-00002-of-00002.safetensors", fs.ErrNotExist},
		{filepath.Join(dir, "p-00001-of-00002.gguf"), "p-00002-of-00002.gguf", gguf.ErrSplit},
		{file("bad.gguf", "GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00\x00\x00\x00\x00\x00\x00"), "bad.gguf", gguf.ErrHeader},
		{file("not.bin", "neither zip nor pickle"), "not.bin", torch.ErrFormat},
	} {
		src, err := checkpoint.Open(t.Context(), c.path, checkpoint.Options{})
		if err == nil {
			src.Close()
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %v and %s named", c.path, err, c.want, c.names)
		}
	}
}
