package torch_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/torch"
)

// readAll reads what a file says it has, which must not be more than it can have.
func readAll(t *testing.T, file *torch.File, size int) {
	for _, tensor := range file.Tensors() {
		if tensor.Size() > int64(size) {
			t.Fatalf("tensor of %d bytes in a file of %d", tensor.Size(), size)
		}
		if err := tensor.ReadFloat32(context.Background(), make([]float32, tensor.Len()), 0); err != nil {
			t.Fatal(err)
		}
		if err := tensor.ReadRaw(context.Background(), make([]byte, tensor.Size()), 0); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzFile(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.[pb]*")
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := openBytes(b)
		if err != nil {
			return
		}
		readAll(t, file, len(b))
	})
}

func FuzzUnpickle(f *testing.F) {
	f.Add([]byte(save(str("w"), good)))
	f.Add([]byte(save(str("state_dict"), dict(num(3), bytesView(5, nums(4, 3), nums(2, 9))))))
	f.Add([]byte("\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01\x88NG\x3f\xf0\x00\x00\x00\x00\x00\x00\x8c\x01a\x94h\x01\x8f(\x90(\x91e."))
	f.Add([]byte(proto + tuple(call("torch", "Size", nums(1, 2)), call("collections", "OrderedDict")+"}b", global("torch", "float16")) + stop))
	f.Add([]byte(proto + call("torch._utils", "_rebuild_parameter", call("torch._utils", "_rebuild_tensor_v3", storage("0", "LongStorage", 8), num(0), nums(3, 2), nums(1, 3), "\x89", "}", global("torch", "float16")), "\x88", "}") + stop))
	f.Add([]byte(proto + call("os", "system", str("true")) + stop))
	f.Fuzz(func(t *testing.T, pickle []byte) {
		file, err := openPickle(string(pickle))
		if err != nil {
			return
		}
		readAll(t, file, 64)
	})
}
