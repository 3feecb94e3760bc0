package transfer

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/s3"
	"github.com/helix-substrate/helix-substrate/model"
)

// bucket is a prefix of an object store that a model is sent to. The manifest, which makes it a model, is sent last.
type bucket struct {
	uploader *s3.Uploader
	manifest io.ReaderAt
}

func newBucket(address string, o s3.Options) (*bucket, error) {
	name, prefix, err := s3.Parse(address)
	if err != nil {
		return nil, err
	}
	uploader, err := s3.NewUploader(name, prefix, o)
	return &bucket{uploader: uploader}, err
}

func (b *bucket) begin(_ context.Context, files []model.File, content func(model.File) io.ReaderAt) error {
	b.manifest = content(files[len(files)-1])
	return nil
}

func (b *bucket) send(ctx context.Context, f model.File, content io.ReaderAt, progress func(done int64)) (sent bool, err error) {
	has, err := b.uploader.Has(ctx, f.File, f.Bytes, f.SHA256)
	if has || err != nil {
		return false, err
	}
	if f.File == model.ManifestName { // by finish
		return true, nil
	}
	return true, b.uploader.Put(ctx, f.File, content, f.Bytes, f.SHA256, progress)
}

func (b *bucket) finish(ctx context.Context, _ *model.Manifest, files []model.File) (string, error) {
	f := files[len(files)-1]
	has, err := b.uploader.Has(ctx, f.File, f.Bytes, f.SHA256)
	if err == nil && !has {
		err = b.uploader.Put(ctx, f.File, b.manifest, f.Bytes, f.SHA256, func(int64) {})
	}
	return b.uploader.Path(""), err
}
