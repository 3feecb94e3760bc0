package transformer

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// fixture is a tiny model with the logits of Hugging Face transformers: see
// testdata/fixtures.py.
type fixture struct {
	name    string
	config  *arch.Config
	dir     string // as Open wants it
	Tokens  []int  `json:"tokens"`
	Context int    `json:"context"`
	Weights string `json:"weights"` // the fixture whose weights these are
	logits  []float32
}

const fixtures = "testdata/fixtures"

func fixtureNames(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) < 18 {
		t.Fatalf("only %d fixtures", len(names))
	}
	return names
}

func openFixture(t testing.TB, name string) *fixture {
	t.Helper()
	f := &fixture{name: name, dir: filepath.Join(fixtures, name)}
	readJSON(t, filepath.Join(f.dir, "case.json"), f)
	var err error
	if f.logits, _, err = npy.ReadFloat32(filepath.Join(f.dir, "logits.npy")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(f.dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if f.config, err = arch.ParseConfig(text); err != nil {
		t.Fatal(err)
	}
	if f.Weights != name {
		dir := t.TempDir()
		copyFile(t, filepath.Join(f.dir, "config.json"), filepath.Join(dir, "config.json"))
		copyFile(t, filepath.Join(fixtures, f.Weights, "model.safetensors"), filepath.Join(dir, "model.safetensors"))
		f.dir = dir
	}
	return f
}

// few returns the first n of a list in short tests, which look for races: one family of models has the goroutines of all.
func few[T any](list []T, n int) []T {
	if testing.Short() {
		return list[:n]
	}
	return list
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// largestError returns the largest difference, relative to the largest value.
func largestError(t testing.TB, got, want []float32) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	worst, scale := 0.0, 0.0
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if !(d <= worst) {
			worst = d
		}
		scale = max(scale, math.Abs(float64(w)))
	}
	return worst / scale
}

// TestFixtures compares every family with Hugging Face's logits, whole and token by
// token.
func TestFixtures(t *testing.T) {
	for _, name := range fixtureNames(t) {
		t.Run(name, func(t *testing.T) {
			f := openFixture(t, name)
			m := openModel(t, f.dir, Options{Context: f.Context})
			got := allLogits(t, m, f.Tokens, len(f.Tokens))
			if worst := largestError(t, got, f.logits); !(worst <= 1e-5) {
				t.Errorf("logits differ by %.2g of the largest", worst)
			} else {
				t.Logf("largest difference %.2g", worst)
			}
			for i, v := range allLogits(t, m, f.Tokens, 1) {
				if math.Float32bits(v) != math.Float32bits(got[i]) {
					t.Fatalf("token by token, logit %d is %v, not %v", i, v, got[i])
				}
			}
		})
	}
}

// TestFixtureBits: the logits of all fixtures have the same bits on every CPU.
func TestFixtureBits(t *testing.T) {
	var all []float32
	for _, name := range fixtureNames(t) {
		f := openFixture(t, name)
		all = append(all, allLogits(t, openModel(t, f.dir, Options{Context: f.Context}), f.Tokens, len(f.Tokens))...)
	}
	const want = "b032341b9c6b4f72e7e056a320f8fcde69088dea0614c7e532984381a33a8a42"
	if got := receipt.HashFloat32(all); got != want {
		t.Errorf("SHA-256 of the logits is %s, want %s", got, want)
	}
}

// located finds the model at a path.
func located(t testing.TB, path string) checkpoint.Location {
	t.Helper()
	at, err := checkpoint.Find(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// losslessDemo returns the built-in checkpoint, and a model directory of it whose matrices are lossless, as latticetest
// takes them.
func losslessDemo(t *testing.T) (src, dir string) {
	t.Helper()
	src, dir = filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "model")
	if err := demo.Extract(src); err != nil {
		t.Fatal(err)
	}
	convertTo(t, src, dir, "method=lossless")
	return src, dir
}
