package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/latticetest"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// TestLatticeModel runs, multiplies by and measures a model of lattice matrices, and replays its receipts with other memory,
// threads and kernels.
func TestLatticeModel(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must := func(args ...string) string {
		t.Helper()
		code, output := invoke(args...)
		if code != 0 {
			t.Fatalf("%v: %d\n%s", args, code, output)
		}
		return output
	}
	must("demo", "-o", in("demo"))
	model := in("model")
	must("convert", filepath.Join(in("demo"), "checkpoint"), "-o", model, "--method", "lossless", "-q")
	latticetest.Convert(t, model, 1.0/30)
	x := in("x.npy")
	if err := npy.Create(x, []int{2, 192}, bench.Gaussian(2*192, 1)); err != nil {
		t.Fatal(err)
	}
	up := filepath.Join(model, "model_layers_0_mlp_up_proj_weight.lossless.hxz") // the name that the conversion gave it
	for _, canon := range []string{"int8", "f32"} {
		must("run", model, "Once upon a time", "-n", "6", "--temp", "0.9", "--canon", canon, "--receipt", in(canon+"-text.json"))
		must("forward", model, "Once upon", "--canon", canon, "-o", in(canon+"-logits.npy"), "--receipt", in(canon+"-forward.json"))
		must("layer", model, "--x", x, "--canon", canon, "-o", in(canon+"-y.npy"), "--receipt", in(canon+"-layer.json"))
		must("matmul", "--x", x, "--w", up, "--transpose", "--canon", canon, "-o", in(canon+"-p.npy"), "--receipt", in(canon+"-product.json"))
	}
	for _, name := range []string{"-logits.npy", "-y.npy", "-p.npy"} {
		a, errA := os.ReadFile(in("int8" + name))
		b, errB := os.ReadFile(in("f32" + name))
		if errA != nil || errB != nil || len(a) != len(b) || bytes.Equal(a, b) {
			t.Errorf("%s: the canons give the same, %v, %v", name, errA, errB)
		}
	}
	if err := npy.Create(in("x512.npy"), []int{2, 512}, bench.Gaussian(2*512, 1)); err != nil {
		t.Fatal(err)
	}
	must("matmul", "--x", in("x512.npy"), "--w", up, "-o", in("q.npy"), "--receipt", in("other.json"))
	for _, again := range [][]string{{"--threads", "1", "--cpu", "generic"}, {"--threads", "3", "--memory", "64MiB"}} {
		for _, canon := range []string{"int8", "f32"} {
			for _, name := range []string{"-text.json", "-forward.json", "-layer.json", "-product.json"} {
				must(append([]string{"receipt", "replay", in(canon + name), "--x", x}, again...)...)
			}
		}
		must(append([]string{"receipt", "replay", in("other.json"), "--x", in("x512.npy")}, again...)...)
	}
	code, output := invoke("matmul", "--x", in("x512.npy"), "--w", up, "-o", in("none.npy"), "--memory", "1MiB")
	if code == 0 || !strings.Contains(output, "would do") {
		t.Errorf("a product within 1MiB: %d\n%s", code, output)
	}
	if err := os.WriteFile(in("s.hxzo"), []byte("HXZO"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, output := invoke("matmul", "--x", x, "--w", up, "--sidecar", in("s.hxzo"), "--transpose", "-o", in("none.npy")); code == 0 {
		t.Errorf("a sidecar: %d\n%s", code, output)
	}
}

// TestLatticeFiles shows, checks, expands and compares lattice files and a model of them.
func TestLatticeFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	want := func(code int, contains string, args ...string) string {
		t.Helper()
		got, output := invoke(args...)
		if got != code || !strings.Contains(output, contains) {
			t.Fatalf("%v: %d, want %d and %q\n%s", args, got, code, contains, output)
		}
		return output
	}
	want(0, "", "demo", "-o", in("demo"))
	model := in("model")
	want(0, "", "convert", filepath.Join(in("demo"), "checkpoint"), "-o", model, "--method", "lossless", "-q")
	latticetest.Convert(t, model, 1.0/30)
	up := filepath.Join(model, "model_layers_0_mlp_up_proj_weight.lossless.hxz") // the name that the conversion gave it
	file := in("up.lattice.hxz")
	b, err := os.ReadFile(up)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	want(0, "CDNA lattice", "inspect", file)
	want(0, "of exceptions", "inspect", file)
	want(0, `"resident_bytes"`, "inspect", file, "--json")
	want(0, "codes", "inspect", file, "--blocks")
	want(0, "lattice_v1", "inspect", model)
	want(0, "OK", "verify", file)
	want(0, "OK", "verify", model)
	want(0, "float32", "decode", file, "-o", in("up.npy"), "--receipt", in("decode.json"))
	want(0, "", "receipt", "verify", in("decode.json"))
	want(2, "sidecar", "decode", file, "-o", in("x.npy"), "--sidecar", in("s.hxzo"))
	if _, err := os.Stat(in("x.npy")); err == nil {
		t.Error("a file of a refused decoding")
	}
	want(0, "up_proj", "se", file)
	want(2, "goes with a CDNA file", "se", file, "--sidecar", in("s.hxzo"))
	want(0, "38 tensors", "export", model, "-o", in("out.safetensors"))
	want(0, "identical", "diff", model, in("out.safetensors"))
	want(1, "differ", "diff", model, filepath.Join(in("demo"), "checkpoint"))

	b[len(b)-100] ^= 1
	for _, damaged := range []string{file, up} {
		if err := os.WriteFile(damaged, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want(1, "FAIL", "verify", file)
	want(1, "block", "decode", file, "-o", in("y.npy"))
	want(1, "FAIL", "verify", model)
	want(1, "checksum", "export", model, "-o", in("z.safetensors"))
}
