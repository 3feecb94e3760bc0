package provenance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// Files returns what is said about a model directory, by file name: [Name] and [BOMName]; and, if
// there are keys, attest.ModelSignatureName, by the first of them, while all sign the provenance. It
// is what a convert.Job's Attest is for.
func Files(ctx context.Context, made *convert.Finished, b *Builder, keys ...*attest.PrivateKey) (map[string][]byte, error) {
	s, err := statement(made, b)
	if err != nil {
		return nil, err
	}
	text, err := s.Canonical()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		text = append(text, '\n')
	} else if text, err = attest.SignPayload(ctx, attest.PayloadType, text, keys...); err != nil {
		return nil, err
	}
	bom, err := billOfMaterials(made, b)
	if err != nil {
		return nil, err
	}
	list := map[string][]byte{Name: text, BOMName: bom}
	if len(keys) == 0 {
		return list, nil
	}
	sums := map[string]string{}
	for _, f := range files(made) {
		sums[f.File] = f.SHA256
	}
	for name, text := range list {
		sum := sha256.Sum256(text)
		sums[name] = hex.EncodeToString(sum[:])
	}
	signature, err := attest.SignFiles(ctx, made.Name, sums, keys[0])
	if err != nil {
		return nil, err
	}
	list[attest.ModelSignatureName] = signature
	return list, nil
}
