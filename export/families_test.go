package export

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// fixtures are tiny models of every family: see transformer/testdata/fixtures.py.
const fixtures = "../transformer/testdata/fixtures"

// letters is a tokenizer of 32 tokens: 30 characters, a beginning and an end.
func letters(t *testing.T, dir string) {
	t.Helper()
	vocab := map[string]int{"Ġ": 0, "a": 3}
	for i := range 28 {
		vocab[string(rune('b'+i))] = 4 + i
	}
	text, err := json.Marshal(vocab)
	must(t, err)
	write(t, dir, "tokenizer.json", fmt.Sprintf(`{"added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "</s>", "special": true}],
		"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "vocab": %s, "merges": []}}`, strings.Replace(string(text), "{", `{"<s>": 1, "</s>": 2, `, 1)))
	write(t, dir, "tokenizer_config.json", `{"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": false}`)
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

// family makes a directory of a fixture, with keys of its config.json changed.
func family(t *testing.T, name string, change map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	var about struct {
		Weights string `json:"weights"`
	}
	text, err := os.ReadFile(filepath.Join(fixtures, name, "case.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &about))
	text, err = os.ReadFile(filepath.Join(fixtures, name, "config.json"))
	must(t, err)
	config := map[string]any{}
	must(t, json.Unmarshal(text, &config))
	maps.Copy(config, change)
	other := config[otherSizes] != nil
	delete(config, otherSizes)
	text, err = json.Marshal(config)
	must(t, err)
	if other {
		random(t, dir, text)
	} else {
		weights, err := os.ReadFile(filepath.Join(fixtures, about.Weights, "model.safetensors"))
		must(t, err)
		write(t, dir, "model.safetensors", string(weights))
	}
	write(t, dir, "config.json", string(text))
	letters(t, dir)
	return dir
}

// otherSizes among the changes says that the fixture's weights do not fit them.
const otherSizes = "other sizes"

// random makes a model's weights by its config.json.
func random(t *testing.T, dir string, text []byte) {
	t.Helper()
	c, err := arch.ParseConfig(text)
	must(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	var entries []safetensors.Entry
	for _, w := range c.Weights(func(string) bool { return false }) {
		if w.Optional {
			continue
		}
		values := make([]float32, w.Len())
		for i := range values {
			values[i] = float32(rng.NormFloat64() / math.Sqrt(float64(w.Shape[len(w.Shape)-1])))
		}
		entries = append(entries, safetensors.Float32(w.Name, w.Stacked(), values))
	}
	must(t, safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, nil))
}

// forward returns a model's logits for some tokens.
func forward(t *testing.T, path string, tokens []int) []float32 {
	t.Helper()
	m, err := transformer.Open(t.Context(), path, transformer.Options{Context: 24})
	must(t, err)
	defer m.Close()
	var rows []float32
	must(t, m.Logits(t.Context(), tokens, func(_ int, logits []float32) error {
		rows = append(rows, logits...)
		return nil
	}))
	return rows
}

// ran is forward for tokens of the fixtures.
func ran(t *testing.T, path string) []float32 {
	t.Helper()
	tokens := make([]int, 24)
	for i := range tokens {
		tokens[i] = (i*i + 5*i + 3) % 60
	}
	return forward(t, path, tokens)
}

// gemmaScale is the scale of attention that llama.cpp has for the fixtures.
var gemmaScale = map[string]any{"query_pre_attn_scalar": 12}

// alike has delta nets whose values are as long as keys, as llama.cpp's are.
var alike = map[string]any{otherSizes: true, "linear_key_head_dim": 6, "linear_value_head_dim": 6}

// usualYaRN is YaRN as llama.cpp has it where keys and values are compressed.
func usualYaRN(more map[string]any) map[string]any {
	r := map[string]any{"mscale": 1.0, "mscale_all_dim": 1.0, "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32, "beta_slow": 1}
	maps.Copy(r, more)
	return rope("yarn", r)
}

// scout is what llama.cpp has for Llama 4 whatever a file says.
var scout = map[string]any{"attention_chunk_size": 8192, "floor_scale": 8192, "attn_scale": 0.1, "use_qk_norm": true}

// rope is a configuration's rope_parameters.
func rope(kind string, keys map[string]any) map[string]any {
	r := map[string]any{"rope_theta": 500.0, "rope_type": kind}
	maps.Copy(r, keys)
	return map[string]any{"rope_parameters": r}
}

// families are models that llama.cpp computes as they are: testdata/llamacpp.py.
var families = []struct {
	name   string
	change map[string]any
	arch   string
}{
	{"llama", nil, "llama"},
	{"llama-linear", nil, "llama"},
	{"llama-llama3", nil, "llama"},
	{"llama", rope("yarn", map[string]any{"factor": 4.0, "original_max_position_embeddings": 16}), "llama"},
	{"llama", rope("yarn", map[string]any{"factor": 4.0, "original_max_position_embeddings": 16, "attention_factor": 1.5}), "llama"},
	{"llama", rope("longrope", map[string]any{"original_max_position_embeddings": 16, "factor": 4.0,
		"short_factor": []float64{1, 1, 1, 1, 1, 1, 2, 2}, "long_factor": []float64{1, 2, 3, 4, 5, 6, 7, 8}}), "llama"},
	{"llama-bias", nil, "llama"},
	{"mistral", map[string]any{"sliding_window": nil}, "llama"},
	{"qwen2", nil, "qwen2"},
	{"qwen3", nil, "qwen3"},
	{"smollm3", nil, "smollm3"},
	{"olmo2", nil, "olmo2"},
	{"olmo2-yarn", nil, "olmo2"},
	{"olmo3", nil, "olmo2"},
	{"olmoe", nil, "olmoe"},
	{"lfm2", nil, "lfm2"},
	{"granitemoehybrid", nil, "granitehybrid"},
	{"granitemoehybrid-rope", nil, "granitehybrid"},
	{"falcon_h1-one", nil, "falcon-h1"},
	{"nemotron_h-experts", nil, "nemotron_h_moe"},
	{"seed_oss", nil, "seed_oss"},
	{"ernie4_5", nil, "ernie4_5"},
	{"ernie4_5-linear", nil, "ernie4_5"},
	{"exaone4-tied", map[string]any{otherSizes: true, "hidden_size": 20}, "exaone4"},
	{"cohere", nil, "command-r"},
	{"cohere2", nil, "cohere2"},
	{"cohere2-layers", nil, "cohere2"},
	{"granite", nil, "granite"},
	{"granite-tied", nil, "granite"},
	{"granitemoe", nil, "granitemoe"},
	{"granitemoeshared", nil, "granitemoe"},
	{"glm4_moe", nil, "glm4moe"},
	{"glm4_moe-groups", nil, "glm4moe"},
	{"glm4_moe-dense", nil, "glm4moe"},
	{"lfm2_moe", map[string]any{"routed_scaling_factor": 1}, "lfm2moe"},
	{"qwen3_next", alike, "qwen3next"},
	{"qwen3_5_text", alike, "qwen35"},
	{"qwen3_5_moe_text", alike, "qwen35moe"},
	{"deepseek_v2", map[string]any{"attention_bias": false}, "deepseek2"},
	{"deepseek_v3", nil, "deepseek2"},
	{"deepseek_v3-yarn", usualYaRN(nil), "deepseek2"},
	{"glm4_moe_lite", map[string]any{"rms_norm_eps": 1e-6}, "deepseek2"},
	{"ministral3", nil, "mistral3"},
	{"ministral3-tied", nil, "mistral3"},
	{"mistral4", usualYaRN(map[string]any{"llama_4_scaling_beta": 0.3}), "mistral4"},
	{"llama4_text", scout, "llama4"},
	{"llama4_text-two", scout, "llama4"},
	{"gemma4", nil, "gemma4"},
	{"gemma4-layers", nil, "gemma4"},
	{"gemma4-experts", nil, "gemma4"},
	{"mixtral", nil, "llama"},
	{"qwen2_moe", nil, "qwen2moe"},
	{"qwen3_moe", nil, "qwen3moe"},
	{"gpt_oss", rope("yarn", map[string]any{"factor": 4.0, "original_max_position_embeddings": 16}), "gpt-oss"},
	{"gpt_oss-tied", rope("yarn", map[string]any{"factor": 4.0, "original_max_position_embeddings": 16, "truncate": true}), "gpt-oss"},
	{"gemma2", gemmaScale, "gemma2"},
	{"gemma2", map[string]any{"query_pre_attn_scalar": 12, "layer_types": []string{"full_attention", "sliding_attention"}}, "gemma2"},
	{"gemma3", gemmaScale, "gemma3"},
	{"gemma3-linear", gemmaScale, "gemma3"},
	{"gemma3", map[string]any{"query_pre_attn_scalar": 12, "final_logit_softcapping": 3,
		"layer_types": []string{"full_attention", "full_attention", "sliding_attention", "full_attention"}}, "gemma3"},
	{"phi3", nil, "phi3"},
	{"phi3-partial", nil, "phi3"},
	{"phi3-longrope-short", nil, "phi3"},
	{"phi3-longrope-long", nil, "phi3"},
}

// TestFamiliesRunAlike: a model exported to GGUF has the logits that it had, from the
// checkpoint and from a model directory, as do a model directory made of the export and
// what that exports. llama.cpp's view of the same files: testdata/llamacpp.py.
func TestFamiliesRunAlike(t *testing.T) {
	for _, c := range families {
		t.Run(c.name, func(t *testing.T) {
			dir, out := family(t, c.name, c.change), t.TempDir()
			first, second, third := filepath.Join(out, "1.gguf"), filepath.Join(out, "2.gguf"), filepath.Join(out, "3.gguf")
			r, err := File(t.Context(), dir, first, Options{})
			must(t, err)
			if len(r.Notes) > 0 != (c.name == "phi3") { // whose window is cut
				t.Errorf("%q", r.Notes)
			}
			_, err = File(t.Context(), converted(t, dir, convert.Options{Method: convert.Lossless}), second, Options{})
			must(t, err)
			again := converted(t, first, convert.Options{Method: convert.Lossless})
			_, err = File(t.Context(), again, third, Options{})
			must(t, err)
			a, err := os.ReadFile(first)
			must(t, err)
			for _, path := range []string{second, third} {
				if b, err := os.ReadFile(path); err != nil || string(a) != string(b) {
					t.Errorf("%s: other bytes, %v", path, err)
				}
			}
			want := ran(t, dir)
			scale := float64(slices.Max(want) - slices.Min(want))
			for _, path := range []string{first, again} {
				got := ran(t, path)
				for i := range want {
					if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-5*scale) {
						t.Fatalf("%s: logit %d is %v, want %v", path, i, got[i], want[i])
					}
				}
			}
			f, err := gguf.Open(first)
			must(t, err)
			defer f.Close()
			if arch, err := f.String("general.architecture"); err != nil || arch != c.arch {
				t.Errorf("architecture %q, %v", arch, err)
			}
			embeddings, _ := f.Tensor("token_embd.weight")
			if tokens, err := f.Strings("tokenizer.ggml.tokens"); err != nil || len(tokens) != embeddings.Shape[0] {
				t.Errorf("%d tokens for %v, %v", len(tokens), embeddings.Shape, err)
			}
		})
	}
}

// TestWhatLlamaCppCannot: what a GGUF file cannot say, or llama.cpp would not hear, is
// refused by its name.
func TestWhatLlamaCppCannot(t *testing.T) {
	for _, c := range []struct {
		name   string
		change map[string]any
		want   string
	}{
		{"llama-dynamic", nil, `scaled by "dynamic"`},
		{"llama-yarn", nil, "betas"},
		{"llama-yarn-mscale", nil, "bounds"},
		{"llama", map[string]any{"hidden_act": "gelu_new"}, "activation"},
		{"qwen2", rope("llama3", map[string]any{"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}), `scaled by "llama3"`},
		{"gemma2", nil, "attention scaled by"},
		{"gemma3", nil, "attention scaled by"},
		{"gemma2", map[string]any{"query_pre_attn_scalar": 12, "final_logit_softcapping": nil}, "not capped"},
		{"gemma2", map[string]any{"query_pre_attn_scalar": 12, "tie_word_embeddings": false}, "head of its own"},
	} {
		out := filepath.Join(t.TempDir(), "o.gguf")
		_, err := File(t.Context(), family(t, c.name, c.change), out, Options{})
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q", c.name, c.change, err, c.want)
		}
	}
}

// TestSidewaysExperts: experts that gpt-oss and Llama 4 have on their side are written so again, from a checkpoint and from a
// model directory, and from MXFP4 as bfloat16.
func TestSidewaysExperts(t *testing.T) {
	for _, name := range []string{"gpt_oss", "gpt_oss-mxfp4", "llama4_text", "llama4_text-tied"} {
		dir := family(t, name, nil)
		want := ran(t, dir)
		paths := []string{dir}
		if name != "gpt_oss-mxfp4" { // which no lossless file holds
			paths = append(paths, converted(t, dir, convert.Options{Method: convert.Lossless}))
		}
		for _, from := range paths {
			out := filepath.Join(t.TempDir(), "model.safetensors")
			_, err := File(t.Context(), from, out, Options{})
			must(t, err)
			if got := ran(t, filepath.Dir(out)); !slices.Equal(got, want) {
				t.Errorf("%s: other logits", name)
			}
			if name == "gpt_oss-mxfp4" {
				continue
			}
			a, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
			must(t, err)
			b, err := os.ReadFile(out)
			must(t, err)
			if !slices.Equal(tensorsOf(t, a), tensorsOf(t, b)) {
				t.Errorf("%s: other tensors", name)
			}
		}
	}
}

// tensorsOf lists a safetensors file's tensors, sorted, with their elements.
func tensorsOf(t *testing.T, file []byte) (list []string) {
	t.Helper()
	head := binary.LittleEndian.Uint64(file)
	var entries map[string]json.RawMessage
	must(t, json.Unmarshal(file[8:8+head], &entries))
	delete(entries, "__metadata__")
	for name, text := range entries {
		var e struct {
			DType string `json:"dtype"`
			Shape []int  `json:"shape"`
			Span  [2]int `json:"data_offsets"`
		}
		must(t, json.Unmarshal(text, &e))
		list = append(list, fmt.Sprintf("%s %s %v %x", name, e.DType, e.Shape, sha256.Sum256(file[8+int(head):][e.Span[0]:e.Span[1]])))
	}
	slices.Sort(list)
	return list
}

// TestOwnHead: a head that is stored beside the embeddings and differs counts, whatever
// config.json says, as in transformers 5.
func TestOwnHead(t *testing.T) {
	out := t.TempDir()
	_, err := File(t.Context(), family(t, "llama", nil), filepath.Join(out, "untied.gguf"), Options{})
	must(t, err)
	_, err = File(t.Context(), family(t, "llama", map[string]any{"tie_word_embeddings": true}), filepath.Join(out, "tied.gguf"), Options{})
	must(t, err)
	if !slices.Equal(ran(t, filepath.Join(out, "tied.gguf")), ran(t, filepath.Join(out, "untied.gguf"))) {
		t.Error("other logits")
	}
}

// TestExpertsOneByOne: experts are written to safetensors as checkpoints have them, from a checkpoint and
// from a model directory.
func TestExpertsOneByOne(t *testing.T) {
	for _, name := range []string{"mixtral", "qwen3_moe"} {
		dir := family(t, name, nil)
		want := ran(t, dir)
		for _, from := range []string{dir, converted(t, dir, convert.Options{Method: convert.Lossless})} {
			out := filepath.Join(t.TempDir(), "model.safetensors")
			_, err := File(t.Context(), from, out, Options{})
			must(t, err)
			a, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
			must(t, err)
			defer a.Close()
			b, err := safetensors.Open(out)
			must(t, err)
			defer b.Close()
			if len(a.Tensors()) != len(b.Tensors()) {
				t.Errorf("%s: %d tensors, want %d", name, len(b.Tensors()), len(a.Tensors()))
			}
			for _, x := range a.Tensors() {
				y, ok := b.Tensor(x.Name)
				if !ok || !slices.Equal(x.Shape, y.Shape) {
					t.Fatalf("%s: no %s of %v", name, x.Name, x.Shape)
				}
				p, q := make([]float32, x.Len()), make([]float32, x.Len())
				must(t, errors.Join(x.ReadFloat32(t.Context(), p, 0), y.ReadFloat32(t.Context(), q, 0)))
				if !slices.Equal(p, q) {
					t.Errorf("%s: other weights in %s", name, x.Name)
				}
			}
			if got := ran(t, filepath.Dir(out)); !slices.Equal(got, want) {
				t.Errorf("%s: other logits", name)
			}
		}
	}
}
