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

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/overwrite"
)

// Directory converts a checkpoint. The directory is built beside Output under the
// name .BASE.partial and renamed when it is complete. What an error, the context's
// included, or the end of the process interrupts is taken up by the next call with
// the same job, and the result is the same; a call with other options keeps the
// tensors that these do not touch. Errors: ErrExists, ErrBusy, ErrForeign, ErrNoTensors,
// ErrDType, ErrOption, ErrSignature, ErrQuality, ErrSize, ErrMemory, ErrSpace, overwrite.ErrOutput,
// those of reading the source and of writing.
func Directory(ctx context.Context, job Job) (*Report, error) {
	start := time.Now()
	c, err := begin(ctx, job, false)
	if err != nil {
		return nil, err
	}
	defer c.end()
	if err := c.convertAll(ctx); err != nil {
		return nil, err
	}
	if err := c.finish(ctx); err != nil {
		return nil, err
	}
	if note := noteOfDamaged(c.report.Tensors); note != "" {
		c.report.Notes = append(c.report.Notes, note)
	}
	c.report.Output = job.Output
	c.report.Seconds = time.Since(start).Seconds()
	return &c.report, nil
}

// convertAll converts the tensors with what holds the job's size or divergence.
func (c *conversion) convertAll(ctx context.Context) error {
	if err := c.passOn(ctx); err != nil {
		return err
	}
	if c.job.KLD > 0 {
		return c.fitDivergence(ctx)
	}
	if !c.job.spreads() {
		if err := c.tensors(ctx); err != nil {
			return err
		}
		return c.fitSize(ctx)
	}
	if err := c.spreadEqual(ctx); err != nil {
		return err
	}
	if c.job.Size > 0 {
		if err := c.allocate(ctx); err != nil {
			return err
		}
	}
	if err := c.convertAgain(ctx); err != nil {
		return err
	}
	return c.fitSize(ctx)
}

// spreadEqual converts at equal rates, unless the journal says what came of that, and spreads them.
func (c *conversion) spreadEqual(ctx context.Context) error {
	c.equal = true
	defer func() { c.equal = false }()
	if _, known := c.work.probed(c.rateKey()); !known {
		c.trial = "equal rates: "
		defer func() { c.trial = "" }()
		if err := c.convertAgain(ctx); err != nil {
			return err
		}
	}
	if err := c.spread(ctx); err != nil {
		return err
	}
	for _, t := range c.plan {
		if t.calibrated() && !t.rate {
			t.options.Bits = c.job.spreadRate(t.base, t.Name)
		}
	}
	return nil
}

// conversion is a running Job.
type conversion struct {
	job         Job
	options     Options
	limit       memory.Limit
	limited     func() // ends keeping it
	src         *checkpoint.Checkpoint
	plan        []*plannedTensor
	choices     [][]choice   // of the matrices whose rate Job.Size decides
	calibration *calibration // nil: nothing needs one
	workers     int
	turns       chan struct{} // at reading a tensor for others, workers of them
	work        *workplace    // nil: nothing is resumed
	dir         string        // where files are written
	signed      *signedSource

	certificate *model.Certificate // nil: no divergence was asked for

	entries []model.Tensor // of plan, like report.Tensors
	ready   []bool         // taken from the journal
	shards  []int          // of plan: whose each tensor is, of a job's shard

	equal bool     // rates are not decided yet: no drift is corrected
	keyOf []string // of plan, as they are converted now
	trial string   // for Progress: what the tensors are converted for, while that is tried

	mu     sync.Mutex // guards done and Progress
	done   int64
	total  int64 // of bytes to deal with
	report Report
}

// begin does what comes before the first tensor: all that can be found out without
// converting one is found out here, and the source is calibrated. planned leaves that out and
// removes nothing. The caller ends it.
func begin(ctx context.Context, job Job, planned bool) (*conversion, error) {
	err := overwrite.Check(job.inputs(),
		[]overwrite.Output{
			{Flag: "output", Path: job.Output, Kind: overwrite.Directory}, {Flag: "statistics", Path: job.Calibration.Statistics, Kind: overwrite.Statistics},
		})
	if err != nil {
		return nil, err
	}
	if job.Output == "" {
		return nil, fmt.Errorf("no output is named: %w", ErrOption)
	}
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
	if err := c.takePlace(ctx, planned); err != nil {
		c.end()
		if job.unfit == nil && c.isUnfit(err) {
			job.unfit = err
			return begin(ctx, job, planned)
		}
		return nil, err
	}
	return c, nil
}

