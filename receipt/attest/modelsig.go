package attest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// ErrModel reports files of a model that are not those that were signed.
var ErrModel = errors.New("the model is not the one that was signed")

const (
	// ModelSignatureName is the usual name of a model's signature, in its directory.
	ModelSignatureName = "model.sig"
	// ModelPredicate is the type of a model signature's predicate.
	ModelPredicate = "https://model_signing/signature/v1.0"

	bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

// bundle is a Sigstore bundle, signed with a key and in no transparency log.
type bundle struct {
	MediaType string `json:"mediaType"`
	Material  struct {
		PublicKey struct {
			Hint string `json:"hint"` // SHA-256 of the public key's PEM
		} `json:"publicKey"`
		TlogEntries []json.RawMessage `json:"tlogEntries"`
	} `json:"verificationMaterial"`
	Envelope dsse.Envelope `json:"dsseEnvelope"`
}

// ErrOtherKey is the ErrSignature of a model's signature that does not say that it is of the key.
var ErrOtherKey = fmt.Errorf("%w: it was made with another key", ErrSignature)

// modelPredicate lists a model's files and says how they were hashed.
type modelPredicate struct {
	Serialization serialization `json:"serialization"`
	Resources     []resource    `json:"resources"`
}

type serialization struct {
	Method        string   `json:"method"`
	HashType      string   `json:"hash_type"`
	AllowSymlinks bool     `json:"allow_symlinks"`
	IgnorePaths   []string `json:"ignore_paths"`
}

type resource struct {
	Name      string `json:"name"`
	Algorithm string `json:"algorithm"`
	Digest    string `json:"digest"`
}

// gitPaths are no part of a model.
var gitPaths = []string{".git", ".gitattributes", ".github", ".gitignore"}

// SignModel signs the files of a model directory and writes the signature to sigPath,
// which may lie in it.
func SignModel(ctx context.Context, dir, sigPath string, key *PrivateKey) error {
	ignore := slices.Clone(gitPaths)
	if name, ok := inside(dir, sigPath); ok {
		ignore = append([]string{name}, ignore...)
	}
	files, err := hashTree(ctx, dir, ignore)
	if err != nil {
		return err
	}
	text, err := signFiles(ctx, baseName(dir), files, ignore, key)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return WriteEnvelope(sigPath, text)
}

// SignFiles returns the signature of a model called name, to lie in its directory as
// [ModelSignatureName]: of all its files, by their SHA-256 in hex. sums has these by the files'
// paths from there, with slashes. Nothing is read.
func SignFiles(ctx context.Context, name string, sums map[string]string, key *PrivateKey) ([]byte, error) {
	files := make([]resource, 0, len(sums))
	for name, sum := range sums {
		files = append(files, resource{name, "sha256", sum})
	}
	slices.SortFunc(files, byPath)
	return signFiles(ctx, name, files, append([]string{ModelSignatureName}, gitPaths...), key)
}

// signFiles returns the text of a signature of files, in the order of byPath.
func signFiles(ctx context.Context, name string, files []resource, ignore []string, key *PrivateKey) ([]byte, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: no files in it", ErrModel)
	}
	predicate, err := receipt.CanonicalOf(modelPredicate{serialization{"files", "sha256", false, ignore}, files})
	if err != nil {
		return nil, err
	}
	s := &Statement{StatementType, []Subject{SHA256Subject(name, rootOf(files))}, ModelPredicate, predicate}
	payload, err := s.Canonical()
	if err != nil {
		return nil, err
	}
	e, err := signPayload(ctx, PayloadType, payload, []*PrivateKey{key})
	if err != nil {
		return nil, err
	}
	b := &bundle{MediaType: bundleType, Envelope: *e}
	b.Material.PublicKey.Hint = hint(&key.PublicKey)
	b.Material.TlogEntries = []json.RawMessage{}
	b.Envelope.Signatures[0].KeyID = "" // the hint says it
	return encode(b)
}

// WriteEnvelope writes what was signed to a file, which appears when it is whole.
func WriteEnvelope(path string, envelope []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(envelope)
		return err
	})
}

func hint(k *PublicKey) string {
	sum := sha256.Sum256(k.PEM())
	return hex.EncodeToString(sum[:])
}

func baseName(dir string) string {
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	return filepath.Base(dir)
}

// SignedModel is what a model's signature says.
type SignedModel struct {
	Statement *Statement
	Files     map[string]string // SHA-256, in hex, by path from the model's directory, with slashes
	resources []resource
	ignored   []string
}

// Ignores tells whether a file of the directory, by its path from there with slashes, is none of
// the signature's: what belongs to git, and what whoever signed left out.
func (s *SignedModel) Ignores(name string) bool {
	return slices.ContainsFunc(s.ignored, func(path string) bool { return name == path || strings.HasPrefix(name, path+"/") })
}

