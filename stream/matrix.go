package stream

import (
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/uncached"
	"github.com/helix-substrate/helix-substrate/se"
)

// MatrixOptions configure how a matrix is read.
type MatrixOptions struct {
	// Verify says when a block's hash is checked; empty means cdna.TrustCached.
	Verify cdna.Policy
	// Seed chooses the blocks of cdna.Sampled, so that runs repeat.
	Seed uint64
	// Sidecar holds exact values for outliers, nil for none.
	Sidecar *cdna.Sidecar
	// Quality says whether the sidecar is applied; the zero value always applies it.
	Quality Quality
	// Route is where Structural Entropy sends the matrix, resolved with the machine's
	// executors (se.Registry.Resolve); receipts say it. nil is the CPU. What is to be
	// computed elsewhere is ErrOption: the CPU is all that there is.
	Route *se.Decision
}

// Matrix is a matrix W [rows, cols] in a CDNA file. It is streamed, read again
// for every product, until [Matrix.Load] makes it resident; results are the same.
// It is safe for concurrent use.
type Matrix struct {
	engine   *Engine
	file     *cdna.File
	close    func() error
	policy   cdna.Policy
	verifier *cdna.Verifier
	values   [256]float32
	table    *kernel.Table
	route    *se.Decision
	sidecar  *sidecar // nil when there is none or the contract skips it
	decision Decision
	resident *resident // nil while streamed; guarded by engine.mu
}

// Open opens the CDNA file at path (version 1 or 2). Close the matrix after use.
func (e *Engine) Open(path string, o MatrixOptions) (*Matrix, error) {
	f, closeFile, err := openFile(e, path, cdna.Open, cdna.NewFile)
	if err != nil {
		return nil, err
	}
	m, err := e.New(f, o)
	if err != nil {
		closeFile()
		return nil, err
	}
	m.close = closeFile
	return m, nil
}

// openFile opens a file by open or, under a budget, past the page cache by read.
// The function that it returns closes the file.
func openFile[F File](e *Engine, path string, open func(string) (F, error), read func(io.ReaderAt, int64, string) (F, error)) (f F, closeFile func() error, err error) {
	if e.budget == nil {
		if f, err = open(path); err != nil {
			return f, nil, err
		}
		return f, f.Close, nil
	}
	r, err := uncached.Open(path)
	if err != nil {
		return f, nil, err
	}
	if f, err = read(r, r.Size(), path); err != nil {
		r.Close()
		return f, nil, err
	}
	return f, r.Close, nil
}

// New returns the matrix in an open CDNA file, which stays the caller's and must
// outlive the matrix.
func (e *Engine) New(f *cdna.File, o MatrixOptions) (*Matrix, error) {
	var err error
	if o.Verify, err = checkPolicy(o.Verify); err != nil {
		return nil, err
	}
	if err := o.Quality.check(); err != nil {
		return nil, err
	}
	if o.Route != nil && o.Route.Used != se.CPU {
		return nil, fmt.Errorf("the matrix is to be computed on %q, only the cpu is here: %w", o.Route.Used, ErrOption)
	}
	m := &Matrix{
		engine:   e,
		file:     f,
		route:    o.Route,
		policy:   o.Verify,
		verifier: cdna.NewVerifier(o.Verify, f.NumBlocks(), o.Seed),
		values:   f.Codebook(),
	}
	m.table = kernel.NewTable(m.values[:])
	m.decision = o.Quality.decide(f.Header(), o.Sidecar != nil)
	if m.decision.Apply {
		s, err := newSidecar(f, o.Sidecar)
		if err != nil {
			return nil, err
		}
		m.sidecar = s
	}
	return m, nil
}

// checkPolicy returns a policy, or the usual one for none.
func checkPolicy(p cdna.Policy) (cdna.Policy, error) {
	if p == "" {
		return cdna.TrustCached, nil
	}
	p, err := cdna.ParsePolicy(string(p))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOption, err)
	}
	return p, nil
}

// Close frees what [Matrix.Load] took and closes the file if [Engine.Open] opened
// it, after the product that runs, if one does.
func (m *Matrix) Close() error {
	err := m.Unload()
	if m.close == nil {
		return err
	}
	if closeErr := m.close(); err == nil {
		err = closeErr
	}
	return err
}

// Rows returns the number of rows of W.
func (m *Matrix) Rows() int { return m.file.Rows() }

// Cols returns the number of columns of W.
func (m *Matrix) Cols() int { return m.file.Cols() }

// File returns the CDNA file behind the matrix.
func (m *Matrix) File() *cdna.File { return m.file }

// Decision tells whether the sidecar is applied and why.
func (m *Matrix) Decision() Decision { return m.decision }

func (m *Matrix) checkRows(a, b int) error {
	if a < 0 || b < a || b > m.Rows() {
		return fmt.Errorf("%s: rows [%d, %d) of %d: %w", m.file.Name(), a, b, m.Rows(), ErrShape)
	}
	return nil
}
