package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/convert"
)

// Options say how a conversion is shared out.
type Options struct {
	// Connection is that to the broker. Servers "embedded" starts one in the process, which listens at Listen and ends
	// with it; its files lie beside the output, and are removed with the end of the conversion.
	Connection
	Listen string
	// Check is the share of items, 0 to 1, that two workers make each.
	Check float64
	// Lease is how long a worker may be silent before its item is given to another; 0: DefaultLease.
	Lease time.Duration
	// Note, if not nil, is told in a line what happens, such as which worker has lied. Calls do not overlap.
	Note func(line string)
}

// Embedded is the Servers of a broker in the process.
const Embedded = "embedded"

// ErrCheck reports a share that is none.
var ErrCheck = errors.New("a share is 0 to 1")

// Convert does what [convert.Directory] does with job, with the same bytes, while workers make the tensors. When it is stopped, at any
// moment, the same call goes on where it was, with what workers have made since. Errors are those of convert.Directory, ErrCheck, ErrListen,
// ErrWorkers, ErrLiar and those of the broker.
func Convert(ctx context.Context, job convert.Job, o Options) (report *convert.Report, err error) {
	if !(o.Check >= 0 && o.Check <= 1) {
		return nil, fmt.Errorf("check %v: %w", o.Check, ErrCheck)
	}
	if job.Place != nil {
		return nil, fmt.Errorf("workers open a source by its name, and a place has none: %w", convert.ErrOption)
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	output, err := filepath.Abs(job.Output)
	if err != nil {
		return nil, err
	}
	c := newCoordinator(job, output, o)
	if o.Servers == Embedded {
		dir := filepath.Join(filepath.Dir(output), "."+filepath.Base(output)+".broker")
		broker, err := Embed(dir, o.Listen)
		if err != nil {
			return nil, err
		}
		defer func() {
			broker.Stop()
			if err == nil && report != nil {
				os.RemoveAll(dir)
			}
		}()
		c.o.Servers = broker.URL()
		c.note("listening at " + redacted(broker.URL()))
	}
	nc, js, err := c.o.connect(ctx, "helix-substrate coordinator")
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if c.store, err = create(ctx, nc, js, o.Lease); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return c.convert(ctx, job)
}

// coordinator has the items of a job made by workers: a convert.Maker.
type coordinator struct {
	o      Options
	store  *store
	source source
	began  time.Time

	wake     chan struct{} // there may be something to give out
	fetching chan struct{} // files, of so many items at once

	mu       sync.Mutex // guards what follows
	status   JobStatus
	sched    *scheduler
	calls    map[string]*call
	early    map[string][]outcome // results of items that are still to come
	expected int                  // items of all rounds so far
	arrived  int
	failed   error // ends the job
	lines    []string
	banned   bool // somebody new is
}

// call is an item that convert waits for.
type call struct {
	item     convert.Item
	records  map[string]*convert.Made // by sum
	stored   map[string]string        // the records' SHA-256 by worker
	ready    chan struct{}            // what is accepted counts
	open     bool                     // ready is not closed
	returned string                   // the sum that convert has got
}

func newCoordinator(job convert.Job, output string, o Options) *coordinator {
	path := job.Source
	if abs, err := filepath.Abs(path); err == nil && isThere(path) {
		path = abs
	}
	c := &coordinator{
		o: o, source: source{Path: path, File: job.File, Remote: job.Remote}, began: time.Now(), wake: make(chan struct{}, 1), fetching: make(chan struct{}, 4),
		calls: map[string]*call{}, early: map[string][]outcome{},
	}
	c.status = JobStatus{
		Job: checksum([]byte(hostName() + "\n" + output))[:16], Source: path, Output: output, Began: c.began, State: "converting",
	}
	c.sched = newScheduler(o.Check, c.liar)
	c.sched.lost = 4 * o.Lease
	return c
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// convert runs the job beside what hears the workers and gives work out.
func (c *coordinator) convert(ctx context.Context, job convert.Job) (report *convert.Report, err error) {
	if err := c.takeUp(ctx); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	g, running := errgroup.WithContext(ctx)
	running, stop := context.WithCancel(running)
	defer stop()
	g.Go(func() error { return c.hear(running, c.store.results, c.heardResult) })
	g.Go(func() error { return c.hear(running, c.store.workers, c.heardWorker) })
	g.Go(func() error { return c.give(running) })
	var converted error
	g.Go(func() error {
		defer stop()
		job.Maker = c
		report, converted = convert.Directory(running, job)
		return converted
	})
	if err = g.Wait(); converted != nil && !errors.Is(converted, context.Canceled) { // which the others were stopped by
		err = converted
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	switch {
	case report != nil:
		err = nil
		c.finish(end, "done", nil) // first, as clearing may take all the time there is
		c.clear(end)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
		c.finish(end, "stopped", nil)
	default:
		c.finish(end, "failed", err)
	}
	return report, err
}

// takeUp withdraws what an earlier coordinator of the job has left waiting, and knows whom it has banned.
func (c *coordinator) takeUp(ctx context.Context) error {
	stream, err := c.store.js.Stream(ctx, itemStream)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(c.subject()))
	}
	if err != nil {
		return err
	}
	entry, err := c.store.jobs.Get(ctx, c.status.Job)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	var before JobStatus
	if parse(entry.Value(), &before) == nil && before.State != "done" {
		for _, name := range before.Liars {
			c.sched.banned[name] = true
		}
		c.status.Liars = before.Liars
	}
	return nil
}

func (c *coordinator) subject() string { return itemSubject + "." + c.status.Job }

// note tells a line, later, on the goroutine that gives work out.
func (c *coordinator) note(line string) {
	if c.o.Note != nil {
		c.o.Note(line)
	}
}

// liar names a worker whose results do not count any more.
func (c *coordinator) liar(worker string) {
	c.status.Liars = append(c.status.Liars, worker)
	c.lines = append(c.lines, fmt.Sprintf("worker %s has made something else than others: its work does not count, and is done again", worker))
	c.banned = true
}

// Statistics stores a file of statistics for the workers.
func (c *coordinator) Statistics(ctx context.Context, path, sum string) error {
	name := statisticsName(sum)
	if there, err := c.store.has(ctx, name); there || err != nil {
		return err
	}
	return c.store.upload(ctx, name, path)
}

// Expect says that so many items come.
func (c *coordinator) Expect(items int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected += items
	c.settle()
}

// Make gives an item out, and takes its files when its result counts.
func (c *coordinator) Make(ctx context.Context, item convert.Item, stage func(file string) string) (*convert.Made, error) {
	key := item.Key
	c.mu.Lock()
	k := c.calls[key]
	if k == nil {
		k = &call{item: item, records: map[string]*convert.Made{}, stored: map[string]string{}}
		c.calls[key] = k
		c.sched.add(key, float64(item.Bytes))
		c.status.Items++
		c.status.Bytes += item.Bytes
	}
	k.ready, k.open = make(chan struct{}), true
	c.arrived++
	early := c.early[key]
	delete(c.early, key)
	c.settle()
	ready := k.ready
	c.mu.Unlock()
	for _, o := range early {
		c.result(ctx, o)
	}
	c.awake()
	for {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		made, worker, err := c.accepted(k)
		if err != nil {
			return nil, err
		}
		if err = c.fetch(ctx, k, made, worker, stage); err == nil {
			return made, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		} else if !isWorkers(err) { // the disk is full, or the broker does not answer: no worker's fault
			return nil, err
		}
		c.mu.Lock()
		c.lines = append(c.lines, fmt.Sprintf("%s, by worker %s: %v", item.Tensor, worker, err))
		k.returned, k.ready, k.open = "", make(chan struct{}), true
		ready = k.ready
		c.sched.ban(worker, time.Now())
		c.settle()
		c.mu.Unlock()
		c.awake()
	}
}

// accepted returns the result of an item that counts, and who has made it.
func (c *coordinator) accepted(k *call) (*convert.Made, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return nil, "", c.failed
	}
	t := c.sched.tasks[k.item.Key]
	k.returned = t.accepted
	for _, v := range t.votes {
		if v.sum == t.accepted {
			made := *k.records[v.sum]
			return &made, v.worker, nil
		}
	}
	return nil, "", fmt.Errorf("%s: nobody has its result: %w", k.item.Tensor, ErrWorkers)
}

