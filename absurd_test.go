package helix_test

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/convert"
)

// TestAbsurd calls the public functions with options and arguments that make no sense: each
// is an error that says something, or works; none is a panic.
func TestAbsurd(t *testing.T) {
	src, dir := checkpoint(t), t.TempDir()
	m := open(t, src, helix.ModelOptions{Context: 32})
	matrix := filepath.Join(dir, "w.cdna2.hxz")
	if _, err := helix.Encode(t.Context(), matrix, "w", weights(), 64, helix.Options{}); err != nil {
		t.Fatal(err)
	}
	number := rapid.SampledFrom([]int{math.MinInt, -1 << 40, -1, 0, 1, 2, 3, 64, 1 << 31, 1 << 40, 1 << 62, math.MaxInt})
	real := rapid.SampledFrom([]float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), -1, 0, 1e-45, 0.5, 1, 2, math.MaxFloat32})
	text := rapid.SampledFrom([]string{"", "x", "\x00", "\xff\xfe", "../..", strings.Repeat("a", 5000), "zstd", "off", "f16", "int8", "kmeans", "lossless"})
	rapid.Check(t, func(t *rapid.T) {
		said := func(what string, err error) {
			if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "%!")) {
				t.Fatalf("%s: %q", what, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		n := func(name string) int { return number.Draw(t, name) }
		switch rapid.IntRange(0, 6).Draw(t, "call") {
		case 0:
			o := helix.ModelOptions{
				Memory: int64(n("memory")), Reserve: int64(n("reserve")), Context: n("context"), Sequences: n("sequences"), Threads: n("threads"),
			}
			o.Context = min(o.Context, 1<<16) // what a machine has room for
			o.CacheType = o.CacheType[:0]
			other, err := helix.Open(ctx, src, o)
			said("Open", err)
			if err == nil {
				said("Close", other.Close())
			}
		case 1:
			o := helix.GenerateOptions{
				MaxTokens: n("tokens"), Temperature: real.Draw(t, "temperature"), TopK: n("k"), TopP: real.Draw(t, "p"), MinP: real.Draw(t, "min p"),
				RepeatPenalty: real.Draw(t, "penalty"), Seed: uint64(n("seed")), Stop: []string{text.Draw(t, "stop")},
			}
			for _, err := range m.Generate(ctx, text.Draw(t, "prompt"), o) {
				said("Generate", err)
			}
			c, err := m.NewConversation(helix.ChatOptions{GenerateOptions: o, System: text.Draw(t, "system")})
			said("NewConversation", err)
			if err == nil {
				for _, err := range c.Say(ctx, text.Draw(t, "message")) {
					said("Say", err)
				}
			}
		case 2:
			_, err := m.Embed(ctx, text.Draw(t, "text"), helix.EmbedOptions{})
			said("Embed", err)
			m.Detokenize([]int{n("id"), n("id")})
		case 3:
			x := helix.Tensor{Data: make([]float32, rapid.IntRange(0, 130).Draw(t, "values")), Shape: make([]int, rapid.IntRange(0, 3).Draw(t, "dims"))}
			for i := range x.Shape {
				x.Shape[i] = n("dim")
			}
			_, _, err := helix.MatMul(ctx, x, matrix)
			said("MatMul", err)
			_, _, err = helix.MatMulTransposed(ctx, x, matrix)
			said("MatMulTransposed", err)
			said("WriteTensor", helix.WriteTensor(filepath.Join(dir, "x.npy"), x))
		case 4:
			w := make([]float32, rapid.IntRange(0, 100).Draw(t, "weights"))
			for i := range w {
				w[i] = real.Draw(t, "weight")
			}
			_, err := helix.Encode(ctx, filepath.Join(dir, "e.cdna2.hxz"), text.Draw(t, "name"), w, n("cols"), helix.Options{})
			said("Encode", err)
		case 5:
			o := helix.Options{
				BlockRows: n("block rows"), Threads: n("threads"), Level: n("level"), Entries: n("entries"), Codec: text.Draw(t, "codec"), Method: convert.Method(text.Draw(t, "method")),
			}
			for _, f := range []*float64{&o.Bits, &o.SNR, &o.MinSNR, &o.MinCosine} {
				if rapid.Bool().Draw(t, "set") {
					*f = float64(real.Draw(t, "number"))
				}
			}
			_, err := helix.Encode(ctx, filepath.Join(dir, "e.cdna2.hxz"), "w", weights(), 64, o)
			said("Encode", err)
		case 6:
			path := filepath.Join(dir, text.Draw(t, "path"))
			_, _, _, err := helix.Decode(ctx, path)
			said("Decode", err)
			_, _, err = helix.ReadTensor(ctx, path)
			said("ReadTensor", err)
		}
	})
}
