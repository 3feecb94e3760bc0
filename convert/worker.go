package convert

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
)

// Worker makes items of other machines' jobs. It is for one item at a time, which has all of its threads.
type Worker struct {
	job         Job
	src         *checkpoint.Checkpoint
	limit       memory.Limit
	limited     func()
	calibration *calibration
}

// OpenWorker opens the source of items. Of the job, Source, Place, File, Remote, Token, Memory, Download and
// Options.Threads count. The caller closes it. Errors: those of reading the source.
func OpenWorker(ctx context.Context, job Job) (*Worker, error) {
	options, err := Options{Threads: job.Options.Threads}.normalize()
	if err != nil {
		return nil, err
	}
	job.Options.Threads = options.Threads
	limit := memory.Allowed(job.Memory)
	limited := limit.Begin()
	src, err := openSource(ctx, job)
	if err != nil {
		limited()
		return nil, err
	}
	return &Worker{job: job, src: src, limit: limit, limited: limited}, nil
}

// Close closes the source and the statistics.
func (w *Worker) Close() error {
	w.calibration.close()
	err := w.src.Close()
	w.limited()
	return err
}

// Wants tells whether an item needs a file of statistics that the worker has not opened yet; its SHA-256 is item.Statistics.
func (w *Worker) Wants(item Item) bool {
	return item.Statistics != "" && (w.calibration == nil || w.calibration.sum != item.Statistics)
}

// Statistics opens a file of statistics in place of the ones before. Errors: ErrStatistics, ErrStatisticsOf, those of reading.
func (w *Worker) Statistics(ctx context.Context, path string) error {
	w.calibration.close()
	w.calibration = nil
	k := &calibration{covered: map[string]bool{}}
	if err := k.openOf(ctx, w.src, path); err != nil {
		k.close()
		return err
	}
	w.calibration = k
	return nil
}

// Make makes an item's files in dir. On an error the caller removes what is there. Errors: ErrItem, ErrSource, ErrMemory, ErrStatistics, and
// those of [Directory] that are of one tensor.
func (w *Worker) Make(ctx context.Context, item Item, dir string) (*Made, error) {
	c := &conversion{job: w.job, limit: w.limit, src: w.src, dir: dir, calibration: w.calibration}
	c.options = Options{Threads: w.job.Options.Threads}
	c.job.Entropy, c.job.Policy = item.Policy != nil, item.Policy
	t, err := item.plan(c)
	if err != nil {
		return nil, err
	}
	if w.Wants(item) || t.calibrated() && item.Statistics == "" {
		return nil, fmt.Errorf("tensor %q: other statistics than those of sha256 %.80q: %w", t.Name, item.Statistics, ErrStatistics)
	}
	c.plan = []*plannedTensor{t}
	if c.workers, err = c.fitWorkers(w.limit); err != nil {
		return nil, err
	}
	if t.calibrated() { // which shares its threads out itself
		c.workers = 1
	}
	if item.Part != nil {
		return c.part(ctx, t, &item)
	}
	entry, report, err := c.tensor(ctx, t)
	if err != nil {
		return nil, err
	}
	return &Made{Key: item.Key, Name: t.Name, Entry: entry, Report: report}, nil
}
