package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Status is what a broker knows.
type Status struct {
	Jobs    []JobStatus    `json:"jobs"`    // those that began last first
	Workers []WorkerStatus `json:"workers"` // by name
	Now     time.Time      `json:"now"`     // by the broker's clock, which Heard is of, too
}

// Look asks a broker how far conversions are, and what the workers are at. Errors: those of the broker.
func Look(ctx context.Context, c Connection) (*Status, error) {
	nc, js, err := c.connect(ctx, "helix-substrate status")
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	st, err := find(ctx, nc, js)
	if err != nil {
		return nil, fmt.Errorf("broker %s has no conversions: %w", redacted(c.Servers), err)
	}
	stream, err := js.Stream(ctx, itemStream)
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", redacted(c.Servers), err)
	}
	s := &Status{Jobs: []JobStatus{}, Workers: []WorkerStatus{}, Now: stream.CachedInfo().TimeStamp}
	err = all(ctx, st.jobs, func(e jetstream.KeyValueEntry) {
		j := JobStatus{Heard: e.Created()}
		if parse(e.Value(), &j) == nil {
			s.Jobs = append(s.Jobs, j)
		}
	})
	if err == nil {
		err = all(ctx, st.workers, func(e jetstream.KeyValueEntry) {
			w := WorkerStatus{Heard: e.Created()}
			if parse(e.Value(), &w) == nil {
				s.Workers = append(s.Workers, w)
			}
		})
	}
	slices.SortFunc(s.Jobs, func(a, b JobStatus) int { return cmp.Or(b.Began.Compare(a.Began), cmp.Compare(a.Job, b.Job)) })
	slices.SortFunc(s.Workers, func(a, b WorkerStatus) int { return cmp.Compare(a.Worker, b.Worker) })
	return s, err
}

// all tells take of each entry of a bucket.
func all(ctx context.Context, bucket jetstream.KeyValue, take func(e jetstream.KeyValueEntry)) error {
	keys, err := bucket.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil
	}
	for _, key := range keys {
		e, err := bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) { // gone since
			continue
		} else if err != nil {
			return err
		}
		take(e)
	}
	return err
}
