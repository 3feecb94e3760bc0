package attest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/receipt"
)

// document is a small receipt.
func document(t testing.TB) []byte {
	t.Helper()
	r := receipt.NewRecorder(time.Unix(0, 0))
	r.Add(receipt.Operation{Name: receipt.OpVerify})
	e := must(r.Receipt(receipt.VerifyClaims{Operation: receipt.OpVerify, Kind: "model", SHA256: strings.Repeat("ab", 32), Damaged: []string{}}, time.Unix(1, 0)))
	return must(e.Canonical())
}

// must panics on an error, which the test reports.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func signed(t testing.TB, keys ...*PrivateKey) []byte {
	t.Helper()
	subjects := []Subject{SHA256Subject("model", strings.Repeat("cd", 32))}
	return must(Sign(t.Context(), subjects, ReceiptPredicate, document(t), keys...))
}

func TestSignAndOpen(t *testing.T) {
	for _, kind := range []KeyKind{Ed25519, P256} {
		a, b, stranger := must(GenerateKey(kind)), must(GenerateKey(Ed25519)), must(GenerateKey(kind))
		both := must(AddSignatures(t.Context(), signed(t, a), b))
		e, err := Open(t.Context(), both, false, a.PublicHalf(), b.PublicHalf())
		if err != nil || len(e.Signatures) != 2 || !e.Signatures[0].Valid || !e.Signatures[1].Valid {
			t.Errorf("%s: %+v, %v", kind, e, err)
		}
		s, err := e.Statement()
		if err != nil || s.PredicateType != ReceiptPredicate || !bytes.Equal(s.Predicate, document(t)) {
			t.Errorf("%s: %+v, %v", kind, s, err)
		}
		if e, err := Open(t.Context(), both, false, a.PublicHalf()); err != nil || !e.Signatures[1].Unknown {
			t.Errorf("%s: one key of two: %+v, %v", kind, e, err)
		}
		if _, err := Open(t.Context(), both, false, a.PublicHalf(), stranger.PublicHalf()); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: a key that has not signed: %v", kind, err)
		}
		if _, err := AddSignatures(t.Context(), both, a); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: signed twice: %v", kind, err)
		}
	}
}

// A predicate's numbers keep their text: its own hash depends on it.
func TestSignKeepsNumbers(t *testing.T) {
	key := must(GenerateKey(Ed25519))
	const predicate = `{"a":1e-7,"b":0.50,"c":9E-1,"d":-0.0}`
	subjects := []Subject{SHA256Subject("x", strings.Repeat("cd", 32))}
	e := must(Open(t.Context(), must(Sign(t.Context(), subjects, ReceiptPredicate, []byte(predicate), key)), false, key.PublicHalf()))
	if s := must(e.Statement()); string(s.Predicate) != predicate {
		t.Errorf("%s became %s", predicate, s.Predicate)
	}
}

// One key counts once, however often it signed.
func TestSameKeyTwice(t *testing.T) {
	key := must(GenerateKey(Ed25519))
	if _, err := Sign(t.Context(), []Subject{SHA256Subject("x", strings.Repeat("cd", 32))}, ReceiptPredicate, document(t), key, key); !errors.Is(err, ErrKey) {
		t.Errorf("signing twice: %v", err)
	}
	whole := string(signed(t, key))
	i, j := strings.Index(whole, `"signatures":[`)+len(`"signatures":[`), strings.LastIndex(whole, "]")
	twice := whole[:j] + "," + whole[i:j] + whole[j:]
	if _, err := Open(t.Context(), []byte(twice), false, key.PublicHalf()); !errors.Is(err, ErrSignature) {
		t.Errorf("two signatures of one key: %v", err)
	}
	if _, err := Open(t.Context(), []byte(whole), false, key.PublicHalf(), key.PublicHalf()); err != nil {
		t.Errorf("a key named twice: %v", err)
	}
}

