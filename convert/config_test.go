package convert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// TestDerivedConfig: what config.json says of a GGUF file's sizes and rotary embeddings.
func TestDerivedConfig(t *testing.T) {
	for _, c := range []struct {
		keys []gguf.Pair
		want string // of rope_scaling
	}{
		{nil, "null"},
		{[]gguf.Pair{{Key: "llama.rope.scale_linear", Value: float32(2)}}, `{"factor":2,"rope_type":"linear"}`},
		{[]gguf.Pair{{Key: "llama.rope.scaling.factor", Value: float32(4)}}, `{"factor":4,"rope_type":"linear"}`},
		{[]gguf.Pair{{Key: "llama.rope.scaling.factor", Value: float32(4)}, {Key: "llama.rope.scaling.type", Value: "none"}}, "null"},
		{[]gguf.Pair{{Key: "llama.rope.scaling.factor", Value: float32(0)}, {Key: "llama.rope.scaling.type", Value: "linear"}}, "null"},
		{[]gguf.Pair{{Key: "llama.rope.scaling.factor", Value: float32(4)}, {Key: "llama.rope.scaling.type", Value: "yarn"},
			{Key: "llama.rope.scaling.original_context_length", Value: uint32(64)}}, `{"factor":4,"original_max_position_embeddings":64,"rope_type":"yarn"}`},
	} {
		src, dst := filepath.Join(t.TempDir(), "m.gguf"), filepath.Join(t.TempDir(), "out")
		pairs := append([]gguf.Pair{{Key: "general.architecture", Value: "llama"}, {Key: "llama.attention.head_count_kv", Value: []int32{3, 3}}}, c.keys...)
		if err := gguf.Create(src, []gguf.Entry{{Name: "w", Type: gguf.F32, Shape: []int{1}, Data: make([]byte, 4)}}, pairs); err != nil {
			t.Fatal(err)
		}
		if _, err := Directory(t.Context(), Job{Source: src, Output: dst}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dst, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Heads int `json:"num_key_value_heads"`
			Rope  any `json:"rope_scaling"`
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if rope, _ := json.Marshal(got.Rope); string(rope) != c.want || got.Heads != 3 {
			t.Errorf("%v: %s, %d heads; want %s, 3", c.keys, rope, got.Heads, c.want)
		}
	}
}
