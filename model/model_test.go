package model

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// writeModel makes a directory of one matrix with a sidecar and one vector.
func writeModel(t *testing.T) (dir string, m *Manifest) {
	t.Helper()
	dir = t.TempDir()
	w, err := cdna.Create(filepath.Join(dir, "w.cdna2.hxz"), cdna.WriterOptions{TensorName: "w", Rows: 4, Cols: 3, BlockRows: 2, Codebook: []float32{-1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 12)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	s := &cdna.Sidecar{Header: cdna.SidecarHeader{TensorName: "w", Rows: 4, Cols: 3}, Positions: []uint64{7}, Values: []uint16{0x4400}}
	if _, _, err := cdna.CreateSidecar(filepath.Join(dir, "w.hxzo"), s); err != nil {
		t.Fatal(err)
	}
	if err := npy.Create(filepath.Join(dir, "norm.npy"), []int{3}, []float32{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	m = &Manifest{Format: FormatCDNA2, Tensors: map[string]Tensor{
		"w":    {Format: FormatCDNA2, File: "w.cdna2.hxz", OriginalShape: []int{4, 3}, CDNAShape: []int{4, 3}, Sidecar: &Sidecar{File: "w.hxzo", Outliers: 1}},
		"norm": {Format: FormatNPY, File: "norm.npy", Shape: []int{3}, DType: "<f4"},
	}}
	for name, e := range m.Tensors {
		e.SHA256, _, err = HashFile(t.Context(), filepath.Join(dir, e.File))
		if err != nil {
			t.Fatal(err)
		}
		if e.Sidecar != nil {
			if e.Sidecar.SHA256, e.Sidecar.Bytes, err = HashFile(t.Context(), filepath.Join(dir, e.Sidecar.File)); err != nil {
				t.Fatal(err)
			}
		}
		m.Tensors[name] = e
	}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// verify opens dir and returns the error of each damaged tensor.
func verify(t *testing.T, dir string) map[string]error {
	t.Helper()
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	checks, err := m.Verify(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]error{}
	for _, c := range checks {
		if c.Err != nil {
			bad[c.Name] = c.Err
		}
	}
	return bad
}

func TestVerify(t *testing.T) {
	dir, _ := writeModel(t)
	if bad := verify(t, dir); len(bad) != 0 {
		t.Fatalf("a sound model: %v", bad)
	}
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := m.Manifest.Tensors["w"]
	s, err := m.OpenSidecar(context.Background(), w)
	if err != nil || len(s.Positions) != 1 {
		t.Errorf("sidecar %v, %v", s, err)
	}
	if names := m.Tensors(); names[0].Name != "norm" || names[1].Name != "w" {
		t.Errorf("tensors %v are not sorted", names)
	}
}

// TestEveryFlippedByteIsFound flips each byte of each file in turn.
func TestEveryFlippedByteIsFound(t *testing.T) {
	dir, _ := writeModel(t)
	for file, tensor := range map[string]string{"w.cdna2.hxz": "w", "w.hxzo": "w", "norm.npy": "norm"} {
		path := filepath.Join(dir, file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] ^= 0x10
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := verify(t, dir)[tensor]; err == nil {
				t.Errorf("%s: a flip of byte %d went unnoticed", file, i)
			}
			b[i] ^= 0x10
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyNames(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(dir string, m *Manifest)
		want   error
	}{
		{"matrix missing", func(dir string, _ *Manifest) { os.Remove(filepath.Join(dir, "w.cdna2.hxz")) }, ErrMissing},
		{"sidecar missing", func(dir string, _ *Manifest) { os.Remove(filepath.Join(dir, "w.hxzo")) }, ErrMissing},
		{"another shape", func(_ string, m *Manifest) {
			w := m.Tensors["w"]
			w.OriginalShape, w.CDNAShape = []int{3, 4}, []int{3, 4}
			m.Tensors["w"] = w
		}, ErrMismatch},
		{"another name", func(_ string, m *Manifest) {
			m.Tensors["v"] = m.Tensors["w"]
			delete(m.Tensors, "w")
		}, ErrMismatch},
		{"another vector", func(_ string, m *Manifest) {
			n := m.Tensors["norm"]
			n.Shape = []int{4}
			m.Tensors["norm"] = n
		}, ErrMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, m := writeModel(t)
			c.damage(dir, m)
			if err := m.Write(dir); err != nil {
				t.Fatal(err)
			}
			bad := verify(t, dir)
			if len(bad) != 1 {
				t.Fatalf("%d tensors damaged: %v", len(bad), bad)
			}
			for _, err := range bad {
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
			}
		})
	}
}

func TestManifestForms(t *testing.T) {
	write := func(t *testing.T, text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ManifestName), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Run("older", func(t *testing.T) {
		m, err := Open(write(t, `{"shards": [{"tensor_name": "blk.0.attn_q.weight", "path": "cdna/q.cdna2.hxz", "shape": [8, 2, 4],
			"outlier_sidecar_path": "q.hxzo"}], "sidecar_dir": "sidecars", "source_gguf": "m.gguf"}`))
		if err != nil {
			t.Fatal(err)
		}
		q := m.Manifest.Tensors["blk.0.attn_q.weight"]
		if q.Name != "blk.0.attn_q.weight" || q.File != "cdna/q.cdna2.hxz" || q.CDNAShape[0] != 16 || q.CDNAShape[1] != 4 || q.Sidecar.File != "sidecars/q.hxzo" {
			t.Errorf("read %+v, sidecar %+v", q, q.Sidecar)
		}
		if m.Manifest.SourceGGUF != "m.gguf" {
			t.Errorf("source %q", m.Manifest.SourceGGUF)
		}
	})
	for name, text := range map[string]string{
		"not JSON":           `{`,
		"another JSON":       `[]`,
		"empty object":       `{}`,
		"path leaves":        `{"tensors": {"w": {"format": "cdna_v2", "file": "../w", "cdna_shape": [1, 1]}}}`,
		"absolute path":      `{"tensors": {"w": {"format": "npy", "file": "/etc/passwd"}}}`,
		"windows path":       `{"tensors": {"w": {"format": "npy", "file": "c:\\w"}}}`,
		"no file":            `{"tensors": {"w": {"format": "npy"}}}`,
		"sidecar leaves":     `{"tensors": {"w": {"format": "cdna_v2", "file": "w", "cdna_shape": [1, 1], "sidecar": {"file": "../s"}}}}`,
		"unknown format":     `{"tensors": {"w": {"format": "gguf", "file": "w"}}}`,
		"no shape":           `{"tensors": {"w": {"format": "cdna_v2", "file": "w"}}}`,
		"negative shape":     `{"tensors": {"w": {"format": "cdna_v2", "file": "w", "cdna_shape": [-1, 1]}}}`,
		"shard without name": `{"shards": [{"path": "w", "shape": [1, 1]}]}`,
		"shard twice":        `{"shards": [{"tensor_name": "w", "path": "w", "shape": [1, 1]}, {"tensor_name": "w", "path": "w", "shape": [1, 1]}]}`,
		"shard leaves":       `{"shards": [{"tensor_name": "w", "path": "../w", "shape": [1, 1]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(write(t, text))
			if !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), ManifestName) {
				t.Errorf("%v, want ErrManifest that names the file", err)
			}
		})
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNotModel) {
		t.Errorf("no manifest: %v, want ErrNotModel", err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"tensors": {"w": {"format": "cdna_v2", "file": "w", "cdna_shape": [1, 1]}}}`))
	f.Add([]byte(`{"shards": [{"tensor_name": "w", "path": "w", "shape": [1, 1]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ManifestName), text, 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := Open(dir)
		if err != nil {
			return
		}
		if _, err := m.Verify(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	})
}
