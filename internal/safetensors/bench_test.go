package safetensors_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// BenchmarkReadFloat32 reads a tensor from the page cache in windows of 64 Ki.
func BenchmarkReadFloat32(b *testing.B) {
	const n = 8 << 20
	for _, typ := range []dtype.Type{dtype.F32, dtype.BF16, dtype.F16, dtype.F8E4M3} {
		path := filepath.Join(b.TempDir(), "a.safetensors")
		data := make([]byte, n*typ.Size())
		for i := range data {
			data[i] = byte(i*7)&0x3f | 0x10 // normal numbers in every type
		}
		entry := safetensors.Entry{Name: "t", DType: typ, Shape: []int{n}, Data: data}
		if err := safetensors.Create(path, []safetensors.Entry{entry}, nil); err != nil {
			b.Fatal(err)
		}
		f, err := safetensors.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		t, _ := f.Tensor("t")
		window := make([]float32, 64<<10)
		b.Run(string(typ), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for off := 0; off < n; off += len(window) {
					if err := t.ReadFloat32(context.Background(), window, off); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gvalues/s")
		})
		f.Close()
	}
}
