package compare_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/compare"
)

// write makes a safetensors file of one matrix.
func write(path string, w []float32) error {
	header := []byte(`{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`)
	var file bytes.Buffer
	for _, part := range []any{uint64(len(header)), header, w} {
		if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return os.WriteFile(path, file.Bytes(), 0o600)
}

func Example() {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	a, b := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
	for path, w := range map[string][]float32{a: {1, 2, 3, 4}, b: {1, 2, 3, 4.5}} {
		if err := write(path, w); err != nil {
			panic(err)
		}
	}
	report, err := compare.Models(context.Background(), a, b, nil)
	if err != nil {
		panic(err)
	}
	for _, d := range report.Tensors {
		fmt.Printf("%s %s in %d weight, by %v at most\n", d.Name, d.Status, d.Different, d.MaxAbsError)
	}
	// Output: w differs in 1 weight, by 0.5 at most
}
