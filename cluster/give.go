package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// give publishes what the scheduler gives out, and tells how far the job is, until ctx is done.
func (c *coordinator) give(ctx context.Context) error {
	tick := time.NewTicker(min(c.o.Lease/10, time.Second))
	defer tick.Stop()
	var told JobStatus
	var last time.Time
	for {
		ticked := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wake:
		case <-tick.C:
			ticked = true
		}
		c.mu.Lock()
		now := time.Now()
		if ticked {
			c.sched.expire(now)
		}
		orders := c.sched.give(now)
		jobs := make([]work, len(orders))
		for i, o := range orders {
			jobs[i] = work{Job: c.status.Job, Copy: o.id, Not: o.not, Source: c.source, Item: c.calls[o.key].item}
		}
		stop := c.sched.cancelled
		c.sched.cancelled = nil
		lines := c.lines
		c.lines = nil
		status := c.state(len(orders))
		banned := c.banned
		c.banned = false
		c.mu.Unlock()

		for _, line := range lines {
			c.note(line)
		}
		for _, key := range stop {
			c.store.nc.Publish(cancelled, []byte(key))
		}
		for i := range jobs {
			if err := c.publish(ctx, &jobs[i]); err != nil {
				return err
			}
		}
		if status.Waiting != told.Waiting && status.Waiting != "" {
			c.note(status.Waiting)
		}
		if banned || time.Since(last) > 2*time.Second || status.Made == status.Items && told.Made != status.Made {
			c.tell(ctx, status)
			last = time.Now()
		}
		told = status
	}
}

// publish gives a copy out; a broker that does not answer is asked again.
func (c *coordinator) publish(ctx context.Context, job *work) error {
	text, err := encode(job)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", job.Item.Tensor, err)
	}
	for {
		// The identity has a broker that has got it, but could not say so, take it once.
		id := fmt.Sprintf("%s-%d-%d", job.Job, c.began.UnixNano(), job.Copy)
		if _, err = c.store.js.Publish(ctx, c.subject(), text, jetstream.WithMsgID(id)); err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		c.note(fmt.Sprintf("the broker does not answer: %v", err))
		pause(ctx, time.Second)
	}
}

// state is how far the job is. The caller holds mu.
func (c *coordinator) state(given int) JobStatus {
	s := &c.status
	s.Made, s.Done, s.Waiting = s.Items-c.sched.open, max(0, s.Bytes-int64(c.sched.left)), ""
	switch {
	case s.Made == s.Items:
	case len(c.sched.workers) == 0:
		s.Waiting = "waiting for workers"
	case given == 0 && len(c.sched.waiting) > 0 && c.sched.idle == len(c.sched.workers) && c.sched.queued == 0:
		s.Waiting = fmt.Sprintf("waiting for another worker to check what %d have made", len(c.sched.workers))
	}
	copied := *s
	copied.Liars, copied.Trusted = slices.Clone(s.Liars), slices.Clone(s.Trusted)
	return copied
}

// tell keeps the job's state at the broker.
func (c *coordinator) tell(ctx context.Context, s JobStatus) error {
	text, err := encode(s)
	if err == nil {
		_, err = c.store.jobs.Put(ctx, s.Job, text)
	}
	return err
}

// finish keeps how the job has ended.
func (c *coordinator) finish(ctx context.Context, state string, err error) {
	c.mu.Lock()
	status := c.state(0)
	lines := c.lines
	c.mu.Unlock()
	for _, line := range lines {
		c.note(line)
	}
	status.State, status.Waiting = state, ""
	if err != nil {
		status.Error = clip(err.Error())
	}
	c.tell(ctx, status) // which changes nothing for this one
}

// forget removes the results of those who are banned, which would count in the next job.
func (c *coordinator) forget(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.sched.banned {
		if s, err := c.store.js.Stream(ctx, "KV_"+resultBucket); err == nil {
			s.Purge(ctx, jetstream.WithPurgeSubject("$KV."+resultBucket+"."+name+".>"))
		}
	}
}

// clear removes what the broker has of the items. What cannot be removed in time, or before ctx ends, goes with its age.
func (c *coordinator) clear(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second+time.Duration(len(c.calls))*20*time.Millisecond)
	defer cancel()
	for key, k := range c.calls {
		for _, v := range c.sched.tasks[key].votes {
			c.store.results.Purge(ctx, resultKey(v.worker, key)) // before what it refers to
			for _, sum := range k.records[v.sum].Files() {
				c.store.files.Delete(ctx, objectName(v.worker, sum))
			}
			c.store.files.Delete(ctx, objectName(v.worker, k.stored[v.worker]))
		}
	}
}