// TestFlippedEnvelope changes every byte of a signed receipt, every way that flips
// one bit: no change goes unseen.
func TestFlippedEnvelope(t *testing.T) {
	key := must(GenerateKey(Ed25519))
	whole := signed(t, key)
	for i := range whole {
		for bit := range 8 {
			if testing.Short() && bit > 0 {
				break
			}
			changed := bytes.Clone(whole)
			changed[i] ^= 1 << bit
			if e, err := Open(t.Context(), changed, false, key.PublicHalf()); err == nil {
				t.Fatalf("byte %d, bit %d: accepted as %+v", i, bit, e)
			}
		}
	}
}

// modelDir makes a small model of some files.
func modelDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"config.json": "{}", "w.cdna2.hxz": "weights of a kind", "w.hxzo": "outliers", "deep/er/file": "below"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFlippedModel changes every byte of a model's files and of its signature, adds and
// removes files.
func TestFlippedModel(t *testing.T) {
	dir := modelDir(t)
	key := must(GenerateKey(P256))
	signature := filepath.Join(dir, ModelSignatureName)
	if err := SignModel(t.Context(), dir, signature, key); err != nil {
		t.Fatal(err)
	}
	verify := func() error {
		_, err := VerifyModel(t.Context(), dir, signature, key.PublicHalf(), false)
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "w.cdna2.hxz", "w.hxzo", "deep/er/file", ModelSignatureName} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		whole := must(os.ReadFile(path))
		for i := range whole {
			changed := bytes.Clone(whole)
			changed[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, changed, 0o666); err != nil {
				t.Fatal(err)
			}
			if verify() == nil {
				t.Fatalf("%s: byte %d changed unseen", name, i)
			}
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	extra := filepath.Join(dir, "deep", "extra")
	if err := os.WriteFile(extra, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := verify(); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), "deep/extra was added") {
		t.Errorf("an added file: %v", err)
	}
	if err := os.Remove(extra); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "w.hxzo")); err != nil {
		t.Fatal(err)
	}
	if err := verify(); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), "w.hxzo is missing") {
		t.Errorf("a removed file: %v", err)
	}
	if _, err := VerifyModel(t.Context(), dir, signature, must(GenerateKey(P256)).PublicHalf(), false); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
}

