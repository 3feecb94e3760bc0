package provenance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

var (
	// ErrMismatch reports a document that says something else than the model directory it lies in.
	ErrMismatch = errors.New("not what the model's manifest gives")
	// ErrUnsigned reports provenance without a signature where a key is given.
	ErrUnsigned = errors.New("the provenance is not signed")
)

// maxDocument bounds what is read: some 150 bytes a file in one, 600 in the other.
const maxDocument = 32 << 20

// Check compares the provenance and the bill of materials that lie in a model directory with those
// that its manifest and the builder named in them give, to the last byte. Every one of the keys must
// have signed the provenance. It returns a check of each of the two that is there, and of the provenance where there are keys;
// a bill that lies there alone is held to the builder that it names itself. A model.sig is verified by that of the keys which made it, and
// its check has a note where none did. That the manifest and the files agree is for
// model.Model.Verify to find, that the source gives them for convert.Rebuild.
//
// Errors of checks: ErrMismatch, ErrUnsigned, fs.ErrNotExist, those of attest.Open,
// attest.ParseStatement and attest.OpenModelSignature. The error is for what kept it from looking, such as the context.
func Check(ctx context.Context, m *model.Model, keys ...*attest.PublicKey) ([]model.Check, error) {
	made := &convert.Finished{Manifest: m.Manifest}
	made.ManifestFile.File = model.ManifestName
	var checks []model.Check
	var said *parsed // by the provenance
	document, err := m.ReadBeside(ctx, Name, maxDocument)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !errors.Is(err, fs.ErrNotExist) || len(keys) > 0 {
		check := model.Check{Name: Name, Bytes: int64(len(document)), Err: err}
		if err == nil {
			if said, err = parse(ctx, document, keys); err != nil {
				check.Err = fmt.Errorf("%s: %w", m.Path(Name), err)
			} else if err := said.compareStatement(ctx, m, made, &check); err != nil {
				return nil, err
			}
		}
		checks = append(checks, check)
	}
	document, err = m.ReadBeside(ctx, BOMName, maxDocument)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		check := model.Check{Name: BOMName, Bytes: int64(len(document)), Err: err}
		if err == nil {
			if err := said.checkBOM(ctx, m, made, &check, document); err != nil {
				return nil, err
			}
		}
		checks = append(checks, check)
	}
	signature, err := checkSignature(ctx, m, keys)
	return append(checks, signature...), err
}

// complete gives what was made its manifest's hash, and the signature that a document tells of.
func (p *parsed) complete(ctx context.Context, m *model.Model, made *convert.Finished) (err error) {
	made.Signature = p.signature
	if made.ManifestFile.SHA256 == "" {
		made.ManifestFile.SHA256, made.ManifestFile.Bytes, err = m.Hash(ctx, model.ManifestName)
	}
	return err
}

// compareStatement compares provenance with what the manifest gives.
func (p *parsed) compareStatement(ctx context.Context, m *model.Model, made *convert.Finished, check *model.Check) error {
	if err := p.complete(ctx, m, made); err != nil {
		return err
	}
	want, err := statement(made, &p.builder)
	if err != nil {
		return err
	}
	text, err := want.Canonical()
	if err != nil {
		return err
	}
	if p.compare(m, check, p.payload, text); check.Err == nil && !maps.Equal(digests(p.subjects), digests(want.Subject)) {
		check.Err = fmt.Errorf("%s: %w", m.Path(Name), ErrMismatch) // of whatever release: it is about other files
	}
	return nil
}

// checkBOM compares a bill of materials with what the manifest gives; one that lies there without provenance, with what that gives for
// the builder that it names itself, if it is this program's.
func (p *parsed) checkBOM(ctx context.Context, m *model.Model, made *convert.Finished, check *model.Check, document []byte) error {
	if p == nil {
		var err error
		if p, err = parseBOM(document); errors.Is(err, errForeign) {
			check.Note = check.Name + ": another program's: not compared"
			return nil
		} else if err != nil {
			check.Err = fmt.Errorf("%s: %w: %w", m.Path(BOMName), ErrMismatch, err)
			return nil
		}
	}
	if err := p.complete(ctx, m, made); err != nil {
		return err
	}
	text, err := billOfMaterials(made, &p.builder)
	if err != nil {
		return err
	}
	p.compare(m, check, document, text)
	return nil
}

// compare compares a document with what this release would have written.
func (p *parsed) compare(m *model.Model, check *model.Check, got, want []byte) {
	switch {
	case bytes.Equal(got, want):
	case p.builder.Version != model.Version:
		check.Note = fmt.Sprintf("%s: it is of release %.40q, this one is %s: not compared", check.Name, p.builder.Version, model.Version)
	default:
		check.Err = fmt.Errorf("%s: %w", m.Path(check.Name), ErrMismatch)
	}
}

// digests returns the SHA-256 of subjects by name.
func digests(list []attest.Subject) map[string]string {
	sums := map[string]string{}
	for _, s := range list {
		sums[s.Name] = s.Digest["sha256"]
	}
	return sums
}
