package arch

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ggufFile is a GGUF file that was never written.
type ggufFile struct {
	values  map[string]any
	vectors map[string][]float32
	shapes  map[string][]int
}

var errMetadata = errors.New("no such key, or of another kind")

func as[T any](f *ggufFile, key string) (T, error) {
	v, ok := f.values[key].(T)
	if !ok {
		return v, fmt.Errorf("%s: %w", key, errMetadata)
	}
	return v, nil
}

func (f *ggufFile) Keys() []string                    { return slices.Sorted(maps.Keys(f.values)) }
func (f *ggufFile) Has(key string) bool               { return f.values[key] != nil }
func (f *ggufFile) Any(key string) (any, error)       { return f.values[key], nil }
func (f *ggufFile) String(key string) (string, error) { return as[string](f, key) }
func (f *ggufFile) Ints(key string) ([]int64, error) {
	if list, err := as[[]uint32](f, key); err == nil {
		var wide []int64
		for _, n := range list {
			wide = append(wide, int64(n))
		}
		return wide, nil
	}
	return as[[]int64](f, key)
}
func (f *ggufFile) Bools(key string) ([]bool, error) { return as[[]bool](f, key) }
func (f *ggufFile) Float(key string) (float64, error) {
	v, err := as[float32](f, key)
	return float64(v), err
}
func (f *ggufFile) Uint(key string) (uint64, error) {
	v, err := as[uint32](f, key)
	return uint64(v), err
}
func (f *ggufFile) Values(n string) ([]float32, error) { return f.vectors[n], nil }
func (f *ggufFile) Shape(name string) ([]int, bool)    { s, ok := f.shapes[name]; return s, ok }

// asGGUF is a configuration in the words of a GGUF file.
func asGGUF(t *testing.T, c *Config) *ggufFile {
	t.Helper()
	g, err := c.ToGGUF()
	if err != nil {
		t.Fatal(err)
	}
	f := &ggufFile{map[string]any{"general.architecture": g.Architecture}, map[string][]float32{}, map[string][]int{}}
	for _, p := range g.Metadata {
		f.values[p.Key] = p.Value
	}
	for _, v := range g.Divisors {
		f.vectors[v.Name], f.shapes[v.Name] = v.Values, []int{len(v.Values)}
	}
	for _, w := range c.Weights(func(string) bool { return false }) {
		list, err := g.Layouts(&w)
		if err != nil && !w.Optional {
			t.Fatal(err)
		}
		for _, l := range list {
			if f.shapes[l.Name] != nil {
				t.Errorf("two tensors %s", l.Name)
			}
			f.shapes[l.Name] = l.Shape
		}
	}
	return f
}

