package export

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

var update = flag.Bool("update", false, "write testdata/families.txt anew, after a look with testdata/llamacpp.py")

// TestGolden: every key and the bytes of all tensors are those that were compared with
// llama.cpp, whatever defaults a reader has.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, c := range families {
		out := filepath.Join(t.TempDir(), "model.gguf")
		_, err := File(t.Context(), family(t, c.name, c.change), out, Options{DType: F32})
		must(t, err)
		f, err := gguf.Open(out)
		must(t, err)
		fmt.Fprintf(&b, "[%s]\n", c.name)
		values := f.Metadata()
		for _, key := range f.Keys() {
			if !strings.HasPrefix(key, "tokenizer.") { // TestWhatTheFilesSay
				value, err := values[key].Any()
				must(t, err)
				fmt.Fprintf(&b, "%s = %v\n", key, value)
			}
		}
		sum := sha256.New()
		for _, x := range f.Tensors() {
			data := make([]byte, x.Size())
			must(t, x.ReadRaw(context.Background(), data, 0))
			fmt.Fprintln(sum, x.Name, x.Type, x.Shape)
			sum.Write(data)
		}
		fmt.Fprintf(&b, "%d tensors, %.16x\n\n", len(f.Tensors()), sum.Sum(nil))
		must(t, f.Close())
	}
	const golden = "testdata/families.txt"
	if *update {
		must(t, os.WriteFile(golden, []byte(b.String()), 0o666))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	got := strings.Split(b.String(), "\n")
	lines := strings.Split(string(want), "\n")
	if len(got) != len(lines) {
		t.Errorf("%d lines, want %d", len(got), len(lines))
	}
	section := ""
	for i := range min(len(got), len(lines)) {
		if strings.HasPrefix(lines[i], "[") {
			section = lines[i]
		}
		if got[i] != lines[i] {
			t.Fatalf("%s: %s\nwant %s", section, got[i], lines[i])
		}
	}
}