// fetch writes the files of a result to where convert wants them.
func (c *coordinator) fetch(ctx context.Context, k *call, made *convert.Made, worker string, stage func(string) string) error {
	select {
	case c.fetching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.fetching }()
	files := made.Files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := c.store.download(ctx, objectName(worker, files[name]), stage(name), 16*k.item.Bytes+64<<20); err != nil {
			return err
		}
	}
	return made.CheckFiles(ctx, stage)
}

// settle lets go what counts: each item by itself; or, where some are checked, all of a round at once, when none is left to be checked. The
// caller holds mu.
func (c *coordinator) settle() {
	together := c.o.Check > 0
	if together && (c.arrived < c.expected || !c.sched.done()) && c.failed == nil {
		return
	}
	for key, k := range c.calls {
		accepted := c.sched.tasks[key].accepted
		if k.open && (accepted != "" || c.failed != nil) {
			close(k.ready)
			k.open = false
		}
		if !k.open && k.returned != "" && accepted != "" && accepted != k.returned && c.failed == nil {
			c.fail(fmt.Errorf("%s: other matrices were decided by what a worker has made of it; remove the unfinished directory: %w", k.item.Tensor, ErrLiar))
			return
		}
	}
}

// fail ends the job. The caller holds mu.
func (c *coordinator) fail(err error) {
	if c.failed == nil {
		c.failed = err
		c.settle()
	}
}

