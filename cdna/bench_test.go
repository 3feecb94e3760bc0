package cdna

import (
	"context"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/codec"
)

const benchRows, benchCols = 4096, 2048

func BenchmarkWriter(b *testing.B) {
	indices := bell(benchRows * benchCols)
	for _, name := range codec.Names() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(indices)))
			for b.Loop() {
				writeV2(b, WriterOptions{Rows: benchRows, Cols: benchCols, Codec: name, Threads: 1}, indices, nil)
			}
		})
	}
}

func BenchmarkReadBlock(b *testing.B) {
	indices := bell(benchRows * benchCols)
	for _, name := range codec.Names() {
		f := mustOpen(b, writeV2(b, WriterOptions{Rows: benchRows, Cols: benchCols, Codec: name}, indices, nil))
		dst := make([]byte, f.Block(0).DecompLen)
		for how, v := range map[string]*Verifier{"verified": nil, "trusted": trusted(f)} {
			b.Run(name+"/"+how, func(b *testing.B) {
				b.SetBytes(int64(len(dst)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := f.ReadBlock(context.Background(), dst, 0, v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// trusted is a verifier that has seen every block.
func trusted(f *File) *Verifier {
	v := NewVerifier(TrustCached, f.NumBlocks(), 0)
	for i := range f.NumBlocks() {
		v.Done(i, nil)
	}
	return v
}

func BenchmarkVerify(b *testing.B) {
	indices := bell(benchRows * benchCols)
	f := mustOpen(b, writeV2(b, WriterOptions{Rows: benchRows, Cols: benchCols}, indices, nil))
	b.SetBytes(int64(len(indices)))
	for b.Loop() {
		if err := f.Verify(context.Background(), 1); err != nil {
			b.Fatal(err)
		}
	}
}
