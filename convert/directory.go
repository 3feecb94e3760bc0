package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/model"
)

// Job is the conversion of one checkpoint.
type Job struct {
	// Source is a Hugging Face directory, one .safetensors file, or a GGUF file. It is
	// only read.
	Source string
	// Output is the model directory to make; it must not exist, its parent must.
	Output string
	// ModelID names the model in the manifest; empty takes the source's base name.
	ModelID string
	Options Options
	// SkipEmbeddings and SkipLMHead keep those matrices exact, as .npy files.
	SkipEmbeddings, SkipLMHead bool
	// Progress, if not nil, is called with the source bytes converted, those in
	// all, and the tensor just finished. Calls do not overlap.
	Progress func(done, total int64, tensor string)
}

// Report tells what a conversion did.
type Report struct {
	Output        string         `json:"output"`
	Tensors       []TensorReport `json:"tensors"`
	Stats         model.Stats    `json:"stats"`
	BitsPerWeight float64        `json:"bits_per_weight"` // over the compressed matrices, all overhead counted
	Seconds       float64        `json:"seconds"`
}

// TensorReport tells what became of one tensor; Matrix is nil for exact ones.
type TensorReport struct {
	Name        string        `json:"name"`
	Shape       []int         `json:"shape"`
	DType       string        `json:"dtype"`
	SourceBytes int64         `json:"source_bytes"`
	Bytes       int64         `json:"bytes"`
	Matrix      *MatrixReport `json:"matrix,omitempty"`
}

// Directory converts a checkpoint. The directory is built beside Output under a
// name of its own, .BASE.*.partial, and renamed when it is complete: on an error,
// the context's included, nothing is left. Errors: ErrExists, ErrNoTensors,
// ErrDType, ErrOption, those of reading the source and of writing.
func Directory(ctx context.Context, job Job) (*Report, error) {
	start := time.Now()
	options, err := job.Options.normalize()
	if err != nil {
		return nil, err
	}
	src, err := openCheckpoint(job.Source)
	if err != nil {
		return nil, err
	}
	defer src.close()
	plan, err := planTensors(src, job)
	if err != nil {
		return nil, err
	}
	if err := checkOutput(job.Output); err != nil {
		return nil, err
	}
	output, err := filepath.Abs(job.Output)
	if err != nil {
		return nil, err
	}
	partial, err := os.MkdirTemp(filepath.Dir(output), "."+filepath.Base(output)+".*.partial")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(partial)
	if err := os.Chmod(partial, 0o755); err != nil { // MkdirTemp keeps others out
		return nil, err
	}

	c := &conversion{job: job, options: options, dir: partial, total: src.bytes(), gguf: src.gguf != nil}
	if err := c.tensors(ctx, plan); err != nil {
		return nil, err
	}
	if err := c.finish(ctx, src); err != nil {
		return nil, err
	}
	if err := publish(partial, output); err != nil {
		return nil, err
	}
	c.report.Output = job.Output
	c.report.Seconds = time.Since(start).Seconds()
	return &c.report, nil
}

// checkOutput refuses an output that is there already.
func checkOutput(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: %w", dir, ErrExists)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// publish gives the finished directory its name, unless another has taken it
// meanwhile, and flushes its parent to the disk.
func publish(partial, dir string) error {
	if err := checkOutput(dir); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := parent.Sync(); err != nil && runtime.GOOS != "windows" { // there, directories cannot be flushed
		return err
	}
	return nil
}

// conversion is a running Job.
type conversion struct {
	job     Job
	options Options
	dir     string
	total   int64
	gguf    bool // the source is a GGUF file

	mu       sync.Mutex // guards done and Progress
	done     int64
	report   Report
	manifest []model.Tensor
}

// tensors converts every tensor, several at once, the largest first so that the
// last ones to finish are small. What is written does not depend on the order.
func (c *conversion) tensors(ctx context.Context, plan []plannedTensor) error {
	c.report.Tensors = make([]TensorReport, len(plan))
	c.manifest = make([]model.Tensor, len(plan))
	order := make([]int, len(plan))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(plan[b].tensor.size, plan[a].tensor.size) })

	outer := ctx
	errs := make([]error, len(plan))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.options.Threads)
	options := c.options
	options.Threads = max(1, c.options.Threads/len(plan)) // one each, unless tensors are fewer than threads
	for _, i := range order {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			t := &plan[i]
			entry, report, err := c.tensor(ctx, t, options)
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", c.job.Source, err)
				return errs[i]
			}
			c.manifest[i], c.report.Tensors[i] = entry, report
			c.progress(t)
			return nil
		})
	}
	err := g.Wait()
	if err == nil || outer.Err() != nil {
		return err
	}
	// Of several bad tensors the first by name, whichever was met first.
	for _, e := range errs {
		if e != nil && !errors.Is(e, context.Canceled) {
			return e
		}
	}
	return err
}

func (c *conversion) progress(t *plannedTensor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += t.tensor.size
	if c.job.Progress != nil {
		c.job.Progress(c.done, c.total, t.tensor.name)
	}
}

