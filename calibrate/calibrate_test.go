package calibrate

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/overwrite"
)

// TestSameBytes: statistics depend neither on threads nor on memory, nor on the kernels.
func TestSameBytes(t *testing.T) {
	model := demoModel(t)
	o := short()
	want := statistics(t, model, o)
	err := Run(t.Context(), located(t, model), filepath.Join(t.TempDir(), "s"), Options{Text: o.Text, Tokens: o.Tokens, Context: o.Context, Memory: 1 << 20})
	if !errors.Is(err, memory.ErrLimit) {
		t.Fatalf("1 MiB is enough: %v", err)
	}
	t.Log(err)
	for name, change := range map[string]func(o *Options){
		"one thread":    func(o *Options) { o.Threads = 1 },
		"five threads":  func(o *Options) { o.Threads = 5 },
		"256 MiB":       func(o *Options) { o.Memory = 256 << 20 },
		"the least":     func(o *Options) { o.Memory = least(t, err) },
		"generic":       func(o *Options) { o.CPU = "generic" },
		"new directory": func(o *Options) { o.Work = filepath.Join(t.TempDir(), "work") },
		"own directory": func(o *Options) { o.Work = t.TempDir() },
	} {
		if testing.Short() && name != "five threads" {
			continue
		}
		o := short()
		change(&o)
		if !bytes.Equal(statistics(t, model, o), want) {
			t.Errorf("%s: other statistics", name)
		}
		if o.Work != "" {
			if entries, _ := os.ReadDir(o.Work); len(entries) > 0 {
				t.Errorf("%s: %v is left", name, entries)
			}
		}
	}
}

// TestOverflow: a model whose activations are no numbers is refused, with the layer and the
// matrix.
func TestOverflow(t *testing.T) {
	model := demoModel(t)
	path := filepath.Join(model, "model.safetensors")
	b := readFile(t, path)
	c, err := checkpoint.OpenPath(t.Context(), model, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const name = "model.layers.2.mlp.up_proj.weight"
	for _, tensor := range c.Tensors() {
		if tensor.Name != name {
			continue
		}
		raw := make([]byte, tensor.Size)
		if err := tensor.ReadRaw(t.Context(), raw, 0); err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, raw)
		for i := at; i < at+len(raw); i += 2 {
			b[i], b[i+1] = 0x7f, 0x7f // the largest bfloat16
		}
	}
	c.Close()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = Run(t.Context(), located(t, model), filepath.Join(dir, "s"), short())
	if !errors.Is(err, ErrOverflow) || !strings.Contains(err.Error(), "layer 2") || !strings.Contains(err.Error(), name) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "s")); err == nil {
		t.Error("statistics were written")
	}
}

// TestOptions: what makes no sense is refused before anything is read.
func TestOptions(t *testing.T) {
	model := located(t, demoModel(t))
	for _, o := range []Options{
		{Tokens: -1}, {Tokens: 1023}, {Context: 15}, {Context: 5000}, {Context: 1024}, {Threads: -1}, {Memory: -1}, {Verify: "perhaps"},
	} {
		if err := Run(t.Context(), model, filepath.Join(t.TempDir(), "s"), o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), model, there, short()); !errors.Is(err, overwrite.ErrOutput) {
		t.Errorf("an output that is there: %v", err)
	}
	if got := readFile(t, there); string(got) != "mine" {
		t.Errorf("it is %.20q now", got)
	}
}

func TestDefaultTokens(t *testing.T) {
	for parameters, want := range map[int64]int{0: 32768, 1_800_000: 32768, 135_000_000: 32768, 270_000_000: 23040, 1_100_000_000: 11264, 7_000_000_000: 4096, 1 << 50: 4096} {
		if got := DefaultTokens(parameters); got != want {
			t.Errorf("%d parameters: %d tokens, want %d", parameters, got, want)
		}
	}
}
