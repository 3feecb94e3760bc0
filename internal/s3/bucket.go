// Package s3 reads and stores the objects of a bucket, in Amazon S3 or any store that speaks its protocol, in ranges and without
// storing them, as a storage.Place.
//
// A [Bucket] has the files whose keys begin with a prefix. As at a web server (package web), each is held to the version that
// was there first, by its ETag, and read through one window. Requests are signed with the credentials of the environment
// (see [Client]) for the store's host alone: no answer leads to another.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/storage"
)

const (
	// window is the memory through which all files of a bucket are read.
	window = 8 << 20
	// mostNames bounds how many objects are listed: models have fewer.
	mostNames = 1 << 17
)

// ErrBucket reports a bucket that is not there.
var ErrBucket = errors.New("no such bucket")

// Options say how a store is asked. The zero value has the defaults of package ranges.
type Options struct {
	Retry ranges.Retry
	Stall time.Duration // see ranges.Requester
}

// Bucket is what lies below a prefix of a bucket. It is safe for concurrent use.
type Bucket struct {
	client minio.Core
	location
	retry  *ranges.Retry
	window *ranges.Window
	files  *ranges.Files
}

// Open returns what lies below a prefix of a bucket. Nothing is asked for. Errors are those of Client.
func Open(bucket, prefix string, o Options) (*Bucket, error) {
	client, err := Client(newTransport(o), 1)
	if err != nil {
		return nil, err
	}
	b := &Bucket{client: minio.Core{Client: client}, location: location{bucket, prefix}, retry: &o.Retry, window: ranges.NewFineWindow(window)}
	b.files = ranges.NewFiles(b.retry, b.window)
	return b, nil
}

// Fetched returns how many bytes of content have come from the store so far.
func (b *Bucket) Fetched() int64 { return b.window.Fetched() }

// Buffer returns the most that reading holds on the Go heap.
func (b *Bucket) Buffer() int64 { return ranges.Connections * ranges.ConnectionBytes }

// Within has reading take a share of what a process may take, and returns how much that is outside the Go heap: see ranges.Window.
func (b *Bucket) Within(limit int64) int64 { return b.window.Within(limit) }

// Names lists the files, without those in folders. Names that could mean something else than a file of the place are left
// out. Errors are ErrBucket, fs.ErrPermission and those of package ranges.
func (b *Bucket) Names(ctx context.Context) ([]string, error) {
	tries := ranges.Tries{Policy: b.retry}
	for {
		names, err := b.list(ctx)
		if err == nil {
			slices.Sort(names)
			return names, nil
		}
		if err := tries.Failed(ctx, err); err != nil {
			return nil, fmt.Errorf("%s: its files cannot be listed: %w", b.Path("."), err)
		}
	}
}

func (b *Bucket) list(ctx context.Context) (names []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing where it is left
	call, x := newExchange(ctx)
	listed := 0 // folders and names that are left out too: a list need not end
	for object := range b.client.ListObjectsIter(call, b.bucket, minio.ListObjectsOptions{Prefix: b.key("")}) {
		if object.Err != nil {
			if x.err == nil && x.answer != nil && x.answer.StatusCode < 300 { // a list that broke off
				return nil, ranges.Passing(fmt.Errorf("%w: a list that cannot be read", ranges.ErrResponse), 0)
			}
			return nil, failure(ctx, x, object.Err)
		}
		if listed++; listed > mostNames {
			return nil, fmt.Errorf("%w: more than %d files", ranges.ErrResponse, mostNames)
		}
		name := strings.TrimPrefix(object.Key, b.key(""))
		if strings.Contains(name, "/") || ranges.CheckName(name) != nil {
			continue
		}
		names = append(names, name)
	}
	return names, ctx.Err()
}

// Open opens a file. Its content's version is that of the first time. Errors are fs.ErrNotExist, fs.ErrInvalid for a name
// that could mean something else than a file of the place, fs.ErrPermission, ErrBucket, and those of package ranges.
func (b *Bucket) Open(ctx context.Context, name string) (storage.File, error) {
	if err := ranges.CheckName(name); err != nil {
		return nil, err
	}
	return b.files.Open(ctx, b.Path(name), b.get(b.key(name)))
}

// get returns what asks for an object.
func (b *Bucket) get(key string) ranges.Get {
	return func(ctx context.Context, header http.Header) (*http.Response, error) {
		var o minio.GetObjectOptions
		for name := range header {
			o.Set(name, header.Get(name))
		}
		call, x := newExchange(ctx)
		body, _, _, err := b.client.GetObject(call, b.bucket, key, o)
		if err != nil {
			err = failure(ctx, x, err)
			if !errors.Is(err, errStatus) {
				return nil, err
			}
			a := x.answer
			a.Body = http.NoBody
			if a.StatusCode == http.StatusRequestedRangeNotSatisfiable {
				return a, b.tellEmpty(ctx, key, a.Header)
			}
			return a, nil
		}
		a := *x.answer
		a.Body = body
		return &a, nil
	}
}

// tellEmpty completes the header of an answer that has no such range with what tells an empty object from a shorter one, which
// not all stores say there.
func (b *Bucket) tellEmpty(ctx context.Context, key string, header http.Header) error {
	call, x := newExchange(ctx)
	info, err := b.client.StatObject(call, b.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		if err = failure(ctx, x, err); errors.Is(err, errStatus) {
			return nil
		}
		return err
	}
	header.Set("Content-Range", fmt.Sprintf("bytes */%d", info.Size))
	header.Set("ETag", `"`+info.ETag+`"`)
	return nil
}

// errStatus is a failure of which the answer's status says all.
var errStatus = errors.New("status")

// failure returns what a call of the client failed of.
func failure(ctx context.Context, x *exchange, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if x.err != nil {
		return x.err
	}
	said := minio.ToErrorResponse(err)
	if x.answer == nil || x.answer.StatusCode < 300 {
		return fmt.Errorf("%w: %s", ranges.ErrResponse, filename.Quote(err.Error()))
	}
	status := ranges.StatusText(x.answer.StatusCode)
	switch {
	case said.Code == "NoSuchBucket":
		return ErrBucket
	case said.Region != "" && x.answer.StatusCode < 403:
		return fmt.Errorf("%w: the bucket lies in the region %s; set AWS_REGION to that", ranges.ErrResponse, filename.Quote(said.Region))
	case x.answer.StatusCode == http.StatusForbidden, x.answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("the store says %s, %s: %w", status, filename.Quote(said.Code), fs.ErrPermission)
	case x.answer.StatusCode < 404:
		return fmt.Errorf("%w: %s, %s", ranges.ErrResponse, status, filename.Quote(said.Code))
	}
	return ranges.Refusal(x.answer, fmt.Errorf("%w: %s: %w", ranges.ErrResponse, status, errStatus))
}