func (c *conversion) takePlace(ctx context.Context, planned bool) error {
	if err := c.work.open(); err != nil {
		return err
	}
	c.dir = c.work.dir
	keep := map[string]bool{}
	if err := c.takeStatistics(ctx, keep); err != nil {
		return err
	}
	if err := c.checkPlan(); err != nil {
		return err
	}
	if err := c.resume(ctx, keep); err != nil {
		return err
	}
	if planned {
		return c.checkSpace()
	}
	if err := c.work.clear(keep); err != nil {
		return err
	}
	if err := c.checkSpace(); err != nil {
		return err
	}
	return c.calibrate(ctx)
}

// end closes the source and the workplace.
func (c *conversion) end() {
	c.calibration.close()
	c.work.close()
	c.src.Close()
	c.limited()
}

// prepare opens the source and decides what becomes of every tensor.
func prepare(ctx context.Context, job Job) (c *conversion, err error) {
	c = &conversion{}
	if c.options, err = job.normalize(); err != nil {
		return nil, err
	}
	c.job = job
	limit := memory.Allowed(job.Memory)
	limited := limit.Begin()
	src, err := openSource(ctx, job)
	if err != nil {
		limited()
		return nil, err
	}
	c.limit, c.limited = limit, limited
	failed := c // which is nil then
	defer func() {
		if err != nil {
			failed.calibration.close()
			src.Close()
			limited()
		}
	}()
	c.src = src
	if err = c.openSignature(ctx); err != nil {
		return nil, err
	}
	note, err := src.Rounding(ctx)
	if err != nil {
		return nil, err
	}
	if note != "" {
		c.report.Notes = append(c.report.Notes, note)
	}
	if err = c.planCalibration(ctx, limit); err != nil {
		return nil, err
	}
	tensors, err := c.leaveOut(ctx)
	if err != nil {
		return nil, err
	}
	if c.plan, err = planTensors(c.src, tensors, &c.job, c.options, c.calibration.covers); err != nil {
		return nil, err
	}
	if err = c.needCalibration(); err != nil {
		return nil, err
	}
	if note = noteOfLong(c.plan); note != "" {
		c.report.Notes = append(c.report.Notes, note)
	}
	if c.workers, err = c.fitWorkers(limit); err != nil {
		return nil, err
	}
	if err = c.checkDrift(ctx); err != nil {
		return nil, err
	}
	if err = shareFiles(ctx, c.plan); err != nil {
		return nil, err
	}
	if job.shard != nil {
		c.shards = shareOut(c.plan, job.shard.of)
	}
	for i, t := range c.plan {
		if !c.isOthers(i) {
			c.total += t.Size
		}
	}
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

// resume takes up what an earlier run has done and adds its files to keep.
func (c *conversion) resume(ctx context.Context, keep map[string]bool) error {
	keys := c.keys()
	for i, t := range c.plan {
		if t.calibrated() { // of a rate that is decided later
			keep[t.file] = true
		}
		if keys[i] == "" {
			continue
		}
		e, ok, err := c.work.find(ctx, keys[i])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		c.ready[i], c.entries[i], c.report.Tensors[i] = true, e.Entry, e.Report
		c.report.Resumed++
		for name := range e.Files() {
			keep[name] = true
		}
	}
	return nil
}

// key tells a tensor's conversion from every other: by the program, the source's
// content and the options.
func (c *conversion) key(t *plannedTensor) string {
	text := fmt.Sprintf("%s %d", model.Tool, model.RootScheme)
	for _, file := range c.src.WeightFiles() {
		text += "\n" + file + " " + c.src.Stamp(file)
	}
	text += fmt.Sprintf("\n%v %q %s %v %s %q %s", c.measured(), t.Name, t.DType, t.Shape, t.file, t.reason, t.options.key())
	if t.calibrated() {
		text += "\n" + c.calibration.sum
	}
	return checksum([]byte(text))
}

// keyed tells whether the tensor has a key yet: what depends on statistics has none before they are there.
func (c *conversion) keyed(t *plannedTensor) bool {
	return !t.calibrated() || c.calibration.statistics != nil
}

// tensors converts every tensor, several at once, the largest first so that the
// last ones to finish are small. What is written does not depend on the order.
func (c *conversion) tensors(ctx context.Context) error {
	order := make([]int, len(c.plan))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.plan[b].Size, c.plan[a].Size) })

	drift := c.driftTensors()
	c.keyOf = c.keys()
	left := false
	outer := ctx
	errs := make([]error, len(c.plan))
	g, ctx := errgroup.WithContext(ctx)
	c.limitTensors(g)
	for _, i := range order {
		if c.plan[i].sameAs != nil || c.isOthers(i) {
			continue
		}
		if drift[c.plan[i].Name] && !c.ready[i] {
			left = true
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
			if e != nil && !errors.Is(e, context.Canceled) && (e == err || !errors.Is(e, err)) { // else it was stopped by err
				return e
			}
		}
	}
	if err == nil && left {
		err = c.follow(outer, drift, c.rateKey(), func(i int) error { return c.convert(outer, i) }, func(i int) (calibrate.Weights, error) {
			return madeWeights(&c.entries[i], c.work.path)
		})
	}
	if err == nil {
		c.share()
	}
	return err
}

