package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/storage"
)

func hashOf(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// line is what the root of a model is made of.
func line(t *testing.T, file string) string {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s  %d  %s\n", hashOf(t, file), info.Size(), filepath.Base(file))
}

// convertDemo converts the built-in model.
func convertDemo(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	src, dst := filepath.Join(root, "checkpoint"), filepath.Join(root, "model")
	if err := demo.Extract(src); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Directory(t.Context(), convert.Job{Source: src, Output: dst, Options: convert.Options{Method: convert.Entropy}}); err != nil {
		t.Fatal(err)
	}
	return dst
}

// fingerprint returns the claim alone.
func fingerprint(t *testing.T, path string) (receipt.ModelClaim, error) {
	t.Helper()
	m, err := Fingerprint(t.Context(), path, "")
	if err != nil {
		return receipt.ModelClaim{}, err
	}
	return m.Claim, nil
}

func TestFingerprint(t *testing.T) {
	dir := convertDemo(t)
	checkpoint := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(checkpoint); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "sums")
	sums := ""
	for _, name := range []string{"config.json", "model.safetensors"} {
		sums += line(t, filepath.Join(checkpoint, name))
	}
	if err := os.WriteFile(list, []byte(sums), 0o666); err != nil {
		t.Fatal(err)
	}
	single, file := filepath.Join(t.TempDir(), "m.gguf"), filepath.Join(filepath.Dir(list), "file")
	if err := os.WriteFile(single, []byte("GGUF and so on"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(line(t, single)), 0o666); err != nil {
		t.Fatal(err)
	}
	converted, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Whatever a GGUF file holds, its hash says what it is.
	for _, c := range []struct{ path, model, tokenizer string }{
		{dir, converted.Manifest.RootSHA256, filepath.Join(dir, "tokenizer.json")},
		{checkpoint, hashOf(t, list), filepath.Join(checkpoint, "tokenizer.json")},
		{single, hashOf(t, file), single},
	} {
		m, err := fingerprint(t, c.path)
		if err != nil || m.RootSHA256 != c.model || m.TokenizerSHA256 != hashOf(t, c.tokenizer) || (m.ContentSHA256 != "") != (c.path == dir) {
			t.Errorf("%s: %+v, %v", c.path, m, err)
		}
	}
	if _, err := fingerprint(t, filepath.Join(dir, "absent")); err == nil {
		t.Error("no model, no error")
	}
}

// vouching is a directory whose files have hashes of the place's own.
type vouching struct{ storage.Dir }

type vouched struct{ storage.File }

func (v vouching) Open(ctx context.Context, name string) (storage.File, error) {
	f, err := v.Dir.Open(ctx, name)
	return vouched{f}, err
}

func (vouched) SHA256() string { return strings.Repeat("0", 64) }

// A claim is of the bytes, whatever their place says of them, and the same where a web server lists no files.
func TestFingerprintOfPlaces(t *testing.T) {
	dir := t.TempDir()
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	want, err := fingerprint(t, filepath.Join(dir, "model.safetensors"))
	if err != nil || want.TokenizerSHA256 == "" {
		t.Fatal(want, err)
	}
	at, err := checkpoint.At(t.Context(), vouching{storage.Dir(dir)}, "place")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := FingerprintAt(t.Context(), at, ""); err != nil || got.Claim != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	if got, err := fingerprint(t, server.URL+"/model.safetensors"); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// A file that was changed after the conversion changes the content, and the root does
// not; but in a block, which is verified whenever it is read.
func TestFingerprintOfChangedFiles(t *testing.T) {
	dir := convertDemo(t)
	before, err := fingerprint(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	matrix := ""
	for _, f := range m.Manifest.AllFiles() {
		if strings.HasSuffix(f.File, ".hxz") {
			matrix = f.File
		}
		path := filepath.Join(dir, f.File)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(whole)
		changed[len(changed)*9/10] ^= 1 // where a matrix has blocks
		if err := os.WriteFile(path, changed, 0o666); err != nil {
			t.Fatal(err)
		}
		after, err := fingerprint(t, dir)
		same := err == nil && after.ContentSHA256 == before.ContentSHA256
		if same != strings.HasSuffix(f.File, ".hxz") || err == nil && after.RootSHA256 != before.RootSHA256 {
			t.Errorf("%s: %+v, %v", f.File, after, err)
		}
		if err := m.CheckFiles(t.Context()); !errors.Is(err, model.ErrMismatch) {
			t.Errorf("%s: %v", f.File, err)
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.CheckFiles(t.Context()); err != nil {
		t.Error(err)
	}
	f, err := cdna.Open(filepath.Join(dir, matrix))
	if err != nil {
		t.Fatal(err)
	}
	head := f.Block(0).Offset
	f.Close()
	path := filepath.Join(dir, matrix)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range head {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		if err := os.WriteFile(path, changed, 0o666); err != nil {
			t.Fatal(err)
		}
		// Damage that the head's own sum or its form tells is an error already.
		if after, err := fingerprint(t, dir); err == nil && after.ContentSHA256 == before.ContentSHA256 {
			t.Fatalf("byte %d of the head: the same content", i)
		}
	}
}

// TestFingerprintByAnyPath: a checkpoint is the same one, with the same tokenizer, by its
// directory, its index, the hub's cache around it or, if it is one GGUF file, that file.
func TestFingerprintByAnyPath(t *testing.T) {
	dir := t.TempDir()
	cache := filepath.Join(dir, "models--owner--name")
	whole := filepath.Join(cache, "snapshots", "0123")
	if err := demo.Extract(whole); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(whole, "model.safetensors.index.json")
	c, err := checkpoint.Open(t.Context(), whole, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, x := range c.Tensors() {
		names[x.Name] = "model.safetensors"
	}
	c.Close()
	text, err := json.Marshal(map[string]any{"weight_map": names})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "gguf", "m.gguf")
	if err := errors.Join(os.WriteFile(index, text, 0o666), os.Mkdir(filepath.Dir(file), 0o777)); err != nil {
		t.Fatal(err)
	}
	if err := gguf.Create(file, nil, []gguf.Pair{{Key: "general.architecture", Value: "llama"}}); err != nil {
		t.Fatal(err)
	}
	for _, same := range [][]string{{whole, index, filepath.Join(whole, "model.safetensors"), cache}, {file, filepath.Dir(file)}} {
		var want receipt.ModelClaim
		for i, path := range same {
			got, err := fingerprint(t, path)
			if err != nil || got.TokenizerSHA256 == "" {
				t.Errorf("%s: %+v, %v", path, got, err)
			}
			if i == 0 {
				want = got
			}
			if got != want {
				t.Errorf("%s: %+v, %s: %+v", path, got, same[0], want)
			}
		}
	}
	if _, err := generate.OpenTokenizer(index); err != nil {
		t.Error(err)
	}
}
