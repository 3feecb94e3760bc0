package convert

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// Target says where an encoded matrix goes.
type Target struct {
	// Name is the tensor's name in the file's header.
	Name string
	// File is the CDNA file to write: version 1 if it ends in ".cdna", else 2.
	File string
	// Sidecar is the HXZO file for outliers, written when the design keeps some
	// apart; empty keeps all of them in the codebook.
	Sidecar string
}

// MatrixReport tells what compressing a matrix did. Errors are against the true
// weights, with the sidecar applied; sizes are of files on disk.
type MatrixReport struct {
	Rows            int      `json:"rows"`
	Cols            int      `json:"cols"`
	Method          Method   `json:"method"`
	Entries         int      `json:"entries"`
	Codec           string   `json:"codec"`
	BlockRows       int      `json:"block_rows"`
	Blocks          int      `json:"blocks"`
	Bytes           int64    `json:"bytes"` // file and sidecar
	SidecarBytes    int64    `json:"sidecar_bytes"`
	Outliers        int      `json:"outliers"`
	BitsPerWeight   float64  `json:"bits_per_weight"`
	BitsInMemory    float64  `json:"bits_in_memory,omitempty"` // of a lattice matrix that is held unpacked
	InMemory        bool     `json:"in_memory,omitempty"`      // they are what was asked for, not the file's
	SNRdB           *float64 `json:"snr_db"`                   // null: exact
	OutputSNRdB     *float64 `json:"output_snr_db,omitempty"`  // of what the layer puts out, by the statistics of its input
	WantedSNRdB     float64  `json:"wanted_snr_db,omitempty"`
	WantedBits      float64  `json:"wanted_bits,omitempty"`
	MSE             float64  `json:"mse"`
	Cosine          float64  `json:"cosine"`
	CosineNoSidecar float64  `json:"cosine_no_sidecar"`
	MaxAbsError     float64  `json:"max_abs_error"`
	Notes           []string `json:"-"` // what is to be known of the source, for people
}

// Missed tells whether the wanted ratio or rate was not reached: so many values
// cannot, or the file's overhead alone is more.
func (r *MatrixReport) Missed() bool {
	bits := r.BitsPerWeight
	if r.InMemory {
		bits = r.BitsInMemory
	}
	return r.SNRdB != nil && *r.SNRdB < r.WantedSNRdB || r.WantedBits > 0 && bits > r.WantedBits
}

// accurateCosine is the cosine below which a matrix is said to need its sidecar, that of the
// original's mode "accurate".
const accurateCosine = 0.999

// Matrix compresses src. It reads src twice and holds a few chunks of rows
// (version 1 files: all indices). On an error, the context's included, neither
// file is left behind. Other errors are ErrOption, codebook.ErrNonFinite with
// tensor, row and column, and those of writing.
func Matrix(ctx context.Context, src matrix.Source, target Target, o Options) (*MatrixReport, error) {
	o, err := o.normalize()
	if err != nil {
		return nil, err
	}
	if _, ok := o.Method.storage().(inCodebook); !ok {
		return nil, fmt.Errorf("method %s is for checkpoints, whose tensors it reads as they are stored: %w", o.Method, ErrOption)
	}
	if o.NonFinite && target.Sidecar == "" {
		return nil, fmt.Errorf("tensor %q: non-finite weights need a sidecar: %w", target.Name, ErrOption)
	}
	return newEncoder(ctx, src, target, o).matrix()
}

// newEncoder starts on a matrix; o is normalized.
func newEncoder(ctx context.Context, src matrix.Source, target Target, o Options) *encoder {
	e := &encoder{ctx: ctx, src: src, target: target, o: o}
	if e.o.BlockRows == 0 {
		e.o.BlockRows = cdna.AutoBlockRows(src.Rows(), src.Cols())
	}
	return e
}

// matrix compresses all of it.
func (e *encoder) matrix() (*MatrixReport, error) {
	report, err := e.encode()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", e.target.Name, err)
	}
	return report, nil
}

// encoder is the state of one Matrix call.
type encoder struct {
	ctx    context.Context
	src    matrix.Source
	target Target
	o      Options
	parts  *parts // nil: here; else other machines read the weights

	book     *codebook.Codebook
	errors   codebook.ErrorSum
	outliers []codebook.Outlier
}

// maxDesigns bounds how often a design that misses what is wanted is made again.
const maxDesigns = 4

// encode designs a codebook and writes the files. A design knows the weights by
// their histogram, and the rate by a sample; so the measured ratio may fall short
// of the wanted one by a few thousandths of a decibel, or the rate exceed it by as
// many of a bit. Then it aims by that much beyond and writes again.
func (e *encoder) encode() (*MatrixReport, error) {
	var h *codebook.Histogram // nil: that of parts lies on disk
	var err error
	if e.parts == nil {
		h, err = e.histogram(0)
	} else {
		err = e.parts.count(e.ctx, e.o)
	}
	if err != nil {
		return nil, err
	}
	report, err := e.meetTarget(h)
	for range maxDesigns {
		if err != nil || e.meetsFloors(report) {
			return report, err
		}
		e.raise()
		report, err = e.meetTarget(h)
	}
	if err == nil && !e.meetsFloors(report) {
		err = fmt.Errorf("%d values reach %.2f dB and a cosine of %.7f, wanted %v dB and %v: %w",
			report.Entries, *report.SNRdB, report.Cosine, e.o.MinSNR, e.o.MinCosine, ErrQuality)
	}
	return report, err
}

