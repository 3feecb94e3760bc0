package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se"
)

// Job is the conversion of one checkpoint.
type Job struct {
	// Source is a Hugging Face directory, an index of shards, a file of safetensors,
	// GGUF, PyTorch or NumPy; or, where no such path exists, a repository of the hub:
	// "owner/name" or "owner/name@revision". It is only read.
	Source string
	// File names one of several candidates in Source.
	File string
	// Remote reads a repository tensor by tensor without storing it; else its files
	// go through the cache that huggingface_hub uses. HF_ENDPOINT, HF_TOKEN, HF_HOME
	// and their kin count; Token goes before HF_TOKEN.
	Remote bool
	Token  string
	// Output is the model directory to make; it must not exist, its parent must.
	Output string
	// ModelID names the model in the manifest; empty takes the source's base name.
	ModelID string
	Options Options
	// Embeddings and LMHead change the options of those matrices, Overrides those
	// of tensors by name.
	Embeddings, LMHead Settings
	Overrides          []Override
	// Size, if not 0, is the most that all tensors' files together may take. The
	// bits are spread as Allocate says; Options has no Bits and no SNR then.
	Size     int64
	Allocate Allocation
	margin   int64 // by how much less is aimed at, since estimates are what they are
	// Memory bounds the whole process, and so how many tensors are converted at once; 0
	// is 90 % of what the process's cgroup allows (Linux), or no limit. The output does
	// not depend on it. Too little for one tensor is ErrMemory.
	Memory int64
	// Entropy measures every matrix of the source and writes what was found, and what
	// Policy decides from it, into the manifest. It takes longer than the conversion.
	Entropy bool
	Policy  *se.Policy // nil: se.DefaultPolicy
	// Progress, if not nil, is called with the source bytes dealt with, those in all
	// (twice the source's where Size has all of it surveyed first), and the tensor
	// just finished. Calls do not overlap.
	Progress func(done, total int64, tensor string)
	// Download, if not nil, is called while a file is downloaded.
	Download func(done, total int64, file string)
}

// Report tells what a conversion did.
type Report struct {
	Output        string         `json:"output"`
	Tensors       []TensorReport `json:"tensors"` // by name
	Stats         model.Stats    `json:"stats"`
	BitsPerWeight float64        `json:"bits_per_weight"` // over the compressed matrices, all overhead counted
	Resumed       int            `json:"resumed"`         // tensors that an earlier run had converted
	Seconds       float64        `json:"seconds"`
	Root          string         `json:"root_sha256"`
}

// TensorReport tells what became of one tensor; Matrix is nil for exact ones.
type TensorReport struct {
	Name        string        `json:"name"`
	Shape       []int         `json:"shape"`
	DType       string        `json:"dtype"`
	SourceBytes int64         `json:"source_bytes"`
	Bytes       int64         `json:"bytes"`
	SameAs      string        `json:"same_as,omitempty"` // the tensor whose files it shares; Bytes is 0
	Seconds     float64       `json:"seconds"`
	Matrix      *MatrixReport `json:"matrix,omitempty"`
}

// Directory converts a checkpoint. The directory is built beside Output under the
// name .BASE.partial and renamed when it is complete. What an error, the context's
// included, or the end of the process interrupts is taken up by the next call with
// the same job, and the result is the same; a call with other options keeps the
// tensors that these do not touch. Errors: ErrExists, ErrBusy, ErrNoTensors,
// ErrDType, ErrOption, ErrQuality, ErrSize, ErrMemory, ErrSpace, those of reading
// the source and of writing.
func Directory(ctx context.Context, job Job) (*Report, error) {
	start := time.Now()
	c, err := begin(ctx, job, (*workplace).clear)
	if err != nil {
		return nil, err
	}
	defer c.end()
	if err := c.tensors(ctx); err != nil {
		return nil, err
	}
	if err := c.fitSize(ctx); err != nil {
		return nil, err
	}
	if err := c.finish(ctx); err != nil {
		return nil, err
	}
	c.report.Output = job.Output
	c.report.Seconds = time.Since(start).Seconds()
	return &c.report, nil
}

// conversion is a running Job.
type conversion struct {
	job     Job
	options Options
	src     *checkpoint.Checkpoint
	plan    []*plannedTensor
	choices [][]choice // of the matrices whose rate Job.Size decides
	workers int
	work    *workplace // nil: nothing is resumed
	dir     string     // where files are written

	entries []model.Tensor // of plan, like report.Tensors
	ready   []bool         // taken from the journal

	mu     sync.Mutex // guards done and Progress
	done   int64
	total  int64 // of bytes to deal with
	report Report
}