// convert converts one tensor and notes it in the journal.
func (c *conversion) convert(ctx context.Context, i int) error {
	t, tensor := c.plan[i], c.tensor
	if c.job.Maker != nil {
		tensor = c.elsewhere
	}
	entry, report, err := tensor(ctx, t)
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
	return c.work.keep(journalLine{Tensor: &Made{Key: c.keyOf[i], Name: t.Name, Entry: entry, Report: report}}, names...)
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
		if t.sameAs == nil || c.isOthers(i) {
			continue
		}
		j := slices.Index(c.plan, t.sameAs)
		c.entries[i], c.report.Tensors[i] = c.entries[j], c.report.Tensors[j]
		repeat(&c.entries[i], &c.report.Tensors[i], t.Name, t.sameAs.Name)
		c.progress(t)
	}
}

// repeat makes of what is said of a tensor what is said of one that has the same files.
func repeat(entry *model.Tensor, report *TensorReport, name, sameAs string) {
	entry.Name, entry.SameAs = name, sameAs
	report.Name, report.SameAs, report.Bytes, report.Seconds = name, sameAs, 0, 0
}

func (c *conversion) progress(t *plannedTensor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += t.Size
	if c.job.Progress != nil {
		c.job.Progress(c.done, c.total, c.trial+t.Name)
	}
}

// tensor converts or copies one tensor and describes it for the manifest.
func (c *conversion) tensor(ctx context.Context, t *plannedTensor) (model.Tensor, TensorReport, error) {
	start := time.Now()
	entry, report := t.describe()
	release, err := c.src.Pin(ctx, t.Tensor, c.stage(t.file+".fetched"))
	if err != nil {
		return entry, report, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	defer release()
	if entry.SourceSHA256, err = t.SHA256(ctx); err != nil {
		return entry, report, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if t.sha256 != "" && entry.SourceSHA256 != t.sha256 {
		return entry, report, fmt.Errorf("tensor %q has sha256 %s, not %s: %w", t.Name, entry.SourceSHA256, t.sha256, ErrSource)
	}
	err = c.store(ctx, t, &entry, &report)
	report.Seconds = time.Since(start).Seconds()
	return entry, report, err
}

// describe says of a tensor what is known before it is converted.
func (p *plannedTensor) describe() (model.Tensor, TensorReport) {
	return model.Tensor{Name: p.Name, Format: p.storage.format(), File: p.file, OriginalBytes: p.Size, SourceDType: p.DType},
		TensorReport{Name: p.Name, Shape: p.Shape, DType: p.DType, SourceBytes: p.Size}
}

// store writes a tensor's files and says of them what a manifest and a report say.
func (c *conversion) store(ctx context.Context, t *plannedTensor, entry *model.Tensor, report *TensorReport) (err error) {
	report.Matrix, err = t.storage.store(ctx, c, t, entry)
	report.NonFinite = t.damaged
	if err == nil && c.job.Entropy {
		entry.Entropy, err = c.entropy(ctx, t)
	}
	if err != nil {
		return err
	}
	sum, n, err := model.HashFile(ctx, c.stage(t.file))
	if err != nil {
		return err
	}
	entry.SHA256 = sum
	if report.Bytes = n; report.Matrix == nil {
		entry.Bytes = n
	}
	if entry.Sidecar != nil {
		report.Bytes += entry.Sidecar.Bytes
	}
	return nil
}
