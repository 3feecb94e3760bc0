package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/storage"
)

// What workers tell the coordinator.

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
		resultKey(o.Worker, o.Key) != name || failed != (o.Error != "") || checkName(o.Worker) != nil || !storage.IsSum(o.Key) || !failed && !storage.IsSum(o.Record) {
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
