package convert

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
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
	return safetensors.Entry{Name: name, DType: dtype.BF16, Shape: shape, Data: b}
}

// TestReproducibleDrift does so for one that corrects drift.
func TestReproducibleDrift(t *testing.T) {
	reproducibleLattice(t, true, "eb513b744e693324ac2682398384568099d779b8d7b4e10dba9349e9eb853a80")
}

// TestReproducibleLattice does so for a calibrated conversion, on every CPU level that there is.
func TestReproducibleLattice(t *testing.T) {
	reproducibleLattice(t, false, "aaf2a5b79fb7fd736e6046a8112034d09143ca18658ac68da79a34f212f118bc")
}

func reproducibleLattice(t *testing.T, correctDrift bool, want string) {
	t.Helper()
	src := demoCheckpoint(t)
	for i, c := range []struct {
		cpu     string
		threads int
		memory  int64
	}{{"", 3, 100 << 20}, {"generic", 2, 0}, {"", 1, 0}, {"avx2", 2, 0}} {
		if testing.Short() && i > 0 {
			break // an emulated processor takes a minute for each; its levels are compared kernel by kernel
		}
		if c.cpu != "" {
			t.Setenv("HELIX_CPU", c.cpu)
		}
		if _, err := kernel.FromEnv(); err != nil {
			continue // none of this processor's
		}
		job := Job{
			Source: src, Output: filepath.Join(t.TempDir(), "out"), ModelID: "m", Memory: c.memory, Options: Options{Threads: c.threads},
			Calibration: Calibration{Tokens: few}, Allocate: EqualRate, CorrectDrift: correctDrift,
		}
		if r := convertAll(t, job); r.Root != want {
			t.Errorf("%+v: root %s, want %s", c, r.Root, want)
		}
	}
}

// TestReproducible holds the root of one conversion fast, which covers all that the
// manifest says, the program's version included: CI runs it on every
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
		{"35 dB", Job{}, "ba387f142f81cb79494ed35163473deff6c82d146ebffba0cb1afd072da48d52"},
		{"4 bits, brotli", Job{Options: Options{Bits: 4, Codec: "brotli"}}, "1629eb672d275aa87dc1dabc0f20668dc32c4295a08b1783786d80abef010a61"},
		{"k-means, huff0", Job{Options: Options{Method: "kmeans", Entries: 64, Codec: "huff0"}}, "3d5218cf22b319f77452e0ca2fd8f5b2f22257def6826ff18d18603eddb5f762"},
		{"size, equal ratios", Job{Size: kilobytes, Allocate: EqualSNR}, "e5736e4152bfb1a82fa01284c1c4b2883cf409b45154b583444a7c1eba0d3a6c"},
		{"size, least error", Job{Size: kilobytes, Allocate: LeastError}, "a1d18ab5c20390e2d8d840bfa070c86f52273a918fc578d12ba43f9cace1c067"},
		{"size, equal rates", Job{Size: kilobytes, Allocate: EqualRate}, "6ad5c3944e22c7a7362ce867685f0bbbe226e1e53f19b9aaa252900e2d3b4b25"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, threads := range []int{3, 1} {
				for _, memory := range []int64{100 << 20, 0} {
					if testing.Short() && (threads != 3 || memory == 0) {
						continue // they matter to no processor
					}
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
