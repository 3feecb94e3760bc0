package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// upload stores a file.
func (s *store) upload(ctx context.Context, name, path string) error {
	f, _, err := regularfile.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = s.files.Put(ctx, jetstream.ObjectMeta{Name: name}, f)
	return err
}

// uploadBytes stores a text.
func (s *store) uploadBytes(ctx context.Context, name string, text []byte) error {
	_, err := s.files.Put(ctx, jetstream.ObjectMeta{Name: name}, bytes.NewReader(text))
	return err
}

// has tells whether there is an object.
func (s *store) has(ctx context.Context, name string) (bool, error) {
	_, err := s.files.GetInfo(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return false, nil
	}
	return err == nil, err
}

// open opens an object of at most limit bytes.
func (s *store) open(ctx context.Context, name string, limit int64) (io.ReadCloser, error) {
	info, err := s.files.GetInfo(ctx, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case info.Opts != nil && info.Opts.Link != nil || info.Size > uint64(limit):
		return nil, fmt.Errorf("%.80q: %d bytes, or a link: %w", name, info.Size, ErrMessage)
	}
	// Without a deadline the client allows the whole transfer five seconds.
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(min(info.Size, 1<<42))*slowest)
	r, err := s.files.Get(ctx, name)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &bounded{r, limit, cancel}, nil
}

// slowest is how long a transfer may take for a byte: 1 MB/s.
const slowest = time.Microsecond

// isWorkers tells errors of what a worker has stored from those of the broker and of this machine.
func isWorkers(err error) bool {
	return errors.Is(err, ErrMessage) || errors.Is(err, convert.ErrItem) || errors.Is(err, jetstream.ErrBadObjectMeta)
}

// isLost tells errors of what the broker has not kept, or not as it was given.
func isLost(err error) bool {
	return errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrDigestMismatch)
}

// bounded is a reader of at most so many bytes; more are ErrMessage, whatever was announced.
type bounded struct {
	io.ReadCloser
	left   int64
	cancel context.CancelFunc
}

func (b *bounded) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("more bytes than there can be: %w", ErrMessage)
	}
	return n, err
}

// download writes an object of at most limit bytes to a new file at path.
func (s *store) download(ctx context.Context, name, path string, limit int64) error {
	r, err := s.open(ctx, name, limit)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of an attempt before
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// record reads what a worker says of a tensor, of that SHA-256: ErrMessage.
func (s *store) record(ctx context.Context, worker, sum string) ([]byte, error) {
	r, err := s.open(ctx, objectName(worker, sum), maxRecord)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err == nil && checksum(text) != sum {
		err = fmt.Errorf("record %.80q has another sha256: %w", sum, ErrMessage)
	}
	return text, err
}
