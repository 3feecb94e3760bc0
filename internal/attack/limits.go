package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// limits runs models and conversions under memory limits, the smallest that the program
// names and others, with 1 to 8 threads and both kinds of cache: none may hold more than
// its limit at any time, the smallest must work, and be the figure that plan and the
// verbs' refusals agree on. HELIX_MODELS, a list of paths, adds models to the demo's and
// one with a vocabulary of 49,152.
func limits(ctx context.Context, a *arena, tries int) error {
	wide := a.path("wide")
	if err := makeWide(wide, 49152); err != nil {
		return err
	}
	if err := a.must(ctx, "convert", wide, "-o", a.path("wide.m"), "-q", "--no-calibrate"); err != nil {
		return err
	}
	text := a.path("text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("Once upon a time there was a little girl. ", 220)), 0o666); err != nil {
		return err
	}
	models := []string{a.path("demo", "model"), a.path("demo", "checkpoint"), a.path("wide.m"), wide}
	models = append(models, filepath.SplitList(os.Getenv("HELIX_MODELS"))...)
	slowest := 0.0
	for i := range tries {
		run := limitedRun{model: models[i%len(models)], text: text, verb: limitedVerbs[i/len(models)%len(limitedVerbs)],
			threads: 1 + a.random.IntN(8), cache: []string{"f32", "f16"}[a.random.IntN(2)], context: []int{64, 256}[a.random.IntN(2)]}
		if run.verb == "chat" { // its prompts and answers take more tokens where the vocabulary has no words
			run.context = 256
		}
		ratio, err := run.try(ctx, a, i)
		if err != nil {
			return err
		}
		slowest = max(slowest, ratio)
	}
	fmt.Printf("limits: at the smallest limit at most %.1f times the processor time of 10 %% more\n", slowest)
	return nil
}

var limitedVerbs = []string{"run", "chat", "forward", "ppl", "convert", "size"}

// limitedRun is one model, verb and way to run.
type limitedRun struct {
	model, text, verb, cache string
	threads, context         int
}

// try runs at the smallest limit that is named, 3 % and 10 % above, and at some other, and
// returns how many times as long the first took as the third, of runs that take long.
func (r *limitedRun) try(ctx context.Context, a *arena, i int) (ratio float64, err error) {
	least, err := r.least(ctx, a)
	if err != nil || least == 0 {
		return 0, err
	}
	var took []float64
	for _, limit := range []int64{least, least + least*3/100, least + least/10, least + a.random.Int64N(least)} {
		o, err := r.run(ctx, a, limit, i)
		if err != nil {
			return 0, err
		}
		took = append(took, o.cpu.Seconds())
		switch {
		case o.code != 0:
			a.finding("%s %s, %d threads, limit %d (the smallest is %d): exit code %d: %s", r.verb, r.model, r.threads, limit, least, o.code, o.line())
		case o.peak > limit:
			a.finding("%s %s, %d threads, %s, context %d: %d bytes under a limit of %d", r.verb, r.model, r.threads, r.cache, r.context, o.peak, limit)
		}
	}
	if took[2] < 1 {
		return 0, nil
	}
	return took[0] / took[2], nil
}

// least is the smallest limit by what the program says.
func (r *limitedRun) least(ctx context.Context, a *arena) (int64, error) {
	refused, err := r.run(ctx, a, 1<<20, 0)
	if err != nil {
		return 0, err
	}
	_, figure, ok := strings.Cut(refused.stderr, "at least ")
	figure, _, _ = strings.Cut(figure, "MiB")
	mib, parseErr := strconv.ParseInt(figure, 10, 64)
	if !ok || parseErr != nil || refused.code != 1 {
		a.finding("%s %s within 1 MiB: exit code %d: %s", r.verb, r.model, refused.code, refused.line())
		return 0, nil
	}
	if r.verb == "convert" || r.verb == "size" {
		return mib << 20, nil
	}
	o, err := a.try(ctx, "", "plan", r.model, "--json", "-c", strconv.Itoa(r.context), "--cache", r.cache, "--threads", strconv.Itoa(9-r.threads))
	if err != nil {
		return 0, err
	}
	var plan struct{ Minimum int64 }
	if err := json.Unmarshal([]byte(o.stdout), &plan); err != nil {
		return 0, fmt.Errorf("plan %s: %w: %s", r.model, err, o.stderr)
	}
	if d := plan.Minimum - mib<<20; d < -1<<20 || d > 1<<20 { // what Go holds differs by kilobytes
		a.finding("%s %s, context %d: plan names %d MiB, the refusal %d", r.verb, r.model, r.context, plan.Minimum>>20, mib)
	}
	return max(plan.Minimum, mib<<20), nil
}

