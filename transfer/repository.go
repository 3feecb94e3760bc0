package transfer

import (
	"cmp"
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/model"
)

// repository is a branch at the hub that a model is sent to.
type repository struct {
	client  *hub.Client
	repo    hub.Repo
	options PushOptions
	commit  *hub.Commit
}

func (r *repository) begin(ctx context.Context, files []model.File, content func(model.File) io.ReaderAt) error {
	if r.options.Create {
		if err := r.client.Create(ctx, r.repo); err != nil {
			return err
		}
	}
	var add []hub.Addition
	for _, f := range files {
		add = append(add, hub.Addition{Path: f.File, Size: f.Bytes, SHA256: f.SHA256, Content: content(f)})
	}
	commit, err := r.client.NewCommit(ctx, r.repo, add)
	r.commit = commit
	return err
}

func (r *repository) send(ctx context.Context, f model.File, _ io.ReaderAt, progress func(done int64)) (bool, error) {
	return r.commit.Send(ctx, f.File, progress)
}

func (r *repository) finish(ctx context.Context, m *model.Manifest, _ []model.File) (string, error) {
	id, err := r.commit.Finish(ctx, cmp.Or(r.options.Message, "Upload a model of root "+m.Root()))
	return "hf://" + r.repo.ID + "@" + id, err
}
