package se

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// Estimator says how the singular values are measured.
type Estimator = route.Estimator

// The estimators.
const (
	// Auto is [Exact] up to 1024, else [Lanczos].
	Auto Estimator = "auto"
	// Exact takes all eigenvalues of the smaller Gram matrix. Its work grows with the
	// cube of the shorter side and its memory with the square: 8 bytes · min(m, n)²
	// and as much again for each thread.
	Exact Estimator = "gram"
	// Lanczos samples the spectrum by random vectors, with a bound on the error.
	Lanczos Estimator = "lanczos"
	// Original gives the original's constants where the shorter side is above 512,
	// and is Exact below.
	Original Estimator = "original"
)

// exactLimit is the shorter side up to which Auto computes all singular values.
const exactLimit = 1024

// Options configure [Compute]. The zero value is the default.
type Options struct {
	// Estimator chooses how to measure the spectrum; empty means Auto.
	Estimator Estimator
	// Seed starts the random numbers of Lanczos. The same seed gives the same bits.
	Seed uint64
	// Condition is the condition number up to which Lanczos looks for the smallest
	// singular value; 0 means 100, the default policy's limit.
	Condition float64
	// ItemBytes is the size of one weight as the source stores it, for Result.Bytes; 0 means 4.
	ItemBytes float64
	// Threads bounds the workers, 0 means GOMAXPROCS. It does not change the result.
	Threads int
}

// computation is one call of Compute.
type computation struct {
	src        matrix.Source
	rows, cols int
	threads    int
	kernels    *kernel.Kernels
	seed       uint64
	condition  float64
}

// perWorker returns n values for each worker.
func (c *computation) perWorker(n int) [][]float32 {
	buffers := make([][]float32, c.threads)
	for i := range buffers {
		buffers[i] = make([]float32, n)
	}
	return buffers
}

// Compute measures src. It reads the matrix in runs of rows, several times, and never
// holds it whole: memory is a few MiB for each thread, a few rows where these are long,
// and 4 bytes for each row and column, besides what [Exact] needs.
//
// Errors: [ErrNonFinite] with row and column, [ErrShape], [ErrOption], kernel levels that
// HELIX_CPU names and the machine has not, those of reading, and ctx's. An empty matrix
// is no error; it has Se 0.
func Compute(ctx context.Context, src matrix.Source, o Options) (*route.Result, error) {
	c, err := newComputation(src, &o)
	if err != nil {
		return nil, err
	}
	r := &route.Result{
		Rows: c.rows, Cols: c.cols, Bytes: float64(c.rows) * float64(c.cols) * o.ItemBytes,
		SufficientK: true, SparsityKind: route.Dense, EnergyTop: 1, Condition: 1, Estimator: Exact,
	}
	if c.rows == 0 || c.cols == 0 {
		return r, nil
	}
	s, err := c.survey(ctx)
	if err != nil {
		return nil, err
	}
	if r.RowCoherence, err = c.rowCoherence(ctx); err != nil {
		return nil, err
	}
	r.ColCoherence, r.Sparsity, r.SparsityKind = s.colCoherence, s.sparsity, s.structure
	c.scale(s.energy)
	spectrum, used, err := c.spectrum(ctx, s.energy, o.Estimator)
	if err != nil {
		return nil, err
	}
	r.EnergyTop, r.RankRatio = spectrum.energyTop, spectrum.rankRatio
	r.Condition, r.ConditionAtLeast = spectrum.condition, spectrum.atLeast
	r.Estimator, r.SufficientK = used, used != Original
	r.Structure = r.RowCoherence
	r.H, r.U, r.D = spectrum.h(), clamp(1-r.RowCoherence), spectrum.d()
	r.Se = float64(r.H*r.U) * r.D
	r.Error = min(1, float64(r.U*spectrum.err))
	return r, nil
}

func newComputation(src matrix.Source, o *Options) (*computation, error) {
	c := &computation{src: src, rows: src.Rows(), cols: src.Cols(), threads: o.Threads, seed: o.Seed, condition: o.Condition}
	const most = math.MaxInt32 // what the sample of neighbours can count, and memory
	if c.rows < 0 || c.cols < 0 || c.rows > most || c.cols > most {
		return nil, fmt.Errorf("a matrix of %d × %d: %w", c.rows, c.cols, ErrShape)
	}
	switch o.Estimator {
	case "":
		o.Estimator = Auto
	case Auto, Exact, Lanczos, Original:
	default:
		return nil, fmt.Errorf("estimator %q: %w", o.Estimator, ErrOption)
	}
	switch {
	case o.Threads < 0:
		return nil, fmt.Errorf("threads %d: must not be negative: %w", o.Threads, ErrOption)
	case o.Threads == 0:
		c.threads = runtime.GOMAXPROCS(0)
	}
	if o.Condition == 0 {
		c.condition = route.DefaultPolicy().MaxCondition
	}
	if !(c.condition >= 1) {
		return nil, fmt.Errorf("condition %v: %w", o.Condition, ErrOption)
	}
	if o.ItemBytes == 0 {
		o.ItemBytes = 4
	}
	if !(o.ItemBytes > 0) {
		return nil, fmt.Errorf("%v bytes an item: %w", o.ItemBytes, ErrOption)
	}
	var err error
	c.kernels, err = kernel.FromEnv()
	return c, err
}

// scale multiplies weights whose squares float32 cannot sum by a power of two, which
// changes no ratio.
func (c *computation) scale(energy float64) {
	rms := math.Sqrt(energy / (float64(c.rows) * float64(c.cols)))
	if rms == 0 || 0x1p-40 < rms && rms < 0x1p40 {
		return
	}
	c.src = scaled{c.src, float32(math.Ldexp(1, max(-120, min(120, -math.Ilogb(rms)))))}
}

// scaled is a matrix times a factor.
type scaled struct {
	matrix.Source
	factor float32
}

// ReadRows multiplies.
func (s scaled) ReadRows(ctx context.Context, dst []float32, a, b int) error {
	err := s.Source.ReadRows(ctx, dst, a, b)
	for i := range dst {
		dst[i] *= s.factor
	}
	return err
}

// spectrum measures the singular values and says how.
func (c *computation) spectrum(ctx context.Context, energy float64, e Estimator) (*spectrum, Estimator, error) {
	p := min(c.rows, c.cols)
	switch {
	case e == Original && p > route.OriginalLimit:
		s := originalSpectrum()
		s.err = 1
		return s, Original, nil
	case energy == 0:
		return noSpectrum(p), Exact, nil
	case p == 1:
		return &spectrum{energyTop: 1, rankRatio: 1, condition: 1}, Exact, nil
	case e == Lanczos || e == Auto && p > exactLimit:
		q, err := c.lanczos(ctx, energy)
		if err != nil {
			return nil, "", err
		}
		return q.spectrum(), Lanczos, nil
	}
	g, err := c.gram(ctx)
	if err != nil {
		return nil, "", err
	}
	resolution := 0x1p-46
	if p > doubleLimit {
		resolution = 0x1p-18
	}
	eigenvalues, err := symmetricEigenvalues(ctx, g, p)
	if err != nil {
		return nil, "", err
	}
	return spectrumOf(eigenvalues, resolution), Exact, nil
}
