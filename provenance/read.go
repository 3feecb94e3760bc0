package provenance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

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

// errForeign reports a bill of materials that another program wrote.
var errForeign = errors.New("not this program's bill of materials")

// signedBy is what the bill of materials says of a source's signature, before the id of the key.
const signedBy = "verified by the key with id "

// parseBOM reads from a bill of materials what provenance would say.
func parseBOM(document []byte) (*parsed, error) {
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(document), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return nil, err
	}
	if bom.Metadata == nil || bom.Metadata.Tools == nil || bom.Metadata.Tools.Components == nil || len(*bom.Metadata.Tools.Components) != 1 {
		return nil, errForeign
	}
	tool := (*bom.Metadata.Tools.Components)[0]
	if tool.Name != program || tool.Hashes == nil || len(*tool.Hashes) != 1 {
		return nil, errForeign
	}
	p := &parsed{builder: Builder{Version: tool.Version, SHA256: (*tool.Hashes)[0].Value}}
	if at := bom.Metadata.Timestamp; at != "" {
		var err error
		if p.builder.Time, err = time.Parse(time.RFC3339, at); err != nil {
			return nil, err
		}
	}
	if c := bom.Metadata.Component; c != nil && c.Pedigree != nil && c.Pedigree.Ancestors != nil {
		for _, source := range *c.Pedigree.Ancestors {
			if source.ExternalReferences == nil {
				continue
			}
			for _, r := range *source.ExternalReferences {
				if key, ok := strings.CutPrefix(r.Comment, signedBy); ok && r.Hashes != nil && len(*r.Hashes) == 1 {
					p.signature = &convert.SourceSignature{SHA256: (*r.Hashes)[0].Value, KeyID: key}
				}
			}
		}
	}
	return p, nil
}
