package convert

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// TestEightBits: models converted with the 48 dB of 8 bits a weight (of matrices so small, more is headers) are about as far from transformers'
// logits as models whose matrices have noise of the errors' size that the conversion reports: the farthest of four. HELIX_FAMILIES=all takes a
// model of every family.
func TestEightBits(t *testing.T) {
	const fixtures = "../transformer/testdata/fixtures"
	entries, err := os.ReadDir(fixtures)
	must(t, err)
	for _, e := range entries {
		name := e.Name()
		some := []string{"gemma4", "llama", "mixtral", "qwen3_next"}
		if os.Getenv("HELIX_FAMILIES") == "" && !slices.Contains(some, name) || strings.Contains(name, "-") { // one of each family
			continue
		}
		t.Run(name, func(t *testing.T) {
			src, out := filepath.Join(fixtures, name), filepath.Join(t.TempDir(), "out")
			c := fixtureCase(t, src)
			report, err := Directory(t.Context(), Job{Source: src, Output: out, Options: Options{Method: Entropy, SNR: 48}, Calibration: Calibration{Off: true}})
			must(t, err)
			got, noise := c.distance(t, out), 0.0
			for seed := range uint64(4) {
				noise = max(noise, c.distance(t, noisy(t, src, report, seed)))
			}
			if t.Logf("%.2g, with noise %.2g", got, noise); !(got < 2*noise) {
				t.Errorf("converted it is %.2g from transformers' logits, with noise of the same size at most %.2g", got, noise)
			}
		})
	}
}

var oneExpert = regexp.MustCompile(`\.experts\.\d+\.`)

// noisy writes a model whose matrices have normal noise of the errors that a conversion reports of them.
func noisy(t *testing.T, src string, report *Report, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join(src, "config.json"))
	must(t, err)
	write(t, filepath.Join(dir, "config.json"), string(config))
	errors := map[string]float64{}
	for _, r := range report.Tensors {
		if r.Matrix != nil {
			errors[r.Name] = math.Sqrt(r.Matrix.MSE)
		}
	}
	f, err := safetensors.Open(filepath.Join(src, "model.safetensors"))
	must(t, err)
	defer f.Close()
	random := rand.New(rand.NewPCG(seed, 8))
	var entries []safetensors.Entry
	for _, tensor := range f.Tensors() {
		x := make([]float32, tensor.Len())
		must(t, tensor.ReadFloat32(t.Context(), x, 0))
		size := errors[oneExpert.ReplaceAllString(tensor.Name, ".experts.")] // where they are one by one
		for i := range x {
			x[i] += float32(random.NormFloat64() * size)
		}
		entries = append(entries, safetensors.Float32(tensor.Name, tensor.Shape, x))
	}
	must(t, safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, nil))
	return dir
}
