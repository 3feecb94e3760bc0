package provenance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
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
// have signed the provenance. It returns a check of each of the two that is there; without keys, none
// is where none is there. That the manifest and the files agree is for model.Model.Verify to find, that the
// source gives them for convert.Rebuild.
//
// Errors of checks: ErrMismatch, ErrUnsigned, fs.ErrNotExist, those of attest.Open and
// attest.ParseStatement. The error is for what kept it from looking, such as the context.
func Check(ctx context.Context, m *model.Model, keys ...*attest.PublicKey) ([]model.Check, error) {
	document, err := m.ReadBeside(ctx, Name, maxDocument)
	if errors.Is(err, fs.ErrNotExist) && len(keys) == 0 {
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	check := model.Check{Name: Name, Bytes: int64(len(document)), Err: err}
	if err != nil {
		return []model.Check{check}, nil
	}
	p, err := parse(ctx, document, keys)
	if err != nil {
		check.Err = fmt.Errorf("%s: %w", m.Path(Name), err)
		return []model.Check{check}, nil
	}
	made := &convert.Finished{Manifest: m.Manifest, Signature: p.signature}
	made.ManifestFile.File = model.ManifestName
	made.ManifestFile.SHA256, made.ManifestFile.Bytes, err = m.Hash(ctx, model.ManifestName)
	if err != nil {
		return nil, err
	}
	want, err := statement(made, &p.builder)
	if err != nil {
		return nil, err
	}
	text, err := want.Canonical()
	if err != nil {
		return nil, err
	}
	if p.compare(m, &check, p.payload, text); check.Err == nil && !maps.Equal(digests(p.subjects), digests(want.Subject)) {
		check.Err = fmt.Errorf("%s: %w", m.Path(Name), ErrMismatch) // of whatever release: it is about other files
	}
	checks := []model.Check{check}

	document, err = m.ReadBeside(ctx, BOMName, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return checks, ctx.Err()
	}
	check = model.Check{Name: BOMName, Bytes: int64(len(document)), Err: err}
	if err == nil {
		if text, err = billOfMaterials(made, &p.builder); err != nil {
			return nil, err
		}
		p.compare(m, &check, document, text)
	}
	return append(checks, check), ctx.Err()
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

// parsed is what provenance says that the directory it lies in does not.
type parsed struct {
	payload   []byte // the statement, in canonical form
	subjects  []attest.Subject
	builder   Builder
	signature *convert.SourceSignature
}

// parse reads provenance, signed or not.
func parse(ctx context.Context, document []byte, keys []*attest.PublicKey) (*parsed, error) {
	s, payload, err := open(ctx, document, keys)
	if err != nil {
		return nil, err
	}
	if s.PredicateType != PredicateType {
		return nil, fmt.Errorf("%w: the predicate is %.80q", attest.ErrStatement, s.PredicateType)
	}
	var said predicate
	if err := receipt.Unmarshal(s.Predicate, &said); err != nil {
		return nil, fmt.Errorf("%w: %w", attest.ErrStatement, err)
	}
	if said.BuildDefinition.BuildType != BuildType || said.RunDetails.Builder.ID != BuilderID {
		return nil, fmt.Errorf("%w: the build is %.80q by %.80q", attest.ErrStatement, said.BuildDefinition.BuildType, said.RunDetails.Builder.ID)
	}
	p := &parsed{payload: payload, subjects: s.Subject, builder: Builder{Version: said.RunDetails.Builder.Version[program]}}
	if list := said.RunDetails.Builder.Dependencies; len(list) == 1 {
		p.builder.SHA256 = list[0].Digest["sha256"]
	}
	if at := said.RunDetails.Metadata; at != nil {
		if p.builder.Time, err = time.Parse(time.RFC3339, at.StartedOn); err != nil {
			return nil, fmt.Errorf("%w: %.40q is no time", attest.ErrStatement, at.StartedOn)
		}
	}
	for _, d := range said.BuildDefinition.ResolvedDependencies {
		if key, ok := d.Annotations[keyAnnotation]; ok {
			p.signature = &convert.SourceSignature{SHA256: d.Digest["sha256"], KeyID: key}
		}
	}
	return p, nil
}

// open reads a statement and, if it is in an envelope, compares its signatures.
func open(ctx context.Context, document []byte, keys []*attest.PublicKey) (*attest.Statement, []byte, error) {
	if bytes.HasPrefix(document, []byte(`{"payloadType":`)) {
		e, err := attest.Open(ctx, document, false, keys...)
		if err != nil {
			return nil, nil, err
		}
		s, err := e.Statement()
		return s, e.Payload, err
	}
	if len(keys) > 0 {
		return nil, nil, ErrUnsigned
	}
	payload, _ := bytes.CutSuffix(document, []byte("\n"))
	s, err := attest.ParseStatement(payload)
	return s, payload, err
}
