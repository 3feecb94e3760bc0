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

// Quantized is a matrix W [rows, cols] in a CDNA file. It is streamed, read again
// for every product, until Load makes it resident; results are the same.
// It is safe for concurrent use.
type Quantized struct {
	indexed  // without corrections when there is no sidecar or the contract skips it
	cdna     *cdna.File
	policy   cdna.Policy
	decision Decision
}

// Open opens the CDNA file at path (version 1 or 2). Close the matrix after use.
func (e *Engine) Open(path string, o MatrixOptions) (*Quantized, error) {
	f, err := cdna.Open(path)
	if err != nil {
		return nil, err
	}
	m, err := e.New(f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// New returns the matrix in an open CDNA file, which it closes, unless there is an error. Under
// a budget blocks are read past the page cache.
func (e *Engine) New(f *cdna.File, o MatrixOptions) (*Quantized, error) {
	var err error
	if o.Verify, err = checkPolicy(o.Verify); err != nil {
		return nil, err
	}
	if err := o.Quality.check(); err != nil {
		return nil, err
	}
	closeFile := f.Close
	if e.budget != nil {
		f = f.Uncached()
	}
	values := f.Codebook()
	m := &Quantized{
		indexed: indexed{
			blocks: blocks{engine: e, file: &f.Blocks, verifier: cdna.NewVerifier(o.Verify, f.NumBlocks(), o.Seed)},
			layout: QuantizedLayout(f), table: kernel.NewTable(values[:]), close: closeFile,
		},
		cdna:   f,
		policy: o.Verify,
	}
	m.decision = o.Quality.decide(f.Header(), o.Sidecar != nil)
	if m.decision.Apply {
		if m.corrections, err = newSidecar(f, o.Sidecar); err != nil {
			return nil, err
		}
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

// File returns the CDNA file behind the matrix.
func (m *Quantized) File() *cdna.File { return m.cdna }

// Describe implements [Matrix].
func (m *Quantized) Describe() Description {
	h := m.cdna.Header()
	d := Description{Format: FormatV2, Tensor: h.TensorName, Path: m.cdna.Name(), Codec: h.Encoding, Verify: m.policy, Sidecar: m.decision, Canon: CanonFloat, Kernels: m.engine.CPU()}
	if m.cdna.Version() == 1 {
		d.Format = FormatV1
	}
	return d
}
