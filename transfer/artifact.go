package transfer

import (
	"context"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/oci"
	"github.com/helix-substrate/helix-substrate/model"
)

// artifact is a tag of a registry that a model is sent to.
type artifact struct {
	client *oci.Client
	at     oci.Address
	mount  string
}

func newArtifact(at oci.Address, o PushOptions, options oci.Options) (*artifact, error) {
	if at.Tag == "" || at.Tag != at.Reference.Reference {
		return nil, fmt.Errorf("%s: a digest is known when a model was sent; write a tag: %w", at, ErrAddress)
	}
	client, err := oci.NewClient(at, options)
	return &artifact{client, at, o.Mount}, err
}

func (a *artifact) begin(context.Context, []model.File, func(model.File) io.ReaderAt) error {
	return nil
}

func layerOf(f model.File) oci.Layer { return oci.Layer{Name: f.File, Size: f.Bytes, SHA256: f.SHA256} }

func (a *artifact) send(ctx context.Context, f model.File, content io.ReaderAt, progress func(done int64)) (sent bool, err error) {
	has, err := a.client.Has(ctx, layerOf(f))
	mounted := false
	if err == nil && !has {
		mounted, err = a.client.Upload(ctx, layerOf(f), content, a.mount, progress)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %s: %w", a.at, f.File, err)
	}
	return !has && !mounted, nil
}

func (a *artifact) finish(ctx context.Context, m *model.Manifest, files []model.File) (string, error) {
	layers := make([]oci.Layer, len(files))
	for i, f := range files {
		layers[i] = layerOf(f)
	}
	sum, err := a.client.Store(ctx, layers, oci.Description{Name: nameOf(m), Root: m.Root()})
	if err != nil {
		return "", err
	}
	version := a.at
	version.Reference.Reference = sum
	return version.String(), nil
}