// begin does what comes before the first tensor: all that can be found out without
// converting one is found out here. clear gets the files in the workplace that are kept.
// The caller ends it.
func begin(ctx context.Context, job Job, clear func(w *workplace, keep map[string]bool) error) (*conversion, error) {
	work, err := reserveWorkplace(job.Output) // before anything that takes time
	if err != nil {
		return nil, err
	}
	c, err := prepare(ctx, job)
	if err != nil {
		work.close()
		return nil, err
	}
	c.work = work
	if err := c.takePlace(ctx, clear); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

func (c *conversion) takePlace(ctx context.Context, clear func(w *workplace, keep map[string]bool) error) error {
	if err := c.work.open(); err != nil {
		return err
	}
	c.dir = c.work.dir
	keep, err := c.resume(ctx)
	if err != nil {
		return err
	}
	if err := clear(c.work, keep); err != nil {
		return err
	}
	return c.checkSpace()
}

// end closes the source and the workplace.
func (c *conversion) end() {
	c.work.close()
	c.src.Close()
}

// prepare opens the source and decides what becomes of every tensor.
func prepare(ctx context.Context, job Job) (c *conversion, err error) {
	c = &conversion{job: job}
	if c.options, err = job.normalize(); err != nil {
		return nil, err
	}
	limit := memory.Allowed(job.Memory)
	limit.Begin()
	src, err := openSource(ctx, job)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			src.Close()
		}
	}()
	c.src = src
	if c.plan, err = planTensors(c.src, job, c.options); err != nil {
		return nil, err
	}
	if c.workers, err = c.fitWorkers(limit); err != nil {
		return nil, err
	}
	if err = shareFiles(ctx, c.plan); err != nil {
		return nil, err
	}
	c.total = c.src.Bytes()
	if job.Size > 0 {
		if err = c.allocate(ctx); err != nil {
			return nil, err
		}
	}
	c.entries = make([]model.Tensor, len(c.plan))
	c.ready = make([]bool, len(c.plan))
	c.report.Tensors = make([]TensorReport, len(c.plan))
	return c, nil
}

// normalize checks the job and returns its options with the defaults.
func (j *Job) normalize() (Options, error) {
	o := j.Options
	switch {
	case j.Size < 0:
		return o, fmt.Errorf("size %d: must not be negative: %w", j.Size, ErrOption)
	case j.Size > 0 && (o.SNR > 0 || o.Bits > 0):
		return o, fmt.Errorf("size, snr and bits exclude each other: %w", ErrOption)
	case j.Size > 0 && o.Method != "" && o.Method != codebook.Entropy:
		return o, fmt.Errorf("size needs the entropy method, not %s: %w", o.Method, ErrOption)
	case j.Size > 0 && !slices.Contains([]Allocation{"", EqualRate, EqualSNR, LeastError}, j.Allocate):
		return o, fmt.Errorf("allocation %q is not %s, %s or %s: %w", j.Allocate, EqualRate, EqualSNR, LeastError, ErrOption)
	}
	return o.normalize()
}

// resume takes up what an earlier run has done and returns its files.
func (c *conversion) resume(ctx context.Context) (keep map[string]bool, err error) {
	keep = map[string]bool{}
	for i, t := range c.plan {
		if t.sameAs != nil {
			continue
		}
		e, ok, err := c.work.find(ctx, c.key(t))
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		c.ready[i], c.entries[i], c.report.Tensors[i] = true, e.Entry, e.Report
		c.report.Resumed++
		for name := range e.files() {
			keep[name] = true
		}
	}
	return keep, nil
}

// key tells a tensor's conversion from every other: by the program, the source's
// content and the options.
func (c *conversion) key(t *plannedTensor) string {
	text := fmt.Sprintf("%s %d", model.Tool, model.RootScheme)
	for _, file := range c.src.WeightFiles() {
		text += "\n" + file + " " + c.src.Stamp(file)
	}
	text += fmt.Sprintf("\n%v %q %s %v %s %q %s", c.measured(), t.Name, t.DType, t.Shape, t.file, t.reason, t.options.key())
	return checksum([]byte(text))
}

// tensors converts every tensor, several at once, the largest first so that the
// last ones to finish are small. What is written does not depend on the order.
func (c *conversion) tensors(ctx context.Context) error {
	order := make([]int, len(c.plan))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.plan[b].Size, c.plan[a].Size) })

	outer := ctx
	errs := make([]error, len(c.plan))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for _, i := range order {
		if c.plan[i].sameAs != nil {
			continue
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !c.ready[i] {
				if err := c.convert(ctx, i); err != nil {
					errs[i] = fmt.Errorf("%s: %w", c.job.Source, err)
					return errs[i]
				}
			}
			c.progress(c.plan[i])
			return nil
		})
	}
	err := g.Wait()
	if err != nil && outer.Err() == nil {
		// Of several bad tensors the first by name, whichever was met first.
		for _, e := range errs {
			if e != nil && !errors.Is(e, context.Canceled) {
				return e
			}
		}
	}
	if err == nil {
		c.share()
	}
	return err
}

