package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// ErrSignature reports a source that is not as its model.sig says, or that has none where
// Job.SourceKey names whose it must have.
var ErrSignature = errors.New("the source is not as it was signed")

// SourceSignature is the source's model.sig, which was verified.
type SourceSignature struct {
	SHA256 string `json:"sha256"` // of the file
	KeyID  string `json:"key_id"` // of the key: attest.PublicKey.ID
}

// maxSignature bounds a model.sig: some 200 bytes a file.
const maxSignature = 16 << 20

// signedSource is a source whose signature is right. What is read of the source is compared with
// it, by check, when it is described. A nil one signs everything.
type signedSource struct {
	*attest.SignedModel
	by SourceSignature
}

// openSignature verifies the source's model.sig by the job's key, and with it all files of a source
// that is a directory or repository, but weights that are not read. Without a key it only notes that
// there is one.
func (c *conversion) openSignature(ctx context.Context) error {
	name, key := attest.ModelSignatureName, c.job.SourceKey
	text, err := c.src.ReadFile(ctx, name, maxSignature)
	switch {
	case key == nil:
		if err == nil {
			c.report.Notes = append(c.report.Notes, fmt.Sprintf("%s: not verified: no key says whose it must be", c.src.Place().Path(name)))
		}
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no %s: %w", c.job.Source, name, ErrSignature)
	case err != nil:
		return err
	}
	signed, err := attest.OpenModelSignature(ctx, text, key, true)
	if err != nil {
		return fmt.Errorf("%s: %w", c.src.Place().Path(name), err)
	}
	sum := sha256.Sum256(text)
	c.signed = &signedSource{signed, SourceSignature{hex.EncodeToString(sum[:]), key.ID()}}
	return c.checkSigned(ctx)
}

// checkSigned compares the source's files with the signature.
func (c *conversion) checkSigned(ctx context.Context) error {
	if _, err := c.sources(ctx, func(int) bool { return true }); err != nil {
		return err
	}
	compare := []string{c.src.Location().File} // such as an index of shards
	if c.src.Whole() {
		names, err := c.src.Place().Names(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, ok := c.signed.Files[name]; !ok && name != attest.ModelSignatureName && !c.signed.Ignores(name) {
				return fmt.Errorf("%s: it was added: %w", c.src.Place().Path(name), ErrSignature)
			}
		}
		compare = slices.Sorted(maps.Keys(c.signed.Files))
	}
	for _, name := range compare {
		if slices.Contains(c.src.WeightFiles(), name) || slices.Contains(weightEndings, path.Ext(name)) {
			continue
		}
		if err := c.compareSigned(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// weightEndings are those of files with weights in one format or another, of which a conversion
// reads one.
var weightEndings = []string{".safetensors", ".gguf", ".bin", ".pt", ".pth", ".npy", ".npz", ".h5", ".msgpack", ".onnx", ".ot", ".tflite", ".pb"}

// compareSigned compares a file beside the weights.
func (c *conversion) compareSigned(ctx context.Context, name string) error {
	f, err := c.src.OpenFile(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: it is missing: %w", c.src.Place().Path(name), ErrSignature)
	} else if err != nil {
		return err
	}
	defer f.Close()
	sum, err := place.Sum(ctx, f, f.Size())
	if err != nil {
		return err
	}
	return c.checkFile(name, sum)
}

// checkFile compares the SHA-256 of a file of the source, in hex, with the one that was signed.
func (c *conversion) checkFile(name, sum string) error {
	if c.signed == nil {
		return nil
	}
	switch want, ok := c.signed.Files[name]; {
	case !ok:
		return fmt.Errorf("%s: it is not among the files that were signed: %w", c.src.Place().Path(name), ErrSignature)
	case want != sum:
		return fmt.Errorf("%s: sha256 is %s, signed was %s: %w", c.src.Place().Path(name), sum, want, ErrSignature)
	}
	return nil
}
