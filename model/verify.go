package model

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Check is the outcome of verifying one tensor or file.
type Check struct {
	Name   string // of the tensor, or of the file
	Blocks int    // verified, of a compressed matrix
	Bytes  int64  // read
	Want   string // SHA-256 of the tensor's file as the manifest has it, "" if it has none
	SHA256 string // the file's as it is
	Took   time.Duration
	Err    error  // nil when all is well
	Note   string // what could not be checked, if there was such
}

// Verify checks every tensor: its files are there, have the manifest's SHA-256,
// shape and name, and every block unpacks to the bytes its own hash names; and
// every other file that the manifest lists, such as config.json, and that none is there
// which would be read if it were listed; and the manifest
// itself: its root, and whatever in it derives from elsewhere, such as sums, ratios, and
// the fidelity that the files' heads have. A lattice file's head has what its matrix takes in memory, and
// nothing of its error: of that, as of the source's types, only making the directory again is proof.
// Verify goes on after a bad one and returns one Check each, tensors by name, then files; the error
// is for what stopped it early, such as the context. It compares all hashes, also for OpenUnverified.
func (m *Model) Verify(ctx context.Context, threads int) ([]Check, error) {
	if !m.checked {
		checked := *m
		checked.checked = true
		m = &checked
	}
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
			c.SHA256, c.Bytes, c.Err = m.checkHash(ctx, f)
			c.Took = time.Since(start)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, name := range companions {
		if _, listed := m.files[name]; listed || !m.Manifest.listsFiles() {
			continue
		}
		if f, err := storage.Open(ctx, m.place, name); err == nil { // a place has its own errors for what is not there
			f.Close()
			checks = append(checks, Check{Name: name, Err: fmt.Errorf("%s: %w", m.Path(name), ErrUnlisted)})
		}
	}
	c := Check{Name: ManifestName, Err: m.checkRoot(ctx)}
	if c.Err == nil {
		if c.Err = m.Manifest.checkArithmetic(); c.Err != nil {
			c.Err = fmt.Errorf("%s: %w", m.Path(ManifestName), c.Err)
		}
	}
	if m.Manifest.RootSHA256 != "" || c.Err != nil {
		checks = append(checks, c)
	}
	return checks, nil
}

func (m *Model) check(ctx context.Context, t Tensor) (c Check) {
	c.Name, c.Want = t.Name, t.SHA256
	if c.SHA256, c.Bytes, c.Err = m.checkHash(ctx, m.files[t.File]); c.Err != nil {
		return c
	}
	switch t.Format {
	case FormatNPY:
		a, err := m.OpenArray(ctx, t)
		if c.Err = err; err == nil {
			a.Close()
		}
		return c
	case FormatLattice, FormatLossless:
		c.Blocks, c.Err = m.checkWhole(ctx, t)
		return c
	}
	f, err := m.OpenMatrix(ctx, t)
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
	if c.Err = f.Verify(ctx, 1); c.Err != nil {
		return c
	}
	if t.Sidecar != nil {
		c.Bytes, c.Err = m.checkSidecar(ctx, t, f, c.Bytes)
	}
	if c.Err == nil {
		c.Err = m.checkMatrix(ctx, t, f)
	}
	return c
}

// checkSidecar verifies the sidecar of the matrix f and returns bytes with its own.
func (m *Model) checkSidecar(ctx context.Context, t Tensor, f *cdna.File, bytes int64) (int64, error) {
	_, n, err := m.checkHash(ctx, m.files[t.Sidecar.File])
	if bytes += n; err != nil {
		return bytes, err
	}
	s, err := m.OpenSidecar(ctx, t)
	if err == nil {
		err = f.CheckSidecar(s)
	}
	return bytes, err
}

// checkHash reads a file and compares its SHA-256, in hex, with the manifest's, unless that
// is empty (older manifests have none), and its size. It returns the file's as they are.
func (m *Model) checkHash(ctx context.Context, f File) (sum string, bytes int64, err error) {
	got, n, err := m.Hash(ctx, f.File)
	switch {
	case err != nil:
	case f.SHA256 != "" && got != f.SHA256:
		err = m.compare(f.File, got, f.SHA256)
	case m.Manifest.RootScheme != 0 && n != f.Bytes:
		err = fmt.Errorf("%s: %d bytes, the manifest says %d: %w", m.Path(f.File), n, f.Bytes, ErrMismatch)
	}
	return got, n, err
}

// checkWhole verifies the file of a tensor that has nothing beside it, and returns its number of blocks.
func (m *Model) checkWhole(ctx context.Context, t Tensor) (blocks int, err error) {
	opened, err := m.openHead(ctx, t)
	if err != nil {
		return 0, err
	}
	defer opened.Close()
	f := opened.Base()
	if name := f.Header().TensorName; name != t.Name && name != t.SameAs {
		return 0, fmt.Errorf("%s: holds tensor %q, the manifest says %q: %w", f.Name(), name, t.Name, ErrMismatch)
	}
	if err := f.Verify(ctx, 1); err != nil {
		return f.NumBlocks(), err
	}
	return f.NumBlocks(), m.checkMatrix(ctx, t, opened)
}

// HashFile returns the SHA-256, in hex, and the size of the file at path.
func HashFile(ctx context.Context, path string) (string, int64, error) {
	return regularfile.SHA256(ctx, path)
}
