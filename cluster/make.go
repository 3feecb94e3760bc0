package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/convert"
)

// What a conversion asks of the coordinator, its Maker: to have items made, and to take what was made.

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
		made, worker, err := c.accepted(k)
		if err != nil {
			return nil, err
		}
		if err = c.fetch(ctx, k, made, worker, stage); err == nil {
			return made, c.trust(ctx, k, worker)
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

// trust has the broker know, for the next coordinator, whose work counts that nobody else has done, before it does.
func (c *coordinator) trust(ctx context.Context, k *call, worker string) error {
	c.mu.Lock()
	_, most := c.sched.tasks[k.item.Key].leading()
	if most > 1 || slices.Contains(c.status.Trusted, worker) {
		c.mu.Unlock()
		return nil
	}
	c.status.Trusted = append(c.status.Trusted, worker)
	s := c.state(1)
	c.mu.Unlock()
	if err := c.tell(ctx, s); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
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
	return k.item.CheckFiles(ctx, made, stage)
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
