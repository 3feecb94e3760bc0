package stream

import (
	"context"
	"fmt"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// BenchmarkProduct compares, per codec and on one worker, a streamed product with
// reading, unpacking and checking the same blocks alone: what the product adds.
func BenchmarkProduct(b *testing.B) {
	m := newMatrix(4096, 4096, 0, 1)
	x := vectors(1, 4096, 2)
	for _, codec := range []string{"none", "huff0", "zstd", "brotli"} {
		path := m.write(b, codec, 55)
		for _, policy := range []cdna.Policy{cdna.Always, cdna.TrustCached} {
			name := fmt.Sprintf("%s/%s", codec, policy)
			b.Run(name+"/decode", func(b *testing.B) {
				f, err := cdna.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				v := cdna.NewVerifier(policy, f.NumBlocks(), 0)
				buf := make([]byte, f.MaxBlockLen())
				b.SetBytes(int64(len(m.indices)))
				for b.Loop() {
					for i := range f.NumBlocks() {
						if _, err := f.ReadBlock(context.Background(), buf[:f.Block(i).DecompLen], i, v); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
			w, err := newTestEngine(b, 1).Open(path, MatrixOptions{Verify: policy})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(name+"/XWt", func(b *testing.B) {
				b.SetBytes(int64(len(m.indices)))
				for b.Loop() {
					if _, _, err := w.MatMulTransposed(b.Context(), x); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/XW", func(b *testing.B) {
				b.SetBytes(int64(len(m.indices)))
				for b.Loop() {
					if _, _, err := w.MatMul(b.Context(), x); err != nil {
						b.Fatal(err)
					}
				}
			})
			w.Close()
		}
	}
}
