package model

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// sealed makes a directory whose manifest has a root scheme, and all that it demands.
func sealed(t *testing.T) (dir string, m *Manifest) {
	t.Helper()
	dir, m = writeModel(t)
	config := []byte("{\"a\": 1}\n")
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o666); err != nil {
		t.Fatal(err)
	}
	m.Files = []File{{File: "config.json", Bytes: int64(len(config)), SHA256: hexSum(config)}}
	for name, e := range m.Tensors {
		info, err := os.Stat(filepath.Join(dir, e.File))
		if err != nil {
			t.Fatal(err)
		}
		e.OriginalBytes, e.SourceDType = 48, "F32"
		if e.Format == FormatNPY {
			e.Bytes, e.OriginalBytes = info.Size(), 12
		} else {
			f, err := cdna.Open(filepath.Join(dir, e.File))
			if err != nil {
				t.Fatal(err)
			}
			e.HeadSHA256 = f.HeadSHA256()
			if e.BlockCRC32C, err = f.PackedSums(context.Background()); err != nil {
				t.Fatal(err)
			}
			f.Close()
			e.CompressedBytes = info.Size() + e.Sidecar.Bytes
			e.CompressionRatio = 48 / float64(e.CompressedBytes)
			e.Fidelity = &Fidelity{BitsPerWeight: float64(e.CompressedBytes) * 8 / 12, Cosine: 0.5}
		}
		m.Tensors[name] = e
		m.Stats.TensorCount++
		m.Stats.OriginalBytes += e.OriginalBytes
		m.Stats.CompressedBytes += e.Bytes + e.CompressedBytes
	}
	m.Stats.OverallRatio = float64(m.Stats.OriginalBytes) / float64(m.Stats.CompressedBytes)
	m.Repository, m.RootScheme = "owner/name@0", RootScheme
	reseal(t, dir, m)
	return dir, m
}

// reseal writes a manifest with the root that it has.
func reseal(t *testing.T, dir string, m *Manifest) {
	t.Helper()
	m.RootSHA256 = m.Root()
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
}

// TestForgedText changes the text of a manifest in ways that a reader might let pass.
func TestForgedText(t *testing.T) {
	dir, _ := sealed(t)
	if bad := verify(t, dir); len(bad) != 0 {
		t.Fatal(bad)
	}
	path := filepath.Join(dir, ManifestName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`owner/name@0`, `owner/name@1`}, {`"cosine": 0.5`, `"cosine": 0.9`}, {`"cosine": 0.5`, `"cosine": 5e-1`}, {"{\n", "{\n "}, {`"F32"`, `"BF16"`},
		{`"outliers": 1`, `"outliers": 2`}, {`"format":`, "\"other\": 1,\n \"format\":"}, {`"format":`, "\"Format\":"}, {`"source_repository"`, `"Source_repository"`},
		{`"tensor_count": 2`, `"tensor_count": 3`}, {`"tensor_count": 2`, `"tensor_count": 2, "tensor_count": 2`}, {`"block_rows": 0`, `"block_rows": null`},
		{`"root_scheme": 2`, `"root_scheme": 3`}, {"\"\n}\n", "\" }\n"}, {"\"\n}\n", "\"\n}\n\n"}, {` "root_scheme": 2,` + "\n", ""},
	} {
		forged := strings.Replace(string(text), change[0], change[1], 1)
		if forged == string(text) {
			t.Fatalf("%q is not in the manifest", change[0])
		}
		if err := os.WriteFile(path, []byte(forged), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, ErrManifest) && !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), ManifestName) {
			t.Errorf("%q for %q: %v", change[1], change[0], err)
		}
	}
}

