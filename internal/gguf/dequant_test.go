package gguf_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

const shared = "../../../shared"

// types lists every type that can be read.
func types() []gguf.Type {
	var list []gguf.Type
	for t := gguf.Type(0); t < 100; t++ {
		if t.Known() {
			list = append(list, t)
		}
	}
	return list
}

type golden struct {
	TypeID   gguf.Type `json:"type_id"`
	Block    int       `json:"block"`
	Bytes    int       `json:"bytes_per_block"`
	Raw      string    `json:"raw"`
	Expected string    `json:"expected"`
}

func readGolden(t testing.TB) map[string]golden {
	dir := filepath.Join(shared, "golden/ggml")
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Skipf("golden data absent: %v", err)
	}
	var index map[string]golden
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	for name, g := range index {
		g.Raw, g.Expected = filepath.Join(dir, g.Raw), filepath.Join(dir, g.Expected)
		index[name] = g
	}
	return index
}

// sameBits fails if got differs from want in any bit.
func sameBits(t testing.TB, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("value %d is %v (%08x), want %v (%08x)", i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

func TestGolden(t *testing.T) {
	for name, g := range readGolden(t) {
		t.Run(name, func(t *testing.T) {
			if g.TypeID.String() != name {
				t.Errorf("type %d is called %v", g.TypeID, g.TypeID)
			}
			if block, size := g.TypeID.Block(); block != g.Block || size != g.Bytes {
				t.Errorf("blocks of %d elements in %d bytes, want %d in %d", block, size, g.Block, g.Bytes)
			}
			raw, err := os.ReadFile(g.Raw)
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := npy.ReadFloat32(g.Expected)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float32, len(want))
			gguf.Dequantize(got, raw, g.TypeID)
			sameBits(t, got, want)
		})
	}
}

// TestRandomBlocks compares the values of blocks of random bytes, which reach
// every bit of every field, with those of gguf-py 0.19 (SHA-256 of 131072 float32,
// its first 8 bytes).
func TestRandomBlocks(t *testing.T) {
	for typ, want := range map[gguf.Type]string{
		gguf.Q4_0: "298a64a9dffc9036", gguf.Q4_1: "bd50e768c72e8d74", gguf.Q5_0: "7bf62bdc4d3a306d", gguf.Q5_1: "4ec0f6e68ef532cf",
		gguf.Q8_0: "fe36479888053895", gguf.Q2_K: "3cc5ac63717f5821", gguf.Q3_K: "21095e5a6315da42", gguf.Q4_K: "dcc013af8884adc1",
		gguf.Q5_K: "77bf88224ea09176", gguf.Q6_K: "5a3cd916f5478804", gguf.IQ2XXS: "0669e3a89b5730f8", gguf.IQ2XS: "3a8aff304fd5a16d",
		gguf.IQ2S: "b2f534b066631c02", gguf.IQ3XXS: "9f20d89a1e1abaa7", gguf.IQ3S: "9d467ee7d5ccba86", gguf.IQ1S: "fe96464990d0a8f1",
		gguf.IQ1M: "0998a371a1ac1113", gguf.IQ4NL: "a88af1b707a4baad", gguf.IQ4XS: "38c1bbc29f47f03e", gguf.TQ1_0: "ca763ea04b6f711d",
		gguf.TQ2_0: "c6544c5276c2da0c", gguf.MXFP4: "f099d4a9c11f4d66", gguf.NVFP4: "23b7dbfbb5463c94",
	} {
		const n = 131072
		block, _ := typ.Block()
		values := make([]float32, n)
		gguf.Dequantize(values, randomBlocks(typ, n/block), typ)
		sum := sha256.Sum256(dtype.AppendF32(nil, values))
		if got := hex.EncodeToString(sum[:8]); got != want {
			t.Errorf("%v: %s, want %s", typ, got, want)
		}
	}
}

func TestQuantizersExtremes(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, values := range [][2]float32{{0, 0}, {inf, 1}, {-inf, 1}, {float32(math.NaN()), 1}, {1e-45, -1e-45}, {math.MaxFloat32, -1}, {0x1p-20, 0x1p-149}} {
		x := make([]float32, 32)
		for i := range x {
			x[i] = values[i%2]
		}
		for _, typ := range []gguf.Type{gguf.Q8_0, gguf.Q4_0} {
			raw, err := gguf.AppendFloat32(nil, x, typ)
			if _, size := typ.Block(); err != nil || len(raw) != size {
				t.Errorf("%v of %v: %d bytes, %v", typ, values, len(raw), err)
			}
		}
	}
	if _, err := gguf.AppendFloat32(nil, make([]float32, 33), gguf.Q4_0); !errors.Is(err, gguf.ErrShape) {
		t.Error(err)
	}
	if _, err := gguf.AppendFloat32(nil, make([]float32, 256), gguf.Q4_K); !errors.Is(err, gguf.ErrType) {
		t.Error(err)
	}
}

// randomBlocks returns n blocks of bytes from a fixed sequence, their float16
// scales made finite.
func randomBlocks(t gguf.Type, n int) []byte {
	_, size := t.Block()
	raw := make([]byte, n*size)
	state := uint32(1)
	for i := range raw {
		state = state*1664525 + 1013904223
		raw[i] = byte(state >> 24)
	}
	for b := raw; len(b) > 0; b = b[size:] {
		for _, i := range highBytes[t] {
			b[i] &= 0xbf
		}
	}
	return raw
}

// highBytes tells where a block has the high bytes of floating-point numbers.
var highBytes = map[gguf.Type][]int{
	gguf.Q4_0: {1}, gguf.Q4_1: {1, 3}, gguf.Q5_0: {1}, gguf.Q5_1: {1, 3}, gguf.Q8_0: {1},
	gguf.Q2_K: {81, 83}, gguf.Q3_K: {109}, gguf.Q4_K: {1, 3}, gguf.Q5_K: {1, 3}, gguf.Q6_K: {209},
	gguf.IQ2XXS: {1}, gguf.IQ2XS: {1}, gguf.IQ2S: {1}, gguf.IQ3XXS: {1}, gguf.IQ3S: {1}, gguf.IQ1S: {1}, gguf.IQ1M: {55},
	gguf.IQ4NL: {1}, gguf.IQ4XS: {1}, gguf.TQ1_0: {53}, gguf.TQ2_0: {65}, gguf.Q1_0: {1}, gguf.Q2_0: {1},
	gguf.F16: {1}, gguf.BF16: {1}, gguf.F32: {3}, gguf.F64: {7},
}