// run runs the verb within a limit.
func (r *limitedRun) run(ctx context.Context, a *arena, limit int64, i int) (*outcome, error) {
	memory, threads := strconv.FormatInt(limit, 10), strconv.Itoa(r.threads)
	flags := []string{"--memory", memory, "--threads", threads}
	model := append(flags, "-c", strconv.Itoa(r.context), "--cache", r.cache)
	const prompt = "Once upon a time there was a little girl."
	out := a.path(fmt.Sprintf("limited-%d", i))
	defer os.RemoveAll(out)
	switch r.verb {
	case "chat":
		return a.try(ctx, strings.Repeat("Hello.\n", 5), append([]string{"run", r.model, "-n", "8", "--receipt", out}, model...)...)
	case "forward":
		return a.try(ctx, "", append([]string{"forward", r.model, prompt, "-o", out}, model...)...)
	case "ppl":
		return a.try(ctx, "", append([]string{"eval", "ppl", r.model, "--text", r.text, "--limit", "2", "--window", strconv.Itoa(r.context)}, model...)...)
	case "convert":
		return a.try(ctx, "", append([]string{"convert", r.source(a), "-o", out, "-q", "--no-calibrate", "--bits", "4"}, flags...)...)
	case "size":
		return a.try(ctx, "", append([]string{"convert", r.source(a), "-o", out, "-q", "--size", "100MB", "--allocate", "error"}, flags...)...)
	}
	return a.try(ctx, prompt, append([]string{"run", r.model, "-n", "16"}, model...)...)
}

// source is what is converted: a model directory is none.
func (r *limitedRun) source(a *arena) string {
	switch r.model {
	case a.path("demo", "model"):
		return a.path("demo", "checkpoint")
	case a.path("wide.m"):
		return a.path("wide")
	}
	return r.model
}

// makeWide writes a checkpoint of two narrow layers with a large vocabulary, and its
// tokenizer.
func makeWide(dir string, vocab int) error {
	const hidden, ffn, layers = 64, 128, 2
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	config := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers,
		"num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": vocab, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000,
		"tie_word_embeddings": true, "hidden_act": "silu", "torch_dtype": "bfloat16",
	}
	ids := map[string]int{}
	for b := range 256 { // the byte alphabet of GPT-2
		r := rune(b)
		if b < 33 || b > 126 && b < 161 || b == 173 {
			r = rune(256 + b)
		}
		ids[string(r)] = len(ids)
	}
	ids["Ġ"] = ids[string(rune(256+32))]
	for i := 0; len(ids) < vocab; i++ {
		ids["token"+strconv.Itoa(i)] = len(ids)
	}
	tokenizer := map[string]any{
		"version": "1.0", "model": map[string]any{"type": "BPE", "vocab": ids, "merges": []string{}},
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false}, "decoder": map[string]any{"type": "ByteLevel"}, "added_tokens": []any{},
	}
	for name, v := range map[string]any{"config.json": config, "tokenizer.json": tokenizer} {
		text, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o666)
		}
		if err != nil {
			return err
		}
	}
	state := uint32(1)
	tensor := func(name string, shape ...int) safetensors.Entry {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]byte, 2*n)
		for i := range n {
			state = state*1664525 + 1013904223
			x := float32(state>>8)/(1<<24) - 0.5
			if len(shape) == 1 {
				x = 1
			}
			binary.LittleEndian.PutUint16(data[2*i:], uint16(math.Float32bits(x)>>16))
		}
		return safetensors.Entry{Name: name, DType: dtype.BF16, Shape: shape, Data: data}
	}
	entries := []safetensors.Entry{tensor("model.embed_tokens.weight", vocab, hidden), tensor("model.norm.weight", hidden)}
	for l := range layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		for _, name := range []string{"q", "k", "v", "o"} {
			entries = append(entries, tensor(at+"self_attn."+name+"_proj.weight", hidden, hidden))
		}
		entries = append(entries, tensor(at+"mlp.gate_proj.weight", ffn, hidden), tensor(at+"mlp.up_proj.weight", ffn, hidden), tensor(at+"mlp.down_proj.weight", hidden, ffn),
			tensor(at+"input_layernorm.weight", hidden), tensor(at+"post_attention_layernorm.weight", hidden))
	}
	return safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, nil)
}
