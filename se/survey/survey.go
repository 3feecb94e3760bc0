// Package survey measures the Structural Entropy of every matrix of whatever lies at a path, a
// CDNA file, a model directory, a checkpoint or a .npy file, says where each would be computed,
// and draws that.
package survey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/se"
	"github.com/helix-substrate/helix-substrate/se/route"
)

var (
	// ErrOption reports options that make no sense.
	ErrOption = se.ErrOption
	// ErrSidecar reports a sidecar for what is no CDNA file.
	ErrSidecar = errors.New("a sidecar goes with a CDNA file")
)

// Lanczos is the estimator of a result that a sample gave, with an error bound.
const Lanczos = se.Lanczos

// Options say how a survey is made. Results do not depend on Threads and Progress.
type Options struct {
	Estimator se.Estimator // "" is se.Auto
	Seed      uint64       // of the sample's random numbers
	Policy    route.Policy // says where a matrix is computed
	Sidecar   string       // of a CDNA file: the file of its outliers, or ""
	Threads   int          // 0: GOMAXPROCS
	// Hashes has every matrix hashed too.
	Hashes bool
	// Progress, if not nil, is called with the weights measured, those in all, and the
	// tensor just finished.
	Progress func(done, total int64, tensor string)
}

// DefaultOptions returns the options of a survey with the original's thresholds.
func DefaultOptions() Options { return Options{Policy: route.DefaultPolicy()} }

// Report is what a survey found.
type Report struct {
	Path      string         `json:"path"`
	Policy    route.Policy   `json:"policy"`
	Executors route.Registry `json:"executors"`
	Tensors   []Tensor       `json:"tensors"` // in the model's order
	Zones     []Zone         `json:"zones"`   // all four
	Notes     []string       `json:"-"`       // what is to be known of the source, for people
}

// Tensor is what was found of one matrix.
type Tensor struct {
	Name     string         `json:"name"`
	Shape    []int          `json:"shape"`
	Measured *route.Result  `json:"measured"`
	Decision route.Decision `json:"decision"`
	Why      string         `json:"why"`

	// With Options.Hashes: the SHA-256 of what was measured, a compressed matrix's
	// fingerprint, a tensor's bytes or a file's, and of its sidecar, if it has one.
	SHA256  string        `json:"-"`
	Sidecar string        `json:"-"`
	Took    time.Duration `json:"-"`
}

// Zone counts what is in one of the policy's zones.
type Zone struct {
	Zone    int   `json:"zone"`
	Tensors int   `json:"tensors"`
	Weights int64 `json:"weights"`
}

// Measure makes a survey of what is at path. Errors are ErrOption, ErrSidecar, those of package se, and
// those of opening and reading.
func Measure(ctx context.Context, path string, o Options) (*Report, error) {
	if err := o.Policy.Validate(); err != nil {
		return nil, err
	}
	matrices, note, done, err := openMatrices(ctx, path, o.Sidecar)
	if err != nil {
		return nil, err
	}
	defer done()
	r := &Report{Path: path, Policy: o.Policy, Executors: route.Machine(), Zones: make([]Zone, 4)}
	if note != "" {
		r.Notes = []string{note}
	}
	for i := range r.Zones {
		r.Zones[i].Zone = i + 1
	}
	var all, measured int64
	for _, m := range matrices {
		all += m.weights()
	}
	for _, m := range matrices {
		t, err := r.measure(ctx, &m, o)
		if err != nil {
			return nil, fmt.Errorf("%s: tensor %q: %w", path, m.name, err)
		}
		r.Tensors = append(r.Tensors, t)
		z := &r.Zones[t.Decision.Zone-1]
		z.Tensors++
		z.Weights += m.weights()
		measured += m.weights()
		if o.Progress != nil {
			o.Progress(measured, all, m.name)
		}
	}
	return r, nil
}

func (r *Report) measure(ctx context.Context, m *namedMatrix, o Options) (Tensor, error) {
	start := time.Now()
	result, err := se.Compute(ctx, m, se.Options{
		Estimator: o.Estimator, Seed: o.Seed, Condition: o.Policy.MaxCondition, ItemBytes: m.itemBytes, Threads: o.Threads,
	})
	if err != nil {
		return Tensor{}, err
	}
	d := r.Executors.Resolve(o.Policy.Decide(result))
	t := Tensor{Name: m.name, Shape: m.shape, Measured: result, Decision: d, Why: d.String()}
	if o.Hashes {
		t.SHA256, t.Sidecar, err = m.sums(ctx)
	}
	t.Took = time.Since(start)
	return t, err
}
