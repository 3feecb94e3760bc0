package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/helix-substrate/helix-substrate/convert"
)

// WorkerOptions say how a worker works.
type WorkerOptions struct {
	Connection
	// Name tells it from all others, and stays the same when it is started again; empty: the machine's name and the process's number.
	Name string
	// Source, if not empty, is where the checkpoint lies on this machine, wherever the coordinator says.
	Source string
	// Token, Memory and Threads are those of a convert.Job.
	Token   string
	Memory  int64
	Threads int
	// Dir is where files are made before they are stored; empty: a temporary directory.
	Dir string
	// Idle, if not 0, ends the worker when there has been nothing to do for so long.
	Idle time.Duration
	// Note, if not nil, is told in a line what happens. Calls do not overlap.
	Note func(line string)

	spoil func(made *convert.Made, dir string) // tests have it lie
}

// Work takes items and makes them, one at a time, until ctx is done, which gives the item at hand back, or there is nothing to
// do for Idle. A broker that is not there yet is waited for. Errors: ErrName, those of connecting; what goes wrong with an
// item is the coordinator's to decide.
func Work(ctx context.Context, o WorkerOptions) error {
	if o.Name == "" {
		o.Name = fmt.Sprintf("%s-%d", hostName(), os.Getpid())
	}
	if err := checkName(o.Name); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.Dir, "helix-worker-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := &workerState{o: o, dir: dir, status: WorkerStatus{Worker: o.Name}, idle: time.Now()}
	defer w.closeSource()
	for {
		err := w.serve(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errIdle):
			return nil
		case errors.Is(err, errBroker):
			w.note(fmt.Sprintf("%v; waiting for it", err))
		case err != nil:
			return err
		}
		if w.isIdle() {
			return err
		}
		pause(ctx, time.Second)
	}
}

var (
	errIdle   = errors.New("nothing to do")
	errBroker = errors.New("no broker")
)

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// workerState is a running Work.
type workerState struct {
	o       WorkerOptions
	dir     string
	store   *store
	lease   time.Duration
	idle    time.Time // since when
	waiting string    // the last note

	source source
	opened *convert.Worker

	mu     sync.Mutex // guards what follows
	status WorkerStatus
	since  time.Time          // it is at the item
	cancel context.CancelFunc // of the item at hand
}

func (w *workerState) note(line string) {
	if w.o.Note != nil && line != w.waiting {
		w.o.Note(line)
	}
	w.waiting = line
}

func (w *workerState) isIdle() bool { return w.o.Idle > 0 && time.Since(w.idle) > w.o.Idle }

// serve takes items from a broker until it is lost: errBroker.
func (w *workerState) serve(ctx context.Context) error {
	nc, js, err := w.o.connect(ctx, "helix-substrate worker "+w.o.Name)
	if err != nil {
		if away := net.Error(nil); errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.As(err, &away) || ctx.Err() != nil {
			return fmt.Errorf("%w: %w", errBroker, err)
		}
		return err
	}
	defer nc.Close()
	if w.store, err = find(ctx, nc, js); err != nil {
		return fmt.Errorf("%w with work: %w", errBroker, err)
	}
	info, err := w.store.items.Info(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroker, err)
	}
	w.lease = info.Config.AckWait
	stopped, err := nc.Subscribe(cancelled, func(m *nats.Msg) { w.stop(string(m.Data)) })
	if err != nil {
		return fmt.Errorf("%w: %w", errBroker, err)
	}
	defer stopped.Unsubscribe()
	defer func() {
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		w.store.workers.Purge(leave, w.o.Name)
	}()
	w.note("waiting for work")
	for missed := 0; ctx.Err() == nil; {
		if err := w.tell(ctx); err != nil {
			return fmt.Errorf("%w: %w", errBroker, err)
		}
		m, err := w.next(ctx)
		switch {
		case err == nil:
			missed = 0
			w.take(ctx, m)
			w.idle = time.Now()
		case w.isIdle():
			return errIdle
		case errors.Is(err, nats.ErrTimeout): // nothing there
			missed = 0
		default:
			if missed++; missed > 3 {
				return fmt.Errorf("%w: %w", errBroker, err)
			}
			pause(ctx, 100*time.Millisecond)
		}
	}
	return ctx.Err()
}

// next waits for a message, for a lease at most: nats.ErrTimeout.
func (w *workerState) next(ctx context.Context) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, min(w.lease, 5*time.Second))
	defer cancel()
	m, err := w.store.items.Next(jetstream.FetchContext(ctx))
	if errors.Is(err, context.DeadlineExceeded) {
		err = nats.ErrTimeout
	}
	return m, err
}

// stop ends the item at hand, if it has that key.
func (w *workerState) stop(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil && w.status.Key == key {
		w.cancel()
	}
}

// tell says what the worker is at.
func (w *workerState) tell(ctx context.Context) error {
	w.mu.Lock()
	if w.status.Seconds = 0; w.status.Key != "" {
		w.status.Seconds = time.Since(w.since).Seconds()
	}
	text, err := encode(w.status)
	w.mu.Unlock()
	if err == nil {
		_, err = w.store.workers.Put(ctx, w.o.Name, text)
	}
	return err
}

