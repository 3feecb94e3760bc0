package convert

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// A source is converted exactly if all that is read of it is as it was signed, and nothing of it is
// written else.
func TestSourceSignature(t *testing.T) {
	key, err := attest.GenerateKey(attest.P256)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := attest.GenerateKey(attest.P256)
	if err != nil {
		t.Fatal(err)
	}
	// change gives a file of the source another content.
	change := func(name, text string) func(src string) error {
		return func(src string) error { return os.WriteFile(filepath.Join(src, name), []byte(text), 0o666) }
	}
	flip := func(src string) error {
		path := filepath.Join(src, "model.safetensors")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text[len(text)-1] ^= 1
		return os.WriteFile(path, text, 0o666)
	}
	remove := func(name string) func(src string) error {
		return func(src string) error { return os.Remove(filepath.Join(src, name)) }
	}
	for _, c := range []struct {
		name   string
		change func(src string) error
		file   string // of the source, which is converted instead
		key    *attest.PublicKey
		want   error
		says   string
	}{
		{name: "as signed", key: key.PublicHalf()},
		{name: "a file", file: "model.safetensors", key: key.PublicHalf()},
		{name: "git's file", change: change(".gitattributes", "*"), key: key.PublicHalf()},
		{name: "no key", change: flip},
		{name: "weights", change: flip, key: key.PublicHalf(), want: ErrSignature, says: "model.safetensors: sha256 is"},
		{name: "weights of a file", change: flip, file: "model.safetensors", key: key.PublicHalf(), want: ErrSignature, says: "model.safetensors: sha256 is"},
		{name: "configuration", change: change("tokenizer_config.json", "{}"), key: key.PublicHalf(), want: ErrSignature, says: "tokenizer_config.json: sha256 is"},
		{name: "added", change: change("special.json", "{}"), key: key.PublicHalf(), want: ErrSignature, says: "special.json: it was added"},
		{name: "missing", change: remove("tokenizer_config.json"), key: key.PublicHalf(), want: ErrSignature, says: "tokenizer_config.json: it is missing"},
		{name: "no signature", change: remove(attest.ModelSignatureName), key: key.PublicHalf(), want: ErrSignature, says: "no model.sig"},
		{name: "no bundle", change: change(attest.ModelSignatureName, "{}"), key: key.PublicHalf(), want: attest.ErrEnvelope},
		{name: "another key", key: stranger.PublicHalf(), want: attest.ErrSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := demoCheckpoint(t)
			if err := change("tokenizer_config.json", `{"model_max_length": 512}`)(src); err != nil {
				t.Fatal(err)
			}
			err := attest.SignModel(t.Context(), src, filepath.Join(src, attest.ModelSignatureName), key)
			if err == nil && c.change != nil {
				err = c.change(src)
			}
			if err != nil {
				t.Fatal(err)
			}
			job := Job{Source: filepath.Join(src, c.file), Output: filepath.Join(t.TempDir(), "out"), Options: Options{Method: Entropy}, SourceKey: c.key}
			report, err := Directory(t.Context(), job)
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %v with %q", err, c.want, c.says)
			}
			if _, there := os.Stat(job.Output); (there == nil) != (c.want == nil) {
				t.Errorf("output: %v", there)
			}
			if err == nil && c.key == nil && !strings.Contains(strings.Join(report.Notes, " "), "model.sig: not verified") {
				t.Errorf("notes: %q", report.Notes)
			}
		})
	}
}

// Weights that change after the signature was compared are found when they are described.
func TestSourceSignatureLater(t *testing.T) {
	key, err := attest.GenerateKey(attest.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	src := demoCheckpoint(t)
	if err := attest.SignModel(t.Context(), src, filepath.Join(src, attest.ModelSignatureName), key); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(src, "model.safetensors")
	job := Job{Source: src, Output: filepath.Join(t.TempDir(), "out"), Options: Options{Method: Entropy}, SourceKey: key.PublicHalf()}
	job.Progress = func(done, total int64, tensor string) {
		if done < total {
			return
		}
		f, err := os.OpenFile(weights, os.O_RDWR, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte{1, 2, 3, 4}, 1<<16); err != nil {
			t.Error(err)
		}
	}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
}
