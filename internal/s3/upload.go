package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

const (
	// partSize is how many bytes of an object a request has.
	partSize = 16 << 20
	// sumKey is the metadata of an object that has the SHA-256 of its content, in hex.
	sumKey = "Sha256"
)

// Uploader stores files below a prefix of a bucket. It is safe for concurrent use.
type Uploader struct {
	client *minio.Client
	location
}

// NewUploader returns what stores files below a prefix. Nothing is asked for. Errors are those of Client.
func NewUploader(bucket, prefix string, o Options) (*Uploader, error) {
	client, err := Client(newTransport(o), cmp.Or(o.Retry.Attempts, 6))
	if err != nil {
		return nil, err
	}
	return &Uploader{client, location{bucket, prefix}}, nil
}

// Has tells whether the store has a file, with that size, which was stored by Put with that SHA-256.
func (u *Uploader) Has(ctx context.Context, name string, size int64, sum string) (bool, error) {
	call, x := newExchange(ctx)
	info, err := u.client.StatObject(call, u.bucket, u.key(name), minio.StatObjectOptions{})
	switch {
	case err == nil:
		return info.Size == size && info.UserMetadata[sumKey] == sum, nil
	case x.answer != nil && x.answer.StatusCode == http.StatusNotFound && minio.ToErrorResponse(err).Code != "NoSuchBucket":
		return false, nil
	}
	return false, fmt.Errorf("%s: %w", u.Path(name), told(ctx, x, err))
}

// Put stores a file, in parts where it is large, with its SHA-256 in its metadata, and tells progress how much has been sent. The store compares the MD5 of
// each part.
func (u *Uploader) Put(ctx context.Context, name string, content io.ReaderAt, size int64, sum string, progress func(done int64)) error {
	call, x := newExchange(ctx)
	_, err := u.client.PutObject(call, u.bucket, u.key(name), io.NewSectionReader(content, 0, size), size, minio.PutObjectOptions{
		UserMetadata: map[string]string{sumKey: sum}, PartSize: partSize, NumThreads: 1, SendContentMd5: true,
		ContentType: "application/octet-stream", Progress: &counter{progress: progress, size: size},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", u.Path(name), told(ctx, x, err))
	}
	progress(size)
	return nil
}

// told is failure, of a client that has tried again itself.
func told(ctx context.Context, x *exchange, err error) error {
	err = failure(ctx, x, err)
	if errors.Is(err, x.err) && x.err != nil {
		err = fmt.Errorf("%w: %w", ranges.ErrUnavailable, err)
	}
	return err
}

// counter counts what the client says that it has sent.
type counter struct {
	done, size int64
	progress   func(done int64)
}

func (c *counter) Read(p []byte) (int, error) {
	c.done += int64(len(p))
	c.progress(min(c.done, c.size)) // what is sent again is not counted twice
	return len(p), nil
}
