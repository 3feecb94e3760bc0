package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	// Listen is that address, HOST:PORT or USER:PASSWORD@HOST:PORT; "": DefaultListen.
	Listen string
	// Check is the share of items, 0 to 1, that two workers make each.
	Check float64
	// Lease is how long a worker may be silent before its item is given to another; 0: DefaultLease.
	Lease time.Duration
	// Note, if not nil, is told in a line what happens, such as which worker has lied. Calls do not overlap.
	Note func(line string)
}

// DefaultListen is where the embedded broker listens unless Options.Listen says otherwise.
const DefaultListen = "127.0.0.1:4222"

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
		broker, err := Embed(dir, cmp.Or(o.Listen, DefaultListen))
		if err != nil {
			place.remove()
			return nil, err
		}
		defer func() {
			broker.Stop()
			if report != nil || !isThere(convert.Unfinished(output)) {
				place.remove()
			}
		}()
		c.o.Servers, c.own = broker.URL(), true
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
	own    bool // the broker, with whose end its store goes
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
		if !c.own {
			c.forget(end)
			c.clear(ctx)
		}
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
	if !isThere(convert.Unfinished(c.status.Output)) { // nothing is kept of what they have made
		return nil
	}
	c.status.Trusted = before.Trusted
	for _, name := range before.Liars {
		if slices.Contains(before.Trusted, name) {
			return fmt.Errorf("worker %s, whose work is in %s: %w; remove it", name, convert.Unfinished(c.status.Output), ErrLiar)
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
