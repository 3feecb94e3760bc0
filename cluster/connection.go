package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Connection says where a broker is and who connects.
type Connection struct {
	// Servers are addresses, with commas: nats://host:4222, tls://host; a user and a password may be in them.
	Servers string
	// Credentials is a file of a user's JWT and key, NKey one of a seed.
	Credentials, NKey string
	// CA is a file of certificates that the broker's is signed by, Cert and Key are this side's.
	CA, Cert, Key string
}

// DefaultLease is how long a worker may be silent before its item is given to another.
const DefaultLease = 30 * time.Second

// connect connects, once the broker is there, and again whenever the connection is lost.
func (c *Connection) connect(ctx context.Context, name string) (*nats.Conn, jetstream.JetStream, error) {
	options := []nats.Option{nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.Timeout(5 * time.Second)}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.NKey != "" {
		o, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.NKey, err)
		}
		options = append(options, o)
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" || c.Key != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	nc, err := nats.Connect(c.Servers, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("broker %s: %w", redacted(c.Servers), err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return nc, js, ctx.Err()
}

// redacted is an address list without what stands before hosts: names, passwords, tokens, however they are written.
func redacted(servers string) string {
	list := strings.Split(servers, ",")
	for i, server := range list {
		scheme, rest, ok := strings.Cut(server, "://")
		if !ok {
			scheme, rest = "", server
		} else {
			scheme += "://"
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = "xxxxx" + rest[at:]
		}
		list[i] = scheme + rest
	}
	return strings.Join(list, ",")
}

// store is what the broker keeps for conversions.
type store struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	results jetstream.KeyValue
	workers jetstream.KeyValue
	jobs    jetstream.KeyValue
	files   jetstream.ObjectStore
	items   jetstream.Consumer
}

// create makes what is not there yet.
func create(ctx context.Context, nc *nats.Conn, js jetstream.JetStream, lease time.Duration) (*store, error) {
	s := &store{nc: nc, js: js}
	var err error
	if _, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: itemStream, Subjects: []string{itemSubject + ".>"}, Retention: jetstream.WorkQueuePolicy, MaxMsgSize: maxMessage, MaxAge: kept,
	}); err != nil {
		return nil, err
	}
	if s.items, err = js.CreateOrUpdateConsumer(ctx, itemStream, jetstream.ConsumerConfig{
		Durable: itemConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: lease, MaxAckPending: 100_000,
	}); err != nil {
		return nil, err
	}
	for _, b := range []struct {
		to *jetstream.KeyValue
		jetstream.KeyValueConfig
	}{
		{to: &s.results, KeyValueConfig: jetstream.KeyValueConfig{Bucket: resultBucket, TTL: kept, MaxValueSize: maxMessage}},
		{to: &s.workers, KeyValueConfig: jetstream.KeyValueConfig{Bucket: workerBucket, TTL: 10 * lease, MaxValueSize: maxMessage}},
		{to: &s.jobs, KeyValueConfig: jetstream.KeyValueConfig{Bucket: jobBucket, TTL: kept, MaxValueSize: maxMessage}},
	} {
		if *b.to, err = js.CreateOrUpdateKeyValue(ctx, b.KeyValueConfig); err != nil {
			return nil, err
		}
	}
	s.files, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: fileBucket, TTL: kept})
	return s, err
}

// find opens what a coordinator has made.
func find(ctx context.Context, nc *nats.Conn, js jetstream.JetStream) (*store, error) {
	s := &store{nc: nc, js: js}
	var err error
	if s.items, err = js.Consumer(ctx, itemStream, itemConsumer); err != nil {
		return nil, err
	}
	if s.results, err = js.KeyValue(ctx, resultBucket); err != nil {
		return nil, err
	}
	if s.workers, err = js.KeyValue(ctx, workerBucket); err != nil {
		return nil, err
	}
	if s.jobs, err = js.KeyValue(ctx, jobBucket); err != nil {
		return nil, err
	}
	s.files, err = js.ObjectStore(ctx, fileBucket)
	return s, err
}