// VerifyModel checks a model's signature and every file of its directory against it:
// changed, missing and additional files are ErrModel, with their names. Of the key and
// the layout see [Open]. It returns what was signed.
func VerifyModel(ctx context.Context, dir, sigPath string, key *PublicKey, anyLayout bool) (*Statement, error) {
	text, err := ReadDocument(sigPath)
	if err != nil {
		return nil, err
	}
	s, err := OpenModelSignature(ctx, text, key, anyLayout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sigPath, err)
	}
	ignore := s.ignored
	if name, ok := inside(dir, sigPath); ok {
		ignore = append(ignore, name)
	}
	files, err := hashTree(ctx, dir, ignore)
	if err != nil {
		return nil, err
	}
	return s.Statement, compareFiles(dir, s.resources, files)
}

// OpenModelSignature checks the signature of a model, the text of a model.sig, by a key, and says
// what it signs: to compare the files with it is the caller's. Of the key and the layout see [Open].
func OpenModelSignature(ctx context.Context, text []byte, key *PublicKey, anyLayout bool) (*SignedModel, error) {
	statement, err := openBundle(ctx, text, key, anyLayout)
	if err != nil {
		return nil, err
	}
	var p modelPredicate
	if err := receipt.Unmarshal(statement.Predicate, &p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if err := p.check(statement); err != nil {
		return nil, err
	}
	s := &SignedModel{Statement: statement, Files: make(map[string]string, len(p.Resources)), resources: p.Resources, ignored: slices.Clone(gitPaths)}
	for _, r := range p.Resources {
		s.Files[r.Name] = r.Digest
	}
	for _, path := range p.Serialization.IgnorePaths {
		s.ignored = append(s.ignored, filepath.ToSlash(path))
	}
	return s, nil
}

// openBundle checks a bundle's signature.
func openBundle(ctx context.Context, text []byte, key *PublicKey, anyLayout bool) (*Statement, error) {
	var b bundle
	if err := receipt.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if b.MediaType != bundleType {
		return nil, fmt.Errorf("%w: media type %.80q", ErrEnvelope, b.MediaType)
	}
	payload, err := decodePayload(&b.Envelope)
	if err != nil {
		return nil, err
	}
	if h := b.Material.PublicKey.Hint; h != "" && h != hint(key) {
		return nil, ErrOtherKey
	}
	e, err := check(ctx, &b.Envelope, payload, []*PublicKey{key})
	if b.Material.PublicKey.Hint == "" && errors.Is(err, ErrSignature) { // nothing tells it from another key's
		return nil, fmt.Errorf("%w: %w", ErrOtherKey, err)
	}
	if err != nil {
		return nil, err
	}
	if !anyLayout {
		if err := checkLayout(text, &b); err != nil {
			return nil, err
		}
	}
	return e.Statement()
}

// check tells whether the predicate agrees with itself and is of a kind known here.
func (p *modelPredicate) check(s *Statement) error {
	if s.PredicateType != ModelPredicate {
		return fmt.Errorf("%w: the predicate is %.80q", ErrStatement, s.PredicateType)
	}
	if p.Serialization.Method != "files" || p.Serialization.HashType != "sha256" {
		return fmt.Errorf("%w: files are hashed by %.20q, %.20q; known here is files, sha256", ErrStatement, p.Serialization.Method, p.Serialization.HashType)
	}
	seen := map[string]bool{}
	for _, r := range p.Resources {
		if r.Algorithm != "sha256" || !isSHA256(r.Digest) || seen[r.Name] {
			return fmt.Errorf("%w: the entry of %.80q", ErrStatement, r.Name)
		}
		seen[r.Name] = true
	}
	if len(s.Subject) != 1 || s.Subject[0].Digest["sha256"] != rootOf(p.Resources) {
		return fmt.Errorf("%w: the model's digest is not that of its files", ErrStatement)
	}
	return nil
}

// rootOf returns the SHA-256 of the files' hashes in their order.
func rootOf(files []resource) string {
	h := sha256.New()
	for _, f := range files {
		b, _ := hex.DecodeString(f.Digest) // checked, or just made
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// compareFiles names the files that are not as they were signed.
func compareFiles(dir string, signed, found []resource) error {
	have := map[string]string{}
	for _, f := range found {
		have[f.Name] = f.Digest
	}
	var list []string
	for _, f := range signed {
		switch digest, ok := have[f.Name]; {
		case !ok:
			list = append(list, f.Name+" is missing")
		case digest != f.Digest:
			list = append(list, f.Name+" was changed")
		}
		delete(have, f.Name)
	}
	for _, f := range found {
		if _, more := have[f.Name]; more {
			list = append(list, f.Name+" was added")
		}
	}
	if len(list) == 0 {
		return nil
	}
	more := ""
	if len(list) > 5 {
		more = fmt.Sprintf(", and %d more", len(list)-5)
		list = list[:5]
	}
	return fmt.Errorf("%s: %w: %s%s", dir, ErrModel, strings.Join(list, ", "), more)
}
