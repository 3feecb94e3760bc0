package convert

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// exactWeights are weights that no system's floating point computes otherwise: sums
// of random bits, about normally distributed.
func exactWeights(n int, seed uint64) []float32 {
	w := make([]float32, n)
	for i := range w {
		sum := int32(0)
		for range 12 {
			seed = seed*6364136223846793005 + 1442695040888963407
			sum += int32(seed>>53) - 1<<10
		}
		w[i] = float32(sum) / (1 << 16)
	}
	return w
}

func brain(name string, shape []int, w []float32) safetensors.Entry {
	var b []byte
	for _, x := range w {
		b = binary.LittleEndian.AppendUint16(b, uint16(math.Float32bits(x)>>16))
	}
	return safetensors.Entry{Name: name, DType: safetensors.BF16, Shape: shape, Data: b}
}

// TestReproducible holds the root of one conversion fast: CI runs it on every
// processor that the library supports.
func TestReproducible(t *testing.T) {
	src := filepath.Join(t.TempDir(), "model.safetensors")
	spiked := exactWeights(301*128, 1)
	for i := range 50 {
		spiked[i*613] = float32(3 + i)
	}
	create(t, src,
		safetensors.Float32("model.embed_tokens.weight", []int{301, 128}, spiked),
		brain("a.weight", []int{256, 96}, exactWeights(256*96, 2)),
		safetensors.Float32("b.weight", []int{3, 64, 64}, exactWeights(3*64*64, 3)),
		safetensors.Float32("norm.weight", []int{96}, exactWeights(96, 4)),
		brain("lm_head.weight", []int{200, 128}, exactWeights(200*128, 5)),
	)
	kilobytes := int64(60 << 10)
	for _, c := range []struct {
		name string
		job  Job
		want string
	}{
		{"35 dB", Job{}, "2e58d02aa02ba4af4ed91a4e61cd9abebe4b1f0fce8539f01d80aef24c7ca35b"},
		{"4 bits, brotli", Job{Options: Options{Bits: 4, Codec: "brotli"}}, "b9c11b379f2963a122e152a5793c1684e0b8332b0620fec98f06c219c8b7aa89"},
		{"k-means, huff0", Job{Options: Options{Method: "kmeans", Entries: 64, Codec: "huff0"}}, "bed5a96b1e460dc225cecedfba7de1258cff519e90366d6a493d74ddb2a00c01"},
		{"size, equal ratios", Job{Size: kilobytes, Allocate: EqualSNR}, "e1d5da908d4e2a9d4b22e5d2abfa14c8c2bfc3034420719da463c8a136c20c3a"},
		{"size, least error", Job{Size: kilobytes, Allocate: LeastError}, "2c44fa7cbb25dc566c1f1e3d6839b87bf8b182c8368c2ee43db2c7c9da2f3600"},
		{"size, equal rates", Job{Size: kilobytes, Allocate: EqualRate}, "21a17cc09517d86a9514d9d76536b645d7bc0189011851bfa4d27a9dfeb7d580"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, threads := range []int{1, 3} {
				for _, memory := range []int64{0, 100 << 20} {
					job := c.job
					job.Source, job.Output, job.Memory, job.Options.Threads = src, filepath.Join(t.TempDir(), "out"), memory, threads
					if r := convertAll(t, job); r.Root != c.want {
						t.Errorf("%d threads, %d bytes of memory: root %s, want %s", threads, memory, r.Root, c.want)
					}
				}
			}
		})
	}
}
