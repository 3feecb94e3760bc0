package convert

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
)

// BenchmarkMatrix compresses 16 Mi normal weights on one core: histogram, design,
// quantizing with fidelity, packing, hashing, writing.
func BenchmarkMatrix(b *testing.B) {
	w := gaussian(1<<24, 1)
	src := slice(b, w, 4096)
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"35dB/zstd", Options{}}, {"35dB/huff0", Options{Codec: "huff0"}}, {"35dB/brotli", Options{Codec: "brotli"}},
		{"21dB/zstd", Options{SNR: 21.2}}, {"4bits/zstd", Options{Bits: 4}}, {"kmeans/zstd", Options{Method: "kmeans"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.o.Threads = 1
			file := filepath.Join(b.TempDir(), "w.cdna2.hxz")
			for b.Loop() {
				if _, err := Matrix(b.Context(), src, Target{Name: "w", File: file, Sidecar: file + ".hxzo"}, c.o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(w))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mweights/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkStories15M converts a real model's matrices to the two targets that
// the README names and reports size, all overhead counted, and error.
func BenchmarkStories15M(b *testing.B) {
	src := "../../shared/models/stories15M-blocks"
	if _, err := os.Stat(src); err != nil {
		b.Skip("the model is not beside the repository")
	}
	for _, c := range []struct {
		name string
		o    Options
	}{{"21.2dB", Options{SNR: 21.2}}, {"34.8dB", Options{SNR: 34.8}}, {"kmeans256", Options{Method: "kmeans"}}} {
		b.Run(c.name, func(b *testing.B) {
			var bits, least float64
			for b.Loop() {
				out := filepath.Join(b.TempDir(), "out")
				r, err := Directory(b.Context(), Job{Source: src, Output: out, Options: c.o})
				if err != nil {
					b.Fatal(err)
				}
				bits, least = r.BitsPerWeight, 1000
				for _, t := range r.Tensors {
					if t.Matrix != nil {
						least = min(least, *t.Matrix.SNRdB)
					}
				}
				if err := os.RemoveAll(out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(bits, "bits/weight")
			b.ReportMetric(least, "dB(worst)")
		})
	}
}

// BenchmarkReadSource reads a checkpoint's weights, what a conversion does twice.
func BenchmarkReadSource(b *testing.B) {
	path := filepath.Join(b.TempDir(), "m.safetensors")
	if err := safetensors.Create(path, []safetensors.Entry{matrixEntry("w", 4096, 1024, 1)}, nil); err != nil {
		b.Fatal(err)
	}
	c, err := checkpoint.Open(b.Context(), path, checkpoint.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	t := c.Tensors()[0]
	rows, cols := model.MatrixShape(t.Shape)
	buf := make([]float32, rows*cols)
	b.SetBytes(t.Size)
	for b.Loop() {
		if err := matrix.Of(t, rows, cols).ReadRows(context.Background(), buf, 0, rows); err != nil {
			b.Fatal(err)
		}
	}
}
