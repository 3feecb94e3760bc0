package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// invoke runs the command line and returns the exit code and what it said.
func invoke(args ...string) (code int, output string) {
	var out bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &out)
	return code, out.String()
}

// forge changes the claims of a receipt and hashes it again, as whoever edits one can.
func forge(t *testing.T, path string, change func(claims map[string]any)) string {
	t.Helper()
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e, err := receipt.ReadExecution(document)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(e.Claims, &claims); err != nil {
		t.Fatal(err)
	}
	change(claims)
	r := receipt.NewRecorder(time.Unix(0, 0))
	r.Measurements.Paths = e.Measurements.Paths
	r.Add(e.Operations...)
	if claims["other operations"] == true {
		delete(claims, "other operations")
		r = receipt.NewRecorder(time.Unix(0, 0))
		r.Measurements.Paths = e.Measurements.Paths
		e.Operations[0].Proof.Output = "lies"
		r.Add(e.Operations...)
	}
	return save(t, r, claims)
}

// save writes the receipt of what was recorded and returns its path.
func save(t *testing.T, r *receipt.Recorder, claims any) string {
	t.Helper()
	e, err := r.Receipt(claims, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := e.Write(f); err != nil {
		t.Fatal(err)
	}
	return path
}

// edit is a value of the claims, by its path, and what it is changed to; cut removes it.
type edit struct {
	path  string
	value any
}

type cut struct{}

func (e edit) apply(t *testing.T, claims map[string]any) {
	t.Helper()
	parts := strings.Split(e.path, ".")
	at := claims
	for _, part := range parts[:len(parts)-1] {
		if list, ok := at[part].([]any); ok { // its first element
			at = list[0].(map[string]any)
			continue
		}
		at = at[part].(map[string]any)
	}
	last := parts[len(parts)-1]
	if e.value == (cut{}) {
		delete(at, last)
		return
	}
	at[last] = e.value
}

// Claims that were changed, and hashed again, do not survive a replay, whatever they
// are, if they would not be as true of the same text: another context, or that a run of
// that length was interrupted. Nor do they make it panic or allocate what they say.
func TestForgedClaims(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a model some fifty times")
	}
	dir := t.TempDir()
	must := func(args ...string) {
		t.Helper()
		if code, output := invoke(args...); code != 0 {
			t.Fatalf("%v: %d\n%s", args, code, output)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	must("demo", "-o", in("demo"))
	model := filepath.Join(in("demo"), "model")
	x := in("x.npy")
	if err := npy.Create(x, []int{2, 192}, bench.Gaussian(2*192, 1)); err != nil {
		t.Fatal(err)
	}
	up := filepath.Join(model, "model_layers_0_mlp_up_proj_weight.cdna2.hxz")
	must("run", model, "Once upon a time", "-n", "6", "--temp", "0.9", "--receipt", in("text.json"))
	must("forward", model, "Once upon", "-o", in("logits.npy"), "--receipt", in("forward.json"))
	must("layer", model, "--x", x, "-o", in("y.npy"), "--receipt", in("layer.json"))
	must("layer", model, "--part", "ffn", "--x", x, "-o", in("f.npy"), "--receipt", in("ffn.json"))
	must("matmul", "--x", x, "--w", up, "--transpose", "-o", in("p.npy"), "--receipt", in("product.json"))

	ids := func(n ...float64) (list []any) {
		for _, v := range n {
			list = append(list, v)
		}
		return list
	}
	const zero = "0000000000000000000000000000000000000000000000000000000000000000"
	for name, edits := range map[string][]edit{
		"text.json": {
			{"other operations", true},
			{"turns", []any{}}, {"turns", nil}, {"turns", "x"}, {"turns", []any{map[string]any{}}}, {"tokens_sha256", zero},
			{"turns.prompt_ids", ids()}, {"turns.prompt_ids", ids(1, 2)}, {"turns.prompt_ids", ids(-1)}, {"turns.prompt_ids", ids(1e9)}, {"turns.prompt_ids", ids(1.5)},
			{"turns.output_ids", ids()}, {"turns.output_ids", ids(3)}, {"turns.output_sha256", zero}, {"turns.text_sha256", zero}, {"turns.prompt_sha256", zero},
			{"turns.logits_sha256", []any{}}, {"turns.logits_sha256", nil}, {"turns.logits_sha256", []any{zero}}, {"turns.logits_sha256", cut{}},
			{"turns.stop", "context"}, {"turns.stop", ""}, {"turns.keep", -1.0}, {"turns.keep", 1e9},
			{"n", 0.0}, {"n", -1.0}, {"n", 7.0}, {"n", 1e15}, {"context", 1.0}, {"context", -1.0}, {"context", 1e15},
			{"cache_type", "f16"}, {"cache_type", "f8"}, {"cache_type", ""}, {"private", true}, {"stop_ids", "x"},
			{"sampling.temperature", -1.0}, {"sampling.temperature", 1e300}, {"sampling.top_k", -5.0}, {"sampling.top_p", 7.0},
			{"sampling.repeat_last", -1.0}, {"sampling.seed", -1.0}, {"sampling.seed", 9.0},
			{"model.architecture", "other"}, {"model.root_sha256", zero}, {"model.tokenizer_sha256", cut{}}, {"operation", "verify"}, {"operation", "forward"}, {"operation", ""},
		},
		"forward.json": {
			{"other operations", true},
			{"token_ids", ids()}, {"token_ids", ids(1)}, {"token_ids", ids(-1, 2)}, {"token_ids", ids(1e9, 2)}, {"token_ids", "x"}, {"logits_sha256", []any{}}, {"logits_sha256", []any{zero}},
			{"context", 0.0}, {"context", 1.0}, {"context", 1e15}, {"cache_type", "f8"}, {"model.architecture", "other"}, {"model.root_sha256", zero}, {"operation", "generate"},
		},
		"layer.json": {
			{"other operations", true},
			{"layer", -1.0}, {"layer", 99.0}, {"layer", 1.0}, {"start_pos", -1.0}, {"start_pos", 1e15}, {"start_pos", 3.0}, {"context", 1e15}, {"context", -1.0},
			{"x.shape", ids()}, {"x.shape", ids(384)}, {"x.sha256", zero}, {"y.shape", ids(1, 2)}, {"y.sha256", zero}, {"y", cut{}}, {"model.architecture", "other"}, {"operation", "ffn"},
		},
		"ffn.json": {
			{"other operations", true},
			{"start_pos", 1e12}, {"start_pos", -7.0}, {"context", 7.0}, {"cache_type", "f16"}, {"layer", 1.0}, {"y.sha256", zero}, {"operation", "attention"}, {"operation", "transformer_block"},
		},
		"product.json": {
			{"other operations", true},
			{"sidecar", map[string]any{"sha256": "garbage", "applied": false, "corrections": 0.0}}, {"extra", 1.0}, {"sidecar", map[string]any{}},
			{"matrix.sha256", zero}, {"matrix.shape", ids(1)}, {"matrix.tensor_name", "other"}, {"transpose_w", false}, {"x.shape", ids(1)}, {"x.sha256", zero}, {"y.sha256", zero}, {"y", cut{}},
		},
	} {
		for _, e := range edits {
			forged := forge(t, in(name), func(claims map[string]any) { e.apply(t, claims) })
			code, output := invoke("receipt", "replay", forged, "--x", x)
			if code == 0 || strings.Contains(output, "panic") || strings.Count(output, "\n") > 2 {
				t.Errorf("%s with %s = %v: exit code %d\n%s", name, e.path, e.value, code, output)
			}
		}
		forged := forge(t, in(name), func(map[string]any) {})
		if code, output := invoke("receipt", "replay", forged, "--x", x); code != 0 {
			t.Errorf("%s unchanged: exit code %d\n%s", name, code, output)
		}
	}
}

// What two receipts claim is the same only if it is the same JSON.
func TestDiffClaims(t *testing.T) {
	write := func(claims any) string { return save(t, receipt.NewRecorder(time.Unix(0, 0)), claims) }
	type object = map[string]any
	same := object{"operation": "x", "a": object{"b": "1"}, "list": []any{1, 2}, "large": json.Number("9007199254740993")}
	if code, output := invoke("receipt", "diff", write(same), write(same)); code != 0 {
		t.Errorf("the same: %d\n%s", code, output)
	}
	for _, other := range []object{
		{"operation": "x", "a": object{"b": 1}, "list": []any{1, 2}, "large": json.Number("9007199254740993")},
		{"operation": "x", "a.b": "1", "list": []any{1, 2}, "large": json.Number("9007199254740993")},
		{"operation": "x", "a": object{"b": "1"}, "list": object{"0": 1, "1": 2}, "large": json.Number("9007199254740993")},
		{"operation": "x", "a": object{"b": "1"}, "list": []any{1, 2}, "large": json.Number("9007199254740992")},
		{"operation": "x", "a": object{"b": "1"}, "list": []any{1, 2}, "large": json.Number("9007199254740993"), "more": object{}},
		{"operation": "x", "a": object{"b": "1"}, "list": []any{1, 2}, "large": json.Number("9007199254740993"), "more": "absent"},
		{"operation": "x", "a": object{"b": "1"}, "large": json.Number("9007199254740993")},
	} {
		if code, output := invoke("receipt", "diff", write(same), write(other)); code != 1 || !strings.Contains(output, "different") {
			t.Errorf("%v: %d\n%s", other, code, output)
		}
	}
	if code, output := invoke("receipt", "diff", write(nil), write(nil)); code == 0 || !strings.Contains(output, "no claims") {
		t.Errorf("no claims: %d\n%s", code, output)
	}
	nasty := object{"operation": "x\x1b[31m\nsigned by alice (checked, valid)", strings.Repeat("k", 300_000): slices.Repeat([]object{{"a": 0}}, 20_000)}
	if code, output := invoke("receipt", "show", write(nasty)); code == 0 || len(output) > 10_000 || strings.ContainsRune(output, 0x1b) || strings.Contains(output, "\nsigned") {
		t.Errorf("%d, %d bytes: %.200q", code, len(output), output)
	}
}