// meetsFloors tells whether the matrix is as near to the weights as it must be.
func (e *encoder) meetsFloors(r *MatrixReport) bool {
	return r.SNRdB == nil || *r.SNRdB >= e.o.MinSNR && r.Cosine >= e.o.MinCosine
}

// raise aims at the floors instead of the wanted rate or ratio. Values that are
// the centroids of their cells leave an error at right angles to the result, so
// that 1 - cosine² is the error's share of the power.
func (e *encoder) raise() {
	snr := e.o.MinSNR
	if c := e.o.MinCosine; c > 0 {
		snr = max(snr, -10*detmath.Log10(1-float64(c*c)))
	}
	e.o.SNR, e.o.Bits = max(snr, e.o.SNR+0.05), 0
}

// meetTarget designs and writes until the wanted ratio or rate is met.
func (e *encoder) meetTarget(h *codebook.Histogram) (*MatrixReport, error) {
	aim, bits := e.o.SNR, e.o.Bits
	for i := 1; ; i++ {
		if err := e.design(h, aim, bits); err != nil {
			return nil, err
		}
		report, err := e.write(i == maxDesigns)
		if err == nil && e.o.Bits > 0 && !e.o.withoutOverhead && i < maxDesigns {
			excess := float64(1.2 * (report.BitsPerWeight - e.o.Bits))
			if 0 < excess && excess < bits { // more could not be saved: one value for all is little already
				bits -= excess
				continue
			}
		}
		if short := new(shortfall); errors.As(err, short) {
			aim += float64(1.5*float64(*short)) + 0.001 // not fused, so that bits agree everywhere
			continue
		}
		return report, err
	}
}

// shortfall is by how many dB the wanted ratio was missed.
type shortfall float64

func (s shortfall) Error() string { return fmt.Sprintf("%.4f dB short", float64(s)) }

// histogram makes the first pass over the weights, whose first row is so in the tensor.
func (e *encoder) histogram(first int) (*codebook.Histogram, error) {
	if e.src.Rows() < 1 || e.src.Cols() < 1 {
		return nil, fmt.Errorf("shape [%d, %d] has no weights: %w", e.src.Rows(), e.src.Cols(), cdna.ErrShape)
	}
	histograms := make([]*codebook.Histogram, e.o.Threads)
	for i := range histograms {
		histograms[i] = codebook.NewHistogram()
	}
	count := func(worker int, c *chunk) error {
		if e.o.NonFinite {
			histograms[worker].AddFinite(c.weights)
			return nil
		}
		err := histograms[worker].Add(c.weights)
		if bad := new(codebook.NonFiniteError); errors.As(err, &bad) {
			row, col := first+c.a+bad.Index/e.src.Cols(), bad.Index%e.src.Cols()
			return fmt.Errorf("%v at row %d, column %d: %w", bad.Value, row, col, codebook.ErrNonFinite)
		}
		return err
	}
	if err := forChunks(e.ctx, e.src, e.o.Threads, count, func(*chunk) error { return nil }); err != nil {
		return nil, err
	}
	for _, h := range histograms[1:] {
		histograms[0].Merge(h)
	}
	return histograms[0], nil
}

// design chooses the codebook, aiming at the given ratio or rate if that is not 0.
func (e *encoder) design(h *codebook.Histogram, snr, bits float64) (err error) {
	if e.parts != nil {
		end, err := e.parts.c.turn(e.ctx)
		if err != nil {
			return err
		}
		defer end()
		if h, err = e.parts.histogram(); err != nil {
			return err
		}
	}
	options := codebook.Options{
		Method: codebook.Method(e.o.Method), Entries: e.o.Entries, SNR: snr, Bits: bits, FullPrecision: e.o.FullPrecision,
		LongestCode: longestCode(e.o.Codec),
	}
	if e.target.Sidecar == "" || e.o.NoSidecar {
		options.Outliers = codebook.Never
	}
	if e.o.Bits > 0 {
		rate, err := e.measureRate()
		if err != nil {
			return err
		}
		options.Rate = rate
	}
	e.book, err = codebook.Design(h, options)
	return err
}

// longestCode is the longest code word that a codec's Huffman code has, 0 for the
// usual 11 bits.
func longestCode(codec string) int {
	if codec == "brotli" {
		return 14
	}
	return 0
}

// indexSink takes the indices of the second pass and makes a file of them.
type indexSink interface {
	Write(indices []byte) (int, error)
	// sidecar tells which sidecar belongs to the file.
	sidecar(sum [32]byte)
	// finish publishes the file and returns its size and number of blocks.
	finish(f *cdna.FidelityStats) (bytes int64, blocks int, err error)
	abort()
}

