package generate_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/export"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestDamage damages one file after another of model directories and runs each: whatever was
// changed, wherever it lies, ends the run with an error that names the file. HELIX_DAMAGE is
// how often, for each kind of directory.
func TestDamage(t *testing.T) {
	times := 40
	if testing.Short() {
		times = 4
	}
	if n, err := strconv.Atoi(os.Getenv("HELIX_DAMAGE")); err == nil {
		times = n
	}
	checkpoint := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(checkpoint); err != nil {
		t.Fatal(err)
	}
	spiked := spike(t, checkpoint)
	gguf := filepath.Join(t.TempDir(), "demo.gguf")
	if _, err := export.File(t.Context(), checkpoint, gguf, export.Options{DType: export.BF16}); err != nil {
		t.Fatal(err)
	}
	exact, err := convert.ParseSettings("exact")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		name string
		job  convert.Job
	}{
		{"from Hugging Face", convert.Job{Source: spiked, Embeddings: exact, Options: convert.Options{Method: convert.Entropy, SNR: 40}}},
		{"from GGUF", convert.Job{Source: gguf, Options: convert.Options{Method: convert.Entropy}}},
		{"lossless", convert.Job{Source: checkpoint, Options: convert.Options{Method: convert.Lossless}}},
		{"huff0", convert.Job{Source: checkpoint, Options: convert.Options{Method: convert.Entropy, Codec: "huff0", Bits: 3}}},
		{"lz4", convert.Job{Source: checkpoint, Options: convert.Options{Method: convert.Entropy, Codec: "lz4", Bits: 3}}},
		{"brotli", convert.Job{Source: checkpoint, Options: convert.Options{Codec: "brotli", Method: convert.KMeans, Entries: 16}}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "model")
			kind.job.Output = dir
			if _, err := convert.Directory(t.Context(), kind.job); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := runSome(t, dir); err != nil {
				t.Fatal(err)
			}
			if sidecars, _ := filepath.Glob(filepath.Join(dir, "*.hxzo")); kind.job.Source == spiked && len(sidecars) == 0 {
				t.Fatal("no sidecars")
			}
			r := rand.New(rand.NewPCG(14, 2))
			hit := map[string]int{}
			for range times {
				name := entries[r.IntN(len(entries))].Name()
				hit[filepath.Ext(name)]++
				path := filepath.Join(dir, name)
				whole, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				changed, how := damage(r, whole)
				if err := os.WriteFile(path, changed, 0o600); err != nil {
					t.Fatal(err)
				}
				err = runSome(t, dir)
				if err == nil {
					t.Errorf("%s: %s went unnoticed", name, how)
				} else if !strings.Contains(err.Error(), name) {
					t.Errorf("%s: %s: the error does not name the file: %v", name, how, err)
				}
				if err := os.WriteFile(path, whole, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d times, by ending: %v", times, hit)
		})
	}
}

// spike copies a checkpoint and makes some weights of its matrices so large that they will
// be outliers.
func spike(t *testing.T, checkpoint string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spiked")
	if err := os.CopyFS(dir, os.DirFS(checkpoint)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(data)
	var tensors map[string]struct {
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(data[8:8+n], &tensors); err != nil {
		t.Fatal(err)
	}
	for _, x := range tensors {
		for i := 1; i < 150 && len(x.Shape) == 2; i++ {
			at := int(8+n) + x.Offsets[0] + (x.Offsets[1]-x.Offsets[0])/150/2*2*i
			sign := uint32(i&1) << 31
			binary.LittleEndian.PutUint16(data[at:], uint16((math.Float32bits(2*float32(i))|sign)>>16))
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// damage returns a changed copy of a file and says what was changed.
func damage(r *rand.Rand, whole []byte) (changed []byte, how string) {
	changed = bytes.Clone(whole)
	at := r.IntN(len(whole))
	if r.IntN(3) == 0 { // heads, and the last bytes, are where formats have their padding
		at = len(whole) - 1 - r.IntN(min(len(whole), 4))
	}
	switch r.IntN(8) {
	case 0:
		changed[at] ^= byte(1 + r.IntN(255))
		return changed, fmt.Sprintf("byte %d of %d, from %#x to %#x,", at, len(whole), whole[at], changed[at])
	case 1:
		return changed[:at], fmt.Sprintf("the end of the file from byte %d of %d on", at, len(whole))
	case 2:
		return append(changed, byte(r.IntN(256))), "another byte at the end"
	}
	bit := byte(1) << r.IntN(8)
	changed[at] ^= bit
	return changed, fmt.Sprintf("bit %#x of byte %d of %d", bit, at, len(whole))
}

// runSome does what the run verb does.
func runSome(t *testing.T, dir string) error {
	t.Helper()
	tok, err := generate.OpenTokenizer(dir)
	if err != nil {
		return err
	}
	m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: 64, Threads: 1})
	if err != nil {
		return err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	sampler, err := generate.NewSampler(generate.Options{})
	if err != nil {
		return err
	}
	g := generate.Generator{Tokenizer: tok, Sampler: sampler}
	ids, err := tok.Encode("Once upon a time", true)
	if err != nil {
		return err
	}
	_, err = g.Run(t.Context(), s, ids, 8, func(string) error { return nil })
	return err
}