// convert converts one tensor and notes it in the journal.
func (c *conversion) convert(ctx context.Context, i int) error {
	t := c.plan[i]
	entry, report, err := c.tensor(ctx, t)
	if err != nil {
		return err
	}
	c.entries[i], c.report.Tensors[i] = entry, report
	if c.work == nil {
		return nil
	}
	names := []string{entry.File}
	if entry.Sidecar != nil {
		names = append(names, entry.Sidecar.File)
	}
	return c.work.keep(journalLine{Tensor: &journalEntry{Key: c.key(t), Name: t.Name, Entry: entry, Report: report}}, names...)
}

// stage returns the path under which a file of the output is written first.
func (c *conversion) stage(name string) string {
	if c.work == nil {
		return filepath.Join(c.dir, name)
	}
	return c.work.stage(name)
}

// keepFile gives a staged file that is no tensor's its name.
func (c *conversion) keepFile(name string) error {
	if c.work == nil {
		return nil
	}
	return c.work.keep(journalLine{File: name}, name)
}

// share gives tensors that repeat others those one's files.
func (c *conversion) share() {
	for i, t := range c.plan {
		if t.sameAs == nil {
			continue
		}
		j := slices.Index(c.plan, t.sameAs)
		c.entries[i], c.report.Tensors[i] = c.entries[j], c.report.Tensors[j]
		c.entries[i].Name, c.entries[i].SameAs = t.Name, t.sameAs.Name
		r := &c.report.Tensors[i]
		r.Name, r.SameAs, r.Bytes, r.Seconds = t.Name, t.sameAs.Name, 0, 0
		c.progress(t)
	}
}

func (c *conversion) progress(t *plannedTensor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += t.Size
	if c.job.Progress != nil {
		c.job.Progress(c.done, c.total, t.Name)
	}
}

// tensor converts or copies one tensor and describes it for the manifest.
func (c *conversion) tensor(ctx context.Context, t *plannedTensor) (model.Tensor, TensorReport, error) {
	start := time.Now()
	report := TensorReport{Name: t.Name, Shape: t.Shape, DType: t.DType, SourceBytes: t.Size}
	entry := model.Tensor{Name: t.Name, File: t.file, OriginalBytes: t.Size, SourceDType: t.DType}
	release, err := c.src.Pin(ctx, t.Tensor, c.stage(t.file+".fetched"))
	if err != nil {
		return entry, report, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	defer release()
	if entry.SourceSHA256, err = t.SHA256(ctx); err != nil {
		return entry, report, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if t.compress() {
		err = c.compress(ctx, t, &entry, &report)
	} else {
		err = c.keep(ctx, t, &entry)
	}
	if err == nil && c.job.Entropy {
		entry.Entropy, err = c.entropy(ctx, t)
	}
	if err != nil {
		return entry, report, err
	}
	sum, n, err := model.HashFile(ctx, c.stage(t.file))
	if err != nil {
		return entry, report, err
	}
	entry.SHA256 = sum
	if report.Bytes = n; !t.compress() {
		entry.Bytes = n
	} else if err := seal(&entry, c.stage(t.file)); err != nil {
		return entry, report, err
	}
	if entry.Sidecar != nil {
		report.Bytes += entry.Sidecar.Bytes
	}
	report.Seconds = time.Since(start).Seconds()
	return entry, report, nil
}

// seal fills in the sums of a matrix's file that was written.
func seal(entry *model.Tensor, path string) (err error) {
	var f *cdna.Blocks
	if entry.Format == model.FormatLossless {
		l, err := cdna.OpenLossless(path)
		if err != nil {
			return err
		}
		f = &l.Blocks
	} else {
		m, err := cdna.Open(path)
		if err != nil {
			return err
		}
		f = &m.Blocks
	}
	defer f.Close()
	entry.HeadSHA256 = f.HeadSHA256()
	entry.BlockCRC32C, err = f.PackedSums()
	return err
}

// keep copies a tensor without loss.
func (c *conversion) keep(ctx context.Context, t *plannedTensor, entry *model.Tensor) error {
	entry.Format, entry.Shape, entry.DType = model.FormatNPY, t.Shape, exactType(t.Tensor).npy
	if err := writeExact(ctx, c.stage(t.file), t.Tensor); err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return nil
}

// compress writes a matrix's CDNA file and, where it has one, its sidecar.
func (c *conversion) compress(ctx context.Context, t *plannedTensor, entry *model.Tensor, report *TensorReport) error {
	if t.options.Method == Lossless {
		return c.lossless(ctx, t, entry, report)
	}
	rows, cols := model.MatrixShape(t.Shape)
	target := Target{Name: t.Name, File: c.stage(t.file), Sidecar: c.stage(t.sidecar)}
	src, o := Rows(t, rows, cols), t.options
	o.Threads = max(1, c.workers/len(c.plan)) // one each, unless tensors are fewer than workers
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
	m.WantedBits = t.options.Bits
	report.Matrix = m
	if c.src.GGUF() != nil {
		entry.QuantType = t.DType
	}
	entry.Format, entry.OriginalShape, entry.CDNAShape = model.FormatCDNA2, t.Shape, []int{rows, cols}
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
