package safetensors_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// file builds a file by hand, independently of the writer.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range data {
		b = append(b, byte(i))
	}
	return b
}

func open(b []byte) (*safetensors.File, error) {
	return safetensors.NewFile(context.Background(), bytes.NewReader(b), int64(len(b)), "test.safetensors")
}

func model(t *testing.T, name string) *safetensors.File {
	t.Helper()
	dir := filepath.Join("../../../shared/models", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no model: ", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	set, err := safetensors.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

func read(t *testing.T, tensor *safetensors.Tensor) []float32 {
	t.Helper()
	x := make([]float32, tensor.Len())
	if err := tensor.ReadFloat32(context.Background(), x, 0); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestModelsLoad(t *testing.T) {
	for name, want := range map[string]int{"helix-demo": 0, "stories15M-blocks": 6*9 + 1, "tinystories-656k": 0, "tinystories-656k-bf16": 0} {
		set := model(t, name)
		for _, tensor := range set.Tensors() {
			for i, v := range read(t, tensor) {
				if v != v || v-v != 0 {
					t.Fatalf("%s: %s element %d is %v", name, tensor.Name, i, v)
				}
			}
		}
		if n := len(set.Tensors()); n == 0 || want > 0 && n != want {
			t.Errorf("%s: %d tensors", name, n)
		}
		if set.Metadata()["format"] != "pt" {
			t.Errorf("%s: metadata %v", name, set.Metadata())
		}
	}
}

// The F32 file stores lm_head, the BF16 file embed_tokens: the same values.
func TestTwoFormsOfOneModel(t *testing.T) {
	wide, narrow := model(t, "tinystories-656k"), model(t, "tinystories-656k-bf16")
	if a, b := len(wide.Tensors()), len(narrow.Tensors()); a != b {
		t.Fatalf("%d and %d tensors", a, b)
	}
	for _, b := range narrow.Tensors() {
		name := b.Name
		if name == "model.embed_tokens.weight" {
			name = "lm_head.weight"
		}
		a, ok := wide.Tensor(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		if a.DType != dtype.F32 || b.DType != dtype.BF16 || !slices.Equal(a.Shape, b.Shape) {
			t.Fatalf("%s: %s %v and %s %v", name, a.DType, a.Shape, b.DType, b.Shape)
		}
		if !slices.Equal(read(t, a), read(t, b)) {
			t.Errorf("%s: values differ", name)
		}
	}
}

func TestHeaderForms(t *testing.T) {
	f, err := open(file(`{"b":{"dtype":"F16","shape":[2,2],"data_offsets":[4,12]},"__metadata__":{"k":"v"},`+
		`"empty":{"data_offsets":[4,4],"shape":[3,0],"dtype":"F64"},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"new":{"x":[1]}},`+
		`"scalar":{"dtype":"BOOL","shape":[],"data_offsets":[12,13]}}     `, 13))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tensor := range f.Tensors() {
		names = append(names, tensor.Name)
		if _, ok := f.Tensor(tensor.Name); !ok {
			t.Errorf("%s is not found", tensor.Name)
		}
	}
	if !slices.Equal(names, []string{"a", "b", "empty", "scalar"}) || f.Metadata()["k"] != "v" {
		t.Errorf("%v %v", names, f.Metadata())
	}
	if _, ok := f.Tensor("A"); ok {
		t.Error("A is not a")
	}
	if b, _ := f.Tensor("b"); b.Len() != 4 || b.Size() != 8 || !slices.Equal(b.Shape, []int{2, 2}) {
		t.Errorf("b: %+v", b)
	} else {
		raw := make([]byte, 3)
		if err := b.ReadRaw(context.Background(), raw, 5); err != nil || !bytes.Equal(raw, []byte{9, 10, 11}) {
			t.Errorf("raw %v %v", raw, err)
		}
	}
	if scalar, _ := f.Tensor("scalar"); scalar.Len() != 1 || scalar.ReadFloat32(context.Background(), make([]float32, 1), 0) == nil { // 12 is no boolean
		t.Error("scalar")
	}
	if f, err := open(file("{}", 0)); err != nil || len(f.Tensors()) != 0 {
		t.Errorf("empty file: %v", err)
	}
}

func TestRefused(t *testing.T) {
	tensor := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"dtype":%q,"shape":%s,"data_offsets":%s}`, dtype, shape, offsets)
	}
	one := func(dtype, shape, offsets string, data int) []byte {
		return file(`{"t":`+tensor(dtype, shape, offsets)+`}`, data)
	}
	good := one("F32", "[2]", "[0,8]", 8)
	if _, err := open(good); err != nil {
		t.Fatal(err)
	}
	two := func(a, b string, data int) []byte { return file(`{"a":`+a+`,"b":`+b+`}`, data) }
	long := slices.Clone(good)
	binary.LittleEndian.PutUint64(long, 100_000_001)
	negative := slices.Clone(good)
	binary.LittleEndian.PutUint64(negative, math.MaxUint64)
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":              {nil, safetensors.ErrTruncated},
		"seven bytes":        {good[:7], safetensors.ErrTruncated},
		"header cut":         {good[:20], safetensors.ErrTruncated},
		"header too long":    {long, safetensors.ErrHeader},
		"header length -1":   {negative, safetensors.ErrHeader},
		"no header":          {file("", 0), safetensors.ErrHeader},
		"array":              {file("[]", 0), safetensors.ErrHeader},
		"leading space":      {file(" {}", 0), safetensors.ErrHeader},
		"cut JSON":           {file(`{"t":`, 0), safetensors.ErrHeader},
		"text after":         {file(`{}{}`, 0), safetensors.ErrHeader},
		"not UTF-8":          {file("{\"\xff\":1}", 0), safetensors.ErrHeader},
		"name twice":         {file(`{"t":`+tensor("U8", "[1]", "[0,1]")+`,"t":`+tensor("U8", "[1]", "[1,2]")+`}`, 2), safetensors.ErrHeader},
		"escaped name twice": {file(`{"t":`+tensor("U8", "[1]", "[0,1]")+`,"\u0074":`+tensor("U8", "[1]", "[1,2]")+`}`, 2), safetensors.ErrHeader},
		"metadata twice":     {file(`{"__metadata__":{},"__metadata__":{}}`, 0), safetensors.ErrHeader},
		"metadata key twice": {file(`{"__metadata__":{"a":"","a":""}}`, 0), safetensors.ErrHeader},
		"metadata number":    {file(`{"__metadata__":{"a":1}}`, 0), safetensors.ErrHeader},
		"key twice":          {file(`{"t":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), safetensors.ErrHeader},
		"key in capitals":    {file(`{"t":{"DType":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), safetensors.ErrHeader},
		"tensor is null":     {file(`{"t":null}`, 0), safetensors.ErrHeader},
		"shape is null":      {one("U8", "null", "[0,1]", 1), safetensors.ErrHeader},
		"null in shape":      {one("U8", "[null]", "[0,0]", 0), safetensors.ErrHeader},
		"string in shape":    {one("U8", `["1"]`, "[0,1]", 1), safetensors.ErrHeader},
		"fraction":           {one("U8", "[1.0]", "[0,1]", 1), safetensors.ErrHeader},
		"negative":           {one("U8", "[-1]", "[0,1]", 1), safetensors.ErrHeader},
		"beyond int64":       {one("U8", "[9223372036854775808]", "[0,1]", 1), safetensors.ErrHeader},
		"too many dims":      {one("U8", "["+strings.Repeat("1,", 64)+"1]", "[0,1]", 1), safetensors.ErrHeader},
		"one offset":         {one("U8", "[1]", "[1]", 1), safetensors.ErrHeader},
		"three offsets":      {one("U8", "[1]", "[0,1,2]", 1), safetensors.ErrHeader},
		"unknown dtype":      {one("C64", "[1]", "[0,8]", 8), safetensors.ErrDType},
		"overflow":           {one("U8", "[4294967296,4294967296]", "[0,0]", 0), safetensors.ErrShape},
		"byte overflow":      {one("F32", "[4611686018427387904]", "[0,0]", 0), safetensors.ErrShape},
		"shape and length":   {one("F32", "[3]", "[0,8]", 8), safetensors.ErrShape},
		"offsets reversed":   {one("F32", "[2]", "[8,0]", 8), safetensors.ErrOffsets},
		"beyond the file":    {one("F32", "[2]", "[0,8]", 7), safetensors.ErrOffsets},
		"bytes at the end":   {one("F32", "[2]", "[0,8]", 9), safetensors.ErrOffsets},
		"hole first":         {one("F32", "[2]", "[1,9]", 9), safetensors.ErrOffsets},
		"hole between":       {two(tensor("U8", "[1]", "[0,1]"), tensor("U8", "[1]", "[2,3]"), 3), safetensors.ErrOffsets},
		"overlap":            {two(tensor("U8", "[2]", "[0,2]"), tensor("U8", "[2]", "[1,3]"), 3), safetensors.ErrOffsets},
		"shared":             {two(tensor("U8", "[2]", "[0,2]"), tensor("U8", "[2]", "[0,2]"), 2), safetensors.ErrOffsets},
		"empty inside":       {two(tensor("U8", "[2]", "[0,2]"), tensor("U8", "[0]", "[1,1]"), 2), safetensors.ErrOffsets},
		"empty beyond":       {two(tensor("U8", "[2]", "[0,2]"), tensor("U8", "[0]", "[3,3]"), 2), safetensors.ErrOffsets},
	} {
		_, err := open(c.file)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "test.safetensors: ") {
			t.Errorf("%s: %q does not name the file", name, err)
		}
	}
}

// Whatever is written comes back, in any windows.
func TestRoundTrip(t *testing.T) {
	types := []dtype.Type{dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3,
		dtype.F8E5M2, dtype.F8E8M0, dtype.I64, dtype.I32, dtype.I16, dtype.I8,
		dtype.U64, dtype.U32, dtype.U16, dtype.U8, dtype.Bool}
	rapid.Check(t, func(t *rapid.T) {
		var entries []safetensors.Entry
		for i, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID).Draw(t, "names") {
			typ := rapid.SampledFrom(types).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 3).Draw(t, "shape")
			n, _ := dtype.Count(shape, typ.Size())
			data := make([]byte, n*typ.Size())
			for j := range data {
				data[j] = byte(i + 7*j)
			}
			entries = append(entries, safetensors.Entry{Name: name, DType: typ, Shape: shape, Data: data})
		}
		metadata := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")
		var out bytes.Buffer
		if err := safetensors.Write(&out, entries, metadata); err != nil {
			t.Fatal(err)
		}
		f, err := open(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(f.Metadata(), metadata) || len(f.Tensors()) != len(entries) {
			t.Fatalf("%d tensors, metadata %q", len(f.Tensors()), f.Metadata())
		}
		for _, e := range entries {
			tensor, ok := f.Tensor(e.Name)
			if !ok || tensor.DType != e.DType || !slices.Equal(tensor.Shape, e.Shape) || tensor.Size() != int64(len(e.Data)) {
				t.Fatalf("%q: %+v", e.Name, tensor)
			}
			raw := make([]byte, len(e.Data))
			if err := tensor.ReadRaw(context.Background(), raw, 0); err != nil || !bytes.Equal(raw, e.Data) {
				t.Fatal(err)
			}
			want := make([]float32, tensor.Len())
			dtype.Decode(want, raw, e.DType)
			off := rapid.IntRange(0, len(want)).Draw(t, "off")
			got := make([]float32, rapid.IntRange(0, len(want)-off).Draw(t, "n"))
			size := e.DType.Size()
			_, refused := dtype.Check(raw[off*size:(off+len(got))*size], e.DType)
			if err := tensor.ReadFloat32(context.Background(), got, off); (err == nil) != (refused == nil) {
				t.Fatalf("%v, want %v", err, refused)
			} else if err != nil {
				continue
			}
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want[off+i]) {
					t.Fatalf("%q element %d: %v, want %v", e.Name, off+i, got[i], want[off+i])
				}
			}
		}
	})
}

func TestReadErrors(t *testing.T) {
	b := file(`{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	f, err := safetensors.NewFile(context.Background(), bytes.NewReader(b[:len(b)-1]), int64(len(b)), "shrunk")
	if err != nil {
		t.Fatal(err)
	}
	tensor, _ := f.Tensor("t")
	if err := tensor.ReadFloat32(context.Background(), make([]float32, 2), 0); !errors.Is(err, safetensors.ErrTruncated) || !strings.Contains(err.Error(), `shrunk: tensor "t"`) {
		t.Errorf("shrunk file: %v", err)
	}
	if err := tensor.ReadFloat32(context.Background(), make([]float32, 2), 1); !errors.Is(err, dtype.ErrRange) {
		t.Errorf("window outside: %v", err)
	}
	if err := tensor.ReadRaw(context.Background(), make([]byte, 9), 0); !errors.Is(err, dtype.ErrRange) {
		t.Errorf("bytes outside: %v", err)
	}
}

func TestWriteErrors(t *testing.T) {
	x := safetensors.Float32("x", []int{2}, []float32{1, 2})
	for name, c := range map[string]struct {
		entries []safetensors.Entry
		want    error
	}{
		"twice":     {[]safetensors.Entry{x, x}, safetensors.ErrHeader},
		"reserved":  {[]safetensors.Entry{safetensors.Float32("__metadata__", []int{0}, nil)}, safetensors.ErrHeader},
		"not UTF-8": {[]safetensors.Entry{safetensors.Float32("\xff", []int{0}, nil)}, safetensors.ErrHeader},
		"dtype":     {[]safetensors.Entry{{Name: "x", DType: "F7"}}, safetensors.ErrDType},
		"shape":     {[]safetensors.Entry{{Name: "x", DType: "U8", Shape: []int{-1}}}, safetensors.ErrShape},
		"sum":       {[]safetensors.Entry{{Name: "x", DType: "U8", Shape: []int{math.MaxInt}}, {Name: "y", DType: "U8", Shape: []int{1}}}, safetensors.ErrShape},
		"short":     {[]safetensors.Entry{{Name: "x", DType: "U8", Shape: []int{2}, Data: []byte{1}}}, safetensors.ErrShape},
	} {
		path := filepath.Join(t.TempDir(), "a.safetensors")
		if err := safetensors.Create(path, c.entries, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	w, err := safetensors.NewWriter(&bytes.Buffer{}, []safetensors.Entry{x}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 9)); !errors.Is(err, safetensors.ErrShape) {
		t.Errorf("too much data: %v", err)
	}
	if err := w.Close(); !errors.Is(err, safetensors.ErrShape) {
		t.Errorf("missing data: %v", err)
	}
}

func TestConcurrentReads(t *testing.T) {
	set := model(t, "tinystories-656k-bf16")
	embed, ok := set.Tensor("model.embed_tokens.weight")
	if !ok {
		t.Fatal("no embed_tokens")
	}
	want := read(t, embed)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			window := make([]float32, 1000+i)
			for off := 0; off < len(want); off += len(window) {
				part := window[:min(len(window), len(want)-off)]
				if err := embed.ReadFloat32(context.Background(), part, off); err != nil || !slices.Equal(part, want[off:off+len(part)]) {
					t.Errorf("window at %d: %v", off, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzFile(f *testing.F) {
	f.Add(file(`{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"__metadata__":{"a":"b"},"t":{"dtype":"F8_E4M3","shape":[2,1],"data_offsets":[0,2]},"u":{"dtype":"BOOL","shape":[],"data_offsets":[2,3]}}  `, 3))
	f.Add(file(`{"t":{"dtype":"U8","shape":[0,4294967296],"data_offsets":[0,0],"x":[{}]}}`, 0))
	f.Add(file(`{}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := open(b)
		if err != nil {
			return
		}
		var total int64
		for _, tensor := range file.Tensors() {
			total += tensor.Size()
			if total > int64(len(b)) {
				t.Fatalf("%d bytes of tensors in a file of %d", total, len(b))
			}
			if err := tensor.ReadFloat32(context.Background(), make([]float32, tensor.Len()), 0); err != nil && !errors.Is(err, dtype.ErrValue) {
				t.Fatal(err)
			}
		}
	})
}