// take makes what a message asks for. A message that is none is not given out again.
func (w *workerState) take(ctx context.Context, m jetstream.Msg) {
	var job work
	if err := parse(m.Data(), &job); err != nil {
		m.TermWithReason("no item")
		return
	}
	if slices.Contains(job.Not, w.o.Name) {
		m.NakWithDelay(w.lease / 100)
		pause(ctx, w.lease/100)
		return
	}
	key := job.Item.Key
	if _, err := w.store.results.Get(ctx, resultKey(w.o.Name, key)); err == nil { // made, before the message could say so
		m.DoubleAck(ctx)
		return
	}
	item, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.cancel = cancel
	w.status.Key, w.status.Copy, w.status.Tensor, w.since = key, job.Copy, job.Item.Tensor, time.Now()
	w.mu.Unlock()
	var renewing sync.WaitGroup
	renewing.Go(func() { w.renew(item, m) })
	w.note("making " + job.Item.Tensor)
	result, err := w.make(item, &job)
	stopped := item.Err() != nil
	cancel()
	renewing.Wait()
	if errors.Is(err, syscall.ENOSPC) { // no fault of the item's: another may make it
		w.note(fmt.Sprintf("%s: %v", job.Item.Tensor, err))
		err = fmt.Errorf("%w: %w", errBroker, err)
		defer pause(ctx, w.lease)
	}
	said := !errors.Is(err, errBroker)
	if said && (err == nil || !stopped) {
		said = w.put(ctx, result, err) == nil
	}
	w.mu.Lock()
	w.cancel = nil
	w.status.Key, w.status.Copy, w.status.Tensor = "", 0, ""
	switch {
	case stopped, !said:
	case err != nil:
		w.status.Failed++
		w.status.Error = clip(err.Error())
	default:
		w.status.Made++
	}
	w.mu.Unlock()
	switch {
	case ctx.Err() != nil || !said:
		m.Nak()
	case err != nil && !stopped:
		w.note(fmt.Sprintf("%s: %v", job.Item.Tensor, err))
		m.Ack() // the coordinator decides what becomes of it
		pause(ctx, w.lease/30)
	default:
		m.DoubleAck(ctx)
	}
}

// renew keeps the lease, and says what the worker is at, until ctx is done.
func (w *workerState) renew(ctx context.Context, m jetstream.Msg) {
	for {
		m.InProgress()
		w.tell(ctx)
		pause(ctx, w.lease/4)
		if ctx.Err() != nil {
			return
		}
	}
}

// make makes and stores an item's files, and returns what is to be said of it. errBroker is no error of the item's.
func (w *workerState) make(ctx context.Context, job *work) (outcome, error) {
	o := outcome{Worker: w.o.Name, Key: job.Item.Key}
	if err := w.open(ctx, job.Source); err != nil {
		return o, err
	}
	if w.opened.Wants(job.Item) {
		path := filepath.Join(w.dir, "statistics")
		if err := w.store.download(ctx, statisticsName(job.Item.Statistics), path, 1<<62); err != nil {
			return o, fmt.Errorf("%w: %w", errBroker, err)
		}
		if err := w.opened.Statistics(ctx, path); err != nil {
			return o, err
		}
	}
	dir, err := os.MkdirTemp(w.dir, "item-*")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(dir)
	made, err := w.opened.Make(ctx, job.Item, dir)
	if err != nil {
		return o, err
	}
	if w.o.spoil != nil {
		w.o.spoil(made, dir)
	}
	for name, sum := range made.Files() {
		if err := w.store.upload(ctx, objectName(w.o.Name, sum), filepath.Join(dir, name)); err != nil {
			return o, fmt.Errorf("%w: %w", errBroker, err)
		}
	}
	text, err := json.Marshal(made)
	if err != nil {
		return o, err
	}
	o.Record = checksum(text)
	if err := w.store.uploadBytes(ctx, objectName(w.o.Name, o.Record), text); err != nil {
		return o, fmt.Errorf("%w: %w", errBroker, err)
	}
	return o, nil
}

// put says what came of an item, err if that is none.
func (w *workerState) put(ctx context.Context, o outcome, err error) error {
	if err != nil {
		o.Record, o.Error = "", clip(err.Error())
	}
	text, err := encode(o)
	if err != nil {
		return err
	}
	key := resultKey(w.o.Name, o.Key)
	if o.Error != "" {
		key = "failed." + key // which can be made again
	}
	_, err = w.store.results.Put(ctx, key, text)
	return err
}

// open opens a source, unless it is open.
func (w *workerState) open(ctx context.Context, s source) error {
	if w.o.Source != "" {
		s = source{Path: w.o.Source}
	}
	if w.opened != nil && w.source == s {
		return nil
	}
	w.closeSource()
	opened, err := convert.OpenWorker(ctx, convert.Job{
		Source: s.Path, File: s.File, Remote: s.Remote, Token: w.o.Token, Memory: w.o.Memory, Options: convert.Options{Threads: w.o.Threads},
	})
	if err == nil {
		w.opened, w.source = opened, s
	}
	return err
}

func (w *workerState) closeSource() {
	if w.opened != nil {
		w.opened.Close()
		w.opened = nil
	}
}