// TestForgedFields changes fields and takes the root again: what derives from elsewhere is
// still found, by name.
func TestForgedFields(t *testing.T) {
	for field, change := range map[string]func(m *Manifest, w *Tensor){
		"original_shape":                func(_ *Manifest, w *Tensor) { w.OriginalShape = []int{3, 4} },
		"original_bytes":                func(_ *Manifest, w *Tensor) { w.OriginalBytes++ },
		"compressed_bytes":              func(_ *Manifest, w *Tensor) { w.CompressedBytes++ },
		"compression_ratio":             func(_ *Manifest, w *Tensor) { w.CompressionRatio = 9 },
		"fidelity.bits_per_weight":      func(_ *Manifest, w *Tensor) { w.Fidelity.BitsPerWeight = 1 },
		"fidelity.bits_in_memory":       func(_ *Manifest, w *Tensor) { w.Fidelity.BitsInMemory = 4 },
		"config.json: file is not in":   func(m *Manifest, _ *Tensor) { m.Files = []File{} },
		"same_as":                       func(_ *Manifest, w *Tensor) { w.SameAs = "w" },
		"head":                          func(_ *Manifest, w *Tensor) { w.HeadSHA256 = strings.Repeat("0", 64) },
		"block_crc32c|recorded 0000":    func(_ *Manifest, w *Tensor) { w.BlockCRC32C = strings.Repeat("0", len(w.BlockCRC32C)) },
		"outliers":                      func(_ *Manifest, w *Tensor) { w.Sidecar.Outliers = 3 },
		"stats.tensor_count":            func(m *Manifest, _ *Tensor) { m.Stats.TensorCount++ },
		"stats.overall_ratio":           func(m *Manifest, _ *Tensor) { m.Stats.OverallRatio++ },
		"source_sha256":                 func(m *Manifest, _ *Tensor) { m.SourceSHA256 = strings.Repeat("0", 64) },
		"config.json: 9 bytes":          func(m *Manifest, _ *Tensor) { m.Files[0].Bytes++ },
		"config.json: sha256":           func(m *Manifest, _ *Tensor) { m.Files[0].SHA256 = strings.Repeat("0", 64) },
		"norm.npy: is .3. of \"<f4\"":   func(m *Manifest, _ *Tensor) { n := m.Tensors["norm"]; n.DType = "<f2"; m.Tensors["norm"] = n },
		"file of \"v\"|holds tensor .w": func(m *Manifest, w *Tensor) { m.Tensors["v"] = *w; m.Stats.TensorCount++ },
	} {
		t.Run(field, func(t *testing.T) {
			dir, m := sealed(t)
			w := m.Tensors["w"]
			change(m, &w)
			m.Tensors["w"] = w
			reseal(t, dir, m)
			open, err := OpenUnverified(dir)
			if err == nil {
				checks, stopped := open.Verify(t.Context(), 1)
				if stopped != nil {
					t.Fatal(stopped)
				}
				for _, c := range checks {
					err = errors.Join(err, c.Err)
				}
			}
			if err == nil || !regexp.MustCompile(field).MatchString(err.Error()) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestCheckDerived: what derives from the files' heads is found without reading blocks.
func TestCheckDerived(t *testing.T) {
	for field, change := range map[string]func(m *Manifest, w *Tensor){
		"":                         func(*Manifest, *Tensor) {},
		"head":                     func(_ *Manifest, w *Tensor) { w.HeadSHA256 = strings.Repeat("0", 64) },
		"fidelity.bits_per_weight": func(_ *Manifest, w *Tensor) { w.Fidelity.BitsPerWeight = 1 },
		"stats.overall_ratio":      func(m *Manifest, _ *Tensor) { m.Stats.OverallRatio++ },
	} {
		dir, m := sealed(t)
		w := m.Tensors["w"]
		change(m, &w)
		m.Tensors["w"] = w
		reseal(t, dir, m)
		open, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := open.CheckDerived(context.Background()); (err != nil) != (field != "") || err != nil && (!errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), field)) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestDowngrade: a manifest written again as an earlier release did has another root, and
// says what nothing covers.
func TestDowngrade(t *testing.T) {
	dir, m := sealed(t)
	before := m.RootSHA256
	m.RootScheme, m.Repository = 0, "forged/name@0"
	reseal(t, dir, m)
	open, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if root, err := open.Root(t.Context()); err != nil || root == before {
		t.Errorf("root %s as before, %v", root, err)
	}
	if open.Manifest.Uncovered() == nil {
		t.Error("all is covered")
	}
}

// TestFiles: files are compared when they are read, and only those that are listed are.
func TestFiles(t *testing.T) {
	dir, _ := sealed(t)
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := m.ReadFile(context.Background(), "config.json", 100); err != nil || string(text) != "{\"a\": 1}\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := m.ReadFile(context.Background(), "absent.json", 100); !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrMissing) {
		t.Errorf("absent: %v", err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("chat_template.jinja", "x")
	if _, err := m.ReadFile(context.Background(), "chat_template.jinja", 100); !errors.Is(err, ErrUnlisted) || !strings.Contains(err.Error(), "chat_template.jinja") {
		t.Errorf("unlisted: %v", err)
	}
	write("config.json", "{\"a\": 2}\n")
	if _, err := m.ReadFile(context.Background(), "config.json", 100); !errors.Is(err, ErrMismatch) {
		t.Errorf("changed: %v", err)
	}
	if _, err := m.Open(context.Background(), "config.json"); !errors.Is(err, ErrMismatch) {
		t.Errorf("changed: %v", err)
	}
	if err := m.CheckCompanions(context.Background()); !errors.Is(err, ErrMismatch) {
		t.Errorf("changed: %v", err)
	}
	loose, err := OpenUnverified(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loose.ReadFile(context.Background(), "config.json", 100); err != nil {
		t.Errorf("unverified: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.ReadFile(context.Background(), "config.json", 100); !errors.Is(err, ErrMissing) {
		t.Errorf("missing: %v", err)
	}
}

// TestLinks: links stay in the directory, or in the repository's cache that it is part of.
func TestLinks(t *testing.T) {
	link := func(to, at string) {
		t.Helper()
		if err := os.Symlink(to, at); err != nil {
			t.Skip(err)
		}
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	all := func(dir string) error {
		m, err := Open(dir)
		if err == nil {
			err = m.CheckCompanions(context.Background())
		}
		if err != nil {
			return err
		}
		checks, err := m.Verify(t.Context(), 1)
		for _, c := range checks {
			err = errors.Join(err, c.Err)
		}
		return err
	}
	for _, name := range []string{"config.json", "norm.npy", "w.cdna2.hxz", "w.hxzo", ManifestName} {
		dir, _ := sealed(t)
		outside := filepath.Join(t.TempDir(), "file")
		move(filepath.Join(dir, name), outside)
		link(outside, filepath.Join(dir, name))
		if err := all(dir); !errors.Is(err, ErrOutside) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s outside: %v", name, err)
		}
		os.Remove(filepath.Join(dir, name))
		move(outside, filepath.Join(dir, "other"))
		link("other", filepath.Join(dir, name))
		if err := all(dir); err != nil {
			t.Errorf("%s inside: %v", name, err)
		}
	}

	dir, m := sealed(t)
	m.Files[0].File = "sub/config.json"
	outside := t.TempDir()
	move(filepath.Join(dir, "config.json"), filepath.Join(outside, "config.json"))
	link(outside, filepath.Join(dir, "sub"))
	reseal(t, dir, m)
	if err := all(dir); !errors.Is(err, ErrOutside) {
		t.Errorf("a directory outside: %v", err)
	}

	// The cache of the hub; the directory itself may be reached by a link.
	cache := t.TempDir()
	snapshot := filepath.Join(cache, "models--owner--name", "snapshots", "0123")
	from, _ := sealed(t)
	move(from, snapshot)
	move(filepath.Join(snapshot, "norm.npy"), filepath.Join(cache, "models--owner--name", "blobs", "abc"))
	link("../../blobs/abc", filepath.Join(snapshot, "norm.npy"))
	to := filepath.Join(t.TempDir(), "link")
	link(snapshot, to)
	for _, dir := range []string{snapshot, to} {
		if err := all(dir); err != nil {
			t.Errorf("in the hub's cache: %v", err)
		}
	}
	move(filepath.Join(cache, "models--owner--name", "blobs", "abc"), filepath.Join(cache, "models--owner--other", "blobs", "abc"))
	os.Remove(filepath.Join(snapshot, "norm.npy"))
	link("../../../models--owner--other/blobs/abc", filepath.Join(snapshot, "norm.npy"))
	if err := all(snapshot); !errors.Is(err, ErrOutside) {
		t.Errorf("in another repository's cache: %v", err)
	}
}
