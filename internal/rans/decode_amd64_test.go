//go:build !noasm

package rans

import (
	"bytes"
	"slices"
	"testing"
)

// The vector instructions do what the portable code does, on good and on bad bytes.
func TestVectorIsPortable(t *testing.T) {
	avx2, avx512 := hasAVX2, hasAVX512
	defer func() { hasAVX2, hasAVX512 = avx2, avx512 }()
	levels := [][2]bool{{false, false}} // AVX2, AVX-512
	if avx2 {
		levels = append(levels, [2]bool{true, false})
	}
	if avx512 {
		levels = append(levels, [2]bool{true, true})
	}
	for n := range 150 {
		src, runs := sample(uint64(n), n*n, manySpreads...)
		packed := pack(t, src, runs)
		for _, damage := range []int{-1, n % len(packed), len(packed) - 1 - n%len(packed)} {
			b := bytes.Clone(packed)
			if damage >= 0 {
				b[damage] ^= byte(1 + n)
			}
			decoders, got, errs := make([]Decoder, len(levels)), make([][]byte, len(levels)), make([]error, len(levels))
			for i, level := range levels {
				hasAVX2, hasAVX512 = level[0], level[1]
				got[i] = make([]byte, len(src))
				errs[i] = decoders[i].Decode(got[i], b, runs)
				if errs[i] != errs[0] || decoders[i].states != decoders[0].states || errs[i] == nil && !bytes.Equal(got[i], got[0]) {
					t.Fatalf("%d symbols, damage at %d, level %v: %v, %v", len(src), damage, level, errs[i], errs[0])
				}
			}
			if damage < 0 && (errs[0] != nil || !bytes.Equal(got[0], src)) {
				t.Fatalf("%d symbols: %v", len(src), errs[0])
			}
		}
		for _, run := range runs {
			var want, d Decoder
			want.fillPortable(run.Frequencies)
			for _, level := range levels {
				hasAVX2, hasAVX512 = level[0], level[1]
				if d.fill(run.Frequencies); !slices.Equal(d.entries[:tableSize], want.entries[:tableSize]) {
					t.Fatal("other entries")
				}
			}
		}
	}
}