func fixtureParsed(t *testing.T, name string) *Config {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(fixtures, name, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestGGUFAndBack: what is written says what was read.
func TestGGUFAndBack(t *testing.T) {
	for _, name := range []string{"llama", "llama-bias", "llama-linear", "llama-llama3", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "phi3-partial", "phi3-longrope-long",
		"mixtral", "qwen2_moe", "qwen3_moe", "smollm3", "olmo2", "olmo2-yarn", "olmo3", "olmoe", "lfm2", "lfm2-eps",
		"granitemoehybrid", "granitemoehybrid-rope", "falcon_h1-one", "nemotron_h-experts",
		"seed_oss", "seed_oss-tied", "ernie4_5", "cohere", "cohere2", "cohere2-layers", "glm4_moe", "glm4_moe-groups", "deepseek_v3", "gemma4-layers", "gemma4-experts",
		"granite", "granite-one", "granitemoe", "granitemoeshared"} {
		want := fixtureParsed(t, name)
		if want.PostNorms && want.Global.Dim == 0 { // llama.cpp scales by the size of a head
			want.AttnScale = float32(1 / math.Sqrt(float64(want.HeadDim)))
		}
		got, err := FromGGUF(asGGUF(t, want), asGGUF(t, want))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g, _ := want.ToGGUF()
		if len(g.Notes) > 0 {
			want.Context = want.SlidingWindow
		}
		want.Architecture, want.NormOffset = g.Architecture, false
		want.QKVBias, want.OutBias, want.FFNBias = got.QKVBias, got.OutBias, got.FFNBias // used where they are
		want.Mixers.Decays = got.Mixers.Decays
		if want.Single { // whose experts' size is every layer's
			want.FFN = got.FFN
		}
		want.Rope.Interleaved, want.LocalRope.Interleaved = got.Rope.Interleaved, got.LocalRope.Interleaved
		switch s := &want.Rope.Scaling; s.Type {
		case ScaleLlama3: // written as what each pair's angle is divided by
			frequencies, _ := want.Rope.Frequencies(want.HeadDim, 1)
			others, _ := got.Rope.Frequencies(want.HeadDim, 1)
			for i, f := range frequencies {
				if math.Abs(others[i]/f-1) > 1e-6 {
					t.Errorf("%s: frequency %v, want %v", name, others[i], f)
				}
			}
			*s, want.LocalRope.Scaling = got.Rope.Scaling, got.LocalRope.Scaling
		case ScaleLinear:
			s.Original, want.LocalRope.Scaling.Original = want.Context, want.Context
		case ScaleLongRoPE:
			s.Factor, s.Attention = 1, float64(float32(s.Attention))
			for i := range s.Short {
				s.Short[i], s.Long[i] = float64(float32(s.Short[i])), float64(float32(s.Long[i]))
			}
			want.LocalRope.Scaling = *s
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, want)
		}
	}
}

// TestLocalBase: Gemma 2's layers with a sliding window can have a base of their own, and
// scale as the others.
func TestLocalBase(t *testing.T) {
	c := fixtureParsed(t, "gemma2")
	c.AttnScale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	c.Rope.Scaling = Scaling{Type: ScaleLinear, Factor: 2}
	c.LocalRope = c.Rope
	f := asGGUF(t, c)
	f.values["gemma2.rope.freq_base_swa"] = float32(5000)
	got, err := FromGGUF(f, f)
	if err != nil {
		t.Fatal(err)
	}
	if l := got.LocalRope; l.Theta != 5000 || l.Scaling.Factor != 2 || got.Rope.Theta == 5000 {
		t.Errorf("%+v beside %+v", l, got.Rope)
	}
}

// TestMetadataKeys: the table's keys are those that the other tables have as read.
func TestMetadataKeys(t *testing.T) {
	read := func(table keyTable, key string) bool {
		for _, keys := range table {
			if keys[key].read {
				return true
			}
		}
		return false
	}
	for _, k := range metadataKeys {
		if k.field == nil {
			continue
		}
		if k.gguf != "vocab_size" && !read(ggufKeys, k.gguf) {
			t.Errorf("keys/gguf.txt does not read %s", k.gguf)
		}
		if k.config != "" && !read(configKeys, k.config) {
			t.Errorf("keys/config.txt does not read %s", k.config)
		}
	}
}

// TestRoles: every tensor has one role, in the words of both worlds.
func TestRoles(t *testing.T) {
	for _, n := range names {
		want := Role("")
		switch {
		case strings.Contains(n.huggingFace, "norm"):
			want = Norm
		case n.gguf == "token_embd", n.gguf == "per_layer_token_embd":
			want = Embedding
		case n.gguf == "output":
			want = Head
		case strings.HasSuffix(n.gguf, "_inp"), strings.HasSuffix(n.gguf, "_inp_shexp"):
			want = Router
		case strings.HasSuffix(n.gguf, "conv.conv"), strings.HasSuffix(n.gguf, "conv1d"):
			want = Filter
		}
		for _, name := range []string{n.huggingFace, n.gguf, n.postNorms} {
			if name != "" && RoleOf(name+".weight") != want {
				t.Errorf("%s is %q, want %q", name, RoleOf(name+".weight"), want)
			}
		}
	}
}

// TestGGUFMetadata: whatever a key says, the configuration makes sense or is refused.
func TestGGUFMetadata(t *testing.T) {
	var keys []string
	for _, k := range metadataKeys {
		keys = append(keys, k.gguf)
	}
	keys = append(keys, scalingType, scalingFactor, scalingLinear, scalingOriginal, scalingAttention, "attention.scale", "rope.unheard_of",
		finetuned, "embedding_scale", "residual_scale", "logit_scale", "expert_weights_scale", "expert_weights_norm", "attention.layer_norm_epsilon")
	values := []any{nil, uint32(0), uint32(1), uint32(7), uint32(math.MaxUint32), float32(0), float32(-1), float32(1e30), float32(math.Inf(1)), float32(math.NaN()),
		"", "yarn", "linear", true, []int64{}, []int64{2, 2}, []int64{1, 2}, []int64{-1, -1}, []bool{true}, []bool{true, false}}
	var accepted, refused int
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom([]string{"llama", "llama-llama3", "qwen2", "qwen3", "phi3", "phi3-longrope-long", "lfm2", "granitemoehybrid", "falcon_h1-one", "nemotron_h-experts"}).Draw(r, "fixture")
		f := asGGUF(t, fixtureParsed(t, name))
		for range rapid.IntRange(1, 3).Draw(r, "changes") {
			key := f.values["general.architecture"].(string) + "." + rapid.SampledFrom(keys).Draw(r, "key")
			f.values[key] = rapid.SampledFrom(values).Draw(r, "value")
		}
		c, err := FromGGUF(f, f)
		if err == nil {
			accepted++
			err = c.Check()
		} else if refused++; errors.Is(err, ErrConfig) || errors.Is(err, ErrWeights) {
			err = nil
		}
		if err != nil {
			r.Fatal(err)
		}
	})
	if accepted+refused >= 100 && (accepted == 0 || refused == 0) { // few with -short
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
}

// TestNeighbours: halves of heads become pairs.
func TestNeighbours(t *testing.T) {
	order := neighbours(6)
	var got []int
	for row := range 12 {
		got = append(got, order(row))
	}
	if want := []int{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestGatingLeftOut: files of DeepSeek V2 from before there was expert_gating_func have a softmax, others sigmoids.
func TestGatingLeftOut(t *testing.T) {
	for _, name := range []string{"deepseek_v2", "glm4_moe"} {
		want := fixtureParsed(t, name)
		want.QKVBias = false // of which llama.cpp has none in DeepSeek's
		f := asGGUF(t, want)
		key := fmt.Sprint(f.values["general.architecture"], ".", gatingFunction)
		if f.values[key] == nil {
			t.Fatalf("%s: no %s", name, key)
		}
		delete(f.values, key)
		got, err := FromGGUF(f, f)
		if err != nil {
			t.Fatal(err)
		}
		if got.Experts.Sigmoid != want.Experts.Sigmoid {
			t.Errorf("%s: sigmoids are %v", name, got.Experts.Sigmoid)
		}
	}
}
