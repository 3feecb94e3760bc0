package torch_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/torch"
)

// described is what PyTorch says about a tensor.
type described struct {
	DType   string
	Shape   []int
	Raw     hexBytes
	Float32 hexBytes
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func (d described) values() []float32 {
	x := make([]float32, len(d.Float32)/4)
	dtype.Decode(x, d.Float32, dtype.F32)
	return x
}

var types = map[string]dtype.Type{
	"float64": dtype.F64, "float32": dtype.F32, "float16": dtype.F16, "bfloat16": dtype.BF16,
	"float8_e4m3fn": dtype.F8E4M3, "float8_e5m2": dtype.F8E5M2,
	"int64": dtype.I64, "int32": dtype.I32, "int16": dtype.I16, "int8": dtype.I8,
	"uint64": dtype.U64, "uint32": dtype.U32, "uint16": dtype.U16, "uint8": dtype.U8, "bool": dtype.Bool,
}

// expected returns PyTorch's tensors by file and name.
func expected(t *testing.T) map[string]map[string]described {
	t.Helper()
	text, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]described
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func open(t *testing.T, name string) *torch.File {
	t.Helper()
	f, err := torch.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// same compares bits; all NaNs are equal.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y })
}

// check compares a file's tensors with what PyTorch reads, whole and in every
// window.
func check(t *testing.T, path string, f *torch.File, want map[string]described) {
	t.Helper()
	if len(f.Tensors()) != len(want) {
		t.Errorf("%s: %d tensors, want %d", path, len(f.Tensors()), len(want))
	}
	for name, w := range want {
		tensor, ok := f.Tensor(name)
		if !ok {
			t.Errorf("%s: no tensor %q", path, name)
			continue
		}
		values := w.values()
		if tensor.DType != types[w.DType] || !slices.Equal(tensor.Shape, w.Shape) || tensor.Len() != len(values) || tensor.Size() != int64(len(w.Raw)) {
			t.Errorf("%s: %s is %s %v, want %s %v", path, name, tensor.DType, tensor.Shape, w.DType, w.Shape)
			continue
		}
		for begin := range len(values) + 1 {
			for end := begin; end <= len(values); end++ {
				x := make([]float32, end-begin)
				if err := tensor.ReadFloat32(context.Background(), x, begin); err != nil || !same(x, values[begin:end]) {
					t.Fatalf("%s: %s [%d:%d]: %v, want %v (%v)", path, name, begin, end, x, values[begin:end], err)
				}
			}
		}
		for begin := range len(w.Raw) + 1 {
			for end := begin; end <= len(w.Raw); end++ {
				p := make([]byte, end-begin)
				if err := tensor.ReadRaw(context.Background(), p, int64(begin)); err != nil || !bytes.Equal(p, w.Raw[begin:end]) {
					t.Fatalf("%s: %s bytes [%d:%d]: %x, want %x (%v)", path, name, begin, end, p, w.Raw[begin:end], err)
				}
			}
		}
	}
}

func TestFixtures(t *testing.T) {
	for name, want := range expected(t) {
		f := open(t, name)
		check(t, name, f, want)
	}
}

func TestRefusedFixtures(t *testing.T) {
	for name, c := range map[string]struct {
		want error
		text string
	}{
		"legacy.pt":       {torch.ErrLegacy, "torch.save it again"},
		"whole_module.pt": {torch.ErrGlobal, `"torch.nn.modules.linear.Linear"`},
		"sparse.pt":       {torch.ErrUnsupported, "sparse"},
		"quantized.pt":    {torch.ErrUnsupported, "quantized"},
		"complex.pt":      {torch.ErrUnsupported, "complex"},
		"negated.pt":      {torch.ErrUnsupported, "metadata"},
	} {
		path := filepath.Join("testdata", name)
		_, err := torch.Open(path)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
