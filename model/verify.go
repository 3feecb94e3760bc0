package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// Check is the outcome of verifying one tensor or file.
type Check struct {
	Name   string // of the tensor, or of the file
	Blocks int    // verified, of a compressed matrix
	Bytes  int64  // read
	Want   string // SHA-256 of the tensor's file as the manifest has it, "" if it has none
	SHA256 string // the file's as it is
	Took   time.Duration
	Err    error // nil when all is well
}

// Verify checks every tensor: its files are there, have the manifest's SHA-256,
// shape and name, and every block unpacks to the bytes its own hash names; and
// every other file that the manifest lists, such as config.json; and the manifest's
// own root hash. It goes on after
// a bad one and returns one Check each, tensors by name, then files; the error is
// for what stopped it early, such as the context.
func (m *Model) Verify(ctx context.Context, threads int) ([]Check, error) {
	tensors := m.Tensors()
	checks := make([]Check, len(tensors)+len(m.Manifest.Files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, threads))
	for i, t := range tensors {
		g.Go(func() error {
			start := time.Now()
			checks[i] = m.check(ctx, t)
			checks[i].Took = time.Since(start)
			return ctx.Err()
		})
	}
	for i, f := range m.Manifest.Files {
		g.Go(func() error {
			start := time.Now()
			c := &checks[len(tensors)+i]
			c.Name, c.Want = f.File, f.SHA256
			c.SHA256, c.Bytes, c.Err = m.checkHash(ctx, f.File, f.SHA256)
			c.Took = time.Since(start)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if root := m.Manifest.RootSHA256; root != "" {
		c := Check{Name: ManifestName}
		if got := m.Manifest.Root(); got != root {
			c.Err = fmt.Errorf("%s: the root of its hashes is %s, not %s: %w", m.Path(ManifestName), got, root, ErrMismatch)
		}
		checks = append(checks, c)
	}
	return checks, nil
}

func (m *Model) check(ctx context.Context, t Tensor) (c Check) {
	c.Name, c.Want = t.Name, t.SHA256
	if c.SHA256, c.Bytes, c.Err = m.checkHash(ctx, t.File, t.SHA256); c.Err != nil {
		return c
	}
	switch t.Format {
	case FormatNPY:
		c.Err = m.checkNPY(t)
		return c
	case FormatLossless:
		c.Blocks, c.Err = m.checkLossless(ctx, t)
		return c
	}
	f, err := m.OpenMatrix(t)
	if err != nil {
		c.Err = err
		return c
	}
	defer f.Close()
	if name := f.Header().TensorName; f.Version() == 2 && name != t.Name && name != t.SameAs {
		c.Err = fmt.Errorf("%s: holds tensor %q, the manifest says %q: %w", f.Name(), name, t.Name, ErrMismatch)
		return c
	}
	c.Blocks = f.NumBlocks()
	if c.Err = f.Verify(ctx, 1); c.Err != nil || t.Sidecar == nil {
		return c
	}
	_, n, err := m.checkHash(ctx, t.Sidecar.File, t.Sidecar.SHA256)
	c.Bytes += n
	if c.Err = err; err != nil {
		return c
	}
	s, err := m.OpenSidecar(t)
	if err == nil {
		err = f.CheckSidecar(s)
	}
	c.Err = err
	return c
}

// checkHash reads a file and compares its SHA-256, in hex, with want, unless that
// is empty (older manifests have none). It returns the file's hash and size.
func (m *Model) checkHash(ctx context.Context, file, want string) (sum string, bytes int64, err error) {
	path := m.Path(file)
	got, n, err := HashFile(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, fmt.Errorf("%s: %w", path, ErrMissing)
	}
	if err == nil && want != "" && got != want {
		err = fmt.Errorf("%s: sha256 is %s, the manifest says %s: %w", path, got, want, ErrMismatch)
	}
	return got, n, err
}

// checkLossless verifies a lossless file and returns its number of blocks.
func (m *Model) checkLossless(ctx context.Context, t Tensor) (blocks int, err error) {
	f, err := m.OpenLossless(t)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if name := f.Header().TensorName; name != t.Name {
		return 0, fmt.Errorf("%s: holds tensor %q, the manifest says %q: %w", f.Name(), name, t.Name, ErrMismatch)
	}
	return f.NumBlocks(), f.Verify(ctx, 1)
}

func (m *Model) checkNPY(t Tensor) error {
	path := m.Path(t.File)
	r, err := npy.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if !slices.Equal(r.Shape(), t.Shape) {
		return fmt.Errorf("%s: has shape %v, the manifest says %v: %w", path, r.Shape(), t.Shape, ErrMismatch)
	}
	return nil
}

// HashFile returns the SHA-256, in hex, and the size of the file at path.
func HashFile(ctx context.Context, path string) (string, int64, error) {
	return regularfile.SHA256(ctx, path)
}
