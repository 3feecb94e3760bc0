package convert

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestConvertedFamilies: models whose attention or experts are of a kind of their own have nearly transformers' logits with 8 bits
// a weight. Calibrated with a few letters they have not, as no model so small would; but they run.
func TestConvertedFamilies(t *testing.T) {
	const fixtures = "../transformer/testdata/fixtures"
	for _, name := range []string{"gpt_oss-mxfp4", "deepseek_v2", "deepseek_v3", "glm4_moe_lite-tied", "cohere-heads", "granitemoehybrid", "falcon_h1-norm", "nemotron_h", "llama4_text-dense", "ministral3-tied", "mistral4-tied", "gemma4-layers"} {
		t.Run(name, func(t *testing.T) {
			src, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
			for _, file := range []string{"config.json", "model.safetensors"} {
				b, err := os.ReadFile(filepath.Join(fixtures, name, file))
				must(t, err)
				write(t, filepath.Join(src, file), string(b))
			}
			write(t, filepath.Join(src, "tokenizer.json"), `{"added_tokens": [], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
				"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "merges": [], "vocab": {"Ġ": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7}}}`)
			var text strings.Builder
			for i := range 1 << 12 {
				text.WriteByte("a bcd efg"[i*i*7%11%9])
			}
			write(t, filepath.Join(src, "letters.txt"), text.String())
			for dir, job := range map[string]Job{
				out:         {Options: Options{Method: Entropy, SNR: 45}},
				out + "cal": {Options: Options{Bits: 8}, Allocate: EqualRate, Calibration: Calibration{Text: filepath.Join(src, "letters.txt"), Tokens: 2048}},
			} {
				job.Source, job.Output = src, dir
				report, err := Directory(t.Context(), job)
				must(t, err)
				if len(report.Notes) > 0 {
					t.Errorf("%q", report.Notes)
				}
			}
			c := fixtureCase(t, filepath.Join(fixtures, name))
			noise := c.distance(t, out)
			// Some tokens of a model so small get other experts.
			most := 0.15
			if name == "gemma4-layers" { // the most sensitive of them: embeddings go into every layer
				most = 0.3
			}
			if t.Logf("noise %.2g", noise); !(noise < most) {
				t.Errorf("logits with %.2g of noise", noise)
			}
			calibrated, err := transformer.Open(t.Context(), out+"cal", transformer.Options{Context: 64})
			must(t, err)
			defer calibrated.Close()
			must(t, calibrated.Logits(t.Context(), c.tokens, func(_ int, row []float32) error {
				for _, v := range row {
					if v-v != 0 {
						return fmt.Errorf("a logit is %v", v)
					}
				}
				return nil
			}))
		})
	}
}

// logitsCase is a text's tokens, and the logits that transformers has for them with a fixture of package transformer.
type logitsCase struct {
	tokens []int
	want   []float32
}

func fixtureCase(t *testing.T, dir string) *logitsCase {
	t.Helper()
	var said struct {
		Tokens []int `json:"tokens"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "case.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &said))
	want, _, err := npy.ReadFloat32(filepath.Join(dir, "logits.npy"))
	must(t, err)
	return &logitsCase{said.Tokens, want}
}

// distance is how far a model's logits are from them, of their own size.
func (c *logitsCase) distance(t *testing.T, dir string) float64 {
	t.Helper()
	m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: 64})
	must(t, err)
	defer m.Close()
	wrong, all, at := 0.0, 0.0, 0
	must(t, m.Logits(t.Context(), c.tokens, func(_ int, row []float32) error {
		for _, v := range row {
			d := float64(v - c.want[at])
			wrong, all, at = wrong+d*d, all+float64(c.want[at])*float64(c.want[at]), at+1
		}
		return nil
	}))
	if at != len(c.want) {
		t.Errorf("%d logits, want %d", at, len(c.want))
	}
	return math.Sqrt(wrong / all)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
