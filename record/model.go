package record

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/se/route"
	"github.com/helix-substrate/helix-substrate/storage"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// Model is what receipts say of a model.
type Model struct {
	Claim receipt.ModelClaim // but for the architecture
	// Routes counts the tensors by where Structural Entropy wants them computed and where
	// this machine does, as "gpu -> cpu"; nil if it was not measured.
	Routes    map[string]int
	decisions map[string]route.Decision // by tensor
}

// made tells whether claims are about this model.
func (m *Model) made(c receipt.ModelClaim) bool {
	c.Architecture = m.Claim.Architecture
	return c == m.Claim
}

// Fingerprint tells which model and which tokenizer path holds. A model directory's manifest
// is compared with its root unless verify is cdna.Off.
//
// A model directory's root is the one that its manifest has (see model.Manifest.Root),
// and its content that of its files as they are (see model.Model.Content). The root of a
// checkpoint is model.Root over the files that say what it is: config.json and the files
// with weights, or the GGUF file or its parts. The tokenizer's hash is that of the file that
// generate.OpenTokenizer reads the vocabulary from.
func Fingerprint(ctx context.Context, path string, verify cdna.Policy) (*Model, error) {
	at, err := checkpoint.Find(ctx, path)
	if err != nil {
		return nil, err
	}
	return FingerprintAt(ctx, at, verify)
}

// FingerprintAt is Fingerprint of a model wherever it lies (see checkpoint.At).
func FingerprintAt(ctx context.Context, at checkpoint.Location, verify cdna.Policy) (*Model, error) {
	if at.Converted() {
		m, err := at.Model(ctx, verify)
		if err != nil {
			return nil, err
		}
		return ofDirectory(ctx, m)
	}
	claim, err := ofCheckpoint(ctx, at)
	if err != nil {
		return nil, err
	}
	return &Model{Claim: claim}, nil
}

// ofDirectory is Fingerprint of an open model directory.
func ofDirectory(ctx context.Context, m *model.Model) (*Model, error) {
	machine := route.Machine()
	of := &Model{Routes: m.Manifest.Routes(machine), decisions: map[string]route.Decision{}}
	for name, t := range m.Manifest.Tensors {
		if t.Entropy != nil {
			of.decisions[name] = machine.Resolve(t.Entropy.Decision)
		}
	}
	var err error
	if of.Claim.RootSHA256, err = m.Root(ctx); err != nil {
		return nil, err
	}
	if of.Claim.ContentSHA256, err = m.Content(ctx); err != nil {
		return nil, err
	}
	file := model.MetadataName
	if !m.Has(ctx, file) {
		file = vocabularyFile(func(name string) bool { return m.Has(ctx, name) })
	}
	if file != "" {
		of.Claim.TokenizerSHA256, _, err = m.Hash(ctx, file)
	}
	return of, err
}

// ofCheckpoint is Fingerprint of what is no model directory.
func ofCheckpoint(ctx context.Context, at checkpoint.Location) (claim receipt.ModelClaim, err error) {
	names, vocabulary, err := identifying(ctx, at)
	if err != nil {
		return claim, err
	}
	var list []model.File
	for _, name := range names {
		f, err := hash(ctx, at.Place, name)
		if err != nil {
			return claim, err
		}
		list = append(list, f)
	}
	claim.RootSHA256 = model.Root(list)
	if vocabulary != "" { // else a model for ids alone
		f, err := hash(ctx, at.Place, vocabulary)
		if err != nil {
			return claim, err
		}
		claim.TokenizerSHA256 = f.SHA256
	}
	return claim, nil
}

// identifying returns the names of the files that say what a checkpoint is, and of the one
// with the vocabulary, "" if there is none.
func identifying(ctx context.Context, at checkpoint.Location) (names []string, vocabulary string, err error) {
	whole, err := at.IsGGUF(ctx)
	if err != nil {
		return nil, "", err
	}
	if whole { // whatever it holds
		return gguf.PartNames(at.File), at.File, nil
	}
	c, err := at.Checkpoint(ctx, checkpoint.Options{})
	if err != nil {
		return nil, "", err
	}
	defer c.Close()
	if vocabulary, err = vocabularyIn(ctx, at.Place); err != nil {
		return nil, "", err
	}
	return append([]string{"config.json"}, c.WeightFiles()...), vocabulary, nil
}

// hash describes a file of a place.
func hash(ctx context.Context, place storage.Place, name string) (model.File, error) {
	f, err := storage.Open(ctx, place, name)
	if err != nil {
		return model.File{}, err
	}
	defer f.Close()
	sum, err := storage.Sum(ctx, f, f.Size()) // of the bytes, whatever their place says of them
	return model.File{File: name, Bytes: f.Size(), SHA256: sum}, err
}

// vocabularyIn returns the name of the file in which a place has its vocabulary, "" if it has none. One that lists nothing,
// as a web server, is asked for each.
func vocabularyIn(ctx context.Context, place storage.Place) (string, error) {
	there, err := place.Names(ctx)
	if !errors.Is(err, errors.ErrUnsupported) {
		return vocabularyFile(func(name string) bool { return slices.Contains(there, name) }), err
	}
	for _, name := range tokenizer.VocabularyFiles {
		f, err := storage.Open(ctx, place, name)
		if err == nil {
			return name, f.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", nil
}

// vocabularyFile returns the name of the file in which a directory has its vocabulary, "" if
// it has none.
func vocabularyFile(has func(name string) bool) string {
	if i := slices.IndexFunc(tokenizer.VocabularyFiles, has); i >= 0 {
		return tokenizer.VocabularyFiles[i]
	}
	return ""
}
