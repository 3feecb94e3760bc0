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
	place, err := reserve(output)
	if err != nil {
		return nil, err
	}
	defer place.release()
	c := newCoordinator(job, output, o)
	if o.Servers == Embedded {
		dir, err := place.open()
		if err != nil {
			return nil, err
		}
		broker, err := Embed(dir, o.Listen)
		if err != nil {
			place.remove()
			return nil, err
		}
		defer func() {
			broker.Stop()
			if report != nil || !isThere(unfinished(output)) {
				place.remove()
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
	earlier  int                  // how many those are
	expected int                  // items of all rounds so far
	arrived  int
	failed   error // ends the job
	lines    []string
	banned   bool // somebody new is
}

const (
	// mostEarly bounds the results of items that have not come yet, mostLines what is told at once.
	mostEarly = 1 << 20
	mostLines = 100
)

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
		Job: checksum([]byte(hostName() + "\n" + output))[:16], Source: withoutSecrets(path), Output: output, Began: c.began, State: "converting",
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
	if err := c.takeUp(ctx); errors.Is(err, ErrLiar) {
		return nil, err
	} else if err != nil {
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
		c.clear(context.WithoutCancel(ctx))
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
	if parse(entry.Value(), &before) != nil || before.State == "done" {
		return nil
	}
	for _, name := range before.Liars {
		c.sched.banned[name] = true
		c.tellLater(fmt.Sprintf("worker %s has made something else than others, as was found before: its work does not count", name))
	}
	c.status.Liars = before.Liars
	if !isThere(unfinished(c.status.Output)) { // nothing is kept of what they have made
		return nil
	}
	c.status.Trusted = before.Trusted
	for _, name := range before.Liars {
		if slices.Contains(before.Trusted, name) {
			return fmt.Errorf("worker %s, whose work is in %s: %w; remove it", name, unfinished(c.status.Output), ErrLiar)
		}
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
	c.tellLater(fmt.Sprintf("worker %s has made something else than others: its work does not count, and is done again", worker))
	c.banned = true
}

// tellLater has a line told by the goroutine that gives work out. The caller holds mu.
func (c *coordinator) tellLater(line string) {
	switch len(c.lines) {
	case mostLines:
		line = "and more"
		fallthrough
	default:
		if len(c.lines) <= mostLines {
			c.lines = append(c.lines, line)
		}
	}
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
}

// Make gives an item out, and takes its files when its result counts.
func (c *coordinator) Make(ctx context.Context, item convert.Item, stage func(file string) string) (*convert.Made, error) {
	key := item.Key
	c.mu.Lock()
	k := c.calls[key]
	if k == nil {
		k = &call{item: item, records: map[string]*convert.Made{}, stored: map[string]string{}}
		c.calls[key] = k
		c.sched.add(duty{key: key, cost: item.Cost(), rank: float64(item.Whole()), whole: item.Tensor, decides: item.Decides()})
		c.status.Items++
		c.status.Bytes += int64(item.Cost())
	}
	k.ready, k.open = make(chan struct{}), true
	c.arrived++
	early := c.early[key]
	delete(c.early, key)
	c.earlier -= len(early)
	c.settle(k)
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
		made, worker, err := c.accepted(ctx, k)
		if err != nil {
			return nil, err
		}
		if err = c.fetch(ctx, k, made, worker, stage); err == nil {
			return made, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		} else if !isWorkers(err) && !isLost(err) { // the disk is full, or the broker does not answer: no worker's fault
			return nil, err
		}
		c.store.results.Purge(ctx, resultKey(worker, key)) // so that it can make it again
		c.mu.Lock()
		c.tellLater(fmt.Sprintf("%s, by worker %s: %v", item.Tensor, worker, err))
		k.returned, k.ready, k.open = "", make(chan struct{}), true
		ready = k.ready
		if isLost(err) {
			c.lost(k, worker, err)
		} else {
			c.sched.ban(worker, time.Now())
			c.settleAll()
		}
		c.settle(k)
		c.mu.Unlock()
		c.awake()
	}
}

// lost takes back a result that the broker has not kept, which is no lie. The caller holds mu.
func (c *coordinator) lost(k *call, worker string, err error) {
	t := c.sched.tasks[k.item.Key]
	c.sched.retract(t, worker, time.Now())
	if t.failed++; t.failed >= mostFailures {
		c.fail(fmt.Errorf("broker: tensor %q: %w", k.item.Tensor, err))
	}
}

// accepted returns the result of an item that counts, and who has made it. The broker knows then whose work that nobody
// else has done is counted, for the next coordinator.
func (c *coordinator) accepted(ctx context.Context, k *call) (*convert.Made, string, error) {
	made, worker, trusted, err := c.chosen(k)
	if err == nil && trusted != nil {
		if err = c.tell(ctx, *trusted); err != nil {
			err = fmt.Errorf("broker: %w", err)
		}
	}
	return made, worker, err
}

// chosen is accepted, and the state that is to be told first, if any.
func (c *coordinator) chosen(k *call) (made *convert.Made, worker string, trusted *JobStatus, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return nil, "", nil, c.failed
	}
	t := c.sched.tasks[k.item.Key]
	k.returned = t.accepted
	for _, v := range t.votes {
		if v.sum != t.accepted {
			continue
		}
		if _, most := t.leading(); most == 1 && !slices.Contains(c.status.Trusted, v.worker) {
			c.status.Trusted = append(c.status.Trusted, v.worker)
			s := c.state(1)
			trusted = &s
		}
		copied := *k.records[v.sum]
		return &copied, v.worker, trusted, nil
	}
	return nil, "", nil, fmt.Errorf("%s: nobody has its result: %w", k.item.Tensor, ErrWorkers)
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

// settle lets an item go if its result counts: by itself; or, where some are checked and it decides about no others, with
// all of a round at once, when none is left to be checked. The caller holds mu.
func (c *coordinator) settle(k *call) {
	accepted := c.sched.tasks[k.item.Key].accepted
	if !k.open && k.returned != "" && accepted != "" && accepted != k.returned && c.failed == nil {
		c.fail(fmt.Errorf("%s: other matrices were decided by what a worker has made of it; remove the unfinished directory: %w", k.item.Tensor, ErrLiar))
		return
	}
	waits := c.o.Check > 0 && !k.item.Decides() && (c.arrived < c.expected || !c.sched.done())
	if k.open && (c.failed != nil || accepted != "" && !waits) {
		close(k.ready)
		k.open = false
	}
}

// settleAll lets all items go whose results count. The caller holds mu.
func (c *coordinator) settleAll() {
	for _, k := range c.calls {
		c.settle(k)
	}
}

// fail ends the job. The caller holds mu.
func (c *coordinator) fail(err error) {
	if c.failed == nil {
		c.failed = err
		c.settleAll()
	}
}

// awake has give look for something to give out.
func (c *coordinator) awake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// hear tells take of all that is in a bucket, which is old, and of all that changes.
func (c *coordinator) hear(ctx context.Context, bucket jetstream.KeyValue, take func(ctx context.Context, e jetstream.KeyValueEntry, old bool)) error {
	watcher, err := bucket.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for old := true; ; {
		select {
		case e, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errors.Join(ctx.Err(), errBroker)
			case e == nil: // all that there was has come
				old = false
			default:
				take(ctx, e, old)
				c.awake()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// heardWorker takes what a worker says of itself. What it was at before this coordinator began says nothing.
func (c *coordinator) heardWorker(_ context.Context, e jetstream.KeyValueEntry, old bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Operation() != jetstream.KeyValuePut {
		c.sched.gone(e.Key(), time.Now())
		return
	}
	var s WorkerStatus
	if err := parse(e.Value(), &s); err != nil || s.Worker != e.Key() {
		return
	}
	if old {
		s.Key = ""
	}
	c.sched.beat(s.Worker, s.Key, s.Copy, time.Now())
	if t := c.sched.tasks[s.Key]; t != nil && t.begun > mostBegun && t.accepted == "" {
		c.fail(fmt.Errorf("tensor %q: begun %d times, and none who has begun has ended it: %w", c.calls[s.Key].item.Tensor, t.begun, ErrWorkers))
	}
}

// heardResult takes what a worker says of an item. Old errors are those that another coordinator was told.
func (c *coordinator) heardResult(ctx context.Context, e jetstream.KeyValueEntry, old bool) {
	name, failed := strings.CutPrefix(e.Key(), "failed.")
	var o outcome
	if e.Operation() != jetstream.KeyValuePut || failed && old || parse(e.Value(), &o) != nil ||
		resultKey(o.Worker, o.Key) != name || failed != (o.Error != "") || checkName(o.Worker) != nil || !isSum(o.Key) || !failed && !isSum(o.Record) {
		return
	}
	c.mu.Lock()
	known := c.calls[o.Key] != nil
	if !known && !failed && c.earlier < mostEarly {
		c.early[o.Key] = append(c.early[o.Key], o)
		c.earlier++
	} else if !known && !failed {
		c.fail(fmt.Errorf("the broker has more than %d results that nobody asked for: %w", mostEarly, ErrMessage))
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
	votes := c.sched.tasks[o.Key].votes
	known := c.sched.banned[o.Worker] || len(votes) > mostVotes || slices.ContainsFunc(votes, func(v vote) bool { return v.worker == o.Worker })
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
		if err != nil && !isWorkers(err) && !isLost(err) {
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
		c.tellLater(fmt.Sprintf("%s, by worker %s: %s", k.item.Tensor, o.Worker, o.Error))
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
	if c.banned || c.o.Check > 0 && c.sched.done() {
		c.settleAll()
	}
	c.settle(k)
}
