package model

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// manyTensors is a manifest of n matrices, sealed or as other programs write it.
func manyTensors(b *testing.B, n int, sealed bool) []byte {
	snr := 35.01
	sum := strings.Repeat("0123456789abcdef", 4)
	m := &Manifest{Format: FormatCDNA2, Codec: "zstd", Options: map[string]any{"method": "entropy"}, Tensors: map[string]Tensor{}}
	for i := range n {
		name := fmt.Sprintf("model.layers.%d.mlp.experts.%d.down_proj.weight", i/100, i%100)
		m.Tensors[name] = Tensor{
			Format: FormatCDNA2, File: strings.ReplaceAll(name, ".", "_") + ".cdna2.hxz", SHA256: sum, HeadSHA256: sum, BlockCRC32C: "00112233", SourceSHA256: sum,
			OriginalShape: []int{4096, 14336}, CDNAShape: []int{4096, 14336}, SourceDType: "BF16", OriginalBytes: 117440512, CompressedBytes: 44040192,
			CompressionRatio: 2.666666666666667, Fidelity: &Fidelity{BitsPerWeight: 6.0000123, SNRdB: &snr, MSE: 1.23e-7, Cosine: 0.99984, MaxAbsError: 0.00123},
		}
	}
	if sealed {
		m.RootScheme = RootScheme
		m.RootSHA256 = m.Root()
	}
	var text bytes.Buffer
	if err := m.Encode(&text); err != nil {
		b.Fatal(err)
	}
	return text.Bytes()
}

// BenchmarkManifest reads the manifest of a mixture of experts.
func BenchmarkManifest(b *testing.B) {
	for _, sealed := range []bool{true, false} {
		b.Run(map[bool]string{true: "sealed", false: "other"}[sealed], func(b *testing.B) {
			text := manyTensors(b, 10_000, sealed)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseManifest(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
