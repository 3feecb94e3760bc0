package provenance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// checkSignature compares the directory's files with its model.sig, if there is one that one of the keys made.
func checkSignature(ctx context.Context, m *model.Model, keys []*attest.PublicKey) ([]model.Check, error) {
	const name = attest.ModelSignatureName
	text, err := m.ReadBeside(ctx, name, maxDocument)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	check := model.Check{Name: name, Bytes: int64(len(text)), Err: err}
	if err != nil {
		return []model.Check{check}, nil
	}
	check.Note = name + ": not verified: no key says whose it must be"
	for _, key := range keys {
		signed, err := attest.OpenModelSignature(ctx, text, key, true)
		if errors.Is(err, attest.ErrOtherKey) {
			check.Note = name + ": not verified: it is of none of the keys"
			continue
		}
		check.Note = ""
		if err != nil {
			check.Err = fmt.Errorf("%s: %w", m.Path(name), err)
			break
		}
		if check.Err = compareSigned(ctx, m, signed); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		break
	}
	return []model.Check{check}, nil
}

// compareSigned compares the files of the directory, what is said about them included, with what was signed.
func compareSigned(ctx context.Context, m *model.Model, signed *attest.SignedModel) error {
	sums := map[string]string{model.ManifestName: ""} // of the manifest's, with which the files are compared by who verifies the model
	for _, f := range m.Manifest.AllFiles() {
		sums[f.File] = f.SHA256
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		if _, ok := signed.Files[name]; !ok && !signed.Ignores(name) {
			return fmt.Errorf("%s: not among the files of %s: %w", m.Path(name), attest.ModelSignatureName, ErrMismatch)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(signed.Files)) {
		sum := sums[name]
		if sum == "" {
			var err error
			if sum, _, err = m.Hash(ctx, name); err != nil {
				return err
			}
		}
		if sum != signed.Files[name] {
			return fmt.Errorf("%s: sha256 is %s, by %s %s: %w", m.Path(name), sum, attest.ModelSignatureName, signed.Files[name], ErrMismatch)
		}
	}
	return nil
}
