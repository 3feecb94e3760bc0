package stream

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
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
}

// Matrix is a matrix W [rows, cols] in a CDNA file, multiplied block by block.
// It is safe for concurrent use.
type Matrix struct {
	engine   *Engine
	file     *cdna.File
	owned    bool
	policy   cdna.Policy
	verifier *cdna.Verifier
	values   [256]float32
	table    *kernel.Table
	sidecar  *sidecar // nil when there is none or the contract skips it
	decision Decision
}

// Open opens the CDNA file at path (version 1 or 2). Close the matrix after use.
func (e *Engine) Open(path string, o MatrixOptions) (*Matrix, error) {
	f, err := cdna.Open(path)
	if err != nil {
		return nil, err
	}
	m, err := e.New(f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	m.owned = true
	return m, nil
}

// New returns the matrix in an open CDNA file, which stays the caller's and must
// outlive the matrix.
func (e *Engine) New(f *cdna.File, o MatrixOptions) (*Matrix, error) {
	if o.Verify == "" {
		o.Verify = cdna.TrustCached
	}
	m := &Matrix{
		engine:   e,
		file:     f,
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

// Close closes the file if [Engine.Open] opened it.
func (m *Matrix) Close() error {
	if m.owned {
		return m.file.Close()
	}
	return nil
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
