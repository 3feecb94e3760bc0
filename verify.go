package helix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/provenance"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

// VerifyOptions say how much is verified.
type VerifyOptions struct {
	// Source, if it is not empty, is converted again with a model directory's own options, once
	// the directory is found whole, and every file compared: proof that it came from there.
	Source string
	// Root, if not empty, is the root that a model directory must have, in hex; else ErrRoot.
	Root     string
	Threads  int                                    // 0: all cores
	Progress func(done, total int64, tensor string) // of converting again; may be nil
	// Keys must have signed a model directory's provenance, each of them; that is compared with the
	// directory whether there are keys or not, where there is one (package provenance).
	Keys []*attest.PublicKey
	// Calibration names the text, or the statistics, that the directory was calibrated with, unless
	// it was the built-in text.
	Calibration convert.Calibration
}

// Verification is what Verify found: a check of every tensor and file, one of which is bad
// where its Err is not nil; errors.Is tells [convert.ErrRebuild], a file that the source does not give.
type Verification struct {
	Model  *model.Model // of a directory; nil of a file
	Checks []model.Check
	Notes  []string // what no hash covers, for people
}

// Verify checks every block and file of the CDNA file, sidecar or model directory at path, or the model directory at an address (see [Open]). It
// goes on after a bad one; its error is for what kept it from looking, such as the context.
func Verify(ctx context.Context, path string, o VerifyOptions) (*Verification, error) {
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	m, err := openToVerify(ctx, path, o)
	if errors.Is(err, errFile) {
		return verifyFile(ctx, path, o.Threads)
	}
	if err != nil {
		return nil, err
	}
	v := &Verification{Model: m}
	if names := m.Manifest.Uncovered(); names != nil {
		v.Notes = append(v.Notes, fmt.Sprintf("%s: an earlier release's or another program's: no hash covers %s", m.Path(model.ManifestName), strings.Join(names, ", ")))
	}
	if v.Checks, err = m.Verify(ctx, o.Threads); err != nil {
		return nil, err
	}
	if o.Source != "" && v.whole() {
		v.Checks, err = convert.Rebuild(ctx, path, convert.Job{
			Source: o.Source, Options: convert.Options{Threads: o.Threads}, Progress: o.Progress, Calibration: o.Calibration,
		})
		if err != nil {
			return nil, err
		}
	}
	documents, err := provenance.Check(ctx, m, o.Keys...)
	if err != nil {
		return nil, err
	}
	v.Checks = append(v.Checks, documents...)
	for _, c := range v.Checks {
		if c.Note != "" {
			v.Notes = append(v.Notes, path+": "+c.Note)
		}
	}
	return v, nil
}

// errFile reports a single file, which is verified otherwise.
var errFile = errors.New("a file")

// openToVerify opens a model directory, whatever its manifest says of its root: all that is wrong is to be found.
func openToVerify(ctx context.Context, path string, o VerifyOptions) (*model.Model, error) {
	if !checkpoint.IsFar(path) {
		if info, err := os.Stat(path); err != nil {
			return nil, err
		} else if !info.IsDir() && o.Source == "" && o.Root == "" && len(o.Keys) == 0 {
			return nil, errFile
		} else if o.Root == "" {
			return model.OpenUnverified(path)
		}
	}
	at, err := checkpoint.Find(ctx, path)
	if err != nil {
		return nil, err
	}
	if at, err = at.Expect(o.Root); err != nil {
		return nil, err
	}
	if !at.Converted() {
		return nil, fmt.Errorf("%s: nothing in it to verify it by: %w", path, ErrNotModel)
	}
	return at.Model(ctx, cdna.Off)
}

// whole tells that nothing was found.
func (v *Verification) whole() bool {
	for _, c := range v.Checks {
		if c.Err != nil {
			return false
		}
	}
	return true
}

// verifyFile verifies one file.
func verifyFile(ctx context.Context, path string, threads int) (*Verification, error) {
	kind, err := checkpoint.Identify(path)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	v := &Verification{}
	c := model.Check{}
	switch kind {
	case checkpoint.Outliers:
		s, err := cdna.OpenSidecar(path)
		if err != nil {
			return nil, err
		}
		c.Name = s.Header.TensorName
	case checkpoint.Lossless:
		f, err := cdna.OpenLossless(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		verifyBlocks(ctx, &c, &f.Blocks, threads)
	case checkpoint.Lattice:
		f, err := cdna.OpenLattice(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		verifyBlocks(ctx, &c, &f.Blocks, threads)
	default:
		f, err := cdna.OpenContext(ctx, path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if note := f.Note(); note != "" {
			v.Notes = []string{note}
		}
		verifyBlocks(ctx, &c, &f.Blocks, threads)
	}
	if c.SHA256, c.Bytes, err = model.HashFile(ctx, path); err != nil {
		return nil, err
	}
	c.Took = time.Since(start)
	v.Checks = []model.Check{c}
	return v, ctx.Err()
}

func verifyBlocks(ctx context.Context, c *model.Check, f *cdna.Blocks, threads int) {
	c.Name, c.Blocks, c.Err = f.Header().TensorName, f.NumBlocks(), f.Verify(ctx, threads)
}