// write makes the second pass: it quantizes, measures and writes. It fails with a
// shortfall when the wanted ratio is missed, unless last says to be content.
func (e *encoder) write(last bool) (*MatrixReport, error) {
	e.errors, e.outliers = codebook.ErrorSum{}, nil
	var made []*Made
	if e.parts != nil {
		var err error
		if made, err = e.parts.make(e.ctx, e.o, e.book); err != nil {
			return nil, err
		}
	}
	sink, err := e.newSink()
	if err != nil {
		return nil, err
	}
	defer sink.abort()
	if e.parts == nil {
		err = e.quantize(sink, 0, e.src.Rows(), func(sum *codebook.ErrorSum, _ bool) { e.errors.Merge(sum) })
	} else {
		err = e.join(sink, made)
	}
	if err != nil {
		return nil, err
	}
	if snr := e.errors.Fidelity().SNR; snr < e.o.SNR && !last && len(e.book.Values) < e.maxEntries() {
		return nil, shortfall(e.o.SNR - snr)
	}
	return e.publish(sink)
}

// quantize writes the indices of the matrix, which begins at row first of another that is cut into chunks. It reads so
// many rows, which may be more than it has: those that the last chunk has besides. sums gets what chunks sum up, and
// whether they are whole.
func (e *encoder) quantize(sink indexSink, first, read int, sums func(sum *codebook.ErrorSum, whole bool)) error {
	quantizer, cols := e.book.Quantizer(), e.src.Cols()
	type result struct {
		sum      codebook.ErrorSum
		outliers []codebook.Outlier
	}
	own := func(c *chunk) int { return max(0, min(c.b, e.src.Rows())-c.a) * cols }
	quantize := func(_ int, c *chunk) error {
		r := new(result)
		quantizer.Quantize(c.indices, c.weights, &r.sum)
		if e.target.Sidecar != "" {
			r.outliers = quantizer.AppendOutliers(nil, c.weights[:own(c)], uint64(c.a)*uint64(cols))
		}
		c.result = r
		return nil
	}
	collect := func(c *chunk) error {
		r := c.result.(*result)
		sums(&r.sum, (first+c.a)%chunkRows(cols) == 0)
		e.outliers = append(e.outliers, r.outliers...)
		_, err := sink.Write(c.indices[:own(c)])
		return err
	}
	return forChunksOf(e.ctx, e.src, first, read, e.o.Threads, quantize, collect)
}

// maxEntries is the size of the largest codebook allowed: when a design uses it
// up, aiming higher changes nothing.
func (e *encoder) maxEntries() int {
	if e.o.Entries == 0 {
		return codebook.MaxEntries
	}
	return e.o.Entries
}

// publish writes the sidecar, then the matrix that may need it.
func (e *encoder) publish(sink indexSink) (*MatrixReport, error) {
	rows, cols := e.src.Rows(), e.src.Cols()
	without, with := e.errors.FidelityNoSidecar(), e.errors.Fidelity()
	r := &MatrixReport{
		Rows: rows, Cols: cols, Method: e.o.Method, Entries: len(e.book.Values), Codec: e.o.Codec, BlockRows: e.o.BlockRows,
		WantedSNRdB: e.o.SNR, WantedBits: e.o.Bits, Outliers: len(e.outliers), MSE: with.MSE, Cosine: with.Cosine, CosineNoSidecar: without.Cosine, MaxAbsError: with.MaxError,
	}
	if !math.IsInf(with.SNR, 1) {
		r.SNRdB = &with.SNR
	}
	if len(e.outliers) > 0 {
		n, sum, err := e.writeSidecar()
		if err != nil {
			return nil, err
		}
		r.SidecarBytes = n
		sink.sidecar(sum)
	} else if err := e.removeStale(); err != nil {
		return nil, err
	}
	n, blocks, err := sink.finish(e.fidelityStats(r))
	if err != nil {
		if r.Outliers > 0 {
			os.Remove(e.target.Sidecar) // written just now
		}
		return nil, err
	}
	r.Bytes, r.Blocks = n+r.SidecarBytes, blocks
	r.BitsPerWeight = float64(r.Bytes) * 8 / (float64(rows) * float64(cols))
	return r, nil
}

// fidelityStats is what the header says of the error.
func (e *encoder) fidelityStats(r *MatrixReport) *cdna.FidelityStats {
	required := r.Outliers > 0 && r.CosineNoSidecar < accurateCosine
	f := &cdna.FidelityStats{CosineNoSidecar: &r.CosineNoSidecar, SidecarRequired: &required}
	f.SetNumber("cosine", r.Cosine)
	f.SetNumber("mse", r.MSE)
	f.SetNumber("max_abs_error", r.MaxAbsError)
	if r.SNRdB != nil {
		f.SetNumber("snr_db", *r.SNRdB)
	}
	return f
}

// isVersion1 tells whether a path asks for a version 1 file.
func isVersion1(path string) bool { return filepath.Ext(path) == ".cdna" }