// awake has give look for something to give out.
func (c *coordinator) awake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// hear tells take of all that is in a bucket, and of all that changes.
func (c *coordinator) hear(ctx context.Context, bucket jetstream.KeyValue, take func(ctx context.Context, e jetstream.KeyValueEntry)) error {
	watcher, err := bucket.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for {
		select {
		case e, ok := <-watcher.Updates():
			if !ok {
				return errors.Join(ctx.Err(), errBroker)
			}
			if e != nil { // nil says that all that there was has come
				take(ctx, e)
				c.awake()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// heardWorker takes what a worker says of itself.
func (c *coordinator) heardWorker(_ context.Context, e jetstream.KeyValueEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Operation() != jetstream.KeyValuePut {
		c.sched.gone(e.Key(), time.Now())
		return
	}
	var s WorkerStatus
	if err := parse(e.Value(), &s); err == nil && s.Worker == e.Key() && time.Since(e.Created()) < c.sched.lost {
		c.sched.beat(s.Worker, s.Key, s.Copy, time.Now())
	}
}

// heardResult takes what a worker says of an item.
func (c *coordinator) heardResult(ctx context.Context, e jetstream.KeyValueEntry) {
	name, failed := strings.CutPrefix(e.Key(), "failed.")
	var o outcome
	if e.Operation() != jetstream.KeyValuePut || failed && e.Created().Before(c.began) || parse(e.Value(), &o) != nil ||
		resultKey(o.Worker, o.Key) != name || failed != (o.Error != "") || checkName(o.Worker) != nil {
		return
	}
	c.mu.Lock()
	known := c.calls[o.Key] != nil
	if !known {
		c.early[o.Key] = append(c.early[o.Key], o)
	}
	c.mu.Unlock()
	if known {
		c.result(ctx, o)
	}
}

// result reads what a worker says it has made, and lets the scheduler decide. What cannot have come of the item is an error of the worker's.
func (c *coordinator) result(ctx context.Context, o outcome) {
	c.mu.Lock()
	k := c.calls[o.Key]
	known := c.sched.banned[o.Worker] || slices.ContainsFunc(c.sched.tasks[o.Key].votes, func(v vote) bool { return v.worker == o.Worker })
	c.mu.Unlock()
	if known && o.Error == "" { // a second result of a worker's is not even read
		return
	}
	var made convert.Made
	var sum string
	if o.Error == "" {
		text, err := c.store.record(ctx, o.Worker, o.Record)
		if err == nil {
			err = parse(text, &made)
		}
		if err == nil {
			err = k.item.Check(&made)
		}
		if err == nil {
			sum, err = made.Sum()
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !isWorkers(err) {
			c.mu.Lock()
			c.fail(fmt.Errorf("broker: %w", err))
			c.mu.Unlock()
			return
		}
		if err != nil {
			o.Error = err.Error()
			c.store.results.Purge(ctx, resultKey(o.Worker, o.Key)) // so that it can make it again
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Error = clip(o.Error); o.Error != "" {
		c.lines = append(c.lines, fmt.Sprintf("%s, by worker %s: %s", k.item.Tensor, o.Worker, o.Error))
		if c.sched.failure(o.Key, o.Worker, o.Error, time.Now()) {
			c.fail(fmt.Errorf("tensor %q: %s: %w", k.item.Tensor, o.Error, ErrWorkers))
		}
		return
	}
	k.records[sum], k.stored[o.Worker] = &made, o.Record
	c.sched.result(o.Key, o.Worker, sum, time.Now())
	if t := c.sched.tasks[o.Key]; t.accepted == "" && len(t.votes) >= mostVotes {
		c.fail(fmt.Errorf("tensor %q: %d workers made %d different results: %w", k.item.Tensor, len(t.votes), len(k.records), ErrWorkers))
	}
	c.settle()
}