// tensor converts or copies one tensor and describes it for the manifest.
func (c *conversion) tensor(ctx context.Context, t *plannedTensor, o Options) (model.Tensor, TensorReport, error) {
	report := TensorReport{Name: t.tensor.name, Shape: t.tensor.shape, DType: t.tensor.dtype, SourceBytes: t.tensor.size}
	entry := model.Tensor{Name: t.tensor.name, File: t.file, OriginalBytes: t.tensor.size, SourceDType: t.tensor.dtype}
	var err error
	if t.compress {
		err = c.compress(ctx, t, o, &entry, &report)
	} else {
		err = c.keep(ctx, t, &entry)
	}
	if err != nil {
		return entry, report, err
	}
	sum, n, err := model.HashFile(ctx, filepath.Join(c.dir, t.file))
	if err != nil {
		return entry, report, err
	}
	entry.SHA256 = sum
	if report.Bytes = n; !t.compress {
		entry.Bytes = n
	}
	if entry.Sidecar != nil {
		report.Bytes += entry.Sidecar.Bytes
	}
	return entry, report, nil
}

// keep copies a tensor without loss.
func (c *conversion) keep(ctx context.Context, t *plannedTensor, entry *model.Tensor) error {
	entry.Format, entry.Shape, entry.DType = model.FormatNPY, t.tensor.shape, t.tensor.npy
	if err := writeExact(ctx, filepath.Join(c.dir, t.file), t.tensor); err != nil {
		return fmt.Errorf("tensor %q: %w", t.tensor.name, err)
	}
	return nil
}

// compress writes a matrix's CDNA file and, where it has one, its sidecar.
func (c *conversion) compress(ctx context.Context, t *plannedTensor, o Options, entry *model.Tensor, report *TensorReport) error {
	if o.Method == Lossless {
		return c.lossless(ctx, t, o, entry, report)
	}
	rows, cols := model.MatrixShape(t.tensor.shape)
	target := Target{Name: t.tensor.name, File: filepath.Join(c.dir, t.file), Sidecar: filepath.Join(c.dir, t.sidecar)}
	src := Rows(t.tensor.data, rows, cols)
	m, err := Matrix(ctx, src, target, o)
	if errors.Is(err, codebook.ErrUnreachable) {
		// So small that the file's overhead alone exceeds the bits: spend them on the
		// indices, as in the other matrices. The report tells.
		o.withoutOverhead = true
		m, err = Matrix(ctx, src, target, o)
	}
	if errors.Is(err, codebook.ErrUnreachable) {
		// A handful of weights, which a codec cannot shrink at all.
		o.Bits, o.SNR = 0, DefaultSNR
		m, err = Matrix(ctx, src, target, o)
	}
	if err != nil {
		return err
	}
	m.WantedBits = c.options.Bits
	report.Matrix = m
	if c.gguf {
		entry.QuantType = t.tensor.dtype
	}
	entry.Format, entry.OriginalShape, entry.CDNAShape = model.FormatCDNA2, t.tensor.shape, []int{rows, cols}
	entry.CompressedBytes = m.Bytes
	entry.CompressionRatio = float64(entry.OriginalBytes) / float64(m.Bytes)
	entry.Fidelity = &model.Fidelity{BitsPerWeight: m.BitsPerWeight, SNRdB: m.SNRdB, MSE: m.MSE, Cosine: m.Cosine, MaxAbsError: m.MaxAbsError}
	if m.Outliers == 0 {
		return nil
	}
	sum, n, err := model.HashFile(ctx, target.Sidecar)
	if err != nil {
		return err
	}
	entry.Sidecar = &model.Sidecar{File: t.sidecar, SHA256: sum, Outliers: m.Outliers, Bytes: n}
	return nil
}

// modelID names a model after its source.
func modelID(source string) string {
	if path, err := filepath.Abs(source); err == nil {
		source = path
	}
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(source), ".safetensors"), ".gguf")
}

// finish copies the files beside the weights and writes the manifest.
func (c *conversion) finish(ctx context.Context, src *checkpoint) error {
	var files []model.File
	if src.companions != "" {
		var err error
		if files, err = copyCompanions(ctx, src.companions, c.dir); err != nil {
			return err
		}
	}
	if src.gguf != nil {
		if err := writeMetadata(src.gguf, c.dir); err != nil {
			return err
		}
		sum, n, err := model.HashFile(ctx, filepath.Join(c.dir, model.MetadataName))
		if err != nil {
			return err
		}
		files = append(files, model.File{File: model.MetadataName, Bytes: n, SHA256: sum})
	}
	m := &model.Manifest{
		Files:   files,
		ModelID: c.job.ModelID, Format: model.FormatCDNA2, Codec: c.options.Codec, BlockRows: c.job.Options.BlockRows,
		Options: c.options.describe(), Tensors: make(map[string]model.Tensor, len(c.manifest)),
	}
	if c.options.Method == Lossless {
		m.Format = model.FormatLossless
	}
	if m.ModelID == "" {
		m.ModelID = modelID(c.job.Source)
	}
	if src.gguf != nil {
		m.SourceGGUF = filepath.Base(c.job.Source)
	}
	var err error
	if m.Sources, err = src.files(ctx); err != nil {
		return err
	}
	if len(m.Sources) == 1 {
		m.SourceSHA256 = m.Sources[0].SHA256
	}
	var weights, bits float64
	for i, t := range c.manifest {
		m.Tensors[t.Name] = t
		m.Stats.OriginalBytes += t.OriginalBytes
		m.Stats.CompressedBytes += c.report.Tensors[i].Bytes
		if r := c.report.Tensors[i].Matrix; r != nil {
			weights += float64(r.Rows) * float64(r.Cols)
			bits += 8 * float64(r.Bytes)
		}
	}
	m.Stats.TensorCount = len(c.manifest)
	m.Stats.OverallRatio = float64(m.Stats.OriginalBytes) / float64(max(1, m.Stats.CompressedBytes))
	c.report.Stats = m.Stats
	c.report.BitsPerWeight = bits / max(1, weights)
	return m.Write(c.dir)
}