// TestFlippedLargeModel changes a thousand bytes of a large file, one at a time.
func TestFlippedLargeModel(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes a thousand files")
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	whole := make([]byte, 200_000)
	for i := range whole {
		whole[i] = byte(random.Uint32())
	}
	path := filepath.Join(dir, "w.cdna2.hxz")
	if err := os.WriteFile(path, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	key := must(GenerateKey(Ed25519))
	signature := filepath.Join(dir, ModelSignatureName)
	if err := SignModel(t.Context(), dir, signature, key); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		i := random.IntN(len(whole))
		whole[i] ^= 1 << random.IntN(8)
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyModel(t.Context(), dir, signature, key.PublicHalf(), false); !errors.Is(err, ErrModel) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

// TestForeign verifies a model that the Python program model_signing signed.
func TestForeign(t *testing.T) {
	key := must(ReadPublicKey("testdata/foreign/key.pub"))
	dir := "testdata/foreign/model"
	if _, err := VerifyModel(t.Context(), dir, filepath.Join(dir, ModelSignatureName), key, true); err != nil {
		t.Error(err)
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	for _, kind := range []KeyKind{Ed25519, P256} {
		path := filepath.Join(dir, string(kind))
		key := must(GenerateKey(kind))
		if err := key.Write(path); err != nil {
			t.Fatal(err)
		}
		private, public := must(ReadPrivateKey(path)), must(ReadPublicKey(path+".pub"))
		if private.ID() != key.ID() || public.ID() != key.ID() || public.Kind() != kind {
			t.Errorf("%s: %s, %s, want %s", kind, private.ID(), public.ID(), key.ID())
		}
		if info := must(os.Stat(path)); info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
			t.Errorf("others may read the private key: %v", info.Mode())
		}
		if err := key.Write(path); !errors.Is(err, os.ErrExist) {
			t.Errorf("a key was overwritten: %v", err)
		}
		if _, err := ReadPrivateKey(path + ".pub"); !errors.Is(err, ErrKey) {
			t.Errorf("a public key as a private one: %v", err)
		}
	}
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPublicKey(junk); !errors.Is(err, ErrKey) {
		t.Errorf("junk: %v", err)
	}
	if _, err := GenerateKey("rsa"); !errors.Is(err, ErrKey) {
		t.Errorf("rsa: %v", err)
	}
}

func TestRefused(t *testing.T) {
	key := must(GenerateKey(Ed25519))
	for name, text := range map[string]string{
		"empty": "", "no JSON": "{", "twice": `{"payload": "", "payload": ""}`, "no envelope": "{}", "no signatures": `{"payloadType": "a", "payload": "YQ==", "signatures": []}`,
		"bad base64": `{"payloadType": "a", "payload": "*", "signatures": [{"keyid": "", "sig": "YQ=="}]}`, "not UTF-8": "{\"payloadType\": \"\xff\"}",
		"deep": strings.Repeat("[", 100000),
	} {
		if _, err := Open(t.Context(), []byte(text), false, key.PublicHalf()); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"type": `{"_type": "x", "subject": [{"name": "a", "digest": {"sha256": "00"}}], "predicateType": "p", "predicate": {}}`,
		"none": `{"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "p", "predicate": {}}`,
		"hash": `{"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "a", "digest": {"sha256": "00"}}], "predicateType": "p", "predicate": {}}`,
	} {
		if _, err := ParseStatement([]byte(text)); !errors.Is(err, ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOpen: nothing that is no envelope of the key opens, or ends the program.
func FuzzOpen(f *testing.F) {
	key := must(GenerateKey(Ed25519))
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":"AAAA"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if e, err := Open(t.Context(), text, true, key.PublicHalf()); err == nil {
			t.Errorf("opened %+v", e)
		}
	})
}

// FuzzModelSignature: nothing that is no signature of the key opens, or ends the program.
func FuzzModelSignature(f *testing.F) {
	key := must(GenerateKey(P256))
	f.Add(must(SignFiles(f.Context(), "model", map[string]string{"a": strings.Repeat("cd", 32), "b/c": strings.Repeat("ef", 32)}, must(GenerateKey(P256)))))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := OpenModelSignature(t.Context(), text, key.PublicHalf(), true); err == nil {
			t.Errorf("opened %+v", s)
		}
	})
}

// TestSignFiles: a signature made from hashes is the one that is made from the files.
func TestSignFiles(t *testing.T) {
	dir, key := modelDir(t), must(GenerateKey(Ed25519))
	sums := map[string]string{}
	for _, f := range must(hashTree(t.Context(), dir, nil)) {
		sums[f.Name] = f.Digest
	}
	path := filepath.Join(dir, ModelSignatureName)
	if err := SignModel(t.Context(), dir, path, key); err != nil {
		t.Fatal(err)
	}
	if got, want := must(SignFiles(t.Context(), baseName(dir), sums, key)), must(os.ReadFile(path)); !bytes.Equal(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// What whoever signed left out is no part of the model; all else is.
func TestIgnored(t *testing.T) {
	dir, key := modelDir(t), must(GenerateKey(Ed25519))
	ignore := append([]string{ModelSignatureName, "deep"}, gitPaths...)
	text := must(signFiles(t.Context(), "m", must(hashTree(t.Context(), dir, ignore)), ignore, key))
	path := filepath.Join(dir, ModelSignatureName)
	if err := WriteEnvelope(path, text); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyModel(t.Context(), dir, path, key.PublicHalf(), false); err != nil {
		t.Error(err)
	}
	s := must(OpenModelSignature(t.Context(), text, key.PublicHalf(), false))
	for name, want := range map[string]bool{"deep/er/file": true, "deep": true, "deeper": false, ".git/HEAD": true, "config.json": false} {
		if s.Ignores(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
