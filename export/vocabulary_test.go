package export

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// exported opens what a directory is as a GGUF file.
func exported(t *testing.T, dir string) (*gguf.File, *Report) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "model.gguf")
	r, err := File(t.Context(), dir, out, Options{})
	must(t, err)
	f, err := gguf.Open(out)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f, r
}

// TestWhatTheFilesSay: the template of chat_template.jinja, all stops of
// generation_config.json, and the tokens that only special_tokens_map.json names come
// into the file, from the checkpoint and from a conversion of it.
func TestWhatTheFilesSay(t *testing.T) {
	const template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant]"
	dir := family(t, "llama", nil)
	write(t, dir, "tokenizer_config.json", `{"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": [{"name": "default", "template": "not this"},
		{"name": "tool_use", "template": "{{ tools }}"}, {"name": "rag", "template": "{{ documents }}"}]}`)
	write(t, dir, "special_tokens_map.json", `{"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": "b", "mask_token": "c"}`)
	write(t, dir, "generation_config.json", `{"eos_token_id": [2, 5, 7]}`)
	write(t, dir, "chat_template.jinja", template)
	for _, path := range []string{dir, converted(t, dir, convert.Options{})} {
		f, _ := exported(t, path)
		for key, want := range map[string]uint64{"bos": 1, "eos": 2, "eot": 5, "eom": 7, "padding": 4, "mask": 5} {
			if got, err := f.Uint("tokenizer.ggml." + key + "_token_id"); err != nil || got != want {
				t.Errorf("%s: %d, %v, want %d", key, got, err, want)
			}
		}
		if got, err := f.String("tokenizer.chat_template"); err != nil || got != template {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := f.String("tokenizer.chat_template.tool_use"); err != nil || got != "{{ tools }}" {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := f.Strings("tokenizer.chat_templates"); err != nil || !slices.Equal(got, []string{"rag", "tool_use"}) {
			t.Errorf("%q, %v", got, err)
		}
		types, err := f.Ints("tokenizer.ggml.token_type")
		if want := []int64{1, 3, 3, 1, 3, 3, 1, 1}; err != nil || !slices.Equal(types[:8], want) {
			t.Errorf("types %v, %v, want %v", types[:8], err, want)
		}
		tok, err := generate.OpenTokenizer(f.Name())
		must(t, err)
		if got := tok.EOS(); !slices.Equal(got, []int{2, 5, 7}) {
			t.Errorf("ends %v", got)
		}
	}
}

// TestWholeDirectory: beside a model.safetensors lies all that Hugging Face's libraries
// want, config.json says what the weights are now, and nothing is overwritten.
func TestWholeDirectory(t *testing.T) {
	dir := family(t, "qwen2", map[string]any{"quantization_config": map[string]any{"quant_method": "none"}})
	write(t, dir, "chat_template.jinja", "{{ messages }}")
	out := t.TempDir()
	r, err := File(t.Context(), dir, filepath.Join(out, "model.safetensors"), Options{DType: F32})
	must(t, err)
	if want := []string{"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}; !slices.Equal(r.Files, want) {
		t.Errorf("%q, want %q", r.Files, want)
	}
	text, err := os.ReadFile(filepath.Join(out, "config.json"))
	must(t, err)
	if s := string(text); strings.Contains(s, "quantization_config") || !strings.Contains(s, `"dtype": "float32"`) {
		t.Errorf("%s", s)
	}
	if got, want := ran(t, out), ran(t, dir); !slices.Equal(got, want) {
		t.Error("other logits")
	}

	out = t.TempDir()
	if _, err := File(t.Context(), family(t, "qwen2", nil), filepath.Join(out, "model.safetensors"), Options{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(out, "config.json")); err != nil || !strings.Contains(string(got), `"dtype":"bfloat16"`) {
		t.Errorf("config.json changed: %s, %v", got, err)
	}
}
