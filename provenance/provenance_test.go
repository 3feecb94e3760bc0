package provenance_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/helix-substrate/helix-substrate/cdna"
	place "github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/provenance"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// must panics on an error, which the test reports.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// builder is that of these tests, wherever they run.
var builder = &provenance.Builder{Version: model.Version, SHA256: strings.Repeat("ab", 32), Time: time.Unix(1700000000, 0)}

// checkpoint is the built-in model, as it was published.
func checkpoint(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// matrix is a checkpoint of one small matrix.
func matrix(t *testing.T) string {
	t.Helper()
	values := make([]float32, 64*32)
	for i := range values {
		values[i] = float32(i%31) / 7
	}
	path := filepath.Join(t.TempDir(), "w.npy")
	if err := npy.Create(path, []int{64, 32}, values); err != nil {
		t.Fatal(err)
	}
	return path
}

// made converts a checkpoint to a directory that says where it comes from.
func made(t *testing.T, job convert.Job, keys ...*attest.PrivateKey) string {
	t.Helper()
	return madeBy(t, builder, job, keys...)
}

func madeBy(t *testing.T, builder *provenance.Builder, job convert.Job, keys ...*attest.PrivateKey) string {
	t.Helper()
	if job.Options.Method == "" {
		job.Options.Method = convert.Entropy
	}
	job.Output = filepath.Join(t.TempDir(), "model")
	job.Attest = func(ctx context.Context, m *convert.Finished) (map[string][]byte, error) {
		return provenance.Files(ctx, m, builder, keys...)
	}
	if _, err := convert.Directory(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	return job.Output
}

// check returns the first thing that is wrong with a directory.
func check(t *testing.T, dir string, keys ...*attest.PublicKey) error {
	t.Helper()
	return checkModel(t, must(model.OpenUnverified(dir)), keys...)
}

func checkModel(t *testing.T, m *model.Model, keys ...*attest.PublicKey) error {
	t.Helper()
	for _, c := range must(provenance.Check(t.Context(), m, keys...)) {
		if c.Err != nil {
			return c.Err
		}
		if c.Note != "" {
			return errors.New(c.Note)
		}
	}
	return nil
}

// What is said of a directory follows from what is in it, whatever it was converted by.
func TestCheck(t *testing.T) {
	src := checkpoint(t)
	p256, ed25519 := must(attest.GenerateKey(attest.P256)), must(attest.GenerateKey(attest.Ed25519))
	for name, job := range map[string]convert.Job{
		"plain":   {Source: src},
		"options": {Source: src, ModelID: `tiny "stories"`, Options: convert.Options{Bits: 4.5, Level: 3}, Embeddings: must(convert.ParseSettings("exact")), Overrides: []convert.Override{must(convert.ParseOverride("mlp=snr=30"))}, Entropy: true},
		"file":    {Source: filepath.Join(src, "model.safetensors"), Options: convert.Options{Method: convert.Lossless}},
	} {
		dir := made(t, job, p256, ed25519)
		if err := check(t, dir, p256.PublicHalf(), ed25519.PublicHalf()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := attest.VerifyModel(t.Context(), dir, filepath.Join(dir, attest.ModelSignatureName), p256.PublicHalf(), false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := check(t, dir, must(attest.GenerateKey(attest.P256)).PublicHalf()); !errors.Is(err, attest.ErrSignature) {
			t.Errorf("%s: another key: %v", name, err)
		}
		bom := cdx.BOM{}
		if err := cdx.NewBOMDecoder(bytes.NewReader(read(t, dir, provenance.BOMName)), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if m := must(model.Open(dir)).Manifest; bom.Metadata.Component.Version != m.RootSHA256 || len(*bom.Components) != len(m.AllFiles())+1 {
			t.Errorf("%s: the bill of materials is of version %s, of %d files", name, bom.Metadata.Component.Version, len(*bom.Components))
		}
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join(dir, name)))
}

func write(t *testing.T, dir, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// The same conversion says the same, on any number of threads.
func TestSame(t *testing.T) {
	src, key := checkpoint(t), must(attest.GenerateKey(attest.P256))
	one := made(t, convert.Job{Source: src, Options: convert.Options{Threads: 1}}, key)
	other := made(t, convert.Job{Source: src, Options: convert.Options{Threads: 3}}, key)
	for _, name := range []string{provenance.Name, provenance.BOMName, attest.ModelSignatureName} {
		if !bytes.Equal(read(t, one, name), read(t, other, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

// Changed bytes of what is said are found, signed or not: one in step of them, as each takes
// milliseconds; a run with step 1 is done when this changes.
func TestFlipped(t *testing.T) {
	const step = 101
	key := must(attest.GenerateKey(attest.Ed25519))
	for _, keys := range [][]*attest.PrivateKey{{key}, {}} {
		dir := made(t, convert.Job{Source: matrix(t)}, keys...)
		m := must(model.Open(dir))
		var public []*attest.PublicKey
		for _, k := range keys {
			public = append(public, k.PublicHalf())
		}
		for _, name := range []string{provenance.Name, provenance.BOMName} {
			text := read(t, dir, name)
			for i := 0; i < len(text); i += step {
				changed := bytes.Clone(text)
				changed[i] ^= 1 << (i % 7)
				write(t, dir, name, changed)
				if checkModel(t, m, public...) == nil {
					t.Fatalf("%s: byte %d (%q to %q) changed unseen", name, i, text[i], changed[i])
				}
			}
			write(t, dir, name, text)
		}
	}
}

// Provenance of another directory is found out, and so is none where a key is given.
func TestAnother(t *testing.T) {
	src, key := matrix(t), must(attest.GenerateKey(attest.Ed25519))
	dir, other := made(t, convert.Job{Source: src}, key), made(t, convert.Job{Source: src, Options: convert.Options{Bits: 3}}, key)
	write(t, dir, provenance.Name, read(t, other, provenance.Name))
	if err := check(t, dir, key.PublicHalf()); !errors.Is(err, provenance.ErrMismatch) {
		t.Errorf("another directory's: %v", err)
	}
	write(t, dir, provenance.Name, read(t, made(t, convert.Job{Source: src}), provenance.Name))
	if err := check(t, dir, key.PublicHalf()); !errors.Is(err, provenance.ErrUnsigned) {
		t.Errorf("not signed: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, provenance.Name)); err != nil {
		t.Fatal(err)
	}
	if err := check(t, dir, key.PublicHalf()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if err := check(t, dir); err == nil || err.Error() != "model.sig: not verified: no key says whose it must be" {
		t.Errorf("none, and no key: %v", err)
	}
}

// A bill of materials that lies there alone is made again like one beside provenance.
func TestBillAlone(t *testing.T) {
	src, key := checkpoint(t), must(attest.GenerateKey(attest.P256))
	if err := attest.SignModel(t.Context(), src, filepath.Join(src, attest.ModelSignatureName), key); err != nil {
		t.Fatal(err)
	}
	dir := made(t, convert.Job{Source: src, SourceKey: key.PublicHalf()})
	if err := os.Remove(filepath.Join(dir, provenance.Name)); err != nil {
		t.Fatal(err)
	}
	m := must(model.Open(dir))
	if list := must(provenance.Check(t.Context(), m)); len(list) != 1 || list[0].Name != provenance.BOMName || list[0].Err != nil || list[0].Note != "" {
		t.Errorf("%+v", list)
	}
	text := read(t, dir, provenance.BOMName)
	for _, change := range [][2]string{{m.Manifest.RootSHA256, strings.Repeat("0", 64)}, {"verified by", "signed by"}, {`"bomFormat"`, `"form"`}, {"{", "["}} {
		write(t, dir, provenance.BOMName, bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1))
		if err := check(t, dir); !errors.Is(err, provenance.ErrMismatch) {
			t.Errorf("%q: %v", change, err)
		}
	}
	write(t, dir, provenance.BOMName, []byte(`{"bomFormat": "CycloneDX", "specVersion": "1.6"}`))
	if err := check(t, dir); err == nil || err.Error() != "bom.cdx.json: another program's: not compared" {
		t.Errorf("another program's: %v", err)
	}
}

// A model.sig is verified by whichever key made it, or it is said that it was not.
func TestSignature(t *testing.T) {
	one, other := must(attest.GenerateKey(attest.P256)), must(attest.GenerateKey(attest.Ed25519))
	dir := made(t, convert.Job{Source: matrix(t)}, one, other)
	if err := check(t, dir, other.PublicHalf(), one.PublicHalf()); err != nil {
		t.Error(err)
	}
	if err := check(t, dir, other.PublicHalf()); err == nil || err.Error() != "model.sig: not verified: it is of none of the keys" {
		t.Errorf("the other key: %v", err)
	}
	text := read(t, dir, attest.ModelSignatureName)
	at := bytes.Index(text, []byte(`"payload":"`)) + 60
	write(t, dir, attest.ModelSignatureName, slices.Concat(text[:at], []byte{text[at] ^ 1}, text[at+1:]))
	if err := check(t, dir, other.PublicHalf(), one.PublicHalf()); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("a changed signature: %v", err)
	}
	sign := func() {
		t.Helper()
		if err := attest.SignModel(t.Context(), dir, filepath.Join(dir, attest.ModelSignatureName), one); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "more.txt", []byte("more"))
	sign()
	if err := check(t, dir, one.PublicHalf(), other.PublicHalf()); err != nil {
		t.Errorf("with a file more: %v", err)
	}
	write(t, dir, "more.txt", []byte("less"))
	if err := check(t, dir, one.PublicHalf(), other.PublicHalf()); !errors.Is(err, provenance.ErrMismatch) {
		t.Errorf("changed: %v", err)
	}
	manifest := read(t, dir, model.ManifestName)
	if err := os.Remove(filepath.Join(dir, model.ManifestName)); err != nil {
		t.Fatal(err)
	}
	sign()
	write(t, dir, model.ManifestName, manifest)
	if err := check(t, dir, one.PublicHalf(), other.PublicHalf()); !errors.Is(err, provenance.ErrMismatch) {
		t.Errorf("without the manifest: %v", err)
	}
}

// Far away, too, what lies beside a model is compared.
func TestFarDocuments(t *testing.T) {
	key := must(attest.GenerateKey(attest.P256))
	dir := made(t, convert.Job{Source: matrix(t)}, key)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	far := func() error {
		at := must(place.Find(t.Context(), server.URL))
		return checkModel(t, must(at.Model(t.Context(), cdna.Off)), key.PublicHalf())
	}
	if err := far(); err != nil {
		t.Error(err)
	}
	write(t, dir, provenance.BOMName, []byte("{}"))
	if err := far(); !errors.Is(err, provenance.ErrMismatch) {
		t.Errorf("another bill: %v", err)
	}
}

// What another release wrote may differ from what this one would, but it must be of these files.
func TestAnotherRelease(t *testing.T) {
	src, key := matrix(t), must(attest.GenerateKey(attest.Ed25519))
	old := &provenance.Builder{Version: "0.0.0", SHA256: builder.SHA256}
	dir, other := madeBy(t, old, convert.Job{Source: src}, key), madeBy(t, old, convert.Job{Source: src, Options: convert.Options{Bits: 3}}, key)
	list := must(provenance.Check(t.Context(), must(model.OpenUnverified(dir)), key.PublicHalf()))
	if len(list) != 3 || list[0].Err != nil {
		t.Errorf("%+v", list)
	}
	write(t, dir, provenance.Name, read(t, other, provenance.Name))
	list = must(provenance.Check(t.Context(), must(model.OpenUnverified(dir)), key.PublicHalf()))
	if !errors.Is(list[0].Err, provenance.ErrMismatch) {
		t.Errorf("another directory's: %+v", list)
	}
}

func TestThisProgram(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	b := must(provenance.ThisProgram())
	self, _, err := model.HashFile(t.Context(), must(os.Executable()))
	if err != nil || b.SHA256 != self || !b.Time.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("%+v, want sha256 %s: %v", b, self, err)
	}
	for _, text := range []string{" ", "-1", "now", "253402300800"} {
		t.Setenv("SOURCE_DATE_EPOCH", text)
		if _, err := provenance.ThisProgram(); !errors.Is(err, provenance.ErrEpoch) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Public tools accept what is written here, and what they sign is accepted.
func TestPublicTools(t *testing.T) {
	python := os.Getenv("HELIX_PROVENANCE")
	if python == "" {
		t.Skip("HELIX_PROVENANCE names no Python with the tools of testdata/validate.py")
	}
	tool := func(verb, dir, key string) error {
		out, err := exec.CommandContext(t.Context(), python, "testdata/validate.py", verb, dir, key).CombinedOutput()
		t.Logf("%s: %s", verb, out)
		return err
	}
	src, key, path := checkpoint(t), must(attest.GenerateKey(attest.P256)), filepath.Join(t.TempDir(), "key")
	if err := key.Write(path); err != nil {
		t.Fatal(err)
	}
	if err := tool("sign", src, path); err != nil {
		t.Fatal(err)
	}
	job := convert.Job{Source: src, SourceKey: key.PublicHalf()}
	dir := made(t, job, key)
	if err := tool("check", dir, path+".pub"); err != nil {
		t.Error(err)
	}
	if err := check(t, dir, key.PublicHalf()); err != nil {
		t.Error(err)
	}
	text := read(t, dir, provenance.BOMName)
	write(t, dir, provenance.BOMName, bytes.Replace(text, []byte(`"specVersion"`), []byte(`"specification"`), 1))
	if tool("check", dir, path+".pub") == nil {
		t.Error("the tools accept a changed bill of materials")
	}
	write(t, src, "config.json", append(read(t, src, "config.json"), ' '))
	job.Output, job.Options.Method = filepath.Join(t.TempDir(), "other"), convert.Entropy
	if _, err := convert.Directory(t.Context(), job); !errors.Is(err, convert.ErrSignature) {
		t.Errorf("a changed source: %v", err)
	}
}
